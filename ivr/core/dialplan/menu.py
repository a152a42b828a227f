"""What a caller in a menu hears and where an answer leads: one pure step."""

from __future__ import annotations

from itertools import accumulate

from ivr.core.dialplan.plan import Led, Plan
from ivr.core.dialplan.targets import Target

_SILENCE_S = 60
"""More than any question waits for a key (`wait_s`), and more than Asterisk is late by."""

LEADER_DAY = "leader_day"
"""The mark of every call that asked for the leader."""


def answer(plan: Plan, menu: str, tries: int, key: str, at: float, leader_waits: int = 0) -> Led:
    """Where a key, or silence (""), leads at `at` from a menu that has been asked `tries` times, and why in words.

    `leader_waits`: how many callers stand in the line of the leader days.
    A `repeat` that is used up leads to the default queue: nobody is asked for ever.
    """
    table = plan.city.menu[menu]
    if led := _to_leader(plan, menu, key, at, leader_waits):
        return led
    if key and key in table.key:
        target, why = table.key[key], f"key {key}"
    elif key:
        target, why = table.wrong_key, f"wrong key {key}"
    else:
        target, why = table.no_input, "silence"
    led = plan.through(target, why, at)
    if led.target.repeat and tries >= table.tries:
        return Led(Target(queue=plan.default_queue(at)), f"{led.why}, asked {tries} times", led.doors)
    return led


def _to_leader(plan: Plan, menu: str, key: str, at: float, waits: int) -> Led | None:
    """To the leader who takes calls now; when that line is full, to where the call is written down."""
    days, day = plan.leader_days, plan.leader_day(at)
    if days is None or day is None or (menu, key) != (days.menu, days.key):
        return None
    if waits < days.may_wait:
        return Led(
            Target(queue=days.queue, mark=LEADER_DAY), f"key {key}, leader day", about=day.about, seats=day.seats
        )
    led = plan.through(days.full, f"key {key}, leader day, {waits} callers wait for the leader", at)
    return led._replace(about=day.about)


def after_leader(plan: Plan, queue: str, about: str, at: float) -> Led | None:
    """Where a caller goes who still waits for a leader when the day is over; None for everybody else."""
    days = plan.leader_days
    if not about or days is None or queue != days.queue or plan.leader_day(at):
        return None
    return plan.through(days.full, "leader day over", at)._replace(about=about)


def mark_of(led: Led) -> str:
    """What a call is marked with where it is led; "" leaves the mark that it has."""
    return led.target.mark or ("emergency" if led.target.emergency else LEADER_DAY if led.about else "")


def in_line(plan: Plan, queue: str, key: str, at: float) -> Led | None:
    """Where a key leads that a caller presses in the line; None when it means nothing there."""
    target = plan.queues.queue[queue].key.get(key)
    return plan.through(target, f"key {key} in the line", at) if target else None


def bounded(plan: Plan, led: Led, asked: int, menu_s: float, at: float, home: str = "") -> Led:
    """The same, or a line when this call has heard enough: so many questions, so many seconds in menus.

    `home` is the line that the caller came from, "" for the default one.
    """
    limits, target = plan.city.limits, led.target
    if target.queue is not None or target.transfer is not None or (asked < limits.steps and menu_s < limits.menu_s):
        return led
    enough = f"{asked} questions asked" if asked >= limits.steps else f"{menu_s:.0f} s in menus"
    return Led(Target(queue=home or plan.default_queue(at)), f"{led.why}, {enough}", led.doors)


def heard_in(plan: Plan, prompts: tuple[str, ...], elapsed_s: float, language: str = "") -> frozenset[str]:
    """Which of the prompts, played one after another, had been heard to the end after so many seconds.

    None, when no question lasts that long: then the clock was set, and nobody knows what was heard.
    """
    lengths = [plan.durations.get(plan.spoken(prompt, language), 0.0) for prompt in prompts]
    if elapsed_s > sum(lengths) + _SILENCE_S:
        return frozenset()
    ends = accumulate(lengths)
    return frozenset(prompt for prompt, end in zip(prompts, ends, strict=True) if end <= elapsed_s)
