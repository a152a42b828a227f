"""One run: so many calls a second for so long to one of the two arms, and what came of them."""

from __future__ import annotations

import asyncio
import csv
from dataclasses import dataclass
from itertools import count
from string import Template
from typing import Literal

from benchmarks.beside_native.system import HERE, NUMBERS, Machine, Usage
from benchmarks.beside_native.telephones import URGENCY, Telephones
from tests.e2e.sipp import FOUND
from tests.e2e.system import Hotline

Arm = Literal["native", "controller"]
ARMS: tuple[Arm, ...] = ("native", "controller")
ANSWER_MS = 1000
"""A call that is not answered by then has failed."""
CALL_MS = 3000
_KEY_MS = 1000
_STRANGERS = count(1000)


@dataclass(frozen=True, slots=True)
class Run:
    """`failed`: refused, broken off, not answered in time, or answered without the prompt that had to come."""

    arm: Arm
    rate: int
    calls: int
    failed: int
    key_to_prompt_s: tuple[float, ...]
    asterisk_cpu_s: float
    controller_cpu_s: float
    steal: float
    idle: float
    late_s: float
    """How late the callers' own packets were; see `Heard`."""
    why: str

    def __str__(self) -> str:
        late = sorted(self.key_to_prompt_s)
        key = f"key → prompt p50 {late[len(late) // 2] * 1000:.0f} ms, max {late[-1] * 1000:.0f} ms, " if late else ""
        return (
            f"{self.arm:10} {self.rate:3}/s  {self.calls} calls, {self.failed} failed{self.why}, {key}CPU per call: "
            f"Asterisk {1000 * self.asterisk_cpu_s / self.calls:.1f} ms, "
            f"controller {1000 * self.controller_cpu_s / self.calls:.1f} ms; "
            f"steal {self.steal:.0%}, idle {self.idle:.0%}, callers late by {1000 * self.late_s:.0f} ms"
        )


async def run(up: Hotline, arm: Arm, rate: int, calls: int, *, media: bool, callers: str = "") -> Run:
    """Place the calls and measure. With `media` the callers' sound flows and keys are RFC 4733, else SIP INFO.

    No two callers have one number. `callers` is how their numbers begin: who has called before is no new citizen to be
    called back. By default nobody has.
    """
    assert up.process
    pids = (asterisk_pid(up), up.process.pid)
    phones = await asyncio.to_thread(Telephones, speaks=media, call_s=CALL_MS / 1000)
    machine, before = Machine.now(), [Usage.of(pid) for pid in pids]
    refused = await _sipp(up, arm, rate, calls, phones.port, media, callers or f"1{next(_STRANGERS)}")
    after, (steal, idle) = [Usage.of(pid) for pid in pids], Machine.now().since(machine)
    heard = await asyncio.to_thread(phones.close)
    asterisk_s, controller_s = (late.cpu_s - early.cpu_s for early, late in zip(before, after, strict=True))
    silent = calls - heard.prompts
    mute = calls - heard.calls
    why = f" ({refused} by SIP, {silent} without the prompt, {mute} of them without any)" if refused or silent else ""
    failed = max(refused, silent)
    cpu_s = (asterisk_s, controller_s)
    return Run(arm, rate, calls, failed, heard.key_to_prompt_s, *cpu_s, steal, idle, heard.late_s, why)


def asterisk_pid(up: Hotline) -> int:
    return int((up.state / "run-asterisk/asterisk.pid").read_text())


async def _sipp(up: Hotline, arm: Arm, rate: int, calls: int, rtp_port: int, media: bool, callers: str) -> int:
    """How many calls failed by SIPp's count."""
    scenario, counts = up.folder / "call.xml", up.folder / "counts.csv"
    key = "" if media else Template((HERE / "key.xml").read_text()).substitute(key_ms=_KEY_MS)
    rest_ms = CALL_MS if media else CALL_MS - _KEY_MS
    text = Template((HERE / "call.xml").read_text())
    scenario.write_text(text.substitute(rtp_port=rtp_port, answer_ms=ANSWER_MS, key=key, rest_ms=rest_ms))
    counts.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", f"-{URGENCY}", FOUND or "sipp", f"127.0.0.1:{up.sip_port}", "-i", "127.0.0.1"),
        *("-sf", str(scenario), "-s", NUMBERS[arm], "-key", "callers", callers),
        *("-r", str(rate), "-m", str(calls), "-l", str(rate * 10), "-nostdin", "-deadcall_wait", "0"),
        *("-trace_stat", "-stf", str(counts), "-fd", "1", "-trace_err", "-error_file", str(up.folder / "sipp.err")),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    await process.wait()
    with counts.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return calls - int(last["SuccessfulCall(C)"])
