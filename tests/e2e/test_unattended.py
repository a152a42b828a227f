"""The controller is killed; people call, and hang up; the next controller books every one of them, once."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e import baresip, sipp
from tests.e2e.baresip import Softphone
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("unpacked"),
    pytest.mark.skipif(not sipp.FOUND, reason="sipp is missing: sudo apt-get install -y sip-tester"),
    pytest.mark.skipif(not baresip.FOUND, reason="baresip is missing: sudo apt-get install -y baresip-core"),
]

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
            async with Caller(up.sip_port, tmp_path / "a", ani=HASTY) as hasty:
                await hasty.answered()  # the heartbeat is fresh: nobody speaks to them, and nobody knows of them
                await hasty.hang_up()
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
                        if not _:
                            await up.kill()
                async with up.signed_in("banzhang") as supervisor:
                    await talking.hang_up()
                    await supervisor.call_that(lambda c: c["outcome"] == "fell_back")
                    period = f"from={began}&to={time.time() + 60}&interval=day"
                    total = (await supervisor.get(f"/api/books?{period}"))["totals"][0]
                    assert total["offered"] == sum(total["outcomes"].values()) == 4 and not total["in_progress"]
                    assert (total["answered"], total["outcomes"]["fell_back"]) == (2, 2)
                    assert len((await supervisor.get("/api/callbacks"))["callbacks"]) == 2
        code, said = await up.cli("check")
        assert code == 0, said
        log = (up.state / "queue_log").read_text()
        assert log.count("|fallback|Agent/8002|CONNECT|") == 2 and json.dumps(TAKEN) not in log
