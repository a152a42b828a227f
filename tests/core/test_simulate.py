"""The simulator: days that can be worked by hand, properties, and Erlang C."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import demand, erlang, roster, simulate
from ivr.core.demand import DAY_S, Caller, Handling, Talk
from ivr.core.queues import Queue
from ivr.core.roster import Shift
from ivr.core.simulate import total
from tests.core.test_routing import ORDER

QUEUES = {
    "general": Queue(name="综合席", skill="general"),
    "enterprise": Queue(name="政企通", skill="enterprise", priority=5),
    "deputies": Queue(name="代表", skill="deputies", priority=10),
}
GENERAL = {"general": Queue(name="综合席", skill="general")}


def shifts(count: int, begins_s: float = 0, ends_s: float = DAY_S) -> list[Shift]:
    return [Shift(f"A{n}", ("general",), begins_s, ends_s) for n in range(count)]


def test_one_agent_two_callers() -> None:
    callers = [Caller(100, "general", 60, 10), Caller(110, "general", 60, 10)]
    day = total(simulate.run(callers, shifts(1), GENERAL, ORDER))
    assert (day.offered, day.answered, day.waited, day.within_15) == (2, 2, 1, 1)
    assert (day.wait_s, day.longest_s, day.mean_wait_s) == (60, 60, 30)
    assert day.busy_s == 140 and day.staffed_s == DAY_S
    assert day.service_level(15) == 0.5


def test_a_caller_without_patience_gives_up_and_leaves_the_agent_to_the_next() -> None:
    callers = [Caller(0, "general", 100, 0), Caller(1, "general", 100, 0, 50), Caller(2, "general", 100, 0)]
    day = total(simulate.run(callers, shifts(1), GENERAL, ORDER))
    assert (day.answered, day.abandoned, day.unanswered) == (2, 1, 0)
    assert day.wait_s == 98


def test_within_20_is_not_within_15() -> None:
    day = total(simulate.run([Caller(0, "general", 18, 0), Caller(0.5, "general", 18, 0)], shifts(1), GENERAL, ORDER))
    assert (day.within_15, day.within_20) == (1, 2)


def test_work_past_the_end_of_a_shift_is_counted_and_nobody_is_given_another_call() -> None:
    callers = [Caller(3590, "general", 100, 0), Caller(3595, "general", 100, 0)]
    parts = simulate.run(callers, shifts(1, 0, 3600), GENERAL, ORDER)
    assert total(parts).unanswered == 1
    assert (parts[2].busy_s, parts[2].staffed_s, parts[2].offered) == (90, 90, 0)


def test_priority_and_skill_are_the_matchers() -> None:
    callers = [Caller(0, "general", 50, 0), Caller(1, "general", 50, 0), Caller(2, "deputies", 50, 0)]
    agents = [Shift("A", ("general", "deputies"), 0, DAY_S)]
    assert total(simulate.run(callers, agents, QUEUES, ORDER)).wait_s == (50 - 2) + (100 - 1)


_callers = st.lists(
    st.builds(
        Caller,
        st.floats(0, 2 * DAY_S - 1),
        st.sampled_from(list(QUEUES)),
        st.floats(0, 9000),
        st.sampled_from([0.0, 30.0]),
        st.one_of(st.just(math.inf), st.floats(0, 600)),
    ),
    max_size=40,
)
_skills = st.lists(st.sampled_from(list(QUEUES)), unique=True, max_size=3).map(tuple)
_spans = st.tuples(st.floats(0, DAY_S), st.floats(1, DAY_S))
_shifts = st.lists(st.tuples(_skills, _spans), max_size=6).map(
    lambda rows: [Shift(f"A{n}", skills, at, at + length) for n, (skills, (at, length)) in enumerate(rows)]
)


@settings(deadline=None)
@given(callers=_callers, agents=_shifts)
def test_every_interval_adds_up(callers: list[Caller], agents: list[Shift]) -> None:
    parts = simulate.run(callers, agents, QUEUES, ORDER)
    assert sum(part.offered for part in parts) == len(callers)
    for part in parts:
        assert part.unanswered >= 0
        assert part.within_15 <= part.within_20 <= part.answered
        assert -1e-6 <= part.busy_s <= part.staffed_s + 1e-6


def test_the_same_seed_is_the_same_day_and_another_is_not() -> None:
    days = [demand.callers(demand.profile(50, {"general": 1}, random.Random(s)), Handling(), random.Random(s))
            for s in (1, 1, 2)]  # fmt: skip
    assert days[0] == days[1] != days[2]


def test_the_profile_has_the_curve_the_queues_and_the_means() -> None:
    rng = random.Random(3)
    arrivals = demand.profile(40_000, {"general": 9, "deputies": 1}, rng)
    for hour in (3, 9, 12):
        found = sum(at // 3600 == hour for at, _ in arrivals) / len(arrivals)
        assert found == pytest.approx(demand.CURVE[hour] / sum(demand.CURVE), rel=0.1)
    assert sum(queue == "deputies" for _, queue in arrivals) / 40_000 == pytest.approx(0.1, rel=0.1)
    for talk in Talk:
        callers = demand.callers(arrivals, Handling(180, 30, 120, talk), rng)
        assert sum(c.talk_s for c in callers) / 40_000 == pytest.approx(180, rel=0.03)
        assert sum(c.patience_s for c in callers) / 40_000 == pytest.approx(120, rel=0.03)


def test_one_more_agent_comes_when_most_calls_are_late_and_changes_only_that() -> None:
    callers = [Caller(9 * 3600 + n, "general", 300, 0) for n in range(4)]
    agents = [*shifts(1, 0, 8 * 3600), *(replace(s, agent_id="B") for s in shifts(1, 8 * 3600, 16 * 3600))]
    parts = simulate.run(callers, agents, GENERAL, ORDER)
    extra = simulate.one_more(callers, agents, parts)
    assert extra and (extra.begins_s, extra.ends_s) == (8 * 3600, 16 * 3600)
    more = total(simulate.run(callers, [*agents, extra], GENERAL, ORDER))
    assert total(parts).within_15 == 1 and more.within_15 == 2
    assert simulate.one_more(callers, [], simulate.run(callers, [], GENERAL, ORDER)) is None
    assert simulate.one_more([], agents, simulate.run([], agents, GENERAL, ORDER)) is None


def test_the_usual_roster_has_everybody_once_and_somebody_at_every_hour() -> None:
    made = roster.default(1700, ["general"])
    assert len({shift.agent_id for shift in made}) == 1700
    assert all(any(s.begins_s <= hour * 3600 < s.ends_s for s in made) for hour in range(24))


def test_a_night_shift_goes_on_past_midnight_on_every_day() -> None:
    made = roster.repeated([Shift("A", (), 22 * 3600, 6 * 3600)], 2)
    assert [(s.begins_s / 3600, s.ends_s / 3600) for s in made] == [(0, 6), (22, 30), (46, 54)]


def test_erlang_c() -> None:
    """M/M/2 at ρ = 0.5, 200,000 calls: probability of waiting and average wait within 2 % of Erlang C.

    Erlang's load is that of the talks as drawn. Over eight seeds of 100,000 calls the relative standard deviation was
    0.35 % for the probability and 1.33 % for the wait (waits of neighbours are alike, so it is more than that of
    independent ones); for 200,000 calls that is 0.25 % and 0.94 %, so 2 % is eight and two standard errors.
    """
    count, agents, wanted = 200_000, 2, 1.0
    rng = random.Random(1917)
    talk = Handling(wanted * DAY_S / count, 0, None, Talk.EXPONENTIAL)
    callers = demand.callers(demand.profile(count, {"general": 1}, rng, curve=(1,)), talk, rng)
    day = total(simulate.run(callers, shifts(agents, 0, 2 * DAY_S), GENERAL, ORDER))
    load = sum(caller.talk_s for caller in callers) / DAY_S
    assert day.answered == count
    assert day.waited / count == pytest.approx(erlang.erlang_c(load, agents), rel=0.02)
    assert day.wait_s / count == pytest.approx(erlang.mean_wait_s(load, agents, load * DAY_S / count), rel=0.02)
