"""What `limits.toml` may hold: how often one number or one trunk may call without being slowed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ivr.core.dialplan.targets import Name, Table

MARK, NUMBER, TRUNK = "mark", "number", "trunk"
"""What a call may be slowed by."""


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
