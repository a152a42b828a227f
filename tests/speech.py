"""Recorded speech with what is said, and how wrong a transcript of it is."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.syllables import syllable_error

FOLDER = Path(__file__).resolve().parents[2] / "shared/fixtures/speech"
Sound = npt.NDArray[np.int16]

needed = pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no recorded speech in ../shared/fixtures/speech")


def speech(name: str) -> Sound:
    """Recorded speech, 16 kHz."""
    with wave.open(str(FOLDER / f"{name}.wav")) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def narrow(sound: Sound) -> Sound:
    """16 kHz to 8 kHz, low-passed at 3.6 kHz."""
    spectrum = np.fft.rfft(sound.astype(float))
    spectrum[int(len(spectrum) * 3600 / 8000) :] = 0
    return np.fft.irfft(spectrum, len(sound))[::2].clip(-32768, 32767).astype(np.int16)


def error(name: str, heard: str) -> float:
    """Syllable error of a transcript."""
    return syllable_error((FOLDER / f"{name}.txt").read_text("utf-8"), heard)


def said(call: Any, speaker: str) -> str:
    """What one side said, by the note in an answer of /api/calls/{call_id}."""
    return " ".join(line["text"] for line in call["note"]["lines"] if line["speaker"] == speaker)
