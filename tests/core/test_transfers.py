"""Calls that leave the house: to a department, to 110, and back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.agents import Status
from ivr.core.calls import Outcome, Stage
from ivr.core.floor import transfers
from tests.core.test_stories import _check as check
from tests.core.world import World


def _dialled(world: World) -> str:
    call_id = world.arrive()
    call = world.floor.calls[call_id]
    for event in transfers.dial(call, world.now, "110", "110", "key 9"):
        world.tell(event)
    assert call_id in world.lines
    assert world.floor.calls[call_id].stage is Stage.OUTSIDE
    order = world.lines[call_id].orders[-1]
    assert order == do.DialOutside(call_id, f"{call_id}/t1", "110", 25, "transfer_context")
    return call_id


@pytest.mark.parametrize("reason", ["no_answer", "busy", "rejected", "unreachable", "cancelled"])
def test_whom_nobody_outside_takes_stands_in_our_line(reason: str) -> None:
    world = World(Random(1))
    call_id = _dialled(world)
    world.tell(ev.LegEnded(world.now, call_id, f"{call_id}/t1", reason))
    call = world.floor.calls[call_id]
    assert (call.stage, call.queue, call.queued_why) == (Stage.WAITING, "general", f"110: {reason}")
    assert "transfer_unanswered" in call.step_prompts
    assert call.legs[0].kept_by == "us"
    world.hang_up(call_id)
    assert world.floor.calls[call_id].outcome is Outcome.ABANDONED


def test_a_talk_outside_ends_with_goodbye_and_is_no_answered_call() -> None:
    world = World(Random(1))
    call_id = _dialled(world)
    world.tell(ev.LegAnswered(world.now, call_id, f"{call_id}/t1"))
    assert world.floor.calls[call_id].legs[0].kept_by == "them"
    world.tell(ev.LegEnded(world.now + 60, call_id, f"{call_id}/t1", "hung_up"))
    call = world.floor.calls[call_id]
    assert (call.stage, call.step_name, call.step_prompts) == (Stage.RATING, "farewell", ("goodbye",))
    world.tell(ev.StepEnded(world.now + 62, call_id, call.step))
    assert call_id not in world.lines
    assert world.floor.calls[call_id].outcome is Outcome.PASSED_ON


def test_a_new_controller_finds_who_talks_outside() -> None:
    world = World(Random(1))
    call_id = _dialled(world)
    world.lines[call_id].doing = "outside"
    world.restart_controller()
    call = world.floor.calls[call_id]
    assert call.stage is Stage.OUTSIDE and call.leg and call.leg.answered_at
    world.lines[call_id].doing = "idle"
    world.restart_controller()
    assert world.floor.calls[call_id].stage is Stage.RATING


def _talking(seed: int = 1) -> tuple[World, str]:
    """A citizen who talks with agent 8001."""
    world = World(Random(seed))
    world.tell(ev.AgentSignedIn(world.now, "8001"))
    world.tell(ev.AgentPressedReady(world.now, "8001"))
    call_id = world.arrive()
    while world.lines[call_id].doing != "talking":
        world.advance(call_id)
        if world.floor.agents["8001"].status is Status.AWAY:
            world.tell(ev.AgentPressedReady(world.now, "8001"))
    return world, call_id


def _ask(world: World, call_id: str, kind: str, **to: str) -> None:
    ring = world.floor.calls[call_id].ring
    assert ring
    world.tell(ev.TransferAsked(world.now, call_id, ring.ring_id, kind, **to))
    world.rooms.run_errands()


def _consulting() -> tuple[World, str, str]:
    """The agent talks with 110 in the room, and the citizen hears music."""
    world, call_id = _talking(4)
    _ask(world, call_id, "consult", number="110", name="110")
    call = world.floor.calls[call_id]
    assert call.stage is Stage.CONSULTING and call.leg, call
    assert world.lines[call_id].orders == [do.PlayMusic(call_id)]
    world.rooms.of(call_id).legs[call.leg.leg_id] = True
    world.tell(ev.LegAnswered(world.now, call_id, call.leg.leg_id))
    return world, call_id, call.leg.leg_id


def _bring(world: World, call_id: str) -> None:
    while world.lines[call_id].doing == "idle":
        world.advance(call_id)


def test_consult_and_complete_leaves_the_two_others_talking() -> None:
    world, call_id, leg_id = _consulting()
    world.now += 30
    _ask(world, call_id, "complete")
    _bring(world, call_id)
    call = world.floor.calls[call_id]
    assert (call.stage, call.ring, call.leg is not None) == (Stage.ROOM, None, True)
    assert world.floor.agents["8001"].status is Status.WRAP_UP
    talked = call.talk_s(world.now)
    world.now += 60
    world.rooms.leg_ends(call_id, leg_id, "unreachable")
    call = world.floor.calls[call_id]
    assert call.talk_s(world.now) == talked, "only the agent's time is talk time"
    assert (call.legs[0].reason, call.stage, call.step_name) == ("hung_up", Stage.RATING, "rating")
    assert call.legs[0].kept_by == "them"
    assert call.legs[0].ended_at == world.now


def test_consult_and_cancel_brings_the_two_together_again() -> None:
    world, call_id, _ = _consulting()
    _ask(world, call_id, "cancel")
    _bring(world, call_id)
    call = world.floor.calls[call_id]
    assert call.stage is Stage.ROOM and call.ring and call.leg is None and call.legs[0].kept_by == "us"
    assert world.rooms.of(call_id).there == (call.ring.ring_id,)
    _ask(world, call_id, "back_to_line")
    assert world.floor.calls[call_id].stage is Stage.WAITING
    assert (world.floor.calls[call_id].priority, world.lines[call_id].doing) == (transfers.HEAD, "idle")


def test_an_agent_who_hangs_up_while_nobody_has_answered_leaves_the_citizen_to_us() -> None:
    world, call_id = _talking(4)
    _ask(world, call_id, "consult", number="110", name="110")
    world.rooms.agent_leaves(call_id)
    world.rooms.run_errands()
    call = world.floor.calls[call_id]
    assert (call.stage, call.queued_why) == (Stage.WAITING, "110: cancelled")
    assert world.rooms.of(call_id).legs == {}


def test_three_talk_and_the_controller_is_killed() -> None:
    world, call_id, leg_id = _consulting()
    _ask(world, call_id, "three_way")
    _bring(world, call_id)
    world.restart_controller()
    call = world.floor.calls[call_id]
    assert call.stage is Stage.ROOM and call.ring and call.leg and call.leg.leg_id == leg_id
    assert world.lines[call_id].doing == "room"
    world.hang_up(call_id)
    world.rooms.run_errands()
    assert world.rooms.of(call_id).there == ()
    assert world.floor.agents["8001"].status is Status.WRAP_UP


@settings(max_examples=300)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_whatever_happens_in_a_room_nobody_is_left_in_it(seed: int) -> None:
    world, call_id = _talking(seed)
    dice = Random(seed)
    for _ in range(25):
        world.rooms.run_errands(0.7)
        match dice.choice(["ask", "ask", "something", "advance", "advance", "time", "restart", "hang up"]):
            case "ask":
                world.rooms.ask()
            case "something":
                world.rooms.something()
            case "advance" if call_id in world.lines and world.lines[call_id].doing != "talking":
                world.advance(call_id)
            case "time":
                world.now += 1
            case "restart" if dice.random() < 0.3:
                world.restart_controller()
            case "hang up" if dice.random() < 0.1:
                world.hang_up(call_id)
        world.tick()
        check(world)
    world.hang_up(call_id)
    world.rooms.run_errands()
    assert world.rooms.of(call_id).there == ()
    call = world.floor.calls[call_id]
    assert call.outcome is Outcome.ANSWERED and not call.ring and not call.leg
    assert not [a for a in world.floor.agents.values() if a.status in (Status.RESERVED, Status.TALKING)]
    releases = [e for e in world.journal if isinstance(e, ev.CallEnded)]
    assert len(releases) == 1


def _with_colleague() -> tuple[World, str]:
    """8001 and 8002 talk in the room since 20 s, and the citizen hears music."""
    world, call_id = _talking(4)
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    _ask(world, call_id, "consult", agent_id="8002")
    assert world.floor.agents["8002"].status is Status.RESERVED
    asked = world.floor.calls[call_id].colleague
    assert asked and asked.why == ("asked by 8001",)
    world.rooms.answers(call_id, asked.ring_id)
    world.now += 20
    return world, call_id


def test_the_talk_of_two_agents_counts_once_in_the_call_and_whole_for_each() -> None:
    world, call_id = _with_colleague()
    first = world.floor.calls[call_id].answered
    _ask(world, call_id, "three_way")
    _bring(world, call_id)
    world.now += 30
    _ask(world, call_id, "complete")
    left_at = world.now
    world.now += 40
    call = world.floor.calls[call_id]
    assert call.ring and call.ring.agent_id == "8002" and call.colleague is None
    world.rooms.leg_ends(call_id, call.ring.ring_id, "")
    one, other = (ring for ring in world.floor.calls[call_id].rings if ring.answered_at is not None)
    assert (one.ended_at, other.ended_at) == (left_at, world.now)
    assert other.answered_at == left_at - 50
    assert first and first.answered_at is not None
    assert world.floor.calls[call_id].talk_s(world.now) == world.now - first.answered_at


def test_a_colleague_who_is_not_ready_is_not_asked_for() -> None:
    world, call_id = _talking(4)
    before = world.floor.calls[call_id]
    _ask(world, call_id, "consult", agent_id="8002")
    assert world.floor.calls[call_id] == before
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    world.tell(ev.PhoneLost(world.now, "8002"))
    _ask(world, call_id, "consult", agent_id="8002")
    assert world.floor.calls[call_id] == before


def test_an_end_of_the_ring_that_is_told_after_the_answer_takes_nobody_out() -> None:
    """Asterisk tells the end of its own call to the colleague, which has become the colleague's part in the room."""
    world, call_id = _with_colleague()
    ring = world.floor.calls[call_id].colleague
    assert ring
    world.tell(ev.RingEnded(world.now, call_id, ring.ring_id, "unreachable"))
    assert world.floor.calls[call_id].colleague == ring
    assert world.floor.agents["8002"].status is Status.TALKING


def test_nobody_else_is_asked_for_while_an_outside_number_is_consulted() -> None:
    world, call_id, leg_id = _consulting()
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    _ask(world, call_id, "three_way", agent_id="8002")
    call = world.floor.calls[call_id]
    assert call.colleague is None and call.leg and call.leg.leg_id == leg_id and call.stage is Stage.CONSULTING
