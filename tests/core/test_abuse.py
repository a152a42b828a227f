"""Nuisance callers and floods wait behind the others, for a bounded time; nobody is refused."""

from __future__ import annotations

import tomllib
from heapq import heapify, heapreplace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core.agents import Profile
from ivr.core.calls import Stage
from ivr.core.dialplan import parse
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.limits import Limit, Pacing, TrunkLimit
from ivr.core.errors import DialplanError
from ivr.core.floor.abuse import Traffic
from ivr.core.marks import Mark, Marks
from tests.core.world import REPO, World, shipped_plan, shipped_tables

NOW = 1_700_000_000.0
LIMITS = tomllib.loads((REPO / "dialplans/limits.toml").read_text("utf-8"))
_limits = st.builds(Limit, calls=st.integers(1, 4), within_s=st.sampled_from([10, 60]), live=st.integers(1, 6))
_gaps = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0, 20.0, 70.0]), st.integers(0, 30)), max_size=60)


def _flood(limit: Limit, gaps: list[tuple[float, int]], *, by_trunk: bool) -> tuple[Traffic, dict[str, float], float]:
    """Calls at these gaps, each time one of the earlier ones ends. Gives the moments of those that used theirs."""
    trunk = TrunkLimit(calls=limit.calls, within_s=limit.within_s, live=limit.live)
    traffic, pacing = Traffic(), Pacing(trunk=trunk) if by_trunk else Pacing(number=limit)
    moments: dict[str, float] = {}
    live: list[str] = []
    now = NOW
    for n, (gap, ending) in enumerate(gaps):
        now += gap
        call_id = str(n)
        traffic.arrived(call_id, "" if by_trunk else "13800138000", "a" if by_trunk else "", now)
        slowed = traffic.judge(call_id, pacing, None, now)
        moments[call_id] = now + (slowed.slow_s if slowed else 0.0)
        if slowed:
            traffic.slowed(call_id, slowed.by, moments[call_id])
        live.append(call_id)
        if ending < len(live):
            over = live.pop(ending)
            traffic.ended(over, now)
            if moments[over] > now:
                del moments[over]
    return traffic, moments, now


@given(_limits, _gaps, st.booleans())
def test_no_span_holds_more_calls_than_the_limit(limit: Limit, gaps: list[tuple[float, int]], by_trunk: bool) -> None:
    _, moments, _ = _flood(limit, gaps, by_trunk=by_trunk)
    ordered = sorted(moments.values())
    for first, beyond in zip(ordered, ordered[limit.calls :], strict=False):
        assert beyond - first >= limit.within_s - 1e-6


@given(_limits, _gaps, st.booleans())
def test_the_wait_of_a_slowed_call_is_bounded(limit: Limit, gaps: list[tuple[float, int]], by_trunk: bool) -> None:
    _, moments, now = _flood(limit, gaps, by_trunk=by_trunk)
    # Each of n calls takes the limit's pace for itself at the most, and whoever is first in a span its whole length.
    assert all(moment - now <= limit.within_s * (1 + len(gaps) / limit.calls) + 1e-6 for moment in moments.values())


@given(st.integers(1, 40), st.sampled_from([0.0, 5.0, 100.0]))
def test_who_redials_again_and_again_is_held_up_for_one_span_at_the_most(calls: int, gap: float) -> None:
    traffic, pacing = Traffic(), Pacing(number=Limit(calls=3, within_s=600, live=2))
    for n in range(calls):
        now = NOW + n * gap
        traffic.arrived(str(n), "13800138000", "", now)
        if slowed := traffic.judge(str(n), pacing, None, now):
            assert slowed.slow_s <= 600
            traffic.slowed(str(n), slowed.by, now + slowed.slow_s)
        traffic.ended(str(n), now)


