"""The page 待办回拨: a supervisor closes one task with a reason and has one called that was handed to a person."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.baresip import Department, Softphone
from tests.e2e.browser import chromium, sign_in
from tests.e2e.citizens import asks_to_be_called_back, gives_up_in_the_line
from tests.e2e.system import hotline
from tests.e2e.test_browser import photograph
from tests.e2e.test_outside import city

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]

ASKED, GAVE_UP = "13800138000", "13900139000"


async def _rows(page: Page, count: int) -> None:
    await expect(page.locator("[data-test=callbacks] tr.el-table__row")).to_have_count(count)


async def _show(page: Page, state: str) -> None:
    """Choose tasks of one state by its Chinese name."""
    await page.click("[data-test=callback-state]")
    await page.get_by_role("option", name=state, exact=True).click()


async def test_a_supervisor_closes_one_task_and_has_another_called(tmp_path: Path) -> None:
    async with Department(tmp_path, ASKED) as mobile:
        settings = {"outside": {"trunk": "city"}, "callback": {"opens": "00:00", "closes": "23:59", "tries": 1}}
        async with (
            hotline(tmp_path, trunks=city(mobile.port), **settings) as up,
            up.signed_in("banzhang") as supervisor,
            up.signed_in("8001") as agent,
            Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001")) as phone,
            chromium(tmp_path / "silence.wav") as page,
        ):
            await asks_to_be_called_back(up, supervisor, tmp_path, ASKED)
            await gives_up_in_the_line(up, supervisor, tmp_path, GAVE_UP)
            await sign_in(page, up, "banzhang")
            await page.click("[data-test=nav-callbacks]")
            await _rows(page, 2)
            await photograph(page, "callbacks-open")

            gave_up = page.locator("tr", has_text="139 0013 9000")
            await gave_up.locator("[data-test=close-callback]").click()
            await page.fill(".el-message-box input", "已由社区处理")
            await photograph(page, "callbacks-close")
            await page.click(".el-message-box .el-button--primary")
            await _rows(page, 1)

            await agent.order("sign_in")
            await agent.order("ready")
            await mobile.rings()
            mobile.hang_up()
            await page.wait_for_selector("[data-test=callback-is][data-state=handed_to_person]")
            await photograph(page, "callbacks-handed")
            await page.click("[data-test=call-back]")
            await mobile.rings()
            await page.wait_for_selector("[data-test=callback-is][data-state=calling]")
            await mobile.answer()
            await phone.rings()
            await phone.answer()
            await _rows(page, 0)

            await _show(page, "已接通")
            await _rows(page, 1)
            await page.click(".el-table__expand-icon")
            await page.wait_for_selector("[data-test=callback-history] [data-what=reached]")
            await photograph(page, "callbacks-done")
            await page.click("[data-test=callback-history] [data-what=tried] >> nth=-1 >> a")
            await page.wait_for_selector("[data-test=timeline] [data-kind=CallbackReached]")
            assert "{" not in await page.inner_text("[data-test=timeline]"), "an event without a sentence"
            await photograph(page, "callbacks-call")
            phone.hang_up()
            mobile.hang_up()

            await page.click("[data-test=nav-callbacks]")
            await _show(page, "已办结")
            await _rows(page, 1)
            assert "139 0013 9000" in await page.inner_text("[data-test=callbacks]")
