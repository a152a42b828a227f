"""The words that every table of the menu language shares: names, keys, and where a call is led."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gated(Table):
    """What may be open at certain hours only; at all others the call is led to `closed` instead."""

    hours: Name | None = None
    closed: Target | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.hours is None) != (self.closed is None):
            raise ValueError("hours and closed belong together: one of them is missing")
        return self


class Target(Gated):
    """Where a number, a key or silence leads: exactly one of menu, queue or repeat."""

    menu: Name | None = None
    queue: Name | None = None
    repeat: bool = False
    say: tuple[Name, ...] = ()
    mark: str = ""

    @model_validator(mode="after")
    def _one(self) -> Target:
        if (self.menu is not None) + (self.queue is not None) + self.repeat != 1:
            raise ValueError("must lead to exactly one of menu, queue, repeat")
        return self
