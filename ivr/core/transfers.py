"""Calls that are given to an outside number: a department, 110, the duty mobile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core import leases, talking
from ivr.core.actions import Action
from ivr.core.calls import Call
from ivr.core.events import Event

if TYPE_CHECKING:
    from ivr.core.floor import Floor


HEAD = 100
"""The priority of a citizen who comes back to us: before all but emergencies."""


def dial(call: Call, at: float, number: str, name: str, why: str) -> Iterator[Event]:
    """Give the citizen to an outside number."""
    yield ev.LegDialled(at, call.call_id, f"{call.call_id}/t{len(call.legs) + 1}", number, name, why)


def dialled(floor: Floor, call: Call, event: ev.LegDialled) -> Iterator[Event | Action]:
    """Call the number."""
    # The lease is renewed before the dialling, never after: the dialplan lifts it when that begins.
    yield from leases.renew(floor, call, event.at)
    context = floor.plan_of(call.call_id).departments.context
    yield do.DialOutside(call.call_id, event.leg_id, event.number, floor.rules.outside_s, context)


def ended(floor: Floor, call: Call, event: ev.LegEnded) -> Iterator[Event | Action]:
    """After a talk outside the call is over; a citizen whom nobody took comes to us."""
    leg = call.legs[-1]
    if leg.answered_at is not None:
        yield from talking.talk_over(floor, call, event.at)
        return
    yield from leases.renew(floor, call, event.at)
    plan = floor.plan_of(call.call_id)
    queue, say = call.queue or plan.default_queue(event.at), (plan.departments.unanswered,)
    yield ev.CallQueued(event.at, call.call_id, queue, f"{leg.name}: {event.reason}", say=say, priority=HEAD)
