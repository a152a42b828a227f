"""What each sentence of a scenario does, or expects. The stage carries one story."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ivr.core import events as ev
from ivr.core.agents import Profile, Status
from ivr.core.calls import Call
from ivr.core.dialplan import Plan
from ivr.core.explain import _reading
from ivr.core.floor import Floor, Rules
from ivr.core.numbers import national
from ivr.core.registers import NAMES, Entry, Registers
from tests.core.world import REPO, SEAL, _texts, shipped_plan
from tests.scenarios import chinese
from tests.scenarios.script import ScenarioError, Step, sentence
from tests.scenarios.telephones import Telephones

PLANS = Path(__file__).parent / "plans"
PROMPTS = _texts(tomllib.loads((REPO / "prompts/zh/prompts.toml").read_text("utf-8")))


class Unmet(Exception):
    """An expectation that was not met, or something that cannot be done now: a Chinese sentence."""


def play(steps: list[Step]) -> Stage:
    """Carry out a story. Raises ScenarioError that names file and line, and tells what happened up to then."""
    stage = Stage()
    for step in steps:
        try:
            step.take(stage)
        except (Unmet, AssertionError) as error:
            raise ScenarioError(f"{step.where}: “{step.text}”：{error}\n{stage.story()}") from error
    try:
        stage.check_the_end()
    except Unmet as error:
        raise ScenarioError(f"{steps[-1].where}: 写到这里就结束了，但是{error}\n{stage.story()}") from error
    return stage


class Stage:
    """One story: the telephone world, the callers by name, and what they have heard so far."""

    def __init__(self) -> None:
        self.changes: dict[str, Any] = {}
        self.plan: Plan = shipped_plan()
        self.start = 0.0
        self.people: dict[Profile, str] = {}
        self.entries: list[Entry] = []
        self._world: Telephones | None = None
        self.calls: dict[str, str] = {}
        """Call by the caller's name."""
        self.heard_up_to: Counter[str] = Counter()

    @property
    def world(self) -> Telephones:
        """The world, which begins with the first sentence that needs it."""
        if self._world is None:
            self._world = Telephones(self.plan, tuple(self.people), self.start, Registers(SEAL, self.entries))
            for profile, status in self.people.items():
                if status != "未签入":
                    self._world.tell(ev.AgentSignedIn(self.start, profile.agent_id))
                if status == "就绪":
                    self._world.tell(ev.AgentPressedReady(self.start, profile.agent_id))
        return self._world

    def id_of(self, caller: str) -> str:
        if caller not in self.calls:
            raise Unmet(f"{caller} 还没有来电")
        return self.calls[caller]

    def on_the_line(self, caller: str) -> str:
        call_id = self.id_of(caller)
        if call_id not in self.world.lines:
            raise Unmet(f"{caller} 已经不在线上")
        return call_id

    def call(self, caller: str) -> Call:
        call = self.world.known.get(self.id_of(caller))
        if call is None:
            raise Unmet(f"控制程序还不知道 {caller} 的电话")
        return call

    def agent_status(self, agent_id: str) -> Status:
        agent = self.world.floor.agents.get(agent_id)
        if agent is None:
            raise Unmet(f"开头的“坐席”里没有 {agent_id}")
        return agent.status

    def story(self) -> str:
        if self._world is None:
            return ""
        names = {call_id: caller for caller, call_id in self.calls.items()}
        return chinese.story(self._world.journal, self.plan, names, self._world.now)

    def check_the_end(self) -> None:
        for caller, call_id in self.calls.items():
            if call_id in self.world.lines:
                raise Unmet(f"{caller} 还在线上，请写完这个电话")
        self.world.pass_time(1)
        ended = Counter(event.call_id for event in self.world.journal if isinstance(event, ev.CallEnded))
        if self.world.controlled and (set(ended) != set(self.calls.values()) or any(n > 1 for n in ended.values())):
            raise Unmet(f"每个电话应当恰好有一个结果，实际是 {dict(ended)}")
        again = Floor(self.plan, tuple(self.people), Rules())
        again.restore(self.world.journal, [], self.world.now)
        for call_id, call in self.world.floor.calls.items():
            if again.calls[call_id] != call:
                raise Unmet(f"按流水重新推演得到的 {call_id} 与实际不同")


