"""What a caller in a menu hears and where an answer leads: one pure step."""

from __future__ import annotations

from ivr.core.dialplan import MAX_STEPS, Plan, Target


def answer(plan: Plan, menu: str, tries: int, key: str) -> tuple[Target, str]:
    """Where a key, or silence (""), leads from a menu that has been asked `tries` times, and why in words.

    A `repeat` that is used up leads to the default queue: nobody is asked for ever.
    """
    table = plan.city.menu[menu]
    if key and key in table.key:
        target, why = table.key[key], f"key {key}"
    elif key:
        target, why = table.wrong_key, f"wrong key {key}"
    else:
        target, why = table.no_input, "silence"
    if target.repeat and tries >= table.tries:
        return Target(queue=plan.default_queue), f"{why}, asked {tries} times"
    return target, why


def bounded(plan: Plan, target: Target, why: str, steps: int) -> tuple[Target, str]:
    """The target, or the default queue when this call has heard enough."""
    if target.queue is None and steps >= MAX_STEPS:
        return Target(queue=plan.default_queue), f"{why}, {steps} prompts heard"
    return target, why


def heard_in(plan: Plan, prompts: tuple[str, ...], elapsed_s: float) -> frozenset[str]:
    """Which of the prompts, played one after another, had been heard to the end after so many seconds."""
    end, heard = 0.0, set()
    for prompt in prompts:
        end += plan.durations.get(prompt, 0.0)
        if end <= elapsed_s:
            heard.add(prompt)
    return frozenset(heard)
