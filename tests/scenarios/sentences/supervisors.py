"""What supervisors do."""

from __future__ import annotations

from ivr.core import events as ev
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet


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


@sentence("<号码> 由班长立即回拨")
def _call_back_now(stage: Stage, number: str) -> None:
    stage.world.tell(ev.CallbackOrdered(stage.world.now, stage.open_task(number).task_id, "banzhang"))


@sentence("<号码> 由班长关闭回拨: <文字>")
def _close_callback(stage: Stage, number: str, reason: str) -> None:
    stage.world.tell(ev.CallbackClosed(stage.world.now, stage.open_task(number).task_id, "banzhang", reason))
