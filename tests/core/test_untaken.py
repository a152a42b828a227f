"""Whoever ends without an agent: the end of their story says why nobody had taken the call."""

from __future__ import annotations

from random import Random

import pytest

from ivr.core import callbacks
from ivr.core import events as ev
from ivr.core.calls import Outcome
from ivr.core.floor import Rules
from tests.core.callers import Caller, works
from tests.core.world import World, keyed_plan, shipped_plan


@pytest.fixture
def world() -> World:
    return World(Random(0), rules=Rules(callback=callbacks.Dialling(possible=True)))


def _end(caller: Caller) -> ev.CallEnded:
    caller.world.hang_up(caller.call_id)
    return next(e for e in caller.world.journal if isinstance(e, ev.CallEnded) and e.call_id == caller.call_id)


def test_in_the_line(world: World) -> None:
    caller = Caller(world)
    caller.press("", after_s=1)
    world.now += 20
    ended = _end(caller)
    assert ended.why == (
        "place 1 in the line, priority 0, waited 20 s",
        "skill general: 0 free, 0 signed in",
    )


def test_while_a_telephone_rings(world: World) -> None:
    works(world, "8002")
    caller = Caller(world)
    caller.press("", after_s=1)
    world.now += 7
    ended = _end(caller)
    assert (ended.outcome, ended.why) == (Outcome.ABANDONED, ("8002 rang for 7 s", "waited 7 s"))


def test_in_the_first_menu(world: World) -> None:
    caller = Caller(world)
    world.now += 4
    ended = _end(caller)
    assert (ended.outcome, ended.why) == (Outcome.LEFT_IN_MENU, ("in menus for 4 s",))


def test_in_a_menu_that_they_came_to_from_the_line() -> None:
    world = World(Random(0), keyed_plan())
    caller = Caller(world)
    caller.press("", after_s=1)
    world.lines[caller.call_id].orders = [caller.order]
    caller.press("5", after_s=3)
    world.now += 4
    ended = _end(caller)
    assert (ended.outcome, ended.why) == (Outcome.ABANDONED, ("in menus for 4 s", "waited 7 s"))


def test_while_the_duty_mobile_rings() -> None:
    away = {"queue": {"general": {"nobody_signed_in": {"transfer": "13907330009", "mark": "值班手机"}}}}
    world = World(Random(0), shipped_plan({"queues": away}))
    caller = Caller(world)
    caller.press("", after_s=1)
    caller.press("", after_s=2)
    world.tick()
    world.now += 5
    ended = _end(caller)
    assert (ended.outcome, ended.why) == (Outcome.ABANDONED, ("值班手机 rang for 5 s", "waited 7 s"))


def test_of_a_caller_who_asked_to_be_called_back(world: World) -> None:
    caller = Caller(world)
    caller.press("", after_s=1)
    world.lines[caller.call_id].orders = [caller.order]
    caller.press("1", after_s=3)
    why = ("place 1 in the line, priority 0, waited 3 s", "skill general: 0 free, 0 signed in")
    world.now += 2
    ended = _end(caller)
    opened = next(e for e in world.journal if isinstance(e, ev.CallbackOpened))
    assert (ended.outcome, opened.why, ended.why) == (Outcome.CALLBACK_ASKED, why, why)


def test_nothing_of_a_caller_whom_an_agent_has_spoken_with(world: World) -> None:
    works(world, "8002")
    caller = Caller(world)
    caller.press("", after_s=1)
    ring = caller.call.ring
    assert ring
    world.tell(ev.AgentAnswered(world.now, caller.call_id, ring.ring_id))
    assert _end(caller).why == ()
