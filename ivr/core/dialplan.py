"""Where a call leads: decoded `dialplans/*.toml` tables to a checked `Plan`.

A plan that was accepted strands nobody, at whatever hour: every menu leads every key, silence included, to a queue
within a bounded number of questions. A plan is frozen; a call keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ivr.core.errors import DialplanError, sentences
from ivr.core.hours import Hours, is_open
from ivr.core.numbers import national

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
MAX_STEPS = 12
"""Questions and prompts one call may hear before it is led to the default queue, whatever the menus say."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Gated(_Table):
    """What may be open at certain hours only; at all others the call is led to `closed` instead."""

    hours: Name | None = None
    closed: Target | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.hours is None) != (self.closed is None):
            raise ValueError("hours and closed belong together: one of them is missing")
        return self


class Target(_Gated):
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


class Menu(_Gated):
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


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f'{name!r} is no timezone; write as "Asia/Shanghai"') from None
    return name


class City(_Table):
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Shanghai"
    default: Target
    number: dict[str, Target] = {}
    caller: tuple[Caller, ...] = ()
    menu: dict[Name, Menu] = {}
    hours: dict[Name, Hours] = {}
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


class Door(NamedTuple):
    """Hours that a call met on its way, and whether they let it through. `reason` is Chinese."""

    hours: str
    is_open: bool
    reason: str


class Led(NamedTuple):
    """Where a call is led, why in words, and the hours that were asked on the way."""

    target: Target
    why: str
    doors: tuple[Door, ...] = ()


class Plan(_Table):
    """Everything that decides where a call leads."""

    city: City
    queues: Queues
    durations: dict[str, float]
    """Seconds that each prompt lasts; also the list of the prompts that exist."""

    def entry(self, ani: str, dnis: str, at: float) -> Led:
        """Where a call that arrives at `at` (seconds since the epoch) leads, and the rule's name in words."""
        target, why = self._rule(ani, dnis)
        return self.through(target, why, at)

    def _rule(self, ani: str, dnis: str) -> tuple[Target, str]:
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

    def through(self, target: Target, why: str, at: float) -> Led:
        """The target, or what `closed` leads to when it is not open at `at`."""
        doors: list[Door] = []
        gates = _gates(self.city, target)
        while gates:
            gate = gates.pop(0)
            door = self._door(str(gate.hours), at)
            doors.append(door)
            if not door.is_open and gate.closed is not None:
                target, why = gate.closed, f"{why}, {door.hours} closed: {door.reason}"
                gates = _gates(self.city, target)
        return Led(target, why, tuple(doors))

    def _door(self, name: str, at: float) -> Door:
        return Door(name, *is_open(self.city.hours[name], at, self.city.timezone))

    def default_queue(self, at: float) -> str:
        """Where a call goes when a menu is of no use: the queue that silence leads to from the default entry."""

        def led(target: Target) -> Target:
            return self.through(target, "", at).target

        target = led(self.city.default)
        for _ in self.city.menu:  # none is passed twice in an accepted plan
            if target.menu is None:
                break
            menu = self.city.menu[target.menu]
            target = led(menu.no_input)
            if target.repeat:
                # After `tries` questions silence leads on by the last answer a menu has: its wrong_key.
                target = led(menu.wrong_key)
        return str(target.queue)


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
    for where, written in _written(city):
        target: Target | None = written
        while target is not None:
            yield where, target
            where, target = f"{where}.closed", target.closed


def _written(city: City) -> Iterator[tuple[str, Target]]:
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
        if menu.closed is not None:
            yield f"menu.{name}.closed", menu.closed


def _mistakes(city: City, queues: Queues, prompts: Mapping[str, float]) -> Iterator[str]:
    for where, target in targets(city):
        if target.queue is not None and target.queue not in queues.queue:
            yield f"city.toml: {where}: there is no queue {target.queue!r} in queues.toml."
        if target.menu is not None and target.menu not in city.menu:
            yield f"city.toml: {where}: there is no menu {target.menu!r}."
        if target.hours is not None and target.hours not in city.hours:
            yield f"city.toml: {where}: there are no hours {target.hours!r}."
        if target.repeat and not (where.startswith("menu.") and where.split(".")[2] != "closed"):
            yield f"city.toml: {where}: only a menu's answers can repeat."
    for name, menu in city.menu.items():
        if menu.hours is not None and menu.hours not in city.hours:
            yield f"city.toml: menu.{name}: there are no hours {menu.hours!r}."
    for where, name in _prompts(city, queues):
        if name not in prompts:
            yield f"{where}: there is no prompt {name!r} in prompts/."
    yield from _circles(city)
    yield from _callers(city)


def _callers(city: City) -> Iterator[str]:
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


def _circles(city: City) -> Iterator[str]:
    """Menus that a call might never leave, whatever the hour: each `hours` may be open or not."""
    shut = {name: _menus(menu.closed) if menu.closed else set() for name, menu in city.menu.items()}
    leaving = _ending(shut)
    silent = _ending({name: shut[name] | _silence(menu) for name, menu in city.menu.items()})
    for name in city.menu:
        if name not in leaving:
            yield f"city.toml: menu.{name}: closed leads in a circle."
        elif name not in silent:
            yield f"city.toml: menu.{name}: a silent caller never reaches a queue: no_input leads in a circle."


def _ending(following: Mapping[str, set[str]]) -> set[str]:
    """The menus from which every way ends."""
    ending: set[str] = set()
    while more := {name for name, menus in following.items() if name not in ending and menus <= ending}:
        ending |= more
    return ending


def _silence(menu: Menu) -> set[str]:
    """The menus that silence may lead to from here. "" stands for this menu, without an end."""
    after = _menus(menu.no_input)
    if "" in after:
        # After `tries` questions silence leads on by the last answer a menu has: its wrong_key.
        after = (after - {""}) | _menus(menu.wrong_key)
    return after


def _menus(target: Target) -> set[str]:
    """The menus that a target may lead to, open or closed; "" is a repeat."""
    own = {target.menu} if target.menu is not None else {""} if target.repeat else set()
    return own | (_menus(target.closed) if target.closed is not None else set())


def _gates(city: City, target: Target) -> list[Target | Menu]:
    """What a call must find open to go there: the target, then its menu."""
    gates = (target, city.menu[target.menu] if target.menu is not None else None)
    return [gate for gate in gates if gate is not None and gate.hours is not None]
