"""What `ivr simulate` shows: a table with bars, a summary in sentences, a CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table

from ivr.core.callbacks import State
from ivr.core.errors import SimulationError
from ivr.core.simulation.demand import DAY_S
from ivr.core.simulation.figures import INTERVAL_S, SERVICE_S, Figures, total
from ivr.simulation import Result

LEAST_BAR, BAR = 6, 24
"""Characters of the longest bar, in a narrow terminal and where there is room."""
FAST, SLOW = SERVICE_S
_ANY_WIDTH = 1000

MORE: tuple[tuple[str, Callable[[Figures], int]], ...] = (
    ("要求\n回拨", lambda part: part.asked),
    ("转\n队列", lambda part: part.overflowed),
    ("退后", lambda part: part.slowed),
    ("回拨\n接通", lambda part: part.called_back),
    ("回拨\n未接", lambda part: part.not_reached),
)
"""Columns of what does not happen on every day."""


def show(result: Result, out: Console) -> None:
    """Print the table, wider than the terminal rather than with a figure cut off, and the sentences."""
    made = table(result)
    full = out.measure(made, options=out.options.update(width=_ANY_WIDTH)).maximum
    Console(file=out.file, width=max(out.width, full - BAR + LEAST_BAR)).print(made)
    for line in summary(result):
        out.print(line)


def table(result: Result) -> Table:
    """One row per half hour in which there were calls or agents, and the total. Bars take the room that is left."""
    day = total(result.day.parts)
    happened = [(name, count) for name, count in MORE if count(day)]
    made = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption="█ 15 秒内接通   ░ 更晚接通、放弃、转回拨或未接",
        caption_justify="left",
    )
    made.add_column("时段", no_wrap=True)
    names = ("来电", "接通", "放弃", *(name for name, _ in happened))
    for name in (*names, "15秒\n接通率", "20秒\n接通率", "平均\n等待", "最长\n等待", "坐席\n利用率"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("分布", min_width=LEAST_BAR)
    most = max(part.offered for part in result.day.parts)
    for n, part in enumerate(result.day.parts):
        if part.offered or part.staffed_s:
            more = [count(part) for _, count in happened]
            made.add_row(clock(n * INTERVAL_S), *_cells(part, more), _Bar(part, most))
    made.add_section()
    made.add_row("合计", *_cells(day, [count(day) for _, count in happened]), "")
    return made


def summary(result: Result) -> Iterator[str]:
    """The day in sentences, and what one more agent would change."""
    day = total(result.day.parts)
    yield (
        f"来电 {day.offered:,} = 接通 {day.answered:,} + 放弃 {day.abandoned:,} + 要求回拨 {day.asked:,}"
        f" + 未接 {day.unanswered:,}；需要等待的来电 {day.waited + day.unanswered:,}。"
    )
    yield f"同时在线最多 {result.day.at_once:,} 路（排队和通话），最忙的一分钟来电 {result.day.busiest_minute:,} 个。"
    yield f"因繁忙转到别的队列 {day.overflowed:,}；来电过多而退后 {day.slowed:,}。"
    tasks = result.day.tasks
    done, left = tasks.get(State.DONE, 0), sum(tasks.get(state, 0) for state in (State.OPEN, State.CALLING))
    yield (
        f"回拨任务 {sum(tasks.values()):,} = 已接通 {done:,}（其中坐席拨通 {day.called_back:,}）"
        f" + 市民先打来 {tasks.get(State.DROPPED, 0):,} + 转人工 {tasks.get(State.HANDED_TO_PERSON, 0):,}"
        f" + 未完成 {left:,}；拨打未接 {day.not_reached:,} 次。"
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
    names = ("begins", "offered", "answered", "abandoned", "unanswered", "waited", "asked_for_callback",
             "overflowed", "slowed", "called_back", "not_reached", "answered_in_15_s", "answered_in_20_s",
             "mean_wait_s", "longest_wait_s", "occupancy", "busy_s", "staffed_s")  # fmt: skip
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(names)
            for n, p in enumerate(result.day.parts):
                levels = (p.service_level(FAST), p.service_level(SLOW))
                counts = (p.offered, p.answered, p.abandoned, p.unanswered, p.waited, *(count(p) for _, count in MORE))
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


def _cells(part: Figures, more: Sequence[int]) -> tuple[str, ...]:
    return (
        *(f"{count:,}" for count in (part.offered, part.answered, part.abandoned, *more)),
        _percent(part.service_level(FAST)),
        _percent(part.service_level(SLOW)),
        _seconds(part.mean_wait_s),
        _seconds(part.longest_s if part.offered else None),
        _percent(part.occupancy),
    )


@dataclass(frozen=True, slots=True)
class _Bar:
    part: Figures
    most: int

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, BAR)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[str]:
        length = round(self.part.offered / self.most * options.max_width) if self.most else 0
        fast = round(self.part.within_15 / self.part.offered * length) if self.part.offered else 0
        yield "█" * fast + "░" * (length - fast)


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share * 100:.{digits}f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} 秒"
