"""What a caller hears and where they are, and what the desks show."""

from __future__ import annotations

import re

from ivr.core.dialplan.explain import reading
from tests.scenarios import chinese
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet, one_of, same


@sentence("应听到: <文字>", of_caller=True)
def _hears(stage: Stage, caller: str, text: str) -> None:
    call_id, wanted = stage.id_of(caller), _prompts(text)
    heard = stage.world.heard[call_id][stage.heard_up_to[call_id] :]
    for start in range(len(heard) - len(wanted) + 1):
        if heard[start : start + len(wanted)] == wanted:
            stage.heard_up_to[call_id] += start + len(wanted)
            return
    raise Unmet(f"此前听到的是“{chinese.spoken(heard)}”")


@sentence("不应听到: <文字>", of_caller=True)
def _does_not_hear(stage: Stage, caller: str, text: str) -> None:
    call_id, wanted = stage.id_of(caller), _prompts(text)
    heard = stage.world.heard[call_id][stage.heard_up_to[call_id] :]
    if any(heard[start : start + len(wanted)] == wanted for start in range(len(heard))):
        raise Unmet(f"听到了“{chinese.spoken(heard)}”")


def _prompts(text: str) -> list[str]:
    """The prompts that together say this text. Raises Unmet when there are none."""
    by_sound = {_sound(spoken): name for name, spoken in chinese.TEXTS.items()}

    def parts(rest: str) -> list[str] | None:
        if not rest:
            return []
        for sound in sorted(by_sound, key=len, reverse=True):
            if rest.startswith(sound) and (more := parts(rest[len(sound) :])) is not None:
                return [by_sound[sound], *more]
        return None

    found = parts(_sound(text))
    if found is None:
        raise Unmet("prompts/zh/prompts.toml 里没有这样的语音，请照原文整句抄写")
    return found


def _sound(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


@sentence("应听音乐", of_caller=True)
def _hears_music(stage: Stage, caller: str) -> None:
    call_id = stage.on_the_line(caller)
    heard = stage.world.heard[call_id]
    if call_id in stage.world.playing or not heard or heard[-1] != "music":
        raise Unmet(f"现在听到的是“{chinese.spoken(heard[-1:])}”")


@sentence("应在: <阶段>", of_caller=True)
def _is_in(stage: Stage, caller: str, name: str) -> None:
    one_of(name, chinese.STAGES.values())
    same(name, chinese.STAGES[stage.call(caller).stage])


@sentence("应进入: <专席>", of_caller=True)
def _is_in_queue(stage: Stage, caller: str, name: str) -> None:
    call = stage.call(caller)
    stage.queue(name)
    same(name, stage.plan.queues.queue[call.queue].name if call.queue else "没有进入专席")


@sentence("原因应为: <文字>", of_caller=True)
def _why(stage: Stage, caller: str, reason: str) -> None:
    same(reason, reading(stage.call(caller).queued_why, stage.plan))


@sentence("标记应为: <标记>", of_caller=True)
def _marked(stage: Stage, caller: str, mark: str) -> None:
    found = stage.call(caller).mark
    same(mark, chinese.MARKS.get(found, found) or "没有标记")


@sentence("应认出: <姓名>", of_caller=True)
def _recognised(stage: Stage, caller: str, person: str) -> None:
    same(person, stage.call(caller).person or "没有认出")


@sentence("来源应为: <文字>", of_caller=True)
def _from_hotline(stage: Stage, caller: str, name: str) -> None:
    same(name, stage.call(caller).hotline_name or "本热线")


@sentence("应振铃: <工号>", of_caller=True)
def _rings(stage: Stage, caller: str, agent_id: str) -> None:
    stage.agent_status(agent_id)
    call_id = stage.on_the_line(caller)
    line = stage.world.lines[call_id]
    ringing = (
        line.ring.phone if line.doing == "ringing" and line.ring else stage.world.asked_into(call_id, answered=False)
    )
    same(agent_id, ringing or "没有电话在响")


@sentence("应通话: <工号>", of_caller=True)
def _talks(stage: Stage, caller: str, agent_id: str) -> None:
    call_id = stage.on_the_line(caller)
    world, line = stage.world, stage.world.lines[call_id]
    static = [agent for agent, call in world.static_talks.items() if call == call_id]
    with_them = line.ring.phone if line.doing == "talking" and line.ring else ""
    if line.doing == "room":
        with_them = world.phones.get(world.rooms.of(call_id).agent, "")
        helping = world.asked_into(call_id, answered=True)
        with_them = helping if agent_id == helping else with_them or helping
    same(agent_id, static[0] if static else with_them or "没有通话")


@sentence("应推后: <秒> 秒", of_caller=True)
def _is_slowed(stage: Stage, caller: str, seconds: str) -> None:
    same(f"{float(seconds):g} 秒", f"{stage.call(caller).slow_s:g} 秒")


@sentence("结果应为: <结果>", of_caller=True)
def _outcome(stage: Stage, caller: str, name: str) -> None:
    one_of(name, chinese.OUTCOMES.values())
    outcome = stage.call(caller).outcome
    same(name, chinese.OUTCOMES[outcome] if outcome else "通话还没有结束")


@sentence("评价应为: <评价>", of_caller=True)
def _rating(stage: Stage, caller: str, name: str) -> None:
    one_of(name, (*chinese.RATINGS, "没有问到评价"))
    rating = stage.call(caller).rating
    same(name, "没有问到评价" if rating is None else chinese.RATINGS[rating])


@sentence("<工号> 应为: <状态>")
def _agent_is(stage: Stage, agent_id: str, name: str) -> None:
    one_of(name, chinese.STATUSES.values())
    same(name, chinese.STATUSES[stage.agent_status(agent_id)])
