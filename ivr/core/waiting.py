"""In the line: what a waiting caller hears, and who gets whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core import leases, routing, steps
from ivr.core.actions import Action
from ivr.core.calls import Call, Stage
from ivr.core.events import Event

if TYPE_CHECKING:
    from ivr.core.floor import Floor


def joined(floor: Floor, call: Call, event: ev.CallQueued) -> Iterator[Event | Action]:
    """Tell a caller who must wait their place; tell everybody what they must hear before the recording."""
    notice = floor.plan_of(call.call_id).city.recording.notice
    prompts = (*event.say, *(() if notice in call.prompts_heard else (notice,)))
    if not any(m.call_id == call.call_id for m in _pairs(floor, event.at)):
        prompts = (*prompts, _place(floor, call))
        yield from steps.say(call, event.at, "announcement", prompts)
    elif event.say:
        yield from steps.say(call, event.at, "notice", prompts)


def heard(floor: Floor, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
    """After an announcement, music again."""
    yield from leases.renew(floor, call, event.at)
    yield do.PlayMusic(call.call_id)


def announce_due(floor: Floor, call: Call, now: float) -> Iterator[Event | Action]:
    """The place in the line, at set times."""
    if call.stage is not Stage.WAITING or call.step:
        return
    announce = floor.plan_of(call.call_id).queues.announce
    if now - (call.announced_at or call.queued_at or now) < announce.every_s:
        return
    prompts: tuple[str, ...] = (_place(floor, call),)
    if now - (call.queued_at or now) >= announce.busy_after_s and announce.busy not in call.prompts_heard:
        prompts = (announce.busy, *prompts)
    yield from steps.say(call, now, "announcement", prompts)


def matches(floor: Floor, now: float) -> Iterator[Event]:
    """Offer calls to agents until nobody waits or nobody is free."""
    while pairs := _pairs(floor, now):
        pair = pairs[0]
        call = floor.calls[pair.call_id]
        ring_id = f"{call.call_id}/{len(call.rings) + 1}"
        yield ev.CallOffered(now, call.call_id, ring_id, pair.agent_id, pair.why)


def _waiting(floor: Floor) -> list[Call]:
    return [call for call in floor.calls.values() if call.stage is Stage.WAITING]


def _pairs(floor: Floor, now: float) -> list[routing.Match]:
    if floor.closing:
        return []
    return routing.match(_waiting(floor), floor.agents.values(), floor.plan.queues.queue, now)


def _place(floor: Floor, call: Call) -> str:
    announce = floor.plan_of(call.call_id).queues.announce
    return announce.prompt_for(routing.ahead_of(call, _waiting(floor), floor.plan.queues.queue))
