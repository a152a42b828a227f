"""The agent gives the citizen on: blind, after a word, three together, or back to the line; and calls to the outside.

A call's room is a conference. The agent is moved there out of the talk, the outside number or the colleague is called
there, and the citizen joins when it is their turn; until then they hear music. The citizen comes back to us when the
last of the others has left. Whoever does not take them leaves them with the one who had them first (首接先受理).

A colleague is reserved from the moment that they are asked for. Their ring follows the one of the agent who asked, and
so the citizen is theirs when that one leaves: also while their telephone still rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Agent
from ivr.core.calls import ONWARD, Call, Stage, fits
from ivr.core.dialplan import Led, menu
from ivr.core.events import Event
from ivr.core.floor import leases, steps, talking
from ivr.core.floor.state import LiveState

HEAD = 100
"""The priority of a citizen who has talked with us and comes back: before all but emergencies."""


def lead(floor: LiveState, call: Call, led: Led, at: float) -> Iterator[Event | Action]:
    """Where a rule leads to an outside number, the citizen is given to it without an agent."""
    target, number = led.target, str(led.target.transfer)
    listed = floor.plan_of(call.call_id).departments.department.values()
    name = next((department.name for department in listed if department.number == number), target.mark or number)
    if target.say:
        yield from steps.say(floor, call, at, "notice", target.say)
    leg_id = f"{call.call_id}/t{len(call.legs) + 1}"
    yield ev.LegDialled(
        at, call.call_id, leg_id, number, name, led.why,
        mark=menu.mark_of(led), emergency=target.emergency, record=call.answered is not None,
    )  # fmt: skip


def dial(call: Call, at: float, number: str, name: str, why: str, *, room: bool = False) -> Iterator[Event]:
    """Give the citizen to an outside number, or call it into the room."""
    leg_id, record = f"{call.call_id}/t{len(call.legs) + 1}", call.answered is not None
    yield ev.LegDialled(at, call.call_id, leg_id, number, name or number, why, room, record=record)


def dialled(floor: LiveState, call: Call, event: ev.LegDialled) -> Iterator[Event | Action]:
    """Call the number."""
    context, ring_s = floor.plan_of(call.call_id).departments.context, floor.rules.outside_s
    rate = call.rate if event.record else 0
    if event.room:
        yield do.DialRoom(call.call_id, event.leg_id, event.number, ring_s, context, rate)
        return
    # The lease is renewed before the dialling, never after: the dialplan lifts it when that begins.
    yield from leases.renew(floor, call, event.at)
    yield do.DialOutside(call.call_id, event.leg_id, event.number, ring_s, context, rate)


def ended(floor: LiveState, call: Call, event: ev.LegEnded) -> Iterator[Event | Action]:
    """After a talk outside the call is over; a citizen whom nobody took comes to us."""
    leg = call.legs[-1]
    if leg.has_recording:
        yield do.CloseRecording(call.call_id, leg.leg_id)
    if not leg.kept_by:
        yield ev.CallKept(event.at, call.call_id, leg.leg_id, "us")
    if leg.room:
        if call.stage is Stage.CONSULTING and call.ring:
            yield ev.RoomJoined(event.at, call.call_id)
    elif leg.answered_at is not None:
        yield from talking.talk_over(floor, call, event.at)
    else:
        yield from unanswered(floor, call, event.at)


def answered(call: Call, event: ev.LegAnswered) -> Iterator[Event]:
    """Who is connected with the citizen alone has taken them."""
    leg = call.legs[-1]
    if leg.leg_id == event.leg_id and (not leg.room or not call.ring):
        yield ev.CallKept(event.at, call.call_id, leg.leg_id, "them")


def refusal(calls: Mapping[str, Call], agents: Mapping[str, Agent], event: ev.TransferAsked) -> str:
    """Why the agent may not ask for this now: `transfer_refused`, `colleague_not_ready`; "" when they may."""
    call, colleague = calls.get(event.call_id), agents.get(event.agent_id)
    if call is None or not fits(call, event):
        return "transfer_refused"
    if event.agent_id and event.kind not in ONWARD and not (colleague and colleague.free):
        return "colleague_not_ready"
    return ""


def asked(floor: LiveState, call: Call, event: ev.TransferAsked) -> Iterator[Event | Action]:
    """Begin what the agent asked for."""
    if event.agent_id and event.kind not in ONWARD and call.colleague is None:
        ring_id = f"{call.call_id}/{len(call.rings) + 1}"
        why = (f"asked by {call.ring.agent_id}",) if call.ring else ()
        yield ev.CallOffered(event.at, call.call_id, ring_id, event.agent_id, why, room=True)
        call = floor.calls[call.call_id]
        if call.stage is not Stage.TALKING:
            return
    if event.kind in ONWARD:
        yield do.ReleaseAgent(call.call_id, event.ring_id)
    elif call.stage is Stage.TALKING:
        yield do.MoveAgent(call.call_id, event.ring_id)
    elif call.beside is None:
        yield from dial(call, event.at, event.number, event.name, _by(call), room=True)
    else:
        if event.kind == "cancel" and call.leg:
            yield do.EndLeg(call.call_id, call.leg.leg_id)
        elif event.kind == "cancel" and call.colleague:
            yield do.ReleaseAgent(call.call_id, call.colleague.ring_id)
        if call.stage is Stage.CONSULTING:
            yield ev.RoomJoined(event.at, call.call_id)
        if event.kind == "complete":
            yield do.ReleaseAgent(call.call_id, event.ring_id)


def agent_moved(floor: LiveState, call: Call, event: ev.AgentMoved) -> Iterator[Event | Action]:
    """The agent is in the room, or nearly: call the other one there, and let the citizen follow or hear music."""
    transfer = call.transfer
    yield from leases.renew(floor, call, event.at)
    if (transfer is None and call.colleague is None) or (transfer and transfer.kind == "three_way"):
        yield ev.RoomJoined(event.at, call.call_id)
    else:
        yield do.PlayMusic(call.call_id)
    if call.colleague:
        yield from colleague_asked(floor, call)
    elif transfer:
        yield from dial(call, event.at, transfer.number, transfer.name, _by(call), room=True)


def colleague_asked(floor: LiveState, call: Call) -> Iterator[Action]:
    """Ring the colleague, unless there is no room yet for them to come into."""
    ring = call.colleague
    if ring and call.stage is not Stage.TALKING:
        yield do.RingColleague(call.call_id, ring.ring_id, ring.agent_id, floor.rules.ring_s, call.rate, call.ani)


def agent_came(call: Call, event: ev.AgentAnswered) -> Iterator[Event]:
    """The agent who asked has left meanwhile, and the colleague has the citizen."""
    if call.stage is Stage.CONSULTING and call.ring and call.ring.ring_id == event.ring_id:
        yield ev.RoomJoined(event.at, call.call_id)


def colleague_not_reached(floor: LiveState, call: Call, event: ev.RingEnded) -> Iterator[Event | Action]:
    """The citizen is with the agent who asked again; in our line, when that one has left."""
    if call.stage is Stage.CONSULTING and call.ring:
        yield ev.RoomJoined(event.at, call.call_id)
    elif call.stage is Stage.CONSULTING:
        yield from unanswered(floor, call, event.at)


def joined(floor: LiveState, call: Call, event: ev.RoomJoined) -> Iterator[Action]:
    """Bring the citizen in."""
    yield from leases.renew(floor, call, event.at)
    yield do.JoinRoom(call.call_id)


def room_left(floor: LiveState, call: Call, event: ev.RoomLeft) -> Iterator[Event | Action]:
    """Nobody else is in the room any more."""
    leg = call.leg
    yield from talking.close_recordings(call)
    for ring in call.rings:
        if ring.room and ring.ended_at == event.at:
            yield do.ReleaseAgent(call.call_id, ring.ring_id)  # who came in that very moment would be alone there
    if leg:
        yield from _end(leg.leg_id, call, event.at)
    if call.ring:
        yield from leases.renew(floor, call, event.at)
        yield do.PlayMusic(call.call_id)
    elif not call.transfer and leg and leg.answered_at is None:
        yield from unanswered(floor, call, event.at)
    else:
        yield from talked(floor, call, event.at)


def agent_hung_up(floor: LiveState, call: Call, event: ev.AgentHungUp) -> Iterator[Event | Action]:
    """What the agent asked for; else the other one has the citizen, or it is the line again, or the rating."""
    yield do.CloseRecording(call.call_id, event.ring_id)
    leg, ring = call.leg, call.ring
    if leg and leg.answered_at is not None and ring is None:
        yield ev.CallKept(event.at, call.call_id, leg.leg_id, "them")
    if call.stage is Stage.CONSULTING:
        yield from _left(floor, call, event.at)
    elif call.transfer or call.stage is not Stage.ROOM:
        if ring and not call.transfer:  # a colleague whose telephone does not ring yet
            yield ev.RingEnded(event.at, call.call_id, ring.ring_id, "cancelled")
        yield from talked(floor, call, event.at)


def _left(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """The agent is gone who asked somebody else while the citizen heard music."""
    leg, ring = call.leg, call.ring
    if any(other is not None and other.answered_at is not None for other in (leg, ring)):
        yield ev.RoomJoined(at, call.call_id)
    elif ring is None:
        if leg:
            yield from _end(leg.leg_id, call, at)
        yield from unanswered(floor, call, at)


def talked(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """The citizen's talk is over: on to where the agent gave them, or to the rating."""
    yield from _onward(floor, call, at) if call.transfer else talking.talk_over(floor, call, at)


