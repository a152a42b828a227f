"""Recordings as the engines want them: mono, 16 bits, in small chunks."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.core.errors import RecordingRefused

CHUNK_S = 0.25
LOWEST_RATE, HIGHEST_RATE = 8000, 48000
_HEADER_BYTES = 44


@contextmanager
def sound(path: Path) -> Iterator[tuple[Iterator[bytes], int]]:
    """The recording's samples, chunk by chunk, and its rate in samples per second.

    Raises RecordingRefused for everything that engines turn into nonsense, a hang or a crash without a word.
    """
    try:
        with wave.open(str(path), "rb") as recording:
            _check(path, recording)
            yield _chunks(recording), recording.getframerate()
    except (wave.Error, EOFError) as error:
        raise RecordingRefused(f"{path}: not readable as a WAV recording: {error or 'it ends too early'}.") from None
    except OSError as error:
        raise RecordingRefused(f"{path}: cannot be read: {error.strerror or error}.") from None


def _check(path: Path, recording: wave.Wave_read) -> None:
    if recording.getnchannels() != 1:
        raise RecordingRefused(f"{path}: has {recording.getnchannels()} channels; each leg must be a mono recording.")
    if recording.getsampwidth() != 2:
        raise RecordingRefused(f"{path}: has {8 * recording.getsampwidth()} bits per sample instead of 16.")
    rate = recording.getframerate()
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise RecordingRefused(f"{path}: has {rate} samples per second instead of {LOWEST_RATE} to {HIGHEST_RATE}.")
    surplus = path.stat().st_size - _HEADER_BYTES
    if recording.getnframes() == 0 and surplus > 1:
        raise RecordingRefused(f"{path}: says that it is empty but holds {surplus} bytes; it was never closed.")


def _chunks(recording: wave.Wave_read) -> Iterator[bytes]:
    frames = max(1, int(recording.getframerate() * CHUNK_S))
    while chunk := recording.readframes(frames):
        yield chunk[: len(chunk) // 2 * 2]  # a cut file may end in half a sample
