"""The archive over HTTP: list, one call, its sound."""

from __future__ import annotations

import pytest

from ivr.core import events as ev
from tests.adapters.web_world import World, build, world
from tests.core.world import REGISTERS

__all__ = ["build", "world"]


async def get(client, path: str, **query):
    answer = await client.get(path, params=query)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_one_call_with_its_whole_story(world: World) -> None:
    call_id = await world.talk("8001")
    boss = await world.browser("banzhang")
    call = await get(boss, f"/api/calls/{call_id}")
    assert (call["ani"], call["dnis"], call["keys"]) == ("13800138000", "12345", "2")
    assert (call["queue"], call["queue_name"], call["mark"]) == ("enterprise", "政企通", "enterprise")
    assert (call["agent_id"], call["agent_name"]) == ("8001", "谭思琦")
    assert (call["stage"], call["outcome"], call["rating"]) == ("ended", "answered", 1)
    assert call["note_state"] == "written"
    assert call["note"]["lines"] == [
        {"speaker": "caller", "start_s": 0.5, "end_s": 2.0, "text": "你好", "confidence": 0.9}
    ]
    assert [ring["agent_name"] for ring in call["rings"]] == ["谭思琦"]
    assert call["rings"][0]["why"]
    assert [r["leg"] for r in call["recordings"]] == ["caller", "agent"]
    kinds = [entry["kind"] for entry in call["timeline"]]
    assert kinds[0] == "CallArrived"
    assert kinds[-1] == "NoteWritten"
    assert [entry["seq"] for entry in call["timeline"]] == sorted(entry["seq"] for entry in call["timeline"])
    assert 0 <= call["wait_s"] < 5
    assert 0 <= call["talk_s"] < 5


async def test_a_note_is_awaited_from_the_moment_there_is_a_recording(world: World) -> None:
    await world.agent_ready("8001")
    call_id = await world.arrive()
    ring_id = await world.answer(call_id)
    boss = await world.browser("banzhang")
    assert (await get(boss, f"/api/calls/{call_id}"))["note"]["state"] == "none"
    await world.record(call_id, ring_id)
    call = await get(boss, f"/api/calls/{call_id}")
    assert call["note"]["state"] == "pending"
    assert {leg["ring_id"] for leg in call["recordings"]} == {ring_id}


async def test_whoever_is_rung_sees_the_citizens_earlier_calls(world: World) -> None:
    first = await world.talk("8002", ani="13900000001")
    await world.talk("8002", ani="139000000012")
    await world.agent_ready("8001")
    now = await world.arrive(ani="13900000001")
    agent, boss = await world.browser("8001"), await world.browser("banzhang")
    for person in (agent, boss):
        earlier = (await get(person, f"/api/calls/{now}/earlier"))["calls"]
        assert [(call["call_id"], call["agent_id"]) for call in earlier] == [(first, "8002")]
    assert (await agent.get(f"/api/calls/{first}/earlier")).status == 404
    withheld = await world.arrive("", ani="")
    assert await get(boss, f"/api/calls/{withheld}/earlier") == {"calls": [], "next_before": None}


async def test_pages_hold_every_call_once(world: World) -> None:
    made = [await world.arrive() for _ in range(5)]
    boss = await world.browser("banzhang")
    seen, query = [], {"limit": 2}
    while True:
        page = await get(boss, "/api/calls", **query)
        seen += [call["call_id"] for call in page["calls"]]
        if page["next_before"] is None:
            break
        query["before"] = repr(page["next_before"])
    assert seen == made[::-1]


async def test_a_day_of_calls_is_between_two_times(world: World) -> None:
    calls = []
    for _ in range(3):
        call_id = await world.arrive()
        calls.append((call_id, world.floor.calls[call_id].arrived_at))
        world.now += 3600
    boss = await world.browser("banzhang")
    page = await get(boss, "/api/calls", since=repr(calls[1][1]), before=repr(calls[2][1]))
    assert [call["call_id"] for call in page["calls"]] == [calls[1][0]]


