"""The controller's side of a call on a real Asterisk: every action, every end, a second controller that takes over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

import pytest

from ivr.adapters.agi import Channels, Outside, beat
from ivr.adapters.ami import Ami
from ivr.core.actions import Ask, CancelRing, HangUp, PlayMusic, RenewLease, RingAgent, Say
from ivr.core.errors import AmiError
from ivr.core.events import (
    AgentAnswered,
    AgentHungUp,
    CallArrived,
    CallerHungUp,
    CallFellBack,
    CallFound,
    CallsCounted,
    CitizenNotReached,
    Event,
    PhoneLost,
    PhoneReached,
    RingEnded,
    StepEnded,
)
from tests.e2e import asterisk as real
from tests.e2e.baresip import Softphone
from tests.e2e.sipp import calling
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

E = TypeVar("E", bound=Event)


class Controller:
    """A link, its channels, a heartbeat, and the events in the order they come."""

    def __init__(self, up: real.Running, outside: Outside | None = None) -> None:
        self.inbox: asyncio.Queue[Event] = asyncio.Queue()
        self.linked = asyncio.Event()
        self.ami = Ami(
            up.config.ami.host,
            up.config.ami.port,
            "controller",
            up.secrets.ami_secret("controller"),
            on_message=lambda message: self.channels.hear(message),
            on_link=lambda link: self.linked.set() if link else None,
        )
        self.channels = Channels(
            self.ami,
            prompt_path=lambda name: f"hotline/{name}",
            whose_pin=lambda register, digits: "",
            prompt_s=lambda _: 20.0,
            recordings=up.config.recordings,
            emit=self.inbox.put_nowait,
            clock=time.time,
            outside=outside,
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.ami.run()), asyncio.create_task(self._beat())]
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.linked.wait()
            await beat(self.ami)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            with suppress(AmiError):
                await beat(self.ami)
            await asyncio.sleep(1)

    async def told(self, kind: type[E], within_s: float = PATIENCE_S) -> E:
        """The next event of that kind; others before it are passed over."""
        return cast(E, await self._next(lambda event: isinstance(event, kind), kind.__name__, within_s))

    async def end_of(self, call_id: str) -> CallArrived | CitizenNotReached | CallerHungUp:
        """How an attempt to reach a citizen ends (`DialCitizen`): the first of what may end it."""
        ends = CallArrived | CitizenNotReached | CallerHungUp
        event = await self._next(lambda e: isinstance(e, ends) and e.call_id == call_id, f"the end of {call_id}")
        assert isinstance(event, ends)
        return event

    async def _next(self, fits: Callable[[Event], bool], what: str, within_s: float = PATIENCE_S) -> Event:
        passed_over: list[Event] = []
        try:
            async with asyncio.timeout(within_s):
                while True:
                    event = await self.inbox.get()
                    if fits(event):
                        return event
                    passed_over.append(event)
        except TimeoutError:
            raise AssertionError(f"{what} was not told within {within_s} s; passed over: {passed_over}") from None


@pytest.fixture
async def controller(asterisk: real.Running) -> AsyncIterator[Controller]:
    controller = Controller(asterisk)
    async with controller.at_work():
        yield controller


def phone(up: real.Running, folder: Path) -> Softphone:
    return Softphone(up.config.sip.port, folder, "8001-sip", up.secrets.phone_secret("8001"))


async def test_prompts_keys_and_the_fallback(asterisk: real.Running, controller: Controller, tmp_path: Path) -> None:
    perform, told = controller.channels.perform, controller.told
    async with calling(asterisk.config.sip.port, tmp_path, ani="13800138000") as citizen:
        call = await told(CallArrived)
        number = call.call_id
        assert (call.ani, call.dnis, call.rate) == ("13800138000", "12345", 8000)
        await perform(RenewLease(number, 60))
        await perform(PlayMusic(number))
        for n, key in enumerate("2#*"):
            await perform(Ask(number, f"{number}:{n}", ("menu_main", "goodbye"), 1))
            await asyncio.sleep(0.3)
            citizen.press(key)
            assert await told(StepEnded) == StepEnded(pytest.approx(time.time(), abs=3), number, f"{number}:{n}", key)
        await perform(Ask(number, f"{number}:7", ("goodbye",), 0.3))
        silence = await told(StepEnded)
        assert (silence.key, silence.failed) == ("", False)
        await perform(Ask(number, f"{number}:8", ("there_is_no_such_prompt",), 1))
        assert (await told(StepEnded)).failed
        await perform(Say(number, f"{number}:9", ("goodbye", "goodbye")))
        assert not (await told(StepEnded)).failed

        await perform(RenewLease(number, 1))
        assert (await told(CallFellBack)).call_id == number
        await controller.channels.survey()
        assert (await told(CallFound)).doing == "fallback"
        await perform(HangUp(number))
        await told(CallerHungUp)
        await citizen.ended()
    assert controller.channels.pending == controller.ami.pending == 0


async def test_ringing_talking_and_a_new_controller(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    perform, told = controller.channels.perform, controller.told
    async with calling(asterisk.config.sip.port, tmp_path) as citizen:
        number = (await told(CallArrived)).call_id
        await perform(RenewLease(number, 60))
        await perform(RingAgent(number, f"{number}/1", "8001", 15, 8000))
        assert (await told(RingEnded)).reason == "unreachable"
        async with phone(asterisk, tmp_path) as agent:
            assert (await told(PhoneReached)).phone == "8001"
            await perform(RenewLease(number, 60))
            await perform(RingAgent(number, f"{number}/2", "8001", 15, 8000))
            await agent.rings()
            await perform(CancelRing(number, f"{number}/2"))
            assert (await told(RingEnded)).reason == "cancelled"
            await agent.over()

            # After a ring Asterisk still shows the channel in the context `ring`; it is idle all the same.
            await controller.channels.survey()
            assert (await told(CallFound)).doing == "idle"
            await perform(RenewLease(number, 60))

            await perform(RingAgent(number, f"{number}/3", "8001", 15, 8000))
            await agent.rings()
            successor = Controller(asterisk)
            async with successor.at_work():
                await successor.channels.survey()
                assert (await successor.told(PhoneReached)).phone == "8001"
                assert (await successor.told(CallFound)).doing == "ringing"
                await agent.answer()
                assert (await told(AgentAnswered)).ring_id == f"{number}/3"
                await successor.told(AgentAnswered)
                await citizen.rtp.hears(1000)  # the answer is told a moment before the two are connected
                await successor.channels.survey()
                assert (await successor.told(CallFound)).doing == "talking"
                assert (await successor.told(CallsCounted)).call_ids == (number,)
                agent.hang_up()
                assert (await told(AgentHungUp)).ring_id == (await successor.told(AgentHungUp)).ring_id == f"{number}/3"
                await successor.channels.perform(RenewLease(number, 60))
                await successor.channels.perform(Say(number, f"{number}:5", ("goodbye",)))
                assert (await successor.told(StepEnded)).step == f"{number}:5"
        assert (await told(PhoneLost)).phone == "8001"
        await citizen.hang_up()
        await told(CallerHungUp)
    assert controller.channels.pending == controller.ami.pending == 0
