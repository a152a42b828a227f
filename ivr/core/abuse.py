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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, NamedTuple

from pydantic import Field

from ivr.core.numbers import national
from ivr.core.spans import BACK_S
from ivr.core.targets import Name, Table

MARK, NUMBER, TRUNK = "mark", "number", "trunk"
"""What a call may be slowed by."""
MOST_DAYS = 30
"""How long a mark may last."""


class Limit(Table):
    """What one number may do without being slowed."""

    calls: Annotated[int, Field(ge=1, le=100_000)]
    within_s: Annotated[float, Field(ge=1, le=86_400)]
    live: Annotated[int, Field(ge=1, le=100_000)]
    """Calls at once; each further one comes `within_s / calls` seconds after the one before it."""
    say: tuple[Name, ...] = ()


class TrunkLimit(Table):
    """What one trunk may bring without being slowed; a number that is left out is that of the trunk's channels.

    A trunk of N channels whose calls last W seconds brings N / W calls a second at the most (J. D. C. Little, A proof
    for the queuing formula L = λW, Operations Research 9 (1961), 383–387). More than N in 60 s are calls that end
    within a minute on average on a full trunk, and sooner on one that is not. Conversations do not: it is a flood.
    """

    calls: Annotated[int, Field(ge=1, le=100_000)] | None = None
    within_s: Annotated[float, Field(ge=1, le=86_400)] = 60
    live: Annotated[int, Field(ge=1, le=100_000)] | None = None
    say: tuple[Name, ...] = ()

    def of(self, channels: int | None) -> Limit | None:
        """The limit of a trunk with so many channels. None, when they are needed and unknown: it has no limit."""
        calls, live = self.calls or channels, self.live or channels
        return Limit(calls=calls, within_s=self.within_s, live=live) if calls and live else None


class Marked(Table):
    """What happens to the callers whom a supervisor has marked."""

    slow_s: Annotated[float, Field(ge=0, le=3600)] = 600
    say: tuple[Name, ...] = ()


class Pacing(Table):
    """What `limits.toml` may hold."""

    number: Limit | None = None
    trunk: TrunkLimit | None = None
    marked: Marked = Marked()

    @property
    def longest_s(self) -> float:
        """For so long a call counts at the most."""
        return max((limit.within_s for limit in (self.number, self.trunk) if limit), default=0.0)

    def say(self, by: str) -> tuple[str, ...]:
        """What a caller hears who is slowed by this."""
        table = {MARK: self.marked, NUMBER: self.number, TRUNK: self.trunk}.get(by)
        return table.say if table else ()


# --- marks ------------------------------------------------------------------------------------------------------------


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


# --- limits -----------------------------------------------------------------------------------------------------------


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
