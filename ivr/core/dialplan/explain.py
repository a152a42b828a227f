"""What would happen to a caller at a certain moment, and why: told in Chinese, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from ivr.core.dialplan.hotlines import WAYS
from ivr.core.dialplan.hours import day_name
from ivr.core.dialplan.plan import Plan
from ivr.core.dialplan.queues import Overload, Queue
from ivr.core.dialplan.targets import Target
from ivr.core.dialplan.trial import Heard, Queued, Trial
from ivr.core.marks import Marks
from ivr.core.registers import NAMES, NOBODY, Registers

_READINGS = (
    (r"number (.+)", r"拨打的号码 \1 在 city.toml 中列出"),
    (r"hotline (.+)", r"拨打的号码 \1 是归并热线，在 hotlines.toml 中列出"),
    (r"PIN of (.+)", r"密码核对通过，走 city.toml 的 known.\1"),
    (r"wrong PIN", "密码不对"),
    (r"no PIN", "没有输入密码"),
    (r"too many wrong PINs", "密码错误次数太多，不再询问"),
    (r"known (.+)", r"来电号码已登记，走 city.toml 的 known.\1"),
    (r"caller (.+)", r"来电号码在名单 \1 中"),
    (r"default", "拨打的号码没有列出，走默认去向 default"),
    (r"key (.+) in the line", r"排队中按键 \1"),
    (r"key (.+)", r"按键 \1"),
    (r"wrong key (.+)", r"按了无效键 \1"),
    (r"silence", "未按键"),
    (r"leader day", "领导接听日"),
    (r"leader day over", "领导接听时间已过"),
    (r"(\d+) callers wait for the leader", r"领导专线已有 \1 人等候"),
    (r"nobody signed in for (?P<queue>.+)", r"\1无人签入"),
    (r"somebody signed in for (?P<queue>.+)", r"\1已有人签入"),
    (r"(?P<queue>.+) overloaded: (\d+) callers ahead", r"\1繁忙：前面已有 \2 人"),
    (r"(?P<queue>.+) overloaded: waited (\d+) s", r"\1繁忙：已等待 \2 秒"),
    (r"(?P<queue>.+) overloaded: over (\d+) s expected", r"\1繁忙：预计还要等 \2 秒以上"),
    (r"(?P<queue>.+) overloaded: (\d+) s expected", r"\1繁忙：预计还要等 \2 秒"),
    (r"emergency word", "说了紧急词"),
    (r"back in the line", "回到队列"),
    (r"asked (\d+) times", r"已询问 \1 次，转默认队列"),
    (r"(\d+) questions asked", r"已询问 \1 次，转人工"),
    (r"(\d+) s in menus", r"在菜单中已 \1 秒，转人工"),
)


def explain(
    plan: Plan,
    texts: Mapping[str, str],
    ani: str,
    dnis: str,
    at: float,
    keys: str = "",
    registers: Registers = NOBODY,
    marks: Marks | None = None,
) -> Iterator[str]:
    """The call's way to its queue, line by line. `texts`: what each prompt says; after `keys` the caller is silent."""
    moment = datetime.fromtimestamp(at, ZoneInfo(plan.city.timezone))
    yield f"{moment:%Y-%m-%d %H:%M} {day_name(moment)}（{plan.city.timezone}），{ani or '匿名号码'} 拨打 {dnis}"
    trial, presses, number = Trial(plan, ani, dnis, at, registers), iter(keys), 1
    yield from recognised(trial)
    if mark := marks.of(ani, at) if marks and not plan.listed(ani) else None:
        until = datetime.fromtimestamp(mark.until, moment.tzinfo)
        yield f"曾骚扰：{mark.by} 标记，至 {until:%Y-%m-%d %H:%M}，原因：{mark.reason}"
        yield f"   不拒接；紧急情形除外，排队时按晚到 {plan.pacing.marked.slow_s:g} 秒计"
    happened = list(trial.step())
    while True:
        yield f"{number}. {reading(trial.led.why, plan)}"
        for door in trial.led.doors:
            yield f"   时段 {door.hours}：{'开放' if door.is_open else '不开放'}（{door.reason}）"
        for event in happened:
            yield from _lines(plan, texts, event, at)
        if isinstance(happened[-1], Queued):
            return
        happened, number = list(trial.step("" if _asks_pin(happened[-1]) else next(presses, ""))), number + 1


