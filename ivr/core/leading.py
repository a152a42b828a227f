"""From the door through the menus into a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.core import events as ev
from ivr.core import menu, steps
from ivr.core.actions import Action
from ivr.core.calls import Call, Stage
from ivr.core.dialplan import Led
from ivr.core.events import Event

if TYPE_CHECKING:
    from ivr.core.floor import Floor


def begin(floor: Floor, call: Call, at: float) -> Iterator[Event | Action]:
    """Lead a call that has just come."""
    if call.queue:  # found in a menu that they came to from the line
        yield ev.CallQueued(at, call.call_id, call.queue, "back in the line", priority=call.priority)
        return
    yield from lead(floor, call, floor.plan_of(call.call_id).entry(call.ani, call.dnis, at), at)


def answered(floor: Floor, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
    """Lead on a call that has pressed a key in a menu, or none."""
    plan = floor.plan_of(call.call_id)
    yield from lead(floor, call, menu.answer(plan, call.menu, call.tries, event.key, event.at), event.at)


def lead(floor: Floor, call: Call, led: Led, at: float) -> Iterator[Event | Action]:
    """Into a line, or into a menu."""
    plan = floor.plan_of(call.call_id)
    menu_s = at - call.menu_at if call.stage is Stage.MENU and call.menu_at is not None else 0.0
    target, why, _ = menu.bounded(plan, led, call.asked, menu_s, at, call.queue)
    if target.queue is not None:
        mark = target.mark or ("emergency" if target.emergency else "")
        yield ev.CallQueued(at, call.call_id, target.queue, why, mark, target.say, target.priority, target.emergency)
        return
    name = call.menu if target.repeat else str(target.menu)
    table = plan.city.menu[name]
    yield from steps.ask(call, at, f"menu:{name}", (*target.say, *table.prompt), table.wait_s)