# --- the beginning ----------------------------------------------------------------------------------------------------


@sentence("标题: <文字>")
def _title(stage: Stage, title: str) -> None:
    pass


@sentence("时间: <日期> <时刻>")
def _time(stage: Stage, day: str, clock: str) -> None:
    try:
        moment = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M")  # noqa: DTZ007
    except ValueError:
        raise Unmet("没有这个时间") from None
    stage.start = moment.replace(tzinfo=ZoneInfo(stage.plan.city.timezone)).timestamp()


@sentence("方案: <名称>")
def _other_plan(stage: Stage, name: str) -> None:
    path = PLANS / f"{name}.toml"
    if not path.is_file():
        raise Unmet(f"没有文件 {path.relative_to(REPO)}")
    stage.plan = shipped_plan(tomllib.loads(path.read_text("utf-8")))
    _must_begin(stage)


@sentence("坐席: <工号> <状态> 会 <文字>")
def _agent(stage: Stage, agent_id: str, status: str, queues: str) -> None:
    _must_begin(stage)
    if status not in ("就绪", "未就绪", "未签入"):
        raise Unmet("坐席的状态写“就绪”“未就绪”或“未签入”")
    skills = frozenset(
        word for name in queues.split(" ") for word in stage.plan.queues.queue[_queue(stage, name)].skill
    )
    stage.people[Profile(agent_id, agent_id, skills)] = status


@sentence("名册: <名册> <号码> <姓名>")
def _registered(stage: Stage, name: str, number: str, person: str) -> None:
    _registered_with_pin(stage, name, number, person, "")


@sentence("名册: <名册> <号码> <姓名> 密码 <密码>")
def _registered_with_pin(stage: Stage, name: str, number: str, person: str, pin: str) -> None:
    _must_begin(stage)
    _one_of(name, NAMES.values())
    register = next(key for key, value in NAMES.items() if value == name)
    pin_hash = SEAL.pin(register, pin) if pin else ""
    stage.entries.append(Entry(number, register, person, "", SEAL.number(national(number)), pin_hash))


def _must_begin(stage: Stage) -> None:
    if stage._world is not None:
        raise Unmet("这一句要写在开头")


def _queue(stage: Stage, name: str) -> str:
    names = {queue.name: key for key, queue in stage.plan.queues.queue.items()}
    if name not in names:
        raise Unmet(f"queues.toml 里没有“{name}”，有：{'、'.join(names)}")
    return names[name]


# --- what callers do --------------------------------------------------------------------------------------------------


@sentence("来电: <号码> 拨打 <号码>", of_caller=True)
def _arrive(stage: Stage, caller: str, ani: str, dnis: str) -> None:
    if stage.calls.get(caller) in stage.world.lines:
        raise Unmet(f"{caller} 已经在线上，请换一个称呼")
    if caller in stage.calls:
        raise Unmet(f"{caller} 打过电话了，请换一个称呼")
    stage.calls[caller] = stage.world.arrive("" if ani == "匿名" else ani, dnis)


@sentence("按键: <键>", of_caller=True)
def _press(stage: Stage, caller: str, key: str) -> None:
    stage.world.key(stage.on_the_line(caller), key)


@sentence("输入密码: <密码>", of_caller=True)
def _type_pin(stage: Stage, caller: str, digits: str) -> None:
    if not stage.world.type_pin(stage.on_the_line(caller), digits):
        raise Unmet("现在没有问密码")


@sentence("挂机", of_caller=True)
def _hang_up(stage: Stage, caller: str) -> None:
    stage.world.hang_up(stage.on_the_line(caller))


@sentence("由班长提前: <文字>", of_caller=True)
def _move_up(stage: Stage, caller: str, reason: str) -> None:
    call_id = stage.on_the_line(caller)
    if not stage.world.floor.calls[call_id].in_line:
        raise Unmet(f"{caller} 不在排队")
    stage.world.tell(ev.CallMovedUp(stage.world.now, call_id, "banzhang", reason))


