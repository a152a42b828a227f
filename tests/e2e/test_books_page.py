"""The page 报表: a call that came in stands in the books, and in the table for Excel."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.browser import chromium, sign_in
from tests.e2e.citizens import gives_up_in_the_line
from tests.e2e.system import hotline
from tests.e2e.test_browser import photograph

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]


async def test_a_supervisor_reads_the_books_and_downloads_them(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path) as up,
        up.signed_in("banzhang") as supervisor,
        chromium(tmp_path / "silence.wav") as page,
    ):
        await gives_up_in_the_line(up, supervisor, tmp_path, "13800138000")
        await sign_in(page, up, "banzhang")
        await page.click("[data-test=nav-books]")
        total = page.locator("[data-test=books] tr.el-table__row").first
        await total.wait_for()
        await page.wait_for_selector(".el-loading-mask", state="hidden")
        await photograph(page, "books")
        cells = await total.locator("td").all_inner_texts()
        assert cells[1] == "全部来电" and cells[2:6] == ["1", "1", "0", "1"]
        async with page.expect_download() as downloading:
            await page.click("[data-test=books-csv]")
        await (await downloading.value).save_as(tmp_path / "books.csv")
    assert "综合席" in (tmp_path / "books.csv").read_text("utf-8")
