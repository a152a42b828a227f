"""The simulator: days that can be worked by hand, properties, and Erlang C."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core.callbacks import Dialling, State
from ivr.core.dialplan.limits import Limit, Pacing, TrunkLimit
from ivr.core.dialplan.queues import Overload, Queue
from ivr.core.simulation import demand, erlang, roster, simulate
from ivr.core.simulation.demand import DAY_S, Caller, Handling, Talk
from ivr.core.simulation.figures import total
from ivr.core.simulation.roster import Shift
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
    day = total(simulate.run(callers, shifts(1), GENERAL, ORDER).parts)
    assert (day.offered, day.answered, day.waited, day.within_15) == (2, 2, 1, 1)
    assert (day.wait_s, day.longest_s, day.mean_wait_s) == (60, 60, 30)
    assert day.busy_s == 140 and day.staffed_s == DAY_S
    assert day.service_level(15) == 0.5


def test_a_caller_without_patience_gives_up_and_leaves_the_agent_to_the_next() -> None:
    callers = [Caller(0, "general", 100, 0), Caller(1, "general", 100, 0, 50), Caller(2, "general", 100, 0)]
    day = total(simulate.run(callers, shifts(1), GENERAL, ORDER).parts)
    assert (day.answered, day.abandoned, day.unanswered) == (2, 1, 0)
    assert day.wait_s == 98


def test_within_20_is_not_within_15() -> None:
    day = total(
        simulate.run([Caller(0, "general", 18, 0), Caller(0.5, "general", 18, 0)], shifts(1), GENERAL, ORDER).parts
    )
    assert (day.within_15, day.within_20) == (1, 2)


def test_work_past_the_end_of_a_shift_is_counted_and_nobody_is_given_another_call() -> None:
    callers = [Caller(3590, "general", 100, 0), Caller(3595, "general", 100, 0)]
    parts = simulate.run(callers, shifts(1, 0, 3600), GENERAL, ORDER).parts
    assert total(parts).unanswered == 1
    assert (parts[2].busy_s, parts[2].staffed_s, parts[2].offered) == (90, 90, 0)


def test_priority_and_skill_are_the_matchers() -> None:
    callers = [Caller(0, "general", 50, 0), Caller(1, "general", 50, 0), Caller(2, "deputies", 50, 0)]
    agents = [Shift("A", ("general", "deputies"), 0, DAY_S)]
    assert total(simulate.run(callers, agents, QUEUES, ORDER).parts).wait_s == (50 - 2) + (100 - 1)


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


@given(callers=_callers, agents=_shifts)
def test_every_interval_adds_up(callers: list[Caller], agents: list[Shift]) -> None:
    parts = simulate.run(callers, agents, QUEUES, ORDER).parts
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
        found = sum(arrival.at_s // 3600 == hour for arrival in arrivals) / len(arrivals)
        assert found == pytest.approx(demand.CURVE[hour] / sum(demand.CURVE), rel=0.1)
    assert sum(arrival.queue == "deputies" for arrival in arrivals) / 40_000 == pytest.approx(0.1, rel=0.1)
    for talk in Talk:
        callers = demand.callers(arrivals, Handling(180, 30, 120, talk), rng)
        assert sum(c.talk_s for c in callers) / 40_000 == pytest.approx(180, rel=0.03)
        assert sum(c.patience_s for c in callers) / 40_000 == pytest.approx(120, rel=0.03)


def test_one_more_agent_comes_when_most_calls_are_late_and_changes_only_that() -> None:
    callers = [Caller(9 * 3600 + n, "general", 300, 0) for n in range(4)]
    agents = [*shifts(1, 0, 8 * 3600), *(replace(s, agent_id="B") for s in shifts(1, 8 * 3600, 16 * 3600))]
    parts = simulate.run(callers, agents, GENERAL, ORDER).parts
    extra = simulate.one_more(agents, parts)
    assert extra and (extra.begins_s, extra.ends_s) == (8 * 3600, 16 * 3600)
    more = total(simulate.run(callers, [*agents, extra], GENERAL, ORDER).parts)
    assert total(parts).within_15 == 1 and more.within_15 == 2
    assert simulate.one_more([], simulate.run(callers, [], GENERAL, ORDER).parts) is None
    assert simulate.one_more(agents, simulate.run([], agents, GENERAL, ORDER).parts) is None


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
    day = total(simulate.run(callers, shifts(agents, 0, 2 * DAY_S), GENERAL, ORDER).parts)
    load = sum(caller.talk_s for caller in callers) / DAY_S
    assert day.answered == count
    assert day.waited / count == pytest.approx(erlang.erlang_c(load, agents), rel=0.02)
    assert day.wait_s / count == pytest.approx(erlang.mean_wait_s(load, agents, load * DAY_S / count), rel=0.02)


# --- overload, callbacks, limits --------------------------------------------------------------------------------------


def busy(when: dict[str, float], **leads: object) -> dict[str, Queue]:
    """The enterprise desk with a rule for overload."""
    rule = Overload.model_validate({**when, **leads})
    return {**QUEUES, "enterprise": Queue(name="政企通", skill="enterprise", priority=5, overload=rule)}


BOTH = [Shift("E", ("enterprise",), 0, DAY_S), Shift("G", ("general",), 0, DAY_S)]


def test_the_second_who_waits_goes_over_at_the_door_and_before_those_who_come_later() -> None:
    queues = busy({"when_waiting": 1}, queue="general")
    callers = [
        Caller(0, "enterprise", 1000, 0),
        Caller(0, "general", 100, 0),
        Caller(1, "enterprise", 10, 0, ani="1"),  # waits for the desk
        Caller(2, "enterprise", 10, 0, ani="2"),  # one ahead: over, and answered at 100
        Caller(3, "general", 10, 0),
    ]
    day = total(simulate.run(callers, BOTH, queues, ORDER).parts)
    assert (day.overflowed, day.answered) == (1, 5)
    assert day.wait_s == (1000 - 1) + (100 - 2) + (110 - 3)


def test_who_has_waited_for_so_long_goes_over_then_and_not_to_a_desk_without_agents() -> None:
    callers = [Caller(0, "enterprise", 1000, 0), Caller(1, "enterprise", 10, 0)]
    day = total(simulate.run(callers, BOTH, busy({"when_wait_s": 60}, queue="general"), ORDER).parts)
    assert (day.overflowed, day.wait_s) == (1, 60)
    day = total(simulate.run(callers, BOTH, busy({"when_wait_s": 60}, queue="deputies"), ORDER).parts)
    assert (day.overflowed, day.wait_s) == (0, 999)


CALLS_BACK = Dialling(
    possible=True, opens=time(8), closes=time(21), missed_after_s=600, tries=2, pause_s=100, ring_s=30
)
NINE = 9 * 3600.0


def test_who_must_expect_to_wait_long_is_offered_a_callback_at_once() -> None:
    queues = busy({"when_wait_s": 300}, callback=True, say=["callback_offer"])
    rules = simulate.Rules(dialling=CALLS_BACK)
    late = Caller(NINE + 801, "enterprise", 100, 0, ani="2", asks=True)
    before = [Caller(NINE + n, "enterprise", 100, 0) for n in range(9)]
    day = total(simulate.run([*before, late], BOTH, queues, ORDER, rules).parts)
    assert (day.asked, day.answered, day.called_back) == (1, 9, 1), "half of those before waited for 396 s"
    alone = [before[-1]._replace(at_s=NINE + 800), late]
    assert total(simulate.run(alone, BOTH, queues, ORDER, rules).parts).asked == 0


def test_who_asks_is_called_back_in_the_place_that_they_had() -> None:
    callers = [
        Caller(NINE, "general", 100, 0, ani="1"),
        Caller(NINE + 1, "general", 50, 0, ani="2", asks=True),
        Caller(NINE + 2, "general", 50, 0, ani="3"),
    ]
    rules = simulate.Rules(dialling=CALLS_BACK, offers_s={"general": 8})
    day = simulate.run(callers, shifts(1), GENERAL, ORDER, rules)
    figures = total(day.parts)
    assert (figures.asked, figures.called_back, figures.answered) == (1, 1, 2)
    assert figures.wait_s == 100 - 2 + simulate.PICKS_UP_S + 50, "the callback goes before who came later"
    assert figures.busy_s == 200 + simulate.PICKS_UP_S
    assert day.tasks == {State.DONE: 1}


def test_without_a_trunk_nobody_asks_and_nobody_is_dialled() -> None:
    callers = [Caller(NINE, "general", 100, 0, ani="1"), Caller(NINE + 1, "general", 50, 0, 20, ani="2", asks=True)]
    day = simulate.run(callers, shifts(1), GENERAL, ORDER, simulate.Rules(offers_s={"general": 8}))
    assert (total(day.parts).asked, total(day.parts).abandoned, total(day.parts).called_back) == (0, 1, 0)
    assert day.tasks == {State.OPEN: 1}, "a person has to dial"


@pytest.mark.parametrize(
    ("misses", "reached", "not_reached", "state"), [(1, 1, 1, State.DONE), (2, 0, 2, State.HANDED_TO_PERSON)]
)
def test_a_missed_call_is_tried_as_often_as_the_configuration_says(
    misses: int, reached: int, not_reached: int, state: State
) -> None:
    callers = [Caller(NINE, "general", 100, 0, ani="1"), Caller(NINE + 1, "general", 50, 0, 20, "2", misses=misses)]
    day = simulate.run(callers, shifts(1), GENERAL, ORDER, simulate.Rules(dialling=CALLS_BACK))
    figures = total(day.parts)
    assert (figures.called_back, figures.not_reached, figures.abandoned) == (reached, not_reached, 1)
    assert day.tasks == {state: 1}
    assert figures.busy_s == 100 + not_reached * 30 + reached * (simulate.PICKS_UP_S + 50)


@pytest.mark.parametrize(("agents", "talk_s"), [(2, 60.0), (10, 300.0), (40, 300.0), (10, 900.0)])
def test_however_many_were_missed_they_get_a_tenth_of_the_agents_time_while_others_wait(
    agents: int, talk_s: float
) -> None:
    """Twice as many call as can be answered, from early to late; each is missed who waits too long."""
    hours, apart_s = 12, talk_s / agents / 2
    callers = [
        Caller(8 * 3600 + n * apart_s, "general", talk_s, 0, 2 * talk_s, ani=str(n), misses=n % 2)
        for n in range(int(hours * 3600 / apart_s))
    ]
    at_home = shifts(100, 0, 60)
    rules = simulate.Rules(dialling=replace(CALLS_BACK, missed_after_s=600, pause_s=600))
    parts = simulate.run(callers, [*at_home, *shifts(agents, 7 * 3600)], GENERAL, ORDER, rules).parts
    busy = total(parts[20:40])
    tried_s = busy.called_back * (simulate.PICKS_UP_S + talk_s) + busy.not_reached * CALLS_BACK.ring_s
    assert 0.05 < tried_s / busy.busy_s < 0.15


def test_at_night_nobody_is_called_back_before_the_window_opens() -> None:
    callers = [Caller(100, "general", 100, 0, ani="1"), Caller(101, "general", 50, 0, 20, ani="2")]
    parts = simulate.run(callers, shifts(1), GENERAL, ORDER, simulate.Rules(dialling=CALLS_BACK)).parts
    assert [n for n, part in enumerate(parts) if part.called_back] == [16]


def test_who_calls_again_takes_up_the_place_that_was_kept_also_while_they_are_dialled() -> None:
    asked = Caller(NINE + 1, "general", 50, 0, ani="2", asks=True, misses=1)
    callers = [
        Caller(NINE, "general", 100, 0, ani="1"),
        asked,
        Caller(NINE + 50, "general", 50, 0, ani="3"),
        asked._replace(at_s=NINE + 60, asks=False),
    ]
    rules = simulate.Rules(dialling=CALLS_BACK, offers_s={"general": 8})
    day = simulate.run(callers, shifts(1), GENERAL, ORDER, rules)
    assert day.tasks == {State.DROPPED: 1}
    assert total(day.parts).wait_s == 100 - 60 + 150 - 50, "who called again goes before who came in between"
    rung = [*callers[:3], asked._replace(at_s=NINE + 110, asks=False)]
    day = simulate.run(rung, shifts(1), GENERAL, ORDER, rules)
    assert day.tasks == {State.DROPPED: 1} and total(day.parts).not_reached == 0
    assert total(day.parts).busy_s == 100 + 10 + 50 + 50


def test_who_calls_too_often_stands_behind_the_others() -> None:
    rules = simulate.Rules(Pacing(number=Limit(calls=2, within_s=600, live=9)))
    flood = [Caller(NINE + n, "general", 10, 0, ani="1") for n in range(4)]
    callers = [*flood, Caller(NINE + 5, "general", 10, 0, ani="2")]
    day = total(simulate.run(callers, shifts(1), GENERAL, ORDER, rules).parts)
    assert day.slowed == 2
    assert day.wait_s == 0 + 9 + (20 - 5) + (30 - 2) + (40 - 3)
    listed = replace(rules, listed=lambda ani: ani == "1")
    assert total(simulate.run(callers, shifts(1), GENERAL, ORDER, listed).parts).slowed == 0


_rules = st.builds(
    simulate.Rules,
    st.just(Pacing(number=Limit(calls=1, within_s=600, live=1), trunk=TrunkLimit())),
    st.just({"city": 2}),
    dialling=st.sampled_from([CALLS_BACK, Dialling()]),
    offers_s=st.just({"general": 8.0}),
)
_habits = st.tuples(st.sampled_from(["", "1", "2"]), st.sampled_from(["", "city"]), st.booleans(), st.integers(0, 3))


@given(
    st.lists(_habits, max_size=40),
    _callers,
    _shifts,
    _rules,
    st.sampled_from([{"when_waiting": 1}, {"when_wait_s": 9}]),
)
def test_every_interval_adds_up_with_all_rules(
    habits: list[tuple[str, str, bool, int]],
    callers: list[Caller],
    agents: list[Shift],
    rules: simulate.Rules,
    when: dict[str, float],
) -> None:
    callers = [Caller(*caller[:5], *habit) for caller, habit in zip(callers, habits, strict=False)]
    day = simulate.run(callers, agents, busy(when, queue="general"), ORDER, rules)
    for part in day.parts:
        assert part.unanswered >= 0 and part.overflowed <= part.offered and part.slowed <= part.offered
        assert -1e-6 <= part.busy_s <= part.staffed_s + 1e-6
    figures = total(day.parts)
    assert figures.offered == len(callers) >= day.at_once
    assert figures.called_back <= day.tasks.get(State.DONE, 0) <= sum(day.tasks.values())
    assert sum(day.tasks.values()) <= figures.asked + figures.abandoned
