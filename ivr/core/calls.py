"""One call: what it is, and how each event changes it.

    menu ◄─► waiting ◄──► ringing ──► talking ──► rating ──► ended
      │        ▲ │           │           │           │
      └────► outside ────────┼───────────┼─────► (rating, or goodbye)
      │         │            │           │           │
      └─────────┴────────────┴───────────┴───────────┴──► fallback (the static queue) ──► ended

    dialling (we call a citizen back) ──► ringing, or waiting when the reserved agent went away
    waiting ──the caller asks to be called back──► farewell ──► ended

A call that ends has exactly one `Outcome`, set by `outcome_of` from how far it came, never by the place in the code
that noticed the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivr.core import events as ev
from ivr.core.changed import replace
from ivr.core.events import Event

PIN_STEP = "pin:"
"""How the name of a step begins that asks for a PIN; the register follows."""


class Stage(StrEnum):
    """Where a call is now."""

    MENU = "menu"
    WAITING = "waiting"
    RINGING = "ringing"
    TALKING = "talking"
    OUTSIDE = "outside"
    """An outside number is called for the citizen, or talks with them."""
    CONSULTING = "consulting"
    """The citizen hears music while their agent is in the room, to talk with an outside number or a colleague."""
    ROOM = "room"
    """The citizen talks with the agent, an outside number or colleague, or both, in the call's room."""
    RATING = "rating"
    DIALLING = "dialling"
    FAREWELL = "farewell"
    FALLBACK = "fallback"
    ENDED = "ended"


ROOM_STAGES = frozenset({Stage.CONSULTING, Stage.ROOM})
"""Stages in which the call has a room."""

LISTENED = frozenset({Stage.MENU, Stage.WAITING, Stage.RINGING})
"""Stages in which the citizen is listened to for emergency words."""

ONWARD = frozenset({"blind", "back_to_line"})
"""Transfers that begin when the agent is gone."""


class Outcome(StrEnum):
    """How a call ended: a closed list, so that offered = the sum of outcomes."""

    ANSWERED = "answered"
    """An agent spoke with the citizen."""
    PASSED_ON = "passed_on"
    """No agent, but an outside number spoke with the citizen: a department, 110, the duty mobile."""
    ABANDONED = "abandoned"
    """The citizen hung up in the line, in the static queue, or while an agent's telephone rang."""
    LEFT_IN_MENU = "left_in_menu"
    """The citizen hung up before joining a line."""
    FELL_BACK = "fell_back"
    """The static queue gave the citizen to an agent while no controller was there."""
    SHUT_DOWN = "shut_down"
    """The hotline was switched off while the citizen waited."""
    CALLBACK_ASKED = "callback_asked"
    """The citizen asked in the line to be called back."""
    NOT_REACHED = "not_reached"
    """We called back, and the citizen did not answer."""


REACHED_NOBODY = frozenset({Outcome.ABANDONED, Outcome.LEFT_IN_MENU, Outcome.SHUT_DOWN})
"""Outcomes after which the citizen is called back."""


@dataclass(frozen=True)
class Ring:
    """One attempt to reach one agent."""

    ring_id: str
    agent_id: str
    offered_at: float
    why: tuple[str, ...] = ()
    answered_at: float | None = None
    ended_at: float | None = None
    reason: str = ""
    """Why it ended: a `RingEnded.reason`, `agent_hung_up` or `caller_hung_up`."""
    agent_rate: int = 8000
    recorded: bool = False
    """Both legs' files are closed and whole."""
    room: bool = False
    """A colleague asked for this agent, who was rung into the call's room."""
    static: bool = False
    """The static queue gave the citizen to this agent, or was found with them and nobody knows whom ("")."""

    @property
    def open(self) -> bool:
        """It rings, or they talk."""
        return self.ended_at is None

    @property
    def has_recording(self) -> bool:
        """It was answered, and its sides are or were recorded."""
        return self.answered_at is not None and bool(self.agent_id)


@dataclass(frozen=True, slots=True)
class Transfer:
    """What the agent asked for, as long as it is under way. See `TransferAsked`."""

    kind: str
    number: str = ""
    name: str = ""
    queue: str = ""
    agent_id: str = ""


