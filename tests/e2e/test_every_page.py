"""Every page in both languages: nothing that keeps people out (WCAG 2.1 A and AA), nothing wider than the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.browser import chromium, sign_in
from tests.e2e.citizens import gives_up_in_the_line
from tests.e2e.sipp import Caller
from tests.e2e.system import REPO, Hotline, Person, hotline

AXE = REPO / "agent_console/node_modules/axe-core/axe.min.js"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("unpacked"),
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core is missing: cd agent_console && npm ci"),
]

_VIOLATIONS = """
async () => {
  const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
  return found.violations
    .filter((rule) => rule.impact === "serious" || rule.impact === "critical")
    .map((rule) => [rule.id, rule.nodes.map((node) => node.html.slice(0, 200) + " " + node.failureSummary)]);
}
"""


async def faults(page: Page) -> list[Any]:
    """What axe-core calls serious or critical, and whether the page is wider than the screen."""
    await page.wait_for_selector(".el-loading-mask", state="hidden")
    found: list[Any] = await page.evaluate(_VIOLATIONS)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, *([f"{wide} pixels too wide"] if wide > 0 else [])]


async def in_both_languages(page: Page, name: str, wrong: dict[str, list[Any]]) -> None:
    """Add to `wrong` what is wrong with the page that is open."""
    for _ in range(2):
        language = await page.evaluate("document.documentElement.lang")
        if found := await faults(page):
            wrong[f"{name} {language}"] = found
        await page.click("[data-test=language]")
        await page.wait_for_function("(before) => document.documentElement.lang !== before", arg=language)


async def something_to_show(up: Hotline, supervisor: Person, folder: Path) -> str:
    """A call that nobody took, its callback, a mark and a proposal. Returns the call."""
    call = await gives_up_in_the_line(up, supervisor, folder, "13800138000")
    path, body = f"/api/calls/{call['call_id']}/proposal", {"reason": "反复辱骂"}
    async with supervisor.web.post(path, json=body) as answer:
        assert answer.status == 200
    async with supervisor.web.post(
        "/api/marks", json={"number": "13711112222", "reason": "播放音乐", "days": 7}
    ) as set_:
        assert set_.status == 200
    return str(call["call_id"])


async def test_nothing_keeps_anybody_out(tmp_path: Path) -> None:
    wrong: dict[str, list[Any]] = {}
    async with hotline(tmp_path) as up, up.signed_in("banzhang") as supervisor:
        call_id = await something_to_show(up, supervisor, tmp_path)
        async with chromium(tmp_path / "silence.wav") as page:
            await page.add_init_script(path=AXE)
            await page.set_viewport_size({"width": 1024, "height": 768})
            await page.goto(up.url.replace("127.0.0.1", "localhost"))
            await page.wait_for_selector("[data-test=submit-sign-in]")
            await in_both_languages(page, "sign-in", wrong)
            await sign_in(page, up, "banzhang")
            for name in ("desk", "calls", "callbacks", "books", "marks"):
                await page.click(f"[data-test=nav-{name}]")
                await page.wait_for_url(f"**/{name}")
                await page.wait_for_selector("main .panel")
                await in_both_languages(page, name, wrong)
            await page.click("[data-test=nav-calls]")
            await page.click(f"a[href*='{call_id}']")
            await page.wait_for_selector("[data-test=timeline]")
            await in_both_languages(page, "call", wrong)
        async with chromium(tmp_path / "silence.wav") as page:
            await page.add_init_script(path=AXE)
            await page.set_viewport_size({"width": 1024, "height": 768})
            await sign_in(page, up, "8001")
            await page.wait_for_selector("[data-test=phone-link][data-link=ready]")
            await in_both_languages(page, "agent's desk", wrong)
            await page.click("[data-test=sign-in]")
            await page.click("[data-test=ready]")
            async with Caller(up.sip_port, tmp_path, ani="13907331234") as citizen:
                await citizen.answered()
                citizen.press("2")
                await page.wait_for_selector("[data-test=answer]")
                await page.keyboard.press("Alt+j")
                await page.wait_for_selector("[data-test=phone-call][data-phase=talking]")
                await page.wait_for_selector("[data-test=transfer]")
                await in_both_languages(page, "agent who talks", wrong)
                await page.keyboard.press("Alt+t")
                assert await page.evaluate("!!document.activeElement.closest('[data-test=transfer]')")
                await page.keyboard.press("Alt+x")
                await page.wait_for_selector("[data-test=phone-call][data-phase=none]")
        async with chromium(tmp_path / "silence.wav") as page:
            await page.add_init_script(path=AXE)
            await page.set_viewport_size({"width": 390, "height": 844})
            await sign_in(page, up, "banzhang", "/phone")
            await page.wait_for_selector("[data-test=citizen-phone][data-link=ready]")
            await in_both_languages(page, "phone", wrong)
    assert not wrong, "\n".join(f"{name}: {rule}" for name, found in wrong.items() for rule in found)


async def test_a_page_opens_for_the_first_time_while_the_server_is_away(tmp_path: Path) -> None:
    async with hotline(tmp_path) as up, chromium(tmp_path / "silence.wav") as page:
        await sign_in(page, up, "banzhang")
        await page.wait_for_selector("main .panel")
        await up.kill()
        for name in ("calls", "callbacks", "books", "marks"):
            await page.click(f"[data-test=nav-{name}]")
            await page.wait_for_url(f"**/{name}")
            await page.wait_for_selector("main .panel")
