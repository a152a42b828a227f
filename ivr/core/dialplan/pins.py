"""PINs by telephone: where one leads, and how guessing is made useless."""

from __future__ import annotations

from collections import deque

from ivr.core.dialplan.plan import Led, Plan
from ivr.core.dialplan.targets import Target
from ivr.core.numbers import national

HOUR_S, DAY_S = 3600.0, 86400.0
MOST_OF_A_NUMBER = 6
"""Wrong PINs in an hour from one calling number, or from all withheld ones together. Then it is not asked any more."""
MOST_OF_ALL = 60
"""Wrong PINs in a day from everywhere: with 300 PINs of 6 digits, a guess comes true once in 55 days of trying."""


class Guesses:
    """The wrong PINs of the last day. In memory: a restart forgives, which who guesses cannot bring about."""

    def __init__(self) -> None:
        self._wrong: deque[tuple[float, str]] = deque()

    def wrong(self, ani: str, at: float) -> None:
        self._wrong.append((at, national(ani)))

    def allowed(self, ani: str, at: float) -> bool:
        """May somebody at this number type a PIN now?"""
        while self._wrong and at - self._wrong[0][0] > DAY_S:
            self._wrong.popleft()
        number = national(ani)
        lately = sum(whose == number and at - when <= HOUR_S for when, whose in self._wrong)
        return lately < MOST_OF_A_NUMBER and len(self._wrong) < MOST_OF_ALL


def right(plan: Plan, register: str, at: float) -> Led:
    """Where the right PIN leads: to where the register's callers are led."""
    return plan.through(plan.city.known[register], f"PIN of {register}", at)


def without(plan: Plan, register: str, why: str, at: float) -> Led:
    """Where a caller goes who has no PIN, or not the right one."""
    return plan.through(plan.city.pin[register].otherwise, why, at)


def question(plan: Plan, target: Target, tries: int) -> tuple[str, ...]:
    """What is played to a caller who has been asked so many times."""
    table = plan.city.pin[str(target.pin)]
    return (*target.say, *(table.again if tries else table.prompt))
