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
    pair = _next(floor, event.at)
    if pair is None or pair.call_id != call.call_id:
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
    while pair := _next(floor, now):
        ring_id = f"{pair.call_id}/{len(floor.calls[pair.call_id].rings) + 1}"
        yield ev.CallOffered(now, pair.call_id, ring_id, pair.agent_id, pair.why)


def _next(floor: Floor, now: float) -> routing.Match | None:
    return None if floor.closing else floor.line.next_match(now)


def _place(floor: Floor, call: Call) -> str:
    announce = floor.plan_of(call.call_id).queues.announce
    return announce.prompt_for(floor.line.ahead_of(call.call_id))
