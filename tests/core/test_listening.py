"""Who is listened to for emergency words, for how long, and what a word that is heard leads to."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from ivr.core import events as ev
from ivr.core.calls import LISTENED, Stage
from ivr.core.errors import DialplanError
from tests.core.callers import Caller, works
from tests.core.world import EARS, World, plan_of, shipped_tables


@pytest.fixture
def world() -> World:
    return World(Random(0))


def _waiting(world: World, ani: str = "13800138000") -> Caller:
    caller = Caller(world, ani)
    caller.press("", after_s=9)
    return caller


def test_a_caller_is_listened_to_from_the_menu_until_an_agent_answers(world: World) -> None:
    caller = Caller(world)
    assert world.listened == {caller.call_id}
    caller.press("", after_s=9)
    assert (caller.call.stage, world.listened) == (Stage.WAITING, {caller.call_id})
    works(world, "8002")
    assert (caller.call.stage, world.listened) == (Stage.RINGING, {caller.call_id})
    world.tell(ev.AgentAnswered(world.now, caller.call_id, caller.call.rings[0].ring_id))
    assert (caller.call.stage, world.listened) == (Stage.TALKING, set())


def test_a_word_puts_the_caller_before_everybody(world: World) -> None:
    first, second = _waiting(world), _waiting(world, "13800138001")
    world.tell(ev.EmergencyHeard(world.now, second.call_id, "救命"))
    assert (second.call.emergency, world.floor.line.ahead_of(second.call_id, world.now)) == (True, 0)
    second.press("")
    call = second.call
    assert (call.emergency, call.mark, call.queue, call.queued_why) == (True, "emergency", "general", "emergency word")
    assert world.listened == {first.call_id}
    works(world, "8002")
    assert (first.call.stage, second.call.stage) == (Stage.WAITING, Stage.RINGING)


def test_only_so_many_are_listened_to_and_the_others_are_counted(world: World) -> None:
    callers = [Caller(world, f"1380013800{n}") for n in range(EARS + 2)]
    assert world.listened == {caller.call_id for caller in callers[:EARS]}
    assert (len(world.floor.unheard), world.floor.unheard_total) == (2, 2)
    world.hang_up(callers[0].call_id)
    world.now += 1
    world.tick()
    assert world.listened == {caller.call_id for caller in callers[1 : EARS + 1]}
    assert world.floor.unheard_total == 2


def test_nobody_is_listened_to_without_a_recogniser_or_words(world: World) -> None:
    world.floor.change_ears(0)
    caller = Caller(world)
    assert (world.listened, world.floor.unheard_total) == (set(), 0)
    world.floor.change_ears(EARS)
    world.tick()
    assert world.listened == {caller.call_id}

    city, queues = shipped_tables()
    del city["emergency"]
    silent = World(Random(0), plan_of(city, queues))
    Caller(silent)
    assert (silent.listened, silent.floor.unheard_total) == (set(), 0)


def test_a_recogniser_that_began_anew_listens_to_all_again(world: World) -> None:
    caller = Caller(world)
    world.listened.clear()
    world.floor.change_ears(EARS)
    world.tick()
    assert world.listened == {caller.call_id}


def test_a_word_that_comes_too_late_changes_nothing(world: World) -> None:
    caller = _waiting(world)
    works(world, "8002")
    world.tell(ev.AgentAnswered(world.now, caller.call_id, caller.call.rings[0].ring_id))
    before = caller.call
    world.tell(ev.EmergencyHeard(world.now, caller.call_id, "救命"))
    assert caller.call is before and not any(isinstance(event, ev.EmergencyHeard) for event in world.journal)


@pytest.mark.parametrize("seed", range(40))
def test_who_is_listened_to_is_always_in_a_menu_or_in_the_line(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(150):
        world.step()
        for call_id in world.listened:
            call = world.floor.calls[call_id]
            assert call.stage in LISTENED and not call.emergency
        assert world.listened == world.floor.listening


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"words": []}, "city.toml: emergency.words: "),
        ({"words": ["火"]}, "city.toml: emergency.words.#1: "),
        ({"words": ["救命 "]}, "city.toml: emergency.words.#1: "),
        ({"words": ["110110"]}, "city.toml: emergency.words.#1: "),
        ({"words": ["救命", "着火", "救命"]}, "city.toml: emergency: words: '救命' is there twice."),
        ({"queue": "police"}, "city.toml: emergency.queue: there is no queue 'police' in queues.toml."),
        ({"confidence": 0.2}, "city.toml: emergency.confidence: "),
        ({"transfer": "110"}, "city.toml: emergency.transfer: there is no such key."),
    ],
)
def test_a_mistake_is_a_sentence_with_file_and_key(change: dict[str, Any], sentence: str) -> None:
    city, queues = shipped_tables()
    city["emergency"] |= change
    with pytest.raises(DialplanError) as caught:
        plan_of(city, queues)
    assert sentence in str(caught.value)
