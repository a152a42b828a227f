"""Asterisk event → core event, in one table: the only place that knows Asterisk's names of events, headers and causes.

Some of what Asterisk tells is not a core event by itself, but needed by `agi`, which makes one of it; these are signs.
Which step a finished command belongs to, say, only its sender knows. Telephones are told by device states and not by
ContactStatus: they come in the event class `call` and with a list of all, and a telephone in use counts as there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from ivr.core.events import (
    AgentAnswered,
    AgentHungUp,
    AgentMoved,
    CallArrived,
    CallerHungUp,
    CallFellBack,
    CallFound,
    CallUnattended,
    CitizenNotReached,
    Event,
    FallbackAnswered,
    LegAnswered,
    LegEnded,
    RingEnded,
    RoomLeft,
)
from ivr.core.numbers import delivered

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """An AGI command came to its end, whichever controller sent it."""

    at: float
    call_id: str
    command_id: str
    code: int
    """AGI's status: 200, or 510, 511 (channel is dead), 520; 0 when unreadable."""
    result: str
    detail: str
    """What the result says in parentheses."""
    answer: str = ""
    """READSTATUS and key of the channel's last question, with "/" between them."""

    @property
    def failed(self) -> bool:
        return self.code != 200 or self.result == "-1"


@dataclass(frozen=True, slots=True)
class AgentLegBegan:
    """One of an agent's telephones is being called for the citizen. It rings from now on."""

    at: float
    call_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class LeftRoom:
    """Somebody is gone from the call's room, or never came. `who` is a ring id or a leg id."""

    at: float
    call_id: str
    who: str
    reason: str = ""
    """Of one who was called there: why, if they never answered (a LegEnded.reason, a RingEnded.reason)."""

    @property
    def is_agent(self) -> bool:
        return not _LEG_ID.fullmatch(self.who)


@dataclass(frozen=True, slots=True)
class DialFailed:
    """Somebody whom the controller had called was not reached, and nothing tells why but the hang-up of their channel.

    That may come before this or after, and not at all when there never was a channel.
    """

    at: float
    call_id: str
    leg_id: str = ""
    """Of an outside number that was called into a room; "" when it was the citizen."""


@dataclass(frozen=True, slots=True)
class InRoom:
    """Somebody besides the citizen is in the call's room. `who` is a ring id or a leg id."""

    at: float
    call_id: str
    who: str
    channel: str


@dataclass(frozen=True, slots=True)
class RungInto:
    """A colleague's telephones ring, by this channel, for the call's room."""

    at: float
    call_id: str
    ring_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class LeftAgi:
    """The citizen's channel takes no more commands: it hung up, or went on in the dialplan."""

    at: float
    call_id: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The citizen pressed a key, whether a question was under way or not."""

    at: float
    call_id: str
    key: str


@dataclass(frozen=True, slots=True)
class EndpointSeen:
    """A SIP endpoint can be called now, or cannot."""

    at: float
    endpoint: str
    reachable: bool


Sign = CommandEnded | AgentLegBegan | LeftAgi | EndpointSeen | KeyPressed | LeftRoom | DialFailed

_RESULT = re.compile(r"^(\d{3})[ -](?:.*?result=(\S*)(?: \((.*)\))?)?", re.MULTILINE | re.ASCII)

_AGENT_ENDPOINT = re.compile(r"\d{2,8}-(?:web|sip)", re.ASCII)
"""`<agent id>-web` for the browser and `<agent id>-sip` for any other telephone (adapters/pbx, pjsip.conf)."""

_REJECTED = "21"
"""Q.850 cause that chan_pjsip gives for a 603 Decline."""

_REASONS = {
    "NOANSWER": "no_answer",
    "BUSY": "busy",
    "CONGESTION": "unreachable",
    "CHANUNAVAIL": "unreachable",
    "CANCEL": "cancelled",
    "DONTCALL": "rejected",
    "TORTURE": "rejected",
}
"""Dial's DIALSTATUS → RingEnded.reason and LegEnded.reason."""