def disband(call: Call) -> Iterator[Action]:
    """The citizen is gone from a call with a room: so shall be the others."""
    for ring in call.rings:
        if (ring.room or ring.answered_at is not None) and (ring.open or ring.reason == "lost") and not ring.static:
            yield do.ReleaseAgent(call.call_id, ring.ring_id)
    for leg in call.legs[-1:]:
        if leg.room and (leg.ended_at is None or leg.reason == "lost"):
            yield do.EndLeg(call.call_id, leg.leg_id)


def found(floor: LiveState, call: Call, event: ev.CallFound) -> Iterator[Event | Action]:
    """After a restart: who has left the room meanwhile, who has come, and the citizen where they should be."""
    leg = call.leg
    if leg and leg.room and leg.leg_id not in event.room:
        yield from _end(leg.leg_id, call, event.at)
    elif leg and leg.room and leg.answered_at is None:
        yield ev.LegAnswered(event.at, call.call_id, leg.leg_id)
    for ring in call.rings:
        if ring.open and ring.answered_at is None and ring.ring_id in event.room:
            yield ev.AgentAnswered(event.at, call.call_id, ring.ring_id)
        elif ring.open and ring.answered_at is None:
            yield do.ReleaseAgent(call.call_id, ring.ring_id)
            yield ev.RingEnded(event.at, call.call_id, ring.ring_id, "cancelled")
        elif ring.open and ring.ring_id not in event.room:
            yield ev.AgentHungUp(event.at, call.call_id, ring.ring_id)
    now = floor.calls[call.call_id]
    if event.doing == "room" or now.stage is not call.stage:
        return
    if now.stage is Stage.CONSULTING and (now.ring is None or now.ring.room):
        yield from _left(floor, now, event.at)
    elif now.stage is Stage.CONSULTING and now.beside:
        yield do.PlayMusic(call.call_id)
    elif now.ring or now.leg:
        yield ev.RoomJoined(event.at, call.call_id)
    else:
        yield ev.RoomLeft(event.at, call.call_id)


