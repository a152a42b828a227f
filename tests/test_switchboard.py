"""The switchboard: the journal comes first, one fault harms nobody else, and a broken journal stops no call."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Agent
from ivr.core.callbacks import Callback
from ivr.core.calls import Call
from ivr.core.errors import StoreError
from ivr.core.events import Event
from ivr.core.floor import Floor, Rules
from ivr.switchboard import Switchboard
from tests.core.world import PROFILES, shipped_plan
from tests.patience import PATIENCE_S


class FailingJournal:
    """A journal whose disk is full for as long as `broken` is set."""

    def __init__(self) -> None:
        self.rows: list[Event] = []
        self.flushed: list[bool] = []
        self.broken = False

    async def append(
        self,
        events: Sequence[Event],
        calls: Sequence[Call],
        agents: Sequence[Agent],
        tasks: Sequence[Callback],
        *,
        flushed: bool,
    ) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise StoreError("hotline.db: the disk is full.")
        self.flushed.append(flushed)
        self.rows += events


class Desk:
    def __init__(self) -> None:
        self.journal = FailingJournal()
        self.performed: list[Action] = []
        self.seen: asyncio.Queue[Action] = asyncio.Queue()
        self.floor = Floor(shipped_plan(), PROFILES, Rules())
        self.board = Switchboard(self.floor, self.journal, self._perform, lambda calls, agents: None, time.time)

    async def _perform(self, action: Action) -> None:
        if isinstance(action, do.Ask):
            assert self.journal.broken or any(isinstance(e, ev.StepStarted) for e in self.journal.rows)
        self.performed.append(action)
        self.seen.put_nowait(action)
        if isinstance(action, do.RenewLease):
            raise RuntimeError("a fault in an adapter")

    async def until(self, kind: type) -> Action:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(action := await self.seen.get(), kind):
                pass
        return action


@asynccontextmanager
async def _running() -> AsyncIterator[Desk]:
    desk = Desk()
    task = asyncio.create_task(desk.board.run())
    yield desk
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_events_are_in_the_journal_before_anything_is_done() -> None:
    async with _running() as desk:
        await desk.board.submit(ev.CallArrived(time.time(), "1700000000.1", "PJSIP/x", "13800138000", "12345"))
        assert [type(e) for e in desk.journal.rows] == [ev.CallArrived, ev.StepStarted]
        await desk.until(do.Ask)


async def test_only_what_somebody_waits_for_waits_for_the_disk() -> None:
    async with _running() as desk:
        desk.board.tell(ev.CallArrived(time.time(), "1700000000.1", "PJSIP/x", "13800138000", "12345"))
        await desk.until(do.Ask)
        await desk.board.submit(ev.AgentSignedIn(time.time(), PROFILES[0].agent_id))
        assert desk.journal.flushed == [False, True]


async def test_a_fault_while_performing_harms_no_later_action() -> None:
    async with _running() as desk:
        desk.board.tell(ev.CallFound(time.time(), "1700000000.1", "PJSIP/x", "idle", "", "12345"))
        await desk.until(do.Ask)
        assert [type(a) for a in desk.performed][:2] == [do.RenewLease, do.Ask]


async def test_a_fault_in_one_event_harms_no_other_call() -> None:
    async with _running() as desk:
        desk.board.tell(ev.CallArrived(time.time(), "1700000000.1", "PJSIP/x", None, "12345"))  # type: ignore[arg-type]
        desk.board.tell(ev.CallArrived(time.time(), "1700000000.2", "PJSIP/y", "", "12345"))
        action = await desk.until(do.Ask)
        assert action.call_id == "1700000000.2"


async def test_calls_go_on_while_the_journal_cannot_be_written_and_nothing_is_lost() -> None:
    async with _running() as desk:
        desk.journal.broken = True
        await desk.board.submit(ev.CallArrived(time.time(), "1700000000.1", "PJSIP/x", "", "12345"))
        await desk.until(do.Ask)
        assert desk.board.problem == "hotline.db: the disk is full."
        assert not desk.journal.rows
        desk.journal.broken = False
        await desk.board.submit(ev.CallerHungUp(time.time(), "1700000000.1"))
        assert [type(e) for e in desk.journal.rows] == [
            ev.CallArrived,
            ev.StepStarted,
            ev.CallerHungUp,
            ev.CallEnded,
            ev.CallbackImpossible,
        ]
        assert desk.board.problem == ""


async def test_it_ends_when_told_to_even_as_an_event_comes_in() -> None:
    desk = Desk()
    task = asyncio.create_task(desk.board.run())
    await asyncio.sleep(0.01)
    desk.board.tell(ev.PhoneReached(time.time(), "8001"))
    task.cancel()
    _, pending = await asyncio.wait([task], timeout=2)
    assert not pending