async def test_conditions_narrow_the_list(world: World) -> None:
    first = await world.talk("8001", ani="13900000001")
    second = await world.talk("8002", ani="13900000002")
    lost = await world.arrive("2", ani="07311234567")
    await world.tell(ev.CallerHungUp(world.clock(), lost, 16))
    boss = await world.browser("banzhang")

    async def listed(**query) -> list[str]:
        return [call["call_id"] for call in (await get(boss, "/api/calls", **query))["calls"]]

    assert await listed() == [lost, second, first]
    assert await listed(queue="enterprise") == [lost, first]
    assert await listed(outcome="answered") == [second, first]
    assert await listed(outcome="abandoned") == [lost]
    assert await listed(agent="8002") == [second]
    assert await listed(q="0731") == [lost]
    assert await listed(q="13900", agent="8001") == [first]


async def test_agents_see_their_own_calls_only(world: World) -> None:
    first, second = await world.talk("8001"), await world.talk("8002")
    agent = await world.browser("8002")
    assert [call["call_id"] for call in (await get(agent, "/api/calls"))["calls"]] == [second]
    assert (await get(agent, "/api/calls", agent="8001"))["calls"] == []
    await get(agent, f"/api/calls/{second}")
    for path in (f"/api/calls/{first}", f"/api/calls/{first}/recordings/{first}-1-caller", "/api/calls/1700000000.77"):
        answer = await agent.get(path)
        assert (answer.status, (await answer.json())["code"][-9:]) == (404, "not_found")
    program = await world.program("agent")
    assert (await get(program, "/api/calls"))["calls"] == []
    assert (await program.get(f"/api/calls/{first}")).status == 404


async def test_a_live_call_is_told_as_it_is_now(world: World) -> None:
    call_id = await world.arrive()
    world.now += 40
    boss = await world.browser("banzhang")
    call = await get(boss, f"/api/calls/{call_id}")
    assert call["stage"] == "waiting"
    assert 40 <= call["wait_s"] < 45


async def test_the_sound_and_parts_of_it(world: World) -> None:
    call_id = await world.talk("8001")
    agent = await world.browser("8001")
    recording_id = f"{call_id}-1-caller"
    path = f"/api/calls/{call_id}/recordings/{recording_id}"
    answer = await agent.get(path)
    sound = await answer.read()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{recording_id}.wav"'
    assert sound[:4] == b"RIFF"
    part = await agent.get(path, headers={"Range": "bytes=44-143"})
    assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 44-143/{len(sound)}")
    assert await part.read() == sound[44:144]
    assert (await agent.get(path, headers={"Range": "bytes=999999-"})).status == 416
    other = await agent.get(f"/api/calls/{call_id}/recordings/{call_id}-2-caller")
    assert (await other.json())["code"] == "recording_not_found"


async def test_a_lost_file_and_one_outside_the_folder_are_not_sent(world: World) -> None:
    call_id = await world.talk("8001")
    boss = await world.browser("banzhang")
    caller, agent = await world.store.recordings(call_id)
    (world.folder / "recordings" / caller.path).unlink()
    (world.folder / "recordings" / agent.path).unlink()
    (world.folder / "recordings" / agent.path).symlink_to(world.folder / "hotline.db")
    for recording in (caller, agent):
        answer = await boss.get(f"/api/calls/{call_id}/recordings/{recording.recording_id}")
        assert (answer.status, (await answer.json())["code"]) == (404, "recording_file_missing")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "outcome=gone", "before=x", "colour=red"])
async def test_a_query_that_makes_no_sense_is_refused_by_name(world: World, query: str) -> None:
    boss = await world.browser("banzhang")
    answer = await boss.get(f"/api/calls?{query}")
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (400, "bad_request")
    assert query.partition("=")[0] in problem["en"]


