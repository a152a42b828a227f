"""In the line: what a waiting caller hears, and who gets whom."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core import routing
from ivr.core.actions import Action
from ivr.core.calls import Call, Stage
from ivr.core.dialplan import Led, menu
from ivr.core.dialplan.targets import Target
from ivr.core.events import Event
from ivr.core.floor import calling_back, desks, leading, leases, overload, steps, transfers
from ivr.core.floor.state import LiveState
from ivr.core.numbers import national
from ivr.core.routing.standing import priority_kept
from ivr.core.spans import is_over

DAY_S = 86400.0


def joined(floor: LiveState, call: Call, event: ev.CallQueued) -> Iterator[Event | Action]:
    """Tell a caller who must wait their place; tell everybody what they must hear before the recording."""
    if event.place_at is not None:
        yield from calling_back.take_up(floor, call, event.at)
    plan = floor.plan_of(call.call_id)
    notice = plan.city.recording.notice
    prompts = (*event.say, *(() if notice in call.prompts_heard else (notice,)))
    pair = _next(floor, event.at)
    waits = pair is None or pair.call_id != call.call_id
    if waits and (over := tuple(overload.at_the_door(floor, call, event))):
        yield from over
        return
    if waits and notice in prompts and _asks(floor, call):
        # A key would cut the notice off: the first announcement, which takes keys, comes after it.
        yield from steps.say(floor, call, event.at, "notice", prompts)
    elif waits:
        yield from _announce(floor, call, event.at, (*prompts, *_place(floor, call, event.at)))
    elif event.say:
        yield from steps.say(floor, call, event.at, "notice", prompts)


def heard(floor: LiveState, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
    """After an announcement, where the key leads that was pressed; else music again."""
    plan = floor.plan_of(call.call_id)
    led = menu.in_line(plan, call.queue, event.key, event.at) if event.key else None
    if led.target.callback if led else overload.accepted(call, event.key):
        if calling_back.possible(floor, call):
            yield from calling_back.ask(floor, call, event.at)
        elif calling_back.withheld(floor, call):
            yield from steps.say(floor, call, event.at, "notice", (plan.city.callback.impossible,))
        else:
            yield do.PlayMusic(call.call_id)
    elif led and not led.target.stay:
        yield from leading.lead(floor, call, led, event.at)
    elif led and led.target.say:
        yield from steps.say(floor, call, event.at, "notice", led.target.say)
    elif call.announced_at is None and _asks(floor, call):
        yield from _announce(floor, call, event.at, _place(floor, call, event.at))
    elif not event.failed and _is_told_why_not(floor, call):
        yield from steps.say(floor, call, event.at, "notice", (plan.city.callback.impossible,))
    else:
        yield do.PlayMusic(call.call_id)
        yield from leases.renew(floor, call, event.at)


def move_due(floor: LiveState, call: Call, now: float) -> Iterator[Event | Action]:
    """Over to the desk that stands in, or back from it; on to somebody else when the leader has gone."""
    if call.stage is not Stage.WAITING or call.step:
        return
    plan = floor.plan_of(call.call_id)
    home = _home(floor, call)
    if led := menu.after_leader(plan, home, call.about, now):
        yield leading.queued(floor, call, led, now)
        return
    desk = _desk(floor, call, now)
    if desk and desk.transfer and desk.transfer not in _dialled(call):
        yield from transfers.lead(floor, call, Led(desk, f"nobody signed in for {home}"), now)
        return
    queue = desk.queue if desk and desk.queue else home
    if queue != call.queue:
        away = queue != home
        why = f"nobody signed in for {home}" if away else f"somebody signed in for {home}"
        mark, say = (desk.mark, desk.say) if desk and away else ("", ())
        priority = priority_kept(plan.queues.queue, call.queue, call.priority)
        yield ev.CallQueued(now, call.call_id, queue, why, mark, say, priority, instead_of=home if away else "")


def _home(floor: LiveState, call: Call) -> str:
    """The line that the caller wanted."""
    return call.instead_of if call.instead_of in floor.plan_of(call.call_id).queues.queue else call.queue


def _desk(floor: LiveState, call: Call, now: float) -> Target | None:
    """What stands in for the line that the caller wanted."""
    plan, home = floor.plan_of(call.call_id), _home(floor, call)
    leaders = plan.leader_days is not None and home == plan.leader_days.queue
    return desks.standing_in(plan, floor.line, home, call.seats if leaders else (), now)


def _dialled(call: Call) -> set[str]:
    return {leg.number for leg in call.legs}


def announce_due(floor: LiveState, call: Call, now: float) -> Iterator[Event | Action]:
    """The place in the line, at set times."""
    if call.stage is not Stage.WAITING or call.step:
        return
    announce = floor.plan_of(call.call_id).queues.announce
    if not is_over(call.announced_at or call.queued_at or now, announce.every_s, now):
        return
    prompts = _place(floor, call, now)
    if now - (call.queued_at or now) >= announce.busy_after_s and announce.busy not in call.prompts_heard:
        prompts = (announce.busy, *prompts)
    yield from _announce(floor, call, now, prompts)


def _announce(floor: LiveState, call: Call, at: float, prompts: tuple[str, ...]) -> Iterator[Event | Action]:
    """An announcement: a question where keys can be pressed in the line."""
    queue = floor.plan_of(call.call_id).queues.queue[call.queue]
    if _asks(floor, call):
        yield from steps.ask(floor, call, at, "announcement", (*prompts, *queue.prompt), queue.wait_s)
    else:
        yield from steps.say(floor, call, at, "announcement", prompts)


def who_knows(floor: LiveState, call: Call, now: float) -> Iterator[Action]:
    """Ask who talked with this number last. The answer is an event, and nothing waits for it."""
    days = floor.plan.queues.order.known_days
    if call.ani and days:
        yield do.FindFormerAgent(call.call_id, call.ani, now - days * DAY_S)


def _asks(floor: LiveState, call: Call) -> bool:
    """Keys can be pressed in this line. One that cannot be kept is not promised: to call back nobody knows whom."""
    targets = floor.plan_of(call.call_id).queues.queue[call.queue].key.values()
    return any(not target.callback or calling_back.possible(floor, call) for target in targets)


def _is_told_why_not(floor: LiveState, call: Call) -> bool:
    """Once, to one who would be offered a callback if their number were known: after the announcement and not in it,
    because a ring that waits for its end must not wait long."""
    plan = floor.plan_of(call.call_id)
    keys = plan.queues.queue[call.queue].key
    unheard = plan.city.callback.impossible not in call.prompts_heard
    return bool(keys) and not _asks(floor, call) and calling_back.withheld(floor, call) and unheard


def matches(floor: LiveState, now: float) -> Iterator[Event]:
    """Offer calls to agents until nobody waits or nobody is free."""
    while pair := _next(floor, now):
        if pair.call_id in floor.callbacks:
            yield from calling_back.dial(floor, pair, now)
            continue
        ring_id = f"{pair.call_id}/{len(floor.calls[pair.call_id].rings) + 1}"
        yield ev.CallOffered(now, pair.call_id, ring_id, pair.agent_id, pair.why)


def _nobody_there(floor: LiveState, call: Call, now: float) -> bool:
    """At this desk or at one that stands in, and the duty mobile has been tried."""
    if floor.line.staffed(call.queue, floor.seats_of(call), later=True):
        return False
    desk = _desk(floor, call, now)
    return desk is None or (desk.transfer is not None and desk.transfer in _dialled(call))


def _next(floor: LiveState, now: float) -> routing.Match | None:
    return None if floor.closing else floor.line.next_match(now)


def _place(floor: LiveState, call: Call, now: float) -> tuple[str, ...]:
    """The place in the line, and what wait is to be expected; or that nobody is there."""
    plan = floor.plan_of(call.call_id)
    announce = plan.queues.announce
    if _nobody_there(floor, call, now):
        return (announce.nobody if national(call.ani) else plan.city.callback.impossible,)
    place = announce.prompt_for(floor.line.ahead_of(call.call_id, now))
    waits = floor.waits.get(call.queue)
    expected = announce.prompt_for_wait(waits.expected_s(now, call.wait_s(now) or 0.0)) if waits else None
    return (place, expected) if expected else (place,)
