"""Tasks of calling back over HTTP: whom, when, and what people decide."""

from __future__ import annotations

from ivr.core import events as ev
from tests.adapters.web_world import World, build, world

__all__ = ["build", "world"]


async def test_a_supervisor_sees_orders_and_closes_them(world: World) -> None:
    call_id = await world.arrive("2", ani="13900000001")
    await world.tell(ev.CallerHungUp(world.clock(), call_id, 16))
    boss, agent = await world.browser("banzhang"), await world.browser("8001")
    assert (await agent.get("/api/callbacks")).status == 403
    (task,) = (await (await boss.get("/api/callbacks")).json())["callbacks"]
    assert (task["number"], task["reason"], task["state"], task["queue_name"]) == (
        *("13900000001", "abandoned", "open"),
        "政企通",
    )
    assert (task["call_id"], task["history"][0]["what"]) == (call_id, "opened")
    assert task["next_at"] is None, "this hotline has no way outside"
    path = f"/api/callbacks/{task['task_id']}"

    ordered = await (await boss.post(f"{path}/call")).json()
    assert (ordered["state"], ordered["history"][-1]["detail"]) == ("open", "banzhang")

    assert (await boss.post(f"{path}/close", json={"reason": " "})).status == 400
    closed = await (await boss.post(f"{path}/close", json={"reason": "市民已到现场"})).json()
    assert (closed["state"], closed["history"][-1]["detail"]) == ("closed", "banzhang: 市民已到现场")
    assert (await (await boss.get("/api/callbacks")).json())["callbacks"] == []
    (kept,) = (await (await boss.get("/api/callbacks", params={"state": "closed"})).json())["callbacks"]
    assert kept["task_id"] == task["task_id"]
    for order in ("call", "close"):
        answer = await boss.post(f"{path}/{order}", json={"reason": "再次办结"})
        assert (answer.status, (await answer.json())["code"]) == (404, "callback_not_found")
