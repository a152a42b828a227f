"""What happened. Past tense, frozen, flat: a field is a scalar or a tuple of strings, so a journal row is plain JSON.

`at` is always seconds since the epoch (UTC) as told by the adapter that saw it; the core has no clock.
`call_id` is Asterisk's linkedid, which is also the unique id of the citizen's own channel.
`ring_id` names one attempt to ring one agent for one call: `<call_id>/<n>`, n from 1; the static queue has `s1`.
`leg_id` names one attempt to reach an outside number for one call: `<call_id>/t<n>`, n from 1.
`step` names one prompt or question played to one call: `<call_id>:<n>`, n from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

# --- told by the telephone side -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A citizen's call was answered by the dialplan and now waits for orders."""

    at: float
    call_id: str
    channel: str
    """Asterisk's channel name; used by adapters only, and kept so that a restarted controller can find it again."""
    ani: str
    """Calling number as delivered, or "" when withheld; of a citizen whom we called, their number."""
    dnis: str
    """Number that was dialled; of a citizen whom we called, the hotline's."""
    rate: int = 8000
    """Samples per second of the citizen's codec: 8000, or 16000 and up for a wideband leg."""
    trunk: str = ""
    """The name of the trunk over which it came, or "" for none."""


@dataclass(frozen=True, slots=True)
class StepEnded:
    """A prompt or question came to its end."""

    at: float
    call_id: str
    step: str
    key: str = ""
    """The key pressed, or "" for silence."""
    failed: bool = False
    """The prompt could not be played; the call itself is still there."""
    typed: int = 0
    """How many digits of a PIN were pressed; which, is told to nobody."""
    entry: str = ""
    """The entry of the register whose PIN they are, or ""."""


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    """The agent's telephone was picked up, and the two legs are being recorded."""

    at: float
    call_id: str
    ring_id: str
    agent_rate: int = 8000
    """Samples per second of the agent leg's codec."""


@dataclass(frozen=True, slots=True)
class RingEnded:
    """Ringing an agent ended without an answer."""

    at: float
    call_id: str
    ring_id: str
    reason: str
    """`no_answer`, `busy`, `rejected`, `unreachable`, or `cancelled` (not the agent's doing)."""


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    """The agent left the conversation; the citizen is still on the line."""

    at: float
    call_id: str
    ring_id: str


@dataclass(frozen=True, slots=True)
class AgentMoved:
    """The agent was taken out of the talk towards the room; the citizen is alone and waits for orders."""

    at: float
    call_id: str
    ring_id: str


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """The citizen is out of the room, in which nobody is left, and waits for orders."""

    at: float
    call_id: str


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """An outside number was picked up, and has heard where the call comes from."""

    at: float
    call_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The call to an outside number is over."""

    at: float
    call_id: str
    leg_id: str
    reason: str
    """`hung_up` after an answer; else `no_answer`, `busy`, `rejected`, `unreachable`, `cancelled`."""


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The citizen's channel is gone, whoever ended it."""

    at: float
    call_id: str
    cause: int = 0
    """Q.850 cause code, 0 when unknown."""


@dataclass(frozen=True, slots=True)
class CitizenNotReached:
    """A citizen whom we dial did not answer. Their channel is gone, or was never there."""

    at: float
    call_id: str
    reason: str
    """`no_answer`, `busy`, `rejected`, `unreachable`, or `called_again` (they call us)."""


@dataclass(frozen=True, slots=True)
class CallFellBack:
    """The dialplan took the call to the static queue, because the controller did not answer in time."""

    at: float
    call_id: str
    ani: str = ""
    dnis: str = ""


@dataclass(frozen=True, slots=True)
class FallbackAnswered:
    """The static queue gave the citizen to an agent; the two legs are being recorded, like any talk's."""

    at: float
    call_id: str
    agent_id: str

    @property
    def ring_id(self) -> str:
        """`s1`: after the static queue nothing follows."""
        return f"{self.call_id}/s1"


@dataclass(frozen=True, slots=True)
class CallUnattended:
    """A call came, and was over before a controller or the static queue took it. Its end is told after this."""

    at: float
    call_id: str
    ani: str
    dnis: str


