"""The matcher, by properties and by the rules one at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.core import routing
from ivr.core.agents import Agent, Profile, Status
from ivr.core.dialplan.queues import Order, Queue, Queues, Step
from ivr.core.routing.standing import Waiter, key_of, steps_of
from ivr.core.skills import has, levels

QUEUES = {
    "general": Queue(name="综合席", skill="general"),
    "dialect": Queue(name="方言", skill="general", prefer=["dialect", "enterprise:2"], priority=1),
    "enterprise": Queue(
        name="政企通",
        skill="enterprise:2",
        priority=5,
        step=[{"after_s": 20, "skill": "enterprise"}, {"after_s": 40, "agents": ["80", "81"]},
              {"after_s": 60, "skill": ["general", "dialect"]}],
    ),
    "deputies": Queue(name="代表", skill="deputies", priority=10, step=[{"after_s": 20, "skill": "general"}]),
}  # fmt: skip
ORDER = Order(age_s=20, known_s=5)
SKILLS = st.frozensets(
    st.sampled_from(["general", "general:2", "enterprise", "enterprise:2", "deputies", "dialect", "other"])
)
NOW = 1000.0

_times = st.integers(900, 1000).map(float)
_waiting = st.lists(st.tuples(st.sampled_from(list(QUEUES)), _times), max_size=12).map(
    lambda rows: [Waiter(f"{n}", queue, at) for n, (queue, at) in enumerate(rows)]
)
_agents = st.lists(st.tuples(SKILLS, st.sampled_from(list(Status)), st.booleans(), _times), max_size=8).map(
    lambda rows: [
        Agent(Profile(f"8{n}", "", skills), status, since, since, phone_reached=reached)
        for n, (skills, status, reached, since) in enumerate(rows)
    ]
)


def agent(agent_id: str, *skills: str, status: Status = Status.READY, idle_since: float = 900.0) -> Agent:
    return Agent(Profile(agent_id, "", frozenset(skills)), status, idle_since, idle_since, phone_reached=True)


def pairs(
    waiting: list[Waiter], agents: list[Agent], queues: dict[str, Queue] = QUEUES, now: float = NOW
) -> dict[str, str]:
    return {m.call_id: m.agent_id for m in routing.match(waiting, agents, queues, now, ORDER)}


def why(waiting: list[Waiter], agents: list[Agent]) -> tuple[str, ...]:
    return routing.match(waiting, agents, QUEUES, NOW, ORDER)[0].why


# --- properties -------------------------------------------------------------------------------------------------------


@given(waiting=_waiting, agents=_agents)
def test_one_agent_one_call_and_only_who_is_free_and_able(waiting: list[Waiter], agents: list[Agent]) -> None:
    found = routing.match(waiting, agents, QUEUES, NOW, ORDER)
    by_call, by_agent = {w.call_id: w for w in waiting}, {a.agent_id: a for a in agents}
    assert len({m.call_id for m in found}) == len(found) == len({m.agent_id for m in found})
    for match in found:
        given_to, queue = by_agent[match.agent_id], QUEUES[by_call[match.call_id].queue]
        assert given_to.free
        able = levels(given_to.profile.skills)
        assert any(group.holds(given_to.agent_id, able) for _, group in steps_of(queue))
        assert match.why


@given(waiting=_waiting, agents=_agents)
def test_nobody_waits_for_a_free_agent_and_nobody_is_passed_over(waiting: list[Waiter], agents: list[Agent]) -> None:
    served = pairs(waiting, agents)
    left = [a for a in agents if a.free and a.agent_id not in served.values()]
    for waiter in waiting:
        if waiter.call_id in served:
            continue
        first = QUEUES[waiter.queue].skill
        assert not [a for a in left if all(has(levels(a.profile.skills), word) for word in first)]
        later = [
            w for w in waiting if w.call_id in served and w.queue == waiter.queue and w.queued_at > waiter.queued_at
        ]
        # A later caller of the same queue has fewer steps open, never more.
        assert not later, "somebody who came later in the same line was served first"


_stream = st.lists(st.tuples(st.sampled_from(list(QUEUES)), st.integers(0, 9)), min_size=80, max_size=80)


@settings(max_examples=100)
@given(stream=_stream, queue=st.sampled_from(list(QUEUES)))
def test_nobody_starves(stream: list[tuple[str, int]], queue: str) -> None:
    """One agent for everything, and somebody new every 5 s for whom there is no time: whoever waits is served."""
    skills = {word for q in QUEUES.values() for word in q.words}
    waiting = [Waiter("mine", queue, NOW)]
    for n, (other, priority) in enumerate(stream):
        now = NOW + 5 * n
        waiting.append(Waiter(f"{n}", other, now, priority=priority))
        served = pairs(waiting, [agent("80", *skills)], now=now)
        waiting = [w for w in waiting if w.call_id not in served]
        if "mine" in served:
            return
        highest = max(9, *(q.priority for q in QUEUES.values()))
        assert now - NOW <= 2 * highest * ORDER.age_s
    raise AssertionError("never served")


@given(waiting=_waiting, later_s=st.floats(0, 10_000))
def test_the_order_of_two_callers_never_turns_round(waiting: list[Waiter], later_s: float) -> None:
    lines = [[w.call_id for w in routing.Hall(waiting, [], QUEUES, ORDER, now).line()] for now in (NOW, NOW + later_s)]
    assert lines[0] == lines[1]


# --- the rules, one at a time -----------------------------------------------------------------------------------------


def test_the_longest_idle_gets_the_call() -> None:
    hall = [agent("80", "general", idle_since=950), agent("81", "general", idle_since=940)]
    assert pairs([Waiter("a", "general", 990)], hall) == {"a": "81"}


def test_a_level_is_a_minimum() -> None:
    hall = [agent("82", "enterprise"), agent("83", "enterprise:3", idle_since=999)]
    assert pairs([Waiter("a", "enterprise", NOW)], hall) == {"a": "83"}
    assert pairs([Waiter("a", "enterprise", NOW)], hall[:1]) == {"a": "82"}, "nobody of step 1 is signed in"
    away = agent("83", "enterprise:3", status=Status.AWAY)
    assert pairs([Waiter("a", "enterprise", NOW)], [hall[0], away]) == {}


def test_what_is_preferred_counts_before_idle_time_and_the_first_word_most() -> None:
    hall = [
        agent("80", "general"),
        agent("81", "general", "enterprise:2", idle_since=950),
        agent("82", "general", "dialect", idle_since=990),
    ]
    assert pairs([Waiter("a", "dialect", NOW)], hall) == {"a": "82"}
    assert pairs([Waiter("a", "dialect", NOW)], hall[:2]) == {"a": "81"}
    assert pairs([Waiter("a", "dialect", NOW)], hall[:1]) == {"a": "80"}, "preferred is not required"


@pytest.mark.parametrize(("waited_s", "expected"), [(99, "new"), (101, "old")])
def test_a_point_of_priority_is_worth_seconds_of_waiting(waited_s: float, expected: str) -> None:
    waiting = [Waiter("old", "general", NOW - waited_s), Waiter("new", "general", NOW, priority=5)]
    assert list(pairs(waiting, [agent("80", "general")])) == [expected]


def test_one_line_for_all_queues() -> None:
    waiting = [Waiter("a", "general", 980), Waiter("b", "dialect", 990), Waiter("c", "general", 960)]
    assert [w.call_id for w in routing.Hall(waiting, [], QUEUES, ORDER, NOW).line()] == ["c", "b", "a"]


def test_emergencies_go_before_everything_and_then_who_was_moved_up() -> None:
    waiting = [
        Waiter("usual", "deputies", 0),
        Waiter("moved", "general", 999, moved_at=1000),
        Waiter("moved first", "general", 999.5, moved_at=999.7),
        Waiter("fire", "general", NOW, emergency=True),
    ]
    line = [w.call_id for w in routing.Hall(waiting, [], QUEUES, ORDER, NOW).line()]
    assert line == ["fire", "moved first", "moved", "usual"]


@pytest.mark.parametrize(("waited_s", "expected"), [(0, {}), (19, {}), (20, {"a": "85"})])
def test_a_step_opens_in_time(waited_s: float, expected: dict[str, str]) -> None:
    hall = [agent("84", "deputies", status=Status.TALKING), agent("85", "general")]
    assert pairs([Waiter("a", "deputies", NOW - waited_s)], hall) == expected


def test_the_earlier_step_is_asked_first() -> None:
    hall = [agent("84", "deputies", idle_since=999), agent("85", "general")]
    assert pairs([Waiter("a", "deputies", NOW - 60)], hall) == {"a": "84"}


@pytest.mark.parametrize(("signed_in", "opens_s"), [((), 0), (("enterprise",), 40), (("enterprise:2",), 40)])
def test_a_step_of_whom_nobody_is_signed_in_is_skipped(signed_in: tuple[str, ...], opens_s: float) -> None:
    """Agent 80 is named by the third step, after 40 s. Whoever has enterprise:2 is of the second step too."""
    hall = [agent("80"), *([agent("89", *signed_in, status=Status.AWAY)] if signed_in else [])]
    for waited_s in (0.0, 19.0, 39.0, 40.0):
        assert bool(pairs([Waiter("a", "enterprise", NOW - waited_s)], hall)) == (waited_s >= opens_s)


def test_a_skipped_steps_time_is_not_waited() -> None:
    queue = Queue(name="", skill="a", step=[{"after_s": 20, "skill": "b"}, {"after_s": 40, "skill": "c"}])
    hall = [agent("81", "a", status=Status.TALKING), agent("83", "c")]
    queues = {"x": queue}
    assert pairs([Waiter("1", "x", NOW - 19)], hall, queues) == {}
    assert pairs([Waiter("1", "x", NOW - 20)], hall, queues) == {"1": "83"}, "nobody has b: c comes in its place"


def test_the_agent_who_knows_the_caller_is_preferred_when_free() -> None:
    hall = [agent("80", "general"), agent("81", "general", idle_since=999)]
    assert pairs([Waiter("a", "general", NOW, known="81")], hall) == {"a": "81"}


@pytest.mark.parametrize(
    ("status", "waited_s", "expected"),
    [
        (Status.WRAP_UP, 0, None),
        (Status.WRAP_UP, 4.9, None),
        (Status.WRAP_UP, 5, "80"),
        (Status.TALKING, 0, "80"),
        (Status.AWAY, 0, "80"),
        (Status.SIGNED_OUT, 0, "80"),
    ],
)
def test_a_call_is_kept_a_few_seconds_for_an_agent_in_wrap_up(
    status: Status, waited_s: float, expected: str | None
) -> None:
    hall = [agent("80", "general"), agent("81", "general", status=status)]
    assert pairs([Waiter("a", "general", NOW - waited_s, known="81")], hall).get("a") == expected


def test_who_is_known_jumps_no_line_and_an_emergency_is_kept_for_nobody() -> None:
    known = Waiter("known", "general", NOW, known="80")
    assert pairs([known, Waiter("before", "general", NOW - 1)], [agent("80", "general")]) == {"before": "80"}
    hall = [agent("80", "general", status=Status.WRAP_UP), agent("81", "general")]
    assert pairs([replace(known, emergency=True)], hall) == {"known": "81"}


def test_it_is_told_who_was_considered_and_who_was_passed_over_and_for_which_rule() -> None:
    waiting = [
        Waiter("deputy", "deputies", NOW - 19),
        Waiter("kept", "general", NOW - 3, known="85"),
        Waiter("mine", "dialect", NOW - 2),
        Waiter("later", "general", NOW - 1),
    ]
    waiting[1] = replace(waiting[1], priority=4)
    hall = [
        agent("80", "general", "dialect", idle_since=950),
        agent("81", "general", "dialect", idle_since=960),
        *(agent(f"9{n:02}", "general") for n in range(12)),
        agent("83", "enterprise"),
        agent("84", "deputies", status=Status.TALKING),
        agent("85", "general", status=Status.WRAP_UP),
        agent("86", "general", status=Status.SIGNED_OUT),
    ]
    assert why(waiting, hall) == (
        "place 3 in the line, priority 1, waited 2 s",
        "passed over 1 callers ahead: nobody free for them (deputy)",
        "passed over 1 callers ahead: kept for the agent who knows them (kept)",
        "skill general: 14 free",
        "has dialect, longest idle, 50 s",
        "passed over 12 agents: less of dialect enterprise:2 (900 901 902 903 904 905 906 907 908 909 …)",
        "passed over 1 agents: idle for less long (81)",
        "passed over 1 agents: not able (83)",
        "passed over 2 agents: not free",
    )


def test_the_reason_names_the_step_and_that_the_agent_knows_the_caller() -> None:
    hall = [agent("84", "deputies", status=Status.AWAY), agent("85", "general"), agent("86", "general")]
    assert why([Waiter("a", "deputies", NOW - 20, known="86", emergency=True)], hall) == (
        "place 1 in the line, emergency, waited 20 s",
        "step 2, skill general: 2 free",
        "knows the caller, idle, 100 s",
        "passed over 1 agents: do not know the caller (85)",
        "passed over 1 agents: not free",
    )


@given(waiting=_waiting, agents=_agents)
def test_places_in_a_line_are_counted_from_zero(waiting: list[Waiter], agents: list[Agent]) -> None:
    hall = routing.Hall(waiting, agents, QUEUES, ORDER, NOW)
    for queue in QUEUES:
        same = [w for w in waiting if w.queue == queue]
        places = [routing.ahead_of(w, hall) for w in sorted(same, key=lambda w: key_of(w, QUEUES[w.queue], ORDER))]
        assert all(later > earlier for earlier, later in pairwise(places))


def test_steps_must_go_on() -> None:
    with pytest.raises(ValidationError, match="larger after_s"):
        Queue(name="", skill="a", step=[Step(after_s=20, skill="b"), Step(after_s=20, skill="c")])
    with pytest.raises(ValidationError, match="other skills or agents"):
        Queue(name="", skill="a", step=[Step(after_s=20, skill="a")])
    with pytest.raises(ValidationError, match="who may take the call"):
        Step(after_s=20)
    with pytest.raises(ValidationError):
        Queues.model_validate({"queue": {"x": {"name": "", "skill": "a:12"}}, "announce": {}})
