"""The words of a scenario, the same as on the console, and a story told in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ivr.core import events as ev
from ivr.core.agents import Status
from ivr.core.callbacks import State
from ivr.core.calls import Outcome, Stage
from ivr.core.dialplan import Plan
from ivr.core.dialplan.explain import reading
from ivr.core.events import Event
from tests.core.world import REPO

STAGES = {
    Stage.MENU: "语音导航", Stage.WAITING: "排队中", Stage.RINGING: "振铃中", Stage.TALKING: "通话中",
    Stage.OUTSIDE: "转外线", Stage.CONSULTING: "咨询中", Stage.ROOM: "三方通话",
    Stage.RATING: "评价中", Stage.DIALLING: "回拨呼叫中",
    Stage.FAREWELL: "回拨登记中", Stage.FALLBACK: "应急排队", Stage.ENDED: "已结束",
}  # fmt: skip
OUTCOMES = {
    Outcome.ANSWERED: "已接通", Outcome.ABANDONED: "排队中放弃", Outcome.LEFT_IN_MENU: "导航中挂机",
    Outcome.PASSED_ON: "已转外单位", Outcome.FELL_BACK: "转应急排队", Outcome.SHUT_DOWN: "系统停机",
    Outcome.CALLBACK_ASKED: "要求回拨", Outcome.NOT_REACHED: "回拨未接",
}  # fmt: skip
TASKS = {
    State.OPEN: "待回拨", State.CALLING: "回拨中", State.HANDED_TO_PERSON: "转人工处理", State.DONE: "已联系上",
    State.DROPPED: "已取消", State.CLOSED: "已关闭",
}  # fmt: skip
STATUSES = {
    Status.SIGNED_OUT: "未签入", Status.AWAY: "未就绪", Status.READY: "就绪", Status.RESERVED: "来电振铃",
    Status.TALKING: "通话中", Status.WRAP_UP: "话后处理",
}  # fmt: skip
RATINGS = ("未评价", "非常满意", "满意", "一般", "不满意", "非常不满意")
MARKS = {
    "enterprise": "政企通", "deputy": "人大代表", "deputy_unverified": "代表（待核验）", "elderly": "老年人",
    "leader_day": "领导接听日", "emergency": "紧急",
}  # fmt: skip
_REASONS = {
    "no_answer": "超时未接", "busy": "占线", "rejected": "拒接", "unreachable": "电话不通", "cancelled": "已取消",
    "hung_up": "对方挂机", "called_again": "市民又打来",
}  # fmt: skip
_PRESSED = {
    ev.AgentSignedIn: "签入", ev.AgentSignedOut: "签出", ev.AgentPressedReady: "就绪", ev.AgentPressedBreak: "小休",
    ev.WrapUpEnded: "话后处理到时，就绪", ev.CallMovedUp: "由班长提前", ev.CallerKnown: "有坐席接待过",
    ev.CallDismissed: "系统停机", ev.CallbackOpened: "记下要回拨", ev.CallbackTried: "轮到回拨",
    ev.CallbackReached: "回拨任务：已联系上", ev.CallbackHandedOver: "回拨任务：转人工处理",
    ev.CallbackDropped: "回拨任务：已取消", ev.CallbackOrdered: "班长要求立即回拨", ev.CallbackClosed: "班长关闭回拨",
    ev.CallbackImpossible: "没有号码，不能回拨", ev.AgentMoved: "坐席进入会议", ev.RoomJoined: "市民进入会议",
    ev.RoomLeft: "市民离开会议",
}  # fmt: skip


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, value


TEXTS = {
    **dict(_flat(tomllib.loads((REPO / "prompts/zh/prompts.toml").read_text("utf-8")))),
    "music": "（音乐）",
}


def spoken(prompts: Iterable[str]) -> str:
    """What a caller hears, as it is spoken."""
    return "".join(TEXTS.get(name, name) for name in prompts) or "（没有声音）"


def story(journal: Iterable[Event], plan: Plan, names: Mapping[str, str], now: float) -> str:
    """The events line by line, with the time of day and the caller's name."""
    lines = []
    for event in journal:
        if told := _told(event, plan):
            caller = names.get(getattr(event, "call_id", ""), "")
            lines.append(f"  {_clock(event.at, plan)} {caller + ' ' if caller else ''}{told}")
    return "\n".join(["经过：", *lines, f"  {_clock(now, plan)} 现在"])


def _clock(at: float, plan: Plan) -> str:
    return f"{datetime.fromtimestamp(at, ZoneInfo(plan.city.timezone)):%H:%M:%S.%f}"[:-5]


def _told(event: Event, plan: Plan) -> str:
    match event:
        case ev.CallArrived():
            return f"来电：{event.ani or '匿名'} 拨打 {event.dnis}"
        case ev.CallerSlowed():
            return f"推后 {event.slow_s:.0f} 秒：{event.why}"
        case ev.CallerMarked():
            return f"班长标记 {event.number}：{event.reason}"
        case ev.MarkLifted():
            return f"班长解除 {event.number} 的标记"
        case ev.StepStarted():
            return f"播放：{spoken(event.prompts)}"
        case ev.StepEnded():
            return f"按键 {event.key}" if event.key else "播放失败" if event.failed else "播放完"
        case ev.CallQueued():
            return f"进入 {plan.queues.queue[event.queue].name}：{reading(event.why, plan)}"
        case ev.EmergencyHeard():
            return f"听到紧急词“{event.word}”"
        case ev.CallOffered():
            return f"派给 {event.agent_id}"
        case ev.AgentAnswered():
            return "坐席接听"
        case ev.RingEnded():
            return f"振铃结束：{_REASONS.get(event.reason, event.reason)}"
        case ev.AgentHungUp():
            return "坐席挂机"
        case ev.CallerHungUp():
            return "市民一侧结束"
        case ev.FallbackAnswered():
            return f"由应急排队接给 {event.agent_id}"
        case ev.CallUnattended():
            return "来过，没等到控制程序"
        case ev.CallFellBack():
            return "转应急排队"
        case ev.CallFound():
            return f"控制程序找到这个电话：{event.doing}"
        case ev.LegDialled():
            return f"拨打外线 {event.number}"
        case ev.LegAnswered():
            return "外线接听"
        case ev.LegEnded():
            return f"外线结束：{_REASONS.get(event.reason, event.reason)}"
        case ev.CallEnded():
            return f"结束：{OUTCOMES.get(Outcome(event.outcome), event.outcome)}"
        case ev.CitizenNotReached():
            return f"市民没有接起来：{_REASONS.get(event.reason, event.reason)}"
        case ev.CallbackFailed():
            return f"回拨未成：{_REASONS.get(event.reason, event.reason)}"
        case ev.TransferAsked():
            to = event.name or event.number or event.agent_id or event.queue
            return f"坐席按 {event.kind}{' ' + to if to else ''}"
        case ev.RatingGiven():
            return f"评价：{RATINGS[event.rating]}"
        case ev.AgentSetAside():
            return f"{event.agent_id} 暂停派话：{_REASONS.get(event.reason, event.reason)}"
        case ev.PhoneReached() | ev.PhoneLost():
            return f"{event.phone} 话机{'在线' if isinstance(event, ev.PhoneReached) else '断线'}"
        case ev.RecordingFinished() | ev.NoteWritten() | ev.CallsCounted():
            return ""
    if type(event) in _PRESSED:
        return f"{getattr(event, 'agent_id', '')} {_PRESSED[type(event)]}".strip()
    fields = " ".join(str(value) for name, value in ev.to_row(event).items() if name not in ("at", "call_id") and value)
    return f"{ev.kind(event)} {fields}"
