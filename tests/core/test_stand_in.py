"""Desks at which nobody is signed in: who stands in, from when, and until when."""

from datetime import time
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.callbacks import Dialling
from ivr.core.calls import Stage
from ivr.core.dialplan import draw
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.queues import Queue
from ivr.core.dialplan.stand_in import stand_in
from ivr.core.dialplan.targets import Target
from ivr.core.floor import Rules
from tests.core.callers import Caller, works
from tests.core.world import World, plan_of, shipped_tables


def _plan(**instead: Any) -> dialplan.Plan:
    city, queues = shipped_tables()
    for name, target in instead.items():
        queues["queue"][name]["nobody_signed_in"] = target
    return plan_of(city, queues)


NIGHT = {"queue": "deputies", "mark": "night", "say": ["busy_times"]}


@pytest.fixture
def world() -> World:
    return World(Random(0), _plan(enterprise=NIGHT))


def _enterprise(world: World) -> Caller:
    caller = Caller(world)
    caller.press("2")
    return caller


def test_with_somebody_signed_in_the_desk_is_the_desk(world: World) -> None:
    world.tell(ev.AgentSignedIn(world.now, "8001"))  # not ready: a break is no closing time
    assert _enterprise(world).call.queue == "enterprise"


def test_with_nobody_signed_in_another_desk_stands_in(world: World) -> None:
    works(world, "8003")
    call = _enterprise(world).call
    assert (call.queue, call.instead_of, call.mark) == ("deputies", "enterprise", "enterprise")
    assert call.queued_why == "key 2, nobody signed in for enterprise"
    assert call.stage is Stage.RINGING


def test_with_nobody_anywhere_the_caller_waits_at_the_desk_they_wanted(world: World) -> None:
    assert _enterprise(world).call.queue == "enterprise"


def test_who_waits_goes_over_when_the_last_agent_goes_home_and_back_when_one_comes(world: World) -> None:
    for agent_id in ("8001", "8003"):
        world.tell(ev.AgentSignedIn(world.now, agent_id))
    caller = _enterprise(world)
    joined = caller.call.queued_at
    caller.press("")
    world.tell(ev.AgentSignedOut(world.now, "8001"))
    world.tick()
    assert (caller.call.queue, caller.call.instead_of) == ("deputies", "enterprise")
    while caller.call.step:
        world.lines[caller.call_id].orders = [caller.order]
        caller.press("", after_s=1)
    world.tell(ev.AgentSignedIn(world.now, "8001"))
    world.tick()
    assert (caller.call.queue, caller.call.instead_of) == ("enterprise", "")
    assert (caller.call.mark, caller.call.queued_at) == ("night", joined)


def test_the_duty_mobile_is_called_once_when_nobody_is_signed_in() -> None:
    world = World(Random(0), _plan(enterprise={"transfer": "13907330009", "mark": "值班手机"}))
    caller = _enterprise(world)
    assert caller.call.queue == "enterprise"
    caller.press("")
    world.tick()
    leg = caller.call.legs[-1]
    assert (leg.number, leg.name, leg.why) == ("13907330009", "值班手机", "nobody signed in for enterprise")
    world.tell(ev.LegEnded(world.now, caller.call_id, leg.leg_id, "no_answer"))
    world.lines[caller.call_id].orders = [caller.order]
    caller.press("")
    world.tick()
    assert (caller.call.stage, caller.call.queue, len(caller.call.legs)) == (Stage.WAITING, "enterprise", 1)


def test_a_callback_waits_at_the_desk_that_stands_in() -> None:
    """Who gave up in the line of a desk that has gone home is called back by those who are there."""
    rules = Rules(callback=Dialling(True, time(0), time(23, 59, 59), missed_after_s=0))
    city, queues = shipped_tables()
    queues["queue"]["deputies"]["step"] = []
    world = World(Random(0), plan_of(city, queues), rules=rules)
    world.tell(ev.AgentSignedIn(world.now, "8003"))
    caller = Caller(world, "13907330001", "12346")
    assert caller.call.queue == "deputies"
    world.hang_up(caller.call_id)
    world.tell(ev.AgentSignedOut(world.now, "8003"))
    works(world, "8002")
    world.tick()
    (tried,) = [event for event in world.journal if isinstance(event, ev.CallbackTried)]
    assert (tried.queue, tried.priority, tried.mark) == ("general", 10, "deputy")


def test_it_is_explained_and_drawn() -> None:
    plan = _plan(enterprise=NIGHT, deputies={"transfer": "13907330009"})
    assert "   无人签入时：转入队列 人大代表专席（deputies）" in list(explain(plan, {}, "", "12345", 0, "2"))
    assert "   无人签入时：转接外线 13907330009" in list(explain(plan, {}, "", "12346", 0))
    picture = draw.mermaid(plan, {})
    assert 'queue_enterprise -- "无人签入" --> queue_deputies' in picture
    assert 'queue_deputies -- "无人签入" --> out_13907330009(["外线 13907330009"])' in picture


@given(
    instead=st.dictionaries(st.sampled_from("abcd"), st.sampled_from("bcde")),
    staffed=st.sets(st.sampled_from("abcde")),
)
def test_nobody_is_sent_to_a_desk_that_is_not_staffed(instead: dict[str, str], staffed: set[str]) -> None:
    later = {name: other for name, other in instead.items() if other > name}  # circles are refused
    queues = {
        name: Queue(
            name=name,
            skill="general",
            nobody_signed_in={"queue": later[name]} if name in later else None,  # type: ignore[arg-type]
        )
        for name in "abcde"
    }
    for name in queues:
        target = stand_in(queues, name, lambda queue: queue not in staffed, lambda _: Target(queue="a"))
        assert target is None or target.queue in staffed
        if name in staffed:
            assert target is None
        elif "a" in staffed:
            assert target