@dataclass(frozen=True, slots=True)
class CallFound:
    """After a lost link or a restart: this call is still up in Asterisk. `doing` is what its channel does now."""

    at: float
    call_id: str
    channel: str
    doing: str
    """`idle` (in AsyncAGI, waiting for orders), `ringing`, `talking`, `dialling` or `outside` (an outside number rings,
    or talks with the citizen), `calling` (the citizen, whom we call back, has not answered yet), `room` or
    `fallback`."""
    ani: str = ""
    dnis: str = ""
    room: tuple[str, ...] = ()
    """Ring and leg ids of those who are in the call's room."""


@dataclass(frozen=True, slots=True)
class CallsCounted:
    """All calls that Asterisk has up, and those that spoke since the count began; ends a series of `CallFound`."""

    at: float
    call_ids: tuple[str, ...]
    since: float = 0.0
    """When the count began."""


@dataclass(frozen=True, slots=True)
class PhoneReached:
    """A softphone registered and answers."""

    at: float
    phone: str


@dataclass(frozen=True, slots=True)
class PhoneLost:
    """A softphone's registration is gone."""

    at: float
    phone: str


# --- told by people -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentSignedIn:
    at: float
    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentSignedOut:
    at: float
    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentPressedReady:
    at: float
    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentPressedBreak:
    at: float
    agent_id: str


@dataclass(frozen=True, slots=True)
class CallbackOrdered:
    """Somebody wants the citizen to be called back now, whatever the hours and the tries so far."""

    at: float
    task_id: str
    by: str


@dataclass(frozen=True, slots=True)
class CallbackClosed:
    """Somebody closed the task without a talk."""

    at: float
    task_id: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """An agent who talks with the citizen wants them to be with somebody else."""

    at: float
    call_id: str
    ring_id: str
    kind: str
    """`blind` (over, without a word), `back_to_line`, `consult` (the citizen hears music meanwhile), `three_way`,
    `complete` (the agent leaves the two others), `cancel` (the outside number, or the colleague, leaves)."""
    number: str = ""
    name: str = ""
    """Of the number: what the city calls it."""
    queue: str = ""
    agent_id: str = ""
    """Of a colleague."""


@dataclass(frozen=True, slots=True)
class CallMovedUp:
    """A supervisor put the caller before everybody who waits, emergencies excepted."""

    at: float
    call_id: str
    by: str
    """Who did it: the user's name."""
    reason: str
    """Why, in their own words."""


@dataclass(frozen=True, slots=True)
class CallerMarked:
    """A supervisor has marked a nuisance caller; it takes the place of an earlier mark of the number."""

    at: float
    number: str
    """As in the books."""
    by: str
    reason: str
    until: float


@dataclass(frozen=True, slots=True)
class MarkLifted:
    """A supervisor has taken a mark away before its time."""

    at: float
    number: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class MarkProposed:
    """An agent asks for a mark of the caller whom they spoke with."""

    at: float
    about_call: str
    """Not `call_id`: the call may be over and done with."""
    number: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class MarkDeclined:
    """A supervisor sees no reason for the mark that an agent asked for."""

    at: float
    about_call: str
    by: str
    reason: str


# --- decided by the core, journalled before they are applied ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerRecognised:
    """The caller is in a register."""

    at: float
    call_id: str
    register: str
    """`deputy` or `elderly`."""
    name: str
    level: str
    """A deputy's: 国家, 省, 市, 县 or 乡; else empty."""
    by: str
    """`number`, the one they call from, or `pin`."""


@dataclass(frozen=True, slots=True)
class CallerSlowed:
    """The call takes its place in the line as if it had come later: see `core.abuse`."""

    at: float
    call_id: str
    by: str
    """`mark`, `number` or `trunk`."""
    slow_s: float
    """How many seconds later."""
    why: str


@dataclass(frozen=True, slots=True)
class HotlineRecognised:
    """The caller dialled the number of a department's hotline that was merged into this one."""

    at: float
    call_id: str
    hotline: str
    """Its number."""
    name: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """The core asked for a prompt or a question."""

    at: float
    call_id: str
    step: str
    name: str
    """The menu's name, or `announcement`, `notice`, `overload`, `rating`, `farewell`."""
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    """From here on the citizen hears this language, and waits in its lines."""

    at: float
    call_id: str
    language: str


