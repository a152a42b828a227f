"""Overloaded lines: what happens to callers, how often, and what they keep."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import callbacks, dialplan
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.calls import Call, Outcome, Stage
from ivr.core.dialplan import draw, gaps
from ivr.core.dialplan.explain import explain, reading
from ivr.core.errors import DialplanError
from ivr.core.events import Event
from ivr.core.floor import Floor, Rules
from ivr.core.routing.expected_wait import Waits
from tests.core.callers import Caller
from tests.core.world import PROFILES, World, plan_of, shipped_tables


def _plan(**overloads: dict[str, Any]) -> dialplan.Plan:
    city, queues = shipped_tables()
    for name, overload in overloads.items():
        queues["queue"][name]["overload"] = overload
    return plan_of(city, queues)


def _world(staffed: tuple[str, ...] = ("8001", "8002", "8003"), **overloads: dict[str, Any]) -> World:
    """Agents are signed in and on a break: everybody waits."""
    rules = Rules(callback=callbacks.Dialling(possible=True))
    world = World(Random(0), _plan(**overloads), rules=rules)
    for agent_id in staffed:
        world.tell(ev.AgentSignedIn(world.now, agent_id))
    return world


def _general(world: World, ani: str = "13800138000") -> Caller:
    caller = Caller(world, ani)
    caller.press("", after_s=1)
    return caller


def _to_music(caller: Caller) -> None:
    while caller.call.step:
        caller.world.lines[caller.call_id].orders = [caller.order]
        caller.press("", after_s=1)


TO_DEPUTIES = {"when_waiting": 2, "queue": "deputies", "say": ["busy_times"]}


def test_at_the_door_the_last_of_too_many_goes_over_and_keeps_mark_and_place() -> None:
    world = _world(general=TO_DEPUTIES)
    callers = [_general(world, f"1380013800{n}") for n in range(3)]
    assert [caller.call.queue for caller in callers] == ["general", "general", "deputies"]
    last = callers[-1].call
    assert last.queued_why == "general overloaded: 2 callers ahead"
    assert (last.place_at, last.mark, last.overloads) == (last.queued_at, "", ("general",))
    assert callers[-1].order.prompts[0] == "busy_times"


def test_while_waiting_who_has_waited_too_long_goes_over_with_their_place() -> None:
    world = _world(enterprise={"when_wait_s": 60, "queue": "general"})
    caller = Caller(world)
    caller.press("2")
    joined = caller.call.queued_at
    _to_music(caller)
    world.tick()
    assert caller.call.queue == "enterprise"
    world.now = (joined or 0) + 60
    world.tick()
    call = caller.call
    assert (call.queue, call.place_at, call.queued_at, call.mark) == ("general", joined, joined, "enterprise")
    assert call.queued_why == "enterprise overloaded: waited 60 s"
    assert call.priority == 5, "the enterprise desk's priority is part of the place"


@pytest.mark.parametrize(
    ("wait_s", "why"),
    [
        (90.0, ""),
        (150.0, "general overloaded: 150 s expected"),
        (900.0, "general overloaded: over 600 s expected"),
    ],
)
def test_the_expected_wait_counts_like_a_wait(wait_s: float, why: str) -> None:
    world = _world(general={"when_wait_s": 120, "queue": "deputies"})
    world.floor.waits["general"] = waits = Waits()
    for _ in range(5):
        waits.add(world.now, wait_s, True)
    call = _general(world).call
    assert (call.queue, call.queued_why) == ("deputies", why) if why else ("general", "silence")


def test_a_wait_that_ends_is_known_at_once() -> None:
    waits = Waits()
    for _ in range(5):
        waits.add(0.0, 100.0, True)
    assert waits.expected_s(0.1) == 100.0
    for _ in range(6):
        waits.add(0.2, 700.0, True)
    assert waits.expected_s(0.3) == math.inf


def test_a_callback_is_offered_once_and_nobody_is_hung_up_on() -> None:
    world = _world(general={"when_waiting": 1, "callback": True, "say": ["busy_times", "callback_offer"]})
    _general(world, "13900139000")
    asks, stays = _general(world, "13800138001"), _general(world, "13800138002")
    for caller in (asks, stays):
        _to_music(caller)
        world.tick()
        assert caller.order.prompts == ("busy_times", "callback_offer")
    world.lines[asks.call_id].orders = [asks.order]
    asks.press("1")
    assert asks.call.stage is Stage.FAREWELL
    assert world.floor.callback_of("13800138001")
    _to_music(stays)
    for _ in range(40):
        world.now += 0.5
        world.tick()
    told = [e for e in world.journal if isinstance(e, ev.OverloadMet) and e.call_id == stays.call_id]
    assert (stays.call.stage, len(told)) == (Stage.WAITING, 1)


def test_a_callback_that_cannot_be_kept_is_not_offered() -> None:
    world = _world(general={"when_waiting": 1, "callback": True, "say": ["callback_offer"]})
    _general(world, "13900139000")
    withheld = _general(world, "")
    _to_music(withheld)
    world.tick()
    assert (withheld.call.overloads, withheld.call.step) == ((), "")


def test_into_a_menu_and_back_to_the_same_place() -> None:
    world = _world(general={"when_waiting": 1, "menu": "main", "say": ["busy_times"]})
    _general(world, "13900139000")
    caller = _general(world)
    joined = caller.call.queued_at
    _to_music(caller)
    world.tick()
    assert (caller.call.stage, caller.call.menu) == (Stage.MENU, "main")
    world.lines[caller.call_id].orders = [caller.order]
    caller.press("")
    _to_music(caller)
    world.tick()
    assert (caller.call.stage, caller.call.queue, caller.call.place_at) == (Stage.WAITING, "general", joined)


def test_only_an_announcement() -> None:
    world = _world(general={"when_waiting": 1, "stay": True, "say": ["busy_times"]})
    _general(world, "13900139000")
    caller = _general(world)
    _to_music(caller)
    world.tick()
    assert (caller.order.prompts, caller.call.queue) == (("busy_times",), "general")
    _to_music(caller)
    world.tick()
    assert caller.call.step == ""


def test_emergencies_are_exempt() -> None:
    city, queues = shipped_tables()
    queues["queue"]["general"]["overload"] = {"when_wait_s": 1, "queue": "deputies"}
    city["menu"]["main"]["key"]["0"] = {"queue": "general", "emergency": True}
    world = World(Random(0), plan_of(city, queues))
    world.tell(ev.AgentSignedIn(world.now, "8003"))
    caller = Caller(world)
    caller.press("0")
    _to_music(caller)
    world.now += 100
    world.tick()
    assert (caller.call.queue, caller.call.overloads) == ("general", ())


def test_nobody_is_sent_to_a_line_that_nobody_serves() -> None:
    world = _world(("8001", "8002"), general=TO_DEPUTIES)
    callers = [_general(world, f"1380013800{n}") for n in range(3)]
    assert callers[-1].call.queue == "general"
    _to_music(callers[-1])
    world.tell(ev.AgentSignedIn(world.now, "8003"))
    world.tick()
    assert callers[-1].call.queue == "deputies"


def test_after_a_restart_the_rule_is_not_met_again() -> None:
    world = _world(general={"when_waiting": 1, "stay": True, "say": ["busy_times"]})
    _general(world, "13900139000")
    caller = _general(world)
    _to_music(caller)
    world.tick()
    again = Floor(world.plan, PROFILES, Rules())
    again.restore(world.journal, [], world.now)
    assert again.calls[caller.call_id].overloads == ("general",)


@pytest.mark.parametrize(
    ("overloads", "told"),
    [
        (
            {
                "general": {"when_waiting": 9, "queue": "enterprise"},
                "enterprise": {"when_wait_s": 9, "queue": "general"},
            },
            "queues.toml: queue.general: overload leads in a circle: two lines that are full cannot help each other.",
        ),
        (
            {"general": {"when_waiting": 9, "queue": "general"}},
            "queues.toml: queue.general: overload leads in a circle",
        ),
        (
            {"general": {"when_waiting": 9, "queue": "x"}},
            "queue.general.overload: there is no queue 'x' in queues.toml.",
        ),
        ({"general": {"when_waiting": 9, "menu": "x"}}, "queue.general.overload: there is no menu 'x' in city.toml."),
        ({"general": {"queue": "enterprise"}}, "overload: when_waiting or when_wait_s must say when the line is"),
        (
            {"general": {"when_waiting": 9, "queue": "enterprise", "stay": True}},
            "overload: must lead to exactly one of queue, menu, callback, stay.",
        ),
        (
            {"general": {"when_waiting": 9, "stay": True}},
            "overload: callback and stay need say: what the caller hears.",
        ),
        (
            {"general": {"when_waiting": 9, "stay": True, "say": ["nothing"]}},
            "queues.toml: queue.general.overload.say: there is no prompt 'nothing' in prompts/.",
        ),
        ({"general": {"when_waiting": 0, "queue": "enterprise"}}, "queue.general.overload.when_waiting: "),
    ],
)
def test_a_wrong_rule_is_refused_in_a_sentence(overloads: dict[str, Any], told: str) -> None:
    with pytest.raises(DialplanError) as refused:
        _plan(**overloads)
    assert told in str(refused.value)


def test_a_callback_cannot_be_asked_for_with_a_key_that_leads_elsewhere() -> None:
    city, queues = shipped_tables()
    queues["queue"]["general"] |= {
        "key": {"1": {"queue": "enterprise"}},
        "overload": {"when_waiting": 9, "callback": True, "say": ["callback_offer"]},
    }
    with pytest.raises(DialplanError, match=r"key 1, and queue\.general\.key\.1 leads elsewhere"):
        plan_of(city, queues)


def test_a_callback_that_could_never_be_kept_is_told_by_the_check() -> None:
    plan = _plan(general={"when_waiting": 9, "callback": True, "say": ["callback_offer"]})
    assert list(gaps.outward(plan)) == [
        "queues.toml: queue.general.overload: a callback needs outside.trunk in config.toml."
    ]
    assert not list(gaps.outward(_plan()))


def test_it_is_explained_and_drawn() -> None:
    plan = _plan(general={"when_waiting": 20, "when_wait_s": 300, "queue": "deputies"})
    told = list(explain(plan, {}, "", "12345", 0))
    assert "   繁忙时（前面有 20 人，或已等待或预计还要等 300 秒）：转入队列 人大代表专席（deputies），排位不变" in told
    assert "--> queue_deputies" in next(line for line in draw.mermaid(plan, {}).splitlines() if "繁忙" in line)
    assert reading("general overloaded: 2 callers ahead", plan) == "综合席繁忙：前面已有 2 人"
    assert reading("general overloaded: over 600 s expected", plan) == "综合席繁忙：预计还要等 600 秒以上"


# --- whatever happens -------------------------------------------------------------------------------------------------

LINES = ("general", "enterprise", "deputies", "night")


class Crowded(World):
    """A world in which after every event nobody has met a rule twice, and nobody was set back by one."""

    def _take(self, events: list[Event], actions: list[Action]) -> None:
        met = Counter((e.call_id, e.queue) for e in [*self.journal, *events] if isinstance(e, ev.OverloadMet))
        assert all(n == 1 for n in met.values()), f"met twice: {met}"
        joined = [event for event in events if isinstance(event, ev.CallQueued)]
        for event in joined:
            before, after = self.known.get(event.call_id), self.floor.calls[event.call_id]
            alone = sum(other.call_id == event.call_id for other in joined) == 1
            if "overloaded" in event.why and alone and before and before.stage is Stage.WAITING:
                assert self._rank(after) == self._rank(before), "set back in the line, or forward"
                assert after.mark == before.mark
        self.known = dict(self.floor.calls)
        super()._take(events, actions)

    def _rank(self, call: Call) -> float:
        """Who has less of it is served first."""
        queues = self.plan.queues
        priority = queues.queue[call.queue].priority if call.priority is None else call.priority
        return (call.place_at or 0.0) + call.slow_s - queues.order.age_s * priority

    known: Mapping[str, Call] = MappingProxyType({})


RULES = st.fixed_dictionaries(
    {}, optional={"when_waiting": st.integers(1, 3), "when_wait_s": st.sampled_from([1, 20, 90])}
).filter(bool)
WAYS = st.sampled_from(
    [
        {"stay": True, "say": ["busy_times"]},
        {"callback": True, "say": ["callback_offer"]},
        {"menu": "main", "say": ["busy_times"]},
    ]
)


@st.composite
def overloaded_plans(draw: Any) -> dialplan.Plan:
    """A rule for some lines; one that leads to another line leads to a later one."""
    city, queues = shipped_tables()
    queues["queue"]["night"] = {"name": "夜班", "skill": "general"}
    for n, name in enumerate(LINES):
        later = LINES[n + 1 :]
        if draw(st.booleans()):
            way = draw(WAYS)
            if later and draw(st.booleans()):
                way = {"queue": draw(st.sampled_from(later)), "say": ["busy_times"]}
            queues["queue"][name]["overload"] = {**draw(RULES), **way}
    return plan_of(city, queues)


@settings(max_examples=60)
@given(plan=overloaded_plans(), seed=st.integers(0, 2**32))
def test_nobody_is_moved_for_ever_or_loses_their_place(plan: dialplan.Plan, seed: int) -> None:
    world = Crowded(Random(seed), plan, rules=Rules(callback=callbacks.Dialling(possible=True)))
    for _ in range(80):
        world.step()
    for call_id in list(world.lines):
        world.hang_up(call_id)
    assert all(call.outcome in Outcome for call in world.floor.calls.values() if not call.live)
