"""A call tried on paper: what a caller would hear for the keys they press, without a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ivr.core.dialplan import menu, pins
from ivr.core.dialplan.plan import Led, Plan
from ivr.core.dialplan.targets import Target
from ivr.core.registers import NOBODY, Registers


@dataclass(frozen=True, slots=True)
class Heard:
    """Prompts, named as in `Plan.durations`, are played; a key is wanted when `asks` is true."""

    prompts: tuple[str, ...]
    asks: bool
    pin: bool = False
    """The whole PIN is wanted, not one key."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The end of the trial: the line that the caller joins, and why."""

    queue: str
    mark: str
    why: str
    priority: int | None = None
    """Instead of the queue's."""
    emergency: bool = False
    about: str = ""
    """The leader day for which the caller came."""
    transfer: str = ""
    """The outside number that is called first: the line is for whom nobody takes there."""


class Trial:
    """Walks a plan: `step(key)` gives what happens next. `key` is "" for silence, and ignored on the first step.

    The whole call takes place at `at`, in seconds since the epoch, but every prompt is heard to its end. `led` tells
    how it came to where it is, `person` and `hotline` who was recognised and which merged hotline was dialled.
    """

    def __init__(self, plan: Plan, ani: str, dnis: str, at: float, registers: Registers = NOBODY) -> None:
        self.person = plan.recognise(registers.calling(ani))
        self.hotline = plan.hotline(dnis, at)
        self.led = plan.entry(ani, dnis, at, self.person.register if self.person else "")
        self._plan = plan
        self._registers = registers
        self._pin = ""
        self._pin_tries = 0
        self._at = at
        self._menu = ""
        self._tries = 0
        self._language = ""
        self._asked = 0
        self._menu_s = 0.0

    def step(self, key: str = "") -> Iterator[Heard | Queued]:
        """What happens after the key."""
        plan = self._plan
        if self._pin:
            self.led = self._pin_typed(self._pin, key)
            self._pin = ""
        elif self._menu:
            if not key:
                self._menu_s += plan.city.menu[self._menu].wait_s
            self.led = menu.answer(plan, self._menu, self._tries, key, self._at)
        self.led = menu.bounded(plan, self.led, self._asked, self._menu_s, self._at)
        target = self.led.target
        self._language = target.language or self._language
        if target.pin is not None:
            self._pin = target.pin
            yield Heard(self._spoken(pins.question(plan, target, self._pin_tries)), asks=True, pin=True)
            self._pin_tries += 1
            return
        if target.queue is not None or target.transfer is not None:
            if target.say:
                yield Heard(self._spoken(target.say), asks=False)
            yield self._queued(target)
            return
        name = self._menu if target.repeat else str(target.menu)
        self._tries = self._tries + 1 if name == self._menu else 1
        self._menu = name
        self._asked += 1
        prompts = self._spoken((*target.say, *plan.question(name, self._at)))
        self._menu_s += sum(plan.durations[prompt] for prompt in prompts)
        yield Heard(prompts, asks=True)

    def _queued(self, target: Target) -> Queued:
        plan, led = self._plan, self.led
        queue = plan.line_for(target.queue or plan.default_queue(self._at), self._language)
        source = self.hotline[1].mark if self.hotline else ""
        mark = menu.mark_of(led) or source
        return Queued(queue, mark, led.why, target.priority, target.emergency, led.about, target.transfer or "")

    def _spoken(self, prompts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._plan.spoken(prompt, self._language) for prompt in prompts)

    def _pin_typed(self, register: str, digits: str) -> Led:
        plan, at = self._plan, self._at
        if entry := self._registers.entry(self._registers.pin(register, digits)):
            self.person = entry
            return pins.right(plan, register, at)
        if digits and self._pin_tries < plan.city.pin[register].tries:
            return Led(Target(pin=register), "wrong PIN")
        return pins.without(plan, register, "wrong PIN" if digits else "no PIN", at)
