"""Overloaded lines: where their callers are led, at the door and while they wait.

Each call meets the rule of each line once, so that nobody goes to and fro between two lines that are both overloaded.
Emergencies are exempt, and citizens whom we called back. Nobody loses their place, and nobody is hung up on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.calls import Call, Stage
from ivr.core.dialplan.queues import OFFER_KEY, Overload
from ivr.core.events import Event
from ivr.core.floor import calling_back, leading, steps
from ivr.core.floor.state import LiveState
from ivr.core.routing.expected_wait import LONGEST_S, Waits
from ivr.core.routing.line import Line
from ivr.core.routing.standing import priority_kept

OFFER = "overload"
"""The step that offers a callback."""


def at_the_door(floor: LiveState, call: Call, event: ev.CallQueued) -> Iterator[Event]:
    """Over to another line at once, with what was to be said in this one. Any other rule waits for `due`."""
    rule = _rule(floor, call)
    if rule and rule.queue is not None and (why := _why(floor, call, rule, event.at)):
        yield from _over(floor, call, rule, why, event.at, event.say)


def due(floor: LiveState, call: Call, now: float) -> Iterator[Event | Action]:
    """Wherever the rule of the line leads that this caller waits in, when it is overloaded now."""
    if call.stage is not Stage.WAITING or call.step:
        return
    rule = _rule(floor, call)
    why = _why(floor, call, rule, now) if rule else ""
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
        yield from steps.ask(floor, call, now, OFFER, rule.say, plan.queues.queue[call.queue].wait_s)
    else:
        yield from steps.say(floor, call, now, "notice", rule.say)


def accepted(call: Call, key: str) -> bool:
    """The key pressed in the step that has just ended asks for the callback that it offered."""
    return call.step_name == OFFER and key == OFFER_KEY


def _rule(floor: LiveState, call: Call) -> Overload | None:
    """The rule of the line that the call waits in, when it has not met it yet and it can be kept for this caller."""
    plan = floor.plan_of(call.call_id)
    rule = plan.queues.queue[call.queue].overload
    if rule is None or call.emergency or call.task_id or call.queue in call.overloads:
        return None
    other = "" if rule.queue is None else plan.line_for(rule.queue, call.language)
    kept = can_be_kept(rule, call.queue, other, floor.line, may_call_back=calling_back.possible(floor, call))
    return rule if kept else None


def can_be_kept(rule: Overload, queue: str, other: str, line: Line, *, may_call_back: bool) -> bool:
    """Whether what the rule of a queue says is possible. `other`: the line that it leads to, if any."""
    if rule.queue is not None:
        return other != queue and line.staffed(other)
    return may_call_back or not rule.callback


def _why(floor: LiveState, call: Call, rule: Overload, now: float) -> str:
    return met(rule, call.queue, floor.line, floor.waits, call.call_id, call.wait_s(now) or 0.0, now)


def met(
    rule: Overload, queue: str, line: Line, waits: Mapping[str, Waits], call_id: str, waited_s: float, now: float
) -> str:
    """Why a caller in the line must count their queue as overloaded; "" when it is not. `waits`: of each queue."""
    if rule.when_waiting is not None and (ahead := line.ahead_of(call_id, now)) >= rule.when_waiting:
        return f"{queue} overloaded: {ahead} callers ahead"
    if rule.when_wait_s is None:
        return ""
    if waited_s >= rule.when_wait_s:
        return f"{queue} overloaded: waited {waited_s:.0f} s"
    expected_s = waits[queue].expected_s(now, waited_s) if queue in waits else None
    if expected_s is None or expected_s < rule.when_wait_s:
        return ""
    told = f"over {LONGEST_S:.0f}" if expected_s == math.inf else f"{expected_s:.0f}"
    return f"{queue} overloaded: {told} s expected"


def _over(
    floor: LiveState, call: Call, rule: Overload, why: str, now: float, say: tuple[str, ...] = ()
) -> Iterator[Event]:
    """Into the other line."""
    plan = floor.plan_of(call.call_id)
    other = plan.line_for(str(rule.queue), call.language)
    priority = priority_kept(plan.queues.queue, call.queue, call.priority)
    yield ev.OverloadMet(now, call.call_id, call.queue, why)
    yield ev.CallQueued(now, call.call_id, other, why, say=(*say, *rule.say), priority=priority)
