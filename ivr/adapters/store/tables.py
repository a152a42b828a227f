"""What the tables hold: one frozen row type per table, with plain fields.

Times are seconds since the epoch (UTC); durations are seconds. The rows of `recordings` are core's `Recording`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ivr.core import callbacks
from ivr.core.agents import Agent, Profile, Status
from ivr.core.books import Entry, Kept
from ivr.core.callbacks import Callback, State
from ivr.core.calls import Call, Leg, Outcome, Ring, Stage
from ivr.core.events import Event, from_row, kind, to_row
from ivr.core.notes import Line

Role = Literal["agent", "supervisor", "admin"]
NoteState = Literal["none", "pending", "written", "failed"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One event. `fields` are the event's own, without `at` and `call_id`; `call_id` is None when it has none."""

    seq: int
    at: float
    kind: str
    call_id: str | None
    agent_id: str
    fields: dict[str, Any]

    @property
    def event(self) -> Event:
        call = {} if self.call_id is None else {"call_id": self.call_id}
        return from_row(self.kind, {"at": self.at, **call, **self.fields})


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A row of the journal that means no event: damaged, or written by a newer version."""

    seq: int
    call_id: str | None


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call, as far as its last journalled event."""

    call_id: str
    channel: str
    ani: str
    dnis: str
    rate: int
    arrived_at: float
    stage: Stage
    menu: str
    keys: str
    queue: str
    queued_at: float | None
    queued_why: str
    mark: str
    known_as: str
    person: str
    level: str
    hotline: str
    hotline_name: str
    about: str
    slowed_by: str
    agent_id: str
    """The agent who has the call or spoke with the citizen, or ""."""
    answered_at: float | None
    ended_at: float | None
    outcome: Outcome | None
    wait_s: float | None
    """Seconds in the line; None when it never joined one. While the call is live: until its last event."""
    talk_s: float
    rating: int | None
    last_seq: int
    task_id: str
    """The callback that the call was made for; "" for a call that came in."""
    note_state: NoteState


@dataclass(frozen=True, slots=True)
class RingRow:
    """One attempt to reach one agent: a row of `legs`. See `core.calls.Ring`. A row without an agent is a talk with an
    outside number that is recorded: `core.calls.Leg`."""

    ring_id: str
    call_id: str
    agent_id: str
    offered_at: float
    why: tuple[str, ...]
    answered_at: float | None
    ended_at: float | None
    reason: str
    agent_rate: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent's last known state. See `core.agents.Agent`."""

    agent_id: str
    status: Status
    since: float
    idle_since: float
    reason: str
    call_id: str
    ring_id: str
    signing_out: bool
    leaving_for: Status

    @property
    def agent(self) -> Agent:
        """For `Floor.restore`, which takes name and skills from the configuration."""
        return Agent(
            Profile(self.agent_id, "", frozenset()),
            self.status,
            self.since,
            self.idle_since,
            self.reason,
            self.call_id,
            self.ring_id,
            signing_out=self.signing_out,
            leaving_for=self.leaving_for,
        )


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One call's note, or the wish for one. `problem` is the last sentence that the recogniser failed with."""

    call_id: str
    state: NoteState
    wanted_at: float
    problem: str
    model: str
    language: str
    written_at: float | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. `agent_id` is the work number they answer calls as, or ""."""

    user: str
    password_hash: str
    role: Role
    agent_id: str = ""
    name: str = ""
    demonstration: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A program's bearer token. Only its hash is kept."""

    token_hash: str
    name: str
    role: Role
    created_at: float


# --- from core to a row -----------------------------------------------------------------------------------------------


def journal_values(event: Event) -> tuple[float, str, str | None, str, str]:
    """Columns at, kind, call_id, agent_id, fields."""
    fields = to_row(event)
    at, call_id = fields.pop("at"), fields.pop("call_id", None)
    return at, kind(event), call_id, fields.get("agent_id", ""), json.dumps(fields)


