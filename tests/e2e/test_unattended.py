"""The controller is killed; people call, and hang up; the next controller books every one of them, once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.baresip import Softphone
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]


RINGING, TALKED = "13800138005", "13800138006"


async def test_what_the_telephones_did_without_a_controller_is_booked_as_it_was(tmp_path: Path) -> None:
    """A ring that was answered, and a talk: both are over when the next controller comes."""
    async with (
        hotline(tmp_path) as up,
        Softphone(up.sip_port, tmp_path / "1", "8001-sip", up.phone_password("8001")) as first,
        Softphone(up.sip_port, tmp_path / "2", "8002-sip", up.phone_password("8002")) as second,
    ):
        await up.ready("8001")
        async with (
            Caller(up.sip_port, tmp_path / "a", ani=TALKED) as talked,
            Caller(up.sip_port, tmp_path / "b", ani=RINGING) as ringing,
        ):
            await talked.answered()
            await talked.pass_the_menu()
            await first.rings()
            await first.answer()
            await up.ready("8002")
            await ringing.answered()
            await ringing.pass_the_menu()
            await second.rings()
            await up.kill()
            await second.answer()
            await ringing.rtp.heard_for(3)
            first.hang_up()  # their citizen waits for a question about the talk, and gives up
            await first.over()
            ended = time.time()
            await up.told("AgentHungUp")
            await talked.hang_up()
            await ringing.hang_up()
            await second.over()
        await asyncio.sleep(5)  # what was long ago when the next controller comes, was not now
        await up.start()
        async with up.signed_in("banzhang") as supervisor:
            done = await supervisor.calls_that(lambda calls: all(c["outcome"] for c in calls))
            calls = {c["ani"]: await supervisor.get(f"/api/calls/{c['call_id']}") for c in done}
            assert {ani: (c["outcome"], c["agent_id"]) for ani, c in calls.items()} == {
                TALKED: ("answered", "8001"),
                RINGING: ("answered", "8002"),
            }
            for call in calls.values():
                assert abs(call["ended_at"] - ended) < 2 and 3 <= call["talk_s"] < 8, call
                (ring,) = call["rings"]
                assert abs(ring["ended_at"] - ended) < 2
            assert calls[TALKED]["rings"][0]["reason"] == "agent_hung_up"
            assert (await supervisor.get("/api/callbacks"))["callbacks"] == []
            for call in calls.values():
                await supervisor.call_that(lambda c: len(c["recordings"]) == 2, call_id=call["call_id"])
        code, said = await up.cli("check")
        assert code == 0, said


async def test_what_ended_with_a_power_cut_ended_then(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path) as up,
        Softphone(up.sip_port, tmp_path / "1", "8001-sip", up.phone_password("8001")) as phone,
    ):
        await up.ready("8001")
        async with (
            Caller(up.sip_port, tmp_path / "a", ani=TALKED) as talked,
            Caller(up.sip_port, tmp_path / "b", ani=RINGING) as waiting,
        ):
            await talked.answered()
            await talked.pass_the_menu()
            await phone.rings()
            await phone.answer()
            await waiting.answered()
            await waiting.pass_the_menu()
            await waiting.rtp.heard_for(4)
            await up.kill()
            os.kill(json.loads((up.state / "run-asterisk/started.json").read_text())["pid"], signal.SIGKILL)
            ended = time.time()
            await asyncio.sleep(5)
            await up.start()
        async with up.signed_in("banzhang") as supervisor:
            done = await supervisor.calls_that(lambda calls: all(c["outcome"] for c in calls))
            calls = {c["ani"]: c for c in done}
            assert {ani: c["outcome"] for ani, c in calls.items()} == {TALKED: "answered", RINGING: "abandoned"}
            for call in calls.values():
                assert abs(call["ended_at"] - ended) < 2.5, call
            await supervisor.call_that(lambda c: len(c["recordings"]) == 2, call_id=calls[TALKED]["call_id"])
            (task,) = (await supervisor.get("/api/callbacks"))["callbacks"]
            assert task["number"] == RINGING
        code, said = await up.cli("check")
        assert code == 0, said


HASTY, TAKEN, GAVE_UP, TALKING = "13800138001", "13800138002", "13800138003", "13800138004"


async def test_calls_without_a_controller_are_in_the_books_and_who_reached_nobody_is_called_back(
    tmp_path: Path,
) -> None:
    async with hotline(tmp_path) as up:
        began = time.time() - 5
        async with Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as phone:
            async with up.signed_in("8002") as agent:
                await agent.order("sign_in")  # the journal knows something
            await up.kill()
            async with Caller(up.sip_port, tmp_path / "a", ani=HASTY, hasty=True) as hasty:
                await hasty.over()  # the heartbeat is fresh: nobody speaks to them, and nobody knows of them
            async with Caller(up.sip_port, tmp_path / "b", ani=TAKEN) as taken:
                await phone.rings()
                await phone.answer()
                await taken.rtp.heard_for(2)
                await taken.hang_up()
                await phone.over()
            async with Caller(up.sip_port, tmp_path / "c", ani=GAVE_UP) as gave_up:
                await phone.rings()
                await gave_up.hang_up()
                await phone.over()
            async with Caller(up.sip_port, tmp_path / "d", ani=TALKING) as talking:
                await phone.rings()
                await phone.answer()
                await talking.rtp.heard_for(1)
                for _ in range(2):  # the second one books nothing twice
                    await up.start()
                    async with up.signed_in("banzhang") as supervisor:
                        await supervisor.call_that(lambda c: c["ani"] == TALKING and c["stage"] == "fallback")
                        calls = {c["ani"]: c for c in (await supervisor.get("/api/calls"))["calls"]}
                        assert len((await supervisor.get("/api/calls"))["calls"]) == len(calls) == 4
                        outcomes = {ani: calls[ani]["outcome"] for ani in calls}
                        assert outcomes == {
                            HASTY: "left_in_menu",
                            TAKEN: "fell_back",
                            GAVE_UP: "abandoned",
                            TALKING: None,
                        }
                        assert {call["dnis"] for call in calls.values()} == {"12345"}
                        assert (calls[TAKEN]["agent_id"], calls[TALKING]["agent_id"]) == ("8002", "8002")
                        assert 1 <= calls[TAKEN]["talk_s"] <= 6 and calls[GAVE_UP]["wait_s"] >= 1
                        tasks = (await supervisor.get("/api/callbacks"))["callbacks"]
                        assert sorted(task["number"] for task in tasks) == [HASTY, GAVE_UP]
                        await supervisor.call_that(lambda c: len(c["recordings"]) == 2, call_id=calls[TAKEN]["call_id"])
                        async with up.signed_in("8002") as agent:
                            assert (await agent.order("ready"))["status"] == "talking"
                        if not _:
                            await up.kill()
                async with up.signed_in("banzhang") as supervisor:
                    await talking.hang_up()
                    ended = await supervisor.call_that(lambda c: c["outcome"] and len(c["recordings"]) == 2)
                    assert ended["outcome"] == "fell_back"
                    async with up.signed_in("8002") as agent:
                        assert (await agent.get("/api/calls"))["calls"][0]["call_id"] == ended["call_id"]
                        assert (await agent.order("ready"))["status"] == "ready"
                    period = f"from={began}&to={time.time() + 60}&interval=day"
                    total = (await supervisor.get(f"/api/books?{period}"))["totals"][0]
                    assert total["offered"] == sum(total["outcomes"].values()) == 4 and not total["in_progress"]
                    assert (total["answered"], total["outcomes"]["fell_back"]) == (2, 2)
                    assert len((await supervisor.get("/api/callbacks"))["callbacks"]) == 2
        code, said = await up.cli("check")
        assert code == 0, said
        log = (up.state / "queue_log").read_text()
        assert log.count("|fallback|Agent/8002|CONNECT|") == 2 and json.dumps(TAKEN) not in log