@sentence("班长标记: <号码> <天数> 天 <文字>")
def _mark(stage: Stage, number: str, days: str, reason: str) -> None:
    now = stage.world.now
    stage.world.tell(ev.CallerMarked(now, number, "banzhang", reason, now + int(days) * 86400))


@sentence("班长解除标记: <号码>")
def _lift(stage: Stage, number: str) -> None:
    stage.world.tell(ev.MarkLifted(stage.world.now, number, "banzhang", "已道歉"))


# --- what agents do ---------------------------------------------------------------------------------------------------


@sentence("<工号> 接听")
def _answer(stage: Stage, agent_id: str) -> None:
    if not stage.world.answer(agent_id):
        raise Unmet(f"{agent_id} 的电话没有响")


@sentence("<工号> 拒接")
def _reject(stage: Stage, agent_id: str) -> None:
    call_id = stage.world.ringing(agent_id)
    if call_id is None:
        raise Unmet(f"{agent_id} 的电话没有响")
    stage.world.end_ring(call_id, "rejected")


@sentence("<工号> 挂机")
def _agent_hangs_up(stage: Stage, agent_id: str) -> None:
    if not stage.world.agent_hangs_up(agent_id):
        raise Unmet(f"{agent_id} 没有在通话")


def _agent_event(kind: type) -> Callable[[Stage, str], None]:
    def tell(stage: Stage, agent_id: str) -> None:
        stage.agent_status(agent_id)
        stage.world.tell(kind(stage.world.now, agent_id))

    return tell


sentence("<工号> 签入")(_agent_event(ev.AgentSignedIn))
sentence("<工号> 签出")(_agent_event(ev.AgentSignedOut))
sentence("<工号> 就绪")(_agent_event(ev.AgentPressedReady))
sentence("<工号> 小休")(_agent_event(ev.AgentPressedBreak))
sentence("<工号> 话机断线")(_agent_event(ev.PhoneLost))
sentence("<工号> 话机恢复")(_agent_event(ev.PhoneReached))


# --- what people outside do -------------------------------------------------------------------------------------------


def _outside(stage: Stage, caller: str, doing: str) -> str:
    call_id = stage.on_the_line(caller)
    if stage.world.lines[call_id].doing != doing or call_id not in stage.world.outside:
        raise Unmet(f"没有给 {caller} 拨打外线" if doing == "dialling" else f"{caller} 没有在同外线通话")
    return call_id


@sentence("外线接听", of_caller=True)
def _outside_answers(stage: Stage, caller: str) -> None:
    stage.world.outside_answers(_outside(stage, caller, "dialling"))


@sentence("外线占线", of_caller=True)
def _outside_busy(stage: Stage, caller: str) -> None:
    stage.world.end_leg(_outside(stage, caller, "dialling"), "busy")


@sentence("外线挂机", of_caller=True)
def _outside_hangs_up(stage: Stage, caller: str) -> None:
    stage.world.end_leg(_outside(stage, caller, "outside"), "hung_up")


# --- time, and the machines -------------------------------------------------------------------------------------------


@sentence("经过 <秒> 秒")
def _seconds(stage: Stage, seconds: str) -> None:
    stage.world.pass_time(float(seconds))


@sentence("经过 <分> 分钟")
def _minutes(stage: Stage, minutes: str) -> None:
    stage.world.pass_time(float(minutes) * 60)


@sentence("到 <时刻>")
def _until(stage: Stage, clock: str) -> None:
    now = datetime.fromtimestamp(stage.world.now, ZoneInfo(stage.plan.city.timezone))
    then = now.replace(hour=int(clock[:2]), minute=int(clock[3:]), second=0, microsecond=0)
    then += timedelta(days=then < now)
    stage.world.pass_time((then - now).total_seconds())


@sentence("时钟拨动 <秒数> 秒")
def _set_clock(stage: Stage, seconds: str) -> None:
    stage.world.set_clock(float(seconds))


