"""Agents give the citizen on, or talk with an outside number."""

from __future__ import annotations

from collections.abc import Callable

from ivr.core import events as ev
from ivr.core.floor.transfers import refusal
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet, same

_REFUSALS = {"transfer_refused": "现在不能这样做", "colleague_not_ready": "同事现在不空闲"}


def _asked(stage: Stage, asks: str, kind: str, to: dict[str, str]) -> ev.TransferAsked:
    stage.agent_status(asks)
    agent = stage.world.floor.agents[asks]
    if not agent.ring_id:
        raise Unmet(f"{asks} 没有在通话")
    return ev.TransferAsked(stage.world.now, agent.call_id, agent.ring_id, kind, **to)


def _ask(stage: Stage, asks: str, kind: str, /, **to: str) -> None:
    asked = _asked(stage, asks, kind, to)
    if refused := refusal(stage.world.floor.calls, stage.world.floor.agents, asked):
        raise Unmet(_REFUSALS[refused])
    stage.world.tell(asked)


def _department(stage: Stage, name: str) -> dict[str, str]:
    known = {department.name: department for department in stage.plan.departments.department.values()}
    if name not in known:
        raise Unmet(f"departments.toml 里没有“{name}”，有：{'、'.join(known)}")
    return {"number": known[name].number, "name": name}


def _to_department(kind: str) -> Callable[[Stage, str, str], None]:
    return lambda stage, agent_id, name: _ask(stage, agent_id, kind, **_department(stage, name))


def _simply(kind: str) -> Callable[[Stage, str], None]:
    return lambda stage, agent_id: _ask(stage, agent_id, kind)


sentence("<工号> 转接: <单位>")(_to_department("blind"))
sentence("<工号> 咨询: <单位>")(_to_department("consult"))
sentence("<工号> 三方: <单位>")(_to_department("three_way"))
sentence("<工号> 转三方")(_simply("three_way"))
sentence("<工号> 完成转接")(_simply("complete"))
sentence("<工号> 取消转接")(_simply("cancel"))
sentence("<工号> 退回排队")(_simply("back_to_line"))


def _to_colleague(kind: str) -> Callable[[Stage, str, str], None]:
    def ask(stage: Stage, agent_id: str, to: str) -> None:
        stage.agent_status(to)
        _ask(stage, agent_id, kind, agent_id=to)

    return ask


sentence("<工号> 咨询坐席: <工号>")(_to_colleague("consult"))
sentence("<工号> 三方坐席: <工号>")(_to_colleague("three_way"))


@sentence("<工号> 请不来坐席: <工号>")
def _no_colleague(stage: Stage, agent_id: str, to: str) -> None:
    stage.agent_status(to)
    asked = _asked(stage, agent_id, "three_way", {"agent_id": to})
    refused = refusal(stage.world.floor.calls, stage.world.floor.agents, asked)
    same("同事现在不空闲", _REFUSALS.get(refused, "请得来"))


@sentence("<工号> 应与坐席通话: <工号>")
def _talks_with_colleague(stage: Stage, agent_id: str, colleague: str) -> None:
    world = stage.world
    here = [world.in_room(agent_id), world.in_room(colleague)]
    same(colleague, colleague if here[0] and here[0] == here[1] else "没有通话")


@sentence("<工号> 转接坐席: <工号>")
def _to_agent(stage: Stage, agent_id: str, to: str) -> None:
    stage.agent_status(to)
    _ask(stage, agent_id, "blind", agent_id=to)


@sentence("<工号> 转接专席: <专席>")
def _to_queue(stage: Stage, agent_id: str, name: str) -> None:
    _ask(stage, agent_id, "blind", queue=stage.queue(name))


@sentence("<工号> 应与外线通话: <号码>")
def _talks_in_room(stage: Stage, agent_id: str, number: str) -> None:
    call_id = stage.world.in_room(agent_id)
    leg_id = stage.world.room_leg(call_id) if call_id else ""
    talks = bool(call_id and leg_id) and stage.world.rooms.of(call_id or "").legs[leg_id]
    same(number, stage.world.room_numbers[leg_id] if talks else "没有通话")
