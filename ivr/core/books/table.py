"""The books as a table for people: Chinese headings, one row per interval and queue."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo

from ivr.core.books.books import Books, Line
from ivr.core.calls import Outcome

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.ANSWERED: "已接通",
    Outcome.PASSED_ON: "已转外单位",
    Outcome.ABANDONED: "排队中放弃",
    Outcome.LEFT_IN_MENU: "导航中挂机",
    Outcome.FELL_BACK: "转应急排队",
    Outcome.SHUT_DOWN: "系统停机",
}
ALL = "全部"
NO_QUEUE = "未进入队列"
TOTAL = "合计"
_NAMED = 4
"""The first columns: beginning, end, queue, offered."""
_RATINGS = {1: "非常满意", 2: "满意", 3: "一般", 4: "不满意", 5: "非常不满意", 0: "未评价"}


def headings(service_level_s: float) -> list[str]:
    level = f"{service_level_s:g} 秒"
    return [
        "开始", "结束", "队列", "呼入量", *(OUTCOMES.get(o, o.value) for o in Outcome), "进行中", "人工请求量",
        "坐席接听", f"{level}内接听", f"{level}接通率（占人工请求量）", "平均等待秒（全部）", "平均等待秒（已接）",
        "最长等待秒", "平均通话秒", *_RATINGS.values(),
    ]  # fmt: skip


def rows(books: Books, queues: Mapping[str, str]) -> Iterator[list[str]]:
    """Every interval, then the totals. A rate whose denominator is 0 is "—". `queues` are the Chinese names."""
    for line in books.lines():
        yield [_clock(line.start, books.zone), _clock(line.end, books.zone), *_cells(line, queues)]
    for line in books.totals():
        yield [TOTAL, "", *_cells(line, queues)]


def to_csv(books: Books, queues: Mapping[str, str]) -> str:
    """The whole table. Excel reads the Chinese only with the byte order mark, which is the first sign."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(headings(books.service_level_s))
    writer.writerows(rows(books, queues))
    return "\ufeff" + text.getvalue()


def columns(books: Books, queues: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    """The same by columns, as heading and cells, without those that say nothing."""
    table = zip(headings(books.service_level_s), zip(*rows(books, queues), strict=True), strict=True)
    return [(heading, cells) for n, (heading, cells) in enumerate(table) if n < _NAMED or set(cells) - {"0", "—"}]


def _cells(line: Line, queues: Mapping[str, str]) -> Iterator[str]:
    figures = line.figures
    yield _queue(line.queue, queues)
    yield str(figures.offered)
    yield from (str(figures.outcomes[outcome]) for outcome in Outcome)
    yield from map(str, (figures.in_progress, figures.queued, figures.answered, figures.answered_in_time))
    yield "—" if figures.service_level is None else f"{figures.service_level:.2%}"
    yield from map(_seconds, (figures.average_wait_s, figures.average_answered_wait_s))
    yield _seconds(figures.longest_wait_s if figures.waits else None)
    yield _seconds(figures.average_talk_s)
    yield from (str(figures.ratings[rating]) for rating in _RATINGS)


def _seconds(seconds: float | None) -> str:
    return "—" if seconds is None else f"{seconds:.2f}"


def _clock(at: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"


def _queue(queue: str | None, queues: Mapping[str, str]) -> str:
    if queue is None:
        return ALL
    return queues.get(queue, queue) or NO_QUEUE
