"""After a lost link or a restart: what Asterisk still carries, and what became of the rest."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.calls import ROOM_STAGES, Call, Stage
from ivr.core.events import Event
from ivr.core.floor import leading, leases, talking, transfers
from ivr.core.floor.state import LiveState


def found(floor: LiveState, call: Call, event: ev.CallFound) -> Iterator[Event | Action]:
    """Take up a call where Asterisk has it, whatever was missed meanwhile."""
    ring = call.ring
    if event.doing == "fallback":
        yield from talking.close_recordings(call)
        yield from transfers.disband(call)
    elif event.doing == "talking":
        if ring and ring.answered_at is None:
            yield ev.AgentAnswered(event.at, call.call_id, ring.ring_id)
        yield from transfers.again(floor, call, event.at)
    elif event.doing == "room":
        yield from transfers.found(floor, call, event)
    elif event.doing == "outside":
        if call.leg and call.leg.answered_at is None:
            yield ev.LegAnswered(event.at, call.call_id, call.leg.leg_id)
    elif event.doing == "idle":
        yield from _idle(floor, call, event)


def _idle(floor: LiveState, call: Call, event: ev.CallFound) -> Iterator[Event | Action]:
    ring = call.ring
    yield from leases.renew(floor, call, event.at)
    if call.stage in ROOM_STAGES:
        yield from transfers.found(floor, call, event)
    elif ring and ring.answered_at is None:
        yield ev.RingEnded(event.at, call.call_id, ring.ring_id, "cancelled")
        yield do.PlayMusic(call.call_id)
    elif ring and ring.ring_id in event.room:
        yield ev.AgentMoved(event.at, call.call_id, ring.ring_id)
    elif ring:
        yield ev.AgentHungUp(event.at, call.call_id, ring.ring_id)
    elif call.leg:
        reason = "cancelled" if call.leg.answered_at is None else "hung_up"
        yield ev.LegEnded(event.at, call.call_id, call.leg.leg_id, reason)
    elif call.stage is Stage.WAITING:
        yield do.PlayMusic(call.call_id)
    elif call.stage is Stage.FAREWELL:
        yield do.HangUp(call.call_id)
    elif call.stage is Stage.OUTSIDE:
        yield from transfers.unanswered(floor, call, event.at)
    elif call.stage is Stage.RATING and call.step_name in ("rating", "farewell"):
        yield from talking.rated(floor, call, ev.StepEnded(event.at, call.call_id, call.step))
    elif call.stage is Stage.RATING:
        yield from transfers.talked(floor, call, event.at)
    else:
        yield from leading.begin(floor, call, event.at)


def gone(floor: LiveState, event: ev.CallsCounted) -> Iterator[Event]:
    """Calls that Asterisk does not have any more."""
    up = set(event.call_ids)
    for call in list(floor.calls.values()):
        decided_since = call.stage is Stage.DIALLING and call.arrived_at >= event.since
        if call.live and call.call_id not in up and not decided_since:
            yield ev.CallerHungUp(event.at, call.call_id)
