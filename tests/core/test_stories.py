"""Random call stories: whatever people and agents do, every call ends in exactly one outcome and nobody is stranded."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core import routing
from ivr.core.agents import Status
from ivr.core.callbacks import Dialling
from ivr.core.calls import Call, Outcome, Stage
from ivr.core.dialplan import Plan
from ivr.core.floor import Floor, Rules
from ivr.core.routing.line import Line
from ivr.core.routing.standing import Waiter
from tests.core.callers import works
from tests.core.world import World, keyed_plan, shipped_plan

_PLANS = st.sampled_from([shipped_plan(), keyed_plan()])
_BUSY = (Status.RESERVED, Status.TALKING)


def _waiter(call: Call) -> Waiter:
    place = (call.queued_at or 0.0) if call.place_at is None else call.place_at
    return Waiter(
        call.call_id, call.queue, place, call.priority, call.emergency, call.moved_at, call.former_agent, call.slow_s
    )


def _check_line(floor: Floor, now: float) -> None:
    """The line is what calls and agents say: one filled from them is the same, and `routing` counts the same places."""
    queues, order, agents = floor.plan.queues.queue, floor.plan.queues.order, floor.agents.values()
    kept = [place.waiter for name, place in floor.line._places.items() if name in floor.callbacks]
    hall = routing.Hall(
        [*kept, *(_waiter(call) for call in floor.calls.values() if call.stage is Stage.WAITING)],
        [replace(agent, status=Status.SIGNED_OUT) if agent.agent_id in floor.absent else agent for agent in agents],
        queues,
        order,
        now,
    )
    assert not routing.match(hall.waiting, hall.agents, queues, now, order)
    assert floor.line.next_match(now) is None
    fresh = Line(queues, order)
    for waiter in hall.waiting:
        fresh.join(**asdict(waiter))
        assert floor.line.ahead_of(waiter.call_id, now) == routing.ahead_of(waiter, hall)
    for agent in agents:
        if agent.status is not Status.SIGNED_OUT and agent.agent_id not in floor.absent:
            fresh.sign_in(agent.agent_id, agent.profile.skills)
            fresh.free(agent.agent_id, agent.idle_since) if agent.free else fresh.busy(agent.agent_id, soon=agent.soon)
    fresh.next_match(now)
    assert {**vars(floor.line), "_due": []} == {**vars(fresh), "_due": []}


def _check(world: World) -> None:
    floor = world.floor
    for call_id, line in world.lines.items():
        call = floor.calls[call_id]
        assert call.live
        if call.stage in (Stage.MENU, Stage.RATING):
            assert line.orders, f"{call_id} is in {call.stage} and nothing is going to happen"
        if call.stage is Stage.WAITING:
            assert line.orders or call.step == "", f"{call_id} waits for a prompt that nobody plays"
        if line.doing == "talking":
            assert call.stage is Stage.TALKING
        if line.doing in ("dialling", "outside"):
            assert call.stage is Stage.OUTSIDE
        if line.doing == "room":
            assert call.stage is Stage.ROOM
        if call.stage is Stage.CONSULTING:
            assert call.ring, f"{call_id} waits for an agent who is gone"
            moving = any(e.call_id == call_id for e in world.rooms.errands)
            assert call.leg or moving, f"{call_id} waits while nobody is called"
        if call.stage is Stage.ROOM:
            assert line.doing == "room" or line.orders, f"{call_id} should be in the room and nothing brings them there"
    for agent in floor.agents.values():
        if agent.status in _BUSY:
            rings = [ring for ring in floor.calls[agent.call_id].rings if ring.open]
            assert agent.agent_id in {ring.agent_id for ring in rings}, f"{agent.agent_id} is held by no call"
    held = Counter(ring.agent_id for call in floor.calls.values() for ring in call.rings if ring.open)
    assert all(n == 1 for n in held.values()), f"two calls for one agent: {held}"


@settings(max_examples=200)
@given(seed=st.integers(min_value=0, max_value=2**32), plan=_PLANS)
def test_every_story_ends_in_exactly_one_outcome(seed: int, plan: Plan) -> None:
    world = World(Random(seed), plan)
    for _ in range(150):
        world.step()
        world.tick()
        _check(world)
        _check_line(world.floor, world.now)
    for call_id in list(world.lines):
        world.hang_up(call_id)
    world.rooms.run_errands()
    assert not [room.there for room in world.rooms.rooms.values() if room.there], "somebody was left in a room"
    arrived = [e.call_id for e in world.journal if isinstance(e, ev.CallArrived)]
    outcomes = Counter(e.call_id for e in world.journal if isinstance(e, ev.CallEnded))
    assert set(outcomes) == set(arrived)
    assert all(n == 1 for n in outcomes.values())
    assert {e.outcome for e in world.journal if isinstance(e, ev.CallEnded)} <= set(Outcome)
    assert not [a for a in world.floor.agents.values() if a.status in _BUSY]


@settings(max_examples=60)
@given(seed=st.integers(min_value=0, max_value=2**32), plan=_PLANS)
def test_the_books_balance_from_the_journal_alone(seed: int, plan: Plan) -> None:
    world = World(Random(seed), plan)
    for _ in range(120):
        world.step()
    for call_id in list(world.lines):
        world.hang_up(call_id)
    live = {c.call_id: c for c in world.floor.calls.values()}
    world.floor.calls.clear()
    world.floor.restore(world.journal, [], world.now)
    for call_id, call in live.items():
        assert world.floor.calls[call_id] == call


def test_switching_off_ends_every_call_once() -> None:
    world = World(Random(7))
    for _ in range(60):
        world.step()
    calls = set(world.lines)
    events, actions = world.floor.close(world.now)
    world._take(events, actions)
    assert calls and not world.lines
    ended = [e.call_id for e in world.journal if isinstance(e, ev.CallEnded)]
    assert len(ended) == len(set(ended)) and calls <= set(ended)


def test_who_waited_in_a_queue_that_is_gone_waits_in_the_default_one() -> None:
    world = World(Random(1))
    call_id = world.arrive("13907330001", dnis="12346")
    assert world.floor.calls[call_id].queue == "deputies"
    city = world.plan.city.model_copy(
        update={"number": {}, "caller": (), "default": world.plan.city.menu["main"].no_input}
    )
    queues = world.plan.queues.model_copy(update={"queue": {"general": world.plan.queues.queue["general"]}})
    world.plan = world.plan.model_copy(update={"city": city, "queues": queues})
    world.restart_controller()
    assert world.floor.calls[call_id].queue == "general"
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    assert world.floor.calls[call_id].stage is Stage.RINGING


def test_a_menu_of_before_leads_to_a_queue_that_is_gone() -> None:
    """A call keeps the plan that it began with, but can wait only where people are given calls now."""
    world = World(Random(1))
    works(world, "8002")
    call_id = world.arrive()
    queues = {name: queue for name, queue in world.plan.queues.queue.items() if name != "enterprise"}
    plan = world.plan.model_copy(update={"queues": world.plan.queues.model_copy(update={"queue": queues})})
    world.floor.change_plan(plan, world.now)
    world.tell(ev.StepEnded(world.now, call_id, world.floor.calls[call_id].step, "2"))
    call = world.floor.calls[call_id]
    assert (call.queue, call.mark, call.stage) == ("general", "enterprise", Stage.RINGING)


@pytest.mark.parametrize(("taken", "outcome"), [(True, Outcome.FELL_BACK), (False, Outcome.ABANDONED)])
def test_a_call_that_fell_back_unannounced_is_in_the_books(taken: bool, outcome: Outcome) -> None:
    world, call_id = World(Random(1)), "1700000000.9"
    world.tell(ev.CallFellBack(world.now, call_id, "13800138000", "12345"))
    if taken:
        for agent_id in ("8002", "8003"):  # told by Asterisk and, after a restart, by its log
            world.tell(ev.FallbackAnswered(world.now + 20, call_id, agent_id))
    world.tell(ev.CallerHungUp(world.now + 60, call_id))
    world.tell(ev.CallerHungUp(world.now + 90, call_id))
    call = world.floor.calls[call_id]
    assert (call.outcome, call.ani, call.dnis) == (outcome, "13800138000", "12345")
    assert [(ring.agent_id, ring.reason) for ring in call.rings] == ([("8002", "caller_hung_up")] if taken else [])
    assert (call.wait_s(0), call.talk_s(0)) == ((20, 40) if taken else (60, 0))
    assert bool(world.floor.callbacks) is not taken, "who reached nobody is called back"


def test_a_call_that_came_and_went_unattended_is_a_missed_one() -> None:
    world, call_id = World(Random(1)), "1700000000.9"
    world.tell(ev.CallUnattended(world.now - 600, call_id, "13800138000", "12345"))
    world.tell(ev.CallerHungUp(world.now - 597, call_id))
    call = world.floor.calls[call_id]
    assert (call.outcome, call.arrived_at, call.ended_at) == (Outcome.LEFT_IN_MENU, world.now - 600, world.now - 597)
    (task,) = world.floor.callbacks.values()
    assert task.number == "13800138000"


def test_what_is_told_late_of_a_call_rings_nobody_in_the_past() -> None:
    rules = Rules(callback=Dialling(True, time(0), time(23, 59, 59), missed_after_s=0))
    world = World(Random(1), rules=rules)
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    world.recount(ev.CallFellBack(world.now - 600, "1700000000.9", "13800138000", "12345"))
    world.recount(ev.CallerHungUp(world.now - 500, "1700000000.9"))
    assert not [event for event in world.journal if isinstance(event, ev.CallbackTried)]
    world.tick()
    (tried,) = [event for event in world.journal if isinstance(event, ev.CallbackTried)]
    assert tried.at == world.now


def test_a_flood_of_calls_that_end_in_the_menu_is_forgotten_once_it_is_saved() -> None:
    world = World(Random(1))
    floor = world.floor
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    early = world.arrive()
    world.tell(ev.StepEnded(world.now, early, floor.calls[early].step))
    assert floor.calls[early].rings
    world.hang_up(early)
    for _ in range(floor.rules.remember_most + 50):
        world.now += 0.01
        world.hang_up(world.arrive())
    floor.tick(world.now)
    assert len(floor.calls) == floor.rules.remember_most + 51, "nothing is forgotten before the journal has it"
    last = list(floor.calls)[-1]
    floor.changed_calls.clear()
    floor.tick(world.now)
    assert len(floor.calls) == floor.rules.remember_most + 1
    assert early in floor.calls, "an agent may have work with it"
    assert last in floor.calls
    world.now += floor.rules.remember_s + 1
    floor.tick(world.now)
    assert not floor.calls
