"""/api/callbacks: citizens who are to be called back, and what people decide about them."""

from __future__ import annotations

from ivr.adapters.web import views
from ivr.adapters.web.desk import Ask
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import CallbackClosing, CallbackList, CallbackQuery, CallbackView
from ivr.core import events as ev
from ivr.core.callbacks import ENDED, Callback, State


async def list_callbacks(ask: Ask) -> CallbackList:
    """Tasks of one state, or all that are open; the longest-open first."""
    query: CallbackQuery = ask.given
    deps = ask.parts.deps
    states = {State(query.state)} if query.state else set(State) - ENDED
    tasks = await deps.store.callbacks(states, query.limit)
    state = deps.live.state()
    return CallbackList(callbacks=[views.callback_view(task, state) for task in tasks])


async def close(ask: Ask) -> CallbackView:
    """Close a task without a talk. Who did it, and why, stays with it."""
    given: CallbackClosing = ask.given
    deps, task = ask.parts.deps, _open(ask)
    await deps.submit(ev.CallbackClosed(deps.clock(), task.task_id, ask.who.user, given.reason))
    return _after(ask, task)


async def call_now(ask: Ask) -> CallbackView:
    """Call at the next free agent, whatever the hours and the tries so far. One that is being called is left alone."""
    deps, task = ask.parts.deps, _open(ask)
    if not deps.calls_outside:
        raise Refused("no_way_outside")
    await deps.submit(ev.CallbackOrdered(deps.clock(), task.task_id, ask.who.user))
    return _after(ask, task)


def _open(ask: Ask) -> Callback:
    task = ask.parts.deps.live.state().callbacks.get(ask.request.match_info["task_id"])
    if task is None or not task.open:
        raise Refused("callback_not_found")
    return task


def _after(ask: Ask, before: Callback) -> CallbackView:
    state = ask.parts.deps.live.state()
    return views.callback_view(state.callbacks.get(before.task_id, before), state)
