"""The city edits its menu while calls are up."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.sipp import Caller
from tests.e2e.system import Person, hotline, own_root
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]


async def _plan_is(person: Person, ok: bool, saying: str = "") -> str:
    """Wait until the new plan was taken, or refused with these words; what is said of it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            checks: list[Any] = (await person.get("/health/ready"))["checks"]
            plan = next(check for check in checks if check["name"] == "plan")
            if plan["ok"] is ok and saying in plan["sentence"]:
                return str(plan["sentence"])
            await asyncio.sleep(0.2)


async def test_a_new_menu_is_for_new_callers_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    root = own_root(tmp_path / "root")
    city = root / "dialplans/city.toml"
    good = city.read_text("utf-8")
    async with (
        hotline(tmp_path, root) as up,
        up.signed_in("banzhang") as supervisor,
        Caller(up.sip_port, tmp_path, ani="13800138001") as early,
    ):
        await early.answered()
        await early.rtp.heard_for(0.5)
        city.write_text(good.replace("key.2", "key.22"), "utf-8")
        assert "menu.main.key.22" in await _plan_is(supervisor, ok=False)
        city.unlink()
        city.mkdir()
        await _plan_is(supervisor, ok=False, saying="not readable: Is a directory")
        city.rmdir()
        city.write_text(good.replace("key.2 =", "key.5 ="), "utf-8")
        await _plan_is(supervisor, ok=True)
        early.press("2")
        async with Caller(up.sip_port, tmp_path, ani="13800138002") as late:
            await late.answered()
            await late.rtp.heard_for(0.5)
            late.press("5")
            await supervisor.call_that(lambda c: c["ani"] == "13800138002" and c["queue"] == "enterprise")
            calls = await supervisor.calls_that(lambda calls: all(c["queue"] for c in calls))
            assert {c["ani"]: c["keys"] for c in calls} == {"13800138001": "2", "13800138002": "5"}
            assert {c["queue"] for c in calls} == {"enterprise"}

        # SIGHUP reads the files whether they have changed or not, and is as careful with them.
        assert up.process
        taken = up.log.count("plan.taken")
        up.process.send_signal(signal.SIGHUP)
        await up.logged("plan.taken", taken + 1)
        before = city.stat()
        city.write_text(good.replace("key.2", "key.33"), "utf-8")
        os.utime(city, ns=(before.st_atime_ns, before.st_mtime_ns))  # a change that the clock does not show
        up.process.send_signal(signal.SIGHUP)
        assert "menu.main.key.33" in await _plan_is(supervisor, ok=False)
        async with Caller(up.sip_port, tmp_path, ani="13800138003") as caller:
            await caller.answered()
            await caller.rtp.heard_for(0.5)
            caller.press("5")
            await supervisor.call_that(lambda c: c["ani"] == "13800138003" and c["queue"] == "enterprise")
