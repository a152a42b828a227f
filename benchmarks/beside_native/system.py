"""The one system that both arms run in, and what can be read of it from outside."""

from __future__ import annotations

import io
import math
import os
import shutil
import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.beside_native.telephones import TONE_HZ
from ivr.adapters import prompts
from tests.e2e.system import REPO

HERE = Path(__file__).parent
NUMBERS = {"native": "99999", "controller": "12345"}
RTP_PORTS = (14000, 20999)
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def make_root(folder: Path) -> Path:
    """A root like the checkout's, with the benchmark's menu, its native twin, and a tone as the prompt to measure."""
    root = folder / "root"
    (root / "agent_console").mkdir(parents=True)
    shutil.copy(REPO / "config.toml", root)
    shutil.copytree(REPO / "prompts", root / "prompts")
    if (REPO / "agent_console/dist").exists():
        (root / "agent_console/dist").symlink_to(REPO / "agent_console/dist")
    shutil.copytree(REPO / "dialplans", root / "dialplans")
    shutil.copy(HERE / "city.toml", root / "dialplans")
    product = (REPO / "dialplans/extensions.conf").read_text("utf-8")
    (root / "dialplans/extensions.conf").write_text(product + (HERE / "native.conf").read_text("utf-8"), "utf-8")
    with (root / "prompts/zh/prompts.toml").open("a", encoding="utf-8") as texts:
        texts.write('measured = "嘟"\n')
    prompts.save(root / "prompts/zh", "measured", _tone(6), "a tone")
    return root


def _tone(seconds: int) -> bytes:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(prompts.RATE)
        samples = (round(12000 * math.sin(2 * math.pi * TONE_HZ * n / prompts.RATE)) for n in range(seconds * 16000))
        wav.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return sound.getvalue()


@dataclass(frozen=True, slots=True)
class Usage:
    """A process: seconds of CPU since its start, megabytes of memory now."""

    cpu_s: float
    rss_mb: float

    @classmethod
    def of(cls, pid: int) -> Self:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls(
            (int(fields[11]) + int(fields[12])) * _TICK_S,
            int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6,
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """Ticks of all processors since boot. `steal` is what vmstat shows as st."""

    steal: int
    idle: int
    total: int

    @classmethod
    def now(cls) -> Self:
        ticks = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return cls(ticks[7], ticks[3] + ticks[4], sum(ticks))

    def since(self, before: Machine) -> tuple[float, float]:
        """Shares (0 … 1) of the time since then: stolen by the host, idle."""
        total = max(1, self.total - before.total)
        return (self.steal - before.steal) / total, (self.idle - before.idle) / total
