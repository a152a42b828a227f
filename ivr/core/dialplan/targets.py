"""The words that every table of the menu language shares: names, keys, and where a call is led."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Code = Annotated[str, Field(pattern=r"^[a-z]{2,12}$")]
"""A language or dialect; also its folder in prompts/."""
Number = Annotated[str, Field(pattern=r"^[+0-9][0-9]{2,19}$")]
"""A telephone number as it is dialled."""
Register = Annotated[str, Field(pattern=r"^(deputy|elderly)$")]
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


WAYS = ("menu", "queue", "pin", "repeat", "stay", "callback", "transfer")
"""Words of which a target holds exactly one."""


class Target(Gated):
    """Where a number, a key or silence leads."""

    menu: Name | None = None
    queue: Name | None = None
    pin: Register | None = None
    """Ask for a PIN of this register."""
    repeat: bool = False
    """The same menu again."""
    stay: bool = False
    """The same place in the same line."""
    callback: bool = False
    """Be called back, in one's turn."""
    transfer: Number | None = None
    """An outside number; whom it does not take waits in a line."""
    say: tuple[Name, ...] = ()
    mark: str = ""
    """What stays on the call; "" leaves the mark that it has."""
    priority: Annotated[int, Field(ge=0, le=100)] | None = None
    """Instead of the queue's."""
    emergency: bool = False
    """Before everybody who waits."""
    language: Code | None = None
    """Spoken from here on."""

    @property
    def ways(self) -> tuple[str, ...]:
        """Of WAYS, those that it holds."""
        return tuple(way for way in WAYS if getattr(self, way))

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.ways) != 1:
            raise ValueError(f"must lead to exactly one of {', '.join(WAYS)}")
        if self.priority is not None and self.queue is None:
            raise ValueError("priority goes with a queue")
        if self.emergency and self.queue is None and self.transfer is None:
            raise ValueError("emergency goes with a queue or a transfer")
        if self.language and (self.stay or self.callback or self.transfer):
            raise ValueError("language goes with menu, queue or repeat")
        if self.emergency and self.priority is not None:
            raise ValueError("emergency goes before every priority: leave priority out")
        return self