@dataclass(frozen=True)
class Leg:
    """One attempt to reach one outside number."""

    leg_id: str
    number: str
    name: str
    dialled_at: float
    why: str = ""
    answered_at: float | None = None
    ended_at: float | None = None
    reason: str = ""
    """Why it ended: a `LegEnded.reason`, `caller_hung_up` or `lost`."""
    room: bool = False
    """It was called into the call's room."""
    kept_by: str = ""
    """Who had the citizen afterwards: `us`, `them`, or "" when that is not decided."""
    record: bool = False
    """Both sides are recorded from the answer on."""
    recorded: bool = False
    """Their files are closed and whole."""

    @property
    def has_recording(self) -> bool:
        """It was answered, and its sides are or were recorded."""
        return self.record and self.answered_at is not None


@dataclass(frozen=True)
class Call:
    """Everything known about one call. Times are seconds since the epoch."""

    call_id: str
    channel: str
    ani: str
    dnis: str
    rate: int
    arrived_at: float
    stage: Stage = Stage.MENU
    menu: str = ""
    """The menu the citizen is in, "" before the first one."""
    tries: int = 0
    """How often this menu has been asked."""
    asked: int = 0
    """Questions that menus have asked, in all."""
    menu_at: float | None = None
    """When the citizen came into the menus: for the first time, or last from the line."""
    keys: str = ""
    """All keys pressed before an agent answered, in order. The rating has a field of its own."""
    steps: int = 0
    step: str = ""
    """The prompt or question under way, "" when none is."""
    step_name: str = ""
    step_prompts: tuple[str, ...] = ()
    step_at: float = 0.0
    prompts_heard: frozenset[str] = frozenset()
    """Prompts that were played to their end."""
    language: str = ""
    """What the citizen has chosen, "" for the usual one."""
    queue: str = ""
    queued_at: float | None = None
    place_at: float | None = None
    """The place in the line: when the citizen joined it, in this call or in one whose place was kept for them."""
    queued_why: str = ""
    mark: str = ""
    pin_tries: int = 0
    """How often a PIN was asked for."""
    known_as: str = ""
    """The register that the caller was recognised in: `deputy`, `elderly`, or ""."""
    person: str = ""
    """Their name in it."""
    level: str = ""
    trunk: str = ""
    """The trunk over which it came, or ""."""
    slowed_by: str = ""
    """`mark`, `number` or `trunk`: why it stands further back in the line; "" when it does not."""
    slow_s: float = 0.0
    """How many seconds further back."""
    hotline: str = ""
    """Number of the merged hotline that was dialled, or ""."""
    hotline_name: str = ""
    priority: int | None = None
    """Instead of the queue's."""
    emergency: bool = False
    """Before everybody who waits; it stays on the call."""
    word_heard: bool = False
    """They said a word for an emergency, and are not yet in the line for it."""
    about: str = ""
    """The leader day for which it came: unit, leader and subject."""
    seats: tuple[str, ...] = ()
    """That day's agents, when it names some."""
    instead_of: str = ""
    """The line in whose place `queue` stands, because nobody is signed in there."""
    overloads: tuple[str, ...] = ()
    """The lines whose rule for overload it has met."""
    moved_at: float | None = None
    """When a supervisor moved it up in the line."""
    untaken_why: tuple[str, ...] = ()
    """Why nobody had taken the call when its caller asked to be called back."""
    former_agent: str = ""
    """Who talked with this number last."""
    announced_at: float | None = None
    """When the last announcement in the line began."""
    announcements: int = 0
    rings: tuple[Ring, ...] = ()
    legs: tuple[Leg, ...] = ()
    transfer: Transfer | None = None
    room_at: float = 0.0
    """When the citizen last joined the room."""
    rating: int | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    note_written: bool = False
    task_id: str = ""
    """The callback that this call, which we made, is a try of; "" for a call that came in."""
    dial_reason: str = ""
    """Why the citizen was not reached, see `CitizenNotReached`."""
    shutting_down: bool = False
    alone_at: float | None = None
    """Since when the dialplan has it to itself: in the static queue, or until it hung up before that."""

    @property
    def ring(self) -> Ring | None:
        """The attempt under way, ringing or talking: of the agent who has the citizen."""
        return next((ring for ring in self.rings if ring.open), None)

    @property
    def colleague(self) -> Ring | None:
        """The agent whom that one has asked for, as long as both are there."""
        return next((ring for ring in self.rings if ring.open and ring is not self.ring), None)

    @property
    def answered(self) -> Ring | None:
        """The first of our attempts that an agent answered."""
        return next((ring for ring in self.rings if ring.answered_at is not None and not ring.static), None)

    @property
    def taken(self) -> Ring | None:
        """The talk that we did not bring about."""
        return next((ring for ring in self.rings if ring.static), None)

    @property
    def spoken(self) -> bool:
        """Somebody has spoken with the citizen: an agent or an outside number."""
        return bool(self.answered or self.taken) or any(leg.answered_at is not None for leg in self.legs)

    @property
    def leg(self) -> Leg | None:
        """The outside number that rings or talks."""
        last = self.legs[-1] if self.legs else None
        return last if last and last.ended_at is None else None

    @property
    def beside(self) -> Leg | Ring | None:
        """Who rings or talks besides the agent who has the citizen."""
        return self.leg or self.colleague

    @property
    def live(self) -> bool:
        return self.stage is not Stage.ENDED

    @property
    def in_line(self) -> bool:
        """Has a place in the line: also while a telephone rings, or in a menu that they will come back from."""
        return self.queued_at is not None and self.stage in (Stage.WAITING, Stage.RINGING, Stage.MENU)

    def wait_s(self, now: float) -> float | None:
        """Seconds in the line until an agent answered, the call ended, or now. None when it never joined a line."""
        if self.queued_at is None:
            return None
        talk = self.answered or self.taken
        end = talk.answered_at if talk else None
        return max(0.0, (end or self.ended_at or now) - self.queued_at)

    def talk_s(self, now: float) -> float:
        """Seconds that an agent was there for the citizen, however many were there at once."""
        seconds, until = 0.0, 0.0
        for ring in self.rings:  # in the order in which they began
            if ring.answered_at is not None:
                since, until = max(ring.answered_at, until), max(until, ring.ended_at or self.ended_at or now)
                seconds += max(0.0, until - since)
        return seconds


