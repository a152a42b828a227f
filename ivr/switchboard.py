"""Event in → core → journal → actions out. Owns all live state; the only task that touches the floor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog

from ivr.core.actions import Action
from ivr.core.agents import Agent
from ivr.core.callbacks import Callback
from ivr.core.calls import Call
from ivr.core.dialplan import Plan
from ivr.core.errors import HotlineError
from ivr.core.events import Event
from ivr.core.floor import Floor
from ivr.core.registers import Registers

log = structlog.get_logger()

TICK_S = 0.5
BATCH = 256
"""Events taken into one transaction at the most."""


class Journal(Protocol):
    """What the switchboard needs of the store."""

    async def append(
        self,
        events: Sequence[Event],
        calls: Sequence[Call],
        agents: Sequence[Agent],
        tasks: Sequence[Callback],
        *,
        flushed: bool,
    ) -> None:
        """Survives a kill of this process when it returns; a power cut too when `flushed`. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """An event in the inbox: what takes it, and who waits until it is applied and safe."""

    open: Callable[[Event], tuple[list[Event], list[Action]]]
    event: Event
    done: asyncio.Future[None] | None = None


Publish = Callable[[set[str], set[str]], None]
Perform = Callable[[Action], Awaitable[None]]


class Switchboard:
    """`tell` and `submit` bring events in; actions go out through `perform`, changes through `publish`.

    Nothing leaves the switchboard (no action, no answer to a person, no change on a screen) before the events behind it
    are in the journal. When the journal cannot be written the calls go on all the same: the events are kept and
    written with the next batch, and `problem` says so.
    """

    def __init__(
        self, floor: Floor, journal: Journal, perform: Perform, publish: Publish, clock: Callable[[], float]
    ) -> None:
        self.floor = floor
        self.problem = ""
        self._journal = journal
        self._perform = perform
        self._publish = publish
        self._clock = clock
        self._inbox: asyncio.Queue[_Letter] = asyncio.Queue()
        self._unwritten: list[Event] = []
        self._last: dict[str, asyncio.Task[None]] = {}

    def tell(self, event: Event) -> None:
        """Hand in an event; returns at once."""
        self._inbox.put_nowait(_Letter(self.floor.handle, event))

    async def submit(self, event: Event) -> None:
        """Hand in an event, and return when it was applied and is safe in the journal."""
        await self._put([_Letter(self.floor.handle, event)])

    async def recount(self, events: Iterable[Event]) -> None:
        """Hand in what happened while nobody listened; returns as `submit` does."""
        await self._put([_Letter(self.floor.recount, event) for event in events])

    async def _put(self, letters: Sequence[_Letter]) -> None:
        if letters:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            for letter in letters[:-1]:
                self._inbox.put_nowait(letter)
            self._inbox.put_nowait(replace(letters[-1], done=done))
            await done

    def change_plan(self, plan: Plan) -> None:
        """Callers from now on are led by this plan."""
        self.floor.change_plan(plan, self._clock())

    def change_registers(self, registers: Registers) -> None:
        """Who is known by their telephone, from now on."""
        self.floor.registers = registers

    def change_ears(self, ears: int) -> None:
        """So many callers can be listened to at once, and nobody is now."""
        self.floor.change_ears(ears)

    async def run(self) -> None:
        """Work until cancelled."""
        due = self._clock()
        while True:
            batch = await self._batch(max(0.0, due - self._clock()))
            events: list[Event] = []
            actions: list[Action] = []
            for letter in batch:
                self._take(partial(letter.open, letter.event), letter.event, events, actions)
            if self._clock() >= due or due - self._clock() > TICK_S:
                self._take(partial(self.floor.tick, self._clock()), None, events, actions)
                due = self._clock() + TICK_S
            await self._settle(events, actions, flushed=any(letter.done for letter in batch))
            for letter in batch:
                if letter.done and not letter.done.done():
                    letter.done.set_result(None)

    async def resume(self) -> None:
        """After `floor.restore`: take up the work that a crash cut off, and show the restored state."""
        await self._settle([], list(self.floor.resume()))

    async def close(self) -> None:
        """Dismiss every live call; returns when their channels have been told. The inbox still has to be run."""
        events, actions = self.floor.close(self._clock())
        await self._settle(events, actions)

    async def idle(self) -> None:
        """Return when every action handed out so far has been performed."""
        while self._last:
            await asyncio.gather(*self._last.values(), return_exceptions=True)

    async def _batch(self, wait_s: float) -> list[_Letter]:
        batch = []
        if self._inbox.empty():
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with an event.
                async with asyncio.timeout(wait_s):
                    batch.append(await self._inbox.get())
        while len(batch) < BATCH and not self._inbox.empty():
            batch.append(self._inbox.get_nowait())
        return batch

    @staticmethod
    def _take(
        step: Callable[[], tuple[list[Event], list[Action]]],
        event: Event | None,
        events: list[Event],
        actions: list[Action],
    ) -> None:
        """Add what a step of the floor gives. A fault in one call's logic must not take the other callers with it."""
        try:
            more_events, more_actions = step()
        except Exception:
            log.exception("floor.crashed", kind=type(event).__name__, call_id=getattr(event, "call_id", ""))
            return
        events += more_events
        actions += more_actions

    async def _settle(self, events: list[Event], actions: list[Action], *, flushed: bool = True) -> None:
        floor = self.floor
        calls, floor.changed_calls = floor.changed_calls, set()
        agents, floor.changed_agents = floor.changed_agents, set()
        tasks, floor.changed_callbacks = floor.changed_callbacks, set()
        if events or calls or agents or tasks or self._unwritten:
            await self._write(events, calls, agents, tasks, flushed)
            self._publish(calls, agents)
        orders: dict[str, list[Action]] = {}
        for action in actions:
            orders.setdefault(action.call_id, []).append(action)
        for call_id, of_call in orders.items():
            self._dispatch(call_id, of_call)

    async def _write(
        self, events: list[Event], calls: set[str], agents: set[str], tasks: set[str], flushed: bool
    ) -> None:
        floor = self.floor
        self._unwritten += events
        try:
            await self._journal.append(
                self._unwritten,
                [floor.calls[c] for c in calls if c in floor.calls],
                [floor.agents[a] for a in agents],
                [floor.callbacks[t] for t in tasks if t in floor.callbacks],
                flushed=flushed,
            )
        except HotlineError as error:
            if not self.problem:
                log.error("journal.not_written", sentence=str(error), events=len(self._unwritten))
            self.problem = str(error)
            # The projections go with the next batch as well.
            floor.changed_calls |= calls
            floor.changed_agents |= agents
            floor.changed_callbacks |= tasks
        else:
            self._unwritten = []
            self.problem = ""

    def _dispatch(self, call_id: str, actions: list[Action]) -> None:
        """Perform in the background; one call's actions one after another."""
        task = asyncio.create_task(self._after(self._last.get(call_id), actions))
        self._last[call_id] = task
        task.add_done_callback(lambda done: self._forget(call_id, done))

    def _forget(self, call_id: str, task: asyncio.Task[None]) -> None:
        if self._last.get(call_id) is task:
            del self._last[call_id]

    async def _after(self, before: asyncio.Task[None] | None, actions: list[Action]) -> None:
        if before:
            await asyncio.wait([before])
        for action in actions:
            try:
                await self._perform(action)
            except HotlineError as error:
                log.warning("action.failed", action=type(action).__name__, call_id=action.call_id, sentence=str(error))
            except Exception:
                log.exception("action.crashed", action=type(action).__name__, call_id=action.call_id)
