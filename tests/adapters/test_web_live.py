"""The WebSocket: snapshot, numbered changes, and what each role sees."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from ivr.adapters.web import live
from ivr.adapters.web.desk import PARTS
from ivr.adapters.web.schemas import CheckView, Live, WarningCode
from ivr.core import events as ev
from ivr.core.errors import StoreError
from tests.adapters.web_world import Client, World, build, world
from tests.patience import PATIENCE_S

__all__ = ["build", "world"]

Socket = ClientWebSocketResponse[bool]


async def told(socket: Socket) -> dict[str, Any]:
    """The next message; checked against the contract."""
    text = await asyncio.wait_for(socket.receive_str(), PATIENCE_S)
    Live.model_validate_json(text)
    return json.loads(text)


async def until(socket: Socket, wanted) -> list[dict[str, Any]]:
    """Messages up to the first that `wanted` likes."""
    messages = [await told(socket)]
    while not wanted(messages[-1]):
        messages.append(await told(socket))
    return messages


async def listen(client: Client) -> tuple[Socket, dict[str, Any]]:
    socket = await client.ws_connect("/api/live", max_msg_size=0)
    return socket, await told(socket)


def lacking(name: str, code: WarningCode, sentence: str, **params: str) -> CheckView:
    return CheckView(name=name, ok=False, needed=True, code=code, params=params, sentence=sentence)


def stages(messages: list[dict[str, Any]], call_id: str) -> list[str]:
    return [call["stage"] for m in messages for call in m["calls"] if call["call_id"] == call_id]


async def test_snapshot_then_changes_without_gaps(world: World) -> None:
    world.warnings.append(lacking("recogniser", "speech_no_model", "没有安装语音模型。"))
    before = await world.arrive("2")
    socket, first = await listen(await world.browser("banzhang"))
    assert (first["kind"], first["number"]) == ("snapshot", 1)
    assert [call["call_id"] for call in first["calls"]] == [before]
    assert [agent["agent_id"] for agent in first["agents"]] == ["8001", "8002", "8003"]
    assert [(q["queue"], q["name"], q["waiting"]) for q in first["queues"]] == [
        ("general", "综合席", 0), ("enterprise", "政企通", 1), ("deputies", "人大代表专席", 0),
    ]  # fmt: skip
    assert first["queues"][1]["longest_wait_since"] == first["calls"][0]["queued_at"]
    assert [w["code"] for w in first["warnings"]] == ["speech_no_model"]

    await world.agent_ready("8001")
    await world.answer(before)
    messages = await until(socket, lambda m: "talking" in stages([m], before))
    assert [m["number"] for m in messages] == list(range(2, 2 + len(messages)))
    assert all(m["kind"] == "change" for m in messages)
    assert messages[-1]["calls"][0]["agent_name"] == "谭思琦"
    queues = [m["queues"] for m in messages if m["queues"]]
    assert queues[-1][1]["waiting"] == 0
    assert all(m["warnings"] is None for m in messages)


async def test_warnings_are_told_when_they_change(world: World) -> None:
    socket, _ = await listen(await world.browser("8001"))
    world.warnings.append(lacking("ami", "ami_down", "Asterisk 未连接。", address="127.0.0.1:5038"))
    world.publish()
    (warning,) = (await told(socket))["warnings"]
    assert (warning["code"], warning["params"]) == ("ami_down", {"address": "127.0.0.1:5038"})
    assert warning["sentence"] == "Asterisk 未连接。"
    world.warnings.clear()
    world.publish()
    assert (await told(socket))["warnings"] == []


async def test_a_line_tells_how_many_agents_it_has(world: World) -> None:
    socket, first = await listen(await world.browser("banzhang"))
    assert {(q["ready"], q["signed_in"]) for q in first["queues"]} == {(0, 0)}
    await world.tell(ev.AgentSignedIn(world.clock(), "8002"))
    await world.agent_ready("8001")
    messages = await until(socket, lambda m: any(q["ready"] for q in m["queues"]))
    lines = {q["queue"]: (q["ready"], q["signed_in"]) for q in messages[-1]["queues"]}
    assert lines == {"general": (1, 2), "enterprise": (1, 1), "deputies": (0, 0)}


async def test_an_agent_sees_what_happens_after_the_call_and_when_wrap_up_ends(world: World) -> None:
    await world.agent_ready("8001")
    call_id = await world.arrive()
    ring_id = await world.answer(call_id)
    agent = await world.browser("8001")
    socket, _ = await listen(agent)
    for order, leaving in (("break", "break"), ("sign_out", "sign_out"), ("ready", "")):
        async with agent.post("/api/agents/me", json={"order": order}) as answer:
            assert (await answer.json())["leaving"] == leaving
    await world.tell(ev.AgentHungUp(world.clock(), call_id, ring_id))
    messages = await until(socket, lambda m: any(a["status"] == "wrap_up" for a in m["agents"]))
    (view,) = messages[-1]["agents"]
    assert view["ready_at"] == view["since"] + world.floor.rules.wrap_up_s


async def test_an_agent_sees_the_own_call_all_queues_and_no_false_gap(world: World) -> None:
    socket, first = await listen(await world.browser("8002"))
    assert [agent["agent_id"] for agent in first["agents"]] == ["8002"]
    for _ in range(3):
        await world.talk("8001")
    await world.agent_ready("8002")
    own = await world.arrive("")
    messages = await until(socket, lambda m: "ringing" in stages([m], own))
    assert messages[-1]["queues"][0]["waiting"] == 1
    await world.answer(own)
    messages += await until(socket, lambda m: "talking" in stages([m], own))
    assert messages[-1]["queues"][0]["waiting"] == 0
    assert [m["number"] for m in messages] == list(range(2, 2 + len(messages)))
    assert {call["call_id"] for m in messages for call in m["calls"]} == {own}
    assert {agent["agent_id"] for m in messages for agent in m["agents"]} == {"8002"}


async def test_a_call_that_was_not_answered_leaves_the_agents_screen(world: World) -> None:
    await world.agent_ready("8001")
    socket, _ = await listen(await world.browser("8001"))
    call_id = await world.arrive("2")
    await until(socket, lambda m: "ringing" in stages([m], call_id))
    ring = world.floor.calls[call_id].ring
    await world.tell(ev.RingEnded(world.clock(), call_id, ring.ring_id, "no_answer"))
    messages = await until(socket, lambda m: m["gone"])
    assert messages[-1]["gone"] == [call_id]
    assert stages(messages, call_id) == []


async def test_a_call_that_is_forgotten_leaves_the_screen(world: World) -> None:
    call_id = await world.talk("8001")
    socket, first = await listen(await world.browser("banzhang"))
    assert [call["call_id"] for call in first["calls"]] == [call_id]
    del world.floor.calls[call_id]
    world.publish()
    assert (await told(socket))["gone"] == [call_id]


async def test_a_snapshot_on_request(world: World) -> None:
    socket, _ = await listen(await world.browser("banzhang"))
    call_id = await world.arrive("2")
    await told(socket)
    await socket.send_json({"kind": "snapshot"})
    messages = await until(socket, lambda m: m["kind"] == "snapshot")
    assert [call["call_id"] for call in messages[-1]["calls"]] == [call_id]
    await world.arrive("2")
    assert (await told(socket))["number"] == messages[-1]["number"] + 1


@pytest.mark.parametrize("text", ["{", '{"kind":"change"}', '{"kind":"snapshot","x":1}', "x" * 5000])
async def test_a_client_that_sends_nonsense_is_disconnected(world: World, text: str) -> None:
    socket, _ = await listen(await world.browser("banzhang"))
    await socket.send_str(text)
    message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
    assert message.type is WSMsgType.CLOSE
    assert message.data in (live.NOT_UNDERSTOOD, 1009)


async def test_a_client_far_behind_gets_a_snapshot(world: World) -> None:
    socket, _ = await listen(await world.browser("banzhang"))
    world.app[PARTS].feed.publish((f"1700000000.{n}" for n in range(live.BACKLOG + 1)), ())
    message = await told(socket)
    assert (message["kind"], message["number"]) == ("snapshot", 2)


async def test_a_client_that_does_not_read_holds_nobody_up_and_then_gets_a_snapshot(world: World) -> None:
    boss = await world.browser("banzhang")
    stuck, _ = await listen(boss)
    listener = next(iter(world.app[PARTS].feed._listeners))
    stuck._conn.protocol.pause_reading()
    # Two megabytes a message, so that the buffers on the way are soon full.
    some = replace(world.floor.calls[await world.arrive("2")], keys="1" * 20_000)
    calls = {f"1700000000.{n}": replace(some, call_id=f"1700000000.{n}") for n in range(100)}
    world.floor.calls.update(calls)
    number = 0
    while listener._number != number:
        number = listener._number
        world.app[PARTS].feed.publish(calls)
        await asyncio.sleep(3 * live.PACE_S)

    for n in range(3 * live.BACKLOG):
        world.app[PARTS].feed.publish([f"1800000000.{n}"])
        assert len(listener._calls) <= live.BACKLOG
    for call_id in calls:
        del world.floor.calls[call_id]
    quick, _ = await listen(boss)
    last = await world.arrive("2")
    await until(quick, lambda m: "waiting" in stages([m], last))

    stuck._conn.protocol.resume_reading()
    messages = await until(stuck, lambda m: m["kind"] == "snapshot")
    assert [m["number"] for m in messages] == list(range(2, 2 + len(messages)))
    assert {call["call_id"] for call in messages[-1]["calls"]} == set(world.floor.calls)


async def test_signing_out_closes_the_connection(world: World) -> None:
    client = await world.browser("8001")
    socket, _ = await listen(client)
    await client.delete("/api/session")
    message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
    assert (message.type, message.data) == (WSMsgType.CLOSE, live.SIGNED_OUT)


async def test_a_session_that_ends_closes_the_connection(world: World) -> None:
    socket, _ = await listen(await world.browser("8001"))
    await world.store.remove_account("8001")
    world.now += live.RECHECK_S
    world.publish()
    message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
    assert (message.type, message.data) == (WSMsgType.CLOSE, live.SIGNED_OUT)


async def test_a_store_that_fails_does_not_blind_the_consoles(world: World) -> None:
    socket, _ = await listen(await world.browser("8001"))

    async def broken(*_: object) -> None:
        raise StoreError("hotline.db: the disk is full.")

    world.store.session = broken
    world.now += live.RECHECK_S
    world.warnings.append(lacking("store", "store_failed", "数据库不可用。"))
    world.publish()
    assert [w["code"] for w in (await told(socket))["warnings"]] == ["store_failed"]


async def test_the_server_says_goodbye(world: World) -> None:
    socket, _ = await listen(await world.browser("8001"))
    stopping = asyncio.create_task(world.server.close())
    message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
    await stopping


async def test_connections_leave_nothing_behind(world: World) -> None:
    client = await world.browser("8001")
    for _ in range(3):
        socket, _ = await listen(client)
        await socket.close()
    if senders := [task for task in asyncio.all_tasks() if task.get_name() == "live"]:
        await asyncio.wait(senders, timeout=PATIENCE_S)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "live"]
    assert not world.app[PARTS].feed._listeners


async def test_a_fault_closes_the_connection_instead_of_showing_old_state(world: World) -> None:
    socket, _ = await listen(await world.browser("8001"))
    world.state = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        world.publish()
    world.app[PARTS].feed.publish()
    message = await asyncio.wait_for(socket.receive(), PATIENCE_S)
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1011)
