"""Every channel of the hotline on a real Asterisk, several in one system. Deputies are in test_paths."""

from __future__ import annotations

import asyncio
import io
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ivr.adapters import prompts
from tests.e2e.baresip import Department, Softphone
from tests.e2e.sipp import Caller, calling
from tests.e2e.system import REPO, Hotline, Person, hotline
from tests.e2e.test_outside import city
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]

ENGLISH_HZ, DEPARTMENT_HZ = 700, 1500
DUTY = "13907330009"
BRANCH = "073128812366"

CITY = """
[number.12119]
queue = "general"
emergency = true
mark = "fire"

[language.en]
name = "English"
queue = { general = "general_en" }

[menu.main.key.9]
menu = "main"
language = "en"

[menu.main.key.0]
transfer = "110"
emergency = true
say = ["transfer_110"]

[menu.guide]
prompt = ["menu_main"]
key.2 = { queue = "enterprise", mark = "enterprise" }
wrong_key = { queue = "general" }
no_input = { queue = "general" }
"""

QUEUES = f"""
[queue.general_en]
name = "英语席"
skill = "english"

[queue.leader]
name = "领导专席"
skill = "leader"

[queue.night]
name = "夜间席"
skill = "night"
nobody_signed_in = {{ transfer = "{DUTY}" }}
"""

LINE_KEYS = """
key.2 = { queue = "enterprise", mark = "enterprise" }
key.5 = { menu = "guide" }
key.7 = { stay = true, say = ["busy_times"] }
"""

LEADER = """
menu = "main"
key = "3"
prompt = "leader_day"
queue = "leader"
full = {{ queue = "general", say = ["leader_busy"] }}

[[day]]
date = {day}
time = "00:00-24:00"
unit = "市城管局"
leader = "张明"
subject = "停车"
"""


def dialplans(root: Path) -> None:
    """The shipped files with what the tests need besides, and a folder of prompts in another language."""
    shutil.copytree(REPO / "dialplans", root / "dialplans")
    shutil.copy(REPO / "config.toml", root)
    (root / "prompts/en").mkdir(parents=True)
    for folder in ("zh", "music"):
        (root / "prompts" / folder).symlink_to(REPO / "prompts" / folder)
    (root / "prompts/en/prompts.toml").write_text('menu_main = "For companies press two, or hold."\n', "utf-8")
    prompts.save(root / "prompts/en", "menu_main", _tone(3), prompts.RECORDED)
    _change(root, "city.toml", 'no_input = { queue = "general" }', 'no_input = { queue = "general" }', CITY)
    _change(root, "queues.toml", "key.1 = { callback = true }\n", LINE_KEYS, QUEUES)
    _change(root, "queues.toml", "after_s = 20", "after_s = 2")
    branch = 'way = "branch"\nmerged_on = 2021-12-31\nqueue = "general"\nmark = "12366"'
    _change(root, "hotlines.toml", branch, branch.replace('queue = "general"', f'transfer = "{BRANCH}"'))
    _change(root, "hotlines.toml", 'menu = "main"\nmark = "12318"', 'queue = "night"\nmark = "12318"')
    (root / "dialplans/leader_days.toml").write_text(LEADER.format(day=_today()), "utf-8")


def _change(root: Path, file: str, old: str, new: str, more: str = "") -> None:
    path = root / "dialplans" / file
    text = path.read_text("utf-8")
    assert old in text, f"{file}: {old}"
    path.write_text(text.replace(old, new, 1) + more, "utf-8")


def _today() -> str:
    return f"{datetime.now(ZoneInfo('Asia/Shanghai')):%Y-%m-%d}"


def _tone(seconds: float) -> bytes:
    times = np.arange(int(seconds * prompts.RATE)) / prompts.RATE
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(prompts.RATE)
        sound.writeframes((8000 * np.sin(2 * np.pi * ENGLISH_HZ * times)).astype("<i2").tobytes())
    return file.getvalue()


