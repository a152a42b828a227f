"""Leader days: announced and reached only while a leader takes calls; when the line is full somebody writes it down."""

import copy
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.core import actions as do
from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.agents import Profile
from ivr.core.calls import Stage
from ivr.core.dialplan import draw
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.trial import Heard, Queued, Trial
from ivr.core.errors import DialplanError
from ivr.core.routing import staffing
from tests.core.callers import Caller, works
from tests.core.world import PROFILES, World, plan_of, shipped_tables

DAYS: dict[str, Any] = {
    "menu": "main",
    "key": "3",
    "queue": "leader",
    "prompt": "leader_day",
    "may_wait": 2,
    "full": {"queue": "general", "say": ["leader_busy"]},
    "day": [
        {"date": "2026-12-03", "time": "09:00-11:00", "unit": "市城管局", "leader": "张明", "subject": "停车"},
        {
            "date": "2026-12-03",
            "time": "14:30-16:00",
            "unit": "市住建局",
            "leader": "李红",
            "subject": "供暖",
            "prompt": "enterprise_desk",
        },
    ],
}
ABOUT = "市城管局张明：停车"


def _plan(change: Any = lambda days: None) -> dialplan.Plan:
    city, queues = shipped_tables()
    queues["queue"]["leader"] = {"name": "领导专席", "skill": "deputies"}
    days = copy.deepcopy(DAYS)
    change(days)
    return plan_of(city, queues, days)


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


@pytest.fixture
def world() -> World:
    world = World(Random(0), _plan())
    world.now = _at("2026-12-03 10:00")
    return world


@pytest.mark.parametrize(
    ("at", "offer", "queue", "mark"),
    [
        ("2026-12-03 09:00", ["leader_day"], "leader", "leader_day"),
        ("2026-12-03 10:59:59", ["leader_day"], "leader", "leader_day"),
        ("2026-12-03 15:00", ["enterprise_desk"], "leader", "leader_day"),
        ("2026-12-03 08:59:59", [], "general", ""),
        ("2026-12-03 11:00", [], "general", ""),
        ("2026-12-04 10:00", [], "general", ""),
    ],
)
def test_only_on_the_day_is_the_leader_announced_and_reached(at: str, offer: list[str], queue: str, mark: str) -> None:
    trial = Trial(_plan(), "", "12345", _at(at))
    (heard,) = trial.step()
    assert isinstance(heard, Heard) and list(heard.prompts[3:]) == offer
    end = list(trial.step("3"))[-1]
    assert isinstance(end, Queued) and (end.queue, end.mark) == (queue, mark)


def test_the_call_keeps_who_takes_it_and_what_about(world: World) -> None:
    caller = Caller(world)
    caller.press("3", after_s=1)
    call = caller.call
    assert (call.queue, call.mark, call.about, call.queued_why) == ("leader", "leader_day", ABOUT, "key 3, leader day")
    works(world, "8003")
    assert caller.call.stage is Stage.RINGING


def test_only_the_seats_of_the_day_take_the_leaders_calls() -> None:
    def seated(days: dict[str, Any]) -> None:
        days["day"][0]["seats"] = ["8003"]

    world = World(Random(0), _plan(seated), profiles=(*PROFILES, Profile("8004", "赵敏", frozenset({"deputies"}))))
    world.now = _at("2026-12-03 10:00")
    works(world, "8004")
    caller, other = Caller(world), Caller(world, "13907330001")  # who is a deputy, in a line of the same skill
    caller.press("3", after_s=1)
    assert (caller.call.queue, caller.call.seats) == ("leader", ("8003",))
    assert (caller.call.stage, other.call.rings[0].agent_id) == (Stage.WAITING, "8004")
    works(world, "8003")
    assert caller.call.rings[0].agent_id == "8003"
    assert any("agents 8003" in reason for reason in caller.call.rings[0].why)


def test_another_desk_stands_in_for_seats_that_are_empty() -> None:
    city, queues = shipped_tables()
    queues["queue"]["leader"] = {"name": "领导专席", "skill": "deputies", "nobody_signed_in": {"queue": "general"}}
    days = copy.deepcopy(DAYS)
    days["day"][0]["seats"] = ["8003"]
    world = World(
        Random(0), plan_of(city, queues, days), profiles=(*PROFILES, Profile("8004", "", frozenset({"deputies"})))
    )
    world.now = _at("2026-12-03 10:00")
    for agent_id in ("8002", "8004"):
        world.tell(ev.AgentSignedIn(world.now, agent_id))
    caller = Caller(world)
    caller.press("3", after_s=1)
    assert (caller.call.queue, caller.call.instead_of) == ("general", "leader")
    world.tell(ev.AgentSignedIn(world.now, "8003"))
    while caller.call.step:
        caller.press("", after_s=1)
    world.tick()
    assert caller.call.queue == "leader"


