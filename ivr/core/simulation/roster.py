"""Who works when, for the simulator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.core.simulation.demand import DAY_S

HOUR_S = 3600.0

SHIFTS = ((0.08, 0, 8), (0.15, 7, 15), (0.21, 8, 16), (0.22, 9, 17), (0.19, 13, 21), (0.15, 16, 24))
"""Share of the agents, first and last hour: the roster when none is given. An assumption that fits `demand.CURVE`."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One agent from `begins_s` to `ends_s`, seconds since the first midnight; a call begun is still finished."""

    agent_id: str
    skills: tuple[str, ...]
    begins_s: float
    ends_s: float


def default(agents: int, skills: Iterable[str]) -> list[Shift]:
    """`agents` people who can do everything, spread over SHIFTS; rounding goes to the largest shift."""
    counts = [int(agents * share) for share, _, _ in SHIFTS]
    counts[counts.index(max(counts))] += agents - sum(counts)
    known = tuple(skills)
    hours = [(begins, ends) for count, (_, begins, ends) in zip(counts, SHIFTS, strict=True) for _ in range(count)]
    return [Shift(f"A{n:05}", known, begins * HOUR_S, ends * HOUR_S) for n, (begins, ends) in enumerate(hours)]


def repeated(shifts: Iterable[Shift], days: int) -> list[Shift]:
    """The same shifts on each of `days` days; one that ends no later than it begins goes on past midnight."""
    made = []
    for shift in shifts:
        over = shift.ends_s <= shift.begins_s
        for day in range(-1 if over else 0, days):
            start_s = day * DAY_S
            begins_s, ends_s = start_s + shift.begins_s, start_s + shift.ends_s + (DAY_S if over else 0)
            if ends_s > 0:
                made.append(Shift(f"{shift.agent_id}/{day}", shift.skills, max(0.0, begins_s), ends_s))
    return made
