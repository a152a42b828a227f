"""The rules of the line on a real Asterisk, and their reasons on a supervisor's screen.

The agent who knows the caller, an overload that is noticed while the caller waits, and a caller who is moved up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.baresip import Softphone
from tests.e2e.browser import chromium, sign_in
from tests.e2e.sipp import Caller, calling
from tests.e2e.system import Person, hotline, own_root
from tests.e2e.test_browser import photograph

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]

KNOWN, COMPANY, EARLY, LATE = "13800138000", "13800138001", "13800138002", "13800138003"
OVERLOADED_S = 6

OVERLOAD = f"""
[queue.enterprise.overload]
when_wait_s = {OVERLOADED_S}
queue = "general"
say = ["busy_times"]
"""


def dialplans(root: Path) -> None:
    """The shipped files; the enterprise desk has no step of its own to other agents, but a rule for overload."""
    queues = own_root(root) / "dialplans/queues.toml"
    text = queues.read_text("utf-8")
    step = text[text.index("[[queue.enterprise.step]]") : text.index("[queue.deputies]")]
    queues.write_text(text.replace(step, "") + OVERLOAD, "utf-8")


async def test_the_known_agent_an_overload_while_waiting_and_a_caller_moved_up(tmp_path: Path) -> None:
    dialplans(tmp_path / "root")
    async with (
        hotline(tmp_path, tmp_path / "root", desk={"rating_s": 1}) as up,
        up.signed_in("8001") as tan,
        up.signed_in("8002") as li,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001")),
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as phone_of_li,
        chromium(tmp_path / "silence.wav") as page,
    ):
        await sign_in(page, up, "banzhang")
        for agent in (tan, li):
            await agent.order("sign_in")

        # Li talks with a citizen. When they call again, Tan has been idle for longer, and Li gets the call.
        await li.order("ready")
        async with calling(up.sip_port, tmp_path, ani=KNOWN) as citizen:
            await into_the_line(citizen, supervisor, "9", KNOWN)
            await talk(phone_of_li, citizen, supervisor)
        await tan.order("ready")
        await li.order("ready")
        async with calling(up.sip_port, tmp_path, ani=KNOWN) as citizen:
            await into_the_line(citizen, supervisor, "9", KNOWN)
            await talk(phone_of_li, citizen, supervisor)
        call = await supervisor.call_that(lambda c: c["ani"] == KNOWN and c["outcome"] == "answered")
        (ring,) = call["rings"]
        assert ring["agent_id"] == "8002"
        assert any(why.startswith("knows the caller, idle") for why in ring["why"]), ring["why"]
        assert "passed over 1 agents: do not know the caller (8001)" in ring["why"]
        await page.goto(page.url.split("/desk")[0] + f"/calls/{call['call_id']}")
        await expect(page.locator("[data-test=rings]")).to_contain_text("接待过该市民")
        await expect(page.locator("[data-test=rings]")).to_contain_text("没有接待过该市民 (8001)")
        await photograph(page, "routing-known")

        # Who waits for the enterprise desk goes over to the general one, when they have waited for so long.
        await tan.order("break")
        async with calling(up.sip_port, tmp_path, ani=COMPANY) as citizen:
            await into_the_line(citizen, supervisor, "2", COMPANY)
            await li.order("ready")
            await phone_of_li.rings()
            await phone_of_li.answer()
            call = await supervisor.call_that(lambda c: c["stage"] == "talking")
            await citizen.hang_up()
        lines = [(e["fields"]["queue"], e["at"]) for e in call["timeline"] if e["kind"] == "CallQueued"]
        assert [queue for queue, _ in lines] == ["enterprise", "general"]
        assert lines[1][1] - lines[0][1] >= OVERLOADED_S, "not at the door, but when the time has come"
        assert (call["mark"], call["queued_at"]) == ("enterprise", lines[0][1])
        (met,) = [e["fields"] for e in call["timeline"] if e["kind"] == "OverloadMet"]
        assert met["why"] == f"enterprise overloaded: waited {OVERLOADED_S} s"
        assert "busy_times" in [p for e in call["timeline"] for p in e["fields"].get("prompts", ())]

        # A supervisor moves the later of two callers up; nobody is ready before that.
        async with calling(up.sip_port, tmp_path, ani=EARLY) as early:
            await into_the_line(early, supervisor, "9", EARLY)
            async with calling(up.sip_port, tmp_path, ani=LATE) as late:
                await into_the_line(late, supervisor, "9", LATE)
                await page.click("[data-test=nav-desk]")
                await photograph(page, "routing-waiting")
                await page.click(f"[data-test=live-calls] tr:has-text('{grouped(LATE)}') a")
                await move_up(page, "独居老人突发疾病")
                await li.order("ready")
                await phone_of_li.rings()
                await phone_of_li.answer()
                await expect(page.locator("[data-test=rings]")).to_contain_text("排队第 1 位，由班长提前")
                await photograph(page, "routing-moved-up")
                call = await supervisor.call_that(lambda c: c["stage"] == "talking")
                assert early.up and call["rings"][0]["why"][0].startswith("place 1 in the line, moved up, waited")
                await late.hang_up()
                await phone_of_li.over()
                await supervisor.call_that(lambda c: c["outcome"])
            await li.order("ready")
            await phone_of_li.rings()
            await phone_of_li.answer()
            await early.hang_up()
        assert "{" not in await page.inner_text("[data-test=timeline]"), "an event without a sentence"


async def into_the_line(citizen: Caller, supervisor: Person, key: str, ani: str) -> Any:
    """Press a key in the menu: 2 leads to the enterprise desk, a wrong one to the general desk."""
    await citizen.rtp.heard_for(0.5)
    citizen.press(key)
    return await supervisor.call_that(lambda c: c["ani"] == ani and c["queue"])


async def talk(phone: Softphone, citizen: Caller, supervisor: Person) -> None:
    await phone.rings()
    await phone.answer()
    await citizen.rtp.heard_for(0.5)
    await citizen.hang_up()
    await phone.over()
    await supervisor.call_that(lambda c: c["outcome"])


async def move_up(page: Page, reason: str) -> None:
    """By the button on the page of the call; a reason is asked for."""
    await page.click("[data-test=move-up]")
    await page.click(".el-message-box .el-button--primary")
    await expect(page.locator(".el-message-box__errormsg")).to_contain_text("两个字")
    await page.fill(".el-message-box input", reason)
    await photograph(page, "routing-move-up")
    await page.click(".el-message-box .el-button--primary")
    entry = page.locator("[data-test=timeline] [data-kind=CallMovedUp]")
    await expect(entry).to_contain_text(f"banzhang 将其提前，理由：{reason}")
    await expect(page.locator("[data-test=move-up]")).to_have_count(0)


def grouped(number: str) -> str:
    return f"{number[:3]} {number[3:7]} {number[7:]}"
