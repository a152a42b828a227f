"""Calling back: whom a task is opened for, the dialling, and what a new call of the same citizen changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.callbacks import ASKED, Callback, State, due_at, not_reached
from ivr.core.calls import REACHED_NOBODY, Call, Outcome, Stage
from ivr.core.events import Event
from ivr.core.floor import desks, steps
from ivr.core.floor.state import LiveState
from ivr.core.numbers import national
from ivr.core.routing import Match
from ivr.core.spans import is_over

_SILENCE_S = 30
"""After the ring's end: longer than the adapter's own deadline, and than a restart of the controller takes."""


def ask(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """The caller wants to be called back: their place is kept, and the call ends with a confirmation."""
    task = floor.callback_of(call.ani)
    if task is not None:
        yield ev.CallbackDropped(at, task.task_id, call.call_id, "asked_anew")
    place_at = call.place_at if call.place_at is not None else at
    yield replace(_opened(call, at, ASKED, place_at + call.slow_s), why=floor.line.why_waiting(call.call_id, at))
    prompts = floor.plan_of(call.call_id).city.callback.confirmation(national(call.ani))
    yield from steps.say(floor, floor.calls[call.call_id], at, "farewell", prompts)


def possible(floor: LiveState, call: Call) -> bool:
    """The hotline can call outside, and the caller's number is known."""
    return floor.rules.callback.possible and bool(national(call.ani))


def withheld(floor: LiveState, call: Call) -> bool:
    """The hotline calls others back, but nobody knows this caller's number."""
    return floor.rules.callback.possible and not national(call.ani)


def ended(floor: LiveState, call: Call, event: ev.CallEnded) -> Iterator[Event]:
    """A call that reached nobody becomes a task, once per number; an attempt that failed is made again later.

    An attempt whose task was settled meanwhile, from another telephone of the same number, is like any other call.
    """
    task = floor.callbacks.get(call.task_id)
    if task is not None and task.state is State.CALLING and task.try_id == call.call_id:
        reason = call.dial_reason if event.outcome == Outcome.NOT_REACHED else event.outcome
        yield from not_reached(task, "shut_down" if call.shutting_down else reason, event.at, floor.rules.callback)
    elif event.outcome not in REACHED_NOBODY:
        return
    elif not national(call.ani):
        yield ev.CallbackImpossible(event.at, call.call_id, "withheld")
    elif floor.callback_of(call.ani) is None:
        yield _opened(call, event.at, event.outcome, event.at)


def came_again(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """The citizen calls us while we dial them: stop that."""
    task = floor.callback_of(call.ani)
    attempt = floor.calls.get(task.try_id) if task is not None else None
    if attempt is not None and attempt.stage is Stage.DIALLING:
        yield ev.CitizenNotReached(at, attempt.call_id, "called_again")
        yield do.HangUp(attempt.call_id)


def kept_place(floor: LiveState, call: Call) -> float | None:
    """The place that an open task keeps for this caller."""
    task = _asked(floor, call)
    return task.place_at if task is not None else None


def take_up(floor: LiveState, call: Call, at: float) -> Iterator[Event]:
    """The caller stands in the line themselves now, in the place that was kept for them."""
    task = _asked(floor, call)
    if task is not None:
        yield ev.CallbackDropped(at, task.task_id, call.call_id, "called_again")


def _asked(floor: LiveState, call: Call) -> Callback | None:
    task = floor.callback_of(call.ani)
    return task if task is not None and task.reason == ASKED and task.state is not State.CALLING else None


def spoken(floor: LiveState, call: Call, at: float) -> Iterator[Event]:
    """An agent or an outside number speaks with the citizen, whoever called whom."""
    task = floor.callback_of(call.ani)
    if task is not None:
        yield ev.CallbackReached(at, task.task_id, call.call_id)


def dial(floor: LiveState, pair: Match, now: float) -> Iterator[Event]:
    """It is the task's turn: an agent is reserved, then the citizen is dialled (`offered`)."""
    task = floor.callbacks[pair.call_id]
    call_id = f"{task.task_id}-{int(now)}.{task.dials + 1}"
    due = due_at(task, floor.rules.callback, floor.plan.city.timezone)
    place_at = min(now, floor.turns.place(task, now if due is None else due, floor.rules.callback, now))
    queue, priority = desks.line_of(floor.plan, floor.line, task.queue, task.language, now)
    priority = priority if task.priority is None else task.priority
    yield ev.CallbackTried(
        now, call_id, task.task_id, task.number, queue, task.mark, place_at,
        priority, task.emergency, task.language, floor.rules.callback.dnis,
    )  # fmt: skip
    yield ev.CallOffered(now, call_id, f"{call_id}/1", pair.agent_id, pair.why)


def offered(floor: LiveState, call: Call) -> Iterator[Action]:
    """An agent is reserved for a citizen who is still to be dialled."""
    yield do.DialCitizen(call.call_id, call.task_id, call.ani, floor.rules.callback.ring_s)


def overdue(floor: LiveState, call: Call, now: float) -> Iterator[Event | Action]:
    """A citizen of whom nothing was heard since they were dialled, not even that they do not answer: stop that."""
    if call.stage is Stage.DIALLING and is_over(call.arrived_at, floor.rules.callback.ring_s + _SILENCE_S, now):
        yield ev.CitizenNotReached(now, call.call_id, "unreachable")
        yield do.HangUp(call.call_id)


def answered(floor: LiveState, call: Call, at: float) -> Iterator[Event | Action]:
    """The citizen has answered: say who calls, and ring the reserved agent; without one they head the line."""
    city = floor.plan_of(call.call_id).city
    yield from steps.say(floor, call, at, "notice", (city.callback.connecting, city.recording.notice))
    if call.ring:
        yield do.RingAgent(call.call_id, call.ring.ring_id, call.ring.agent_id, floor.rules.ring_s, call.rate)


def _opened(call: Call, at: float, reason: str, place_at: float) -> ev.CallbackOpened:
    return ev.CallbackOpened(
        at, f"cb-{call.call_id.replace('.', '_')}", call.call_id, call.ani, call.queue, call.mark, reason, place_at,
        call.priority, call.emergency, language=call.language,
    )  # fmt: skip
