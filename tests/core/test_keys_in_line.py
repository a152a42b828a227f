"""Keys that a waiting caller presses: to hear something, to another line, into a menu and back to their place."""

from random import Random

import pytest

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.calls import Outcome, Stage
from tests.core.callers import Caller, works
from tests.core.world import World, keyed_plan, plan_of, shipped_tables


@pytest.fixture
def world() -> World:
    world = World(Random(0), keyed_plan())
    world.tell(ev.AgentSignedIn(world.now, "8001"))
    return world


@pytest.fixture
def caller(world: World) -> Caller:
    """Heard the menu to its end, and waits in the general line; an announcement is under way."""
    caller = Caller(world)
    caller.press("")
    assert caller.call.queue == "general"
    return caller


def test_an_announcement_asks_where_keys_mean_something(caller: Caller) -> None:
    order = caller.hears()
    assert isinstance(order, do.Ask) and order.prompts == ("queue_next", "callback_offer") and order.wait_s == 2


def test_a_line_without_keys_says_its_announcement(world: World) -> None:
    caller = Caller(world)
    caller.press("2")
    caller.press("")
    assert caller.call.queue == "enterprise" and isinstance(caller.hears(), do.PlayMusic)


def test_stay_plays_and_keeps_the_place(caller: Caller) -> None:
    before = caller.call
    caller.press("1")
    order = caller.hears()
    assert isinstance(order, do.Say) and order.prompts == ("busy_times",)
    caller.press("")
    assert isinstance(caller.world.lines[caller.call_id].orders[-1], do.PlayMusic)
    assert (caller.call.stage, caller.call.queued_at) == (Stage.WAITING, before.queued_at)


@pytest.mark.parametrize("key", ["", "9", "#", "7"])
def test_any_other_key_changes_nothing(caller: Caller, key: str) -> None:
    caller.press(key)
    assert (caller.call.stage, caller.call.queue) == (Stage.WAITING, "general")
    assert isinstance(caller.world.lines[caller.call_id].orders[-1], do.PlayMusic)


def test_into_a_menu_and_back_keeps_the_time_of_joining(caller: Caller) -> None:
    joined = caller.call.queued_at
    later = Caller(caller.world, "13900139000")
    later.press("", after_s=1)
    caller.press("5")
    assert (caller.call.stage, caller.call.menu) == (Stage.MENU, "line")
    caller.press("")
    assert (caller.call.stage, caller.call.queue, caller.call.queued_at) == (Stage.WAITING, "general", joined)
    works(caller.world, "8002")
    assert (caller.call.stage, later.call.stage) == (Stage.RINGING, Stage.WAITING)


def test_another_line_keeps_the_time_of_joining_and_marks_the_call(caller: Caller) -> None:
    joined = caller.call.queued_at
    caller.press("2")
    assert (caller.call.queue, caller.call.mark, caller.call.queued_at) == ("enterprise", "enterprise", joined)
    assert caller.call.queued_why == "key 2 in the line"


def test_nobody_is_rung_while_the_caller_is_in_a_menu(caller: Caller) -> None:
    caller.press("5")
    works(caller.world, "8002")
    assert caller.call.stage is Stage.MENU
    caller.press("")
    assert caller.call.stage is Stage.RINGING


def test_hanging_up_in_a_menu_after_the_line_is_abandoning(caller: Caller) -> None:
    caller.press("5")
    caller.world.hang_up(caller.call_id)
    assert caller.call.outcome is Outcome.ABANDONED


def test_after_a_restart_in_the_menu_the_caller_is_back_in_the_line(caller: Caller) -> None:
    joined = caller.call.queued_at
    caller.press("5")
    caller.world.restart_controller()
    assert (caller.call.stage, caller.call.queue, caller.call.queued_at) == (Stage.WAITING, "general", joined)


def test_a_caller_who_cut_the_notice_off_hears_it_before_any_key_counts(world: World) -> None:
    city, queues = shipped_tables()
    queues["queue"]["enterprise"] |= {"prompt": ["callback_offer"], "key": {"1": {"queue": "general"}}}
    world = World(Random(0), plan_of(city, queues))
    world.tell(ev.AgentSignedIn(world.now, "8001"))
    caller = Caller(world)
    caller.press("2", after_s=0.1)
    order = caller.hears()
    assert isinstance(order, do.Say) and order.prompts == ("recording_notice",)
    caller.press("")
    order = caller.hears()
    assert isinstance(order, do.Ask) and order.prompts == ("queue_next", "callback_offer")


def test_eleven_loops_through_the_menus_end_with_a_person() -> None:
    city, queues = shipped_tables()
    city["menu"]["main"]["key"]["1"] = {"menu": "main"}
    caller = Caller(World(Random(0), plan_of(city, queues)))
    for _ in range(11):
        caller.press("1", after_s=1)
        assert caller.call.stage is Stage.MENU
    caller.press("1", after_s=1)
    assert (caller.call.queue, caller.call.queued_why) == ("general", "key 1, 12 questions asked")


def test_eleven_loops_through_line_and_menu_end_in_the_line(caller: Caller) -> None:
    joined = caller.call.queued_at
    for _ in range(11):
        caller.press("5")
        assert caller.call.stage is Stage.MENU
        caller.press("")
        assert caller.call.stage is Stage.WAITING
    caller.press("5")
    assert caller.call.queued_why == "key 5 in the line, 12 questions asked"
    assert (caller.call.stage, caller.call.queue, caller.call.queued_at) == (Stage.WAITING, "general", joined)


def test_too_long_in_menus_leads_to_the_line_that_the_caller_came_from() -> None:
    city, queues = shipped_tables()
    city["menu"]["main"]["key"]["1"] = {"menu": "main"}
    city["limits"] = {"menu_s": 30}
    world = World(Random(0), plan_of(city, queues))
    caller = Caller(world)
    caller.press("1", after_s=10)
    caller.press("1", after_s=10)
    assert caller.call.stage is Stage.MENU
    caller.press("1", after_s=10)
    assert caller.call.queued_why == "key 1, 30 s in menus" and caller.call.queue == "general"


def test_an_emergency_key_goes_before_everybody(world: World) -> None:
    deputy, caller = Caller(world, "+8613907330001"), Caller(world)
    caller.press("")
    caller.press("*")
    assert caller.call.emergency and caller.call.mark == "emergency"
    world.now += 1000
    works(world, "8003")
    assert caller.call.stage is Stage.RINGING and deputy.call.stage is Stage.WAITING


@pytest.mark.parametrize(("dnis", "ani"), [("12119", "13800138000"), ("12345", "0731-22119119")])
def test_numbers_can_be_emergencies_and_have_priorities(dnis: str, ani: str) -> None:
    city, queues = shipped_tables()
    target = {"queue": "general", "emergency": True, "mark": "alarm"}
    city["number"]["12119"] = target
    city["caller"] = [target | {"name": "fire_brigade", "numbers": ["0731-22119119"]}]
    city["number"]["12347"] = {"queue": "general", "priority": 100}
    world = World(Random(0), plan_of(city, queues))
    first = world.arrive(dnis="12347")
    second = world.arrive(ani, dnis)
    assert world.floor.calls[first].priority == 100
    assert (world.floor.calls[second].emergency, world.floor.calls[second].mark) == (True, "alarm")
    works(world, "8002")
    assert world.floor.calls[second].stage is Stage.RINGING
