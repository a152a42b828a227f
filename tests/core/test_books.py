"""The books: offered = the sum of outcomes + in progress, for every interval, queue, and way of cutting the time."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core.books import INTERVALS, Books, Entry, Figures, Kept, imbalance
from ivr.core.books import table as books_table
from ivr.core.calls import Call, Outcome
from ivr.core.errors import BooksError
from tests.core.world import World

ZONE = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=ZONE).timestamp()
LEVEL_S = 15.0


def entry(call: Call) -> Entry:
    spoken = call.answered.answered_at if call.answered else None
    now = call.ended_at or call.arrived_at
    return Entry(call.call_id, call.queue, call.arrived_at, call.queued_at, spoken, call.ended_at, call.outcome,
                 call.wait_s(now), call.talk_s(now), call.rating)  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    arrived_at = MIDNIGHT + draw(st.one_of(st.floats(-7200, 7200), st.sampled_from([-900.0, -0.001, 0.0, 1800.0])))
    outcome = draw(st.none() | st.sampled_from(list(Outcome)))
    queued_at = draw(st.none() | st.just(arrived_at + 5))
    answered_at = draw(st.none() | st.floats(0, 60).map(lambda s: arrived_at + 5 + s)) if queued_at else None
    ended_at = arrived_at + 300 if outcome else None
    wait_s = (answered_at or ended_at or queued_at) - queued_at if queued_at else None
    queue = draw(st.sampled_from(["general", "enterprise"])) if queued_at else ""
    rating = draw(st.none() | st.integers(0, 5))
    return Entry("1.1", queue, arrived_at, queued_at, answered_at, ended_at, outcome, wait_s, 60.0, rating)


def balances(figures: Figures) -> bool:
    return figures.offered == figures.outcomes.total() + figures.in_progress


def counted(calls: list[Entry], interval: str, since: float, until: float, queue: str | None = None) -> Books:
    books = Books(since, until, interval, ZONE, LEVEL_S, queue)
    for call in calls:
        books.add(call)
    return books


def sums(books: Books, queue: str | None) -> tuple[object, ...]:
    parts = [line.figures for line in books.lines() if line.queue == queue]
    outcomes: Counter[Outcome] = Counter()
    ratings: Counter[int] = Counter()
    for part in parts:
        outcomes += part.outcomes
        ratings += part.ratings
    plain = ("offered", "in_progress", "queued", "answered", "answered_in_time", "waits", "talks")
    return (*(sum(getattr(part, name) for part in parts) for name in plain), outcomes, ratings,
            max((part.longest_wait_s for part in parts), default=0.0))  # fmt: skip


@settings(max_examples=200)
@given(st.lists(entries(), max_size=30), st.integers(0, 4 * 3600))
def test_the_sums_balance_for_every_interval_and_every_way_of_cutting(calls: list[Entry], cut_s: int) -> None:
    since, until = MIDNIGHT - 7200, MIDNIGHT + 7201
    whole = {interval: counted(calls, interval, since, until) for interval in INTERVALS}
    for books in whole.values():
        assert all(balances(line.figures) for line in [*books.lines(), *books.totals()])
        assert books.totals()[0].figures.offered == len(calls)
        for line in books.totals():
            assert sums(books, line.queue) == sums(whole["15"], line.queue)
    cut = since + 0.5 + cut_s
    for interval in INTERVALS:
        first, second = counted(calls, interval, since, cut), counted(calls, interval, cut, until)
        offered = [books.totals()[0].figures.offered for books in (first, second)]
        assert sum(offered) == len(calls)
        for queue in ("general", "enterprise", ""):
            alone = counted(calls, interval, since, until, queue).totals()
            assert [line.queue for line in alone] == [queue]
            assert alone[0].figures.offered == sum(call.queue == queue for call in calls)


@settings(max_examples=30)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_a_night_with_restarts_is_booked_as_the_journal_tells_it(seed: int) -> None:
    world = World(Random(seed))
    world.now = MIDNIGHT - 120
    for _ in range(150):
        world.step()
    began = {e.call_id: e.at for e in world.journal if isinstance(e, ev.CallArrived)}
    ended = {e.call_id: e.outcome for e in world.journal if isinstance(e, ev.CallEnded)}
    floor = World(Random(0)).floor
    floor.restore(world.journal, [], world.now)
    books = counted([entry(call) for call in floor.calls.values()], "day", MIDNIGHT - 86400, MIDNIGHT + 86400)
    before, after = [line for line in books.lines() if line.queue is None]
    for line, of_day in ((before, lambda at: at < MIDNIGHT), (after, lambda at: at >= MIDNIGHT)):
        told = {call_id for call_id, at in began.items() if of_day(at)}
        assert line.figures.offered == len(told)
        assert line.figures.outcomes == Counter(ended[call_id] for call_id in told if call_id in ended)
        assert line.figures.in_progress == len(told - set(ended))


def test_a_call_over_midnight_belongs_to_the_day_on_which_it_arrived() -> None:
    late = Entry(
        "1.1", "general", MIDNIGHT - 1, MIDNIGHT + 4, MIDNIGHT + 20, MIDNIGHT + 90, Outcome.ANSWERED, 16, 70, 1
    )
    first, second = [
        line for line in counted([late], "day", MIDNIGHT - 86400, MIDNIGHT + 86400).lines() if line.queue is None
    ]
    assert (first.figures.offered, second.figures.offered) == (1, 0)
    assert (first.end, second.start) == (MIDNIGHT, MIDNIGHT)


def test_the_figures() -> None:
    at = MIDNIGHT + 60
    calls = [
        Entry("1.1", "general", at, at, at + 15, at + 100, Outcome.ANSWERED, 15, 85, 1),
        Entry("1.2", "general", at, at, at + 25, at + 100, Outcome.ANSWERED, 25, 75, 0),
        Entry("1.3", "general", at, at, None, at + 50, Outcome.ABANDONED, 50, 0, None),
        Entry("1.4", "general", at, at, None, None, None, 3, 0, None),
        Entry("1.5", "", at, None, None, at + 2, Outcome.LEFT_IN_MENU, None, 0, None),
    ]
    figures = counted(calls, "15", MIDNIGHT, MIDNIGHT + 900).totals()[0].figures
    assert (figures.offered, figures.in_progress, figures.queued, figures.answered) == (5, 1, 4, 2)
    assert figures.service_level == 1 / 4
    assert (figures.average_wait_s, figures.average_answered_wait_s, figures.longest_wait_s) == (30, 20, 50)
    assert figures.average_talk_s == 80
    assert figures.ratings == {1: 1, 0: 1}


def test_intervals_begin_on_the_citys_clock() -> None:
    zone = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead of UTC
    books = Books(MIDNIGHT, MIDNIGHT + 3600, "60", zone, LEVEL_S)
    assert {datetime.fromtimestamp(start, zone).minute for start, _ in books.intervals()} == {0}
    assert [end for _, end in books.intervals()][:-1] == [start for start, _ in books.intervals()][1:]


def test_intervals_meet_when_the_clocks_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    since, until = (datetime(2026, 10, day, tzinfo=zone).timestamp() for day in (25, 26))
    for interval, number in (("15", 100), ("30", 50), ("60", 25), ("day", 1)):
        spans = list(Books(since, until, interval, zone, LEVEL_S).intervals())
        assert len(spans) == number
        assert (spans[0][0], spans[-1][1]) == (since, until)
        assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]


@pytest.mark.parametrize(
    ("since", "until", "interval", "word"),
    [(0, 0, "day", "after its beginning"), (0, 9, "20", "15, 30, 60, day"), (0, 9e8, "15", "more than 3000")],
)
def test_what_cannot_be_shown_is_refused(since: float, until: float, interval: str, word: str) -> None:
    with pytest.raises(BooksError, match=word):
        Books(since, until, interval, ZONE, LEVEL_S)


def test_the_table_has_a_cell_for_every_heading() -> None:
    call = Entry("1.1", "general", MIDNIGHT, MIDNIGHT, MIDNIGHT + 9, MIDNIGHT + 99, Outcome.ANSWERED, 9, 90, 1)
    text = books_table.to_csv(counted([call], "30", MIDNIGHT, MIDNIGHT + 3600), {"general": "综合席"})
    assert text.startswith("\ufeff开始,")
    head, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert {len(row) for row in rows} == {len(head)}
    assert [row[:4] for row in rows] == [
        ["2026-11-24 00:00", "2026-11-24 00:30", "全部", "1"],
        ["2026-11-24 00:00", "2026-11-24 00:30", "综合席", "1"],
        ["2026-11-24 00:30", "2026-11-24 01:00", "全部", "0"],
        ["2026-11-24 00:30", "2026-11-24 01:00", "综合席", "0"],
        ["合计", "", "全部", "1"],
        ["合计", "", "综合席", "1"],
    ]
    assert rows[0][head.index("15 秒接通率（占人工请求量）")] == "100.00%"
    assert rows[2][head.index("15 秒接通率（占人工请求量）")] == "—"


GOOD = Kept("1.1", 1.0, 2.0, "answered", ("answered",))


@pytest.mark.parametrize(
    ("kept", "word"),
    [
        (GOOD, ""),
        (Kept("1.1", 1.0, None, None, ()), ""),
        (replace(GOOD, arrived_at=None), "not in the table"),
        (replace(GOOD, ends=("answered", "abandoned")), "ended 2 times"),
        (replace(GOOD, ends=()), "not over in the journal"),
        (replace(GOOD, ends=("abandoned",)), "answered in the table and abandoned in the journal"),
        (replace(GOOD, outcome=None), "an end and no outcome"),
        (replace(GOOD, ended_at=None), "an outcome and no end"),
        (replace(GOOD, outcome="vanished", ends=("vanished",)), "'vanished'"),
    ],
)
def test_a_call_that_breaks_the_balance_is_named(kept: Kept, word: str) -> None:
    sentence = imbalance(kept)
    assert bool(sentence) == bool(word)
    assert word in sentence and ("1.1" in sentence or not word)