def outcome_of(call: Call) -> Outcome:
    """How this call ends if it ends now."""
    if call.answered:
        return Outcome.ANSWERED
    if any(leg.answered_at is not None for leg in call.legs):
        return Outcome.PASSED_ON
    if call.taken:
        return Outcome.FELL_BACK
    if call.stage is Stage.DIALLING:
        return Outcome.NOT_REACHED
    if call.stage is Stage.FAREWELL:
        return Outcome.CALLBACK_ASKED
    if call.shutting_down:
        return Outcome.SHUT_DOWN
    return Outcome.LEFT_IN_MENU if call.queued_at is None else Outcome.ABANDONED


BEGINS = (ev.CallArrived, ev.CallFound, ev.CallFellBack, ev.CallUnattended, ev.CallbackTried)


def begin(event: ev.CallArrived | ev.CallFound | ev.CallFellBack | ev.CallUnattended | ev.CallbackTried) -> Call:
    """A call that was not known before."""
    if isinstance(event, ev.CallFellBack):
        return _fell_back(Call(event.call_id, "", event.ani, event.dnis, 8000, event.at), event.at)
    if isinstance(event, ev.CallUnattended):
        return Call(event.call_id, "", event.ani, event.dnis, 8000, event.at, alone_at=event.at)
    if isinstance(event, ev.CallbackTried):
        return Call(
            event.call_id, "", event.ani, event.dnis, 8000, event.at, stage=Stage.DIALLING, queue=event.queue,
            mark=event.mark, queued_why="called back", place_at=event.place_at, task_id=event.task_id,
            priority=event.priority, emergency=event.emergency, language=event.language,
        )  # fmt: skip
    rate = event.rate if isinstance(event, ev.CallArrived) else 8000
    call = Call(event.call_id, event.channel, event.ani, event.dnis, rate, event.at)
    return _found(call, event) if isinstance(event, ev.CallFound) else replace(call, trunk=event.trunk)


