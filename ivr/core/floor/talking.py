"""An agent's telephone rings, two people talk, the citizen rates the talk, and the note is written."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Agent
from ivr.core.calls import ROOM_STAGES, Call, Stage, outcome_of
from ivr.core.events import Event
from ivr.core.floor import calling_back, leases, steps
from ivr.core.floor.state import LiveState
from ivr.core.routing import why


def offered(floor: LiveState, call: Call, event: ev.CallOffered) -> Iterator[Event | Action]:
    """Ring the agent, after the notice that the call will be recorded."""
    if call.stage is Stage.DIALLING:
        yield from calling_back.offered(floor, call)
        return
    notice = floor.plan_of(call.call_id).city.recording.notice
    # The lease is renewed before the ring, never after: the dialplan lifts it when the ring begins.
    if notice not in call.prompts_heard and not (call.step and notice in call.step_prompts):
        yield from steps.say(floor, call, event.at, "notice", (notice,))
    else:
        yield from leases.renew(floor, call, event.at)
    yield do.RingAgent(call.call_id, event.ring_id, event.agent_id, floor.rules.ring_s, call.rate)


def cancel(floor: LiveState, agent: Agent, at: float) -> Iterator[Event | Action]:
    """The agent who is being rung wants no call any more; one whose telephone does not ring yet is simply let go."""
    call = floor.calls.get(agent.call_id)
    if call is not None and call.stage in (Stage.DIALLING, Stage.TALKING):
        yield ev.RingEnded(at, agent.call_id, agent.ring_id, "cancelled")
    elif call is not None and call.stage in ROOM_STAGES:
        yield do.ReleaseAgent(agent.call_id, agent.ring_id)
    else:
        yield do.CancelRing(agent.call_id, agent.ring_id)


def not_answered(floor: LiveState, call: Call, event: ev.RingEnded) -> Iterator[Event | Action]:
    """Set the agent aside; the caller stands where they stood. Of a colleague, `transfers` tells the rest."""
    ring = next(ring for ring in call.rings if ring.ring_id == event.ring_id)
    if event.reason != "cancelled":
        yield ev.AgentSetAside(event.at, ring.agent_id, event.reason)
    if call.stage is not Stage.DIALLING and not ring.room:
        yield from leases.renew(floor, call, event.at)


def talk_over(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """The citizen has talked: a rating, if it was with an agent, else goodbye."""
    rating = floor.plan_of(call.call_id).city.rating
    if call.answered:
        yield from steps.ask(floor, call, at, "rating", (rating.prompt,), floor.rules.rating_s)
    else:
        yield from steps.say(floor, call, at, "farewell", (rating.not_rated,))


def rated(floor: LiveState, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
    """Thank for the rating, or say goodbye; then hang up."""
    if call.step_name != "rating":
        yield do.HangUp(call.call_id)
        return
    rating = floor.plan_of(call.call_id).city.rating
    given = rating.keys.index(event.key) + 1 if event.key in rating.keys else 0
    yield ev.RatingGiven(event.at, call.call_id, given)
    yield from steps.say(floor, call, event.at, "farewell", (rating.rated if given else rating.not_rated,))


def caller_hung_up(floor: LiveState, call: Call, event: ev.CallerHungUp) -> Iterator[Event | Action]:
    """The story is over, in one outcome."""
    for ring in call.rings:
        if ring.open and ring.has_recording:
            yield do.CloseRecording(call.call_id, ring.ring_id)
    if call.leg and call.leg.has_recording:
        yield do.CloseRecording(call.call_id, call.leg.leg_id)
    if call.stage is Stage.DIALLING:
        yield ev.CitizenNotReached(event.at, call.call_id, _CAUSES.get(event.cause, "unreachable"))
        return
    untaken = floor.line.why_waiting(call.call_id, event.at) or why.untaken(call, event.at)
    yield ev.CallEnded(event.at, call.call_id, outcome_of(call), untaken)


_CAUSES = {17: "busy", 18: "no_answer", 19: "no_answer", 21: "rejected"}
"""Q.850 cause of a citizen's channel that was never answered."""


def close_recordings(call: Call) -> Iterator[Action]:
    """See that the files of every conversation that is over are whole."""
    for ring in call.rings:
        if ring.has_recording and ring.ended_at is not None and not ring.recorded:
            yield do.CloseRecording(call.call_id, ring.ring_id)
    for leg in call.legs:
        if leg.has_recording and leg.ended_at is not None and not leg.recorded:
            yield do.CloseRecording(call.call_id, leg.leg_id)


def note(call: Call) -> Iterator[Action]:
    """Have the note written, once every conversation of an ended call is on disk."""
    talks = [ring for ring in call.rings if ring.has_recording]
    whole = all(ring.recorded for ring in talks) and all(leg.recorded for leg in call.legs if leg.has_recording)
    if not call.live and talks and whole and not call.note_written:
        yield do.WriteNote(call.call_id)
