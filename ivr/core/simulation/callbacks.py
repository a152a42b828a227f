"""Calling back on a simulated day: the tasks of `callbacks` by their own rules, without a floor.

Seconds are those of the simulation; the hours of the day are read off them as they stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from ivr.core import callbacks
from ivr.core import events as ev
from ivr.core.callbacks import ASKED, Callback, Dialling, State, Turns
from ivr.core.numbers import national

_CLOCK = "UTC"


class Tasks:
    """Whom to call back, by the number of the call that it came from."""

    def __init__(self, rules: Dialling, there: Callable[[], int]) -> None:
        self._rules = rules
        self._turns = Turns(there)
        self._tasks: dict[int, Callback] = {}
        self._wanted: dict[str, int] = {}
        """The open task of each number."""
        self._on_the_line: Counter[str] = Counter()
        """Numbers that have a call with us just now: nobody is dialled while they call."""

    def __getitem__(self, n: int) -> Callback:
        return self._tasks[n]

    def of(self, ani: str) -> int | None:
        """The open task of a number."""
        return self._wanted.get(national(ani))

    def possible(self, ani: str) -> bool:
        """The hotline can call outside, and the caller's number is known."""
        return self._rules.possible and bool(national(ani))

    def open(self, n: int, ani: str, queue: str, reason: str, at: float, place_at: float, priority: int | None) -> bool:
        """Somebody is to be called back. A number has one open task at the most: a missed call adds none to it."""
        before = self.of(ani)
        if not national(ani) or (before is not None and reason != ASKED):
            return False
        if before is not None:
            self._change(before, ev.CallbackDropped(at, str(before), str(n), "asked_anew"))
        opened = ev.CallbackOpened(at, str(n), str(n), ani, queue, "", reason, place_at, priority)
        self._set(n, callbacks.begin(opened))
        return True

    def place(self, n: int, now: float) -> float | None:
        """The place in the line of a task that is due now, see `Turns`; None when it is not."""
        due, task = self.due_at(n), self._tasks[n]
        if due is None or now < due or self._on_the_line[national(task.number)]:
            return None
        return self._turns.place(task, due, self._rules, now)

    def turn_at(self, n: int, now: float) -> float:
        """When it is the turn of this one, who was missed. See `Turns`."""
        due = self.due_at(n)
        return now if due is None else self._turns.turn_at(due, self._rules, now)

    def due_at(self, n: int) -> float | None:
        """From when on the task waits in the line; None when a person has to dial it, or it is done."""
        return callbacks.due_at(self._tasks[n], self._rules, _CLOCK)

    def dial(self, n: int, now: float) -> int:
        """The citizen is dialled: which try it is, from 1."""
        task = self._tasks[n]
        try_id = f"{n}.{task.dials + 1}"
        self._change(n, ev.CallbackTried(now, try_id, task.task_id, task.number, task.queue, "", task.place_at))
        return task.dials + 1

    def tried(self, n: int, now: float, agent_s: float, reason: str = "") -> None:
        """How the try under way ended: with a talk, or for a reason of `CitizenNotReached`.

        `agent_s`: how long an agent was with it, the talk included.
        """
        task = self._tasks[n]
        self._turns.took(task.task_id, agent_s)
        if reason:
            self._change(n, *callbacks.not_reached(task, reason, now, self._rules))
        else:
            self._change(n, ev.CallbackReached(now, task.task_id, task.try_id))

    def arrived(self, ani: str) -> int | None:
        """A number calls: its open task, if there is one."""
        if number := national(ani):
            self._on_the_line[number] += 1
        return self.of(ani)

    def take_up(self, n: int, now: float) -> float | None:
        """The place that was kept for somebody who had asked, and now calls: they stand in the line themselves."""
        task = self._tasks[n]
        if task.reason != ASKED:
            return None
        self._change(n, ev.CallbackDropped(now, task.task_id, "", "called_again"))
        return task.place_at

    def ended(self, ani: str) -> int | None:
        """A call of this number is over: its open task, if there is one."""
        number = national(ani)
        self._on_the_line[number] -= 1
        if self._on_the_line[number] <= 0:
            del self._on_the_line[number]
        return self.of(ani)

    def spoken(self, ani: str, now: float) -> None:
        """An agent speaks with somebody who has called: an open task of theirs is done."""
        if (n := self.of(ani)) is not None:
            self._change(n, ev.CallbackReached(now, str(n), ""))

    def states(self) -> Counter[State]:
        """How many tasks are in each state."""
        return Counter(task.state for task in self._tasks.values())

    def _change(self, n: int, *events: ev.Event) -> None:
        self._set(n, reduce(callbacks.evolve, events, self._tasks[n]))

    def _set(self, n: int, task: Callback) -> None:
        self._tasks[n] = replace(task, history=())
        number = national(task.number)
        if task.open:
            self._wanted[number] = n
        elif self._wanted.get(number) == n:
            del self._wanted[number]