_DEVICE_STATES = {
    "NOT_INUSE": True,
    "INUSE": True,
    "BUSY": True,
    "RINGING": True,
    "RINGINUSE": True,
    "ONHOLD": True,
    "UNAVAILABLE": False,
    "INVALID": False,
}
"""Asterisk's device states → is there a telephone? UNKNOWN says nothing."""

_DOING = {
    "hotline": "idle",
    "callback": "idle",
    "ring": "ringing",
    "answered": "ringing",
    "outside": "dialling",
    "room": "room",
    "fallback": "fallback",
}
"""Context of the citizen's channel (dialplans/extensions.conf) → CallFound.doing, as long as nobody talks."""

_NOT_ANSWERED = frozenset({"0", "1", "2", "3", "5"})
"""ChannelState of a channel that we began: down … dialling, ringing. One that came in is 4 (ring) or 6 (up)."""

_TRUNK = re.compile(r"PJSIP/trunk-(.+)-[0-9a-f]+")
"""A trunk's channel: PJSIP/<endpoint>-<counter>."""

_CONNECTED = {"ringing": "talking", "dialling": "outside"}
"""The same in a bridge."""

_AWAY = frozenset({*_CONNECTED, "room"})
_OF_CONTROLLER = frozenset({"AGI", "Playback", "Read"})
"""Applications that run for the controller. In the contexts of `_AWAY` they mean that it is over: Asterisk
still shows the context."""


def translate(message: Headers, at: float) -> Event | Sign | None:
    """The core event or sign that an Asterisk event means; None for what is no concern of ours. Never raises."""
    rule = _TABLE.get(message.get("Event", ""))
    return rule(message, at) if rule else None


def found(message: Headers, at: float) -> CallFound | AgentLegBegan | InRoom | RungInto | None:
    """What a line of the list of channels (Status) means: a call, an agent's leg, somebody in a room or rung for it."""
    call_id = message.get("Linkedid", "")
    if leg := _LEG.fullmatch(message.get("Uniqueid", "")):
        in_room = message.get("Context") == "room-outside"
        return InRoom(at, leg[2], leg[1], message.get("Channel", "")) if in_room else None
    if rung := _RUNG.fullmatch(call_id):
        call_id = rung[2]  # of a colleague's telephone, until somebody else is in the room
        if message.get("Channel", "").startswith("Local/"):
            return RungInto(at, call_id, rung[1], message["Channel"])
    if message.get("Context") == "room-agent":
        return InRoom(at, call_id, f"{call_id}/{message.get('Exten', '')}", message.get("Channel", ""))
    if not _is_citizen(message):
        return AgentLegBegan(at, call_id, message.get("Channel", "")) if call_id and not rung else None
    if message.get("ChannelState", "") in _NOT_ANSWERED:
        return CallFound(at, call_id, message.get("Channel", ""), "calling")
    doing = _DOING.get(message.get("Context", ""))
    if doing is None:
        return None
    if doing in _CONNECTED and message.get("BridgeID", ""):
        doing = _CONNECTED[doing]
    elif doing in _AWAY and message.get("Application", "") in _OF_CONTROLLER:
        doing = "idle"
    # DNID and not Exten, which in `ring` and `fallback` is no longer the number that was dialled.
    ani, dnis = delivered(message.get("CallerIDNum", "")), delivered(message.get("DNID", ""))
    return CallFound(at, call_id, message.get("Channel", ""), doing, ani, dnis)


_LEG_ID = re.compile(r"(.+)/t\d+")
_RING_ID = re.compile(r"(.+)/\d+")
_RUNG = re.compile(r"((.+)/\d+)-leg")
"""Linked id of the channels by which a colleague is rung: ring id and call id."""
_LEG = re.compile(r"((.+)/t\d+)-leg")
"""Unique id of a channel that was called into a room: leg id and call id. There is no "." after the last "-", so that
Asterisk never takes it for the older of two linked ids."""


