"""The microphone of this machine, for recording prompts with the city's own speaker."""

from __future__ import annotations

import io
import wave
from array import array
from collections.abc import Callable
from typing import Any

from ivr.core.errors import PromptError

RATE = 16000
PEAK = 23197
"""−3 dBFS, the level of every prompt."""
LOUD = 300
"""Below this a sample is taken for silence: about −41 dBFS."""
HEAD = RATE // 30
TAIL = RATE // 12


def record(wait: Callable[[], object]) -> bytes:
    """A WAV (16 kHz, mono, 16 bit) of what the microphone hears until `wait` returns, cut and brought to level.

    Raises PromptError when there is no microphone, or it heard nothing.
    """
    try:
        import sounddevice
    except OSError as error:
        raise PromptError(
            f"The sound card cannot be used: {error}; install it with: apt install libportaudio2"
        ) from None
    blocks: list[bytes] = []

    def heard(block: Any, frames: int, time: Any, status: Any) -> None:
        blocks.append(bytes(block))

    try:
        with sounddevice.RawInputStream(samplerate=RATE, channels=1, dtype="int16", callback=heard):
            wait()
    except sounddevice.PortAudioError as error:
        raise PromptError(f"The microphone cannot be used: {error}.") from None
    return _wav(finished(array("h", b"".join(blocks))))


def finished(samples: array[int]) -> array[int]:
    """Without the silence at both ends, and with its peak at −3 dBFS. Raises PromptError when all is silence."""
    loud = [n for n, sample in enumerate(samples) if abs(sample) > LOUD]
    if not loud:
        raise PromptError("The microphone heard nothing: is it switched on, and the right one?")
    kept = samples[max(0, loud[0] - HEAD) : loud[-1] + TAIL]
    gain = PEAK / max(abs(sample) for sample in kept)
    return array("h", (round(sample * gain) for sample in kept))


def _wav(samples: array[int]) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())
    return out.getvalue()