def call_values(call: Call, at: float, last_seq: int) -> Row:
    """`at` is the time of the call's last event."""
    spoken = call.answered or call.taken
    who = call.ring or spoken
    return {
        "call_id": call.call_id,
        "channel": call.channel,
        "ani": call.ani,
        "dnis": call.dnis,
        "rate": call.rate,
        "arrived_at": call.arrived_at,
        "stage": call.stage.value,
        "menu": call.menu,
        "keys": call.keys,
        "queue": call.queue,
        "queued_at": call.queued_at,
        "queued_why": call.queued_why,
        "mark": call.mark,
        "known_as": call.known_as,
        "person": call.person,
        "level": call.level,
        "hotline": call.hotline,
        "hotline_name": call.hotline_name,
        "about": call.about,
        "agent_id": who.agent_id if who else "",
        "answered_at": spoken.answered_at if spoken else None,
        "ended_at": call.ended_at,
        "outcome": call.outcome.value if call.outcome else None,
        "wait_s": call.wait_s(at),
        "talk_s": float(call.talk_s(at)),
        "rating": call.rating,
        "last_seq": last_seq,
        "task_id": call.task_id,
        "slowed_by": call.slowed_by,
    }


def ring_values(call_id: str, ring: Ring) -> Row:
    return {
        "ring_id": ring.ring_id,
        "call_id": call_id,
        "agent_id": ring.agent_id,
        "offered_at": ring.offered_at,
        "why": json.dumps(ring.why, ensure_ascii=False),
        "answered_at": ring.answered_at,
        "ended_at": ring.ended_at,
        "reason": ring.reason,
        "agent_rate": ring.agent_rate,
        "recorded": int(ring.recorded),
    }


def leg_values(call_id: str, leg: Leg) -> Row:
    """A recorded talk with an outside number, as a row without an agent."""
    return {
        "ring_id": leg.leg_id,
        "call_id": call_id,
        "agent_id": "",
        "offered_at": leg.dialled_at,
        "why": json.dumps([leg.why], ensure_ascii=False),
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
        "reason": leg.reason,
        "agent_rate": 0,
        "recorded": int(leg.recorded),
    }


def agent_values(agent: Agent) -> Row:
    return {
        "agent_id": agent.agent_id,
        "status": agent.status.value,
        "since": agent.since,
        "idle_since": agent.idle_since,
        "reason": agent.reason,
        "call_id": agent.call_id,
        "ring_id": agent.ring_id,
        "signing_out": int(agent.signing_out),
        "leaving_for": agent.leaving_for.value,
    }


def callback_values(task: Callback) -> Row:
    history = json.dumps([asdict(entry) for entry in task.history], ensure_ascii=False)
    return {
        **{field.name: getattr(task, field.name) for field in fields(Callback)},
        "state": task.state.value,
        "ordered": int(task.ordered),
        "emergency": int(task.emergency),
        "history": history,
    }


# --- from the database to a row type ----------------------------------------------------------------------------------


def journal_row(row: Row) -> JournalRow | Spoilt:
    try:
        told = JournalRow(**{**row, "fields": json.loads(row["fields"])})
        told.event  # noqa: B018
    except (ValueError, TypeError, KeyError):
        return Spoilt(row["seq"], row["call_id"])
    return told


def call_row(row: Row) -> CallRow:
    outcome = Outcome(row["outcome"]) if row["outcome"] else None
    return CallRow(**{**row, "stage": Stage(row["stage"]), "outcome": outcome})


def entry(row: Row) -> Entry:
    return Entry(**{**row, "outcome": Outcome(row["outcome"]) if row["outcome"] else None})


def kept(row: Row) -> Kept:
    return Kept(**{**row, "ends": tuple(json.loads(row["ends"]))})


def ring_row(row: Row) -> RingRow:
    return RingRow(**{**row, "why": tuple(json.loads(row["why"])), "recorded": bool(row["recorded"])})


def agent_row(row: Row) -> AgentRow:
    return AgentRow(
        **{
            **row,
            "status": Status(row["status"]),
            "signing_out": bool(row["signing_out"]),
            "leaving_for": Status(row["leaving_for"]),
        }
    )


def note_row(row: Row) -> NoteRow:
    return NoteRow(**{**row, "lines": tuple(Line(**line) for line in json.loads(row["lines"]))})


def callback_row(row: Row) -> Callback:
    return Callback(
        **{
            **row,
            "state": State(row["state"]),
            "ordered": bool(row["ordered"]),
            "emergency": bool(row["emergency"]),
            "history": tuple(callbacks.Entry(**entry) for entry in json.loads(row["history"])),
        }
    )


def account_row(row: Row) -> Account:
    return Account(**{**row, "demonstration": bool(row["demonstration"])})


def token_row(row: Row) -> Token:
    return Token(**row)
