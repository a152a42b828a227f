"""Other ways a call can go: deputies, silence, an agent who does not answer, hang-ups on the way, Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.baresip import Softphone
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]


async def test_deputies_are_known_by_their_number_and_by_the_number_they_dial(tmp_path: Path) -> None:
    register = tmp_path / "deputies.csv"
    register.write_text("姓名,层级,电话,密码\n张三,市级,139 0733 0001,246810\n", "gbk")
    async with hotline(tmp_path) as up, up.signed_in("banzhang") as supervisor:
        await up.take_register("deputies", register)
        async with (
            Caller(up.sip_port, tmp_path, ani="+8613907330001") as listed,
            Caller(up.sip_port, tmp_path, ani="13800138000", dnis="12346") as dialled,
            Caller(up.sip_port, tmp_path, ani="anonymous") as silent,
        ):
            for caller in (listed, dialled, silent):
                await caller.answered()
            calls = await supervisor.calls_that(lambda calls: len(calls) == 3)
            typing = next(c["call_id"] for c in calls if c["dnis"] == "12346")
            await supervisor.call_that(lambda c: _begun(c, "pin:"), call_id=typing)
            await dialled.rtp.heard_for(0.5)
            dialled.press("246810#")
            await supervisor.calls_that(lambda calls: all(c["queue"] for c in calls))
            for caller in (listed, dialled, silent):
                await caller.hang_up()
            calls = await supervisor.calls_that(lambda calls: all(c["outcome"] for c in calls))
            _, token = await up.cli("token", "--role", "supervisor")
            bearer = {"Authorization": f"Bearer {token.strip()}"}
            async with aiohttp.ClientSession(headers=bearer) as program, program.get(f"{up.url}/api/calls") as answer:
                assert (await answer.json())["calls"] == calls
            routes = sorted((c["dnis"], c["ani"], c["queue"], c["mark"], c["person"], c["outcome"]) for c in calls)
            assert routes == [
                ("12345", "", "general", "", "", "abandoned"),
                ("12345", "+8613907330001", "deputies", "deputy", "张三", "abandoned"),
                ("12346", "13800138000", "deputies", "deputy", "张三", "abandoned"),
            ]
            assert "246810" not in up.log
            story = await supervisor.get(f"/api/calls/{typing}")
            typed = next(entry["fields"] for entry in story["timeline"] if entry["kind"] == "StepEnded")
            assert (typed["key"], typed["typed"]) == ("", 6) and "246810" not in str(story)


async def test_an_agent_who_does_not_answer_is_set_aside_and_the_caller_is_served_next(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path, desk={"ring_s": 3}) as up,
        up.signed_in("8001") as first,
        up.signed_in("8002") as second,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001")) as deaf,
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as willing,
        Caller(up.sip_port, tmp_path, ani="13800138000") as citizen,
        Caller(up.sip_port, tmp_path, ani="13800138009") as later,
    ):
        for agent in (first, second):
            await agent.order("sign_in")
        await first.order("ready")
        await citizen.answered()
        citizen.press("9")
        await deaf.rings()
        await later.answered()
        later.press("9")
        await supervisor.call_that(lambda c: c["stage"] == "waiting")
        served = next(c["call_id"] for c in await supervisor.calls_that(bool) if c["ani"] == "13800138000")
        await deaf.over()
        await supervisor.call_that(lambda c: c["rings"][0]["ended_at"], call_id=served)
        await second.order("ready")
        await willing.rings()
        await willing.answer()
        call = await supervisor.call_that(lambda c: c["stage"] == "talking", call_id=served)
        assert [(r["agent_id"], r["reason"]) for r in call["rings"]] == [("8001", "no_answer"), ("8002", "")]
        snapshot = await first.agents()
        assert (snapshot["8001"]["status"], snapshot["8001"]["reason"]) == ("away", "no_answer")
        willing.hang_up()
        await citizen.rtp.heard_for(1)
        await citizen.hang_up()
        await later.hang_up()
        await supervisor.call_that(lambda c: len(c["recordings"]) == 2, call_id=served)
        files = sorted(p.name for p in (up.state / "recordings").rglob("*.wav*"))
        assert len(files) == 2, f"a ring that nobody answered leaves no file: {files}"


async def test_a_hang_up_at_any_moment_has_one_outcome(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path) as up,
        up.signed_in("8001") as agent,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001")) as phone,
    ):
        await agent.order("sign_in")
        async with Caller(up.sip_port, tmp_path, ani="13800138001", hasty=True) as citizen:
            await citizen.over()
            call = await supervisor.call_that(lambda c: c["outcome"] == "left_in_menu")
            assert (call["ani"], call["dnis"]) == ("13800138001", "12345")
            (task,) = (await supervisor.get("/api/callbacks"))["callbacks"]
            assert task["number"] == "13800138001", "who calls for a moment only has called"
        async with Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
            await citizen.answered()
            await citizen.rtp.heard_for(0.5)
            await citizen.hang_up()
            await supervisor.call_that(lambda c: c["outcome"] == "left_in_menu")
        async with Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
            await citizen.answered()
            citizen.press("2")
            await supervisor.call_that(lambda c: c["stage"] == "waiting")
            await citizen.hang_up()
            await supervisor.call_that(lambda c: c["outcome"] == "abandoned")
        await agent.order("ready")
        async with Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
            await citizen.answered()
            citizen.press("2")
            await phone.rings()
            await citizen.hang_up()
            await supervisor.call_that(lambda c: c["outcome"] == "abandoned" and c["rings"])
            await phone.over()
        assert (await agent.agents())["8001"]["status"] == "ready"
        async with Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
            await citizen.answered()
            citizen.press("2")
            await phone.rings()
            await phone.answer()
            await citizen.rtp.heard_for(1)
            await citizen.hang_up()
            call = await supervisor.call_that(lambda c: c["outcome"] == "answered" and len(c["recordings"]) == 2)
            assert call["rings"][0]["reason"] == "caller_hung_up" and call["rating"] is None
        assert (await agent.agents())["8001"]["status"] == "wrap_up"


async def test_ctrl_c_ends_the_calls_in_order(tmp_path: Path) -> None:
    async with hotline(tmp_path) as up, Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
        await citizen.answered()
        citizen.press("2")
        await citizen.rtp.heard_for(1)
        assert await up.stop() == 0, up.log
        await citizen.ended()
        await up.start()
        async with up.signed_in("banzhang") as supervisor:
            calls = (await supervisor.get("/api/calls"))["calls"]
            assert [c["outcome"] for c in calls] == ["shut_down"]


def _begun(call: Any, step: str) -> bool:
    steps = [entry["fields"]["name"] for entry in call["timeline"] if entry["kind"] == "StepStarted"]
    return any(name.startswith(step) for name in steps)
