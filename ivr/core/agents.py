"""Agents: who they are, and their states as one transition table.

signed_out ──sign in──► away ──press ready──► ready ──offered──► reserved ──answered──► talking ──over──► wrap_up
                         ▲                     ▲                    │                                       │
                         └──── set aside ──────┼────────────────────┘                                       │
                                               └──────────── press ready, or the time is up ────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ivr.core import events as ev
from ivr.core.events import Event
from ivr.core.spans import is_over


class Status(StrEnum):
    SIGNED_OUT = "signed_out"
    AWAY = "away"
    READY = "ready"
    RESERVED = "reserved"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the configuration says of an agent."""

    agent_id: str
    name: str
    skills: frozenset[str]
    """Words of `core.skills`: `general`, `enterprise:2`."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent now. `since` is when this status began."""

    profile: Profile
    status: Status = Status.SIGNED_OUT
    since: float = 0.0
    idle_since: float = 0.0
    """When they last became free of calls and breaks; the matcher gives the next call to the longest idle."""
    reason: str = ""
    call_id: str = ""
    ring_id: str = ""
    phone_reached: bool = False
    lost_at: float = 0.0
    """When their telephone was last heard of; of no matter while it is reached."""
    signing_out: bool = False
    """They pressed sign out or break while a call was theirs: it happens when the call is over."""
    leaving_for: Status = Status.AWAY

    @property
    def agent_id(self) -> str:
        return self.profile.agent_id

    @property
    def free(self) -> bool:
        """May be offered a call."""
        return self.status is Status.READY and self.phone_reached

    @property
    def soon(self) -> bool:
        """Not free yet, but a call may be kept for them."""
        return self.status is Status.WRAP_UP and self.phone_reached


GONE_S = 60.0
"""So long an agent is counted on who was set aside, or whose telephone is out of reach."""
BREAK_S = 900.0
"""So long one who is on a break, or has signed in and not pressed ready."""

_BUSY = frozenset({Status.RESERVED, Status.TALKING})

TRANSITIONS: dict[tuple[Status, type], Status] = {
    (Status.SIGNED_OUT, ev.AgentSignedIn): Status.AWAY,
    (Status.AWAY, ev.AgentPressedReady): Status.READY,
    (Status.WRAP_UP, ev.AgentPressedReady): Status.READY,
    (Status.READY, ev.AgentPressedBreak): Status.AWAY,
    (Status.WRAP_UP, ev.AgentPressedBreak): Status.AWAY,
    (Status.AWAY, ev.AgentSignedOut): Status.SIGNED_OUT,
    (Status.READY, ev.AgentSignedOut): Status.SIGNED_OUT,
    (Status.WRAP_UP, ev.AgentSignedOut): Status.SIGNED_OUT,
    (Status.READY, ev.CallOffered): Status.RESERVED,
    (Status.RESERVED, ev.AgentAnswered): Status.TALKING,
    (Status.RESERVED, ev.AgentSetAside): Status.AWAY,
    (Status.WRAP_UP, ev.WrapUpEnded): Status.READY,
}
"""status, event → next status. A pair that is not here changes nothing: a button pressed twice is not an error."""

_REASONS = {ev.AgentSignedIn: "signed_in", ev.AgentPressedBreak: "break"}


def evolve(agent: Agent, event: Event) -> Agent:
    """The agent after an event that concerns them (the caller of this function picks those)."""
    if isinstance(event, ev.PhoneReached | ev.PhoneLost):
        reached = isinstance(event, ev.PhoneReached)
        return agent if reached is agent.phone_reached else replace(agent, phone_reached=reached, lost_at=event.at)
    if isinstance(event, ev.FallbackAnswered):
        return _taken(agent, event)
    if agent.status in _BUSY:
        match event:
            case ev.AgentSignedOut():
                return replace(agent, signing_out=True, leaving_for=Status.SIGNED_OUT)
            case ev.AgentPressedBreak():
                return replace(agent, signing_out=True, leaving_for=Status.AWAY)
            case ev.AgentPressedReady():
                return replace(agent, signing_out=False)
    status = TRANSITIONS.get((agent.status, type(event)))
    if status is None:
        return agent
    if isinstance(event, ev.AgentSetAside) and agent.signing_out:
        status = agent.leaving_for
    agent = replace(agent, status=status, since=event.at, reason=_REASONS.get(type(event), ""))
    if status is Status.READY:
        agent = replace(agent, idle_since=event.at)
    match event:
        case ev.CallOffered():
            return replace(agent, call_id=event.call_id, ring_id=event.ring_id)
        case ev.AgentSetAside():
            return replace(agent, reason=event.reason, call_id="", ring_id="", signing_out=False)
    if status in (Status.READY, Status.SIGNED_OUT, Status.AWAY):
        return replace(agent, call_id="", ring_id="", signing_out=False)
    return agent


def is_gone(agent: Agent, now: float) -> bool:
    """Whether nobody should wait for them: people go home and forget to sign out."""
    if agent.status not in (Status.AWAY, Status.READY):
        return agent.status is Status.SIGNED_OUT
    if not agent.phone_reached and is_over(agent.lost_at, GONE_S, now):
        return True
    on_break = agent.reason in _REASONS.values()
    return agent.status is Status.AWAY and is_over(agent.since, BREAK_S if on_break else GONE_S, now)


def _taken(agent: Agent, event: ev.FallbackAnswered) -> Agent:
    """The static queue rings everybody who has a telephone. Who was away is away again when the talk is over."""
    if agent.status in _BUSY or agent.status is Status.SIGNED_OUT:
        return agent
    was_away = agent.status is Status.AWAY
    agent = replace(agent, status=Status.TALKING, since=event.at, call_id=event.call_id, ring_id=event.ring_id)
    return replace(agent, reason="", signing_out=was_away, leaving_for=Status.AWAY)


def released(agent: Agent, at: float) -> Agent:
    """The agent after their call has gone: to wrap-up after talking; back to ready, no less idle, when it only rang."""
    if agent.status not in _BUSY:
        return agent
    if agent.signing_out:
        reason = "break" if agent.leaving_for is Status.AWAY else ""
        return replace(
            agent, status=agent.leaving_for, since=at, reason=reason, call_id="", ring_id="", signing_out=False
        )
    if agent.status is Status.TALKING:
        return replace(agent, status=Status.WRAP_UP, since=at, ring_id="")
    return replace(agent, status=Status.READY, since=at, call_id="", ring_id="")