def evolve(call: Call, event: Event) -> Call:
    """The call after the event. An event that no longer fits (a late answer, a second hang-up) changes nothing."""
    if isinstance(event, ev.RecordingFinished):
        legs = tuple(replace(leg, recorded=True) if leg.leg_id == event.ring_id else leg for leg in call.legs)
        return _ring(replace(call, legs=legs), event.ring_id, recorded=True)
    if isinstance(event, ev.NoteWritten):
        return replace(call, note_written=True)
    if call.stage is Stage.ENDED:
        return call
    match event:
        case ev.CallArrived() if call.stage is Stage.DIALLING:
            return _picked_up(call, event.at, event.channel, event.rate)
        case ev.CitizenNotReached() if call.stage is Stage.DIALLING:
            return replace(call, dial_reason=event.reason)
        case ev.CallbackOpened() if event.reason == "asked":
            return replace(call, stage=Stage.FAREWELL, untaken_why=event.why)
        case ev.StepStarted():
            return _step_started(call, event)
        case ev.StepEnded() if event.step == call.step:
            heard = call.prompts_heard
            if not event.key and not event.typed and not event.failed:
                heard = heard | set(call.step_prompts)
            keys = call.keys if call.stage is Stage.RATING else call.keys + event.key
            return replace(call, step="", keys=keys, prompts_heard=heard)
        case ev.CallerRecognised():
            return replace(call, known_as=event.register, person=event.name, level=event.level)
        case ev.CallerSlowed():
            return replace(call, slowed_by=event.by, slow_s=event.slow_s)
        case ev.HotlineRecognised():
            return replace(call, hotline=event.hotline, hotline_name=event.name, mark=event.mark)
        case ev.LanguageChosen():
            return replace(call, language=event.language)
        case ev.CallQueued():
            first = call.queued_at if call.queued_at is not None else event.at
            place = next(at for at in (event.place_at, call.place_at, first) if at is not None)
            return replace(
                call,
                stage=Stage.WAITING,
                transfer=None,
                queue=event.queue,
                queued_at=first,
                place_at=place,
                slow_s=0.0 if event.place_at is not None else call.slow_s,
                queued_why=event.why,
                mark=event.mark or call.mark,
                priority=event.priority,
                emergency=event.emergency or call.emergency,
                word_heard=False,
                about=event.about or call.about,
                seats=event.seats or call.seats,
                instead_of=event.instead_of,
            )
        case ev.OverloadMet() if call.stage is Stage.WAITING:
            return replace(call, overloads=(*call.overloads, event.queue))
        case ev.EmergencyHeard() if call.stage in LISTENED and not call.emergency:
            return replace(call, emergency=True, mark="emergency", word_heard=call.stage is not Stage.RINGING)
        case ev.CallMovedUp() if call.in_line and call.moved_at is None:
            return replace(call, moved_at=event.at)
        case ev.CallerKnown():
            return replace(call, former_agent=event.agent_id)
        case ev.CallOffered() if event.room:
            pending = call.transfer if call.stage is Stage.TALKING else None  # until the agent has moved
            return replace(
                call,
                rings=(*call.rings, Ring(event.ring_id, event.agent_id, event.at, event.why, room=True)),
                transfer=pending,
            )
        case ev.CallOffered():
            ring = Ring(event.ring_id, event.agent_id, event.at, event.why)
            stage = Stage.DIALLING if call.stage is Stage.DIALLING else Stage.RINGING
            return replace(call, stage=stage, rings=(*call.rings, ring), transfer=None)
        case ev.AgentAnswered() if (answering := _open_ring(call, event.ring_id)) and answering.answered_at is None:
            call = _ring(call, event.ring_id, answered_at=event.at, agent_rate=event.agent_rate)
            return call if answering.room else replace(call, stage=Stage.TALKING)
        case ev.RingEnded() if rung := _open_ring(call, event.ring_id):
            return _ring_ended(call, rung, event)
        case ev.AgentHungUp() if _open_ring(call, event.ring_id):
            call = _ring(call, event.ring_id, ended_at=event.at, reason="agent_hung_up")
            stage = call.stage if call.stage in ROOM_STAGES else Stage.RATING
            onward = call.transfer is not None and call.transfer.kind in ONWARD
            return replace(call, stage=stage, transfer=call.transfer if onward else None)
        case ev.TransferAsked() if fits(call, event):
            asked = Transfer(event.kind, event.number, event.name, event.queue, event.agent_id)
            call = _leg(call, reason="cancelled") if event.kind == "cancel" and call.leg else call
            return replace(call, transfer=asked)
        case ev.AgentMoved() if call.ring and call.ring.ring_id == event.ring_id and call.stage is Stage.TALKING:
            consults = call.colleague and call.transfer and call.transfer.kind == "consult"
            return replace(call, stage=Stage.CONSULTING, transfer=None if consults else call.transfer)
        case ev.RoomJoined() if call.stage in ROOM_STAGES:
            return replace(call, stage=Stage.ROOM, transfer=None, room_at=event.at)
        case ev.RoomLeft() if call.stage is Stage.ROOM and event.at >= call.room_at:
            for ring in call.rings:
                if ring.open and ring.answered_at is not None:
                    call = _ring(call, ring.ring_id, ended_at=event.at, reason="agent_hung_up")
            # A colleague who is still rung will have the citizen, who hears music until then.
            return replace(call, stage=Stage.CONSULTING if call.ring else Stage.RATING)
        case ev.LegDialled():
            leg = Leg(event.leg_id, event.number, event.name, event.at, event.why, room=event.room, record=event.record)
            stage = call.stage if event.room else Stage.OUTSIDE
            return replace(
                call,
                stage=stage,
                legs=(*call.legs, leg),
                transfer=None,
                mark=event.mark or call.mark,
                emergency=event.emergency or call.emergency,
            )
        case ev.LegAnswered() if call.leg and call.leg.leg_id == event.leg_id and call.leg.answered_at is None:
            return _leg(call, answered_at=event.at)
        case ev.LegEnded() if call.leg and call.leg.leg_id == event.leg_id:
            return _leg_ended(call, event)
        case ev.CallKept():
            kept = (replace(leg, kept_by=event.by) if leg.leg_id == event.leg_id else leg for leg in call.legs)
            return replace(call, legs=tuple(kept))
        case ev.RatingGiven():
            return replace(call, rating=event.rating)
        case ev.CallFellBack() if call.stage is not Stage.FALLBACK:
            return _fell_back(call, event.at)
        case ev.FallbackAnswered() if call.stage is Stage.FALLBACK and call.taken is None:
            ring = Ring(event.ring_id, event.agent_id, event.at, answered_at=event.at, static=True)
            return replace(call, rings=(*call.rings, ring))
        case ev.CallFound():
            return _found(replace(call, channel=event.channel, step=""), event)
        case ev.CallDismissed():
            return replace(call, shutting_down=True)
        case ev.CallEnded():
            call = _close(call, event.at, "caller_hung_up")
            return replace(call, stage=Stage.ENDED, step="", ended_at=event.at, outcome=Outcome(event.outcome))
    return call


