"""Who calls when, and how long each talks: drawn once, so that two runs differ in nothing but what was changed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

DAY_S = 86400.0

CURVE = (
    *(0.8, 0.5, 0.4, 0.3, 0.3, 0.5, 1.2, 3.0, 7.4, 9.8, 9.4, 6.6),
    *(4.4, 5.0, 7.6, 8.6, 8.2, 6.4, 4.6, 4.2, 3.9, 3.2, 2.3, 1.4),
)
"""Weight of each hour of a working day. An assumption (two peaks, a dip at noon, a quiet night), not a measurement."""

TALK_CV = 1.0
"""Standard deviation of a talk over its mean, for log-normal talks. An assumption; the exponential's is 1 by nature."""


class Talk(StrEnum):
    """How talk times are spread around their mean."""

    LOG_NORMAL = "log-normal"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class Handling:
    """What a call costs. Means in seconds; wrap-up is the same for all; no patience means that nobody gives up."""

    talk_s: float = 180.0
    wrap_up_s: float = 30.0
    patience_s: float | None = None
    talk: Talk = Talk.LOG_NORMAL


class Caller(NamedTuple):
    """One call of the day. `at_s`: seconds since the midnight with which the day begins."""

    at_s: float
    queue: str
    talk_s: float
    wrap_up_s: float
    patience_s: float = math.inf


def profile(
    calls: int, shares: Mapping[str, float], rng: random.Random, curve: Sequence[float] = CURVE
) -> list[tuple[float, str]]:
    """Moments and queues of one day's calls: a Poisson process of the curve's shape whose total is `calls`.

    `shares`: weight of each queue. `curve`: weights of equal parts of the day.
    """
    part_s = DAY_S / len(curve)
    parts = rng.choices(range(len(curve)), weights=curve, k=calls)
    queues = rng.choices(list(shares), weights=list(shares.values()), k=calls)
    return sorted(((part + rng.random()) * part_s, queue) for part, queue in zip(parts, queues, strict=True))


def callers(arrivals: Iterable[tuple[float, str]], handling: Handling, rng: random.Random) -> list[Caller]:
    """Give each arrival its talk and its patience."""
    mu, sigma = _log_normal(handling.talk_s)
    exponential = handling.talk is Talk.EXPONENTIAL
    patience = handling.patience_s
    return [
        Caller(
            at_s,
            queue,
            rng.expovariate(1 / handling.talk_s) if exponential else rng.lognormvariate(mu, sigma),
            handling.wrap_up_s,
            rng.expovariate(1 / patience) if patience is not None else math.inf,
        )
        for at_s, queue in sorted(arrivals)
    ]


def _log_normal(mean: float) -> tuple[float, float]:
    """The parameters of the log-normal with this mean and TALK_CV."""
    variance = math.log(1 + TALK_CV**2)
    return math.log(mean) - variance / 2, math.sqrt(variance)