async def test_the_ledger_of_the_deputies_and_the_calls_of_a_merged_hotline(world: World) -> None:
    world.floor.registers = REGISTERS
    deputy = await world.arrive(ani="+8613907330001")
    other = await world.arrive()
    await world.tell(ev.CallArrived(world.clock(), "9.9", "PJSIP/x", "13907330001", "12369"))
    boss = await world.browser("banzhang")
    ledger = (await get(boss, "/api/calls", mark="deputy"))["calls"]
    assert [call["call_id"] for call in ledger] == ["9.9", deputy]
    assert {(call["known_as"], call["person"], call["level"]) for call in ledger} == {("deputy", "张三", "市")}
    from_12369 = (await get(boss, "/api/calls", hotline="12369"))["calls"]
    assert [(call["call_id"], call["hotline_name"]) for call in from_12369] == [("9.9", "环保热线")]
    await world.tell(ev.CallerHungUp(world.clock(), "9.9"))
    world.floor.calls.pop("9.9")
    archived = await get(boss, "/api/calls/9.9")
    assert (archived["person"], archived["level"], archived["hotline"], archived["mark"]) == (
        "张三",
        "市",
        "12369",
        "deputy",
    )
    assert (await get(boss, f"/api/calls/{other}"))["known_as"] == ""


async def test_a_supervisor_moves_a_waiting_caller_up_and_says_why(world: World) -> None:
    first, second = await world.arrive(""), await world.arrive("")
    boss = await world.browser("banzhang")
    answer = await boss.post(f"/api/calls/{second}/move-up", json={"reason": " 独居老人 "})
    assert answer.status == 200
    moved = [entry for entry in (await answer.json())["timeline"] if entry["kind"] == "CallMovedUp"]
    assert [(entry["fields"]["by"], entry["fields"]["reason"]) for entry in moved] == [("banzhang", "独居老人")]
    await world.agent_ready("8002")
    assert world.floor.calls[second].ring
    assert world.floor.calls[first].ring is None
    assert "moved up" in (await get(boss, f"/api/calls/{second}"))["rings"][0]["why"][0]


@pytest.mark.parametrize("body", [{}, {"reason": "  "}, {"reason": "x" * 201}, {"reason": "好的", "a": 1}])
async def test_nobody_is_moved_up_without_a_reason(world: World, body: dict[str, object]) -> None:
    call_id = await world.arrive("")
    boss = await world.browser("banzhang")
    assert (await boss.post(f"/api/calls/{call_id}/move-up", json=body)).status == 400
    assert world.floor.calls[call_id].moved_at is None


async def test_only_who_waits_can_be_moved_up(world: World) -> None:
    boss = await world.browser("banzhang")
    call_id = await world.talk("8001")
    assert (await boss.post(f"/api/calls/{call_id}/move-up", json={"reason": "投诉"})).status == 409
    assert (await boss.post("/api/calls/1.1/move-up", json={"reason": "投诉"})).status == 404


async def test_who_gave_up_is_told_with_the_reason_why_nobody_came(world: World) -> None:
    call_id = await world.arrive("")
    await world.tell(ev.CallerHungUp(world.clock(), call_id, 16))
    boss = await world.browser("banzhang")
    timeline = (await get(boss, f"/api/calls/{call_id}"))["timeline"]
    ended = next(entry for entry in timeline if entry["kind"] == "CallEnded")
    assert ended["fields"]["why"][1:] == ["skill general: 0 free, 0 signed in"]


async def test_who_talked_with_a_number_last_is_found(world: World) -> None:
    began = world.clock()
    assert await world.store.former_agent("13900000001", 0) == ""
    await world.talk("8001", ani="13900000001")
    await world.talk("8002", ani="13900000001")
    await world.arrive("", ani="13900000001")
    assert await world.store.former_agent("13900000001", began - 1) == "8002"
    assert await world.store.former_agent("13900000001", world.clock() + 1) == ""
    assert await world.store.former_agent("13900000002", 0) == ""
