"""The controller is killed: nobody's call ends, nobody hears long silence, and the books balance afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.e2e.baresip import Softphone
from tests.e2e.rtp import RATE, Sound
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.usefixtures("unpacked")]

AGENT_HZ = 1000


def longest_silence_s(sound: Sound, since: int = 0) -> float:
    """Longest stretch below −50 dBFS, in seconds."""
    frame = RATE // 50
    frames = sound[since : len(sound) // frame * frame].astype(float)
    frames = frames[: len(frames) // frame * frame].reshape(-1, frame)
    quiet = np.sqrt(np.mean(frames**2, axis=1)) < 100
    longest = run = 0
    for silent in quiet:
        run = run + 1 if silent else 0
        longest = max(longest, run)
    return longest / 50


async def test_both_calls_survive_and_the_new_controller_goes_on_with_them(tmp_path: Path) -> None:
    async with hotline(tmp_path) as up:
        async with (
            Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001"), tone_hz=AGENT_HZ) as phone,
            Caller(up.sip_port, tmp_path, ani="13800138001", tone_hz=440) as talking,
            Caller(up.sip_port, tmp_path, ani="13800138002", tone_hz=500) as waiting,
        ):
            await up.ready("8001")
            await talking.answered()
            talking.press("2")
            await phone.rings()
            await phone.answer()
            await waiting.answered()
            waiting.press("2")
            await waiting.rtp.heard_for(8)

            await up.kill()
            await talking.rtp.heard_for(2)
            await up.start()
            await waiting.rtp.heard_for(3)
            assert talking.up and waiting.up
            async with up.signed_in("banzhang") as supervisor:
                calls = (await supervisor.get("/api/calls"))["calls"]
                assert {c["ani"]: c["stage"] for c in calls} == {"13800138001": "talking", "13800138002": "waiting"}
                first_id = next(c["call_id"] for c in calls if c["ani"] == "13800138001")
                phone.hang_up()
                await supervisor.call_that(lambda c: c["stage"] == "rating", call_id=first_id)
                await talking.rtp.heard_for(0.5)
                talking.press("2")
                await talking.ended()
                async with up.signed_in("8001") as agent:
                    await agent.order("ready")
                await phone.rings()
                await phone.answer()
                await waiting.rtp.heard_for(2)
                await waiting.hang_up()
                await supervisor.call_that(lambda c: c["outcome"] == "answered" and len(c["recordings"]) == 2)
                ended = await supervisor.calls_that(lambda calls: all(c["outcome"] for c in calls))
                calls = {c["ani"]: c for c in ended}
                first, second = calls["13800138001"], calls["13800138002"]
                assert (first["outcome"], first["rating"]) == ("answered", 2)
                assert (second["outcome"], second["rating"]) == ("answered", None)
                assert first["talk_s"] > 8 and second["wait_s"] > 8
            for caller in (talking, waiting):
                assert longest_silence_s(caller.rtp.heard) < 5.0
                gaps = np.diff(caller.rtp.heard_at)
                assert gaps.max() < 5.0, "no sound arrived at all for this long"
        code, said = await up.cli("check")
        assert code == 0, said


async def test_without_a_controller_new_and_waiting_callers_reach_a_telephone(tmp_path: Path) -> None:
    async with hotline(tmp_path, asterisk={"lease_s": 10}) as up:
        async with (
            Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002"), tone_hz=AGENT_HZ) as phone,
            Softphone(up.sip_port, tmp_path, "8003-sip", up.phone_password("8003"), tone_hz=AGENT_HZ) as other,
            Caller(up.sip_port, tmp_path, ani="13800138001", tone_hz=440) as waiting,
        ):
            await waiting.answered()
            waiting.press("2")
            await waiting.rtp.heard_for(4)
            await up.kill()
            # The static queue rings both; the one that is slower hears its ringing stop.
            await phone.rings()
            await other.rings()
            await phone.answer()
            await other.over()
            await waiting.rtp.heard_for(1)
            async with Caller(up.sip_port, tmp_path, ani="13800138002", tone_hz=500) as late:
                await late.answered()
                await other.rings()
                await other.answer()
                await late.rtp.heard_for(1)
                for caller in (waiting, late):
                    tail = caller.rtp.heard[-RATE // 2 :].astype(float)
                    spectrum = np.abs(np.fft.rfft(tail))
                    assert np.argmax(spectrum) * 2 == pytest.approx(AGENT_HZ, abs=6), "the agent is not heard"
                    assert longest_silence_s(caller.rtp.heard) < 5.0
                await up.start()
                async with up.signed_in("banzhang") as supervisor:
                    await waiting.hang_up()
                    await late.hang_up()
                    ended = await supervisor.calls_that(lambda calls: all(c["outcome"] for c in calls))
                    calls = {c["ani"]: c["outcome"] for c in ended}
                    assert calls == {"13800138001": "fell_back", "13800138002": "fell_back"}