def _asks_pin(event: Heard | Queued) -> bool:
    """No PIN is told to a program that prints: the caller is silent there."""
    return isinstance(event, Heard) and event.pin


def recognised(trial: Trial) -> Iterator[str]:
    """Who the caller is by the registers, and which merged hotline was dialled."""
    if trial.person:
        level = f"（{trial.person.level}级）" if trial.person.level else ""
        yield f"来电人：{trial.person.name}{level}，在{NAMES[trial.person.register]}名册中"
    if trial.hotline:
        number, hotline = trial.hotline
        yield f"来源热线：{number} {hotline.name}（{hotline.department}，{WAYS[hotline.way]}，{hotline.merged_on} 起）"


def _lines(plan: Plan, texts: Mapping[str, str], event: Heard | Queued, at: float) -> Iterator[str]:
    if isinstance(event, Heard):
        yield f"   播放：{''.join(texts.get(name, name) for name in event.prompts)}"
        return
    if event.transfer:
        yield f"   转接外线 {event.transfer}；对方没接时："
    queue = plan.queues.queue[event.queue]
    mark = f"，标记 {event.mark}" if event.mark else ""
    mark += f"（{event.about}）" if event.about else ""
    yield f"   进入队列：{queue.name}（{event.queue}），{rank(event, queue)}{mark}"
    target = queue.nobody_signed_in or plan.usual_stand_in(event.queue, at)
    if target.queue != event.queue:
        yield f"   无人签入时：{_stand_in(plan, target)}"
    if queue.overload:
        yield f"   繁忙时（{overload_when(queue.overload)}）：{_overload(plan, texts, queue.overload)}"
    if queue.key:
        only = "，配置了外呼线路才播放" if all(target.callback for target in queue.key.values()) else ""
        said = "".join(texts.get(name, name) for name in queue.prompt)
        yield f"   排队中可按键：{'、'.join(queue.key)}（{said}）{only}"


def overload_when(rule: Overload) -> str:
    """When a line counts as overloaded."""
    ahead = f"前面有 {rule.when_waiting} 人" if rule.when_waiting is not None else ""
    waits = f"已等待或预计还要等 {rule.when_wait_s:g} 秒" if rule.when_wait_s is not None else ""
    return "，或".join(filter(None, (ahead, waits)))


def _overload(plan: Plan, texts: Mapping[str, str], rule: Overload) -> str:
    said = f"播放“{''.join(texts.get(name, name) for name in rule.say)}”" if rule.say else ""
    led = "不再等候者按 1 回拨" if rule.callback else f"转入菜单 {rule.menu}" if rule.menu else ""
    if rule.queue is not None:
        led = f"转入队列 {plan.queues.queue[rule.queue].name}（{rule.queue}），排位不变"
    return "，".join(filter(None, (said, led)))


def _stand_in(plan: Plan, target: Target) -> str:
    if target.queue is None:
        return f"转接外线 {target.transfer}"
    return f"转入队列 {plan.queues.queue[target.queue].name}（{target.queue}）"


def rank(event: Queued, queue: Queue) -> str:
    """How the call is ranked in its line."""
    if event.emergency:
        return "紧急，排在所有来电之前"
    return f"优先级 {queue.priority if event.priority is None else event.priority}"


def reading(why: str, plan: Plan) -> str:
    """The core's short English reasons in Chinese, without the hours, which have lines of their own."""
    parts = [part for part in why.split(", ") if " closed: " not in part]
    return "；".join(_part(part, plan) for part in parts)


def _part(part: str, plan: Plan) -> str:
    for form, chinese in _READINGS:
        if found := re.fullmatch(form, part):
            told, name = found.expand(chinese), found.groupdict().get("queue")
            return told.replace(name, plan.queues.queue[name].name, 1) if name in plan.queues.queue else told
    return part
