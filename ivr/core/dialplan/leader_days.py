"""What `leader_days.toml` may hold: days on which a leader takes calls, announced and reachable only then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, PlainValidator, model_validator

from ivr.core.dialplan.hours import Period, period
from ivr.core.dialplan.queues import AgentId
from ivr.core.dialplan.targets import Key, Name, Table, Target


class Day(Table):
    """One leader, at the seats for some hours of one day."""

    date: date
    time: Annotated[Period, PlainValidator(period)]
    unit: str = Field(min_length=1)
    leader: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    seats: tuple[AgentId, ...] = ()
    """Who may take the calls, of the agents who have the line's skill; () leaves it to all of them."""
    prompt: Name | None = None
    """A recording that names leader and subject, instead of the general one."""

    @property
    def about(self) -> str:
        """What stays on the call."""
        return f"{self.unit}{self.leader}：{self.subject}"

    @model_validator(mode="after")
    def _one_day(self) -> Self:
        if self.time.end > 24 * 60:
            raise ValueError(f"{self.time} goes beyond midnight; write two days")
        return self


class LeaderDays(Table):
    menu: Name
    key: Key
    queue: Name
    may_wait: Annotated[int, Field(ge=1, le=99)] = 3
    """How many callers may stand in the leader's line."""
    prompt: Name
    full: Target
    """Where the key leads when that line is full, and who still waits when the day is over."""
    day: tuple[Day, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for first, second in pairwise(sorted(self.day, key=lambda day: (day.date, day.time))):
            if first.date == second.date and second.time.start < first.time.end:
                raise ValueError(f"day: {first.date}: {first.time} and {second.time} overlap")
        return self

    def now(self, at: float, timezone: str) -> Day | None:
        """The day that is on at `at`, in seconds since the epoch."""
        moment = datetime.fromtimestamp(at, ZoneInfo(timezone))
        minute = moment.hour * 60 + moment.minute
        return next((d for d in self.day if d.date == moment.date() and d.time.start <= minute < d.time.end), None)

    def announcement(self, day: Day) -> str:
        """The prompt that offers the key."""
        return day.prompt or self.prompt

    def prompts(self) -> Iterator[tuple[str, str]]:
        """Every prompt, with the key that it stands at."""
        yield "prompt", self.prompt
        for number, day in enumerate(self.day, start=1):
            if day.prompt:
                yield f"day.#{number}.prompt", day.prompt
