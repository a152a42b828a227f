"""Where a call leads: decoded `dialplans/*.toml` tables to a checked `Plan`.

A plan that was accepted strands nobody, at whatever hour: every menu leads every key, silence included, to a queue
within a bounded number of questions. A plan is frozen; a call keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from ivr.core.dialplan.check import mistakes
from ivr.core.dialplan.city import Caller, City, Menu
from ivr.core.dialplan.departments import Departments
from ivr.core.dialplan.hotlines import NONE, Hotline, Hotlines
from ivr.core.dialplan.hours import is_open
from ivr.core.dialplan.leader_days import Day, LeaderDays
from ivr.core.dialplan.limits import Pacing
from ivr.core.dialplan.queues import Queues
from ivr.core.dialplan.targets import Table, Target
from ivr.core.errors import DialplanError, sentences
from ivr.core.numbers import national
from ivr.core.registers import Entry


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
    about: str = ""
    """The leader day to which it belongs."""
    seats: tuple[str, ...] = ()
    """That day's agents, when it names some."""


class Plan(Table):
    """Everything that decides where a call leads."""

    city: City
    queues: Queues
    hotlines: Hotlines = NONE
    durations: dict[str, float]
    """Seconds that each prompt lasts; also the list of the prompts that exist, as `welcome` and `en/welcome`."""
    departments: Departments = Departments()
    leader_days: LeaderDays | None = None
    pacing: Pacing = Pacing()

    def entry(self, ani: str, dnis: str, at: float, known: str = "") -> Led:
        """Where a call that arrives at `at` (seconds since the epoch) leads, and the rule's name in words.

        `known` is the register that the caller was recognised in, or "". `ani` and `dnis` may be any text.
        """
        target, why = self._rule(ani, dnis, at, known)
        return self.through(target, why, at)

    def recognise(self, entries: Mapping[str, Entry]) -> Entry | None:
        """Who is calling: of a number's entries, by register, that of the register which city.toml names first."""
        return next((entries[register] for register in self.city.known if register in entries), None)

    def hotline(self, dnis: str, at: float) -> tuple[str, Hotline] | None:
        """The merged hotline that was dialled, with its number."""
        return self.hotlines.dialled(dnis, at, self.city.timezone)

    def _rule(self, ani: str, dnis: str, at: float, known: str) -> tuple[Target, str]:
        """A known caller is led past the menu; but a number that leads straight to a queue holds, unless the caller's
        own queue has a higher priority."""
        called = self._called(dnis, at)
        person = self._known(ani, known)
        if person and (called is None or self._priority(person[0]) > self._priority(called[0])):
            return person
        return called or (self.city.default, "default")

    def _called(self, dnis: str, at: float) -> tuple[Target, str] | None:
        listed = dnis if dnis in self.city.number else national(dnis)
        if listed in self.city.number:
            return self.city.number[listed], f"number {listed}"
        hotline = self.hotline(dnis, at)
        return (hotline[1], f"hotline {hotline[0]}") if hotline else None

    def _known(self, ani: str, known: str) -> tuple[Target, str] | None:
        for register, target in self.city.known.items():
            if register == known:
                return target, f"known {register}"
        caller = self.listed(ani)
        return (caller, f"caller {caller.name}") if caller else None

    def listed(self, ani: str) -> Caller | None:
        """The `caller` of city.toml to which a calling number belongs."""
        number = national(ani)
        callers = self.city.caller if number else ()
        return next((caller for caller in callers if number in {national(n) for n in caller.numbers}), None)

    def _priority(self, target: Target) -> int:
        """-1: not straight to a person; above all priorities: an emergency."""
        if target.emergency:
            return 101
        if target.queue is None:
            return -1 if target.transfer is None else 0
        return self.queues.queue[target.queue].priority if target.priority is None else target.priority

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

    def leader_day(self, at: float) -> Day | None:
        """The leader day that is on at `at`."""
        return self.leader_days.now(at, self.city.timezone) if self.leader_days else None

    def question(self, menu: str, at: float) -> tuple[str, ...]:
        """The prompts of a menu that is asked at `at`."""
        days, day = self.leader_days, self.leader_day(at)
        offer = (days.announcement(day),) if days and day and days.menu == menu else ()
        return (*self.city.menu[menu].prompt, *offer)

    def spoken(self, prompt: str, language: str) -> str:
        """The prompt in that language, `<language>/<name>`, or the usual one when it is missing there."""
        name = f"{language}/{prompt}"
        return name if language and name in self.durations else prompt

    def line_for(self, queue: str, language: str) -> str:
        """The line of this language that stands for a queue, or the queue."""
        chosen = self.city.language.get(language)
        return chosen.queue.get(queue, queue) if chosen else queue

    def usual_stand_in(self, queue: str, at: float) -> Target:
        """Where the callers of a line go that nobody serves and that names nobody for this case."""
        if self.leader_days and queue == self.leader_days.queue:
            return self.through(self.leader_days.full, "", at).target
        return Target(queue=self.default_queue(at))

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
        if target.pin is not None:
            target = led(self.city.pin[target.pin].otherwise)
        return str(target.queue)


def parse(
    city: Mapping[str, Any],
    queues: Mapping[str, Any],
    durations: Mapping[str, float],
    departments: Mapping[str, Any] | None = None,
    leader_days: Mapping[str, Any] | None = None,
    hotlines: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
) -> Plan:
    """Check decoded tables. `durations`: seconds by prompt, as in `Plan`.

    An empty `leader_days` counts as none; without `hotlines` none is merged, and without `limits` only marked callers
    are slowed.

    Raises DialplanError with one sentence per mistake, each naming the file and the key.
    """
    problems: list[str] = []
    parts: list[Any] = []
    tables: list[tuple[str, type[Table], Mapping[str, Any]]] = [
        ("city.toml", City, city),
        ("queues.toml", Queues, queues),
        ("departments.toml", Departments, departments or {}),
        ("hotlines.toml", Hotlines, {"count": 0} if hotlines is None else hotlines),
        ("limits.toml", Pacing, limits or {}),
    ]
    if leader_days:
        tables.append(("leader_days.toml", LeaderDays, leader_days))
    for file, model, table in tables:
        try:
            parts.append(model.model_validate(table))
        except ValidationError as error:
            problems += sentences(file, error.errors())
    if not problems:
        city_table, queues_table, departments_table, hotlines_table, pacing, *days = parts
        problems = list(mistakes(city_table, queues_table, departments_table, hotlines_table, pacing, durations, *days))
    if problems:
        raise DialplanError("\n".join(problems))
    return Plan(
        city=parts[0],
        queues=parts[1],
        departments=parts[2],
        hotlines=parts[3],
        pacing=parts[4],
        leader_days=parts[5] if leader_days else None,
        durations=dict(durations),
    )


def _gates(city: City, target: Target) -> list[Target | Menu]:
    """What a call must find open to go there: the target, then its menu."""
    gates = (target, city.menu[target.menu] if target.menu is not None else None)
    return [gate for gate in gates if gate is not None and gate.hours is not None]
