"""Nuisance callers over HTTP: an agent proposes, a supervisor sets and lifts, the database remembers."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from ivr.core import events as ev
from ivr.core.marks import Marks
from tests.adapters.web_world import Build, World, build, world

__all__ = ["Build", "build", "world"]

ANI = "+8613800138000"


async def test_an_agent_proposes_and_a_supervisor_marks_and_lifts(world: World) -> None:
    call_id = await world.talk("8001", ANI)
    agent, boss = await world.browser("8001"), await world.browser("banzhang")
    assert (await agent.post(f"/api/calls/{call_id}/proposal", json={"reason": "反复辱骂"})).status == 200
    shown = await (await boss.get("/api/marks")).json()
    assert shown["marks"] == []
    assert [(p["number"], p["by"], p["reason"]) for p in shown["proposals"]] == [(ANI, "8001", "反复辱骂")]

    answer = await boss.post("/api/marks", json={"number": ANI, "reason": "听过录音，属实", "days": 3})
    mark = await answer.json()
    assert (mark["by"], mark["until"] - mark["set_at"]) == ("banzhang", pytest.approx(3 * 86400))
    shown = await (await boss.get("/api/marks")).json()
    assert (shown["marks"], shown["proposals"]) == ([mark], [])
    assert [m.number for m in await world.store.marks(world.now)] == [ANI]

    again = await world.arrive("", "13800138000")
    assert world.floor.calls[again].slowed_by == "mark"
    assert (await (await boss.get(f"/api/calls/{again}")).json())["slowed_by"] == "mark"

    assert (await boss.delete(f"/api/marks/{quote(ANI)}", json={"reason": "已道歉"})).status == 200
    assert await world.store.marks(world.now) == []
    kinds = [row.kind for row in await world.store.journal_after(0, 1000)]
    assert [kinds.count(k) for k in ("MarkProposed", "CallerMarked", "MarkLifted")] == [1, 1, 1]
    assert not world.floor.calls[await world.arrive("", ANI)].slowed_by


async def test_a_supervisor_declines_a_proposal(world: World) -> None:
    call_id = await world.talk("8001", ANI)
    agent, boss = await world.browser("8001"), await world.browser("banzhang")
    address = f"/api/calls/{call_id}/proposal"
    await agent.post(address, json={"reason": "说话难听"})
    assert (await agent.delete(address, json={"reason": "算了"})).status == 403
    assert (await boss.delete(address, json={"reason": " "})).status == 400
    assert (await (await boss.delete(address, json={"reason": "听过录音，不属实"})).json())["number"] == ANI
    assert (await (await boss.get("/api/marks")).json())["proposals"] == []
    answer = await boss.delete(address, json={"reason": "再来"})
    assert (answer.status, (await answer.json())["code"]) == (404, "proposal_not_found")
    assert (await world.store.journal_after(0, 1000))[-1].kind == "MarkDeclined"
    await agent.post(address, json={"reason": "又来了"})
    assert [p["reason"] for p in (await (await boss.get("/api/marks")).json())["proposals"]] == ["又来了"]


async def test_a_mark_is_over_after_its_days(world: World) -> None:
    boss = await world.program("supervisor")
    await boss.post("/api/marks", json={"number": ANI, "reason": "反复辱骂", "days": 30})
    kept = Marks(await world.store.marks(world.now))
    assert kept.of(ANI, world.now)
    world.now += 30 * 86400 + 1
    assert (await (await boss.get("/api/marks")).json())["marks"] == []
    assert await world.store.marks(world.now) == []
    assert kept.of(ANI, world.now) is None


@pytest.mark.parametrize(
    "order",
    [
        {"number": ANI},
        {"number": ANI, "reason": "  "},
        {"number": ANI, "reason": "x", "days": 31},
        {"number": ANI, "reason": "x", "days": 0},
        {"number": "anonymous", "reason": "x"},
    ],
)
async def test_no_mark_without_reason_and_end(world: World, order: dict[str, object]) -> None:
    boss = await world.browser("banzhang")
    answer = await boss.post("/api/marks", json=order)
    assert (answer.status, (await answer.json())["code"]) == (400, "bad_request")


async def test_nobody_proposes_for_the_call_of_another_or_without_a_number(world: World) -> None:
    call_id = await world.talk("8001", ANI)
    other = await world.browser("8002")
    assert (await other.post(f"/api/calls/{call_id}/proposal", json={"reason": "x"})).status == 404
    withheld = await world.talk("8002", "")
    answer = await other.post(f"/api/calls/{withheld}/proposal", json={"reason": "x"})
    assert (answer.status, (await answer.json())["code"]) == (409, "number_withheld")


async def test_a_new_mark_takes_the_place_of_the_old_one(world: World) -> None:
    now = world.clock()
    await world.tell(ev.CallerMarked(now, ANI, "banzhang", "一", now + 86400))
    await world.tell(ev.CallerMarked(now + 1, ANI, "admin", "二", now + 2 * 86400))
    assert [m.reason for m in await world.store.marks(now + 2)] == ["二"]
    assert [m.reason for m in world.floor.marks.holding(now + 2)] == ["二"]


async def test_calls_before_a_restart_still_count(world: World) -> None:
    call_id = await world.talk("8001", ANI)
    assert [(c, a) for c, a, _ in await world.store.lately(world.now - 600)] == [(call_id, ANI)]
    assert await world.store.lately(world.now + 1) == []
