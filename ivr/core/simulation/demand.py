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
    asks: float = 0.0
    """Share of the callers to whom a callback is offered who take it."""
    reached: float = 1.0
    """Share of the tries to call back that the citizen answers."""


class Arrival(NamedTuple):
    """A call comes. `at_s`: seconds since the midnight with which the day begins."""

    at_s: float
    queue: str
    ani: str
    """Calling number, or "" when withheld."""
    trunk: str = ""


class Caller(NamedTuple):
    """One call of the day, with everything that chance has to say of it."""

    at_s: float
    queue: str
    talk_s: float
    wrap_up_s: float
    patience_s: float = math.inf
    ani: str = ""
    trunk: str = ""
    asks: bool = False
    """Takes a callback that is offered."""
    misses: int = 0
    """So many tries to call them back they do not answer."""


MISSES = 10
"""More tries than any hotline makes."""


def profile(
    calls: int, shares: Mapping[str, float], rng: random.Random, curve: Sequence[float] = CURVE, trunk: str = ""
) -> list[Arrival]:
    """One day's calls, each from a number of its own: a Poisson process of the curve's shape whose total is `calls`.

    `shares`: weight of each queue. `curve`: weights of equal parts of the day.
    """
    part_s = DAY_S / len(curve)
    parts = rng.choices(range(len(curve)), weights=curve, k=calls)
    queues = rng.choices(list(shares), weights=list(shares.values()), k=calls)
    moments = sorted(((part + rng.random()) * part_s, queue) for part, queue in zip(parts, queues, strict=True))
    return [Arrival(at_s, queue, own_number(n), trunk) for n, (at_s, queue) in enumerate(moments)]


def own_number(n: int) -> str:
    """A calling number that no other call has."""
    return f"9{n:010}"


def callers(arrivals: Iterable[Arrival], handling: Handling, rng: random.Random) -> list[Caller]:
    """Give each arrival its talk, its patience, and its ways with callbacks."""
    mu, sigma = _log_normal(handling.talk_s)
    exponential = handling.talk is Talk.EXPONENTIAL
    patience = handling.patience_s
    drawn = [
        Caller(
            arrival.at_s,
            arrival.queue,
            rng.expovariate(1 / handling.talk_s) if exponential else rng.lognormvariate(mu, sigma),
            handling.wrap_up_s,
            rng.expovariate(1 / patience) if patience is not None else math.inf,
            arrival.ani,
            arrival.trunk,
        )
        for arrival in sorted(arrivals)
    ]
    # Drawn afterwards, so that talks and patience are the same with and without callbacks.
    return [
        caller._replace(asks=rng.random() < handling.asks, misses=_misses(handling.reached, rng)) for caller in drawn
    ]


def _misses(reached: float, rng: random.Random) -> int:
    """How many tries are in vain before the first that is not."""
    return next((n for n in range(MISSES) if rng.random() < reached), MISSES)


def _log_normal(mean: float) -> tuple[float, float]:
    """The parameters of the log-normal with this mean and TALK_CV."""
    variance = math.log(1 + TALK_CV**2)
    return math.log(mean) - variance / 2, math.sqrt(variance)
