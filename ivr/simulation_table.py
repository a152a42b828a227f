"""What `ivr simulate` shows: a table with bars, a summary in sentences, a CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from ivr.core.demand import DAY_S
from ivr.core.errors import SimulationError
from ivr.core.simulate import INTERVAL_S, SERVICE_S, Figures, total
from ivr.simulation import Result

BAR = 24
"""Characters of the longest bar."""
FAST, SLOW = SERVICE_S


def table(result: Result) -> Table:
    """One row per half hour in which there were calls or agents, and the total."""
    made = Table(caption="█ 15 秒内接通   ░ 更晚接通、放弃或未接", caption_justify="left")
    made.add_column("时段", no_wrap=True)
    for name in ("来电", "接通", "放弃", "15秒接通率", "20秒接通率", "平均等待", "最长等待", "坐席利用率"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("来电分布", no_wrap=True)
    most = max(part.offered for part in result.parts)
    for n, part in enumerate(result.parts):
        if part.offered or part.staffed_s:
            made.add_row(clock(n * INTERVAL_S), *_cells(part), _bar(part, most))
    made.add_section()
    made.add_row("合计", *_cells(total(result.parts)), "")
    return made


def summary(result: Result) -> Iterator[str]:
    """The day in sentences, and what one more agent would change."""
    day = total(result.parts)
    yield (
        f"来电 {day.offered:,} = 接通 {day.answered:,} + 放弃 {day.abandoned:,} + 未接 {day.unanswered:,}；"
        f"需要等待的来电 {day.waited + day.unanswered:,}。"
    )
    yield "接通率 = 规定秒数内接通 ÷ 来电；平均等待按接通的来电计算；坐席利用率 =（通话 + 话后）÷ 在岗时间。"
    if result.extra is None or result.more is None:
        late = day.offered - day.within_15
        yield "来电最拥堵时无人在岗，请先排班。" if late else "所有来电都在 15 秒内接通，增加坐席不会改变接通率。"
        return
    more, shift = total(result.more), result.extra
    yield (
        f"增加一名坐席（{clock(shift.begins_s)}–{clock(shift.ends_s, ends=True)}，技能 {' '.join(shift.skills)}）："
        f"15 秒接通率 {_percent(day.service_level(FAST), 2)} → {_percent(more.service_level(FAST), 2)}，"
        f"平均等待 {_seconds(day.mean_wait_s)} → {_seconds(more.mean_wait_s)}，"
        f"放弃 {day.abandoned:,} → {more.abandoned:,}，未接 {day.unanswered:,} → {more.unanswered:,}。"
    )


def write_csv(result: Result, path: Path) -> None:
    """One row per half hour; shares as parts of one, times in seconds, empty where nothing can be said."""
    names = ("begins", "offered", "answered", "abandoned", "unanswered", "waited", "answered_in_15_s",
             "answered_in_20_s", "mean_wait_s", "longest_wait_s", "occupancy", "busy_s", "staffed_s")  # fmt: skip
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(names)
            for n, p in enumerate(result.parts):
                levels = (p.service_level(FAST), p.service_level(SLOW))
                counts = (p.offered, p.answered, p.abandoned, p.unanswered, p.waited)
                figures = (*levels, p.mean_wait_s, p.longest_s, p.occupancy, p.busy_s, p.staffed_s)
                rounded = ("" if figure is None else round(figure, 4) for figure in figures)
                rows.writerow((clock(n * INTERVAL_S), *counts, *rounded))
    except OSError as error:
        raise SimulationError(f"--csv {path}: {error.strerror}.") from None


def clock(at_s: float, *, ends: bool = False) -> str:
    """`08:30`, after the first day `2/08:30`; midnight as an end is `24:00`."""
    day, rest = divmod(at_s, DAY_S)
    if ends and not rest:
        day, rest = day - 1, DAY_S
    time = f"{int(rest // 3600):02}:{int(rest % 3600 // 60):02}"
    return f"{int(day) + 1}/{time}" if day else time


def _cells(part: Figures) -> tuple[str, ...]:
    return (
        *(f"{count:,}" for count in (part.offered, part.answered, part.abandoned)),
        _percent(part.service_level(FAST)),
        _percent(part.service_level(SLOW)),
        _seconds(part.mean_wait_s),
        _seconds(part.longest_s if part.offered else None),
        _percent(part.occupancy),
    )


def _bar(part: Figures, most: int) -> str:
    length = round(part.offered / most * BAR) if most else 0
    fast = round(part.within_15 / part.offered * length) if part.offered else 0
    return "█" * fast + "░" * (length - fast)


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share * 100:.{digits}f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} 秒"
