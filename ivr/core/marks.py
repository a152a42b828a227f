"""Nuisance callers, marked by a supervisor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.core.numbers import national

MOST_DAYS = 30
"""How long a mark may last."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A nuisance caller, marked by a supervisor. `number` is as in the books; times are seconds since the epoch."""

    number: str
    by: str
    reason: str
    set_at: float
    until: float


class Marks:
    """All marks, by number however it is written. Frozen: a change is a new object."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self._marks: Mapping[str, Mark] = {national(mark.number): mark for mark in marks}

    def of(self, number: str, now: float) -> Mark | None:
        """The mark of a calling number that holds at `now`. A withheld number has none."""
        mark = self._marks.get(national(number)) if number else None
        return mark if mark and now < mark.until else None

    def holding(self, now: float) -> list[Mark]:
        """Those that hold at `now`, the newest first."""
        return sorted((mark for mark in self._marks.values() if now < mark.until), key=lambda m: -m.set_at)

    def set(self, mark: Mark) -> Marks:
        """With this one, in place of an earlier one of the same number; those that are over are left out."""
        return Marks((*self.holding(mark.set_at), mark))

    def lifted(self, number: str) -> Marks:
        return Marks(mark for mark in self._marks.values() if national(mark.number) != national(number))
