"""What `queues.toml` may hold: the lines that callers wait in, and what they hear there."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from ivr.core.dialplan.targets import Key, Name, Table, Target
from ivr.core.skills import Skill, Skills

AgentId = Annotated[str, Field(pattern=r"^[0-9]{2,8}$")]


class Step(Table):
    """From `after_s` seconds of waiting on these agents may take the call too."""

    after_s: Annotated[float, Field(gt=0, le=3600)]
    skill: Skills = ()
    agents: tuple[AgentId, ...] = ()

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.skill and not self.agents:
            raise ValueError("skill or agents must say who may take the call from then on")
        return self


OFFER_KEY = "1"
"""What accepts the callback that an overloaded line offers: the shipped prompt says so."""


class Overload(Table):
    """Where callers of a line are led while it is overloaded, once per call. Mark and place stay."""

    when_waiting: Annotated[int, Field(ge=1, le=999)] | None = None
    """So many callers are ahead, as the announcement counts them."""
    when_wait_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    """The caller has waited so long, or must expect to wait as long."""
    say: tuple[Name, ...] = ()
    queue: Name | None = None
    menu: Name | None = None
    callback: bool = False
    """`say` offers to be called back: key 1."""
    stay: bool = False
    """Only `say`."""

    @property
    def target(self) -> Target:
        """Where it leads."""
        return Target(queue=self.queue, menu=self.menu, callback=self.callback, stay=self.stay, say=self.say)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.when_waiting is None and self.when_wait_s is None:
            raise ValueError("when_waiting or when_wait_s must say when the line is overloaded")
        if sum(map(bool, (self.queue, self.menu, self.callback, self.stay))) != 1:
            raise ValueError("must lead to exactly one of queue, menu, callback, stay")
        if (self.callback or self.stay) and not self.say:
            raise ValueError("callback and stay need say: what the caller hears")
        return self


class Queue(Table):
    name: str
    skill: Skills = Field(min_length=1)
    """What an agent must have from the first second on."""
    prefer: tuple[Skill, ...] = ()
    """Of the agents who may take the call, those who have these come first; the first word counts most."""
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    step: tuple[Step, ...] = ()
    key: dict[Key, Target] = Field(default_factory=dict)
    """Where a key leads that is pressed in the line, during an announcement or `wait_s` after it."""
    prompt: tuple[Name, ...] = ()
    """Played after each announcement: what the keys are for."""
    wait_s: Annotated[float, Field(ge=0, le=10)] = 2

    nobody_signed_in: Target | None = None
    """Where its callers go while nobody who serves it is signed in."""
    overload: Overload | None = None

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if bool(self.key) != bool(self.prompt):
            raise ValueError("key and prompt belong together: one of them is missing")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Every skill that it asks for, at once or later, or prefers."""
        return (*self.skill, *self.prefer, *(word for step in self.step for word in step.skill))

    @model_validator(mode="after")
    def _further(self) -> Self:
        if any(later.after_s <= step.after_s for step, later in pairwise(self.step)):
            raise ValueError("each step must have a larger after_s than the one before")
        groups = [(self.skill, ()), *((step.skill, step.agents) for step in self.step)]
        if len(set(groups)) < len(groups):
            raise ValueError("each step must name other skills or agents than those before")
        return self


class Order(Table):
    """What counts in the one line of all queues, besides waiting."""

    age_s: Annotated[float, Field(ge=0, le=3600)] = 30
    """Seconds of waiting that a point of priority is worth."""
    known_s: Annotated[float, Field(ge=0, le=60)] = 5
    """How long a call is kept for the agent who knows the caller, while that agent is in wrap-up."""
    known_days: Annotated[int, Field(ge=0, le=365)] = 7
    """For how many days an agent counts as knowing a number; 0: nobody does."""


EXPECTED_MIN = (1, 2, 3, 5, 10)
"""Minutes that an expected wait is told in."""


class Announce(Table):
    next: Name
    ahead: str
    most: Annotated[int, Field(ge=1, le=99)]
    many: Name
    every_s: Annotated[float, Field(ge=10, le=600)] = 30
    nobody: Name = "lines_full"
    """Said instead of the place while nobody is there, at this desk or at one that stands in."""
    busy: Name
    busy_after_s: Annotated[float, Field(ge=10, le=3600)] = 60

    expected: str = ""
    """Prompts for the expected wait, with `{n}` for EXPECTED_MIN; "" says nothing of it."""
    expected_more: Name | None = None

    @model_validator(mode="after")
    def _both_expected(self) -> Self:
        if bool(self.expected) != bool(self.expected_more):
            raise ValueError("expected and expected_more belong together: one of them is missing")
        return self

    def prompt_for_wait(self, expected_s: float | None) -> str | None:
        """The prompt for a wait of so many seconds, rounded up; None when nothing is known or is to be said."""
        if expected_s is None or not self.expected:
            return None
        n = next((minutes for minutes in EXPECTED_MIN if expected_s <= 60 * minutes), None)
        return self.expected_more if n is None else self.expected.replace("{n}", str(n))

    def prompt_for(self, ahead: int) -> str:
        """The prompt for a caller with so many others ahead."""
        if ahead <= 0:
            return self.next
        return self.ahead.replace("{n}", str(ahead)) if ahead <= self.most else self.many


class Queues(Table):
    order: Order = Order()
    queue: dict[Name, Queue] = Field(min_length=1)
    announce: Announce
