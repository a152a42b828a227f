"""A day of calls on paper: the hotline's own matcher, a list of callers, a roster, and no clock.

Nothing here is random: whatever is drawn is in the callers. Two runs with the same callers differ by the roster only.
An agent answers as soon as the matcher chooses them: the seconds that a telephone rings are not simulated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from heapq import heapify, heappop, heappush

from ivr.core.demand import DAY_S, Caller
from ivr.core.line import Line
from ivr.core.queues import Order, Queue
from ivr.core.roster import Shift

INTERVAL_S = 1800.0
SERVICE_S = (15.0, 20.0)
"""Within how many seconds calls should be answered: GB/T 33358-2016 says 15; 20 is what most call centres report."""


@dataclass(slots=True)
class Figures:
    """What happened to the calls that arrived in an interval, and what its agents did then. Counts, and seconds."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    waited: int = 0
    """Calls for which no agent was free at once."""
    within_15: int = 0
    within_20: int = 0
    wait_s: float = 0.0
    """Sum over answered calls."""
    longest_s: float = 0.0
    """The longest wait, of answered and of abandoned calls."""
    busy_s: float = 0.0
    """Agents' seconds in talk and wrap-up."""
    staffed_s: float = 0.0
    """Agents' seconds on duty, and those past the end of a shift until their last call is done."""

    @property
    def unanswered(self) -> int:
        """Still waiting when the last shift was over."""
        return self.offered - self.answered - self.abandoned

    @property
    def mean_wait_s(self) -> float | None:
        return self.wait_s / self.answered if self.answered else None

    @property
    def occupancy(self) -> float | None:
        return self.busy_s / self.staffed_s if self.staffed_s else None

    def service_level(self, within_s: float) -> float | None:
        """Answered within T seconds ÷ offered. Abandoned calls count as missed, however soon they gave up."""
        if not self.offered:
            return None
        return (self.within_15 if within_s == SERVICE_S[0] else self.within_20) / self.offered


def total(parts: Sequence[Figures]) -> Figures:
    """All intervals as one."""
    sums = {field.name: sum(getattr(part, field.name) for part in parts) for field in fields(Figures)}
    return Figures(**{**sums, "longest_s": max((part.longest_s for part in parts), default=0.0)})


_READY, _BEGINS, _ENDS, _ARRIVES, _GIVES_UP = range(5)
"""What is due. At the same moment agents come before callers, and nobody gives up who could be answered."""


def run(callers: Sequence[Caller], roster: Sequence[Shift], queues: Mapping[str, Queue], order: Order) -> list[Figures]:
    """The figures of every half hour, from the first midnight to the end of the day of the last arrival."""
    return _Run(callers, roster, Line(queues, order)).finish()


def days_of(callers: Sequence[Caller]) -> int:
    """How many days the arrivals span."""
    return 1 + int(max((caller.at_s for caller in callers), default=0.0) // DAY_S)


class _Run:
    def __init__(self, callers: Sequence[Caller], roster: Sequence[Shift], line: Line) -> None:
        self.callers = sorted(callers, key=lambda caller: caller.at_s)
        self.roster = roster
        self.line = line
        self.shift_of = {shift.agent_id: n for n, shift in enumerate(roster)}
        self.intervals = [Figures() for _ in range(days_of(callers) * int(DAY_S / INTERVAL_S))]
        self.due: list[tuple[float, int, int]] = [(c.at_s, _ARRIVES, n) for n, c in enumerate(self.callers[:1])]
        for n, shift in enumerate(roster):
            self.due += (shift.begins_s, _BEGINS, n), (shift.ends_s, _ENDS, n)
            self._spread(shift.begins_s, shift.ends_s, "staffed_s")
        heapify(self.due)

    def finish(self) -> list[Figures]:
        due, line = self.due, self.line
        while due:
            if (now := line.due_at()) < due[0][0]:
                self._match(now)  # a step opens
                continue
            now, kind, n = heappop(due)
            if kind == _ARRIVES:
                self._arrives(n, now)
            elif kind == _GIVES_UP:
                if line.leave(f"{n:08}"):
                    self._gives_up(n)
            elif kind == _ENDS:
                line.sign_out(self.roster[n].agent_id)
            elif now < self.roster[n].ends_s:
                line.sign_in(self.roster[n].agent_id, self.roster[n].skills)
                line.free(self.roster[n].agent_id, now)
                self._match(now)
        return self.intervals

    def _arrives(self, n: int, now: float) -> None:
        caller = self.callers[n]
        if n + 1 < len(self.callers):
            heappush(self.due, (self.callers[n + 1].at_s, _ARRIVES, n + 1))
        self._of(caller).offered += 1
        self.line.join(f"{n:08}", caller.queue, now)
        self._match(now)
        if caller.patience_s < math.inf:
            heappush(self.due, (now + caller.patience_s, _GIVES_UP, n))

    def _match(self, now: float) -> None:
        while pair := self.line.first_pair(now):
            call_id, agent_id = pair
            self.line.leave(call_id)
            self.line.busy(agent_id)
            self._answered(self.callers[int(call_id)], self.shift_of[agent_id], now)

    def _answered(self, caller: Caller, n: int, now: float) -> None:
        figures, wait_s = self._of(caller), now - caller.at_s
        figures.answered += 1
        figures.waited += wait_s > 0
        figures.within_15 += wait_s <= SERVICE_S[0]
        figures.within_20 += wait_s <= SERVICE_S[1]
        figures.wait_s += wait_s
        figures.longest_s = max(figures.longest_s, wait_s)
        ready = now + caller.talk_s + caller.wrap_up_s
        self._spread(now, ready, "busy_s")
        self._spread(self.roster[n].ends_s, ready, "staffed_s")
        heappush(self.due, (ready, _READY, n))

    def _gives_up(self, n: int) -> None:
        caller = self.callers[n]
        figures = self._of(caller)
        figures.abandoned += 1
        figures.waited += 1
        figures.longest_s = max(figures.longest_s, caller.patience_s)

    def _of(self, caller: Caller) -> Figures:
        return self.intervals[int(caller.at_s // INTERVAL_S)]

    def _spread(self, begins_s: float, ends_s: float, name: str) -> None:
        """Add a period to the intervals that it touches; nothing when it ends before it begins."""
        for n in range(int(begins_s // INTERVAL_S), len(self.intervals)):
            begin, end = max(begins_s, n * INTERVAL_S), min(ends_s, (n + 1) * INTERVAL_S)
            if end <= begin:
                break
            part = self.intervals[n]
            setattr(part, name, getattr(part, name) + end - begin)


def one_more(callers: Sequence[Caller], roster: Sequence[Shift], parts: Sequence[Figures]) -> Shift | None:
    """One agent to add: like the most able one on duty when most calls came late. None when nobody is or none did.

    Late: offered, but not answered within 15 s. On duty: at the middle of that half hour.
    """
    late = [part.offered - part.within_15 for part in parts]
    worst = late.index(max(late))
    middle_s = (worst + 0.5) * INTERVAL_S
    able = [shift for shift in roster if shift.begins_s <= middle_s < shift.ends_s]
    if not able or not late[worst]:
        return None
    model = max(able, key=lambda shift: len(shift.skills))
    return Shift(f"{model.agent_id}+1", model.skills, model.begins_s, model.ends_s)
