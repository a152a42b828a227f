"""What agents do."""

from __future__ import annotations

from collections.abc import Callable

from ivr.core import events as ev
from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet


@sentence("<工号> 接听")
def _answer(stage: Stage, agent_id: str) -> None:
    if not stage.world.agent_answers(agent_id):
        raise Unmet(f"{agent_id} 的电话没有响")


@sentence("<工号> 拒接")
def _reject(stage: Stage, agent_id: str) -> None:
    if not stage.world.reject(agent_id):
        raise Unmet(f"{agent_id} 的电话没有响")


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