def _picked_up(call: Call, at: float, channel: str, rate: int) -> Call:
    stage = Stage.RINGING if call.ring else Stage.WAITING
    return replace(call, stage=stage, channel=channel, rate=rate, queued_at=at)


def _found(call: Call, event: ev.CallFound) -> Call:
    if call.stage is Stage.DIALLING and event.doing == "idle":
        return _picked_up(call, event.at, event.channel, call.rate)
    # A conversation that the journal knows nothing of is out of our hands, like one in the static queue.
    unknown = (
        (event.doing in ("ringing", "talking") and call.ring is None)
        or (event.doing in ("dialling", "outside") and call.leg is None)
        or (event.doing == "room" and call.stage not in ROOM_STAGES)
    )
    if call.stage is Stage.FALLBACK or not (event.doing == "fallback" or unknown):
        return call
    call = _fell_back(call, event.at)
    talks = event.doing in ("talking", "outside")
    return evolve(call, ev.FallbackAnswered(event.at, call.call_id, "")) if talks else call


def _fell_back(call: Call, at: float) -> Call:
    """In the static queue: a line like any other, for one with whom nobody has spoken yet."""
    queued_at = at if call.queued_at is None and not call.spoken else call.queued_at
    call = replace(_close(call, at, "lost"), stage=Stage.FALLBACK, step="", transfer=None)
    return replace(call, queued_at=queued_at, alone_at=at)