@asynccontextmanager
async def city_of(folder: Path) -> AsyncIterator[tuple[Hotline, Department, Person]]:
    """The hotline with everything above, whoever answers outside, and a supervisor."""
    dialplans(folder / "root")
    async with (
        Department(folder, "110", DUTY, BRANCH, tone_hz=DEPARTMENT_HZ) as outside,
        hotline(
            folder,
            folder / "root",
            trunks=city(outside.port),
            outside={"trunk": "city", "ring_s": 4},
            desk={"rating_s": 1},
        ) as up,
        up.signed_in("banzhang") as supervisor,
    ):
        yield up, outside, supervisor


async def test_menus_languages_leader_days_and_dialled_numbers(tmp_path: Path) -> None:
    async with city_of(tmp_path) as (up, _, supervisor):
        register = tmp_path / "elderly.csv"
        register.write_text("姓名,电话\n王婆婆,0731-22880002\n", "utf-8")
        await up.take_register("elderly", register)

        async def call(ani: str, key: str = "", dnis: str = "12345", sound_hz: float = 0) -> dict[str, Any]:
            """A call up to the line, or to its end when `sound_hz` is to be heard first."""
            async with calling(up.sip_port, tmp_path, ani=ani, dnis=dnis) as citizen:
                if key:
                    await citizen.rtp.heard_for(0.5)
                    citizen.press(key)
                if sound_hz:
                    await citizen.rtp.hears(sound_hz)
                await supervisor.call_that(lambda c: c["ani"] == ani and c["queue"])
                await citizen.hang_up()
            return dict(await supervisor.call_that(lambda c: c["ani"] == ani and c["outcome"]))

        english = await call("13800138001", "9", sound_hz=ENGLISH_HZ)
        assert english["queue"] == "general_en"
        leader = await call("13800138002", "3")
        assert (leader["queue"], leader["mark"], leader["about"]) == ("leader", "leader_day", "市城管局张明：停车")
        assert "leader_day" in heard(leader)
        fire = await call("13800138003", dnis="12119")
        assert (fire["queue"], fire["mark"]) == ("general", "fire")
        assert [entry["fields"]["emergency"] for entry in fire["timeline"] if entry["kind"] == "CallQueued"] == [True]
        elderly = await call("+8673122880002")
        assert (elderly["queue"], elderly["mark"], elderly["person"]) == ("general", "elderly", "王婆婆")
        assert "menu_main" not in heard(elderly)
        merged = await call("13800138004", dnis="12348")
        listed = (await supervisor.get("/api/calls?hotline=12348"))["calls"]
        assert [(c["call_id"], c["mark"], c["hotline_name"]) for c in listed] == [
            (merged["call_id"], "12348", "公共法律服务热线")
        ]

        days = tmp_path / "root/dialplans/leader_days.toml"
        days.write_text(LEADER.format(day="2020-01-02"), "utf-8")
        async with asyncio.timeout(PATIENCE_S):
            while "plan.taken" not in up.log:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        usual = await call("13800138005", "3")
        assert (usual["queue"], usual["mark"]) == ("general", "")
        assert "leader_day" not in heard(usual)


async def test_keys_in_the_line_and_the_overflow_to_general_agents(tmp_path: Path) -> None:
    async with (
        city_of(tmp_path) as (up, _, supervisor),
        up.signed_in("8001") as enterprise,
        up.signed_in("8002") as general,
        Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001")),
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as phone,
    ):
        for agent in (enterprise, general):
            await agent.order("sign_in")

        async with calling(up.sip_port, tmp_path, ani="13800138001", dnis="12348") as citizen:
            await announced(supervisor, citizen)
            citizen.press("7")
            await supervisor.call_that(lambda c: "busy_times" in heard(c))
        async with calling(up.sip_port, tmp_path, ani="13800138002", dnis="12348") as citizen:
            await announced(supervisor, citizen)
            citizen.press("5")
            call = await supervisor.call_that(lambda c: c["stage"] == "menu")
            queued_at = call["queued_at"]
            call = await supervisor.call_that(lambda c: c["stage"] == "waiting")
            assert (call["queue"], call["queued_at"], call["mark"]) == ("general", queued_at, "12348")
            await announced(supervisor, citizen, 2)
            citizen.press("2")
            call = await supervisor.call_that(lambda c: c["queue"] == "enterprise")
            assert (call["queued_at"], call["mark"], call["hotline"]) == (queued_at, "enterprise", "12348")
            await citizen.hang_up()
            await supervisor.call_that(lambda c: c["outcome"] == "abandoned")

        async with calling(up.sip_port, tmp_path, ani="13800138003") as citizen:
            await citizen.rtp.heard_for(0.5)
            citizen.press("2")
            await supervisor.call_that(lambda c: c["ani"] == "13800138003" and c["queue"] == "enterprise")
            await general.order("ready")
            await phone.rings()
            await phone.answer()
            call = await supervisor.call_that(lambda c: c["stage"] == "talking")
            assert (call["queue"], call["mark"], call["agent_id"]) == ("enterprise", "enterprise", "8002")
            assert call["rings"][0]["offered_at"] - call["queued_at"] >= 2


