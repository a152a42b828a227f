"""Calls that leave the house: to a department, to 110, and back."""

from __future__ import annotations

from random import Random

import pytest

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core import transfers
from ivr.core.calls import Outcome, Stage
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
    world.hang_up(call_id)
    assert world.floor.calls[call_id].outcome is Outcome.ABANDONED


def test_a_talk_outside_ends_with_goodbye_and_is_no_answered_call() -> None:
    world = World(Random(1))
    call_id = _dialled(world)
    world.tell(ev.LegAnswered(world.now, call_id, f"{call_id}/t1"))
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