def test_a_seat_must_be_an_agent_who_can_take_the_call() -> None:
    def seated(days: dict[str, Any]) -> None:
        days["day"][1]["seats"] = ["8001", "8003", "9999"]

    plan = _plan(seated)
    agents = {p.agent_id: sorted(p.skills) for p in PROFILES}
    assert list(staffing.wrong_seats(plan.leader_days, plan.queues, agents)) == [
        "leader_days.toml: day.#2.seats: agent 8001 has not the skill deputies of queue.leader.",
        "leader_days.toml: day.#2.seats: there is no agent '9999' in config.toml.",
    ]


def test_when_the_leaders_line_is_full_somebody_writes_it_down(world: World) -> None:
    works(world, "8003")
    callers = [Caller(world, f"1380013800{n}") for n in range(4)]
    for caller in callers:
        caller.press("3", after_s=1)
    assert [caller.call.queue for caller in callers] == ["leader", "leader", "leader", "general"]
    last = callers[3].call
    assert (last.mark, last.about) == ("leader_day", ABOUT)
    assert last.queued_why == "key 3, leader day, 2 callers wait for the leader"
    order = callers[3].hears()
    assert isinstance(order, do.Say) and order.prompts[0] == "leader_busy"


def test_who_still_waits_when_the_leader_goes_is_led_on(world: World) -> None:
    caller = Caller(world)
    caller.press("3", after_s=1)
    joined = caller.call.queued_at
    caller.press("", after_s=1)
    for at, queue in (("2026-12-03 10:59:59", "leader"), ("2026-12-03 11:00:30", "general")):
        if caller.call.step:
            world.lines[caller.call_id].orders = [caller.order]
            caller.press("", after_s=1)
        world.now = _at(at)
        world.tick()
        assert caller.call.queue == queue
    assert (caller.call.about, caller.call.queued_at) == (ABOUT, joined)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(menu="more"), "leader_days.toml: menu: there is no menu 'more' in city.toml."),
        (lambda d: d.update(key="2"), "leader_days.toml: key: menu.main.key.2 in city.toml leads elsewhere."),
        (lambda d: d.update(queue="chief"), "leader_days.toml: queue: there is no queue 'chief' in queues.toml."),
        (lambda d: d.update(full={"queue": "leader"}), "full: must lead to another queue than the leader's."),
        (lambda d: d.update(full={"menu": "main"}), "leader_days.toml: full: must lead to a queue."),
        (lambda d: d.update(prompt="offer"), "leader_days.toml: prompt: there is no prompt 'offer' in prompts/."),
        (lambda d: d["day"][0].update(prompt="zhang"), "leader_days.toml: day.#1.prompt: there is no prompt 'zhang'"),
        (lambda d: d["day"][0].update(date="3.12."), "leader_days.toml: day.#1.date: "),
        (lambda d: d["day"][0].update(time="9-11"), "leader_days.toml: day.#1.time: '9-11' is no period"),
        (lambda d: d["day"][0].update(time="22:00-06:00"), "day.#1: 22:00-06:00 goes beyond midnight; write two days."),
        (lambda d: d["day"][0].update(subject=""), "leader_days.toml: day.#1.subject: "),
        (lambda d: d["day"][0].pop("leader"), "leader_days.toml: day.#1.leader: this key is missing."),
        (lambda d: d["day"][1].update(time="10:59-12:00"), "2026-12-03: 09:00-11:00 and 10:59-12:00 overlap."),
        (lambda d: d["day"][0].update(seats=["zhang"]), "leader_days.toml: day.#1.seats.#1: "),
        (lambda d: d.update(may_wait=0), "leader_days.toml: may_wait: "),
    ],
)
def test_a_mistake_is_a_sentence_with_file_and_key(change: Any, sentence: str) -> None:
    with pytest.raises(DialplanError) as caught:
        _plan(change)
    assert sentence in str(caught.value)


def test_an_empty_file_is_no_leader_day() -> None:
    assert plan_of(*shipped_tables(), {}).leader_day(_at("2026-12-03 10:00")) is None


def test_it_is_explained_and_drawn() -> None:
    lines = list(explain(_plan(), {}, "", "12345", _at("2026-12-03 10:00"), "3"))
    assert "2. 按键 3；领导接听日" in lines
    assert f"   进入队列：领导专席（leader），优先级 0，标记 leader_day（{ABOUT}）" in lines
    picture = draw.mermaid(_plan(), {})
    assert f'menu_main -- "按 3，2026-12-03 09:00-11:00，{ABOUT}" --> queue_leader' in picture
    assert 'queue_leader -- "已有 2 人等候，或接听时间已过" --> queue_general' in picture
