"""/api/desk: what an agent does with the citizen whom they talk with."""

from __future__ import annotations

from ivr.adapters.web.desk import Ask
from ivr.adapters.web.ports import LiveState
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import CallSummary, Colleague, Department, Departments, TransferOrder
from ivr.adapters.web.views import call_summary
from ivr.core import events as ev
from ivr.core.agents import Agent, Status
from ivr.core.calls import Call, Stage
from ivr.core.floor.transfers import refusal

_CALLS = frozenset({"blind", "consult", "three_way"})
"""Kinds that need to whom."""


async def departments(ask: Ask) -> Departments:
    """One key for each department, emergencies first; and the other agents who are signed in."""
    state = ask.parts.deps.live.state()
    keys = [
        Department(department=key, name=d.name, number=d.number, emergency=d.emergency)
        for key, d in state.departments.items()
    ]
    colleagues = [
        Colleague(agent_id=agent.agent_id, name=agent.profile.name, ready=agent.free, desks=_desks(agent, state))
        for agent in state.agents.values()
        if agent.status is not Status.SIGNED_OUT and agent.agent_id != ask.who.agent_id
    ]
    return Departments(
        departments=sorted(keys, key=lambda key: not key.emergency),
        agents=sorted(colleagues, key=lambda one: (not one.ready, one.agent_id)),
    )


async def transfer(ask: Ask) -> CallSummary:
    """The call after the order. One that does not fit what the call does now is refused."""
    given: TransferOrder = ask.given
    deps, state = ask.parts.deps, ask.parts.deps.live.state()
    agent = state.agents.get(ask.who.agent_id)
    call = state.calls.get(agent.call_id) if agent else None
    if agent is None:
        raise Refused("not_an_agent")
    if call is None or call.ring is None or call.ring.agent_id != agent.agent_id:
        raise Refused("no_talk")
    event = ev.TransferAsked(deps.clock(), call.call_id, call.ring.ring_id, given.kind, **_to(ask, given, call))
    if refused := refusal(state.calls, state.agents, event):
        raise Refused(refused, given.agent)
    await deps.submit(event)
    return call_summary(state.calls[call.call_id], state, deps.clock())


def _to(ask: Ask, given: TransferOrder, call: Call) -> dict[str, str]:
    """Whom the citizen is given to, as the fields of the event."""
    state = ask.parts.deps.live.state()
    named = [value for value in (given.department, given.number, given.queue, given.agent) if value]
    fits_kind = given.kind == "blind" or not given.queue
    brings_in = given.kind == "three_way" and call.stage is Stage.CONSULTING
    if len(named) != (given.kind in _CALLS and not brings_in) or not fits_kind:
        raise Refused("bad_request", "to")
    if given.department:
        department = state.departments.get(given.department)
        if department is None:
            raise Refused("bad_request", f"department {given.department!r}")
        return {"number": department.number, "name": department.name}
    if (given.queue and given.queue not in state.queues) or (given.agent and given.agent not in state.agents):
        raise Refused("bad_request", given.queue or given.agent)
    return {"number": given.number, "name": given.number, "queue": given.queue, "agent_id": given.agent}


def _desks(agent: Agent, state: LiveState) -> list[str]:
    """Names of the queues whose citizens the agent takes."""
    return [name for queue, name in state.queues.items() if state.takes(agent, queue)]
