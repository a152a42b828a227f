"""The JSON that the console and other programs get: the one description that OpenAPI and the browser's types come from.

Times are seconds since the epoch (UTC); durations are seconds.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, field_validator

from ivr.core.events import Event
from ivr.core.marks import MOST_DAYS

LAST_TIME = 253_370_000_000
"""In the year 9998: what calendars can still count with."""

Role = Literal["agent", "supervisor", "admin"]
Stage = Literal[
    "menu",
    "waiting",
    "ringing",
    "talking",
    "outside",
    "consulting",
    "room",
    "rating",
    "dialling",
    "farewell",
    "fallback",
    "ended",
]
Outcome = Literal[
    "answered", "passed_on", "abandoned", "left_in_menu", "fell_back", "shut_down", "callback_asked", "not_reached"
]
AgentStatus = Literal["signed_out", "away", "ready", "reserved", "talking", "wrap_up"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class RingView(_View):
    """One attempt to reach one agent."""

    ring_id: str
    agent_id: str
    agent_name: str
    offered_at: float
    answered_at: float | None
    ended_at: float | None
    reason: str
    why: list[str]


class RecordingView(_View):
    """One leg of one conversation. The sound is at /api/calls/{call_id}/recordings/{recording_id}."""

    recording_id: str
    ring_id: str
    """Whose conversation it is: a ring's, or the leg_id of one with an outside number."""
    leg: Literal["caller", "agent", "outside"]
    """`caller`: what the agent or the outside number heard; the two others are what they said."""
    started_at: float
    duration_s: float
    rate: int
    size_bytes: int


class LineView(_View):
    """One thing that one side said."""

    speaker: Literal["caller", "agent"]
    start_s: float
    end_s: float
    text: str
    confidence: float


class NoteView(_View):
    state: Literal["none", "pending", "written", "failed"]
    """none: nothing was recorded; pending: waits for the recogniser; failed: see `problem`."""
    problem: str = ""
    model: str = ""
    written_at: float | None = None
    lines: list[LineView] = []


class LegView(_View):
    """One attempt to reach one outside number."""

    leg_id: str
    number: str
    name: str
    dialled_at: float
    answered_at: float | None
    ended_at: float | None
    reason: str
    room: bool
    """True when an agent called it into the call's room."""
    kept_by: Literal["us", "them", ""]
    """Who had the citizen afterwards (首接先受理)."""


class ConsultedView(_View):
    """An agent whom the one who has the citizen has asked for."""

    agent_id: str
    name: str
    by: str
    """Who asked."""
    by_name: str
    answered_at: float | None


class CallSummary(_View):
    """A call as a row of the list."""

    call_id: str
    arrived_at: float
    ani: str
    dnis: str
    stage: Stage
    keys: str
    queue: str
    queue_name: str
    mark: str
    known_as: str
    """The register that the caller is in: `deputy`, `elderly`, or empty."""
    person: str
    """Their name in it."""
    level: str
    """A deputy's: 国家, 省, 市, 县 or 乡."""
    hotline: str
    """Number of the merged hotline that was dialled, or empty."""
    hotline_name: str
    about: str
    """The leader day for which it came: unit, leader and subject, or empty."""
    slowed_by: str
    """`mark` (a nuisance caller), `number` or `trunk`: why it stood further back in the line; else empty."""
    task_id: str
    """The callback that this call, which we made, is a try of; empty for a call that came in."""
    agent_id: str
    agent_name: str
    outcome: Outcome | None
    queued_at: float | None
    answered_at: float | None
    ended_at: float | None
    wait_s: float | None
    talk_s: float
    rating: int | None
    """1 (very satisfied) … 5; 0: asked, not rated; null: not asked."""
    note_state: Literal["none", "pending", "written", "failed"]
    talking_since: float | None
    """When the talk that an agent has with the citizen now began."""
    leg: LegView | None
    """The outside number that rings or talks now."""
    colleague: ConsultedView | None
    """The agent whose telephone rings, or who talks, besides the one who has the citizen."""


_KINDS = sorted(kind.__name__ for kind in Event.__args__ if "call_id" in {field.name for field in fields(kind)})


class TimelineEntry(_View):
    """One journalled event of the call. `fields` are the event's own, without call_id and at."""

    seq: int
    at: float
    kind: Annotated[str, Field(json_schema_extra={"enum": list(_KINDS)})]
    fields: dict[str, str | int | float | bool | list[str] | None]


class CallDetail(CallSummary):
    """A call with everything that is known of it."""

    rings: list[RingView]
    legs: list[LegView]
    recordings: list[RecordingView]
    note: NoteView
    timeline: list[TimelineEntry]


class CallPage(_View):
    calls: list[CallSummary]
    """Newest first."""
    next_before: float | None
    """Ask again with before=<this> for the next page; null on the last one."""