@dataclass(frozen=True, slots=True)
class CallQueued:
    """The call joined a queue. `why` says which rule led there: `key 2`, `silence`, `wrong key 7`, `number 12346`, …"""

    at: float
    call_id: str
    queue: str
    why: str
    mark: str = ""
    """What stays on the call and is shown to the agent: `enterprise`, `deputy`, …"""
    say: tuple[str, ...] = ()
    """Prompts to play on joining."""
    priority: int | None = None
    """Instead of the queue's."""
    emergency: bool = False
    """Before everybody who waits."""
    about: str = ""
    """The leader day for which it came: unit, leader and subject."""
    instead_of: str = ""
    """The line in whose place this one stands, because nobody is signed in there."""
    place_at: float | None = None
    """The time of joining that their place in the line is by, when it is not this one: it was kept for them."""
    seats: tuple[str, ...] = ()
    """The only agents who may take the call in the leader's line; () for all of that line."""


@dataclass(frozen=True, slots=True)
class OverloadMet:
    """The line that the call waits in is overloaded, and its rule was applied: once per call and line."""

    at: float
    call_id: str
    queue: str
    why: str
    """`<queue> overloaded: 20 callers ahead`, `… waited 300 s`, `… 240 s expected`."""


@dataclass(frozen=True, slots=True)
class CallOffered:
    """The matcher, or a colleague, gave the call to an agent, who is reserved for it and whose telephone is rung."""

    at: float
    call_id: str
    ring_id: str
    agent_id: str
    why: tuple[str, ...]
    room: bool = False
    """True when a colleague asks for this agent, who is rung into the call's room, beside them."""


@dataclass(frozen=True, slots=True)
class LegDialled:
    """The core gave the citizen to an outside number, which is now being called."""

    at: float
    call_id: str
    leg_id: str
    number: str
    name: str
    """What the city calls it, or the number."""
    why: str = ""
    room: bool = False
    """True when it is called into the call's room, by an agent."""
    mark: str = ""
    emergency: bool = False
    """Both as in `CallQueued`: for the line, when nobody takes the citizen."""
    record: bool = False
    """Recorded from the answer on: the citizen has talked with an agent, and so has heard the notice."""


@dataclass(frozen=True, slots=True)
class CallKept:
    """Who has the citizen after an outside number was asked for (首接先受理: unless it takes them, we do)."""

    at: float
    call_id: str
    leg_id: str
    by: str
    """`us`, or `them`: the outside number."""


@dataclass(frozen=True, slots=True)
class RoomJoined:
    """The citizen was sent into the call's room, to the agent, the outside number, or both."""

    at: float
    call_id: str


@dataclass(frozen=True, slots=True)
class RatingGiven:
    """The citizen rated the call. `rating` is 1 (very satisfied) … 5, or 0 for "not rated"."""

    at: float
    call_id: str
    rating: int


@dataclass(frozen=True, slots=True)
class CallDismissed:
    """The hotline is being switched off, and this call with it."""

    at: float
    call_id: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The story is over; `outcome` is a value of `core.calls.Outcome`. Exactly one per call."""

    at: float
    call_id: str
    outcome: str
    why: tuple[str, ...] = ()
    """Of a caller who left the line, a menu or a ringing telephone: why nobody had taken the call."""


@dataclass(frozen=True, slots=True)
class AgentSetAside:
    """The agent did not take an offered call, and gets no more until they press ready."""

    at: float
    agent_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrapUpEnded:
    """The time for work after the call is over; the agent is ready again."""

    at: float
    agent_id: str


# --- calling back -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallbackOpened:
    """A citizen is to be called back. `reason`: `asked`, or the outcome of a call that reached nobody."""

    at: float
    task_id: str
    call_id: str
    """The call that it came from."""
    ani: str
    queue: str
    mark: str
    reason: str
    place_at: float
    """When the caller joined the line (`asked`), or was missed."""
    priority: int | None = None
    emergency: bool = False
    why: tuple[str, ...] = ()
    """Of a caller who asked for it: why nobody had taken the call so far."""
    language: str = ""
    """What the citizen had chosen."""


@dataclass(frozen=True, slots=True)
class CallbackImpossible:
    """A call reached nobody, and there is no number to call back."""

    at: float
    call_id: str
    reason: str
    """`withheld`."""


@dataclass(frozen=True, slots=True)
class CallbackTried:
    """It is the task's turn: the call `call_id` begins, which reserves an agent and then dials the citizen."""

    at: float
    call_id: str
    task_id: str
    ani: str
    queue: str
    mark: str
    place_at: float
    priority: int | None = None
    emergency: bool = False
    language: str = ""
    dnis: str = ""
    """The number that the citizen sees."""


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """The try came to nothing; the next one is not before `next_at`."""

    at: float
    task_id: str
    call_id: str
    reason: str
    """A `CitizenNotReached.reason`, an outcome of the call, or `shut_down`."""
    next_at: float


