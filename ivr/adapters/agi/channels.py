"""Actions on live channels, and the events that follow.

AsyncAGI commands are queued by Asterisk and run one after another. Each carries a CommandID of this process, and
`AsyncAGIExec` with that id is its end. What another process sent (a controller that was killed) is not ours to tell.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import structlog

from ivr.adapters.agi import commands
from ivr.adapters.agi.outgoing import Outgoing
from ivr.adapters.agi.survey import find_calls, find_phones
from ivr.adapters.ami import Ami, Message
from ivr.adapters.ami_events import (
    AgentLegBegan,
    CommandEnded,
    EndpointSeen,
    InRoom,
    KeyPressed,
    LeftAgi,
    LeftRoom,
    Sign,
    leg_channel,
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
    PhoneLost,
    PhoneReached,
    RingEnded,
    RoomLeft,
    StepEnded,
)
from ivr.core.recordings import recording_base
from ivr.core.registers import PIN_DIGITS

log = structlog.get_logger(__name__)

ChannelAction = (
    Ask | AskPin | Say | PlayMusic | RingAgent | CancelRing | DialOutside | DialCitizen | ReleaseAgent | MoveAgent
    | DialRoom | EndLeg | JoinRoom | LeaveRoom | RenewLease | HangUp
)  # fmt: skip
Told = Ask | AskPin | Say | RingAgent | DialOutside | JoinRoom
"""Actions for the end of which the core waits."""

_SLACK_S = 10.0
"""How much longer than it should a command may take, before it counts as lost."""

_HANGUP_FOLLOWS_S = 0.2
"""A command also fails because the caller hung up, and Asterisk tells that only a moment later."""

_TALK_S = 12 * 3600.0
"""Longer than any talk."""

_KINDS = ("-web", "-sip")
"""An agent has two SIP endpoints: `<id>-web` for the browser and `<id>-sip` for any other telephone."""


@dataclass(slots=True)
class _Command:
    """A command under way whose end the core waits for."""

    action: Told
    due_at: float
    """Loop time by which it should be over."""
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class _Ring:
    ring_id: str
    """"" when it was begun by a controller before this one."""
    answered: bool = False
    cancelled: bool = False
    moving: bool = False
    """The agent is being taken out of the talk, into the room."""
    moved: bool = False
    legs: set[str] = field(default_factory=set)
    """Agent's channels."""