def again(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """After a restart: what was asked for while the two still talk."""
    to, ring = call.transfer, call.ring
    if to and ring:
        again = ev.TransferAsked(at, call.call_id, ring.ring_id, to.kind, to.number, to.name, agent_id=to.agent_id)
        yield from asked(floor, call, again)


def due(_floor: LiveState, call: Call, _now: float) -> Iterator[Action]:
    """A citizen who is alone in the room, because the last of the others left while they came, comes back."""
    there = [other for other in (call.ring, call.leg, call.colleague) if other and other.answered_at is not None]
    if call.stage is Stage.ROOM and not there:
        yield do.LeaveRoom(call.call_id)


def _end(leg_id: str, call: Call, at: float) -> Iterator[Event | Action]:
    yield do.EndLeg(call.call_id, leg_id)
    yield ev.LegEnded(at, call.call_id, leg_id, "cancelled")


def _onward(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """A blind transfer, after the agent."""
    to = call.transfer
    assert to
    yield from leases.renew(floor, call, at)
    queue = to.queue or call.queue or floor.plan_of(call.call_id).default_queue(at)
    agent = floor.agents.get(to.agent_id)
    if to.number:
        yield from dial(call, at, to.number, to.name, _by(call))
    elif agent and agent.free:
        yield ev.CallOffered(at, call.call_id, f"{call.call_id}/{len(call.rings) + 1}", agent.agent_id, (_by(call),))
    else:
        yield ev.CallQueued(at, call.call_id, queue, _by(call), priority=None if to.queue else HEAD)


def unanswered(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """Nobody else took the citizen: we keep them. Who has not talked with us yet stands where they stood."""
    leg = call.legs[-1] if call.legs else None
    plan = floor.plan_of(call.call_id)
    yield from leases.renew(floor, call, at)
    queue = call.queue or plan.line_for(plan.default_queue(at), call.language)
    why = f"{leg.name}: {leg.reason or 'cancelled'}" if leg else "transfer"
    priority, say = HEAD if call.answered else call.priority, (plan.departments.unanswered,)
    yield ev.CallQueued(at, call.call_id, queue, why, "", say, priority, instead_of=call.instead_of)


def _by(call: Call) -> str:
    talked = [ring for ring in call.rings if ring.answered_at is not None]
    last = call.ring or max(talked, key=lambda ring: ring.ended_at or 0.0, default=None)
    return f"transferred by {last.agent_id}" if last else "transfer"
