"""Prompts and questions: each one that a call hears is a step with a name of its own, and renews the lease."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.calls import PIN_STEP, Call
from ivr.core.events import Event
from ivr.core.floor import leases
from ivr.core.floor.state import LiveState


def ask(
    floor: LiveState, call: Call, at: float, name: str, prompts: tuple[str, ...], wait_s: float
) -> Iterator[Event | Action]:
    """Play the prompts and take one key."""
    step = f"{call.call_id}:{call.steps + 1}"
    yield ev.StepStarted(at, call.call_id, step, name, prompts)
    yield do.Ask(call.call_id, step, prompts, wait_s, leases.given(floor, call.call_id, at))


def ask_pin(
    floor: LiveState, call: Call, at: float, register: str, prompts: tuple[str, ...], wait_s: float
) -> Iterator[Event | Action]:
    """Play the prompts and take a PIN."""
    step = f"{call.call_id}:{call.steps + 1}"
    yield ev.StepStarted(at, call.call_id, step, f"{PIN_STEP}{register}", prompts)
    yield do.AskPin(call.call_id, step, prompts, wait_s, register, leases.given(floor, call.call_id, at))


def say(floor: LiveState, call: Call, at: float, name: str, prompts: tuple[str, ...]) -> Iterator[Event | Action]:
    """Play the prompts."""
    step = f"{call.call_id}:{call.steps + 1}"
    yield ev.StepStarted(at, call.call_id, step, name, prompts)
    yield do.Say(call.call_id, step, prompts, leases.given(floor, call.call_id, at))
