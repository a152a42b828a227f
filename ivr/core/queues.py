"""What `queues.toml` may hold: the lines that callers wait in, and what they hear there."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ivr.core.targets import Key, Name, Table, Target


class Queue(Table):
    name: str
    skill: Name
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    key: dict[Key, Target] = Field(default_factory=dict)
    """Where a key leads that is pressed in the line, during an announcement or `wait_s` after it."""
    prompt: tuple[Name, ...] = ()
    """Played after each announcement: what the keys are for."""
    wait_s: Annotated[float, Field(ge=0, le=10)] = 2

    nobody_signed_in: Target | None = None
    """Where its callers go while nobody who serves it is signed in."""

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if bool(self.key) != bool(self.prompt):
            raise ValueError("key and prompt belong together: one of them is missing")
        return self


class Announce(Table):
    next: Name
    ahead: str
    most: Annotated[int, Field(ge=1, le=99)]
    many: Name
    every_s: Annotated[float, Field(ge=10, le=600)] = 30
    busy: Name
    busy_after_s: Annotated[float, Field(ge=10, le=3600)] = 60

    def prompt_for(self, ahead: int) -> str:
        """The prompt for a caller with so many others ahead."""
        if ahead <= 0:
            return self.next
        return self.ahead.replace("{n}", str(ahead)) if ahead <= self.most else self.many


class Queues(Table):
    queue: dict[Name, Queue] = Field(min_length=1)
    announce: Announce
