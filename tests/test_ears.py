"""Listening to a caller holds nobody up."""

from __future__ import annotations

import asyncio
import time

import pytest

from ivr.adapters.speech import LiveListener, Way
from ivr.config import Config, Speech
from ivr.core.actions import Listen
from ivr.ears import Ears


async def test_a_tap_that_does_not_come_does_not_hold_the_call_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def never(call_id: str, uuid: str, port: int) -> None:
        asked.append(call_id)
        await asyncio.Event().wait()

    monkeypatch.setattr(LiveListener, "listen", lambda self, call_id: Way("a uuid", 1))
    ears = Ears(Config(speech=Speech(live_at_most=1)), never, lambda ears: None, lambda event: None, time.time)
    async with asyncio.timeout(1):
        await ears.perform(Listen("1.1"))
    await asyncio.sleep(0)
    assert asked == ["1.1"]
