"""Where a caller stands in the one line of all queues: the order, the steps that are open, and who is waited for.

Everything is a function of place times, who is on duty, and `now`; `matcher` and `line` both decide by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from ivr.core.dialplan.queues import Order, Queue
from ivr.core.skills import Group
from ivr.core.spans import is_over

Key = tuple[int, float, str]
"""Class, rank, call_id: who has the smaller one is served first."""

Steps = tuple[tuple[float, Group], ...]
"""From how many seconds of waiting on which agents may take the call."""

EMERGENCY, MOVED_UP, USUAL = range(3)


@dataclass(frozen=True, slots=True)
class Waiter:
    """One who waits: a caller, or whoever keeps a place in the line under an id. Times are seconds on any one clock."""

    call_id: str
    queue: str
    queued_at: float
    priority: int | None = None
    """Instead of the queue's."""
    emergency: bool = False
    moved_at: float | None = None
    """When a supervisor moved them up."""
    known: str = ""
    """The agent who knows them, or ""."""
    slow_s: float = 0.0
    """They stand where they would if they had come so much later: see `floor.abuse`."""
    seats: tuple[str, ...] = ()
    """Of the queue's own agents only these may take them; () for all."""


def priority_of(waiter: Waiter, queue: Queue) -> int:
    return queue.priority if waiter.priority is None else waiter.priority


def priority_kept(queues: Mapping[str, Queue], queue: str, priority: int | None) -> int:
    """Of a caller whom a rule leads from this queue to another one: it is part of the place, which they neither lose
    nor gain by. `priority`: instead of the queue's.
    """
    return queues[queue].priority if priority is None else priority


def key_of(waiter: Waiter, queue: Queue, order: Order) -> Key:
    """The place in the line.

    A point of priority is worth `order.age_s` seconds of waiting, and no more: priorities age. Everybody ages at the
    same speed, so the order of two callers never turns round (a sorted list stays sorted), and nobody starves: who
    comes more than (their priority − mine) · age_s after me stands behind me. J. R. Jackson's dynamic priorities (1960)
    with the priority as a head start; strict priorities let a stream of urgent callers shut out all others. Who is
    slowed starts so many seconds behind, and loses nothing else.

    Two exceptions stand before that: emergencies, and those whom a supervisor has moved up, who come in the order in
    which they were moved.
    """
    if waiter.emergency:
        return EMERGENCY, waiter.queued_at, waiter.call_id
    if waiter.moved_at is not None:
        return MOVED_UP, waiter.moved_at, waiter.call_id
    return USUAL, waiter.queued_at + waiter.slow_s - priority_of(waiter, queue) * order.age_s, waiter.call_id


def steps_of(queue: Queue) -> Steps:
    """The queue's own skill first, then its timed steps."""
    return (
        (0.0, Group(queue.skill)),
        *((step.after_s, Group(step.skill, step.agents)) for step in queue.step),
    )


def steps_for(waiter: Waiter, steps: Steps) -> Steps:
    """The queue's steps as they are for this caller."""
    if not waiter.seats:
        return steps
    (after_s, group), *later = steps
    return ((after_s, group._replace(agents=waiter.seats)), *later)


def open_groups(
    waiter: Waiter, steps: Steps, staffed: Callable[[Group], bool], now: float
) -> tuple[tuple[Group, ...], float]:
    """The groups that may take the call now, earliest step first, and when the next one may (math.inf: never).

    A step stays open when the next one opens. One of which nobody is signed in is skipped: its time is not waited.
    """
    found = [steps[0][1]]
    wait_s = 0.0
    for (_, before), (after_s, group) in pairwise(steps):
        if staffed(before):
            wait_s = after_s
        if not is_over(waiter.queued_at, wait_s, now):
            return tuple(found), waiter.queued_at + wait_s
        found.append(group)
    return tuple(found), math.inf


def is_kept(waiter: Waiter, order: Order, now: float) -> bool:
    """Whether the call is still kept for the agent who knows the caller, who may take it and is in wrap-up.

    Nobody waits for an agent who talks or is away, and an emergency for nobody in particular.
    """
    return not waiter.emergency and not is_over(waiter.queued_at, order.known_s, now)
