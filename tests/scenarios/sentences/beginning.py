"""What a story begins with."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr.core.agents import Profile
from ivr.core.callbacks import Dialling
from ivr.core.numbers import national
from ivr.core.registers import NAMES, Entry
from tests.core.world import REPO, SEAL, shipped_plan
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet, one_of

PLANS = Path(__file__).parents[1] / "plans"


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
    skills = frozenset(word for name in queues.split(" ") for word in stage.plan.queues.queue[stage.queue(name)].skill)
    stage.people[Profile(agent_id, agent_id, skills)] = status


@sentence("名册: <名册> <号码> <姓名>")
def _registered(stage: Stage, name: str, number: str, person: str) -> None:
    _registered_with_pin(stage, name, number, person, "")


@sentence("名册: <名册> <号码> <姓名> 密码 <密码>")
def _registered_with_pin(stage: Stage, name: str, number: str, person: str, pin: str) -> None:
    _must_begin(stage)
    one_of(name, NAMES.values())
    register = next(key for key, value in NAMES.items() if value == name)
    pin_hash = SEAL.pin(register, pin) if pin else ""
    stage.entries.append(Entry(number, register, person, "", SEAL.number(national(number)), pin_hash))


@sentence("回拨: 开通")
def _calls_back(stage: Stage) -> None:
    _must_begin(stage)
    stage.rules = replace(stage.rules, callback=Dialling(possible=True))


def _must_begin(stage: Stage) -> None:
    if stage.begun:
        raise Unmet("这一句要写在开头")
