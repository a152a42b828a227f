"""The controller beside Asterisk's own dialplan, measured in one run.

    .venv/bin/python -m benchmarks.beside_native --rates 20,40,60,80,100 --calls 10000 --rate 60 --rounds 10 --markdown

First a ramp: at each rate both arms in turn, until one call fails. Then `--calls` calls to each arm at `--rate`, in
`--rounds` turns. A call is: INVITE, answer, the menu's prompt, key 2 after 0.3–1.2 s, the next prompt, BYE after 3 s.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
from datetime import datetime
from pathlib import Path

from benchmarks.beside_native.run import ARMS, Arm, Run, asterisk_pid, run
from benchmarks.beside_native.system import RTP_PORTS, Usage, make_root
from benchmarks.beside_native.table import markdown
from tests.e2e.asterisk import ports
from tests.e2e.system import Hotline


async def measure(options: argparse.Namespace) -> str:
    """The whole benchmark; the table."""
    with tempfile.TemporaryDirectory() as folder:
        sip = {**ports()["sip"], "rtp_start": RTP_PORTS[0], "rtp_end": RTP_PORTS[1]}
        up = Hotline(Path(folder), make_root(Path(folder)), sip=sip)
        await up.start()
        try:
            for arm in ARMS:
                await run(up, arm, 5, 10, media=True)  # whatever is loaded at first use is loaded now
            reached = await ramp(up, options.rates, options.seconds, media=not options.no_media)
            memory = [_memory(up)]
            runs: list[Run] = []
            for _ in range(options.rounds if options.calls else 0):
                runs += await turn(up, options.rate, options.calls // options.rounds, media=not options.no_media)
                memory.append(_memory(up))
                print(f"memory: Asterisk {memory[-1][0]:.0f} MB, controller {memory[-1][1]:.0f} MB", flush=True)
        finally:
            await up.stop()
            if options.keep_log:
                options.keep_log.write_text(up.log)
    return markdown(reached, runs, memory)


async def ramp(up: Hotline, rates: list[int], seconds: int, *, media: bool) -> dict[Arm, list[Run]]:
    """Each arm's runs up to and with the first that had a failure."""
    reached: dict[Arm, list[Run]] = {arm: [] for arm in ARMS}
    for rate in rates:
        for arm, runs in reached.items():
            if not runs or not runs[-1].failed:
                runs.append(await run(up, arm, rate, rate * seconds, media=media))
                print(runs[-1], flush=True)
    return reached


async def turn(up: Hotline, rate: int, calls: int, *, media: bool) -> list[Run]:
    """So many calls to each arm, by the same citizens in each turn: each unreached one is kept in memory, once."""
    runs = []
    for arm in ARMS:
        runs.append(await run(up, arm, rate, calls, media=media, callers="2000"))
        print(runs[-1], flush=True)
    return runs


def _memory(up: Hotline) -> tuple[float, float]:
    assert up.process
    return Usage.of(asterisk_pid(up)).rss_mb, Usage.of(up.process.pid).rss_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", default="20,40,60,80,100", help="calls a second of the ramp; empty: no ramp")
    parser.add_argument("--seconds", type=int, default=8, help="how long each rate is held")
    parser.add_argument("--calls", type=int, default=1000, help="calls to each arm after the ramp; 0: none")
    parser.add_argument("--rate", type=int, default=40, help="calls a second after the ramp")
    parser.add_argument("--rounds", type=int, default=5, help="turns in which these calls are made")
    parser.add_argument("--no-media", action="store_true", help="callers send no sound; keys come as SIP INFO")
    parser.add_argument("--markdown", action="store_true", help="end with the table for docs/figures.md")
    parser.add_argument("--keep-log", type=Path, help="where to write the hotline's log at the end")
    options = parser.parse_args()
    options.rates = [int(rate) for rate in options.rates.split(",") if rate]
    print(f"{datetime.now().astimezone():%F %R}, {platform.machine()}, {platform.system()} {platform.release()}")
    table = asyncio.run(measure(options))
    if options.markdown:
        print(table)


if __name__ == "__main__":
    main()
