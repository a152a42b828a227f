"""Nuisance callers and floods: who is slowed down, and by how much. Nobody is refused.

A number or a trunk that calls more often than its limit allows is served as if it called at the pace that is allowed:
each call counts for a moment, no span of `within_s` holds more than `calls` of these moments, and a slowed call takes
its place in the line as if it came at its moment. So the others wait as if there were no more calls than the limit, and
the slowed ones are served too, each after a bounded time. (The virtual times of fair queueing; the bound of the leaky
bucket as a sliding window.) What is slowed for its number or its mark does not count against its trunk.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from ivr.core.dialplan.limits import MARK, NUMBER, TRUNK, Limit, Pacing
from ivr.core.marks import Mark
from ivr.core.numbers import national
from ivr.core.spans import BACK_S


class Slowed(NamedTuple):
    """The verdict on a call that is slowed: by what, how many seconds it stands further back, and why in words."""

    by: str
    slow_s: float
    why: str


@dataclass(slots=True)
class _Calls:
    """The calls of one number or one trunk."""

    moments: list[tuple[float, str]] = field(default_factory=list)
    """Sorted: the moment for which a call counts, and its id."""
    at: dict[str, float] = field(default_factory=dict)
    """The moment of each call in the list."""
    live: set[str] = field(default_factory=set)
    last_at: float = 0.0
    """When one last arrived."""

    def put(self, call_id: str, moment: float) -> None:
        self.take(call_id)
        self.at[call_id] = moment
        insort(self.moments, (moment, call_id))

    def take(self, call_id: str) -> None:
        if (moment := self.at.pop(call_id, None)) is not None:
            del self.moments[bisect_left(self.moments, (moment, call_id))]

    def forget(self, until: float) -> None:
        """The moments before `until`."""
        end = bisect_left(self.moments, (until, ""))
        for _, call_id in self.moments[:end]:
            del self.at[call_id]
        del self.moments[:end]

    def earliest(self, limit: Limit, call_id: str, now: float) -> tuple[float, str]:
        """The moment that the limit allows to a call that arrives now, and the rule in words."""
        own = self.at.get(call_id, now)
        self.take(call_id)
        moment, why = now, ""
        if len(self.moments) >= limit.calls and (free := self.moments[-limit.calls][0] + limit.within_s) > moment:
            moment, why = free, f"more than {limit.calls} calls in {limit.within_s:g} s"
        live = len(self.live) - (call_id in self.live)
        if live >= limit.live:
            last = max(now, self.moments[-1][0] if self.moments else now)
            if (free := last + limit.within_s / limit.calls) > moment:
                moment, why = free, f"more than {limit.live} calls at once"
        self.put(call_id, own)
        return moment, why


class Traffic:
    """Who has called of late: what `CallArrived`, `CallerSlowed` and `CallEnded` tell of it."""

    def __init__(self, channels: Mapping[str, int] = MappingProxyType({})) -> None:
        """`channels`: how many calls each trunk carries at once, by its name."""
        self._channels = channels
        self._calls: dict[tuple[str, str], _Calls] = {}
        self._of: dict[str, list[tuple[str, str]]] = {}
        """Whose calls a live call counts among."""
        self._swept_at = 0.0

    def arrived(self, call_id: str, ani: str, trunk: str, now: float) -> None:
        whose = [(NUMBER, national(ani)), (TRUNK, trunk)]
        self._of[call_id] = [key for key in whose if key[1]]
        for key in self._of[call_id]:
            calls = self._calls.setdefault(key, _Calls())
            if now < calls.last_at - BACK_S:  # the clock was set back: nobody knows when the others came
                calls.forget(math.inf)
            calls.put(call_id, now)
            calls.live.add(call_id)
            calls.last_at = now

    def recall(self, call_id: str, ani: str, at: float) -> None:
        """A call that was over before the controller started."""
        if number := national(ani):
            self._calls.setdefault((NUMBER, number), _Calls()).put(call_id, at)

    def slowed(self, call_id: str, by: str, moment: float) -> None:
        """The call counts for this moment."""
        for key in self._of.get(call_id, ()):
            if key[0] == TRUNK and by != TRUNK:
                self._calls[key].take(call_id)
            elif key[0] == TRUNK or by != TRUNK:
                self._calls[key].put(call_id, moment)

    def ended(self, call_id: str, now: float) -> None:
        """Who hangs up before their moment has not used it."""
        for key in self._of.pop(call_id, ()):
            calls = self._calls[key]
            calls.live.discard(call_id)
            if calls.at.get(call_id, now) > now:
                calls.take(call_id)

    def judge(self, call_id: str, pacing: Pacing, mark: Mark | None, now: float) -> Slowed | None:
        """Whether a call that has just arrived is slowed. None: it is not."""
        self._sweep(pacing, now)
        verdicts = [Slowed(MARK, pacing.marked.slow_s, "marked")] if mark else []
        for key in self._of.get(call_id, ()):
            limit = self._limit(key, pacing)
            if limit and not (key[0] == TRUNK and verdicts):
                self._calls[key].forget(now - limit.within_s)
                moment, why = self._calls[key].earliest(limit, call_id, now)
                if moment > now:
                    verdicts.append(Slowed(key[0], moment - now, f"{why} from this {key[0]}"))
        worst = max(verdicts, key=lambda verdict: verdict.slow_s, default=None)
        return worst._replace(by=MARK) if worst and mark else worst

    def _limit(self, key: tuple[str, str], pacing: Pacing) -> Limit | None:
        whose, name = key
        if whose == NUMBER:
            return pacing.number
        return pacing.trunk.of(self._channels.get(name)) if pacing.trunk else None

    def _sweep(self, pacing: Pacing, now: float) -> None:
        """Forget who has not called for long, now and then: a day of calls must not fill the memory."""
        if abs(now - self._swept_at) <= pacing.longest_s:
            return
        self._swept_at = now
        for key, calls in list(self._calls.items()):
            calls.forget(now - pacing.longest_s)
            if not calls.live and not calls.moments:
                del self._calls[key]
