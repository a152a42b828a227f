"""What callers do."""

from __future__ import annotations

from ivr.core import events as ev
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet


@sentence("来电: <号码> 拨打 <号码>", of_caller=True)
def _arrive(stage: Stage, caller: str, ani: str, dnis: str) -> None:
    _arrive_over(stage, caller, ani, dnis, "")


@sentence("来电: <号码> 拨打 <号码> 经 <中继>", of_caller=True)
def _arrive_over(stage: Stage, caller: str, ani: str, dnis: str, trunk: str) -> None:
    if stage.calls.get(caller) in stage.world.lines:
        raise Unmet(f"{caller} 已经在线上，请换一个称呼")
    if caller in stage.calls:
        raise Unmet(f"{caller} 打过电话了，请换一个称呼")
    stage.calls[caller] = stage.world.arrive("" if ani == "匿名" else ani, dnis, trunk)


@sentence("按键: <键>", of_caller=True)
def _press(stage: Stage, caller: str, key: str) -> None:
    stage.world.key(stage.on_the_line(caller), key)


@sentence("输入密码: <密码>", of_caller=True)
def _type_pin(stage: Stage, caller: str, digits: str) -> None:
    if not stage.world.type_pin(stage.on_the_line(caller), digits):
        raise Unmet("现在没有问密码")


@sentence("说: <文字>", of_caller=True)
def _says(stage: Stage, caller: str, words: str) -> None:
    call_id = stage.on_the_line(caller)
    table = stage.plan.city.emergency
    heard = [word for word in table.words if word in words] if table and call_id in stage.world.listened else []
    if heard and stage.world.controlled:
        stage.world.tell(ev.EmergencyHeard(stage.world.now, call_id, heard[0]))


@sentence("挂机", of_caller=True)
def _hang_up(stage: Stage, caller: str) -> None:
    stage.world.hang_up(stage.on_the_line(caller))
