"""A flood of calls from one number: the others are served as if it were small, and nobody is refused."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.baresip import Softphone
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.usefixtures("unpacked")]

FLOOD, OTHER = "13800138000", "13900139000"
WITHIN_LIMIT = 3
"""`live` of [number] in dialplans/limits.toml."""


async def test_one_caller_is_served_before_a_flood_that_came_earlier(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path) as up,
        up.signed_in("8002") as agent,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as phone,
        AsyncExitStack() as callers,
    ):
        await agent.order("sign_in")
        flood: list[Caller] = []
        for _ in range(20):
            flood.append(await callers.enter_async_context(Caller(up.sip_port, tmp_path, ani=FLOOD)))
            await flood[-1].answered()  # nobody is refused; and they arrive in this order
        calls = await supervisor.calls_that(lambda calls: len(calls) == 20 and _all_wait(calls))
        assert [c["slowed_by"] for c in sorted(calls, key=_arrival)] == [""] * WITHIN_LIMIT + ["number"] * 17

        other = await callers.enter_async_context(Caller(up.sip_port, tmp_path, ani=OTHER))
        await other.answered()
        calls = await supervisor.calls_that(lambda calls: len(calls) == 21 and _all_wait(calls))
        assert not next(c for c in calls if c["ani"] == OTHER)["slowed_by"]
        # Those within the limit stand before the other one; they give up.
        for caller in flood[:WITHIN_LIMIT]:
            await caller.hang_up()
        await supervisor.calls_that(lambda calls: sum(c["ended_at"] is not None for c in calls) == WITHIN_LIMIT)

        await agent.order("ready")
        await phone.rings()
        calls = await supervisor.calls_that(lambda calls: any(c["stage"] == "ringing" for c in calls))
        assert [c["ani"] for c in calls if c["stage"] == "ringing"] == [OTHER]
        await phone.answer()
        await other.rtp.heard_for(1)
        await other.hang_up()
        await phone.over()
        await supervisor.calls_that(lambda calls: any(c["ani"] == OTHER and c["outcome"] for c in calls))
        # A slowed caller is served as soon as nobody stands before them.
        await agent.order("ready")
        await phone.rings()
        calls = await supervisor.calls_that(lambda calls: any(c["stage"] == "ringing" for c in calls))
        assert [c["slowed_by"] for c in calls if c["stage"] == "ringing"] == ["number"]


def _arrival(call: Any) -> float:
    return float(call["arrived_at"])


def _all_wait(calls: list[Any]) -> bool:
    return all(c["stage"] == "waiting" for c in calls)
