"""The matcher, by properties."""

from hypothesis import given
from hypothesis import strategies as st

from ivr.core import routing
from ivr.core.agents import Agent, Profile, Status
from ivr.core.calls import Call, Stage
from ivr.core.queues import Queue

QUEUES = {
    "general": Queue(name="综合席", skill="general"),
    "enterprise": Queue(name="政企通", skill="enterprise", priority=5),
    "deputies": Queue(name="代表", skill="deputies", priority=10),
}
NOW = 1000.0

_times = st.integers(0, 900).map(float)
_calls = st.lists(st.tuples(st.sampled_from(list(QUEUES)), _times), max_size=12).map(
    lambda rows: [
        Call(f"{n}", "x", "", "", 8000, at, stage=Stage.WAITING, queue=q, queued_at=at)
        for n, (q, at) in enumerate(rows)
    ]
)
_skills = st.sets(st.sampled_from([q.skill for q in QUEUES.values()]), min_size=1).map(frozenset)
_agents = st.lists(st.tuples(_skills, st.sampled_from(list(Status)), st.booleans(), _times), max_size=8).map(
    lambda rows: [
        Agent(Profile(f"80{n:02}", "", skills), status, since, since, phone_reached=reached)
        for n, (skills, status, reached, since) in enumerate(rows)
    ]
)


@given(calls=_calls, agents=_agents)
def test_pairs_are_right(calls: list[Call], agents: list[Agent]) -> None:
    pairs = routing.match(calls, agents, QUEUES, NOW)
    by_call, by_agent = {c.call_id: c for c in calls}, {a.agent_id: a for a in agents}
    assert len({p.call_id for p in pairs}) == len(pairs) == len({p.agent_id for p in pairs})
    for pair in pairs:
        agent = by_agent[pair.agent_id]
        assert agent.free
        assert QUEUES[by_call[pair.call_id].queue].skill in agent.profile.skills
        assert pair.why


@given(calls=_calls, agents=_agents)
def test_nobody_waits_for_a_free_agent_and_nobody_is_passed_over(calls: list[Call], agents: list[Agent]) -> None:
    pairs = routing.match(calls, agents, QUEUES, NOW)
    served = {p.call_id: p.agent_id for p in pairs}
    left = [a for a in agents if a.free and a.agent_id not in served.values()]
    by_id = {c.call_id: c for c in calls}
    for call in calls:
        if call.call_id in served:
            continue
        skill = QUEUES[call.queue].skill
        assert not [a for a in left if skill in a.profile.skills]
        later = [
            by_id[c]
            for c in served
            if by_id[c].queue == call.queue and (by_id[c].queued_at or 0) > (call.queued_at or 0)
        ]
        assert not later, "somebody who came later in the same line was served first"


@given(calls=_calls, agents=_agents)
def test_the_first_in_line_gets_the_longest_idle(calls: list[Call], agents: list[Agent]) -> None:
    pairs = routing.match(calls, agents, QUEUES, NOW)
    if pairs:
        first = next(c for c in routing.line(calls, QUEUES) if c.call_id == pairs[0].call_id)
        able = [a for a in agents if a.free and QUEUES[first.queue].skill in a.profile.skills]
        assert pairs[0].agent_id == min(able, key=lambda a: (a.idle_since, a.agent_id)).agent_id


@given(calls=_calls)
def test_places_in_a_line_are_counted_from_zero(calls: list[Call]) -> None:
    for skill in {QUEUES[c.queue].skill for c in calls}:
        same = [c for c in calls if QUEUES[c.queue].skill == skill]
        assert sorted(routing.ahead_of(c, calls, QUEUES) for c in same) == list(range(len(same)))
