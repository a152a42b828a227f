"""The page 来电标记: a supervisor takes an agent's proposal, sets the mark, and lifts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.browser import chromium, sign_in
from tests.e2e.citizens import gives_up_in_the_line
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline
from tests.e2e.test_browser import photograph

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]


async def test_a_supervisor_sets_and_lifts_a_mark(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path) as up,
        up.signed_in("banzhang") as supervisor,
        chromium(tmp_path / "silence.wav") as page,
    ):
        call = await gives_up_in_the_line(up, supervisor, tmp_path, "13800138000")
        body = {"reason": "反复辱骂"}
        async with supervisor.web.post(f"/api/calls/{call['call_id']}/proposal", json=body) as answer:
            assert answer.status == 200
        await sign_in(page, up, "banzhang")
        await page.click("[data-test=nav-marks]")
        await page.click("[data-test=proposal-take]")
        await page.click("[data-test=mark-set]")
        await page.wait_for_selector("[data-test=mark-lift]")
        await photograph(page, "marks")
        async with Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
            await citizen.answered()
            await citizen.pass_the_menu()
            await supervisor.call_that(lambda c: c["slowed_by"] == "mark" and c["stage"] == "waiting")
            await citizen.hang_up()
        await page.click("[data-test=mark-lift]")
        await page.fill(".el-message-box input", "已道歉")
        await page.click(".el-message-box .el-button--primary")
        await page.wait_for_selector("[data-test=mark-lift]", state="detached")
        assert (await supervisor.get("/api/marks"))["marks"] == []
