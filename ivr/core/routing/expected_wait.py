"""How long a caller may expect to wait: measured from those who were answered and from those who gave up.

Who gave up would have waited longer, nobody knows how long: their waits are censored. Leaving them out makes a busy
line look quick, just when it is not. So the share of callers who still wait after t seconds is estimated as

    S(t) = Π over waits tᵢ ≤ t that ended with an agent of (1 − dᵢ / nᵢ)

with dᵢ callers answered after tᵢ seconds, and nᵢ who had waited at least that long. Source: E. L. Kaplan, P. Meier,
Nonparametric estimation from incomplete observations, Journal of the American Statistical Association 53 (1958),
457–481; on call centres: L. Brown et al., Statistical analysis of a telephone call center, ibid. 100 (2005), 36–50.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

SPAN_S = 1800.0
"""How far back waits count."""
MOST = 300
"""How many, so that a busy line forgets sooner."""
LEAST = 5
"""With fewer answered calls nothing is said."""
LONGEST_S = 600.0
"""Longer waits are not told apart."""


def still_waiting(waits: Iterable[tuple[float, bool]]) -> list[tuple[float, float]]:
    """The curve: (seconds, share of callers who wait longer), at each wait that ended with an agent, ascending.

    `waits` are seconds and whether an agent ended them.
    """
    known = list(waits)
    ended = Counter(wait_s for wait_s, _ in known)
    with_agent = Counter(wait_s for wait_s, answered in known if answered)
    curve: list[tuple[float, float]] = []
    share, at_risk = 1.0, len(known)
    for wait_s in sorted(ended):
        if answered := with_agent[wait_s]:
            share *= 1 - answered / at_risk
            curve.append((wait_s, share))
        at_risk -= ended[wait_s]
    return curve


class _Known(NamedTuple):
    """What the waits of the last half hour tell."""

    answered: int
    longest_s: float
    curve: list[tuple[float, float]]


@dataclass(slots=True)
class Waits:
    """The latest waits in one line."""

    _seen: deque[tuple[float, float, bool]] = field(default_factory=lambda: deque(maxlen=MOST))
    _added: int = 0
    _known: tuple[tuple[int, int], _Known] | None = None
    """What was found last, by how many waits had ended and in which second: every caller asks twice a second."""

    def add(self, at: float, wait_s: float, answered: bool) -> None:
        """A wait ended at `at`: with an agent, or because the caller left."""
        self._seen.append((at, wait_s, answered))
        self._added += 1

    def expected_s(self, now: float, waited_s: float = 0.0) -> float | None:
        """Half of those who had waited as long were answered within so many seconds more.

        None when too little is known; math.inf when it is more than LONGEST_S.
        """
        known = self._recent(now)
        if known.answered < LEAST:
            return None
        curve = known.curve
        passed = bisect_right(curve, (waited_s, math.inf))
        half = (curve[passed - 1][1] if passed else 1.0) / 2
        for wait_s, share in curve[passed:]:
            if share <= half:
                return wait_s - waited_s if wait_s - waited_s <= LONGEST_S else math.inf
        return math.inf if known.longest_s - waited_s > LONGEST_S else None

    def _recent(self, now: float) -> _Known:
        found = (self._added, math.floor(now))
        if self._known is None or self._known[0] != found:
            recent = [(wait_s, answered) for at, wait_s, answered in self._seen if now - at <= SPAN_S]
            longest_s = max((wait_s for wait_s, _ in recent), default=0.0)
            known = _Known(sum(answered for _, answered in recent), longest_s, still_waiting(recent))
            self._known = (found, known)
        return self._known[1]
