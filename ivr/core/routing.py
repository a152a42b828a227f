"""The matcher: waiting calls × free agents → who gets whom, and why.

Order of calls: emergencies, then the higher priority, then whoever has waited longest. For each call in that order: of
the free agents who have the skill, the one who has been idle longest. One agent gets one call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.core.agents import Agent
from ivr.core.calls import Call
from ivr.core.queues import Queue


@dataclass(frozen=True, slots=True)
class Match:
    call_id: str
    agent_id: str
    why: tuple[str, ...]


def line(calls: Iterable[Call], queues: Mapping[str, Queue]) -> list[Call]:
    """The waiting calls in the order in which they are served."""
    return sorted(calls, key=lambda c: (-_rank(c, queues), c.queued_at or 0.0, c.call_id))


def rank(queue: Queue, priority: int | None, emergency: bool) -> float:
    """What is served first; `priority` stands for the queue's, None for nothing."""
    if emergency:
        return math.inf
    return queue.priority if priority is None else priority


def match(calls: Iterable[Call], agents: Iterable[Agent], queues: Mapping[str, Queue], now: float) -> list[Match]:
    """Pair waiting calls with free agents. Pure: the same input gives the same pairs."""
    free = sorted((a for a in agents if a.free), key=lambda a: (a.idle_since, a.agent_id))
    pairs: list[Match] = []
    for place, call in enumerate(line(calls, queues), start=1):
        if not free:
            break
        queue = queues[call.queue]
        able = [a for a in free if queue.skill in a.profile.skills]
        if not able:
            continue
        agent = able[0]
        free.remove(agent)
        why = reasons(place, queue.skill, _rank(call, queues), call.wait_s(now) or 0, len(able), now - agent.idle_since)
        pairs.append(Match(call.call_id, agent.agent_id, why))
    return pairs


def _rank(call: Call, queues: Mapping[str, Queue]) -> float:
    return rank(queues[call.queue], call.priority, call.emergency)


def reasons(place: int, skill: str, rank: float, waited_s: float, able: int, idle_s: float) -> tuple[str, ...]:
    """Why this call goes to this agent; `able` agents with the skill were free."""
    ranked = "emergency" if rank == math.inf else f"priority {rank:g}"
    return (
        f"place {place} in the line, {ranked}, waited {max(0.0, waited_s):.0f} s",
        f"skill {skill}: {able} free",
        f"longest idle, {max(0.0, idle_s):.0f} s",
    )


def ahead_of(call: Call, calls: Iterable[Call], queues: Mapping[str, Queue]) -> int:
    """How many callers who need the same skill are served before this one."""
    skill = queues[call.queue].skill
    same = [c for c in calls if queues[c.queue].skill == skill]
    return next((n for n, c in enumerate(line(same, queues)) if c.call_id == call.call_id), 0)
