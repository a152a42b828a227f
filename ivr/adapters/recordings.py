"""The recordings on disk: two WAV files per conversation, as Asterisk's MixMonitor leaves them.

Asterisk writes the header with lengths of zero and puts the true ones in when it closes the file (`update_header` in
formats/format_wav.c), so a file is whole when its header agrees with its size. A killed Asterisk leaves it undone.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ivr.core.recordings import ENDINGS, Leg, Recording, recording_base, sides

POLL_S = 0.1
STILL_S = 3.0
"""A file that has not grown for so long is not written any more: Asterisk's buffer holds two seconds at 8 kHz."""
_HEADER_BYTES = 44
"""RIFF, one `fmt ` chunk of 16 bytes, `data`: the one header that Asterisk writes."""


@dataclass(frozen=True, slots=True)
class _Wav:
    """What a file looks like now. `whole`: header and size agree, and there is sound."""

    size_bytes: int
    rate: int
    frame_bytes: int
    whole: bool


async def finish(folder: Path, call_id: str, ring_id: str, deadline_s: float) -> tuple[list[Recording], list[str]]:
    """Wait until the files of a conversation that is over are whole; then both legs, and a sentence per problem.

    A leg that is not whole after `deadline_s` is repaired from the file's length when nobody writes it any more (it is
    then returned like any other), or else left out and told of.
    """
    base = recording_base(call_id, ring_id)
    found = await asyncio.gather(*(_leg(folder, base, call_id, ring_id, leg, deadline_s) for leg in sides(ring_id)))
    recordings = [leg for leg in found if isinstance(leg, Recording)]
    # MixMonitor starts both legs at once; what differs is when each was flushed to disk.
    started_at = min((leg.started_at for leg in recordings), default=0.0)
    return [replace(leg, started_at=started_at) for leg in recordings], [p for p in found if isinstance(p, str)]


def audit(
    folder: Path,
    known: Sequence[Recording],
    live: Collection[PurePosixPath],
    lost: Collection[PurePosixPath] = (),
    *,
    deep: bool = False,
) -> list[str]:
    """Whether folder and database agree: a sentence for each file or row that has no counterpart, or another size.

    `live` are the bases (`recording_base`) of conversations whose files may still change, `lost` of those that should
    have been recorded and were not. `deep` also reads every file and compares its hash. Blocks; call it in a thread.
    """
    problems = [
        f"{folder / base}: the conversation was answered but has no recording in the database." for base in lost
    ]
    for recording in known:
        problems += _compare(folder / recording.path, recording, deep)
    expected = {recording.path for recording in known}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in expected and _base(name) not in live:
            problems.append(f"{path}: this file belongs to no recording in the database.")
    return problems


def _compare(path: Path, recording: Recording, deep: bool) -> Iterator[str]:
    try:
        size = path.stat().st_size
        if size != recording.size_bytes:
            yield f"{path}: the file has {size} bytes, but the database says {recording.size_bytes}."
        elif deep and _sha256(path) != recording.sha256:
            yield f"{path}: the file's content is not what was recorded (its SHA-256 differs)."
    except FileNotFoundError:
        yield f"{path}: the file is missing; it is a recording of call {recording.call_id}."
    except OSError as error:
        yield f"{path}: cannot be read: {error.strerror}."


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            yield Path(parent, name)


def _base(name: str) -> PurePosixPath:
    return PurePosixPath(name.rpartition("-")[0])


# --- one leg ----------------------------------------------------------------------------------------------------------


async def _leg(
    folder: Path, base: PurePosixPath, call_id: str, ring_id: str, leg: Leg, deadline_s: float
) -> Recording | str:
    """The leg, or a sentence."""
    stem = folder / f"{base}-{leg}"
    try:
        path, wav = await _settled(stem, deadline_s)
        if path is None:
            return f"{stem}.wav: the {leg}'s recording is missing."
        if isinstance(wav, str):
            return wav
        return await asyncio.to_thread(_measure, folder, path, wav, call_id, ring_id, leg)
    except OSError as error:
        return f"{stem}.wav: the {leg}'s recording cannot be read: {error.strerror}."


async def _settled(stem: Path, deadline_s: float) -> tuple[Path | None, _Wav | str]:
    """The leg's file when it is whole, or has been made so at the deadline; or what is wrong with it."""
    loop = asyncio.get_running_loop()
    start = changed = loop.time()
    size = -1
    while True:
        path = await asyncio.to_thread(_find, stem)
        wav = await asyncio.to_thread(_look, path) if path else None
        if wav and wav.whole:
            return path, wav
        now = loop.time()
        if wav and wav.size_bytes != size:
            size, changed = wav.size_bytes, now
        if now - start >= deadline_s:
            break
        await asyncio.sleep(POLL_S)
    if path is None or wav is None:
        return None, ""
    if now - changed < min(STILL_S, deadline_s):
        return path, f"{path}: the recording is still being written {deadline_s:.0f} s after the conversation."
    return path, await asyncio.to_thread(_repair, path, wav)


def _find(stem: Path) -> Path | None:
    return next((path for ending in ENDINGS if (path := stem.with_name(stem.name + ending)).exists()), None)


def _look(path: Path) -> _Wav:
    """Reads the header only. A file without one that Asterisk could have written has rate 0."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
        size = os.fstat(file.fileno()).st_size
    if len(head) < _HEADER_BYTES or (head[:4], head[8:16], head[36:40]) != (b"RIFF", b"WAVEfmt ", b"data"):
        return _Wav(size, 0, 0, False)
    riff, rate, frame, data = (struct.unpack_from(kind, head, at)[0] for kind, at in _FIELDS)
    return _Wav(size, rate, frame, riff == size - 8 and data == size - _HEADER_BYTES and data > 0 and rate * frame > 0)


_FIELDS = (("<I", 4), ("<I", 24), ("<H", 32), ("<I", 40))
"""Length of the file, samples per second, bytes per sample of all channels, length of the sound."""


def _repair(path: Path, wav: _Wav) -> _Wav | str:
    """Close a file that Asterisk did not."""
    if wav.size_bytes <= _HEADER_BYTES:
        return f"{path}: the recording holds no sound."
    if not wav.rate or not wav.frame_bytes:
        return f"{path}: the recording has no header that could be repaired."
    sound = (wav.size_bytes - _HEADER_BYTES) // wav.frame_bytes * wav.frame_bytes
    last_written = path.stat().st_mtime
    with path.open("r+b") as file:
        file.truncate(_HEADER_BYTES + sound)
        file.seek(4)
        file.write(struct.pack("<I", _HEADER_BYTES + sound - 8))
        file.seek(40)
        file.write(struct.pack("<I", sound))
        file.flush()
        os.fsync(file.fileno())
    # The time of the last sound tells when the conversation began.
    os.utime(path, (time.time(), last_written))
    return _look(path)


def _measure(folder: Path, path: Path, wav: _Wav, call_id: str, ring_id: str, leg: Leg) -> Recording:
    duration_s = (wav.size_bytes - _HEADER_BYTES) / (wav.rate * wav.frame_bytes)
    return Recording(
        recording_id=path.name.partition(".wav")[0],
        call_id=call_id,
        ring_id=ring_id,
        leg=leg,
        path=path.relative_to(folder).as_posix(),
        started_at=path.stat().st_mtime - duration_s,
        duration_s=duration_s,
        rate=wav.rate,
        size_bytes=wav.size_bytes,
        sha256=_sha256(path),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
