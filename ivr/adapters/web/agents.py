"""/api/agents and /api/phone: what agents do with their own state and telephone."""

from __future__ import annotations

from collections.abc import Callable

from ivr.adapters.web.desk import Ask
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import AgentOrder, AgentView, PhoneSettings
from ivr.adapters.web.views import agent_view
from ivr.core import events as ev
from ivr.core.events import Event

_EVENTS: dict[str, Callable[[float, str], Event]] = {
    "sign_in": ev.AgentSignedIn,
    "sign_out": ev.AgentSignedOut,
    "ready": ev.AgentPressedReady,
    "break": ev.AgentPressedBreak,
}


async def order(ask: Ask) -> AgentView:
    """The agent after the order. One that does not fit the state (a button pressed twice) changes nothing."""
    given: AgentOrder = ask.given
    deps = ask.parts.deps
    agent_id = _agent_id(ask)
    await deps.submit(_EVENTS[given.order](deps.clock(), agent_id))
    state = deps.live.state()
    return agent_view(state.agents[agent_id], state)


async def own_phone(ask: Ask) -> PhoneSettings:
    return ask.parts.deps.agent_phone(_agent_id(ask))


async def citizen_phone(ask: Ask) -> PhoneSettings:
    return ask.parts.deps.citizen_phone()


def _agent_id(ask: Ask) -> str:
    agent_id = ask.who.agent_id
    if agent_id not in ask.parts.deps.live.state().agents:
        raise Refused("not_an_agent")
    return agent_id
