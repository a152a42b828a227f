"""The matcher: waiting callers × free agents → who gets whom, and why.

Order of callers: `standing.key_of`, one line for all queues. For each in that order: the agent who knows the caller, if
free; else, of the earliest open step that has a free agent, the one who has most of what is preferred, and of those the
longest idle. One agent gets one call. This says what is right; `line` finds the same faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from ivr.core.agents import Agent, Status
from ivr.core.dialplan.queues import Order, Queue
from ivr.core.routing import why
from ivr.core.routing.standing import Steps, Waiter, is_kept, key_of, open_groups, steps_for, steps_of
from ivr.core.skills import Group, has, lacks, levels


@dataclass(frozen=True, slots=True)
class Match:
    call_id: str
    agent_id: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Hall:
    """Everything that a decision depends on."""

    waiting: Sequence[Waiter]
    agents: Sequence[Agent]
    queues: Mapping[str, Queue]
    order: Order
    now: float

    def line(self) -> list[Waiter]:
        """In the order in which they are served."""
        return sorted(self.waiting, key=lambda w: key_of(w, self.queues[w.queue], self.order))

    def groups(self, waiter: Waiter) -> tuple[Group, ...]:
        """The steps that are open, the earliest first."""
        return open_groups(waiter, self.steps_for(waiter), self.staffed.__contains__, self.now)[0]

    def steps_for(self, waiter: Waiter) -> Steps:
        """Those of the queue, for this caller."""
        return steps_for(waiter, self.steps[waiter.queue])

    @cached_property
    def steps(self) -> dict[str, Steps]:
        """Of each queue."""
        return {name: steps_of(queue) for name, queue in self.queues.items()}

    @cached_property
    def staffed(self) -> set[Group]:
        """The groups of which somebody is signed in."""
        on_duty = [a for a in self.agents if a.status is not Status.SIGNED_OUT]
        every = (*self.steps.values(), *map(self.steps_for, self.waiting))
        groups = {group for steps in every for _, group in steps}
        return {group for group in groups if any(_holds(group, a) for a in on_duty)}

    def free(self) -> list[Agent]:
        """The longest idle first."""
        return sorted((a for a in self.agents if a.free), key=lambda a: (a.idle_since, a.agent_id))

    @cached_property
    def free_of(self) -> dict[Group, list[Agent]]:
        """The free agents of each group that has some."""
        free = self.free()
        found = {group: [a for a in free if _holds(group, a)] for group in self.staffed}
        return {group: able for group, able in found.items() if able}

    def held(self, waiter: Waiter) -> bool:
        """Kept for the agent who knows them."""
        known = [a for a in self.agents if a.agent_id == waiter.known and a.soon] if waiter.known else []
        soon = any(_holds(group, a) for group in self.groups(waiter) for a in known)
        return soon and is_kept(waiter, self.order, self.now)


def match(
    waiting: Iterable[Waiter], agents: Iterable[Agent], queues: Mapping[str, Queue], now: float, order: Order
) -> list[Match]:
    """Pair waiting callers with free agents. Pure: the same input gives the same pairs."""
    hall = Hall(list(waiting), list(agents), queues, order, now)
    pairs: list[Match] = []
    while pair := _first(hall):
        pairs.append(pair)
        hall = replace(
            hall,
            waiting=[w for w in hall.waiting if w.call_id != pair.call_id],
            agents=[replace(a, status=Status.RESERVED) if a.agent_id == pair.agent_id else a for a in hall.agents],
        )
    return pairs


def ahead_of(waiter: Waiter, hall: Hall) -> int:
    """How many callers stand before this one whom an agent of the first step with people may take."""
    open_now = hall.groups(waiter)
    group = next((group for group in open_now if group in hall.staffed), open_now[0])
    mine = key_of(waiter, hall.queues[waiter.queue], hall.order)
    return sum(
        key_of(other, hall.queues[other.queue], hall.order) < mine
        for other in hall.waiting
        if group in hall.groups(other) and not hall.held(other)
    )


def _first(hall: Hall) -> Match | None:
    ahead: list[Waiter] = []
    free = hall.free()
    for waiter in hall.line() if free else ():
        agent = None if hall.held(waiter) else _agent_for(waiter, free, hall)
        if agent:
            facts = _facts(waiter, agent, free, ahead, hall)
            return Match(waiter.call_id, agent.agent_id, why.phrases(facts, hall.queues[waiter.queue]))
        ahead.append(waiter)
    return None


def _agent_for(waiter: Waiter, free: Sequence[Agent], hall: Hall) -> Agent | None:
    groups = hall.groups(waiter)
    for agent in free:
        if agent.agent_id == waiter.known and any(_holds(group, agent) for group in groups):
            return agent
    for group in groups:
        if group in hall.free_of:
            return _by_preference(waiter, group, hall)[0]
    return None


def _by_preference(waiter: Waiter, group: Group, hall: Hall) -> list[Agent]:
    """The free agents of the group in the order in which they are asked."""
    return sorted(hall.free_of[group], key=lambda a: _lacks(waiter, a, hall))


def _facts(waiter: Waiter, agent: Agent, free: Sequence[Agent], ahead: Sequence[Waiter], hall: Hall) -> why.Facts:
    knows = agent.agent_id == waiter.known
    step, group = next(
        (n, group)
        for n, group in enumerate(hall.groups(waiter))
        if (_holds(group, agent) if knows else group in hall.free_of)
    )
    able = _by_preference(waiter, group, hall)
    others = [a for a in able if a is not agent]
    less_able = [a for a in others if knows or _lacks(waiter, a, hall) != _lacks(waiter, agent, hall)]
    held = [w for w in ahead if hall.held(w)]
    on_duty = sum(a.status is not Status.SIGNED_OUT for a in hall.agents)
    prefer = hall.queues[waiter.queue].prefer
    return why.Facts(
        place=len(ahead) + 1,
        waiter=waiter,
        waited_s=hall.now - waiter.queued_at,
        group=group,
        step=step,
        able=len(able),
        knows=knows,
        has=tuple(word for word in prefer if has(_able(agent.profile.skills), word)),
        idle_s=hall.now - agent.idle_since,
        callers_waiting=_callers([w for w in ahead if w not in held]),
        callers_held=_callers(held),
        less_able=_agents(less_able),
        less_idle=_agents([a for a in others if a not in less_able]),
        not_able=_agents([a for a in free if not _holds(group, a)]),
        not_free=on_duty - len(free),
    )


def _callers(callers: Sequence[Waiter]) -> why.PassedOver:
    return why.passed(len(callers), (w.call_id for w in callers))


def _agents(agents: Sequence[Agent]) -> why.PassedOver:
    return why.passed(len(agents), (a.agent_id for a in agents))


def _holds(group: Group, agent: Agent) -> bool:
    return group.holds(agent.agent_id, _able(agent.profile.skills))


@lru_cache(maxsize=10_000)
def _able(skills: frozenset[str]) -> Mapping[str, int]:
    return levels(skills)


def _lacks(waiter: Waiter, agent: Agent, hall: Hall) -> tuple[bool, ...]:
    return lacks(_able(agent.profile.skills), hall.queues[waiter.queue].prefer)
