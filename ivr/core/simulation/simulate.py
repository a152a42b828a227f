"""A day of calls on paper: the hotline's own rules, a list of callers, a roster, and no clock.

The matcher is `routing.line`; what an overloaded line does is `floor.overload`, who is slowed `floor.abuse`, and who is
called back `callbacks`. Nothing here is random: whatever is drawn is in the callers. Two runs with the same callers
differ by the roster only. An agent answers as soon as the matcher chooses them: the seconds that a telephone rings are
not simulated.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from ivr.core.callbacks import ASKED, Dialling, State
from ivr.core.calls import Outcome
from ivr.core.dialplan.limits import Pacing
from ivr.core.dialplan.queues import Order, Overload, Queue
from ivr.core.floor import overload
from ivr.core.floor.abuse import Traffic
from ivr.core.routing.expected_wait import Waits
from ivr.core.routing.line import Line
from ivr.core.routing.standing import priority_kept
from ivr.core.simulation.callbacks import Tasks
from ivr.core.simulation.demand import DAY_S, Caller
from ivr.core.simulation.figures import INTERVAL_S, SERVICE_S, Figures
from ivr.core.simulation.roster import Shift

LOOK_S = 5.0
"""How often a caller looks whether their line is overloaded; the hotline itself looks twice a second."""

PICKS_UP_S = 10.0
"""How long a citizen who is called back lets it ring. An assumption."""


@dataclass(frozen=True)
class Rules:
    """What besides the matcher decides about callers."""

    pacing: Pacing = field(default_factory=Pacing)
    channels: Mapping[str, int] = field(default_factory=dict)
    """How many calls each trunk carries at once, by its name."""
    listed: Callable[[str], bool] = lambda ani: False
    """Whether a calling number is never slowed."""
    dialling: Dialling = field(default_factory=Dialling)
    offers_s: Mapping[str, float] = field(default_factory=dict)
    """Of the queues in which a key asks for a callback: after how many seconds in the line it can be pressed."""


class Day(NamedTuple):
    """The figures of every half hour, the callbacks by how far they came, and what the lines must carry."""

    parts: list[Figures]
    tasks: Mapping[State, int]
    at_once: int
    """The most calls that were up at the same time, in the line or in a talk."""
    busiest_minute: int
    """The most calls that came within a minute of the clock."""


_READY, _BEGINS, _ENDS, _TRIED, _HANGS_UP, _ARRIVES, _SEATED, _TURNS, _ASKS, _LOOKS, _GIVES_UP = range(11)
"""What is due. At the same moment agents come before callers, and nobody gives up who could be answered."""


def run(
    callers: Sequence[Caller],
    roster: Sequence[Shift],
    queues: Mapping[str, Queue],
    order: Order,
    rules: Rules | None = None,
) -> Day:
    """The day from the first midnight to the end of the day of the last arrival; what is left then is left."""
    return _Run(callers, roster, queues, order, rules or Rules()).finish()


def days_of(callers: Sequence[Caller]) -> int:
    """How many days the arrivals span."""
    return 1 + int(max((caller.at_s for caller in callers), default=0.0) // DAY_S)


@dataclass(slots=True)
class _Waiting:
    """A caller in the line."""

    queue: str
    place_at: float
    slow_s: float
    priority: int | None = None
    met: frozenset[str] = frozenset()
    """The queues whose rule for overload they have met."""


class _Run:
    def __init__(
        self,
        callers: Sequence[Caller],
        roster: Sequence[Shift],
        queues: Mapping[str, Queue],
        order: Order,
        rules: Rules,
    ) -> None:
        self.callers = sorted(callers, key=lambda caller: caller.at_s)
        self.roster = roster
        self.queues = queues
        self.rules = rules
        self.line = Line(queues, order)
        self.waiting: dict[int, _Waiting] = {}
        self.waits = {name: Waits() for name, queue in queues.items() if queue.overload and queue.overload.when_wait_s}
        self.traffic = Traffic(rules.channels)
        self.tasks = Tasks(rules.dialling, lambda: self.line.on_duty)
        self.later: deque[int] = deque()
        """Tasks in the line whose turn is still to come."""
        self.turn_at = math.inf
        """When that of the first one is looked for."""
        self.dialled: dict[int, tuple[int, float, float]] = {}
        """Of each task under way: the agent who is reserved, since when, and until when it rings."""
        self.idle_since: dict[int, float] = {}
        self.up = self.at_once = 0
        self.over_s = max((shift.ends_s for shift in roster), default=0.0)
        """When the last shift is over."""
        self.shift_of = {shift.agent_id: n for n, shift in enumerate(roster)}
        self.intervals = [Figures() for _ in range(days_of(callers) * int(DAY_S / INTERVAL_S))]
        self.due: list[tuple[float, int, int]] = [(c.at_s, _ARRIVES, n) for n, c in enumerate(self.callers[:1])]
        for n, shift in enumerate(roster):
            self.due += (shift.begins_s, _BEGINS, n), (shift.ends_s, _ENDS, n)
            self._spread(shift.begins_s, shift.ends_s, "staffed_s")
        heapify(self.due)

    def finish(self) -> Day:
        happens = {
            _READY: self._ready,
            _BEGINS: self._begins,
            _ENDS: lambda n, now: self.line.sign_out(self.roster[n].agent_id),
            _TRIED: self._tried,
            _HANGS_UP: self._hangs_up,
            _ARRIVES: self._arrives,
            _SEATED: self._seated,
            _TURNS: self._turns,
            _ASKS: self._asks,
            _LOOKS: self._looks,
            _GIVES_UP: self._gives_up,
        }
        due, line = self.due, self.line
        while due:
            if (now := line.due_at()) < due[0][0]:
                self._match(now)  # a step opens
                continue
            now, kind, n = heappop(due)
            happens[kind](n, now)
        minutes = Counter(caller.at_s // 60 for caller in self.callers)
        return Day(self.intervals, self.tasks.states(), self.at_once, max(minutes.values(), default=0))

    # --- agents ---

    def _begins(self, n: int, now: float) -> None:
        self.idle_since[n] = now
        self._free(n, now)

    def _ready(self, n: int, now: float) -> None:
        self.idle_since[n] = now
        self._free(n, now)

    def _free(self, n: int, now: float) -> None:
        """No less idle than before, for whom only a citizen was dialled who did not answer."""
        shift = self.roster[n]
        if now < shift.ends_s:
            self.line.sign_in(shift.agent_id, shift.skills)
            self.line.free(shift.agent_id, self.idle_since[n])
            self._match(now)

    def _match(self, now: float) -> None:
        while pair := self.line.first_pair(now):
            call_id, agent_id = pair
            self.line.leave(call_id)
            self.line.busy(agent_id)
            n = self.shift_of[agent_id]
            if call_id[0] == "c":
                self._dial(int(call_id[1:]), n, now)
            else:
                self._answered(int(call_id), n, now)

    def _talks(self, caller: Caller, n: int, now: float) -> None:
        """An agent talks with a citizen from now on."""
        ready = now + caller.talk_s + caller.wrap_up_s
        self._spread(now, ready, "busy_s")
        self._spread(max(now, self.roster[n].ends_s), ready, "staffed_s")
        heappush(self.due, (ready, _READY, n))

    # --- calls ---

    def _arrives(self, n: int, now: float) -> None:
        caller = self.callers[n]
        if n + 1 < len(self.callers):
            heappush(self.due, (self.callers[n + 1].at_s, _ARRIVES, n + 1))
        self.up += 1
        self.at_once = max(self.at_once, self.up)
        figures = self._of(caller)
        figures.offered += 1
        slow_s = self._slowed(n, caller, now)
        figures.slowed += slow_s > 0
        place_at = self._came_again(caller, now)
        slow_s = slow_s if place_at is None else 0.0
        waiting = _Waiting(caller.queue, now if place_at is None else place_at, slow_s)
        self.waiting[n] = waiting
        self._joins(n, waiting)
        self._match(now)
        if n not in self.waiting:
            return
        if caller.patience_s < math.inf:
            heappush(self.due, (now + caller.patience_s, _GIVES_UP, n))
        self._offered(n, waiting, now)
        self._looks(n, now)

    def _slowed(self, n: int, caller: Caller, now: float) -> float:
        if not (self.rules.pacing.number or self.rules.pacing.trunk):
            return 0.0
        self.traffic.arrived(str(n), caller.ani, caller.trunk, now)
        if self.rules.listed(caller.ani):
            return 0.0
        verdict = self.traffic.judge(str(n), self.rules.pacing, None, now)
        if verdict is None:
            return 0.0
        self.traffic.slowed(str(n), verdict.by, now + verdict.slow_s)
        return verdict.slow_s

    def _joins(self, n: int, waiting: _Waiting) -> None:
        self.line.join(f"{n:08}", waiting.queue, waiting.place_at, priority=waiting.priority, slow_s=waiting.slow_s)

    def _answered(self, n: int, agent: int, now: float) -> None:
        caller = self.callers[n]
        figures, wait_s = self._of(caller), now - caller.at_s
        figures.answered += 1
        figures.waited += wait_s > 0
        figures.within_15 += wait_s <= SERVICE_S[0]
        figures.within_20 += wait_s <= SERVICE_S[1]
        figures.wait_s += wait_s
        figures.longest_s = max(figures.longest_s, wait_s)
        self._leaves(n, now, answered=True)
        self._talks(caller, agent, now)
        self.tasks.spoken(caller.ani, now)
        heappush(self.due, (now + caller.talk_s, _HANGS_UP, n))

    def _gives_up(self, n: int, now: float) -> None:
        if n in self.waiting:
            self._of(self.callers[n]).abandoned += 1
            self._unanswered(n, now, Outcome.ABANDONED)

    def _asks(self, n: int, now: float) -> None:
        if n in self.waiting:
            self._of(self.callers[n]).asked += 1
            self._unanswered(n, now, ASKED)

    def _unanswered(self, n: int, now: float, reason: str) -> None:
        """The caller leaves the line, and is to be called back."""
        caller = self.callers[n]
        figures = self._of(caller)
        figures.waited += 1
        figures.longest_s = max(figures.longest_s, now - caller.at_s)
        waiting = self._leaves(n, now, answered=False)
        self.line.leave(f"{n:08}")
        place_at = waiting.place_at + waiting.slow_s if reason == ASKED else now
        self.tasks.open(n, caller.ani, waiting.queue, reason, now, place_at, waiting.priority)
        self._hangs_up(n, now)

    def _hangs_up(self, n: int, now: float) -> None:
        """The call is over; somebody who is to be called back may be dialled from now on."""
        self.up -= 1
        self.traffic.ended(str(n), now)
        if (task := self.tasks.ended(self.callers[n].ani)) is not None:
            self._waits_for_seat(task, now)

    def _leaves(self, n: int, now: float, *, answered: bool) -> _Waiting:
        """The wait is over: it tells those who still wait what to expect, as in `Floor`."""
        waiting, at_s = self.waiting.pop(n), self.callers[n].at_s
        if waiting.queue in self.waits and waiting.place_at == at_s:
            self.waits[waiting.queue].add(now, now - at_s, answered)
        return waiting

    # --- overload ---

    def _looks(self, n: int, now: float) -> None:
        """Whether the line is overloaded for a caller who waits; those who have not met its rule look again."""
        waiting = self.waiting.get(n)
        rule = self.queues[waiting.queue].overload if waiting else None
        if waiting is None or rule is None or waiting.queue in waiting.met:
            return
        caller, queue = self.callers[n], waiting.queue
        kept = overload.can_be_kept(
            rule, queue, rule.queue or "", self.line, may_call_back=self.tasks.possible(caller.ani)
        )
        waited_s = now - caller.at_s
        if kept and overload.met(rule, queue, self.line, self.waits, f"{n:08}", waited_s, now):
            waiting.met |= {queue}
            self._led(n, waiting, rule, now)
            return
        if now > self.over_s:
            return
        left_s = (rule.when_wait_s or 0.0) - waited_s
        heappush(self.due, (now + (min(max(left_s, 0.001), LOOK_S) if left_s > 0 else LOOK_S), _LOOKS, n))

    def _led(self, n: int, waiting: _Waiting, rule: Overload, now: float) -> None:
        """What the rule does. Who is led into a menu, or only told something, stays where they are."""
        if rule.callback and self.callers[n].asks:
            self._asks(n, now)
        if rule.queue is None:
            return
        self._of(self.callers[n]).overflowed += len(waiting.met) == 1
        waiting.priority = priority_kept(self.queues, waiting.queue, waiting.priority)
        waiting.queue = rule.queue
        self._joins(n, waiting)
        self._match(now)
        self._looks(n, now)

    # --- calling back ---

    def _offered(self, n: int, waiting: _Waiting, now: float) -> None:
        """The key that asks for a callback, after the first announcement; some press it."""
        caller = self.callers[n]
        offer_s = self.rules.offers_s.get(waiting.queue)
        if caller.asks and offer_s is not None and self.tasks.possible(caller.ani):
            heappush(self.due, (now + offer_s, _ASKS, n))

    def _waits_for_seat(self, n: int, now: float) -> None:
        due_at = self.tasks.due_at(n)
        if due_at is not None:
            heappush(self.due, (max(now, due_at), _SEATED, n))

    def _seated(self, n: int, now: float) -> None:
        """A task that is due waits in the line, like a caller."""
        place_at = self.tasks.place(n, now)
        if place_at is not None:
            self._takes_place(n, place_at)
            if place_at > now:
                self.later.append(n)
                self._waits_for_turn(now)
            self._match(now)

    def _waits_for_turn(self, now: float) -> None:
        if self.later and (at := self.tasks.turn_at(self.later[0], now)) < self.turn_at:
            self.turn_at = at
            heappush(self.due, (at, _TURNS, 0))

    def _turns(self, _: int, now: float) -> None:
        """It is the turn of the next who was missed, unless they need no more to be called back, or not now."""
        if now < self.turn_at:  # looked for anew since
            return
        self.turn_at = math.inf
        while self.later:
            n = self.later[0]
            place_at = self.tasks.place(n, now)
            if place_at is not None and place_at > now:
                break
            self.later.popleft()
            if place_at is not None:
                self._takes_place(n, place_at)
        self._waits_for_turn(now)
        self._match(now)

    def _takes_place(self, n: int, place_at: float) -> None:
        task = self.tasks[n]
        self.line.join(f"c{n}", task.queue, place_at, priority=task.priority)

    def _came_again(self, caller: Caller, now: float) -> float | None:
        """The place that was kept for somebody who now calls themselves. A try under way is broken off."""
        n = self.tasks.arrived(caller.ani)
        if n is None:
            return None
        if n in self.dialled:
            agent, rang_s = self._reserved(n, now)
            self.tasks.tried(n, now, rang_s, "called_again")
            self._free(agent, now)
        self.line.leave(f"c{n}")
        return self.tasks.take_up(n, now)

    def _dial(self, n: int, agent: int, now: float) -> None:
        """An agent is reserved, and the citizen is dialled."""
        answers = self.tasks.dial(n, now) > self.callers[n].misses
        rings_s = PICKS_UP_S if answers else float(self.rules.dialling.ring_s)
        self.dialled[n] = agent, now, now + rings_s
        heappush(self.due, (now + rings_s, _TRIED, n))

    def _reserved(self, n: int, now: float) -> tuple[int, float]:
        """The dialling is over: the agent who was reserved for it, and for how long."""
        agent, since, _ = self.dialled.pop(n)
        self._spread(since, now, "busy_s")
        self._spread(max(since, self.roster[agent].ends_s), now, "staffed_s")
        return agent, now - since

    def _tried(self, n: int, now: float) -> None:
        if n not in self.dialled or self.dialled[n][2] != now:  # it was broken off
            return
        agent, rang_s = self._reserved(n, now)
        figures = self.intervals[min(int(now // INTERVAL_S), len(self.intervals) - 1)]
        if self.tasks[n].dials > self.callers[n].misses:
            figures.called_back += 1
            self.tasks.tried(n, now, rang_s + self.callers[n].talk_s)
            self._waits_for_turn(now)
            self._talks(self.callers[n], agent, now)
            return
        figures.not_reached += 1
        self.tasks.tried(n, now, rang_s, "no_answer")
        self._waits_for_turn(now)
        self._waits_for_seat(n, now)
        self._free(agent, now)

    # --- figures ---

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


def one_more(roster: Sequence[Shift], parts: Sequence[Figures]) -> Shift | None:
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
