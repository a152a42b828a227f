"""PINs by telephone: the right one is a name, a wrong one strands nobody, and guessing leads nowhere."""

from __future__ import annotations

import copy
import tomllib
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import actions as do
from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.calls import Stage
from ivr.core.dialplan import draw, pins
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.trial import Heard, Queued, Trial
from ivr.core.errors import DialplanError
from tests.core.world import REGISTERS, REPO, World, shipped_plan

PLAN = shipped_plan()
CITY, QUEUES = (tomllib.loads((REPO / "dialplans" / f"{n}.toml").read_text("utf-8")) for n in ("city", "queues"))


def _type(world: World, call_id: str, digits: str) -> None:
    order = next(o for o in world.lines[call_id].orders if isinstance(o, do.AskPin))
    world.lines[call_id].orders.remove(order)
    whose = REGISTERS.pin(order.register, digits)
    world.tell(ev.StepEnded(world.now, call_id, order.step, typed=len(digits), entry=whose))


def _call(*pins_typed: str, ani: str = "13800138000", world: World | None = None) -> Any:
    world = world or World(Random(1))
    call_id = world.arrive(ani, "12346")
    for digits in pins_typed:
        _type(world, call_id, digits)
    return world.floor.calls[call_id]


def test_the_right_pin_makes_an_unknown_telephone_a_deputys() -> None:
    for typed in (("246810",), ("111111", "246810"), ("1", "2", "246810")):
        call = _call(*typed)
        assert (call.queue, call.mark, call.person, call.level) == ("deputies", "deputy", "张三", "市")
        assert (call.queued_why, call.keys) == ("PIN of deputy", "")


@pytest.mark.parametrize(
    ("typed", "why"),
    [(("",), "no PIN"), (("111111", ""), "no PIN"), (("1", "22", "333333"), "wrong PIN, too many wrong PINs")],
)
def test_without_the_right_pin_the_agent_asks_who_it_is(typed: tuple[str, ...], why: str) -> None:
    call = _call(*typed)
    assert (call.queue, call.mark, call.person, call.queued_why) == ("deputies", "deputy_unverified", "", why)


def test_a_known_telephone_is_not_asked() -> None:
    call = _call(ani="+8613907330001")
    assert (call.queue, call.mark, call.pin_tries) == ("deputies", "deputy", 0)


def test_a_prompt_that_cannot_be_played_strands_nobody() -> None:
    world = World(Random(1))
    call_id = world.arrive("13800138000", "12346")
    world.tell(ev.StepEnded(world.now, call_id, world.floor.calls[call_id].step, failed=True))
    assert world.floor.calls[call_id].queue == "deputies"


def test_the_second_question_says_that_the_pin_was_wrong() -> None:
    world = World(Random(1))
    call_id = world.arrive("13800138000", "12346")
    assert world.floor.calls[call_id].step_prompts == ("deputy_pin",)
    _type(world, call_id, "111111")
    assert world.floor.calls[call_id].step_prompts == ("deputy_pin_again",)


def test_who_guesses_is_not_asked_any_more_not_even_for_the_right_one() -> None:
    world = World(Random(1))
    for _ in range(pins.MOST_OF_A_NUMBER // 3):
        _call("1", "2", "3", world=world)
    call = _call(world=world)
    assert (call.pin_tries, call.queue, call.mark) == (0, "deputies", "deputy_unverified")
    assert call.queued_why == "number 12346, too many wrong PINs"
    assert _call("246810", ani="13800138001", world=world).person == "张三", "other telephones are asked"
    world.now += pins.HOUR_S + 1
    assert _call("246810", world=world).person == "张三", "an hour later"


def test_calls_at_the_same_moment_guess_no_more_than_calls_in_a_row() -> None:
    world = World(Random(1))
    calls = [world.arrive("", "12346") for _ in range(7)]
    for call_id in calls[:6]:
        _type(world, call_id, "111111")
    _type(world, calls[6], "246810")
    call = world.floor.calls[calls[6]]
    assert (call.person, call.queue) == ("", "deputies")


def test_many_telephones_together_have_a_days_limit() -> None:
    guesses = pins.Guesses()
    for n in range(pins.MOST_OF_ALL):
        assert guesses.allowed(f"139000{n:05}", n)
        guesses.wrong(f"139000{n:05}", n)
    assert not guesses.allowed("13800138000", 100)
    assert guesses.allowed("13800138000", pins.DAY_S + 1)


@settings(max_examples=100)
@given(typed=st.lists(st.text("0123456789*#", max_size=8), max_size=6), ani=st.text())
def test_whatever_is_typed_nobody_is_stranded(typed: list[str], ani: str) -> None:
    world = World(Random(1))
    call_id = world.arrive(ani, "12346")
    for digits in (*typed, "", "", ""):
        if world.floor.calls[call_id].stage is not Stage.MENU:
            break
        _type(world, call_id, digits)
    assert world.floor.calls[call_id].queue == "deputies"
    assert world.floor.calls[call_id].pin_tries <= 3


def test_a_restart_while_a_pin_is_asked_asks_again() -> None:
    world = World(Random(1))
    call_id = world.arrive("13800138000", "12346")
    _type(world, call_id, "111111")
    world.restart_controller()
    _type(world, call_id, "246810")
    assert world.floor.calls[call_id].person == "张三"


def test_no_event_holds_a_digit() -> None:
    world = World(Random(1))
    call_id = world.arrive("13800138000", "12346")
    _type(world, call_id, "246810")
    assert "246810" not in str(world.journal) and REGISTERS.entry("1").pin_hash not in str(world.journal)  # type: ignore[union-attr]


def test_it_is_tried_told_and_drawn() -> None:
    trial = Trial(PLAN, "13800138000", "12346", 0, REGISTERS)
    assert list(trial.step()) == [Heard(("deputy_pin",), asks=True, pin=True)]
    assert list(trial.step("111111")) == [Heard(("deputy_pin_again",), asks=True, pin=True)]
    assert list(trial.step("246810"))[-1] == Queued("deputies", "deputy", "PIN of deputy")
    told = list(explain(PLAN, {}, "13800138000", "12346", 0, "2", REGISTERS))
    led = told[told.index("2. 没有输入密码") + 1]
    assert led.endswith("标记 deputy_unverified")
    assert 'pin_deputy -- "密码正确" --> queue_deputies' in draw.mermaid(PLAN, {})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda c: c["pin"]["deputy"].update(otherwise={"menu": "main"}),
            "pin.deputy.otherwise: must lead to a queue.",
        ),
        (lambda c: c["pin"]["deputy"].update(tries=4), "pin.deputy.tries: "),
        (lambda c: c["pin"]["deputy"].update(again=["x"]), "city.toml: pin.deputy: there is no prompt 'x'"),
        (lambda c: c["known"].pop("deputy"), "pin.deputy: there is no [known.deputy] that the right PIN leads to."),
        (lambda c: c.pop("pin"), "city.toml: number.12346: there is no [pin.deputy] in city.toml."),
        (lambda c: c["known"].update(deputy={"pin": "deputy"}), "known.deputy: must lead to a menu or a queue."),
    ],
)
def test_a_mistake_is_a_sentence(change: Any, sentence: str) -> None:
    city = copy.deepcopy(CITY)
    change(city)
    with pytest.raises(DialplanError) as caught:
        dialplan.parse(city, QUEUES, PLAN.durations)
    assert sentence in str(caught.value)
