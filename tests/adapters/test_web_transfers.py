"""The desk over HTTP: who may transfer what, to whom, and when."""

from __future__ import annotations

import pytest

from ivr.core import events as ev
from ivr.core.calls import Stage
from ivr.core.dialplan.departments import Department, Departments
from tests.adapters.web_world import Client, World, build, world

__all__ = ["build", "world"]

TABLE = {
    "water": Department(name="供水", number="96533"),
    "police": Department(name="110", number="110", emergency=True),
}


@pytest.fixture
async def talk(world: World) -> tuple[World, str, Client]:
    """Agent 8001 talks with a citizen."""
    world.floor.plan = world.floor.plan.model_copy(update={"departments": Departments(department=TABLE)})
    await world.agent_ready("8001")
    call_id = await world.arrive()
    await world.answer(call_id)
    return world, call_id, await world.browser("8001")


async def order(client: Client, **body: str) -> tuple[int, dict[str, object]]:
    answer = await client.post("/api/desk/transfer", json=body)
    return answer.status, await answer.json()


async def test_emergencies_come_first(talk: tuple[World, str, Client]) -> None:
    answer = await talk[2].get("/api/desk/departments")
    assert [(d["department"], d["name"]) for d in (await answer.json())["departments"]] == [
        ("police", "110"), ("water", "供水"),
    ]  # fmt: skip


async def test_colleagues_who_are_ready_can_take_over(talk: tuple[World, str, Client]) -> None:
    world, _, agent = talk
    await world.agent_ready("8002")
    await world.tell(ev.AgentSignedIn(world.clock(), "8003"))
    told = await (await agent.get("/api/desk/departments")).json()
    assert [(one["agent_id"], one["ready"]) for one in told["agents"]] == [("8002", True), ("8003", False)]
    assert told["agents"][0]["desks"] == [world.state().queues["general"]]


async def test_a_desk_goes_by_the_skill_of_its_queue_whatever_the_queue_is_called(
    talk: tuple[World, str, Client],
) -> None:
    world, _, agent = talk
    await world.agent_ready("8003")
    queues = world.floor.plan.queues
    english = queues.queue["general"].model_copy(update={"name": "英语席", "skill": ("deputies",)})
    longer = queues.model_copy(update={"queue": {**queues.queue, "general_en": english}})
    world.switchboard.change_plan(world.floor.plan.model_copy(update={"queues": longer}))
    told = await (await agent.get("/api/desk/departments")).json()
    assert "英语席" in told["agents"][0]["desks"]


async def test_a_colleague_is_consulted(talk: tuple[World, str, Client]) -> None:
    world, call_id, agent = talk
    status, problem = await order(agent, kind="consult", agent="8002")
    assert (status, problem["code"]) == (409, "colleague_not_ready")
    assert "8002" in str(problem["zh"])
    await world.agent_ready("8002")
    status, call = await order(agent, kind="consult", agent="8002")
    assert status == 200
    assert call["colleague"]["by"] == "8001" and call["colleague"]["agent_id"] == "8002"  # type: ignore[index]
    other = await world.browser("8002")
    assert (await (await other.get(f"/api/calls/{call_id}")).json())["colleague"]["by"] == "8001"
    assert (await order(other, kind="cancel"))[1]["code"] == "no_talk", "the citizen is another agent's"


async def test_consult_answered_complete(talk: tuple[World, str, Client]) -> None:
    world, call_id, agent = talk
    ring = world.floor.calls[call_id].ring
    assert ring
    assert (await order(agent, kind="complete"))[1]["code"] == "transfer_refused"
    assert (await order(agent, kind="consult", department="police"))[0] == 200
    assert (await order(agent, kind="blind", number="12345"))[1]["code"] == "transfer_refused", "one at a time"
    await world.tell(ev.AgentMoved(world.clock(), call_id, ring.ring_id))
    assert world.floor.calls[call_id].stage is Stage.CONSULTING
    assert (await order(agent, kind="three_way", number="119"))[1]["code"] == "bad_request", "whom is clear"
    assert (await order(agent, kind="complete"))[1]["code"] == "transfer_refused", "nobody has answered"
    await world.tell(ev.LegAnswered(world.clock(), call_id, f"{call_id}/t1"))
    status, call = await order(agent, kind="complete")
    assert (status, call["stage"], call["leg"]["name"]) == (200, "room", "110")  # type: ignore[index]
    boss = await world.browser("banzhang")
    told = await (await boss.get(f"/api/calls/{call_id}")).json()
    assert [(leg["name"], leg["number"], leg["room"]) for leg in told["legs"]] == [("110", "110", True)]


async def test_the_citizen_is_brought_in_while_consulting(talk: tuple[World, str, Client]) -> None:
    world, call_id, agent = talk
    ring = world.floor.calls[call_id].ring
    assert ring
    await order(agent, kind="consult", department="police")
    await world.tell(ev.AgentMoved(world.clock(), call_id, ring.ring_id))
    status, call = await order(agent, kind="three_way")
    assert (status, call["stage"]) == (200, "room")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "consult"},
        {"kind": "consult", "queue": "general"},
        {"kind": "consult", "department": "nobody"},
        {"kind": "blind", "queue": "nowhere"},
        {"kind": "blind", "agent": "9999"},
        {"kind": "blind", "number": "110", "department": "police"},
        {"kind": "blind", "number": "110,8001"},
        {"kind": "back_to_line", "number": "110"},
        {"kind": "away"},
    ],
    ids=str,
)
async def test_what_is_not_understood_changes_nothing(talk: tuple[World, str, Client], body: dict[str, str]) -> None:
    world, call_id, agent = talk
    status, problem = await order(agent, **body)
    assert (status, problem["code"]) == (400, "bad_request")
    assert world.floor.calls[call_id].transfer is None


async def test_who_is_in_no_talk_transfers_nothing(talk: tuple[World, str, Client]) -> None:
    world, _, _ = talk
    assert (await order(await world.browser("8002"), kind="back_to_line"))[1]["code"] == "no_talk"
    assert (await order(await world.browser("banzhang"), kind="back_to_line"))[1]["code"] == "not_an_agent"
