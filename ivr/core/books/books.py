"""The books: calls counted by interval and queue, so that offered = the sum of outcomes + calls in progress, always.

A call belongs to the interval in which it arrived, in the city's time, and to the last queue that it joined ("" when it
joined none). Offered are calls that came in: one that we made, to call a citizen back, is in no interval. Whether a
call was answered, and when, is read from its times and never from its outcome, so that the list of outcomes may grow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo

from ivr.core.calls import Outcome
from ivr.core.errors import BooksError

DAY_MIN = 1440
INTERVALS = {"15": 15, "30": 30, "60": 60, "day": DAY_MIN}
"""Lengths of an interval in minutes, by what people write; `day` is a calendar day."""
MOST_INTERVALS = 3000
"""A month by the quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the books need of one call. Times are seconds since the epoch."""

    call_id: str
    queue: str
    arrived_at: float
    queued_at: float | None
    answered_at: float | None
    ended_at: float | None
    outcome: Outcome | None
    wait_s: float | None
    talk_s: float
    rating: int | None

    @property
    def live(self) -> bool:
        return self.outcome is None


@dataclass(slots=True)
class Figures:
    """Sums over calls; sums of disjoint sets of calls add up."""

    offered: int = 0
    in_progress: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    queued: int = 0
    """Calls that joined a line."""
    answered: int = 0
    """Calls that an agent answered, also those still going on."""
    answered_in_time: int = 0
    waits: int = 0
    """Calls whose time in the line is over."""
    wait_s: float = 0.0
    longest_wait_s: float = 0.0
    answered_wait_s: float = 0.0
    talks: int = 0
    """Answered calls that are over."""
    talk_s: float = 0.0
    ratings: Counter[int] = field(default_factory=Counter)
    """1 … 5; 0 is "asked, not rated"."""

    def add(self, entry: Entry, service_level_s: float) -> None:
        self.offered += 1
        if entry.outcome is None:
            self.in_progress += 1
        else:
            self.outcomes[entry.outcome] += 1
        if entry.rating is not None:
            self.ratings[entry.rating] += 1
        self.queued += entry.queued_at is not None
        if entry.wait_s is not None and not (entry.live and entry.answered_at is None):
            self._add_wait(entry.wait_s)
        if entry.answered_at is not None:
            self.answered += 1
            self.answered_wait_s += entry.wait_s or 0.0
            self.answered_in_time += (entry.wait_s or 0.0) <= service_level_s
            if not entry.live:
                self.talks += 1
                self.talk_s += entry.talk_s

    def _add_wait(self, wait_s: float) -> None:
        self.waits += 1
        self.wait_s += wait_s
        self.longest_wait_s = max(self.longest_wait_s, wait_s)

    @property
    def service_level(self) -> float | None:
        """Answered in time ÷ all that joined a line, abandoned ones and those still waiting included; 0 … 1."""
        return _share(self.answered_in_time, self.queued)

    @property
    def average_wait_s(self) -> float | None:
        return _share(self.wait_s, self.waits)

    @property
    def average_answered_wait_s(self) -> float | None:
        return _share(self.answered_wait_s, self.answered)

    @property
    def average_talk_s(self) -> float | None:
        return _share(self.talk_s, self.talks)


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one interval and one queue; `queue` None is all calls together."""

    start: float
    end: float
    queue: str | None
    figures: Figures


