"""From the door through the menus into a line."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.calls import PIN_STEP, Call, Stage
from ivr.core.dialplan import Led, menu, pins
from ivr.core.dialplan.targets import Target
from ivr.core.events import Event
from ivr.core.floor import calling_back, desks, steps, transfers
from ivr.core.floor.state import LiveState
from ivr.core.routing.standing import priority_kept


def judge(floor: LiveState, call: Call, at: float) -> Iterator[Event]:
    """Slow a nuisance caller down, and one of too many. Numbers that the city has listed are never slowed."""
    plan = floor.plan_of(call.call_id)
    if plan.listed(call.ani):
        return
    mark = floor.marks.of(call.ani, at)
    if slowed := floor.traffic.judge(call.call_id, plan.pacing, mark, at):
        yield ev.CallerSlowed(at, call.call_id, slowed.by, slowed.slow_s, slowed.why)


def begin(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """Lead a call that has just come."""
    if call.queue:  # found in a menu that they came to from the line
        yield ev.CallQueued(
            at, call.call_id, call.queue, "back in the line", priority=call.priority, instead_of=call.instead_of
        )
        return
    plan = floor.plan_of(call.call_id)
    known = call.known_as
    if not known and (entry := plan.recognise(floor.registers.calling(call.ani))):
        known = entry.register
        yield ev.CallerRecognised(at, call.call_id, entry.register, entry.name, entry.level, "number")
    if not call.hotline and (dialled := plan.hotline(call.dnis, at)):
        number, hotline = dialled
        yield ev.HotlineRecognised(at, call.call_id, number, hotline.name, hotline.mark)
    yield from lead(floor, call, plan.entry(call.ani, call.dnis, at, known), at)


def answered(floor: LiveState, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
    """Lead on a call that has pressed a key in a menu, or none; or has typed a PIN."""
    if call.step_name.startswith(PIN_STEP):
        yield from _pin_typed(floor, call, call.step_name.removeprefix(PIN_STEP), event)
        return
    plan = floor.plan_of(call.call_id)
    days = plan.leader_days
    waits = sum(c.stage is Stage.WAITING and c.queue == days.queue for c in floor.calls.values()) if days else 0
    yield from lead(floor, call, menu.answer(plan, call.menu, call.tries, event.key, event.at, waits), event.at)


def lead(floor: LiveState, call: Call, led: Led, at: float) -> Iterator[Event | Action]:
    """Into a line, into a menu, or to an outside number."""
    plan = floor.plan_of(call.call_id)
    menu_s = at - call.menu_at if call.stage is Stage.MENU and call.menu_at is not None else 0.0
    led = menu.bounded(plan, led, call.asked, menu_s, at, call.queue)
    target = led.target
    if target.language and target.language != call.language:
        yield ev.LanguageChosen(at, call.call_id, target.language)
        call = floor.calls[call.call_id]
    if target.queue is not None:
        yield queued(floor, call, led, at)
        return
    if target.transfer is not None:
        yield from transfers.lead(floor, call, led, at)
        return
    if target.pin is not None:
        yield from _ask_pin(floor, call, led, at)
        return
    name = call.menu if target.repeat else str(target.menu)
    prompts = (*target.say, *plan.question(name, at))
    yield from steps.ask(floor, call, at, f"menu:{name}", prompts, plan.city.menu[name].wait_s)


def _ask_pin(floor: LiveState, call: Call, led: Led, at: float) -> Iterator[Event | Action]:
    """Ask for the PIN, unless who calls is known already, or too many wrong ones were typed."""
    plan, register = floor.plan_of(call.call_id), str(led.target.pin)
    table = plan.city.pin[register]
    if call.known_as == register:
        yield from lead(floor, call, pins.right(plan, register, at), at)
    elif call.pin_tries >= table.tries or not floor.guesses.allowed(call.ani, at):
        yield from lead(floor, call, pins.without(plan, register, f"{led.why}, too many wrong PINs", at), at)
    else:
        prompts = pins.question(plan, led.target, call.pin_tries)
        yield from steps.ask_pin(floor, call, at, register, prompts, table.wait_s)


def _pin_typed(floor: LiveState, call: Call, register: str, event: ev.StepEnded) -> Iterator[Event | Action]:
    plan, at = floor.plan_of(call.call_id), event.at
    entry = floor.registers.entry(event.entry)
    if entry and entry.register == register and floor.guesses.allowed(call.ani, at):
        yield ev.CallerRecognised(at, call.call_id, register, entry.name, entry.level, "pin")
        yield from lead(floor, call, pins.right(plan, register, at), at)
    elif event.typed:
        floor.guesses.wrong(call.ani, at)
        yield from lead(floor, call, Led(Target(pin=register), "wrong PIN"), at)
    else:
        yield from lead(floor, call, pins.without(plan, register, "no PIN", at), at)


def queued(floor: LiveState, call: Call, led: Led, at: float) -> ev.CallQueued:
    """Into the line that it is led to, or into that of the desk which stands in for it."""
    target, plan = led.target, floor.plan_of(call.call_id)
    name = plan.line_for(str(target.queue), call.language)
    desk = desks.standing_in(plan, floor.line, name, led.seats, at)
    mark = menu.mark_of(led)
    other = desk is not None and desk.queue is not None
    queue = str(desk.queue) if desk and other else name
    priority = target.priority
    if other and not target.emergency:
        priority = priority_kept(plan.queues.queue, name, priority)
    slowed = call.slowed_by and call.queued_at is None and not target.emergency
    say = plan.pacing.say(call.slowed_by) if slowed else ()
    return ev.CallQueued(
        at,
        call.call_id,
        queue,
        f"{led.why}, nobody signed in for {name}" if other else led.why,
        mark or (desk.mark if desk else ""),
        (*say, *target.say, *(desk.say if desk and other else ())),
        priority,
        target.emergency,
        led.about,
        name if other else "",
        calling_back.kept_place(floor, call),
        led.seats,
    )