def leg_channel(leg_id: str) -> str:
    """The unique id that the channel of this leg is given, or the one that rings a colleague (`leg_id`: the ring's)."""
    return f"{leg_id}-leg"


def _is_citizen(message: Headers) -> bool:
    """True for the channel that the call began with. A Local channel is one of our own, for a voice's tap."""
    own = message.get("Uniqueid", "")
    ours = message.get("Channel", "").startswith("Local/") or _LEG.fullmatch(own) or _RUNG.fullmatch(own)
    return bool(own) and own == message.get("Linkedid") and not ours


def _integer(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _arrived(message: Headers, at: float) -> CallArrived | None:
    if not _is_citizen(message):
        return None
    # All of this is in `Env` too, but that is cut at 1,024 bytes (a long caller's name does it).
    # The dialplan leaves the codec's rate in the account code.
    # The extension of a call that we made is its id; whom the citizen sees is the connected line.
    dialled = "ConnectedLineNum" if message.get("Context") == "callback" else "Exten"
    ani, dnis = delivered(message.get("CallerIDNum", "")), delivered(message.get(dialled, ""))
    rate = max(_integer(message.get("AccountCode", "")), 8000)
    channel = message.get("Channel", "")
    trunk = _TRUNK.fullmatch(channel)
    return CallArrived(at, message["Linkedid"], channel, ani, dnis, rate, trunk[1] if trunk else "")


def _command_ended(message: Headers, at: float) -> CommandEnded | None:
    command_id = message.get("CommandId", "")
    if not command_id:
        return None
    text = unquote(message.get("Result", "")).strip()
    # A GOSUB says "100 result=0 Trying..." before its end; only the last line counts.
    lines = _RESULT.findall(text)
    code, value, detail = lines[-1] if lines else ("0", "", "")
    shown = dict(line.partition("=")[::2] for line in message.get("ChanVariable", "").split("\n"))
    answer = f"{shown['READSTATUS']}/{shown.get('IVR_KEY', '')}" if "READSTATUS" in shown else ""
    return CommandEnded(at, message.get("Linkedid", ""), command_id, int(code), value, detail, answer)


def _left_agi(message: Headers, at: float) -> LeftAgi | None:
    return LeftAgi(at, message["Linkedid"]) if _is_citizen(message) else None


def _dialling(message: Headers, at: float) -> AgentLegBegan | None:
    channel = message.get("DestChannel", "")
    return AgentLegBegan(at, message["Linkedid"], channel) if _is_citizen(message) and channel else None


_CAUSES = {"17": "busy", "21": "rejected", "16": "no_answer", "18": "no_answer", "19": "no_answer"}
"""Q.850 cause → LegEnded.reason of one who did not answer."""


def _hung_up(message: Headers, at: float) -> CallerHungUp | LeftRoom | None:
    if message.get("Event") == "Hangup" and (leg := _LEG.fullmatch(message.get("Uniqueid", ""))):
        return LeftRoom(at, leg[2], leg[1], _CAUSES.get(message.get("Cause", ""), "unreachable"))
    return CallerHungUp(at, message["Linkedid"], _integer(message.get("Cause", ""))) if _is_citizen(message) else None


def _key_pressed(message: Headers, at: float) -> KeyPressed | None:
    received = _is_citizen(message) and message.get("Direction") == "Received"
    return KeyPressed(at, message["Linkedid"], message.get("Digit", "")) if received else None


def _device_state(message: Headers, at: float) -> EndpointSeen | None:
    endpoint = message.get("Device", "").removeprefix("PJSIP/")
    reachable = _DEVICE_STATES.get(message.get("State", ""))
    return (
        EndpointSeen(at, endpoint, reachable) if reachable is not None and _AGENT_ENDPOINT.fullmatch(endpoint) else None
    )


def logged(call_id: str, what: str, who: str, first: str, second: str, at: float) -> Event | LeftRoom | None:
    """What a line of the log means that dialplans/extensions.conf writes: the same as it tells over AMI."""
    told = {"UserEvent": f"Hotline{what}", "CallId": call_id, "RingId": who, "LegId": who, "CallerIDNum": first}
    return _told_by_dialplan({**told, "Status": first, "AgentRate": first, "Cause": second, "Dnis": second}, at)


def _told_by_dialplan(message: Headers, at: float) -> Event | LeftRoom | None:
    """UserEvents of dialplans/extensions.conf."""
    call_id, ring_id, leg_id = (message.get(name, "") for name in ("CallId", "RingId", "LegId"))
    if not call_id:
        return None
    ani, dnis = (delivered(message.get(name, "")) for name in ("CallerIDNum", "Dnis"))
    match message.get("UserEvent", ""):
        case "HotlineGone":
            # Asterisk's unique id begins with the second in which the call came.
            came = call_id.partition(".")[0]
            return CallUnattended(float(came) if came.isdecimal() else at, call_id, ani, dnis)
        case "HotlineFellBack":
            return CallFellBack(at, call_id, ani, dnis)
        case "HotlineTaken" if ring_id:
            return FallbackAnswered(at, call_id, ring_id)
        case "HotlineAnswered" if ring_id:
            return AgentAnswered(at, call_id, ring_id, max(_integer(message.get("AgentRate", "")), 8000))
        case "HotlineAgentHungUp" if ring_id:
            return AgentHungUp(at, call_id, ring_id)
        case "HotlineAgentMoved" if ring_id:
            return AgentMoved(at, call_id, ring_id)
        case "HotlineRingEnded" if ring_id:
            return RingEnded(at, call_id, ring_id, _reason(message))
        case "HotlineAgentLeft" if ring_id:
            return LeftRoom(at, call_id, ring_id)
        case "HotlineRoomLeft":
            return RoomLeft(at, call_id)
        case "HotlineLegAnswered" if leg_id:
            return LegAnswered(at, call_id, leg_id)
        case "HotlineLegEnded" if leg_id:
            met = message.get("Status") == "ANSWER"
            return LegEnded(at, call_id, leg_id, "hung_up" if met else _reason(message))
    return None


def _reason(message: Headers) -> str:
    if message.get("Cause") == _REJECTED:
        return "rejected"
    return _REASONS.get(message.get("Status", ""), "unreachable")


_STILL_RANG = "3"
"""Reason of an OriginateResponse (AST_CONTROL_RINGING). For who refuses, and when nobody could be called, it is 0."""


def _originated(message: Headers, at: float) -> CitizenNotReached | LeftRoom | DialFailed | None:
    if message.get("Response", "") != "Failure":
        return None
    rang = message.get("Reason", "") == _STILL_RANG
    # A channel that was never made has no id. The action's is the leg's or the ring's, the extension is the call's.
    whose, call_id = message.get("ActionID", ""), message.get("Exten", "")
    if leg := _LEG_ID.fullmatch(whose):
        return LeftRoom(at, leg[1], whose, "no_answer") if rang else DialFailed(at, leg[1], whose)
    if ring := _RING_ID.fullmatch(whose):
        return LeftRoom(at, ring[1], whose, "unreachable")
    if message.get("Context", "") != "callback" or not call_id:
        return None
    return CitizenNotReached(at, call_id, "no_answer") if rang else DialFailed(at, call_id)


_TABLE: dict[str, Callable[[Headers, float], Event | Sign | None]] = {
    "AsyncAGIStart": _arrived,
    "AsyncAGIExec": _command_ended,
    "AsyncAGIEnd": _left_agi,
    "DialBegin": _dialling,
    "DTMFEnd": _key_pressed,
    "HangupRequest": _hung_up,
    "Hangup": _hung_up,
    "DeviceStateChange": _device_state,
    "UserEvent": _told_by_dialplan,
    "OriginateResponse": _originated,
}