class Books:
    """Calls that arrived from `since` up to, not including, `until`. `add` them in any order, then read `lines`."""

    def __init__(
        self,
        since: float,
        until: float,
        interval: str,
        zone: tzinfo,
        service_level_s: float,
        queue: str | None = None,
    ) -> None:
        """`interval` is a key of INTERVALS; `queue` None: all of them. Raises BooksError for what cannot be shown."""
        self.since = since
        self.until = until
        self.service_level_s = service_level_s
        self.queue = queue
        self.zone = zone
        if interval not in INTERVALS:
            raise BooksError(f"interval: {interval!r} is none of {', '.join(INTERVALS)}.")
        self._interval_min = INTERVALS[interval]
        if not since < until:
            raise BooksError("to: the end of the period must be after its beginning.")
        if (until - since) / 60 / self._interval_min > MOST_INTERVALS:
            raise BooksError(
                f"interval: the period has more than {MOST_INTERVALS} intervals; make it shorter, or take longer ones."
            )
        self._cells: dict[tuple[float, str | None], Figures] = {}
        self._totals: dict[str | None, Figures] = {queue: Figures()}

    def add(self, entry: Entry) -> None:
        """Count the call, if it belongs here."""
        if not self.since <= entry.arrived_at < self.until or self.queue not in (None, entry.queue):
            return
        start = self._start(entry.arrived_at).timestamp()
        for queue in (entry.queue, None):
            self._cells.setdefault((start, queue), Figures()).add(entry, self.service_level_s)
            self._totals.setdefault(queue, Figures()).add(entry, self.service_level_s)

    def lines(self) -> Iterator[Line]:
        """By time; in each interval all calls together, then each queue of the period. Empty intervals are there."""
        for start, end in self.intervals():
            for queue in self._queues():
                yield Line(start, end, queue, self._cells.get((start, queue), Figures()))

    def totals(self) -> list[Line]:
        """The whole period: all calls together, then each queue."""
        return [Line(self.since, self.until, queue, self._totals[queue]) for queue in self._queues()]

    def intervals(self) -> Iterator[tuple[float, float]]:
        """Beginning and end of every interval that the period touches."""
        begin = self._start(self.since)
        while begin.timestamp() < self.until:
            end = self._next(begin)
            yield begin.timestamp(), end.timestamp()
            begin = end

    def _queues(self) -> list[str | None]:
        queues: list[str | None] = [*sorted(queue for queue in self._totals if queue is not None)]
        return queues if self.queue is not None else [None, *queues]

    def _start(self, at: float) -> datetime:
        moment = datetime.fromtimestamp(at, self.zone)
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if self._interval_min == DAY_MIN:
            return midnight
        past_min = moment.hour * 60 + moment.minute
        begin = midnight + timedelta(minutes=past_min // self._interval_min * self._interval_min)
        return begin.replace(fold=moment.fold)

    def _next(self, begin: datetime) -> datetime:
        if self._interval_min == DAY_MIN:
            return self._start(datetime.combine(begin.date() + timedelta(days=1), time(), self.zone).timestamp())
        return self._start(begin.timestamp() + self._interval_min * 60)


@dataclass(frozen=True, slots=True)
class Kept:
    """One call as table and journal keep it. `arrived_at` None: the table has no such call."""

    call_id: str
    arrived_at: float | None
    ended_at: float | None
    outcome: str | None
    ends: tuple[str, ...]
    """The outcome of every `CallEnded` in the journal."""


def imbalance(kept: Kept) -> str:
    """A sentence that says how this call keeps the books from balancing, or ""."""
    call = f"the books do not balance: call {kept.call_id}"
    if kept.arrived_at is None:
        return f"{call} is in the journal and not in the table of calls."
    if len(kept.ends) > 1:
        return f"{call} ended {len(kept.ends)} times in the journal: {', '.join(kept.ends)}."
    if (kept.outcome is None) != (kept.ended_at is None):
        return f"{call} has {'an end and no outcome' if kept.outcome is None else 'an outcome and no end'}."
    if kept.outcome is not None and kept.outcome not in list(Outcome):
        return f"{call} has the outcome {kept.outcome!r}, which is not in the list."
    if kept.ends != (() if kept.outcome is None else (kept.outcome,)):
        table, journal = kept.outcome or "not over", ", ".join(kept.ends) or "not over"
        return f"{call} is {table} in the table and {journal} in the journal."
    return ""
