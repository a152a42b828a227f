"""Where a call leads: decoded `dialplans/*.toml` tables to a checked `Plan`.

A plan that was accepted strands nobody: every menu leaves every key, silence included, to a queue within a bounded
number of questions. A plan is frozen; a call keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ivr.core.errors import DialplanError, sentences
from ivr.core.numbers import national

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
MAX_STEPS = 12
"""Questions and prompts one call may hear before it is led to the default queue, whatever the menus say."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(_Table):
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


class Caller(Target):
    """Callers recognised by the number they call from."""

    name: Name
    numbers: tuple[str, ...] = Field(min_length=1)


class Menu(_Table):
    prompt: tuple[Name, ...] = Field(min_length=1)
    wait_s: Annotated[float, Field(ge=0, le=10)] = 3
    tries: Annotated[int, Field(ge=1, le=3)] = 1
    key: dict[Key, Target] = {}
    no_input: Target
    wrong_key: Target


class Recording(_Table):
    notice: Name


class Rating(_Table):
    prompt: Name
    keys: tuple[Key, ...] = ("1", "2", "3", "4", "5")
    rated: Name
    not_rated: Name


class City(_Table):
    default: Target
    number: dict[str, Target] = {}
    caller: tuple[Caller, ...] = ()
    menu: dict[Name, Menu] = {}
    recording: Recording
    rating: Rating


class Queue(_Table):
    name: str
    skill: Name
    priority: Annotated[int, Field(ge=0, le=100)] = 0


class Announce(_Table):
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


class Queues(_Table):
    queue: dict[Name, Queue] = Field(min_length=1)
    announce: Announce


class Plan(_Table):
    """Everything that decides where a call leads."""

    city: City
    queues: Queues
    durations: dict[str, float]
    """Seconds that each prompt lasts; also the list of the prompts that exist."""

    def entry(self, ani: str, dnis: str) -> tuple[Target, str]:
        """Where a new call leads, and the rule's name in words."""
        called = self.city.number.get(dnis)
        if called is not None and called.queue is not None:
            return called, f"number {dnis}"
        number = national(ani)
        if number:
            for caller in self.city.caller:
                if number in {national(n) for n in caller.numbers}:
                    return caller, f"caller {caller.name}"
        if called is not None:
            return called, f"number {dnis}"
        return self.city.default, "default"

    @property
    def default_queue(self) -> str:
        """Where a call goes when a menu is of no use: the queue that silence leads to from the default entry."""
        return _silence(self.city, self.city.default)


def parse(city: Mapping[str, Any], queues: Mapping[str, Any], durations: Mapping[str, float]) -> Plan:
    """Check decoded tables. `durations`: seconds by prompt name.

    Raises DialplanError with one sentence per mistake, each naming the file and the key.
    """
    problems: list[str] = []
    parts: list[Any] = []
    for file, model, table in (("city.toml", City, city), ("queues.toml", Queues, queues)):
        try:
            parts.append(model.model_validate(table))
        except ValidationError as error:
            problems += sentences(file, error.errors())
    if not problems:
        problems = list(_mistakes(parts[0], parts[1], durations))
    if problems:
        raise DialplanError("\n".join(problems))
    return Plan(city=parts[0], queues=parts[1], durations=dict(durations))


def targets(city: City) -> Iterator[tuple[str, Target]]:
    """Every target with the key it stands at."""
    yield "default", city.default
    for number, target in city.number.items():
        yield f"number.{number}", target
    for caller in city.caller:
        yield f"caller {caller.name!r}", caller
    for name, menu in city.menu.items():
        for key, target in menu.key.items():
            yield f"menu.{name}.key.{key}", target
        yield f"menu.{name}.no_input", menu.no_input
        yield f"menu.{name}.wrong_key", menu.wrong_key


def _mistakes(city: City, queues: Queues, prompts: Mapping[str, float]) -> Iterator[str]:
    for where, target in targets(city):
        if target.queue is not None and target.queue not in queues.queue:
            yield f"city.toml: {where}: there is no queue {target.queue!r} in queues.toml."
        if target.menu is not None and target.menu not in city.menu:
            yield f"city.toml: {where}: there is no menu {target.menu!r}."
        if target.repeat and not where.startswith("menu."):
            yield f"city.toml: {where}: only a menu can repeat."
    for where, name in _prompts(city, queues):
        if name not in prompts:
            yield f"{where}: there is no prompt {name!r} in prompts/."
    for name in city.menu:
        end = _silence(city, Target(menu=name))
        if not end:
            yield f"city.toml: menu.{name}: a silent caller never reaches a queue: no_input leads in a circle."
    seen: dict[str, str] = {}
    for caller in city.caller:
        for number in caller.numbers:
            digits = national(number)
            if not digits:
                yield f"city.toml: caller {caller.name!r}: {number!r} is not a telephone number."
            elif digits in seen:
                yield f"city.toml: caller {caller.name!r}: {number!r} is there already, for {seen[digits]!r}."
            seen[digits] = caller.name


def _prompts(city: City, queues: Queues) -> Iterator[tuple[str, str]]:
    for where, target in targets(city):
        for prompt in target.say:
            yield f"city.toml: {where}.say", prompt
    for name, menu in city.menu.items():
        for prompt in menu.prompt:
            yield f"city.toml: menu.{name}.prompt", prompt
    yield "city.toml: recording.notice", city.recording.notice
    yield "city.toml: rating.prompt", city.rating.prompt
    yield "city.toml: rating.rated", city.rating.rated
    yield "city.toml: rating.not_rated", city.rating.not_rated
    announce = queues.announce
    for n in range(announce.most + 2):
        yield "queues.toml: announce", announce.prompt_for(n)
    yield "queues.toml: announce.busy", announce.busy


def _silence(city: City, target: Target) -> str:
    """The queue that a caller who presses nothing reaches from here, or "" when they never do."""
    passed: set[str] = set()
    while target.queue is None:
        name = target.menu
        if name is None or name in passed or name not in city.menu:
            return ""
        passed.add(name)
        target = city.menu[name].no_input
        if target.repeat:
            # After `tries` questions silence leads on by the last answer a menu has: its wrong_key.
            target = city.menu[name].wrong_key
    return target.queue
