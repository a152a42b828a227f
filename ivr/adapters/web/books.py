"""/api/books: calls by interval and queue, as JSON and as a table for Excel."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ivr.adapters.web.desk import Ask
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import BooksQuery, BooksRow, BooksView
from ivr.core.books import Books, Line
from ivr.core.books import table as books_table
from ivr.core.calls import Outcome
from ivr.core.errors import BooksError


async def books(ask: Ask) -> BooksView:
    counted = await _count(ask)
    names = ask.parts.deps.live.state().queues

    def view() -> BooksView:
        return BooksView(
            service_level_s=counted.service_level_s,
            rows=[_row(line, names.get(line.queue or "", line.queue or "")) for line in counted.lines()],
            totals=[_row(line, names.get(line.queue or "", line.queue or "")) for line in counted.totals()],
        )

    return await asyncio.to_thread(view)


async def books_csv(ask: Ask) -> web.StreamResponse:
    counted = await _count(ask)
    text = await asyncio.to_thread(books_table.to_csv, counted, ask.parts.deps.live.state().queues)
    headers = {"Content-Disposition": 'attachment; filename="books.csv"'}
    return web.Response(body=text.encode(), content_type="text/csv", charset="utf-8", headers=headers)


async def _count(ask: Ask) -> Books:
    query: BooksQuery = ask.given
    deps = ask.parts.deps
    try:
        counted = deps.books(query.since, query.until, query.interval, query.queue)
    except BooksError as error:
        raise Refused("bad_request", str(error)) from None
    await deps.store.book(counted)
    return counted


def _row(line: Line, name: str) -> BooksRow:
    figures = line.figures
    return BooksRow(
        start=line.start,
        end=line.end,
        queue=line.queue,
        queue_name=name,
        offered=figures.offered,
        in_progress=figures.in_progress,
        outcomes={outcome.value: figures.outcomes[outcome] for outcome in Outcome},
        queued=figures.queued,
        answered=figures.answered,
        answered_in_time=figures.answered_in_time,
        service_level=figures.service_level,
        average_wait_s=figures.average_wait_s,
        average_answered_wait_s=figures.average_answered_wait_s,
        longest_wait_s=figures.longest_wait_s,
        average_talk_s=figures.average_talk_s,
        ratings={str(rating): figures.ratings[rating] for rating in range(1, 6)},
        not_rated=figures.ratings[0],
    )
