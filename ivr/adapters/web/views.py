"""Core objects as the JSON of `schemas.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Literal

from ivr.adapters.web.access import Identity
from ivr.adapters.web.ports import CallRow, JournalRow, LiveState, NoteRow, RingRow
from ivr.adapters.web.schemas import (
    AgentView,
    CallbackEntry,
    CallbackView,
    CallSummary,
    ConsultedView,
    LegView,
    LineView,
    NoteView,
    QueueView,
    RecordingView,
    RingView,
    TimelineEntry,
)
from ivr.core.agents import Agent, Status
from ivr.core.call_states import evolve
from ivr.core.callbacks import Callback
from ivr.core.calls import Call, Leg, Stage
from ivr.core.events import from_row
from ivr.core.recordings import Recording

_IN_LINE = frozenset({Stage.WAITING, Stage.RINGING})
"""Stages in which the citizen stands in the line: until somebody answers."""


def belongs_to(rings: Iterable[RingRow], agent_id: str) -> bool:
    """True when the agent is being rung for the call with these rings, or spoke with the citizen."""
    return any(r.agent_id == agent_id and (r.answered_at is not None or r.ended_at is None) for r in rings)


def may_see(who: Identity, rings: Iterable[RingRow]) -> bool:
    """Agents see the calls that are or were theirs, everybody else all."""
    return who.role != "agent" or (bool(who.agent_id) and belongs_to(rings, who.agent_id))


def call_summary(call: Call, state: LiveState, now: float) -> CallSummary:
    spoken = call.answered or call.taken
    who = call.ring or spoken
    agent_id = who.agent_id if who else ""
    return CallSummary(
        call_id=call.call_id,
        arrived_at=call.arrived_at,
        ani=call.ani,
        dnis=call.dnis,
        stage=call.stage.value,
        keys=call.keys,
        queue=call.queue,
        queue_name=state.queues.get(call.queue, call.queue),
        mark=call.mark,
        known_as=call.known_as,
        person=call.person,
        level=call.level,
        hotline=call.hotline,
        hotline_name=call.hotline_name,
        about=call.about,
        slowed_by=call.slowed_by,
        task_id=call.task_id,
        agent_id=agent_id,
        agent_name=agent_name(agent_id, state),
        outcome=call.outcome.value if call.outcome else None,
        queued_at=call.queued_at,
        answered_at=spoken.answered_at if spoken else None,
        ended_at=call.ended_at,
        wait_s=call.wait_s(now),
        talk_s=call.talk_s(now),
        rating=call.rating,
        note_state=_note_state(call),
        talking_since=call.ring.answered_at if call.ring else None,
        leg=LegView(**_leg(call.leg)) if call.leg else None,
        colleague=_colleague(call, state),
    )


def archived_summary(row: CallRow, state: LiveState, now: float) -> CallSummary:
    """A live call's durations go on; the state of the note is the archive's, which knows of failures."""
    live = state.calls.get(row.call_id)
    if live:
        return call_summary(live, state, now).model_copy(update={"note_state": row.note_state})
    return CallSummary(
        call_id=row.call_id,
        arrived_at=row.arrived_at,
        ani=row.ani,
        dnis=row.dnis,
        stage=row.stage.value,
        keys=row.keys,
        queue=row.queue,
        queue_name=state.queues.get(row.queue, row.queue),
        mark=row.mark,
        known_as=row.known_as,
        person=row.person,
        level=row.level,
        hotline=row.hotline,
        hotline_name=row.hotline_name,
        about=row.about,
        slowed_by=row.slowed_by,
        task_id=row.task_id,
        agent_id=row.agent_id,
        agent_name=agent_name(row.agent_id, state),
        outcome=row.outcome.value if row.outcome else None,
        queued_at=row.queued_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        wait_s=row.wait_s,
        talk_s=row.talk_s,
        rating=row.rating,
        note_state=row.note_state,
        talking_since=None,
        leg=None,
        colleague=None,
    )


def callback_view(task: Callback, state: LiveState) -> CallbackView:
    return CallbackView(
        task_id=task.task_id,
        state=task.state.value,
        number=task.number,
        reason=task.reason,
        queue=task.queue,
        queue_name=state.queues.get(task.queue, task.queue),
        mark=task.mark,
        call_id=task.call_id,
        opened_at=task.opened_at,
        next_at=state.due_at(task),
        tries=task.tries,
        history=[CallbackEntry.model_validate(asdict(entry)) for entry in task.history],
    )


def recording_view(recording: Recording) -> RecordingView:
    return RecordingView(
        recording_id=recording.recording_id,
        ring_id=recording.ring_id,
        leg=recording.leg,
        started_at=recording.started_at,
        duration_s=recording.duration_s,
        rate=recording.rate,
        size_bytes=recording.size_bytes,
    )


def note_view(note: NoteRow | None, recorded: bool) -> NoteView:
    """`recorded`: there is something to write a note of, so it will come, even before the archive has asked for it."""
    if note is None:
        return NoteView(state="pending" if recorded else "none")
    return NoteView(
        state=note.state,
        problem=note.problem,
        model=note.model,
        written_at=note.written_at,
        lines=[LineView(**asdict(line)) for line in note.lines],
    )


def timeline_entry(row: JournalRow) -> TimelineEntry:
    return TimelineEntry(seq=row.seq, at=row.at, kind=row.kind, fields=row.fields)


def ring_view(ring: RingRow, state: LiveState) -> RingView:
    return RingView(
        ring_id=ring.ring_id,
        agent_id=ring.agent_id,
        agent_name=agent_name(ring.agent_id, state),
        offered_at=ring.offered_at,
        answered_at=ring.answered_at,
        ended_at=ring.ended_at,
        reason=ring.reason,
        why=list(ring.why),
    )


def _colleague(call: Call, state: LiveState) -> ConsultedView | None:
    ring, asked = call.ring, call.colleague
    if ring is None or asked is None:
        return None
    return ConsultedView(
        agent_id=asked.agent_id,
        name=agent_name(asked.agent_id, state),
        by=ring.agent_id,
        by_name=agent_name(ring.agent_id, state),
        answered_at=asked.answered_at,
    )


def _leg(leg: Leg) -> dict[str, Any]:
    return {name: value for name, value in asdict(leg).items() if name not in ("why", "record", "recorded")}


def leg_views(timeline: Iterable[JournalRow]) -> list[LegView]:
    """The outside numbers of a call, as its journal tells of them."""
    call = Call("", "", "", "", 8000, 0.0)
    for row in timeline:
        if row.kind in _OF_LEGS:
            call = evolve(call, from_row(row.kind, {"at": row.at, "call_id": "", **row.fields}))
    return [LegView(**_leg(leg)) for leg in call.legs]


_OF_LEGS = frozenset({"LegDialled", "LegAnswered", "LegEnded", "CallKept", "CallEnded"})


def agent_view(agent: Agent, state: LiveState) -> AgentView:
    return AgentView(
        agent_id=agent.agent_id,
        name=agent.profile.name,
        skills=sorted(agent.profile.skills),
        status=agent.status.value,
        since=agent.since,
        reason=agent.reason,
        phone_reached=agent.phone_reached,
        call_id=agent.call_id,
        leaving=_leaving(agent),
        ready_at=agent.since + state.wrap_up_s if agent.status is Status.WRAP_UP else None,
    )


def _leaving(agent: Agent) -> Literal["break", "sign_out", ""]:
    if not agent.signing_out:
        return ""
    return "sign_out" if agent.leaving_for is Status.SIGNED_OUT else "break"


def queue_views(state: LiveState) -> list[QueueView]:
    """One line per queue, in the plan's order; then those that callers still wait in and the plan no longer has."""
    since: dict[str, list[float]] = {queue: [] for queue in state.queues}
    for call in state.calls.values():
        if call.stage in _IN_LINE and call.queued_at is not None:
            since.setdefault(call.queue, []).append(call.queued_at)
    return [_queue_view(queue, times, state) for queue, times in since.items()]


def _queue_view(queue: str, times: list[float], state: LiveState) -> QueueView:
    ready, signed_in = state.desk(queue) if queue in state.queues else (0, 0)
    return QueueView(
        queue=queue,
        name=state.queues.get(queue, queue),
        waiting=len(times),
        longest_wait_since=min(times, default=None),
        ready=ready,
        signed_in=signed_in,
    )


def agent_name(agent_id: str, state: LiveState) -> str:
    agent = state.agents.get(agent_id)
    return agent.profile.name if agent else ""


def _note_state(call: Call) -> Literal["none", "pending", "written"]:
    if call.note_written:
        return "written"
    return "pending" if any(ring.recorded for ring in call.rings) else "none"
