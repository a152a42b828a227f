"""The books over HTTP."""

from __future__ import annotations

import csv
import io

from ivr.core import events as ev
from tests.adapters.web_world import World, build, world

__all__ = ["build", "world"]


async def test_the_books_of_a_day(world: World) -> None:
    await world.talk("8001")
    lost = await world.arrive("2")
    await world.tell(ev.CallerHungUp(world.clock(), lost, 16))
    await world.arrive()
    boss = await world.browser("banzhang")
    period = {"from": repr(world.now - 3600), "to": repr(world.now + 3600), "interval": "60"}
    answer = await boss.get("/api/books", params=period)
    assert answer.status == 200, await answer.text()
    books = await answer.json()
    total = books["totals"][0]
    assert (total["queue"], total["offered"], total["in_progress"], total["answered"]) == (None, 3, 1, 1)
    assert total["outcomes"]["answered"] == total["outcomes"]["abandoned"] == 1
    assert total["offered"] == sum(total["outcomes"].values()) + total["in_progress"]
    assert (total["ratings"]["1"], total["not_rated"]) == (1, 0)
    assert "政企通" in [row["queue_name"] for row in books["totals"]]
    assert sum(row["offered"] for row in books["rows"] if row["queue"] is None) == 3

    answer = await boss.get("/api/books.csv", params=period)
    raw = await answer.read()
    assert raw.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(raw.decode("utf-8-sig")))
    assert head[3] == "呼入量"
    assert [row[3] for row in rows if row[0] == "合计" and row[2] == "全部"] == ["3"]


async def test_who_may_see_the_books_and_what_is_refused(world: World) -> None:
    agent, boss = await world.browser("8001"), await world.browser("banzhang")
    period = {"from": "0", "to": "86400"}
    for path in ("/api/books", "/api/books.csv"):
        assert (await agent.get(path, params=period)).status == 403
        assert (await boss.get(path, params=period)).status == 200
        for wrong in ({"to": "0"}, {"to": "nan"}, {"to": "1e300"}, {"interval": "7"}, {"to": "9e9", "interval": "15"}):
            answer = await boss.get(path, params=period | wrong)
            assert answer.status == 400, wrong
            assert (await answer.json())["code"] == "bad_request"
