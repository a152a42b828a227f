"""Actions on live channels, and the events that follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import structlog

from ivr.adapters.agi import commands
from ivr.adapters.agi.others import Others
from ivr.adapters.agi.outgoing import Outgoing
from ivr.adapters.agi.survey import find_calls, find_phones
from ivr.adapters.agi.telephones import Telephones
from ivr.adapters.agi.tracked import ChannelAction, Ring, Told, Tracked
from ivr.adapters.agi.underway import Underway, lease
from ivr.adapters.ami import Ami, Message
from ivr.adapters.ami_events import (
    AgentLegBegan,
    CommandEnded,
    DialFailed,
    EndpointSeen,
    InRoom,
    KeyPressed,
    LeftAgi,
    LeftRoom,
    Sign,
    translate,
)
from ivr.core.actions import (
    Ask,
    AskPin,
    CancelRing,
    DialCitizen,
    DialOutside,
    DialRoom,
    EndLeg,
    HangUp,
    JoinRoom,
    LeaveRoom,
    MoveAgent,
    PlayMusic,
    ReleaseAgent,
    RenewLease,
    RingAgent,
    RingColleague,
    Say,
)
from ivr.core.errors import ActionRefused, ActionTimeout, HotlineError, LinkLost
from ivr.core.events import (
    AgentAnswered,
    AgentHungUp,
    AgentMoved,
    CallArrived,
    CallerHungUp,
    CallFellBack,
    CallFound,
    CallsCounted,
    CitizenNotReached,
    Event,
    LegAnswered,
    LegEnded,
    RingEnded,
    RoomLeft,
    StepEnded,
)
from ivr.core.recordings import recording_base
from ivr.core.registers import PIN_DIGITS

log = structlog.get_logger(__name__)

_TALK_S = 12 * 3600.0
"""Longer than any talk."""

_DIALPLAN_TELLS_S = 2.0
"""How much later than the end of an Originate the dialplan may tell what came of it."""


class Channels:
    """The citizens' channels.

    `hear` takes every message of the AMI link and emits core events; `perform` carries out an action; `survey` emits
    what there is after a new link. All run on one event loop.

    `prompt_path` gives Asterisk's name of a prompt (no ending; absolute, or relative to its sounds folder), `prompt_s`
    its length in seconds; `whose_pin` the id of a register's entry by register and PIN, or ""; `recordings` is the
    folder of the recordings; `clock` tells seconds since the epoch.
    """

    def __init__(
        self,
        ami: Ami,
        *,
        prompt_path: Callable[[str], str],
        prompt_s: Callable[[str], float],
        whose_pin: Callable[[str, str], str],
        recordings: Path,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        outside: commands.Outside | None = None,
    ) -> None:
        self._ami = ami
        self._outside = outside or commands.Outside()
        self._outgoing = Outgoing(ami, self._outside, self._not_reached, clock)
        self._prompt_path = prompt_path
        self._prompt_s = prompt_s
        self._recordings = recordings
        self._emit = emit
        self._clock = clock
        self._calls: dict[str, Tracked] = {}
        self._underway = Underway(ami, self._calls, whose_pin=whose_pin, tell=self._tell, clock=clock)
        self._others = Others(ami, self._calls, self._outside, prompt_path=prompt_path, tell=self._tell, clock=clock)
        self._telephones = Telephones(emit)
        self._early: dict[str, str] = {}
        """Keys pressed before the first order, by call; the call itself may not have been announced yet."""
        self._spoke: dict[str, Event] | None = None
        """During a survey: the calls that an event was emitted for since it began, with the last one."""
        self._background: set[asyncio.Task[object]] = set()

    @property
    def pending(self) -> int:
        """Number of commands whose end is still to come."""
        return sum(len(call.commands) for call in self._calls.values())

    # --- what the core wants ---

    async def perform(self, action: ChannelAction) -> None:
        """Carry the action out, as far as Asterisk's acknowledgement.

        Raises no HotlineError: what became of the action shows as an event. A channel that has just gone is nothing
        out of the ordinary; its hang-up is told as an event of its own.
        """
        if isinstance(action, DialCitizen):
            # Until its name is known, the channel is addressed by its id, which Asterisk takes as well.
            self._calls[action.call_id] = Tracked(action.call_id)
            await self._outgoing.dial(action)
            return
        call = self._calls.get(action.call_id)
        if isinstance(action, ReleaseAgent | EndLeg):
            await self._others.end(action)  # who may be there for longer than the citizen
            return
        if call is None:
            log.debug("agi.no_such_call", call_id=action.call_id, action=type(action).__name__)
            return
        early = ""
        if isinstance(action, Ask | AskPin | Say | PlayMusic | RingAgent) and not call.ordered:
            call.ordered, early = True, self._early.pop(action.call_id, "")
        try:
            match action:
                case Ask() if early:
                    self._tell(StepEnded(self._clock(), action.call_id, action.step, early))
                case Ask():
                    call.pressed = ""
                    line = commands.ask(map(self._prompt_path, action.prompts), action.wait_s)
                    takes_s = self._length_s(action.prompts) + action.wait_s
                    await self._underway.begin(call, action, takes_s, line)
                case AskPin():
                    line = commands.ask_pin(map(self._prompt_path, action.prompts), action.wait_s)
                    takes_s = self._length_s(action.prompts) + action.wait_s * PIN_DIGITS
                    await self._underway.begin(call, action, takes_s, line, commands.PIN_TYPED)
                case Say():
                    line = commands.play(map(self._prompt_path, action.prompts))
                    await self._underway.begin(call, action, self._length_s(action.prompts), line)
                case RingAgent():
                    await self._ring(call, action)
                case DialOutside():
                    call.leg = action.leg_id
                    announcement, recording = self._prompt_path(action.announcement), await self._recording(action)
                    line = commands.outside(action, self._outside, announcement, recording)
                    await self._underway.begin(call, action, action.ring_s + self._prompt_s(action.announcement), line)
                case MoveAgent():
                    await self._others.move(call, action)
                case DialRoom():
                    await self._others.dial(action, await self._recording(action))
                case RingColleague():
                    await self._others.ring(action, await self._recording(action))
                case JoinRoom():
                    call.in_room = True
                    await self._underway.begin(call, action, _TALK_S, commands.ROOM)
                case LeaveRoom():
                    await self._ami.action("ConfbridgeKick", Conference=action.call_id, Channel=call.channel)
                case PlayMusic():
                    await self._underway.send(call, commands.MUSIC)
                case CancelRing():
                    await self._others.cancel(call, action.ring_id)
                case RenewLease():
                    await self._ami.actions([lease(call, action.seconds)])
                case HangUp():
                    await self._ami.action("Hangup", Channel=call.channel)
        except (LinkLost, ActionTimeout) as error:
            # It may be done all the same. Its end is heard over the next link, or becomes overdue.
            log.warning("agi.unsure", call_id=action.call_id, action=type(action).__name__, reason=str(error))
        except HotlineError as error:
            say = log.debug if isinstance(error, ActionRefused) else log.error
            say("agi.not_performed", call_id=action.call_id, action=type(action).__name__, reason=str(error))
            if isinstance(action, Told):
                self._underway.failed(call, action)
            elif isinstance(action, DialRoom):
                self._tell(LegEnded(self._clock(), action.call_id, action.leg_id, "unreachable"))
            elif isinstance(action, RingColleague):
                self._tell(RingEnded(self._clock(), action.call_id, action.ring_id, "unreachable"))

    async def bring_voice(self, call_id: str, uuid: str, port: int) -> None:
        """Have what this citizen says sent to a port of this machine, by AudioSocket under this uuid.

        It ends with the citizen's channel, or when the other side closes the connection. Raises AmiError.
        """
        if call := self._calls.get(call_id):
            await self._ami.action("Originate", deadline_s=5.0, **commands.bring_voice(call.channel, uuid, port))

    def _length_s(self, prompts: tuple[str, ...]) -> float:
        return sum(map(self._prompt_s, prompts))

    async def _ring(self, call: Tracked, action: RingAgent) -> None:
        base = await self._recording(action)
        call.ring = Ring(action.ring_id)
        await self._underway.begin(call, action, action.ring_s, commands.ring(action, base))

    async def _recording(self, action: RingAgent | RingColleague | DialOutside | DialRoom) -> str:
        """Where the talk is recorded, without the ending, in a folder that is there; `none` when it is not."""
        if not action.caller_rate:
            return "none"
        talk = action.leg_id if isinstance(action, DialOutside | DialRoom) else action.ring_id
        base = self._recordings / recording_base(action.call_id, talk)
        try:
            await asyncio.to_thread(base.parent.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            log.error("agi.no_recording_folder", folder=str(base.parent), reason=str(error))
        return str(base)

    # --- what Asterisk tells ---

    def hear(self, message: Message) -> None:
        """Take one message of the link; emit the core event that it means, if any."""
        told = translate(message, self._clock())
        if told is not None:
            self._heard(told)

    def _heard(self, told: Event | Sign) -> None:
        match told:
            case CommandEnded():
                self._underway.ended(told)
            case AgentLegBegan():
                self._leg_began(told)
            case EndpointSeen():
                self._telephones.seen(told)
            case KeyPressed():
                self._key_pressed(told)
            case LeftRoom() if told.is_agent and told.reason:
                # Whether they answered is told by the dialplan, only not when there was nobody to be rung.
                asyncio.get_running_loop().call_later(_DIALPLAN_TELLS_S, self._emit, _left_room(told))
            case LeftRoom():
                # It says nothing of the citizen's own channel, so that one has not spoken for itself.
                self._outgoing.over(told.who)
                self._emit(_left_room(told))
            case DialFailed():
                if told.leg_id or told.call_id in self._calls.keys() | self._outgoing.call_ids:
                    self._outgoing.failed(told)
            case LeftAgi():
                if call := self._calls.get(told.call_id):
                    call.left()
            case _:
                self._tell(self._noted(told))

    def _noted(self, event: Event) -> Event:
        """Keep what later commands need of the event. Returns it, with the reason that only we know."""
        match event:
            case CallArrived():
                self._outgoing.over(event.call_id)
                self._calls[event.call_id] = Tracked(event.channel)
            case CallerHungUp() | CitizenNotReached():
                self._outgoing.over(event.call_id)
                if gone := self._calls.pop(event.call_id, None):
                    gone.left()
                self._early.pop(event.call_id, None)
            case CallFellBack() if call := self._calls.get(event.call_id):
                call.ring = None
                call.left()
            case AgentAnswered():
                self._answered(event)
            case RingEnded() | AgentHungUp() | AgentMoved():
                ring = call.ring_over(event.ring_id) if (call := self._calls.get(event.call_id)) else None
                if ring and ring.cancelled and isinstance(event, RingEnded):
                    return replace(event, reason="cancelled")
                if ring and isinstance(event, AgentMoved):
                    ring.moved = True
                    if ring.not_moved:
                        return AgentHungUp(event.at, event.call_id, event.ring_id)
            case RoomLeft() if call := self._calls.get(event.call_id):
                call.in_room = False
            case LegAnswered() if call := self._calls.get(event.call_id):
                call.talks(event.leg_id)
            case LegEnded() if call := self._calls.get(event.call_id):
                call.leg_over(event.leg_id)
        return event

    def _not_reached(self, event: CitizenNotReached | LegEnded) -> None:
        if isinstance(event, LegEnded):
            self._outgoing.over(event.leg_id)
            self._emit(event)
        else:
            self._tell(self._noted(event))

    def _tell(self, event: Event) -> None:
        if self._spoke is not None:
            self._spoke[getattr(event, "call_id", "")] = event
        self._emit(event)

    def _answered(self, event: AgentAnswered) -> None:
        call = self._calls.get(event.call_id)
        if call and call.ring and call.ring.ring_id in (event.ring_id, ""):
            call.ring.answered = True
            call.talks(event.ring_id)

    def _key_pressed(self, pressed: KeyPressed) -> None:
        call = self._calls.get(pressed.call_id)
        if call and call.ordered:
            call.pressed = pressed.key
        else:
            self._early[pressed.call_id] = pressed.key

    def _leg_began(self, leg: AgentLegBegan) -> None:
        call = self._calls.get(leg.call_id)
        if call is None or call.ring is None:
            return
        call.ring.legs.add(leg.channel)
        if call.ring.cancelled:
            self._in_background(self._others.hang_up(leg.channel))

    def _in_background(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[object]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("agi.not_performed", action="CancelRing", reason=str(error))

    # --- after a new link ---

    async def survey(self) -> None:
        """Ask for every call and every telephone, and emit what there is.

        Emits PhoneReached and PhoneLost for what changed (at the first survey: for all), CallFound for each citizen's
        call that has not spoken for itself meanwhile, and one CallsCounted with those that have. Raises AmiError.
        """
        at = self._clock()
        for seen in await find_phones(self._ami, at):
            self._telephones.seen(seen)
        before, dialled = set(self._calls), self._outgoing.call_ids
        self._spoke = spoke = dict[str, Event]()
        try:
            told = await find_calls(self._ami, at)
        finally:
            self._spoke = None
        calls = {sign.call_id: sign for sign in told if isinstance(sign, CallFound)}
        for sign in told:
            if isinstance(sign, InRoom) and (found := calls.get(sign.call_id)):
                calls[sign.call_id] = replace(found, room=(*found.room, sign.who))
        for call_id in before - calls.keys():
            self._calls.pop(call_id).left()
        silent = [found for call_id, found in calls.items() if call_id not in spoke]
        # Who spoke, but only for themselves, is not known here yet.
        for call_id, found in calls.items():
            unknown = call_id not in self._calls and not isinstance(spoke.get(call_id), CallerHungUp)
            if unknown or call_id not in spoke:
                self._adopt(found)
        for sign in told:
            if isinstance(sign, AgentLegBegan):
                self._leg_began(sign)
        for found in silent:
            self._emit(found)
        others = (spoke.keys() | (self._outgoing.call_ids - dialled)) - calls.keys() - {""}
        self._emit(CallsCounted(self._clock(), (*calls, *sorted(others)), since=at))

    def _adopt(self, found: CallFound) -> None:
        """Take the call as Asterisk has it; what was under way before is forgotten, as the core forgets it."""
        call = self._calls.setdefault(found.call_id, Tracked(found.channel, ordered=True))
        call.found(found.doing)


def _left_room(sign: LeftRoom) -> AgentHungUp | LegEnded | RingEnded:
    if sign.reason and sign.is_agent:
        return RingEnded(sign.at, sign.call_id, sign.who, sign.reason)
    if sign.reason:
        return LegEnded(sign.at, sign.call_id, sign.who, sign.reason)
    return AgentHungUp(sign.at, sign.call_id, sign.who)
