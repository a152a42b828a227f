"""Overloaded lines: where their callers are led, at the door and while they wait.

Each call meets the rule of each line once, so that nobody goes to and fro between two lines that are both overloaded.
Emergencies are exempt, and citizens whom we called back. Nobody loses their place, and nobody is hung up on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.core import callbacks, leading, steps
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.calls import Call, Stage
from ivr.core.events import Event
from ivr.core.expected_wait import LONGEST_S
from ivr.core.queues import OFFER_KEY, Overload

if TYPE_CHECKING:
    from ivr.core.floor import Floor

OFFER = "overload"
"""The step that offers a callback."""


def at_the_door(floor: Floor, call: Call, event: ev.CallQueued) -> Iterator[Event]:
    """Over to another line at once, with what was to be said in this one. Any other rule waits for `due`."""
    rule = _rule(floor, call)
    if rule and rule.queue is not None and (why := _met(floor, call, rule, event.at)):
        yield from _over(floor, call, rule, why, event.at, event.say)


def due(floor: Floor, call: Call, now: float) -> Iterator[Event | Action]:
    """Wherever the rule of the line leads that this caller waits in, when it is overloaded now."""
    if call.stage is not Stage.WAITING or call.step:
        return
    rule = _rule(floor, call)
    why = _met(floor, call, rule, now) if rule else ""
    if rule is None or not why:
        return
    if rule.queue is not None:
        yield from _over(floor, call, rule, why, now)
        return
    yield ev.OverloadMet(now, call.call_id, call.queue, why)
    plan = floor.plan_of(call.call_id)
    if rule.menu is not None:
        yield from leading.lead(floor, call, plan.through(rule.target, why, now), now)
    elif rule.callback:
        yield from steps.ask(call, now, OFFER, rule.say, plan.queues.queue[call.queue].wait_s)
    else:
        yield from steps.say(call, now, "notice", rule.say)


def accepted(call: Call, key: str) -> bool:
    """The key pressed in the step that has just ended asks for the callback that it offered."""
    return call.step_name == OFFER and key == OFFER_KEY


def _rule(floor: Floor, call: Call) -> Overload | None:
    """The rule of the line that the call waits in, when it has not met it yet and it can be kept for this caller."""
    plan = floor.plan_of(call.call_id)
    rule = plan.queues.queue[call.queue].overload
    if rule is None or call.emergency or call.task_id or call.queue in call.overloads:
        return None
    if rule.queue is not None:
        other = plan.line_for(rule.queue, call.language)
        return rule if other != call.queue and floor.line.staffed(other) else None
    return None if rule.callback and not callbacks.possible(floor, call) else rule


def _met(floor: Floor, call: Call, rule: Overload, now: float) -> str:
    """Why the line counts as overloaded for this caller; "" when it does not."""
    if rule.when_waiting is not None and (ahead := floor.line.ahead_of(call.call_id, now)) >= rule.when_waiting:
        return f"{call.queue} overloaded: {ahead} callers ahead"
    if rule.when_wait_s is None:
        return ""
    waited_s = call.wait_s(now) or 0.0
    if waited_s >= rule.when_wait_s:
        return f"{call.queue} overloaded: waited {waited_s:.0f} s"
    waits = floor.waits.get(call.queue)
    expected_s = waits.expected_s(now, waited_s) if waits else None
    if expected_s is None or expected_s < rule.when_wait_s:
        return ""
    told = f"over {LONGEST_S:.0f}" if expected_s == math.inf else f"{expected_s:.0f}"
    return f"{call.queue} overloaded: {told} s expected"


def _over(floor: Floor, call: Call, rule: Overload, why: str, now: float, say: tuple[str, ...] = ()) -> Iterator[Event]:
    """Into the other line. A priority that counted in this one counts there, too: it is part of the place."""
    plan = floor.plan_of(call.call_id)
    other = plan.line_for(str(rule.queue), call.language)
    here, there = plan.queues.queue[call.queue].priority, plan.queues.queue[other].priority
    priority = max(here if call.priority is None else call.priority, there)
    yield ev.OverloadMet(now, call.call_id, call.queue, why)
    yield ev.CallQueued(now, call.call_id, other, why, say=(*say, *rule.say), priority=priority)