@dataclass(frozen=True, slots=True)
class CallbackHandedOver:
    """All tries are used up: a person has to decide."""

    at: float
    task_id: str


@dataclass(frozen=True, slots=True)
class CallbackReached:
    """An agent spoke with the citizen, in the call `call_id`; whoever had called whom."""

    at: float
    task_id: str
    call_id: str


@dataclass(frozen=True, slots=True)
class CallbackDropped:
    """The call `call_id` of the same number took its place: `called_again`, or `asked_anew`."""

    at: float
    task_id: str
    call_id: str
    reason: str


# --- told by the archive and the recogniser --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmergencyHeard:
    """Who is in a menu or in the line was heard to say one of the city's words for an emergency."""

    at: float
    call_id: str
    word: str
    """As city.toml writes it; nothing else of what they said."""


@dataclass(frozen=True, slots=True)
class CallerKnown:
    """This agent talked with the same number last."""

    at: float
    call_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """Both legs of one conversation lie on disk, closed and whole."""

    at: float
    call_id: str
    ring_id: str
    """Or a leg_id, of a talk with an outside number."""


@dataclass(frozen=True, slots=True)
class NoteWritten:
    at: float
    call_id: str


Event = (
    CallArrived | StepEnded | AgentAnswered | RingEnded | AgentHungUp | CallerHungUp | CallFellBack | CallFound
    | FallbackAnswered | CallUnattended | CitizenNotReached
    | CallsCounted | PhoneReached | PhoneLost | AgentSignedIn | AgentSignedOut | AgentPressedReady | AgentPressedBreak
    | CallerMarked | MarkLifted | MarkProposed | MarkDeclined
    | CallerRecognised | CallerSlowed | HotlineRecognised
    | StepStarted | LanguageChosen | CallQueued | OverloadMet | CallOffered | RatingGiven | CallDismissed | CallEnded
    | AgentSetAside | WrapUpEnded
    | CallMovedUp | EmergencyHeard | CallerKnown | RecordingFinished | NoteWritten | LegDialled | LegAnswered | LegEnded
    | CallbackOrdered | CallbackClosed | CallbackOpened | CallbackImpossible
    | CallbackTried | CallbackFailed | CallbackHandedOver | CallbackReached | CallbackDropped
    | TransferAsked | AgentMoved | CallKept | RoomJoined | RoomLeft
)  # fmt: skip


class _Kinds:
    by_name: ClassVar[dict[str, type]] = {kind.__name__: kind for kind in Event.__args__}
    fields: ClassVar[dict[type, tuple[str, ...]]] = {kind: kind.__match_args__ for kind in Event.__args__}


def kind(event: Event) -> str:
    """The event's name in the journal: its class name."""
    return type(event).__name__


def to_row(event: Event) -> dict[str, Any]:
    """The event's fields as JSON values, without its kind."""
    return {name: getattr(event, name) for name in _Kinds.fields[type(event)]}


def from_row(kind: str, fields: dict[str, Any]) -> Event:
    """The event back from the journal. Raises KeyError for an unknown kind, TypeError for wrong fields."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    event: Event = _Kinds.by_name[kind](**values)
    return event
