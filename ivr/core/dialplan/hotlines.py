"""Hotlines of departments that were merged into this one: decoded `dialplans/hotlines.toml`.

The ways of merging are those of the State Council's document 国办发〔2020〕53号.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from ivr.core.dialplan.targets import Table, Target
from ivr.core.numbers import national


class Way(StrEnum):
    """How a hotline was merged."""

    MERGED = "merged"
    DOUBLE = "double"
    BRANCH = "branch"


WAYS = {Way.MERGED: "整体并入", Way.DOUBLE: "双号并行", Way.BRANCH: "分中心"}


class Hotline(Target):
    """One number, and where its callers are led."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    department: Annotated[str, Field(min_length=1, max_length=40)]
    way: Way
    merged_on: date
    """The first day on which it counts."""
    until: date | None = None
    """The last day, when it was taken out again."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.until is not None and self.until < self.merged_on:
            raise ValueError("until is before merged_on")
        return self

    def counts(self, day: date) -> bool:
        return self.merged_on <= day and (self.until is None or day <= self.until)


class Hotlines(Table):
    count: Annotated[int, Field(ge=0)]
    """How many there are, so that none is lost by accident."""
    hotline: dict[Annotated[str, Field(pattern=r"^[0-9]{3,12}$")], Hotline] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.count != len(self.hotline):
            raise ValueError(f"count says {self.count}, but there are {len(self.hotline)} hotlines")
        return self

    def dialled(self, dnis: str, at: float, timezone: str) -> tuple[str, Hotline] | None:
        """The merged hotline of a dialled number (any text), and its number, when it counts on the day of `at`."""
        number = national(dnis)
        hotline = self.hotline.get(number)
        if hotline is None or not hotline.counts(datetime.fromtimestamp(at, ZoneInfo(timezone)).date()):
            return None
        return number, hotline


NONE = Hotlines(count=0)


def listed_twice(hotlines: Hotlines, numbers: Mapping[str, Target]) -> Iterator[str]:
    for number in hotlines.hotline.keys() & numbers.keys():
        yield f"hotlines.toml: hotline.{number}: this number stands in city.toml, too; remove one of them."
