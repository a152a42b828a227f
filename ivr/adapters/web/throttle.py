"""Slowing down whoever guesses passwords, without locking an agent out of the hotline.

An account and address that signed in together before are judged by their own wrong passwords only, so that a stranger
who hammers an account from elsewhere does not keep the agent at their usual desk waiting. Everybody else waits for the
account's and the address's wrong passwords. No wait is longer than `LONGEST_WAIT_S`. State lives in memory: a restart
forgives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LONGEST_WAIT_S = 60.0
FORGET_S = 900.0
"""A counter with no wrong password for so long is forgotten."""
_FREE = {"pair": 3, "account": 3, "address": 10}
"""Wrong passwords without any delay, by what is counted."""
_MOST_COUNTERS = 10_000

Key = tuple[str, str]


@dataclass(slots=True)
class _Counter:
    failures: int = 0
    last: float = -math.inf


class Throttle:
    """Wrong passwords, counted. Times are seconds of one clock, given by the caller."""

    def __init__(self) -> None:
        self._counters: dict[Key, _Counter] = {}
        self._known: set[tuple[str, str]] = set()

    def attempt(self, user: str, address: str, now: float) -> float:
        """Seconds to wait before this password is looked at; 0 when it may be looked at now.

        An attempt that may go on counts as wrong until `succeeded` forgives it, so that a thousand attempts at the same
        moment are not all looked at.
        """
        keys = self._keys(user, address)
        wait = max(self._wait_s(key, now) for key in keys)
        if wait > 0:
            return wait
        if len(self._counters) > _MOST_COUNTERS:
            self._counters = {key: c for key, c in self._counters.items() if now - c.last < FORGET_S}
        for key in keys:
            counter = self._counters.setdefault(key, _Counter())
            if now - counter.last > FORGET_S:
                counter.failures = 0
            counter.failures += 1
            counter.last = now
        return 0.0

    def succeeded(self, user: str, address: str) -> None:
        """The password was right: forgive the pair and the account, and take this attempt off the address."""
        for key in (_pair(user, address), ("account", user)):
            self._counters.pop(key, None)
        counter = self._counters.get(("address", address))
        if counter and (user, address) not in self._known:
            counter.failures -= 1
        self._known.add((user, address))

    def _keys(self, user: str, address: str) -> tuple[Key, ...]:
        if (user, address) in self._known:
            return (_pair(user, address),)
        return ("account", user), ("address", address)

    def _wait_s(self, key: Key, now: float) -> float:
        counter = self._counters.get(key)
        if counter is None or now - counter.last > FORGET_S:
            return 0.0
        over = counter.failures - _FREE[key[0]]
        if over < 0:
            return 0.0
        delay = min(LONGEST_WAIT_S, 2.0 ** min(over, 10))
        return max(0.0, counter.last + delay - now)


def _pair(user: str, address: str) -> Key:
    return "pair", f"{user} {address}"