async def test_numbers_outside_that_take_the_citizen_or_leave_them_with_us(tmp_path: Path) -> None:
    async with (
        city_of(tmp_path) as (up, outside, supervisor),
        up.signed_in("8002") as agent,
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as phone,
    ):
        async with calling(up.sip_port, tmp_path, ani="13800138001") as citizen:
            await citizen.rtp.heard_for(0.5)
            citizen.press("0")
            await talk_outside(outside, citizen)
            call = await supervisor.call_that(lambda c: c["outcome"])
            assert (call["outcome"], call["mark"], call["legs"][0]["number"]) == ("passed_on", "emergency", "110")
            assert "transfer_110" in heard(call)

        async with calling(up.sip_port, tmp_path, ani="13800138002", dnis="12366") as citizen:
            await talk_outside(outside, citizen)
            call = await supervisor.call_that(lambda c: c["outcome"])
            assert (call["outcome"], call["mark"], call["hotline_name"]) == ("passed_on", "12366", "纳税服务热线")

        async with calling(up.sip_port, tmp_path, ani="13800138003", dnis="12318") as citizen:
            await talk_outside(outside, citizen)
            call = await supervisor.call_that(lambda c: c["outcome"])
            assert (call["outcome"], call["queue"], call["legs"][0]["number"]) == ("passed_on", "night", DUTY)

        async with (
            calling(up.sip_port, tmp_path, ani="13800138004", dnis="12348") as early,
            calling(up.sip_port, tmp_path, ani="13800138005") as urgent,
        ):
            await urgent.rtp.heard_for(0.5)
            urgent.press("0")
            await outside.rings()
            outside.hang_up()
            call = await supervisor.call_that(lambda c: c["ani"] == "13800138005" and c["stage"] == "waiting")
            assert (call["queue"], call["legs"][0]["reason"]) == ("general", "busy")
            await agent.order("sign_in")
            await agent.order("ready")
            await phone.rings()
            await phone.answer()
            call = await supervisor.call_that(lambda c: c["ani"] == "13800138005" and c["stage"] == "talking")
            assert early.up and call["agent_id"] == "8002"


async def talk_outside(outside: Department, citizen: Caller) -> None:
    """Whoever is called answers, is heard by the citizen, and hangs up; the citizen hears goodbye."""
    await outside.rings()
    await outside.answer()
    await citizen.rtp.hears(DEPARTMENT_HZ)
    outside.hang_up()
    await citizen.ended()


async def announced(supervisor: Person, citizen: Caller, times: int = 1) -> None:
    """Wait until so many announcements, during which keys are taken, have begun, and one is under way."""

    def now(call: dict[str, Any]) -> bool:
        steps = [e for e in call["timeline"] if e["kind"] in ("StepStarted", "StepEnded")]
        begun = sum(e["fields"].get("name") == "announcement" for e in steps)
        return begun >= times and steps[-1]["fields"].get("name") == "announcement"

    await supervisor.call_that(now)
    await citizen.rtp.heard_for(0.5)


def heard(call: dict[str, Any]) -> list[str]:
    """Every prompt that was begun in a call."""
    steps = [entry["fields"] for entry in call["timeline"] if entry["kind"] == "StepStarted"]
    return [prompt for step in steps for prompt in step["prompts"]]
