"""Core objects as the JSON of `schemas.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ivr.adapters.web.ports import LiveState
from ivr.adapters.web.schemas import AgentView, CallSummary, QueueView, RingView
from ivr.core.agents import Agent
from ivr.core.calls import Call, Ring, Stage

_IN_LINE = frozenset({Stage.WAITING, Stage.RINGING})
"""Stages in which the citizen stands in the line: until somebody answers."""


def agent_of(call: Call) -> str:
    """Work number of the agent whose call it is: being rung or talking, else the last who spoke with the citizen."""
    if call.ring:
        return call.ring.agent_id
    return next((ring.agent_id for ring in reversed(call.rings) if ring.answered_at is not None), "")


def belongs_to(call: Call, agent_id: str) -> bool:
    """True when the agent is being rung for the call or spoke with the citizen."""
    if call.ring and call.ring.agent_id == agent_id:
        return True
    return any(ring.agent_id == agent_id and ring.answered_at is not None for ring in call.rings)


def call_summary(call: Call, state: LiveState, now: float) -> CallSummary:
    agent_id = agent_of(call)
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
        agent_id=agent_id,
        agent_name=agent_name(agent_id, state),
        outcome=call.outcome.value if call.outcome else None,
        queued_at=call.queued_at,
        answered_at=call.answered.answered_at if call.answered else None,
        ended_at=call.ended_at,
        wait_s=call.wait_s(now),
        talk_s=call.talk_s(now),
        rating=call.rating,
        note_state=_note_state(call),
    )


def ring_view(ring: Ring, state: LiveState) -> RingView:
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


def agent_view(agent: Agent) -> AgentView:
    return AgentView(
        agent_id=agent.agent_id,
        name=agent.profile.name,
        skills=sorted(agent.profile.skills),
        status=agent.status.value,
        since=agent.since,
        reason=agent.reason,
        phone_reached=agent.phone_reached,
        call_id=agent.call_id,
    )


def queue_views(calls: Iterable[Call], names: Mapping[str, str]) -> list[QueueView]:
    """One line per queue, in the order of `names`."""
    since: dict[str, list[float]] = {queue: [] for queue in names}
    for call in calls:
        if call.stage in _IN_LINE and call.queued_at is not None:
            since.setdefault(call.queue, []).append(call.queued_at)
    return [
        QueueView(
            queue=queue, name=names.get(queue, queue), waiting=len(times), longest_wait_since=min(times, default=None)
        )
        for queue, times in since.items()
    ]


def agent_name(agent_id: str, state: LiveState) -> str:
    agent = state.agents.get(agent_id)
    return agent.profile.name if agent else ""


def _note_state(call: Call) -> Literal["none", "pending", "written"]:
    if call.note_written:
        return "written"
    return "pending" if any(ring.recorded for ring in call.rings) else "none"
