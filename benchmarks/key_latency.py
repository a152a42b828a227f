"""How long from a pressed key to the next prompt, over a real Asterisk and real RTP.

    .venv/bin/python -m benchmarks.key_latency --calls 240 --at-once 6

Each call presses 2 at a random moment of the greeting. The figure is the time from letting the key go until the first
frame of the next prompt arrives; the prompt is found by its sound, so nothing is taken on trust.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import random
import tempfile
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.e2e.asterisk import TRUNK
from tests.e2e.rtp import RATE
from tests.e2e.sipp import Caller
from tests.e2e.system import REPO, Hotline, hotline

PRESS_S = 0.1
"""How long a key is held down (rtp.py sends five packets of 20 ms)."""
NEXT = "recording_notice"
"""What a caller hears after pressing 2 during the welcome."""


def prompt(name: str) -> npt.NDArray[np.float64]:
    """The prompt at 8000 samples per second, from its first audible sample, one second of it."""
    with wave.open(str(REPO / f"prompts/zh/{name}.wav")) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)
    narrow = np.convolve(samples, np.hanning(9) / np.hanning(9).sum(), "same")[::2]
    return narrow[:RATE]


def begins_at(heard: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> tuple[int, float]:
    """Sample at which `wanted` begins in `heard`, and the normalised correlation there (1 is a perfect match)."""
    size = len(heard) + len(wanted)
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)[: len(heard)]
    place = int(np.argmax(match))
    there = heard[place : place + len(wanted)]
    norm = np.linalg.norm(there) * np.linalg.norm(wanted[: len(there)])
    return place, float(match[place] / norm) if norm else 0.0


async def one_call(up: Hotline, folder: Path, wanted: npt.NDArray[np.float64], ani: str) -> float | None:
    """Seconds from the key's release to the next prompt, None when the call did not get there."""
    async with Caller(up.sip_port, folder, ani=ani) as citizen:
        await citizen.answered(within_s=15)
        await citizen.rtp.heard_for(random.uniform(0.3, 1.2), within_s=20)
        pressed = asyncio.get_running_loop().time()
        before = len(citizen.rtp.frames)
        citizen.rtp.press("2")
        await asyncio.sleep(PRESS_S + 1.6)
        frames = citizen.rtp.frames[before:]
        arrived = citizen.rtp.heard_at[before:]
        await citizen.hang_up()
    heard = citizen.rtp.law.decode(b"".join(frames)).astype(float)
    if len(heard) < RATE:
        return None
    place, match = begins_at(heard, wanted)
    if match < 0.5:
        return None
    return arrived[min(place // 160, len(arrived) - 1)] - pressed - PRESS_S


async def measure(calls: int, at_once: int) -> list[float]:
    wanted = prompt(NEXT)
    found: list[float] = []
    room = asyncio.Semaphore(at_once)
    with tempfile.TemporaryDirectory() as folder:
        async with hotline(Path(folder), trunks=[{**TRUNK, "channels": calls}]) as up:

            async def timed(ani: str) -> None:
                async with room:
                    latency = await one_call(up, Path(folder), wanted, ani)
                if latency is not None:
                    found.append(latency)

            # Many calls of one number, or short ones on a small trunk, are slowed down (dialplans/limits.toml).
            await asyncio.gather(*(timed(f"138{citizen:08}") for citizen in range(calls)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=240)
    parser.add_argument("--at-once", type=int, default=6)
    options = parser.parse_args()
    found = asyncio.run(measure(options.calls, options.at_once))
    if not found:
        raise SystemExit("None of the calls heard the next prompt.")
    milliseconds = np.array(found) * 1000
    print(f"{platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(f"{len(found)} of {options.calls} calls measured, {options.at_once} at once")
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    print(f"key released → next prompt, ms: p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, max {milliseconds.max():.0f}")


if __name__ == "__main__":
    main()
