"""`Line` decides as `routing.match` does, after any sequence of comings and goings."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import routing
from ivr.core.agents import Agent, Profile, Status
from ivr.core.calls import Call, Stage
from ivr.core.line import Line
from tests.core.test_routing import NOW, QUEUES

_ids = st.integers(0, 9).map(str)
_times = st.integers(0, 1100).map(float)
_skills = st.frozensets(st.sampled_from([*(q.skill for q in QUEUES.values()), "dialect"]))
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("join"), _ids, st.sampled_from(list(QUEUES)), _times),
        st.tuples(st.just("leave"), _ids),
        st.tuples(st.just("free"), _ids, _skills, _times),
        st.tuples(st.just("busy"), _ids),
        st.tuples(st.just("match")),
    ),
    max_size=60,
)


class Spec:
    """The same, said by `routing.match`."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {}

    def join(self, call_id: str, queue: str, at: float) -> None:
        self.calls[call_id] = Call(call_id, "", "", "", 8000, at, stage=Stage.WAITING, queue=queue, queued_at=at)

    def leave(self, call_id: str) -> bool:
        return self.calls.pop(call_id, None) is not None

    def free(self, agent_id: str, skills: frozenset[str], at: float) -> None:
        self.agents[agent_id] = Agent(Profile(agent_id, "", skills), Status.READY, at, at, phone_reached=True)

    def busy(self, agent_id: str) -> bool:
        return self.agents.pop(agent_id, None) is not None

    def matches(self) -> list[routing.Match]:
        return routing.match(self.calls.values(), self.agents.values(), QUEUES, NOW)


@settings(max_examples=400, deadline=None)
@given(steps=_steps)
def test_the_line_decides_as_the_specification(steps: list[tuple[object, ...]]) -> None:
    line, spec = Line(QUEUES), Spec()
    for name, *words in steps:
        if name != "match":
            assert getattr(line, str(name))(*words) == getattr(spec, str(name))(*words)
        found = line.next_match(NOW)
        assert [found] == (spec.matches()[:1] or [None])
        if name == "match" and found:
            for each in (line, spec):
                assert each.leave(found.call_id) and each.busy(found.agent_id)


@given(steps=_steps)
def test_taken_one_after_another_the_pairs_are_those_of_one_look(steps: list[tuple[object, ...]]) -> None:
    line, spec = Line(QUEUES), Spec()
    for name, *words in steps:
        if name != "match":
            for each in (line, spec):
                getattr(each, str(name))(*words)
    pairs = []
    while pair := line.first_pair():
        pairs.append(pair)
        line.leave(pair[0])
        line.busy(pair[1])
    assert pairs == [(m.call_id, m.agent_id) for m in spec.matches()]