@pytest.mark.parametrize("channels", [30, 120, 390])
def test_a_trunk_full_of_conversations_is_not_slowed_and_one_full_of_short_calls_is(channels: int) -> None:
    """By the shipped limits, which follow from the trunk's channels. 390 carry the busiest hour of 70,000 calls."""
    traffic, pacing, rng = Traffic({"city": channels}), Pacing.model_validate(LIMITS), Random(channels)

    def slowed(hold_s: float, begins: float) -> int:
        """How many calls of an hour in which a call follows as soon as a channel is free."""
        over = [(begins + rng.expovariate(1 / hold_s), f"{hold_s}-{n}") for n in range(channels)]
        heapify(over)
        count = 0
        for n in range(channels, round(channels * 3600 / hold_s)):
            now, ended = over[0]
            call_id = f"{hold_s}-{n}"
            traffic.ended(ended, now)
            traffic.arrived(call_id, "", "city", now)
            if verdict := traffic.judge(call_id, pacing, None, now):
                count += 1
                traffic.slowed(call_id, verdict.by, now + verdict.slow_s)
            heapreplace(over, (now + rng.expovariate(1 / hold_s), call_id))
        return count

    assert slowed(190, NOW) == 0
    assert slowed(20, NOW + 7200) > channels


def test_without_channels_and_numbers_a_trunk_has_no_limit_and_numbers_come_first() -> None:
    assert TrunkLimit().of(None) is None and TrunkLimit(calls=5).of(None) is None
    assert TrunkLimit(calls=5).of(30) == Limit(calls=5, within_s=60, live=30)
    assert TrunkLimit(within_s=10).of(30) == Limit(calls=30, within_s=10, live=30)


@given(st.integers(0, 60), st.sampled_from([0.0, 0.5, 4.0]), st.booleans(), st.sampled_from([1.0, 30.0, 700.0]))
@settings(max_examples=40)
def test_a_flood_counts_before_others_as_its_limit_does(flood: int, gap: float, by_trunk: bool, later: float) -> None:
    within_s, most = 600, 4
    limit = {"calls": most, "within_s": within_s, "live": 100, "say": ["slowed"]}
    world = World(Random(0), shipped_plan({"limits": {"trunk" if by_trunk else "number": limit}}))
    for _ in range(flood):
        _into_line(world, world.arrive("" if by_trunk else "13800138000", "12345", "a" if by_trunk else "b"))
        world.now += gap
    world.now += later
    other = _into_line(world, world.arrive("13900139000", "12345", "b"))
    spans = int((world.now - NOW) / within_s) + 1
    assert world.floor.line.ahead_of(other, world.now) == min(flood, spans * most)
    assert not world.floor.calls[other].slowed_by


def _into_line(world: World, call_id: str) -> str:
    """Silence in every menu."""
    while world.floor.calls[call_id].stage is Stage.MENU:
        world.tell(ev.StepEnded(world.now, call_id, world.floor.calls[call_id].step))
    return call_id


def test_a_number_that_floods_a_trunk_does_not_slow_its_other_callers() -> None:
    world = World(Random(0), shipped_plan({"limits": {"number": _limit(2), "trunk": _limit(5)}}))
    flood = [world.arrive("13800138000", trunk="a") for _ in range(50)]
    others = [world.arrive(f"1390013900{n}", trunk="a") for n in range(4)]
    by = [world.floor.calls[call_id].slowed_by for call_id in flood + others]
    assert by == [*[""] * 2, *["number"] * 48, *[""] * 3, "trunk"]


def test_a_day_of_calls_is_forgotten() -> None:
    traffic, pacing = Traffic(), Pacing(number=Limit(calls=3, within_s=600, live=2))
    for n in range(2000):
        traffic.arrived(str(n), f"138{n:08}", "", NOW + n * 10)
        traffic.judge(str(n), pacing, None, NOW + n * 10)
        traffic.ended(str(n), NOW + n * 10)
    assert len(traffic._calls) <= 2 * 60 + 2


def test_a_clock_that_is_set_back_slows_nobody() -> None:
    traffic, pacing = Traffic(), Pacing(number=Limit(calls=1, within_s=600, live=9))
    traffic.arrived("1", "13800138000", "", NOW)
    traffic.arrived("2", "13800138000", "", NOW - 3600)
    assert traffic.judge("2", pacing, None, NOW - 3600) is None


# --- on the floor -----------------------------------------------------------------------------------------------------


def _limit(calls: int, **changes: Any) -> dict[str, Any]:
    return {"calls": calls, "within_s": 600, "live": 100, "say": ["slowed"]} | changes


