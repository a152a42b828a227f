"""Time, and the machines."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage


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
