"""Calling citizens back: those who asked for it in the line, and those who reached nobody.

    open ──an agent is free at its turn──► calling ──an agent speaks with the citizen──► done
     ▲ │                                     │ │
     │ └──── the caller called again ────────┼─┴──► dropped
     └───────────── no answer ───────────────┘──three tries──► handed_to_person ──► done

A task is open until somebody spoke with the citizen, its place was taken up by a new call, or a person closed it with a
reason; no clock ever closes one. A number has one open task at the most.

While it is due, a task waits in the line like a caller: an agent is reserved first, then the citizen is dialled. Who
asked keeps the place that they had. Who was missed stands behind everybody who comes within `missed_after_s`; then it
is their turn, one after the other (`Turns`), so that neither the night's missed calls nor a flood of calls that hang up
at once keeps those waiting who call now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ivr.core import events as ev
from ivr.core.events import Event


class State(StrEnum):
    """Where a task is now."""

    OPEN = "open"
    CALLING = "calling"
    HANDED_TO_PERSON = "handed_to_person"
    DONE = "done"
    DROPPED = "dropped"
    CLOSED = "closed"


TRY_S, SHARE = 120.0, 0.1
"""What a try is taken to cost an agent until it is over; the share of the agents' time for those who were missed."""
LOOKED_S = 1.0
"""So often the places are looked at, at least."""
_BEHIND_S = 366 * 86400.0
"""Behind everybody who calls, and in order of what was due when."""
_FAR_S = 6 * 3600.0
"""No turn is further away: the clock may have been set back."""

ENDED = frozenset({State.DONE, State.DROPPED, State.CLOSED})

ASKED = "asked"
"""The reason of a task that the caller asked for; any other reason is the `Outcome` of a call that reached nobody."""

_NO_TRY = frozenset({"called_again", "shut_down"})
"""Attempts that were broken off by us, and do not count."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """When, how often and whom the hotline calls back: `[callback]` of config.toml."""

    possible: bool = False
    """There is a way to the outside."""
    opens: time = time(8)
    closes: time = time(21)
    missed: bool = True
    """Dial those who were missed, too; else a person does."""
    missed_after_s: float = 1800
    tries: int = 3
    pause_s: float = 600
    ring_s: int = 40
    dnis: str = "12345"
    """The hotline's number, which the citizen sees."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a task. `what` is the event's name, `detail` its reason."""

    at: float
    what: str
    detail: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Callback:
    """Everything known about one task. Times are seconds since the epoch."""

    task_id: str
    call_id: str
    """The call that it came from."""
    number: str
    """As it was delivered."""
    queue: str
    """"" when the caller never joined a line."""
    mark: str
    reason: str
    opened_at: float
    place_at: float
    """When the caller joined the line, or was missed."""
    next_at: float
    """Not before."""
    state: State = State.OPEN
    tries: int = 0
    """Tries that did not reach the citizen."""
    dials: int = 0
    """All attempts; numbers their calls."""
    try_id: str = ""
    """The call that is or was the latest attempt."""
    ordered: bool = False
    """A person wants the next attempt now, whatever the hours."""
    history: tuple[Entry, ...] = ()
    priority: int | None = None
    """Instead of the queue's."""
    emergency: bool = False
    language: str = ""
    """What the citizen had chosen, "" for the usual one."""

    @property
    def open(self) -> bool:
        return self.state not in ENDED


def begin(event: ev.CallbackOpened) -> Callback:
    return Callback(
        event.task_id, event.call_id, event.ani, event.queue, event.mark, event.reason,
        opened_at=event.at, place_at=event.place_at, next_at=event.at,
        history=(Entry(event.at, "opened", event.reason, event.call_id),),
        priority=event.priority, emergency=event.emergency, language=event.language,
    )  # fmt: skip


