"""People outside, whom the hotline has called for the citizen, or an agent into the room."""

from __future__ import annotations

from tests.scenarios.script import sentence
from tests.scenarios.stage import Stage, Unmet, same


def _leg(stage: Stage, caller: str, answered: bool) -> tuple[str, str]:
    """The call, and the leg that was called into its room; "" when the citizen is with it, or rings it."""
    call_id, world = stage.on_the_line(caller), stage.world
    leg_id = world.room_leg(call_id)
    if leg_id and world.rooms.of(call_id).legs[leg_id] is answered:
        return call_id, leg_id
    if call_id in world.outside and world.lines[call_id].doing == ("outside" if answered else "dialling"):
        return call_id, ""
    raise Unmet(f"{caller} 没有在同外线通话" if answered else f"没有给 {caller} 拨打外线")


def _ends(stage: Stage, caller: str, answered: bool, reason: str) -> None:
    call_id, leg_id = _leg(stage, caller, answered)
    if leg_id:
        stage.world.room_leg_ends(leg_id, reason)
    else:
        stage.world.end_leg(call_id, reason)


@sentence("外线接听", of_caller=True)
def _answers(stage: Stage, caller: str) -> None:
    call_id, leg_id = _leg(stage, caller, answered=False)
    if leg_id:
        stage.world.room_leg_answers(leg_id)
    else:
        stage.world.outside_answers(call_id)


@sentence("外线占线", of_caller=True)
def _busy(stage: Stage, caller: str) -> None:
    _ends(stage, caller, answered=False, reason="busy")


@sentence("外线挂机", of_caller=True)
def _hangs_up(stage: Stage, caller: str) -> None:
    _ends(stage, caller, answered=True, reason="hung_up")


def _number(stage: Stage, call_id: str, leg_id: str) -> str:
    return stage.world.room_numbers[leg_id] if leg_id else stage.world.outside[call_id].number


@sentence("应拨打: <号码>", of_caller=True)
def _dials(stage: Stage, caller: str, number: str) -> None:
    same(number, _number(stage, *_leg(stage, caller, answered=False)))


@sentence("应与外线通话: <号码>", of_caller=True)
def _talks_outside(stage: Stage, caller: str, number: str) -> None:
    call_id, leg_id = _leg(stage, caller, answered=True)
    if leg_id and stage.world.lines[call_id].doing != "room":
        raise Unmet(f"{caller} 还听着音乐")
    same(number, _number(stage, call_id, leg_id))
