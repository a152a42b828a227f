"""The figures of a simulated day, by the half hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

INTERVAL_S = 1800.0
SERVICE_S = (15.0, 20.0)
"""Within how many seconds calls should be answered: GB/T 33358-2016 says 15; 20 is what most call centres report."""


@dataclass(slots=True)
class Figures:
    """What happened to the calls that arrived in an interval, and what its agents did then. Counts, and seconds."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    asked: int = 0
    """Calls that ended because the caller asked to be called back."""
    overflowed: int = 0
    """Calls that an overloaded line led to another one."""
    slowed: int = 0
    """Calls that stood further back in the line: too many from their number or over their trunk."""
    waited: int = 0
    """Calls for which no agent was free at once."""
    within_15: int = 0
    within_20: int = 0
    wait_s: float = 0.0
    """Sum over answered calls."""
    longest_s: float = 0.0
    """The longest wait of calls that have ended."""
    called_back: int = 0
    """Citizens whom an agent reached by calling back in this interval, whenever they had called."""
    not_reached: int = 0
    """Tries to call back in this interval that nobody answered."""
    busy_s: float = 0.0
    """Agents' seconds in talk and wrap-up, and while they wait for a citizen who is called back."""
    staffed_s: float = 0.0
    """Agents' seconds on duty, and those past the end of a shift until their last call is done."""

    @property
    def unanswered(self) -> int:
        """Still waiting when the last shift was over."""
        return self.offered - self.answered - self.abandoned - self.asked

    @property
    def mean_wait_s(self) -> float | None:
        return self.wait_s / self.answered if self.answered else None

    @property
    def occupancy(self) -> float | None:
        return self.busy_s / self.staffed_s if self.staffed_s else None

    def service_level(self, within_s: float) -> float | None:
        """Answered within T seconds ÷ offered. Whom no agent answered counts as missed, however soon they left."""
        if not self.offered:
            return None
        return (self.within_15 if within_s == SERVICE_S[0] else self.within_20) / self.offered


def total(parts: Sequence[Figures]) -> Figures:
    """All intervals as one."""
    sums = {field.name: sum(getattr(part, field.name) for part in parts) for field in fields(Figures)}
    return Figures(**{**sums, "longest_s": max((part.longest_s for part in parts), default=0.0)})
