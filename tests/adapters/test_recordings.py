"""Files on disk, written the way Asterisk does: a header of zeros first, the true lengths at the end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.adapters import recordings
from ivr.core.recordings import Recording, recording_base

CALL = "1763900000.12"
RING = f"{CALL}/1"
BASE = recording_base(CALL, RING)


def header(rate: int, sound_bytes: int, *, closed: bool) -> bytes:
    size = sound_bytes if closed else 0
    riff = 36 + sound_bytes if closed else 0
    return struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", riff, b"WAVEfmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)


def put(folder: Path, leg: str, *, rate: int = 8000, seconds: float = 1.0, closed: bool = True, extra: int = 0) -> Path:
    path = folder / f"{BASE}-{leg}.{'wav16' if rate == 16000 else 'wav'}"
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = bytes(range(256)) * int(rate * seconds * 2 / 256) + bytes(extra)
    path.write_bytes(header(rate, len(sound), closed=closed) + sound)
    return path


def test_the_day_in_the_path_is_the_calls_own() -> None:
    day = datetime.fromtimestamp(1763900000, UTC)
    assert str(BASE) == f"{day:%Y/%m/%d}/1763900000.12-1"
    assert recording_base(f"pbx1-{CALL}", f"pbx1-{CALL}/2").name == "pbx1-1763900000.12-2"


@pytest.mark.parametrize(
    ("call_id", "ring_id"),
    [
        ("../../etc/passwd", "../../etc/passwd/1"),
        (f"../{CALL}", f"../{CALL}/1"),
        (CALL, f"{CALL}/../1"),
        (CALL, "1763900000.13/1"),
        (CALL, CALL),
        (f"{CALL}\n", f"{CALL}\n/1"),
        ("", "/1"),
    ],
)
def test_ids_that_are_not_ours_get_no_path(call_id: str, ring_id: str) -> None:
    with pytest.raises(ValueError):
        recording_base(call_id, ring_id)


async def test_whole_files_are_described(tmp_path: Path) -> None:
    caller = put(tmp_path, "caller", rate=16000, seconds=2)
    agent = put(tmp_path, "agent", seconds=2)
    os.utime(caller, (0, 1_763_900_012))
    os.utime(agent, (0, 1_763_900_012.5))
    legs, problems = await recordings.finish(tmp_path, CALL, RING, 5)
    assert problems == []
    assert legs[0] == Recording(
        f"{CALL}-1-caller", CALL, RING, "caller", f"{BASE}-caller.wav16", 1_763_900_010, 2.0, 16000,
        caller.stat().st_size, hashlib.sha256(caller.read_bytes()).hexdigest(),
    )  # fmt: skip
    # Both legs begin at the same moment.
    assert (legs[1].leg, legs[1].rate, legs[1].started_at) == ("agent", 8000, 1_763_900_010)


async def test_waits_until_the_header_is_written(tmp_path: Path) -> None:
    put(tmp_path, "agent")
    path = put(tmp_path, "caller", closed=False)
    finish = asyncio.create_task(recordings.finish(tmp_path, CALL, RING, 10))
    await asyncio.sleep(3 * recordings.POLL_S)
    assert not finish.done()
    put(tmp_path, "caller", seconds=1.5)
    legs, problems = await finish
    assert problems == []
    assert legs[0].duration_s == pytest.approx(1.5, abs=0.02)
    assert legs[0].size_bytes == path.stat().st_size


async def test_a_killed_asterisks_file_is_repaired(tmp_path: Path) -> None:
    put(tmp_path, "agent")
    path = put(tmp_path, "caller", closed=False, extra=1)
    before = path.read_bytes()
    os.utime(path, (0, 1_763_900_012))
    legs, problems = await recordings.finish(tmp_path, CALL, RING, 0.3)
    assert problems == []
    with wave.open(str(path), "rb") as sound:
        assert sound.getframerate() == 8000
        assert sound.readframes(10**6) == before[44:-1]
    assert legs[0].started_at == pytest.approx(1_763_900_011, abs=0.02)
    assert legs[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


async def test_a_file_that_still_grows_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "agent")
    path = put(tmp_path, "caller", closed=False)

    async def grow() -> None:
        while True:
            with path.open("ab") as file:
                file.write(bytes(320))
            await asyncio.sleep(0.02)

    growing = asyncio.create_task(grow())
    legs, problems = await recordings.finish(tmp_path, CALL, RING, 0.5)
    growing.cancel()
    assert [leg.leg for leg in legs] == ["agent"]
    assert problems == [f"{path}: the recording is still being written 0 s after the conversation."]
    assert path.read_bytes()[:44] == header(8000, 0, closed=False)[:4] + bytes(4) + header(8000, 0, closed=False)[8:]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (header(8000, 0, closed=True), "holds no sound"),
        (b"", "holds no sound"),
        (b"not a sound" * 100, "no header"),
        (header(0, 320, closed=True) + bytes(320), "no header"),
        (None, "missing"),
    ],
)
async def test_what_cannot_be_mended_is_told(tmp_path: Path, content: bytes | None, says: str) -> None:
    agent = put(tmp_path, "agent")
    if content is not None:
        (agent.parent / f"{BASE.name}-caller.wav").write_bytes(content)
    legs, problems = await recordings.finish(tmp_path, CALL, RING, 0.2)
    assert [leg.leg for leg in legs] == ["agent"]
    assert len(problems) == 1
    assert says in problems[0]
    assert f"{BASE.name}-caller.wav" in problems[0]


async def test_the_loop_goes_on_while_files_are_read(tmp_path: Path) -> None:
    put(tmp_path, "caller", seconds=600)
    put(tmp_path, "agent", seconds=600)
    loop = asyncio.get_running_loop()
    finish = asyncio.create_task(recordings.finish(tmp_path, CALL, RING, 5))
    longest = 0.0
    while not finish.done():
        before = loop.time()
        await asyncio.sleep(0.001)
        longest = max(longest, loop.time() - before)
    assert (await finish)[1] == []
    assert longest < 0.1


async def test_audit_tells_every_difference(tmp_path: Path) -> None:
    caller, agent = put(tmp_path, "caller"), put(tmp_path, "agent")
    known, _ = await recordings.finish(tmp_path, CALL, RING, 5)
    assert recordings.audit(tmp_path, known, set(), deep=True) == []

    orphan = caller.with_name("1763900000.99-1-caller.wav")
    orphan.write_bytes(b"")
    growing = caller.with_name("1763900000.77-2-agent.wav16")
    growing.write_bytes(b"")
    live = {recording_base("1763900000.77", "1763900000.77/2")}
    assert recordings.audit(tmp_path, known, live) == [f"{orphan}: this file belongs to no recording in the database."]
    orphan.unlink()

    content = bytearray(caller.read_bytes())
    content[100] ^= 1
    caller.write_bytes(content)
    assert recordings.audit(tmp_path, known, live) == []
    assert "SHA-256" in recordings.audit(tmp_path, known, live, deep=True)[0]

    caller.write_bytes(content[:-2])
    agent.unlink()
    size, missing = recordings.audit(tmp_path, known, live)
    assert str(caller) in size and "bytes" in size
    assert str(agent) in missing and CALL in missing
    lost = [recording_base(CALL, f"{CALL}/2")]
    assert "has no recording" in recordings.audit(tmp_path, [], live, lost)[0]


def test_an_empty_state_folder_agrees_with_an_empty_database(tmp_path: Path) -> None:
    assert recordings.audit(tmp_path / "none", [], set()) == []
