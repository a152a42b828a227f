"""One call: what it is. How each event changes it: `call_states`.

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
