"""Agents give the citizen on, or talk with an outside number."""

from __future__ import annotations

from collections.abc import Callable

from ivr.core import events as ev
from ivr.core.calls import fits
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet, same


def _ask(stage: Stage, asks: str, kind: str, /, **to: str) -> None:
    stage.agent_status(asks)
    agent = stage.world.floor.agents[asks]
    call = stage.world.floor.calls.get(agent.call_id)
    if call is None or asks not in (stage.world.phones.get(ring.ring_id) for ring in call.rings[-1:]):
        raise Unmet(f"{asks} 没有在通话")
    asked = ev.TransferAsked(stage.world.now, agent.call_id, agent.ring_id, kind, **to)
    if not fits(call, asked):
        raise Unmet("现在不能这样做")
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