class CallQuery(BaseModel):
    """Which calls to list. All conditions must hold."""

    model_config = ConfigDict(extra="forbid")
    since: float | None = None
    """Calls that arrived at this time or later."""
    before: float | None = None
    """Calls that arrived before this time."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    queue: Annotated[str, Field(max_length=40)] = ""
    outcome: Outcome | None = None
    agent: Annotated[str, Field(max_length=8)] = ""
    """Work number of an agent who spoke with the citizen."""
    q: Annotated[str, Field(max_length=64)] = ""
    """Part of the calling number."""
    mark: Annotated[str, Field(max_length=40)] = ""
    """`deputy` gives the ledger of the deputies' channel."""
    hotline: Annotated[str, Field(max_length=12)] = ""
    """Number of a merged hotline."""


class BooksQuery(BaseModel):
    """Calls that arrived from `from` up to, not including, `to`."""

    model_config = ConfigDict(extra="forbid")
    since: Annotated[float, Field(alias="from", ge=0, le=LAST_TIME)]
    until: Annotated[float, Field(alias="to", ge=0, le=LAST_TIME)]
    interval: Literal["15", "30", "60", "day"] = "day"
    """Minutes, or a calendar day of the city."""
    queue: Annotated[str, Field(max_length=40)] | None = None


class BooksRow(_View):
    """Calls that arrived in one interval, in one queue or all together. offered = Σ outcomes + in_progress."""

    start: float
    end: float
    queue: str | None
    """null: all calls together; "": calls that joined no line."""
    queue_name: str
    offered: int
    in_progress: int
    outcomes: dict[str, int]
    """Every outcome there is, also those with 0 calls."""
    queued: int
    """Calls that joined a line."""
    answered: int
    """Calls that an agent answered, also those still going on."""
    answered_in_time: int
    service_level: float | None
    """answered_in_time ÷ queued, 0 … 1; null when nobody joined a line."""
    average_wait_s: float | None
    """Of all whose wait is over."""
    average_answered_wait_s: float | None
    longest_wait_s: float
    average_talk_s: float | None
    ratings: dict[str, int]
    """"1" (very satisfied) … "5"."""
    not_rated: int
    """Asked, and not rated."""


class BooksView(_View):
    service_level_s: float
    rows: list[BooksRow]
    """By time; in each interval all calls together first, then each queue. Empty intervals are there, too."""
    totals: list[BooksRow]


CallbackState = Literal["open", "calling", "handed_to_person", "done", "dropped", "closed"]


class CallbackEntry(_View):
    """One thing that happened to a task."""

    at: float
    what: Literal["opened", "tried", "failed", "handed_over", "ordered", "reached", "dropped", "closed"]
    detail: str
    call_id: str


class CallbackView(_View):
    """A citizen who is to be called back."""

    task_id: str
    state: CallbackState
    number: str
    reason: str
    """`asked`, or the outcome of the call that reached nobody."""
    queue: str
    queue_name: str
    mark: str
    call_id: str
    """The call that it came from."""
    opened_at: float
    next_at: float | None
    """The next try is not before; null when nobody is called before a person orders it, and when it is over."""
    tries: int
    history: list[CallbackEntry]


class CallbackList(_View):
    callbacks: list[CallbackView]
    """The longest-open first."""


class CallbackQuery(BaseModel):
    """Which tasks to list; without a state all that are open."""

    model_config = ConfigDict(extra="forbid")
    state: CallbackState | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


class AgentView(_View):
    agent_id: str
    name: str
    skills: list[str]
    status: AgentStatus
    since: float
    """When this status began."""
    reason: str
    """Why the agent is away: `signed_in`, `break`, `no_answer`, `busy`, `rejected`, `unreachable`; else empty."""
    phone_reached: bool
    call_id: str
    leaving: Literal["break", "sign_out", ""]
    """What they asked for during a call, and what happens when it is over; `ready` takes it back."""
    ready_at: float | None
    """When wrap-up ends by itself."""


class QueueView(_View):
    queue: str
    name: str
    waiting: int
    longest_wait_since: float | None
    ready: int
    """Agents of the queue's own skill who may be offered a call now."""
    signed_in: int


WarningCode = Literal[
    "",
    "ami_down",
    "store_failed",
    "plan_refused",
    "queue_log_failed",
    "registers_refused",
    "listener_failed",
    "speech_no_model",
    "speech_broken",
    "speech_stopped",
]


class CheckView(_View):
    """One thing the hotline needs."""

    name: str
    ok: bool
    needed: bool
    """False: calls go on without it, and it only is a warning."""
    code: WarningCode = ""
    """What is wrong, or empty. Pages word it, with `params`, in their own language."""
    params: dict[str, str] = {}
    sentence: str
    """The same in Chinese, with what mends it."""