def _marked(number: str = "13800138000", until: float = NOW + 86400) -> Marks:
    return Marks([Mark(number, "boss", "反复辱骂", NOW - 60, until)])


def _world(**limits: Any) -> World:
    return World(Random(0), shipped_plan({"limits": limits}), [Profile("8002", "李明", frozenset({"general"}))])


def test_a_marked_caller_is_told_and_served_after_those_who_come_later() -> None:
    world = _world(marked={"slow_s": 600, "say": ["slowed"]})
    world.floor.marks = _marked("+86 138 0013 8000")
    marked = _into_line(world, world.arrive("013800138000"))
    assert "slowed" in world.floor.calls[marked].step_prompts
    world.now += 60
    other = _into_line(world, world.arrive("13900139000"))
    assert "slowed" not in world.floor.calls[other].step_prompts
    world.tell(ev.AgentSignedIn(world.now, "8002"))
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    assert world.floor.calls[other].stage is Stage.RINGING
    world.tell(ev.RingEnded(world.now, other, f"{other}/1", "no_answer"))
    world.hang_up(other)
    world.tell(ev.AgentPressedReady(world.now, "8002"))
    assert world.floor.calls[marked].stage is Stage.RINGING


def test_a_mark_ends_by_itself() -> None:
    world = _world()
    world.floor.marks = _marked(until=NOW)
    assert not world.floor.calls[world.arrive("13800138000")].slowed_by


def test_emergencies_withheld_and_listed_numbers_are_not_slowed() -> None:
    changes = {
        "number": {"12119": {"queue": "general", "emergency": True}},
        "caller": [{"name": "police", "numbers": ["0731-22110110"], "queue": "general"}],
    }
    world = World(Random(0), shipped_plan({"city": changes, "limits": {"number": _limit(1)}}))
    world.floor.marks = _marked("0731-22110110")
    for ani, dnis, slowed in [("", "12345", ""), ("073122110110", "12345", ""), ("13800138000", "12119", "number")]:
        world.arrive(ani, dnis)
        call = world.floor.calls[world.arrive(ani, dnis)]
        assert call.slowed_by == slowed
        assert "slowed" not in call.step_prompts
    usual = _into_line(world, world.arrive("13900139000"))
    assert world.floor.line.ahead_of(usual, world.now) == 4  # two police, two emergencies


def test_a_restarted_controller_keeps_the_place() -> None:
    world = _world(number=_limit(1))
    calls = [_into_line(world, world.arrive("13800138000")) for _ in range(3)]
    world.restart_controller()
    assert [world.floor.calls[call_id].slow_s for call_id in calls] == [0, 600, 1200]
    fourth = world.arrive("13800138000")
    assert world.floor.calls[fourth].slow_s == pytest.approx(1800, abs=2)


def test_calls_that_were_over_before_a_restart_count() -> None:
    world = _world(number=_limit(2))
    for n in range(2):
        world.floor.traffic.recall(f"old.{n}", "013800138000", world.now - 60)
    assert world.floor.calls[world.arrive("13800138000")].slow_s == 540


def test_explain_tells_of_a_mark_while_it_holds() -> None:
    told = list(explain(shipped_plan(), {}, "13800138000", "12345", NOW, marks=_marked()))
    assert told[1].startswith("曾骚扰：boss 标记，至 2023-11-16")
    assert told[1].endswith("原因：反复辱骂")
    assert not [line for line in explain(shipped_plan(), {}, "13800138000", "12345", NOW) if "骚扰" in line]


def test_the_shipped_limits_slow_the_sixth_call() -> None:
    world = World(Random(0), shipped_plan({"limits": LIMITS}))
    slowed = []
    for _ in range(6):
        call_id = world.arrive("13800138000")
        slowed.append(world.floor.calls[call_id].slowed_by)
        world.hang_up(call_id)
    assert slowed == [*[""] * 5, "number"]


def test_a_limit_names_a_prompt_that_is_there() -> None:
    city, queues = shipped_tables()
    with pytest.raises(DialplanError, match=r"limits.toml: number.say: there is no prompt 'nothing'"):
        parse(city, queues, shipped_plan().durations, limits={"number": _limit(1, say=["nothing"])})
