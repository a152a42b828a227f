"""The matcher for a large hotline: the pairs of `routing.match`, kept up to date instead of sorted anew.

`matcher` says what is right; this gives the same pair, with the same reasons, at a cost that grows with the number of
groups (skills asked for) and hardly with callers and agents (tests/core/test_line.py holds the two against each other).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeVar

from ivr.core.dialplan.queues import Order, Queue
from ivr.core.routing import why
from ivr.core.routing.matcher import Match
from ivr.core.routing.standing import Key, Steps, Waiter, is_kept, key_of, open_groups, steps_for, steps_of
from ivr.core.skills import Group, has, lacks, levels

_AgentKey = tuple[tuple[bool, ...], float, str]
"""What they lack of the preferred, idle_since, agent_id: whom to ask first."""

LATE_S = 60.0
"""An event may be told so late: time does not go back for it."""

_EVERYBODY = Group()
_K = TypeVar("_K", Key, _AgentKey)


@dataclass(slots=True)
class _Pool:
    """The agents of one group, and the callers whom they may take."""

    # Sorted lists, not heaps: places are counted by bisection, and moving 16 kB costs about a microsecond.
    callers: list[Key] = field(default_factory=list)
    free: dict[tuple[str, ...], list[_AgentKey]] = field(default_factory=dict)
    """The free agents, in the order of each preference that a queue of this group has."""
    on_duty: int = 0


@dataclass(slots=True)
class _Place:
    waiter: Waiter
    key: Key
    groups: tuple[Group, ...] = ()
    """The open steps."""
    held: bool = False


@dataclass(slots=True)
class _Duty:
    """An agent who is signed in."""

    able: Mapping[str, int]
    groups: frozenset[Group]
    seats: tuple[tuple[list[_AgentKey], tuple[bool, ...]], ...]
    """Where they are found while they are free, and what they lack of what is preferred there."""
    idle_since: float | None = None
    """None when they may be given no call."""
    soon: bool = False


class Line:
    """Who waits, who is signed in, and who is free. Times are seconds on any one clock."""

    def __init__(self, queues: Mapping[str, Queue], order: Order) -> None:
        self._queues = queues
        self._order = order
        self._steps: dict[str, Steps] = {name: steps_of(queue) for name, queue in queues.items()}
        self._pools: dict[Group, _Pool] = {}
        self._uses: Counter[tuple[Group, tuple[str, ...]]] = Counter()
        """By how many queues, and callers with seats of their own, each order of a pool's free agents is needed."""
        self._order_of_service: list[Key] = []
        self._places: dict[str, _Place] = {}
        self._duty: dict[str, _Duty] = {}
        self._held: set[str] = set()
        self._knowing: dict[str, set[str]] = {}
        self._stale: set[str] = set()
        """Callers whose open steps have to be looked at anew."""
        self._settled_at = -math.inf
        self._due: list[tuple[float, str]] = []
        """When time alone changes that; entries of callers who have left are passed over."""
        self._open_pool(_EVERYBODY, ())
        for name, queue in queues.items():
            for _, group in self._steps[name]:
                self._open_pool(group, queue.prefer)

    # --- callers ---

    def join(
        self,
        call_id: str,
        queue: str,
        queued_at: float,
        *,
        priority: int | None = None,
        emergency: bool = False,
        moved_at: float | None = None,
        known: str = "",
        slow_s: float = 0.0,
        seats: tuple[str, ...] = (),
    ) -> None:
        """Somebody waits in a queue from `queued_at` on; one who waits already changes over. See `standing.Waiter`."""
        waiter = Waiter(call_id, queue, queued_at, priority, emergency, moved_at, known, slow_s, seats)
        place = self._places.get(call_id)
        if place and place.waiter == waiter:
            return
        self.leave(call_id)
        place = _Place(waiter, key_of(waiter, self._queues[queue], self._order))
        self._places[call_id] = place
        if seats:
            self._open_pool(self._steps_for(waiter)[0][1], self._queues[queue].prefer)
        insort(self._order_of_service, place.key)
        if known:
            self._knowing.setdefault(known, set()).add(call_id)
        self._stale.add(call_id)

    def leave(self, call_id: str) -> bool:
        """They are answered or give up. False when they did not wait."""
        place = self._places.pop(call_id, None)
        if place is None:
            return False
        self._unseat(place)
        _remove(self._order_of_service, place.key)
        if place.waiter.known:
            knowing = self._knowing[place.waiter.known]
            knowing.discard(call_id)
            if not knowing:
                del self._knowing[place.waiter.known]
        if place.waiter.seats:
            self._close_pool(self._steps_for(place.waiter)[0][1], self._queues[place.waiter.queue].prefer)
        self._stale.discard(call_id)
        return True

    def ahead_of(self, call_id: str, now: float) -> int:
        """How many callers stand before this one, who waits, whom an agent of the first step with people may take."""
        self._settle(now)
        place = self._places[call_id]
        group = next(filter(self._staffed, place.groups), place.groups[0])
        return bisect_left(self._pools[group].callers, place.key)

    def why_waiting(self, call_id: str, now: float) -> tuple[str, ...]:
        """Why nobody has taken this caller so far; () when they do not wait."""
        place = self._places.get(call_id)
        if place is None:
            return ()
        self._settle(now)
        pools = [(group, self._pools[group]) for group in place.groups]
        return why.waiting(
            bisect_left(self._order_of_service, place.key) + 1,
            place.waiter,
            self._queues[place.waiter.queue],
            now,
            [(group, len(next(iter(pool.free.values()))), pool.on_duty) for group, pool in pools],
            held=place.held,
        )

    def staffed(self, queue: str, seats: tuple[str, ...] = (), *, later: bool = False) -> bool:
        """Somebody of its first step is signed in: the desk's own agents, or those of them who have the `seats`.

        `later`: or of any other step. False for a queue that there is not.
        """
        if queue not in self._steps:
            return False
        if later and any(self._staffed(group) for _, group in self._steps[queue][1:]):
            return True
        group = self._steps[queue][0][1]
        if not seats:
            return self._staffed(group)
        return any(a in self._duty and group.holds(a, self._duty[a].able) for a in seats)

    def desk(self, queue: str) -> tuple[int, int]:
        """Of the queue's own agents, those of its first step: how many may be given a call now, and are signed in."""
        pool = self._pools[self._steps[queue][0][1]]
        return len(next(iter(pool.free.values()))), pool.on_duty

    def due_at(self) -> float:
        """When the next step may open by time alone; math.inf when none will."""
        return self._due[0][0] if self._due else math.inf

    # --- agents ---

    @property
    def on_duty(self) -> int:
        """How many agents are signed in."""
        return len(self._duty)

    def sign_in(self, agent_id: str, skills: Iterable[str]) -> None:
        """An agent is on duty, and not free yet. Nothing changes for one who is already."""
        if agent_id in self._duty:
            return
        able = levels(skills)
        groups = frozenset(group for group in self._pools if group.holds(agent_id, able))
        free = [seat for group in groups for seat in self._pools[group].free.items()]
        self._duty[agent_id] = _Duty(able, groups, tuple((seat, lacks(able, prefer)) for prefer, seat in free))
        for group in groups:
            self._pools[group].on_duty += 1
            if self._pools[group].on_duty == 1:
                self._staffing_changed(group)

    def sign_out(self, agent_id: str) -> None:
        """An agent goes home."""
        if agent_id not in self._duty:
            return
        self.busy(agent_id)
        for group in self._duty.pop(agent_id).groups:
            self._pools[group].on_duty -= 1
            if not self._pools[group].on_duty:
                self._staffing_changed(group)

    def free(self, agent_id: str, idle_since: float) -> None:
        """An agent who is on duty may be given calls."""
        duty = self._duty[agent_id]
        if duty.idle_since == idle_since:
            return
        self.busy(agent_id)
        duty.idle_since = idle_since
        for free, lacking in duty.seats:
            insort(free, (lacking, idle_since, agent_id))

    def busy(self, agent_id: str, *, soon: bool = False) -> bool:
        """An agent may be given no call; `soon`: they are in wrap-up. False when they were not free before."""
        duty = self._duty.get(agent_id)
        if duty is None:
            return False
        if duty.soon != soon:
            duty.soon = soon
            self._known_changed(agent_id)
        if duty.idle_since is None:
            return False
        for free, lacking in duty.seats:
            _remove(free, (lacking, duty.idle_since, agent_id))
        duty.idle_since = None
        return True

    # --- pairs ---

    def first_pair(self, now: float) -> tuple[str, str] | None:
        """Caller and agent that belong together next, or None. They stay until `leave` and `busy` are said."""
        self._settle(now)
        heads = [pool.callers[0] for pool in self._pools.values() if pool.callers and _some(pool)]
        if not heads:
            return None
        place = self._places[min(heads)[2]]
        waiter = place.waiter
        if self._may_take(waiter.known, place):
            return waiter.call_id, waiter.known
        prefer = self._queues[waiter.queue].prefer
        free = next(free for group in place.groups if (free := self._pools[group].free[prefer]))
        return waiter.call_id, free[0][2]

    def next_match(self, now: float) -> Match | None:
        """The first of `routing.match`, or None."""
        pair = self.first_pair(now)
        if pair is None:
            return None
        place = self._places[pair[0]]
        return Match(*pair, why.phrases(self._facts(place, pair[1], now), self._queues[place.waiter.queue]))

    def _facts(self, place: _Place, agent_id: str, now: float) -> why.Facts:
        waiter, duty = place.waiter, self._duty[agent_id]
        prefer = self._queues[waiter.queue].prefer
        knows = agent_id == waiter.known
        able_by = duty.groups if knows else {group for group in place.groups if _some(self._pools[group])}
        step, group = next((n, group) for n, group in enumerate(place.groups) if group in able_by)
        free, everybody = self._pools[group].free[prefer], self._pools[_EVERYBODY].free[()]
        mine = lacks(duty.able, prefer)
        alike = len(free) if knows else bisect_left(free, ((*mine, True), -math.inf, ""))
        number = bisect_left(self._order_of_service, place.key)
        held = sorted(key for call_id in self._held if (key := self._places[call_id].key) < place.key)
        return why.Facts(
            place=number + 1,
            waiter=waiter,
            waited_s=now - waiter.queued_at,
            group=group,
            step=step,
            able=len(free),
            knows=knows,
            has=tuple(word for word in prefer if has(duty.able, word)),
            idle_s=now - (duty.idle_since or 0.0),
            callers_waiting=why.passed(
                number - len(held), (key[2] for key in self._order_of_service if key[2] not in self._held)
            ),
            callers_held=why.passed(len(held), (key[2] for key in held)),
            less_able=(
                why.passed(len(free) - 1, (key[2] for key in free if key[2] != agent_id))
                if knows
                else why.passed(len(free) - alike, (key[2] for key in free[alike : alike + why.MOST_NAMES]))
            ),
            less_idle=why.passed(0 if knows else alike - 1, (key[2] for key in free[1:alike])),
            not_able=why.passed(
                len(everybody) - len(free), (key[2] for key in everybody if group not in self._duty[key[2]].groups)
            ),
            not_free=len(self._duty) - len(everybody),
        )

    # --- keeping it so ---

    def _steps_for(self, waiter: Waiter) -> Steps:
        return steps_for(waiter, self._steps[waiter.queue])

    def _open_pool(self, group: Group, prefer: tuple[str, ...]) -> None:
        self._uses[group, prefer] += 1
        if self._uses[group, prefer] > 1:
            return
        pool = self._pools.setdefault(group, _Pool())
        free: list[_AgentKey] = []
        pool.free[prefer] = free
        for agent_id, duty in self._duty.items():
            if not group.holds(agent_id, duty.able):
                continue
            if group not in duty.groups:
                duty.groups |= {group}
                pool.on_duty += 1
            lacking = lacks(duty.able, prefer)
            duty.seats = (*duty.seats, (free, lacking))
            if duty.idle_since is not None:
                insort(free, (lacking, duty.idle_since, agent_id))

    def _close_pool(self, group: Group, prefer: tuple[str, ...]) -> None:
        self._uses[group, prefer] -= 1
        if self._uses[group, prefer]:
            return
        del self._uses[group, prefer]
        free = self._pools[group].free.pop(prefer)
        for duty in self._duty.values():
            duty.seats = tuple(seat for seat in duty.seats if seat[0] is not free)
            if not self._pools[group].free:
                duty.groups -= {group}
        if not self._pools[group].free:
            del self._pools[group]

    def _settle(self, now: float) -> None:
        """Look anew at the callers for whom something has changed, by time or by agents."""
        if now < self._settled_at - LATE_S:  # the clock was set back
            self._stale |= self._places.keys()
        else:
            now = max(now, self._settled_at)
        self._settled_at = now
        while self._due and self._due[0][0] <= now:
            self._stale.add(heappop(self._due)[1])
        for call_id in self._stale:
            if place := self._places.get(call_id):
                self._unseat(place)
                self._seat(place, now)
        self._stale.clear()

    def _seat(self, place: _Place, now: float) -> None:
        waiter = place.waiter
        place.groups, due_at = open_groups(waiter, self._steps_for(waiter), self._staffed, now)
        known = self._duty.get(waiter.known)
        soon = known is not None and known.soon and any(group in known.groups for group in place.groups)
        place.held = soon and is_kept(waiter, self._order, now)
        if place.held:
            due_at = min(due_at, waiter.queued_at + self._order.known_s)
            self._held.add(waiter.call_id)
        else:
            for group in place.groups:
                insort(self._pools[group].callers, place.key)
        if due_at < math.inf:
            heappush(self._due, (due_at, waiter.call_id))

    def _unseat(self, place: _Place) -> None:
        if place.held:
            self._held.discard(place.waiter.call_id)
        else:
            for group in place.groups:
                _remove(self._pools[group].callers, place.key)
        place.groups, place.held = (), False

    def _may_take(self, agent_id: str, place: _Place) -> bool:
        duty = self._duty.get(agent_id)
        return duty is not None and duty.idle_since is not None and any(group in duty.groups for group in place.groups)

    def _staffed(self, group: Group) -> bool:
        return self._pools[group].on_duty > 0

    def _staffing_changed(self, group: Group) -> None:
        """Somebody, or nobody any more, is signed in for this step: it may be skipped or not."""
        for call_id, place in self._places.items():
            if any(step == group for _, step in self._steps_for(place.waiter)[:-1]):
                self._stale.add(call_id)

    def _known_changed(self, agent_id: str) -> None:
        self._stale |= self._knowing.get(agent_id, set())


def _some(pool: _Pool) -> bool:
    """Somebody of it is free."""
    return any(pool.free.values())


def _remove(ordered: list[_K], key: _K) -> None:
    del ordered[bisect_left(ordered, key)]