class Snapshot(_View):
    """Everything live. Agents get their own call and agent only; supervisors and admins get all."""

    kind: Literal["snapshot"] = "snapshot"
    number: int
    now: float
    calls: list[CallSummary]
    """Live calls, and those that ended in the last five minutes."""
    agents: list[AgentView]
    queues: list[QueueView]
    warnings: list[CheckView]
    """Checks that fail, for example that no speech model is installed."""


class Change(_View):
    """What changed since the message before.

    `number` counts the messages of one connection without gaps, snapshots included; after a gap send
    {"kind": "snapshot"}. Each call and agent replaces the one with the same id. `queues`, when not empty, and
    `warnings`, when not null, replace the whole list.
    """

    kind: Literal["change"] = "change"
    number: int
    now: float
    calls: list[CallSummary] = []
    gone: list[str] = []
    """Ids of calls that this client no longer sees."""
    agents: list[AgentView] = []
    queues: list[QueueView] = []
    warnings: list[CheckView] | None = None


class Live(RootModel[Annotated[Snapshot | Change, Field(discriminator="kind")]]):
    """One message that the WebSocket /api/live sends: a snapshot first, then changes."""


class LiveRequest(BaseModel):
    """What a client may send on /api/live: it is answered with a fresh snapshot."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["snapshot"]


class SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class Me(_View):
    user: str
    role: Role
    agent_id: str
    """The work number that this account answers calls as, or empty."""
    name: str
    city: str
    timezone: str
    """The hotline's, for example Asia/Shanghai: its pages write all times in it."""
    demonstration: bool
    """True when signed in with an account that `make run` made to try the system."""


class PhoneSettings(_View):
    """What the browser needs to be a telephone."""

    url: str
    """WebSocket of Asterisk, for example ws://127.0.0.1:8088/ws."""
    user: str
    password: str
    domain: str
    dial: str
    """The number that the citizen's telephone dials; empty for an agent's."""
    register_phone: bool
    """Agents' telephones register; the citizen's only calls."""


class MarkView(_View):
    """A nuisance caller: slowed down, never refused."""

    number: str
    by: str
    """The user who set it."""
    reason: str
    set_at: float
    until: float
    """When it ends by itself."""


class ProposalView(_View):
    """An agent asks for a mark."""

    call_id: str
    number: str
    by: str
    reason: str
    at: float


class MarksView(_View):
    marks: list[MarkView]
    """Those that hold, the newest first."""
    proposals: list[ProposalView]
    """Those whose number was not marked since."""


_Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class MarkOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    number: Annotated[str, Field(pattern=r"^[+0-9][0-9]{2,31}$")]
    """As in the books."""
    reason: _Reason
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 7


class MarkLift(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: _Reason


class MarkProposal(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: _Reason


class AgentOrder(BaseModel):
    """What an agent asks for themselves."""

    model_config = ConfigDict(extra="forbid")
    order: Literal["sign_in", "sign_out", "ready", "break"]


class Department(_View):
    """One key on the agents' desks."""

    department: str
    """Its name in departments.toml."""
    name: str
    number: str
    emergency: bool


class Colleague(_View):
    """Another agent who is signed in."""

    agent_id: str
    name: str
    ready: bool
    """They can be asked for, or take a citizen over, now."""
    desks: list[str]
    """Names of the queues whose citizens they take."""


class Departments(_View):
    departments: list[Department]
    """Emergencies first."""
    agents: list[Colleague]
    """Who is signed in, those who are ready first."""


class TransferOrder(BaseModel):
    """What an agent wants for the citizen whom they talk with; `blind`, `consult` and `three_way` need to whom.

    `consult` and `three_way` call a department, a number or an agent who is ready; `three_way` while consulting brings
    the citizen in, and needs to whom no more. `complete`: the agent leaves the two others. `cancel`: the outside
    number, or the other agent, leaves.
    """

    model_config = ConfigDict(extra="forbid")
    kind: Literal["blind", "back_to_line", "consult", "three_way", "complete", "cancel"]
    department: str = ""
    """Its name in departments.toml."""
    number: Annotated[str, Field(pattern=r"^(\+?[0-9]{3,20})?$")] = ""
    queue: str = ""
    agent: str = ""


class MoveUp(BaseModel):
    """A caller is moved up, and why."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(min_length=2, max_length=200)]

    @field_validator("reason")
    @classmethod
    def _said(cls, value: str) -> str:
        if len(value.strip()) < 2:
            raise ValueError("say why in two characters or more")
        return value.strip()


class CallbackClosing(MoveUp):
    """A task is closed without a talk, and why."""


class Health(_View):
    ok: bool
    checks: list[CheckView]


class Problem(_View):
    """Every error answer: a code for programs, a Chinese and an English sentence for people."""

    code: str
    zh: str
    en: str
