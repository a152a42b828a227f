"""The result as a Markdown table."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.beside_native.run import ARMS, Arm, Run

Memory = Sequence[tuple[float, float]]


def markdown(reached: dict[Arm, list[Run]], runs: list[Run], memory: Memory) -> str:
    """Memory is (Asterisk, controller) in MB before and after each round, which holds calls of both arms."""
    everything = [*(one for arm in ARMS for one in reached[arm]), *runs]
    rows: list[tuple[str, ...]] = []
    if any(reached.values()):
        rows.append(("calls/s held without a failure", *(_held(reached[arm]) for arm in ARMS)))
    if runs:
        rows += [
            (f"calls at {runs[0].rate}/s, in {len(runs) // 2} turns", *_each(runs, lambda of: f"{_calls(of):,}")),
            ("failed", *_each(runs, lambda of: str(sum(one.failed for one in of)))),
        ]
        if runs[0].key_to_prompt_s:
            rows.append(("key let go → next prompt, p50 / p95 / p99 / longest, ms", *_each(runs, _key_to_prompt)))
        rows += [
            ("CPU per call: Asterisk, ms", *_each(runs, lambda of: _cpu(of, "asterisk_cpu_s"))),
            ("CPU per call: controller, ms", *_each(runs, lambda of: _cpu(of, "controller_cpu_s"))),
        ]
    steal = [one.steal for one in everything]
    lines = [
        (
            f"{datetime.now().astimezone():%F}, {os.cpu_count()} × {_processor()}, {platform.system()} "
            f"{platform.release()}, Python {platform.python_version()}; the host took {_span(steal)} of the machine "
            f"(mean {np.mean(steal):.0%}), {_span([one.idle for one in everything])} was idle."
        ),
        "",
        "| | native dialplan | controller |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    if len(memory) > 1:
        middle = memory[len(memory) // 2]
        asterisk, controller = (
            " → ".join(f"{at[which]:.0f}" for at in (memory[0], middle, memory[-1])) for which in (0, 1)
        )
        lines += ["", f"Memory in MB before, halfway, after: Asterisk (both arms) {asterisk}; controller {controller}."]
    return "\n".join(lines)


def _each(runs: list[Run], show: Callable[[list[Run]], str]) -> list[str]:
    return [show([one for one in runs if one.arm == arm]) for arm in ARMS]


def _held(runs: list[Run]) -> str:
    held = max((one.rate for one in runs if not one.failed), default=0)
    broke = next((f", not {one.rate} ({one.failed} of {one.calls} failed)" for one in runs if one.failed), "")
    return f"{held}{broke}"


def _calls(runs: list[Run]) -> int:
    return sum(one.calls for one in runs)


def _cpu(runs: list[Run], which: str) -> str:
    return f"{1000 * sum(getattr(one, which) for one in runs) / _calls(runs):.1f}"


def _key_to_prompt(runs: list[Run]) -> str:
    late = [1000 * seconds for one in runs for seconds in one.key_to_prompt_s]
    return " / ".join(f"{value:.0f}" for value in (*np.percentile(late, [50, 95, 99]), max(late)))


def _span(shares: list[float]) -> str:
    return f"{min(shares):.0%}–{max(shares):.0%}"


def _processor() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return models[0].partition(":")[2].strip() if models else platform.machine()
