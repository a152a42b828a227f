"""Agents' states: every pair of state and event, whether it is in the table or not."""

import dataclasses
from typing import Any

import pytest

from ivr.core import agents
from ivr.core import events as ev
from ivr.core.agents import Agent, Profile, Status

AGENT = Agent(Profile("8001", "谭思琦", frozenset({"general"})), since=1.0)
EVENTS: list[Any] = [
    ev.AgentSignedIn(5.0, "8001"),
    ev.AgentSignedOut(5.0, "8001"),
    ev.AgentPressedReady(5.0, "8001"),
    ev.AgentPressedBreak(5.0, "8001"),
    ev.CallOffered(5.0, "1.1", "1.1/1", "8001", ()),
    ev.AgentAnswered(5.0, "1.1", "1.1/1"),
    ev.AgentSetAside(5.0, "8001", "no_answer"),
    ev.WrapUpEnded(5.0, "8001"),
]


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_the_table_is_the_law(status: Status, event: Any) -> None:
    before = dataclasses.replace(AGENT, status=status)
    after = agents.evolve(before, event)
    expected = agents.TRANSITIONS.get((status, type(event)), status)
    assert after.status is expected
    assert after.since == (5.0 if expected is not status else 1.0)


@pytest.mark.parametrize(
    ("pressed", "left"), [(ev.AgentSignedOut, Status.SIGNED_OUT), (ev.AgentPressedBreak, Status.AWAY)]
)
@pytest.mark.parametrize("busy", [Status.RESERVED, Status.TALKING])
def test_leaving_during_a_call_happens_after_it(pressed: Any, left: Status, busy: Status) -> None:
    agent = dataclasses.replace(AGENT, status=busy, call_id="1.1", ring_id="1.1/1")
    agent = agents.evolve(agent, pressed(5.0, "8001"))
    assert agent.status is busy
    assert agents.released(agent, 6.0).status is left


def test_a_ring_that_the_caller_ended_costs_no_idle_time() -> None:
    agent = agents.evolve(dataclasses.replace(AGENT, status=Status.AWAY), ev.AgentPressedReady(10.0, "8001"))
    agent = agents.evolve(agent, ev.CallOffered(50.0, "1.1", "1.1/1", "8001", ()))
    agent = agents.released(agent, 60.0)
    assert (agent.status, agent.idle_since, agent.since) == (Status.READY, 10.0, 60.0)


@pytest.mark.parametrize(
    ("status", "reason", "reached", "counts_s"),
    [
        (Status.SIGNED_OUT, "", True, 0.0),
        (Status.READY, "", True, None),
        (Status.READY, "", False, agents.GONE_S),
        (Status.AWAY, "no_answer", True, agents.GONE_S),
        (Status.AWAY, "break", True, agents.BREAK_S),
        (Status.AWAY, "signed_in", True, agents.BREAK_S),
        (Status.AWAY, "break", False, agents.GONE_S),
        (Status.TALKING, "", False, None),
        (Status.RESERVED, "", False, None),
        (Status.WRAP_UP, "", False, None),
    ],
)
def test_how_long_an_agent_is_counted_on(status: Status, reason: str, reached: bool, counts_s: float | None) -> None:
    since = 1000.0
    agent = dataclasses.replace(
        AGENT, status=status, since=since, reason=reason, phone_reached=reached, lost_at=since if not reached else 0.0
    )
    for seconds in (0.0, 59.0, 61.0, 899.0, 901.0, 86400.0):
        assert agents.is_gone(agent, since + seconds) is (counts_s is not None and seconds >= counts_s)