def _step_started(call: Call, event: ev.StepStarted) -> Call:
    call = replace(
        call,
        steps=call.steps + 1,
        step=event.step,
        step_name=event.name,
        step_prompts=event.prompts,
        step_at=event.at,
    )
    if call.stage in (Stage.MENU, Stage.WAITING) and event.name.startswith("menu:"):
        return _asked(call, event.name.removeprefix("menu:"), event.at)
    if event.name.startswith(PIN_STEP):
        return replace(call, pin_tries=call.pin_tries + 1)
    if event.name == "announcement":
        return replace(call, announced_at=event.at, announcements=call.announcements + 1)
    return call


def _asked(call: Call, menu: str, at: float) -> Call:
    """Out of the line, or on from another menu. `queue` and `queued_at` stay: they are the place to come back to."""
    came = call.stage is Stage.WAITING or call.menu_at is None
    tries = 1 if came or menu != call.menu else call.tries + 1
    asked = replace(call, stage=Stage.MENU, menu=menu, tries=tries, asked=call.asked + 1)
    return replace(asked, menu_at=at) if came else asked


def _ring(call: Call, ring_id: str, **changes: object) -> Call:
    rings = tuple(replace(r, **changes) if r.ring_id == ring_id else r for r in call.rings)  # type: ignore[arg-type]
    return replace(call, rings=rings)


def _open_ring(call: Call, ring_id: str) -> Ring | None:
    return next((ring for ring in call.rings if ring.open and ring.ring_id == ring_id), None)


def _ring_ended(call: Call, ring: Ring, event: ev.RingEnded) -> Call:
    if ring.room and ring.answered_at is not None:
        return call
    ended = _ring(call, event.ring_id, ended_at=event.at, reason=event.reason)
    if ring.room:
        return replace(ended, transfer=None)
    return ended if call.stage is Stage.DIALLING else replace(ended, stage=Stage.WAITING)


def fits(call: Call, event: ev.TransferAsked) -> bool:
    """Whether the agent may ask for this now; whether a colleague can come is another question."""
    ring, beside = call.ring, call.beside
    if ring is None or ring.ring_id != event.ring_id or ring.answered_at is None or call.transfer is not None:
        return False
    alone = call.stage is Stage.TALKING or (call.stage is Stage.ROOM and beside is None)
    match event.kind:
        case "back_to_line":
            return alone
        case "blind":
            return alone and bool(event.number or event.queue or event.agent_id)
        case "consult":
            return call.stage is Stage.TALKING and bool(event.number or event.agent_id)
        case "three_way":
            asked = alone and bool(event.number or event.agent_id)
            return asked or (call.stage is Stage.CONSULTING and beside is not None and not event.agent_id)
        case "complete":
            return call.stage in ROOM_STAGES and beside is not None and beside.answered_at is not None
        case "cancel":
            return call.stage in ROOM_STAGES and beside is not None
    return False


def _leg_ended(call: Call, event: ev.LegEnded) -> Call:
    assert call.leg
    met = call.leg.answered_at is not None
    reason = "hung_up" if met else call.leg.reason or event.reason
    stage = Stage.RATING if met and not call.leg.room else call.stage
    return _leg(replace(call, stage=stage, transfer=None), ended_at=event.at, reason=reason)


def _leg(call: Call, **changes: object) -> Call:
    """The call with changes to the last of its legs."""
    return replace(call, legs=(*call.legs[:-1], replace(call.legs[-1], **changes)))  # type: ignore[arg-type]


def _close(call: Call, at: float, reason: str) -> Call:
    """The call without a ring or a leg under way."""
    for ring in call.rings:
        call = _ring(call, ring.ring_id, ended_at=at, reason=reason) if ring.open else call
    return _leg(call, ended_at=at, reason=reason) if call.leg else call
