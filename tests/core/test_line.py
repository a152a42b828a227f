"""`Line` decides as `routing.match` does, after any sequence of comings and goings, while time goes on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import routing
from ivr.core.agents import Agent, Profile, Status
from ivr.core.dialplan.queues import Order, Queue
from ivr.core.routing.line import Line
from ivr.core.routing.standing import Waiter, steps_of
from ivr.core.skills import levels
from tests.core.test_routing import ORDER, QUEUES, SKILLS

_ids = st.integers(0, 9).map(str)
_agents = st.sampled_from(["80", "81", "82", "83", "84"])
_times = st.integers(900, 1100).map(float)
_steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("join"),
            _ids,
            st.sampled_from(list(QUEUES)),
            _times,
            st.fixed_dictionaries(
                {},
                optional={
                    "priority": st.integers(0, 9),
                    "emergency": st.booleans(),
                    "moved_at": st.one_of(st.none(), _times),
                    "known": _agents,
                    "slow_s": st.sampled_from([0.0, 5.0, 60.0]),
                    "seats": st.sampled_from([(), ("80",), ("80", "81"), ("81", "84"), ("99",)]),
                },
            ),
        ),
        st.tuples(st.just("leave"), _ids),
        st.tuples(st.just("sign_in"), _agents, SKILLS),
        st.tuples(st.just("sign_out"), _agents),
        st.tuples(st.just("free"), _agents, _times),
        st.tuples(st.just("free"), _agents, _times),
        st.tuples(st.just("busy"), _agents, st.booleans()),
        st.tuples(st.just("pass"), st.sampled_from([-300, 0.1, 1, 5, 20, 30])),
        st.tuples(st.just("match")),
    ),
    max_size=60,
)


class Both:
    """A line, and the same callers and agents as `routing` takes them."""

    def __init__(self, queues: dict[str, Queue] = QUEUES, order: Order = ORDER) -> None:
        self.line, self.queues, self.order = Line(queues, order), queues, order
        self.waiting: dict[str, Waiter] = {}
        self.agents: dict[str, Agent] = {}
        self.now = 1000.0

    def join(self, call_id: str, queue: str, at: float, more: dict[str, object]) -> None:
        self.waiting[call_id] = Waiter(call_id, queue, at, **more)  # type: ignore[arg-type]
        self.line.join(call_id, queue, at, **more)  # type: ignore[arg-type]

    def leave(self, call_id: str) -> None:
        assert self.line.leave(call_id) == (self.waiting.pop(call_id, None) is not None)

    def sign_in(self, agent_id: str, skills: frozenset[str]) -> None:
        if agent_id not in self.agents:
            self.agents[agent_id] = Agent(Profile(agent_id, "", skills), Status.AWAY, phone_reached=True)
        self.line.sign_in(agent_id, skills)

    def sign_out(self, agent_id: str) -> None:
        self.agents.pop(agent_id, None)
        self.line.sign_out(agent_id)

    def free(self, agent_id: str, at: float) -> None:
        if agent_id in self.agents:
            self.agents[agent_id] = replace(self.agents[agent_id], status=Status.READY, idle_since=at)
            self.line.free(agent_id, at)

    def busy(self, agent_id: str, soon: bool) -> None:
        agent = self.agents.get(agent_id)
        assert self.line.busy(agent_id, soon=soon) == (agent is not None and agent.free)
        if agent:
            self.agents[agent_id] = replace(agent, status=Status.WRAP_UP if soon else Status.TALKING)

    def matches(self) -> list[routing.Match]:
        return routing.match(self.waiting.values(), self.agents.values(), self.queues, self.now, self.order)

    def take(self, found: routing.Match) -> None:
        self.leave(found.call_id)
        self.busy(found.agent_id, False)

    def do(self, name: object, *words: object) -> None:
        if name == "pass":
            self.now += float(words[0])  # type: ignore[arg-type]
        elif name == "match":
            for found in self.matches()[:1]:
                self.take(found)
        else:
            getattr(self, str(name))(*words)

    def check(self) -> None:
        assert [self.line.next_match(self.now)] == (self.matches()[:1] or [None])
        hall = routing.Hall(list(self.waiting.values()), list(self.agents.values()), self.queues, self.order, self.now)
        for waiter in self.waiting.values():
            assert self.line.ahead_of(waiter.call_id, self.now) == routing.ahead_of(waiter, hall)
        for name, queue in self.queues.items():
            own = steps_of(queue)[0][1]
            desk = [a for a in self.agents.values() if own.holds(a.agent_id, levels(a.profile.skills))]
            assert self.line.desk(name) == (sum(agent.free for agent in desk), len(desk))


@settings(max_examples=200)
@given(steps=_steps)
def test_the_line_decides_as_the_specification(steps: list[tuple[object, ...]]) -> None:
    both = Both()
    for step in steps:
        both.do(*step)
        both.check()


@given(steps=_steps)
def test_taken_one_after_another_the_pairs_are_those_of_one_look(steps: list[tuple[object, ...]]) -> None:
    both = Both()
    for step in steps:
        if step[0] != "match":
            both.do(*step)
    expected, pairs = both.matches(), []
    while found := both.line.next_match(both.now):
        pairs.append(found)
        both.take(found)
    assert pairs == expected


@given(steps=_steps)
def test_who_left_leaves_nothing_behind(steps: list[tuple[object, ...]]) -> None:
    both = Both()
    for step in steps:
        both.do(*step)
    for call_id in list(both.waiting):
        both.leave(call_id)
    for agent_id in list(both.agents):
        both.sign_out(agent_id)
    assert both.line.next_match(both.now) is None
    both.now += 10_000
    both.line.next_match(both.now)
    fresh = Line(QUEUES, ORDER)
    fresh.next_match(both.now)
    assert vars(both.line) == vars(fresh)


@given(steps=_steps)
def test_between_the_times_that_it_names_nothing_changes_by_time_alone(steps: list[tuple[object, ...]]) -> None:
    both = Both()
    for step in steps:
        both.do(*step)
    while found := both.line.next_match(both.now):
        both.take(found)
    for _ in range(40):
        both.now += 5
        if both.now < both.line.due_at():
            assert not both.matches()
