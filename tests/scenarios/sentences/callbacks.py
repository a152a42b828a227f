"""Citizens who are called back: what they do, and what is expected."""

from __future__ import annotations

from ivr.core.numbers import national
from tests.scenarios import chinese
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet, one_of, same


def _dialled(stage: Stage, number: str) -> list[str]:
    lines = stage.world.lines.items()
    return [c for c, line in lines if line.doing == "calling" and national(line.number) == national(number)]


@sentence("正被回拨: <号码>", of_caller=True)
def _is_called(stage: Stage, caller: str, number: str) -> None:
    calls = _dialled(stage, number)
    if len(calls) != 1:
        raise Unmet(f"{number} 的电话{'响了两次' if calls else '没有响'}")
    if stage.calls.setdefault(caller, calls[0]) != calls[0]:
        raise Unmet(f"{caller} 已经是另一个电话，请换一个称呼")


@sentence("<号码> 不应被回拨")
def _is_not_called(stage: Stage, number: str) -> None:
    if _dialled(stage, number):
        raise Unmet(f"{number} 的电话正在响")


def _rung(stage: Stage, caller: str) -> str:
    call_id = stage.on_the_line(caller)
    if stage.world.lines[call_id].doing != "calling":
        raise Unmet(f"{caller} 没有正被回拨")
    return call_id


@sentence("接起回拨", of_caller=True)
def _picks_up(stage: Stage, caller: str) -> None:
    stage.world.answer(_rung(stage, caller))


@sentence("拒接回拨", of_caller=True)
def _rejects(stage: Stage, caller: str) -> None:
    stage.world.refuse(_rung(stage, caller), "rejected")


@sentence("<号码> 回拨应为: <任务>")
def _task(stage: Stage, number: str, name: str) -> None:
    one_of(name, (*chinese.TASKS.values(), "没有任务"))
    task = stage.task(number)
    same(name, chinese.TASKS[task.state] if task else "没有任务")