def evolve(task: Callback, event: Event) -> Callback:
    """The task after the event. One that has ended does not change."""
    if not task.open:
        return task
    match event:
        case ev.CallbackTried() if task.state is State.OPEN:
            task = replace(task, state=State.CALLING, dials=task.dials + 1, try_id=event.call_id)
            return _noted(task, event.at, "tried", "", event.call_id)
        case ev.CallbackFailed() if task.state is State.CALLING:
            tries = task.tries + (event.reason not in _NO_TRY)
            task = replace(task, state=State.OPEN, tries=tries, next_at=event.next_at, ordered=False)
            return _noted(task, event.at, "failed", event.reason, event.call_id)
        case ev.CallbackHandedOver() if task.state is State.OPEN:
            return _noted(replace(task, state=State.HANDED_TO_PERSON), event.at, "handed_over")
        case ev.CallbackOrdered() if task.state in (State.OPEN, State.HANDED_TO_PERSON):
            return _noted(
                replace(task, state=State.OPEN, next_at=event.at, ordered=True), event.at, "ordered", event.by
            )
        case ev.CallbackReached():
            return _noted(replace(task, state=State.DONE), event.at, "reached", "", event.call_id)
        case ev.CallbackDropped():
            return _noted(replace(task, state=State.DROPPED), event.at, "dropped", event.reason, event.call_id)
        case ev.CallbackClosed():
            return _noted(replace(task, state=State.CLOSED), event.at, "closed", f"{event.by}: {event.reason}")
    return task


def restored(task: Callback, rules: Dialling, now: float, *, calling: bool) -> Callback:
    """The task after a restart. `calling`: its attempt lives; one of which the journal knows no call was never made."""
    if task.state is State.CALLING and not calling:
        return replace(task, state=State.OPEN, next_at=now + rules.pause_s)
    return task


def _noted(task: Callback, at: float, what: str, detail: str = "", call_id: str = "") -> Callback:
    return replace(task, history=(*task.history, Entry(at, what, detail, call_id)))


# --- when and where in the line ---------------------------------------------------------------------------------------


def due_at(task: Callback, rules: Dialling, timezone: str) -> float | None:
    """From when on the task waits in the line, within the hours of the day; None when a person has to dial it."""
    if not rules.possible or task.state is not State.OPEN:
        return None
    if task.ordered:
        return task.next_at
    if task.reason != ASKED and not rules.missed:
        return None
    return _opening(task.next_at, rules, ZoneInfo(timezone))


def _opening(at: float, rules: Dialling, zone: ZoneInfo) -> float:
    """The time itself, or the next opening of the window when it is outside."""
    local = datetime.fromtimestamp(at, zone)
    if rules.opens <= local.time() < rules.closes:
        return at
    day = local.date() + timedelta(days=local.time() >= rules.closes)
    return datetime.combine(day, rules.opens, zone).timestamp()


class Turns:
    """The places of those who are to be called back among the callers who wait.

    Those who were missed get theirs one after the other, when the time has come that it stands for, so that nobody is
    overtaken who waits; and so far apart that, however many there are, they get a share of the time of the agents who
    are there. Until then they stand behind everybody; when nobody waits, a place is of no matter.
    """

    def __init__(self, there: Callable[[], int]) -> None:
        """`there`: how many agents are signed in now."""
        self._there = there
        self._given: dict[str, tuple[float, float]] = {}
        """Of each task that was missed and has had its turn: when it was due, and its place since then."""
        self._last = -math.inf

    def place(self, task: Callback, due: float, rules: Dialling, now: float) -> float:
        """The time of joining that gives the task its place."""
        if task.reason == ASKED:
            return task.place_at
        if task.ordered:
            return due
        given = self._given.get(task.task_id)
        if given and given[0] == due:
            return given[1]
        turn_at = self.turn_at(due, rules, now)
        if turn_at > now:
            return due + _BEHIND_S
        self._last = turn_at
        self._given[task.task_id] = due, turn_at
        return turn_at

    def turn_at(self, due: float, rules: Dialling, now: float) -> float:
        """When it is the turn of one who was missed, if nobody else gets a place before."""
        self._last = min(self._last, now + _FAR_S)
        return max(due + rules.missed_after_s, self._last + self._apart_s(TRY_S), now - LOOKED_S)

    def took(self, task_id: str, seconds: float) -> None:
        """The try of a task is over, and an agent was with it for so long: the next turn comes later, or sooner."""
        if task_id in self._given:
            self._last += self._apart_s(seconds - TRY_S)

    def _apart_s(self, try_s: float) -> float:
        return try_s / SHARE / max(1, self._there())

    def forget(self, task_id: str) -> None:
        """Of a task that has ended."""
        self._given.pop(task_id, None)


def not_reached(task: Callback, reason: str, at: float, rules: Dialling) -> Iterator[Event]:
    """The try under way came to nothing; after the last one a person decides."""
    pause_s = 0.0 if reason in _NO_TRY else rules.pause_s
    failed = ev.CallbackFailed(at, task.task_id, task.try_id, reason, at + pause_s)
    yield failed
    if evolve(task, failed).tries >= rules.tries:
        yield ev.CallbackHandedOver(at, task.task_id)
