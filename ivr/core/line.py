"""The matcher for a large hotline: the pairs of `routing.match`, kept up to date instead of sorted anew.

`routing.match` says what is right; this gives the same pair, with the same reasons, at a cost that grows with the
number of skills and hardly with callers and agents (tests/core/test_line.py holds the two against each other).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from ivr.core.queues import Queue
from ivr.core.routing import Match, rank, reasons

_CallKey = tuple[float, float, str]
"""−rank, queued_at, call_id: the order of service."""
_AgentKey = tuple[float, str]
"""idle_since, agent_id: the longest idle first."""


class Line:
    """Who waits and who is free. Times are seconds on any one clock."""

    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = queues
        skills = {queue.skill for queue in queues.values()}
        # Sorted lists, not heaps: places are counted by bisection, and moving 16 kB costs about a microsecond.
        self._calls: dict[str, list[_CallKey]] = {skill: [] for skill in skills}
        self._free: dict[str, list[_AgentKey]] = {skill: [] for skill in skills}
        self._waiting: dict[str, tuple[str, _CallKey]] = {}
        self._idle: dict[str, tuple[tuple[str, ...], _AgentKey]] = {}

    def join(
        self, call_id: str, queue: str, queued_at: float, *, priority: int | None = None, emergency: bool = False
    ) -> None:
        """A caller waits in a queue; one who waits already changes over to it."""
        key = (-rank(self._queues[queue], priority, emergency), queued_at, call_id)
        if self._waiting.get(call_id) == (queue, key):
            return
        self.leave(call_id)
        self._waiting[call_id] = queue, key
        insort(self._calls[self._queues[queue].skill], key)

    def leave(self, call_id: str) -> bool:
        """A caller is answered or gives up. False when they did not wait."""
        place = self._waiting.pop(call_id, None)
        if place is None:
            return False
        queue, key = place
        calls = self._calls[self._queues[queue].skill]
        del calls[bisect_left(calls, key)]
        return True

    def free(self, agent_id: str, skills: Iterable[str], idle_since: float) -> None:
        """An agent may be given calls; skills that no queue asks for do not matter."""
        self.busy(agent_id)
        key = (idle_since, agent_id)
        wanted = tuple(skill for skill in skills if skill in self._free)
        self._idle[agent_id] = wanted, key
        for skill in wanted:
            insort(self._free[skill], key)

    def busy(self, agent_id: str) -> bool:
        """An agent may be given no call. False when that was so before."""
        place = self._idle.pop(agent_id, None)
        if place is None:
            return False
        skills, key = place
        for skill in skills:
            free = self._free[skill]
            del free[bisect_left(free, key)]
        return True

    def first_pair(self) -> tuple[str, str] | None:
        """Call and agent that belong together next, or None. They stay until `leave` and `busy` are said."""
        heads = [(calls[0], skill) for skill, calls in self._calls.items() if calls and self._free[skill]]
        if not heads:
            return None
        key, skill = min(heads)
        return key[2], self._free[skill][0][1]

    def next_match(self, now: float) -> Match | None:
        """The first of `routing.match`, or None."""
        pair = self.first_pair()
        if pair is None:
            return None
        queue, key = self._waiting[pair[0]]
        _, (idle_since, _) = self._idle[pair[1]]
        place = 1 + sum(bisect_left(calls, key) for calls in self._calls.values())
        asked = self._queues[queue]
        why = reasons(place, asked.skill, -key[0], now - key[1], len(self._free[asked.skill]), now - idle_since)
        return Match(*pair, why)

    def ahead_of(self, call_id: str) -> int:
        """How many callers who need the same skill are served before this one, who waits."""
        queue, key = self._waiting[call_id]
        return bisect_left(self._calls[self._queues[queue].skill], key)
