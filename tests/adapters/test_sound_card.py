"""The microphone: a raw file behind ALSA's file plugin, read through PortAudio in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import wave
from array import array
from pathlib import Path

import numpy as np
import pytest

from ivr.adapters import sound_card
from ivr.core.errors import PromptError

ASOUND = """
pcm.!default { type asym capture.pcm "microphone" playback.pcm "nowhere" }
pcm.nowhere { type null }
pcm.microphone { type file slave.pcm "nowhere" file "/dev/null" infile "%s" format "raw" }
ctl.!default { type null }
"""
RECORD = """
import sys, time
from ivr.adapters import sound_card
open(sys.argv[1], "wb").write(sound_card.record(lambda: time.sleep(0.2)))
"""


def test_what_the_microphone_hears_is_recorded(tmp_path: Path) -> None:
    times = np.arange(sound_card.RATE * 20) / sound_card.RATE
    (tmp_path / "in.raw").write_bytes((4000 * np.sin(2 * np.pi * 523 * times)).astype("<i2").tobytes())
    (tmp_path / "asound.conf").write_text(ASOUND % (tmp_path / "in.raw"))
    env = {"ALSA_CONFIG_PATH": str(tmp_path / "asound.conf"), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(
        [sys.executable, "-c", RECORD, str(tmp_path / "out.wav")], env=env, capture_output=True, text=True, timeout=30
    )
    if "no default input" in run.stderr.lower() or "Error querying device" in run.stderr:
        pytest.skip(f"PortAudio does not see ALSA's file plugin here: {run.stderr.splitlines()[-1]}")
    assert run.returncode == 0, run.stderr
    with wave.open(str(tmp_path / "out.wav")) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16000, 1, 2)
        heard = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * sound_card.RATE / len(heard) == pytest.approx(523, abs=15), (
        "the plugin has no clock, so some blocks are lost"
    )
    assert np.abs(heard).max() == pytest.approx(sound_card.PEAK, abs=2)


def test_silence_at_both_ends_is_cut_off() -> None:
    samples = array("h", [0] * 16000 + [5000, -8000] * 4000 + [0] * 16000)
    kept = sound_card.finished(samples)
    assert len(kept) == pytest.approx(8000 + sound_card.HEAD + sound_card.TAIL, abs=2)
    assert max(abs(s) for s in kept) == sound_card.PEAK


def test_nothing_heard_is_said() -> None:
    with pytest.raises(PromptError, match="heard nothing"):
        sound_card.finished(array("h", [0, 10, -10] * 1000))
