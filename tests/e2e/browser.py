"""Chromium as a telephone: headless, with a WAV file for a microphone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Playwright, async_playwright, expect

from tests.e2e.system import Hotline
from tests.patience import PATIENCE_S

expect.set_options(timeout=1000 * PATIENCE_S)

_SYSTEM = [path for name in ("chromium", "google-chrome") if (path := shutil.which(name))]

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--allow-loopback-in-peer-connection"),
)


def _executable(play: Playwright) -> str:
    """The system's Chromium, or Playwright's own. Not a snap: it sees none of a test's files."""
    paths = [*(path for path in _SYSTEM if Path(path).resolve().name != "snap"), play.chromium.executable_path]
    if not Path(paths[0]).is_file():
        pytest.skip("Chromium is missing: scripts/setup test")
    return paths[0]


@asynccontextmanager
async def chromium(microphone: Path) -> AsyncIterator[Page]:
    """A page of a browser of its own, which speaks the WAV file once each time its microphone is opened."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path=_executable(play), args=[*_FLAGS, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
        )
        page = await browser.new_page(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        page.set_default_timeout(1000 * PATIENCE_S)
        try:
            yield page
        finally:
            await browser.close()


async def sign_in(page: Page, up: Hotline, user: str, path: str = "/") -> None:
    await page.goto(up.url.replace("127.0.0.1", "localhost") + path)
    await page.fill("input[data-test=user]", user)
    await page.fill("input[data-test=password]", up.passwords[user])
    await page.click("[data-test=submit-sign-in]")
    await page.wait_for_selector("[data-test=who], [data-test=citizen-phone]")
