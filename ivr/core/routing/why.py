"""Why a call went to an agent: who was considered, who was passed over, and for which rule.

Short English phrases of fixed form, parts separated by ", ": the console has their Chinese readings
(agent_console/src/calls/why.ts). Counts are complete; of names the first MOST_NAMES are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from ivr.core.calls import Call, Stage
from ivr.core.dialplan.queues import Queue
from ivr.core.routing.standing import Waiter, priority_of
from ivr.core.skills import Group

MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Callers or agents who were passed over for one rule."""

    count: int = 0
    names: tuple[str, ...] = ()


def passed(count: int, names: Iterable[str]) -> PassedOver:
    """`names` may go on after `count` of them."""
    return PassedOver(count, tuple(islice(names, min(count, MOST_NAMES))))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the matcher saw when it chose."""

    place: int
    """From 1, of everybody who waits."""
    waiter: Waiter
    waited_s: float
    group: Group
    """The earliest open step that has a free agent, or the one by which the known agent may take the call."""
    step: int
    """Its number, from 0."""
    able: int
    """Free agents in it."""
    knows: bool
    has: tuple[str, ...]
    """The preferred skills that the chosen agent has."""
    idle_s: float
    callers_waiting: PassedOver
    """Ahead, but nobody free may take them."""
    callers_held: PassedOver
    """Ahead, and kept for the agent who knows them."""
    less_able: PassedOver
    """Free agents of the group with less of what is preferred; or all others, when the chosen one knows the caller."""
    less_idle: PassedOver
    not_able: PassedOver
    """Free agents outside the group."""
    not_free: int
    """Agents who are signed in, but on a call, in wrap-up, on a break or out of reach."""


def phrases(facts: Facts, queue: Queue) -> tuple[str, ...]:
    """The facts in words."""
    return tuple(_phrases(facts, queue))


def _phrases(facts: Facts, queue: Queue) -> Iterator[str]:
    yield _stands(facts.place, facts.waiter, queue, facts.waited_s)
    yield from _passed("callers ahead", "nobody free for them", facts.callers_waiting)
    yield from _passed("callers ahead", "kept for the agent who knows them", facts.callers_held)
    step = f"step {facts.step + 1}, " if facts.step else ""
    yield f"{step}{facts.group}: {facts.able} free"
    has = "".join(f"has {word}, " for word in facts.has)
    yield f"{'knows the caller, ' if facts.knows else ''}{has}{_idle(facts)}, {max(0.0, facts.idle_s):.0f} s"
    if facts.knows:
        yield from _passed("agents", "do not know the caller", facts.less_able)
    else:
        yield from _passed("agents", f"less of {' '.join(queue.prefer)}", facts.less_able)
    yield from _passed("agents", "idle for less long", facts.less_idle)
    yield from _passed("agents", "not able", facts.not_able)
    if facts.not_free:
        yield f"passed over {facts.not_free} agents: not free"


def waiting(
    place: int, waiter: Waiter, queue: Queue, now: float, groups: Iterable[tuple[Group, int, int]], *, held: bool
) -> tuple[str, ...]:
    """Why somebody still waits. `groups`: of each open step, how many are free and how many signed in."""
    kept = ("kept for the agent who knows them",) if held else ()
    steps = (f"{group}: {free} free, {on_duty} signed in" for group, free, on_duty in groups)
    return (_stands(place, waiter, queue, now - waiter.queued_at), *kept, *steps)


def untaken(call: Call, now: float) -> tuple[str, ...]:
    """Why nobody had taken a caller who ends elsewhere than in the line; () when somebody had, or it is unknown."""
    waited = (f"waited {call.wait_s(now) or 0.0:.0f} s",) if call.queued_at is not None else ()
    match call.stage:
        case Stage.RINGING if call.ring:
            return (f"{call.ring.agent_id} rang for {_since(call.ring.offered_at, now)}", *waited)
        case Stage.OUTSIDE if call.leg and call.leg.answered_at is None:
            return (f"{call.leg.name} rang for {_since(call.leg.dialled_at, now)}", *waited)
        case Stage.MENU:
            return (f"in menus for {_since(call.menu_at or call.arrived_at, now)}", *waited)
        case Stage.FAREWELL:
            return call.untaken_why
    return ()


def _since(then: float, now: float) -> str:
    return f"{max(0.0, now - then):.0f} s"


def _stands(place: int, waiter: Waiter, queue: Queue, waited_s: float) -> str:
    rank = f"priority {priority_of(waiter, queue)}"
    if waiter.emergency:
        rank = "emergency"
    elif waiter.moved_at is not None:
        rank = "moved up"
    if waiter.slow_s:
        rank += f", slowed by {waiter.slow_s:.0f} s"
    return f"place {place} in the line, {rank}, waited {max(0.0, waited_s):.0f} s"


def _idle(facts: Facts) -> str:
    return "idle" if facts.knows else "longest idle"


def _passed(whom: str, rule: str, over: PassedOver) -> Iterator[str]:
    if over.count:
        more = " …" if over.count > len(over.names) else ""
        yield f"passed over {over.count} {whom}: {rule} ({' '.join(over.names)}{more})"
