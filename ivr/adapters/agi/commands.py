"""AGI command lines. Pure; the syntax is that of Asterisk's res_agi.c."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.adapters.ami_events import leg_channel
from ivr.core.actions import DialCitizen, DialOutside, DialRoom, RingAgent, RingColleague
from ivr.core.errors import AmiError, PromptError
from ivr.core.registers import PIN_DIGITS

MUSIC = "SET MUSIC ON"
ROOM = "GOSUB room s 1"
_MEANINGFUL = frozenset('&,^|()${}"\\\r\n\0')


def play(paths: Iterable[str]) -> str:
    """Play sound files one after another, to the end."""
    return f'EXEC Playback "{_list(paths)}"'


def ask(paths: Iterable[str], wait_s: float) -> str:
    """Play sound files one after another and take one key at any time, up to `wait_s` after the last.

    The answer comes with the command's end, as `channelvars` (manager.conf) shows IVR_KEY with every event.
    `GET DATA` plays a single file only. `t()`: no key ends the input, so "#" is a key.
    """
    return f'EXEC Read "IVR_KEY,{_list(paths)},1,t(),1,{max(wait_s, 0.1):.3f}"'


def ask_pin(paths: Iterable[str], wait_s: float) -> str:
    """Play sound files one after another and take digits up to "#", at any time; then `PIN_TYPED`."""
    return f'EXEC Read "IVR_PIN,{_list(paths)},{PIN_DIGITS},,1,{wait_s:.3f}"'


PIN_TYPED = 'GET FULL VARIABLE "${READSTATUS}/${IVR_PIN}"'
"""Queued behind `ask_pin`: a PIN is shown in no event that others can read."""


def key(answer: str) -> str | None:
    """The key from READSTATUS, "/" and what was typed: "" for silence, None when the prompts could not be played."""
    status, _, pressed = answer.partition("/")
    return {"OK": pressed, "TIMEOUT": pressed}.get(status)


def ring(action: RingAgent, recording: str) -> str:
    """Go through the context `ring` of dialplans/extensions.conf, and come back."""
    arguments = (action.phone, action.ring_id, str(action.ring_s), recording, str(action.caller_rate))
    return f'GOSUB ring s 1 "{",".join(_plain(value) for value in arguments)}"'


@dataclass(frozen=True, slots=True)
class Outside:
    """The way to the outside: SIP endpoint of the trunk ("" for none), and the number that is shown there."""

    endpoint: str = ""
    caller_id: str = "12345"


def outside(action: DialOutside, way: Outside, announcement: str, recording: str) -> str:
    """Go through the context `outside` of dialplans/extensions.conf, and come back."""
    how = (str(action.ring_s), way.endpoint or "none", way.caller_id, announcement)
    arguments = (action.number, action.leg_id, *how, recording, str(action.caller_rate))
    return f'GOSUB outside s 1 "{",".join(_plain(value) for value in arguments)}"'


def dial_string(action: DialCitizen, way: Outside) -> str:
    """The channel that Asterisk calls the citizen with. Raises AmiError for what cannot be dialled."""
    number = digits(action)
    if not number or not way.endpoint:
        lacks = "no trunk that leads outside ([outside] trunk)" if number else "no number that can be dialled"
        raise AmiError(f"The callback {action.task_id} was not dialled: there is {lacks}.")
    return f"PJSIP/{number}@{way.endpoint}"


def digits(action: DialCitizen) -> str:
    """The citizen's number as it is dialled."""
    return "".join(sign for sign in action.number if sign in "+0123456789")


def into_room(action: DialRoom, way: Outside, announcement: str, recording: str) -> dict[str, str]:
    """The fields of the AMI action Originate."""
    variables = {
        "HOTLINE_CALL": action.call_id,
        "HOTLINE_LEG": action.leg_id,
        "HOTLINE_SAY": announcement,
        "HOTLINE_RECORDING": recording,
        "HOTLINE_RATE": str(action.caller_rate),
    }
    return {
        "ActionID": action.leg_id,
        "Channel": f"PJSIP/{_plain(action.number)}@{way.endpoint or 'none'}",
        "Context": "room-outside",
        "Exten": "s",
        "Priority": "1",
        "Timeout": str(1000 * action.ring_s),
        "CallerID": way.caller_id,
        "Codecs": "g722,alaw,ulaw",
        "ChannelId": leg_channel(action.leg_id),
        "Async": "true",
        "Variable": ",".join(f"{name}={_plain(value)}" for name, value in variables.items()),
    }


def colleague(action: RingColleague, recording: str) -> dict[str, str]:
    """The fields of the AMI action Originate: its channel is one that rings the agent's telephones, all at once."""
    number = action.ring_id.removeprefix(f"{action.call_id}/")
    variables = {
        "HOTLINE_CALL": action.call_id,
        "HOTLINE_RING": action.ring_id,
        "HOTLINE_PHONE": action.phone,
        "HOTLINE_RING_S": str(action.ring_s),
        "HOTLINE_RECORDING": recording,
        "HOTLINE_RATE": str(action.caller_rate),
        "HOTLINE_ANI": "".join(sign for sign in action.ani if sign in "+0123456789*#") or "anonymous",
    }
    # Two underscores: the agent's channel has them too.
    return {
        "ActionID": action.ring_id,
        "Channel": f"Local/{_plain(number)}@room-ring/n",
        "Context": "room-ring",
        "Exten": "rung",
        "Priority": "1",
        "Timeout": str(1000 * (action.ring_s + _LATER_S)),
        "ChannelId": leg_channel(action.ring_id),
        "Async": "true",
        "Variable": ",".join(f"__{name}={_plain(value)}" for name, value in variables.items()),
    }


_LATER_S = 5
"""The dialplan ends the ring, and not the Originate."""


def bring_voice(channel: str, uuid: str, port: int) -> dict[str, str]:
    """The fields of the AMI action Originate that takes a citizen's voice to a port of this machine."""
    variables = {"__HOTLINE_VOICE": channel, "HOTLINE_EAR": uuid, "HOTLINE_EAR_PORT": str(port)}
    return {
        "ActionID": f"ear-{uuid}",
        "Channel": "Local/voice@listen/n",
        "Context": "listen",
        "Exten": "socket",
        "Priority": "1",
        "Timeout": "5000",
        "Async": "true",
        "Variable": ",".join(f"{name}={_plain(value)}" for name, value in variables.items()),
    }


def _list(paths: Iterable[str]) -> str:
    joined = "&".join(_plain(path) for path in paths)
    if not joined:
        raise PromptError("There is no prompt to play.")
    return joined


def _plain(value: str) -> str:
    """The value, refused when Asterisk would take a part of it for its own syntax."""
    if not value or not _MEANINGFUL.isdisjoint(value):
        raise PromptError(
            f'{value!r} cannot be handed to Asterisk: it is empty or holds one of & , ^ | ( ) $ {{ }} " \\.'
        )
    return value