@sentence("控制程序停止")
def _stop(stage: Stage) -> None:
    stage.world.stop_controller()


@sentence("控制程序启动")
def _start(stage: Stage) -> None:
    stage.world.start_controller()


@sentence("系统停机")
def _close(stage: Stage) -> None:
    stage.world._take(*stage.world.floor.close(stage.world.now))


# --- what is expected -------------------------------------------------------------------------------------------------


def _same(expected: str, found: str) -> None:
    if expected != found:
        raise Unmet(f"应为“{expected}”，实际是“{found}”")


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
    _one_of(name, chinese.STAGES.values())
    _same(name, chinese.STAGES[stage.call(caller).stage])


@sentence("应进入: <专席>", of_caller=True)
def _is_in_queue(stage: Stage, caller: str, name: str) -> None:
    call = stage.call(caller)
    _queue(stage, name)
    _same(name, stage.plan.queues.queue[call.queue].name if call.queue else "没有进入专席")


@sentence("原因应为: <文字>", of_caller=True)
def _why(stage: Stage, caller: str, reason: str) -> None:
    _same(reason, _reading(stage.call(caller).queued_why))


@sentence("标记应为: <标记>", of_caller=True)
def _marked(stage: Stage, caller: str, mark: str) -> None:
    found = stage.call(caller).mark
    _same(mark, chinese.MARKS.get(found, found) or "没有标记")


@sentence("应认出: <姓名>", of_caller=True)
def _recognised(stage: Stage, caller: str, person: str) -> None:
    _same(person, stage.call(caller).person or "没有认出")


@sentence("来源应为: <文字>", of_caller=True)
def _from_hotline(stage: Stage, caller: str, name: str) -> None:
    _same(name, stage.call(caller).hotline_name or "本热线")


@sentence("应振铃: <工号>", of_caller=True)
def _rings(stage: Stage, caller: str, agent_id: str) -> None:
    stage.agent_status(agent_id)
    call_id = stage.on_the_line(caller)
    line = stage.world.lines[call_id]
    ringing = line.ring.phone if line.doing == "ringing" and line.ring else "没有电话在响"
    _same(agent_id, ringing)


@sentence("应通话: <工号>", of_caller=True)
def _talks(stage: Stage, caller: str, agent_id: str) -> None:
    call_id = stage.on_the_line(caller)
    static = [agent for agent, call in stage.world.static_talks.items() if call == call_id]
    line = stage.world.lines[call_id]
    _same(agent_id, static[0] if static else line.ring.phone if line.doing == "talking" and line.ring else "没有通话")


@sentence("应拨打: <号码>", of_caller=True)
def _dials(stage: Stage, caller: str, number: str) -> None:
    _same(number, stage.world.outside[_outside(stage, caller, "dialling")].number)


@sentence("应与外线通话: <号码>", of_caller=True)
def _talks_outside(stage: Stage, caller: str, number: str) -> None:
    _same(number, stage.world.outside[_outside(stage, caller, "outside")].number)


@sentence("结果应为: <结果>", of_caller=True)
def _outcome(stage: Stage, caller: str, name: str) -> None:
    _one_of(name, chinese.OUTCOMES.values())
    outcome = stage.call(caller).outcome
    _same(name, chinese.OUTCOMES[outcome] if outcome else "通话还没有结束")


@sentence("评价应为: <评价>", of_caller=True)
def _rating(stage: Stage, caller: str, name: str) -> None:
    _one_of(name, (*chinese.RATINGS, "没有问到评价"))
    rating = stage.call(caller).rating
    _same(name, "没有问到评价" if rating is None else chinese.RATINGS[rating])


@sentence("<工号> 应为: <状态>")
def _agent_is(stage: Stage, agent_id: str, name: str) -> None:
    _one_of(name, chinese.STATUSES.values())
    _same(name, chinese.STATUSES[stage.agent_status(agent_id)])


def _one_of(word: str, words: Any) -> None:
    if word not in words:
        raise Unmet(f"没有“{word}”这个说法，可以写：{'、'.join(words)}")