@dataclass(slots=True)
class _Call:
    channel: str
    takes_orders: bool = True
    """False from the moment that it leaves AsyncAGI, by hanging up or towards the static queue."""
    ordered: bool = False
    """It has been given something to play or to do."""
    pressed: str = ""
    """The last key since the last question was sent: AsyncAGI drops one that comes before `Read` has begun."""
    commands: dict[str, _Command] = field(default_factory=dict)
    ring: _Ring | None = None
    leg: str = ""
    """The leg_id of the outside number that rings or talks."""
    in_room: bool = False


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
        self._outgoing = Outgoing(ami, self._outside, lambda lost: self._tell(self._noted(lost)), clock)
        self._prompt_path = prompt_path
        self._prompt_s = prompt_s
        self._whose_pin = whose_pin
        self._recordings = recordings
        self._emit = emit
        self._clock = clock
        self._calls: dict[str, _Call] = {}
        self._endpoints: dict[str, bool] = {}
        self._early: dict[str, str] = {}
        """Keys pressed before the first order, by call; the call itself may not have been announced yet."""
        self._spoke: set[str] | None = None
        """During a survey: the calls that an event was emitted for since it began."""
        self._background: set[asyncio.Task[None]] = set()
        process = secrets.token_hex(4)
        self._command_ids = (f"{process}-{n}" for n in count(1))

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
            self._calls[action.call_id] = _Call(action.call_id)
            await self._outgoing.dial(action)
            return
        call = self._calls.get(action.call_id)
        if isinstance(action, ReleaseAgent | EndLeg):
            await self._end_other(action)  # who may be there for longer than the citizen
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
                    await self._command(call, action, takes_s, line)
                case AskPin():
                    line = commands.ask_pin(map(self._prompt_path, action.prompts), action.wait_s)
                    takes_s = self._length_s(action.prompts) + action.wait_s * PIN_DIGITS
                    await self._command(call, action, takes_s, line, commands.PIN_TYPED)
                case Say():
                    line = commands.play(map(self._prompt_path, action.prompts))
                    await self._command(call, action, self._length_s(action.prompts), line)
                case RingAgent():
                    await self._ring(call, action)
                case DialOutside():
                    call.leg = action.leg_id
                    line = commands.outside(action, self._outside, self._prompt_path(action.announcement))
                    await self._command(call, action, action.ring_s + self._prompt_s(action.announcement), line)
                case MoveAgent():
                    await self._move(call, action)
                case DialRoom():
                    await self._dial_room(action)
                case JoinRoom():
                    call.in_room = True
                    await self._command(call, action, _TALK_S, commands.ROOM)
                case LeaveRoom():
                    await self._ami.action("ConfbridgeKick", Conference=action.call_id, Channel=call.channel)
                case PlayMusic():
                    await self._agi(call, (next(self._command_ids), commands.MUSIC))
                case CancelRing():
                    await self._cancel(call, action.ring_id)
                case RenewLease():
                    lease = str(action.seconds)
                    await self._ami.action("Setvar", Channel=call.channel, Variable="TIMEOUT(absolute)", Value=lease)
                case HangUp():
                    await self._ami.action("Hangup", Channel=call.channel)
        except (LinkLost, ActionTimeout) as error:
            # It may be done all the same. Its end is heard over the next link, or becomes overdue.
            log.warning("agi.unsure", call_id=action.call_id, action=type(action).__name__, reason=str(error))
        except HotlineError as error:
            say = log.debug if isinstance(error, ActionRefused) else log.error
            say("agi.not_performed", call_id=action.call_id, action=type(action).__name__, reason=str(error))
            if isinstance(action, Told):
                self._failed(call, action)
            elif isinstance(action, DialRoom):
                self._tell(LegEnded(self._clock(), action.call_id, action.leg_id, "unreachable"))

    async def _end_other(self, action: ReleaseAgent | EndLeg) -> None:
        """Hang up an agent, or an outside number that was called into a room; who is gone already is no matter."""
        try:
            if isinstance(action, EndLeg):
                await self._hang_up_leg(leg_channel(action.leg_id))
            elif channel := await self._agent_channel(action):
                await self._hang_up_leg(channel)
        except HotlineError as error:
            log.warning("agi.unsure", call_id=action.call_id, action=type(action).__name__, reason=str(error))

    async def _agent_channel(self, action: ReleaseAgent | MoveAgent) -> str:
        """The channel of the agent who talks with the citizen or is in the call's room; "" when there is none."""
        call = self._calls.get(action.call_id)
        talks = call is not None and call.ring is not None  # and is not with an agent of the static queue
        for sign in await find_calls(self._ami, self._clock()):
            in_talk = talks and isinstance(sign, AgentLegBegan) and sign.call_id == action.call_id
            if in_talk or (isinstance(sign, InRoom) and sign.who == action.ring_id):
                return sign.channel
        return ""

    async def _move(self, call: _Call, action: MoveAgent) -> None:
        ring, channel = call.ring, await self._agent_channel(action)
        if ring is None or ring.ring_id not in (action.ring_id, "") or not channel:
            return  # the agent has hung up meanwhile, and that is told
        ring.ring_id, ring.moving = action.ring_id, True
        number = action.ring_id.removeprefix(f"{action.call_id}/")
        try:
            await self._ami.action("Redirect", Channel=channel, Context="room-agent", Exten=number, Priority="1")
        except ActionRefused:
            ring.moving = False
            if ring.moved:
                self._tell(AgentHungUp(self._clock(), action.call_id, action.ring_id))

    async def _dial_room(self, action: DialRoom) -> None:
        if not self._outside.endpoint:
            self._tell(LegEnded(self._clock(), action.call_id, action.leg_id, "unreachable"))
            return
        fields = commands.into_room(action, self._outside, self._prompt_path(action.announcement))
        await self._ami.action("Originate", deadline_s=5.0, **fields)

    def _length_s(self, prompts: tuple[str, ...]) -> float:
        return sum(map(self._prompt_s, prompts))

    async def _ring(self, call: _Call, action: RingAgent) -> None:
        base = self._recordings / recording_base(action.call_id, action.ring_id)
        try:
            await asyncio.to_thread(base.parent.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            log.error("agi.no_recording_folder", folder=str(base.parent), reason=str(error))
        call.ring = _Ring(action.ring_id)
        await self._command(call, action, action.ring_s, commands.ring(action, str(base)))

    async def _command(self, call: _Call, action: Told, takes_s: float, *lines: str) -> None:
        """Send commands, for the end of whose last one the core waits, and see that it gets one."""
        loop = asyncio.get_running_loop()
        command_id = next(self._command_ids)
        # Commands queue up, so this one's time begins when those before it are over.
        begins_at = max([loop.time(), *(command.due_at for command in call.commands.values())])
        due_at = begins_at + takes_s
        timer = loop.call_at(due_at + _SLACK_S, self._overdue, call, command_id)
        call.commands[command_id] = _Command(action, due_at, timer)
        try:
            ids = [*(next(self._command_ids) for _ in lines[1:]), command_id]
            await self._agi(call, *zip(ids, lines, strict=True))
        except (LinkLost, ActionTimeout):
            raise
        except HotlineError:
            self._drop(call, command_id)
            raise

    async def _agi(self, call: _Call, *commands: tuple[str, str]) -> None:
        """Queue commands, each with its id, on the channel."""
        fields = [{"Channel": call.channel, "Command": line, "CommandID": command_id} for command_id, line in commands]
        await self._ami.actions("AGI", fields)

    async def _cancel(self, call: _Call, ring_id: str) -> None:
        ring = call.ring
        if ring is None or ring.answered or ring.ring_id not in (ring_id, ""):
            return
        ring.ring_id, ring.cancelled = ring_id, True
        for channel in sorted(ring.legs):
            await self._hang_up_leg(channel)

    async def _hang_up_leg(self, channel: str) -> None:
        try:
            await self._ami.action("Hangup", Channel=channel)
        except ActionRefused:
            log.debug("agi.leg_gone", channel=channel)

    # --- what Asterisk tells ---

    def hear(self, message: Message) -> None:
        """Take one message of the link; emit the core event that it means, if any."""
        told = translate(message, self._clock())
        if told is not None:
            self._heard(told)

    def _heard(self, told: Event | Sign) -> None:
        match told:
            case CommandEnded():
                self._command_ended(told)
            case AgentLegBegan():
                self._leg_began(told)
            case EndpointSeen():
                self._endpoint_seen(told)
            case KeyPressed():
                self._key_pressed(told)
            case LeftRoom():
                # It says nothing of the citizen's own channel, so that one has not spoken for itself.
                self._emit(_left_room(told))
            case LeftAgi():
                self._left(self._calls.get(told.call_id))
            case _:
                self._tell(self._noted(told))

    def _noted(self, event: Event) -> Event:
        """Keep what later commands need of the event. Returns it, with the reason that only we know."""
        match event:
            case CallArrived():
                self._outgoing.over(event.call_id)
                self._calls[event.call_id] = _Call(event.channel)
            case CallerHungUp() | CitizenNotReached():
                self._outgoing.over(event.call_id)
                self._left(self._calls.pop(event.call_id, None))
                self._early.pop(event.call_id, None)
            case CallFellBack() if call := self._calls.get(event.call_id):
                call.ring = None
                self._left(call)
            case AgentAnswered():
                self._answered(event)
            case RingEnded() | AgentHungUp():
                ring = self._ring_over(event.call_id, event.ring_id)
                if ring and ring.cancelled and isinstance(event, RingEnded):
                    return replace(event, reason="cancelled")
                if ring and ring.moving and isinstance(event, AgentHungUp):
                    ring.moved = True
                    return AgentMoved(event.at, event.call_id, event.ring_id)
            case RoomLeft() if call := self._calls.get(event.call_id):
                call.in_room = False
            case LegAnswered():
                self._stop_timer(event.call_id, event.leg_id)
            case LegEnded():
                self._leg_over(event.call_id, event.leg_id)
        return event

    def _tell(self, event: Event) -> None:
        if self._spoke is not None:
            self._spoke.add(getattr(event, "call_id", ""))
        self._emit(event)

    def _left(self, call: _Call | None) -> None:
        if call:
            call.takes_orders = False
            for command_id in list(call.commands):
                self._drop(call, command_id)

    def _drop(self, call: _Call, command_id: str) -> _Command | None:
        command = call.commands.pop(command_id, None)
        if command:
            command.timer.cancel()
        return command

    def _answered(self, event: AgentAnswered) -> None:
        call = self._calls.get(event.call_id)
        if call and call.ring and call.ring.ring_id in (event.ring_id, ""):
            call.ring.answered = True
            self._stop_timer(event.call_id, event.ring_id)

    def _stop_timer(self, call_id: str, connection_id: str) -> None:
        """People may talk for as long as they like. `connection_id` is a ring's or a leg's."""
        call = self._calls.get(call_id)
        for command in call.commands.values() if call else ():
            if connection_id in (getattr(command.action, "ring_id", ""), getattr(command.action, "leg_id", "")):
                command.timer.cancel()

    def _leg_over(self, call_id: str, leg_id: str) -> bool:
        """True when this was not known yet."""
        call = self._calls.get(call_id)
        if call is None or call.leg != leg_id:
            return False
        call.leg = ""
        return True

    def _ring_over(self, call_id: str, ring_id: str) -> _Ring | None:
        call = self._calls.get(call_id)
        if call is None or call.ring is None or call.ring.ring_id not in (ring_id, ""):
            return None
        ring, call.ring = call.ring, None
        return ring

    def _command_ended(self, end: CommandEnded) -> None:
        call = self._calls.get(end.call_id)
        command = self._drop(call, end.command_id) if call else None
        if call is None or command is None:
            return
        action = command.action
        if end.failed:
            log.debug("agi.command_failed", call_id=end.call_id, action=type(action).__name__, code=end.code)
            self._failed(call, action)
        elif isinstance(action, RingAgent | DialOutside | JoinRoom):
            self._failed(call, action)  # tells nothing when the dialplan has told the end, as it should
        elif isinstance(action, Say):
            self._tell(StepEnded(end.at, end.call_id, action.step))
        elif (key := commands.key(end.detail if isinstance(action, AskPin) else end.answer)) is None:
            self._failed(call, action)
        elif isinstance(action, AskPin):
            whose = self._whose_pin(action.register, key)
            self._tell(StepEnded(end.at, end.call_id, action.step, typed=len(key), entry=whose))
        else:
            self._tell(StepEnded(end.at, end.call_id, action.step, key or call.pressed))

    def _key_pressed(self, pressed: KeyPressed) -> None:
        call = self._calls.get(pressed.call_id)
        if call and call.ordered:
            call.pressed = pressed.key
        else:
            self._early[pressed.call_id] = pressed.key

    def _overdue(self, call: _Call, command_id: str) -> None:
        command = self._drop(call, command_id)
        if command:
            log.error("agi.overdue", call_id=command.action.call_id, action=type(command.action).__name__)
            self._failed(call, command.action)

    def _failed(self, call: _Call, action: Told) -> None:
        """Tell that it failed, unless the call turns out to be gone."""
        asyncio.get_running_loop().call_later(_HANGUP_FOLLOWS_S, self._tell_failed, call, action)

    def _tell_failed(self, call: _Call, action: Told) -> None:
        if not call.takes_orders:
            return
        at = self._clock()
        if isinstance(action, JoinRoom):
            if call.in_room:
                call.in_room = False
                self._tell(RoomLeft(at, action.call_id))
            return
        if isinstance(action, DialOutside):
            if self._leg_over(action.call_id, action.leg_id):
                self._tell(LegEnded(at, action.call_id, action.leg_id, "unreachable"))
            return
        if not isinstance(action, RingAgent):
            self._tell(StepEnded(at, action.call_id, action.step, failed=True))
            return
        ring = self._ring_over(action.call_id, action.ring_id)
        if ring and ring.answered:
            self._tell(AgentHungUp(at, action.call_id, action.ring_id))
        elif ring:
            reason = "cancelled" if ring.cancelled else "unreachable"
            self._tell(RingEnded(at, action.call_id, action.ring_id, reason))

    def _leg_began(self, leg: AgentLegBegan) -> None:
        call = self._calls.get(leg.call_id)
        if call is None or call.ring is None:
            return
        call.ring.legs.add(leg.channel)
        if call.ring.cancelled:
            self._in_background(self._hang_up_leg(leg.channel))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("agi.not_performed", action="CancelRing", reason=str(error))

    # --- telephones ---

    def _endpoint_seen(self, seen: EndpointSeen) -> None:
        """An agent's telephone is reached when either endpoint is."""
        phone = seen.endpoint.rpartition("-")[0]
        before = self._phone_reached(phone)
        self._endpoints[seen.endpoint] = seen.reachable
        after = self._phone_reached(phone)
        if after != before:
            self._emit(PhoneReached(seen.at, phone) if after else PhoneLost(seen.at, phone))

    def _phone_reached(self, phone: str) -> bool | None:
        """None when nothing is known yet."""
        known = [self._endpoints[name] for name in (phone + kind for kind in _KINDS) if name in self._endpoints]
        return any(known) if known else None

    # --- after a new link ---

    async def survey(self) -> None:
        """Ask for every call and every telephone, and emit what there is.

        Emits PhoneReached and PhoneLost for what changed (at the first survey: for all), CallFound for each citizen's
        call that has not spoken for itself meanwhile, and one CallsCounted with those that have. Raises AmiError.
        """
        at = self._clock()
        for seen in await find_phones(self._ami, at):
            self._endpoint_seen(seen)
        before, dialled = set(self._calls), self._outgoing.call_ids
        self._spoke = spoke = set[str]()
        try:
            told = await find_calls(self._ami, at)
        finally:
            self._spoke = None
        calls = {sign.call_id: sign for sign in told if isinstance(sign, CallFound)}
        for sign in told:
            if isinstance(sign, InRoom) and (found := calls.get(sign.call_id)):
                calls[sign.call_id] = replace(found, room=(*found.room, sign.who))
        for call_id in before - calls.keys():
            self._left(self._calls.pop(call_id, None))
        silent = [found for call_id, found in calls.items() if call_id not in spoke]
        for found in silent:
            self._adopt(found)
        for sign in told:
            if isinstance(sign, AgentLegBegan):
                self._leg_began(sign)
        for found in silent:
            self._emit(found)
        spoke |= self._outgoing.call_ids - dialled
        self._emit(CallsCounted(self._clock(), (*calls, *sorted(spoke - calls.keys() - {""})), since=at))

    def _adopt(self, found: CallFound) -> None:
        """Take the call as Asterisk has it; what was under way before is forgotten, as the core forgets it."""
        call = self._calls.setdefault(found.call_id, _Call(found.channel, ordered=True))
        call.takes_orders = found.doing != "fallback"
        if found.doing in ("idle", "fallback"):
            for command_id in list(call.commands):
                self._drop(call, command_id)
            call.ring, call.leg, call.in_room = None, "", False
        elif found.doing in ("ringing", "talking") and call.ring is None:
            call.ring = _Ring("")
        call.in_room = found.doing == "room"
        if call.ring and found.doing == "talking":
            call.ring.answered = True


def _left_room(sign: LeftRoom) -> AgentHungUp | LegEnded:
    if sign.reason:
        return LegEnded(sign.at, sign.call_id, sign.who, sign.reason)
    return AgentHungUp(sign.at, sign.call_id, sign.who)
