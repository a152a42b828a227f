"""A caller chooses a language: its prompts, its lines, and the usual prompt where it has none."""

from random import Random

import pytest

from ivr.core import actions as do
from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.calls import Stage
from ivr.core.dialplan import draw
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.gaps import untranslated
from ivr.core.dialplan.trial import Heard, Queued, Trial
from tests.core.callers import Caller, works
from tests.core.world import World, shipped_plan, shipped_tables

TRANSLATED = ("welcome", "menu_main", "queue_next", "rating")


def _plan() -> dialplan.Plan:
    """Key 9 is English; the general line has an English one, the enterprise line has none."""
    city, queues = shipped_tables()
    city["language"] = {"en": {"name": "English", "queue": {"general": "general_en"}}}
    city["menu"]["main"]["key"]["9"] = {"menu": "main", "language": "en"}
    queues["queue"]["general_en"] = {"name": "英语席", "skill": "enterprise"}
    durations = shipped_plan().durations | {f"en/{name}": 1.0 for name in TRANSLATED}
    return dialplan.parse(city, queues, durations)


@pytest.fixture
def caller() -> Caller:
    """Has pressed 9, and hears the menu again."""
    caller = Caller(World(Random(0), _plan()))
    caller.press("9")
    return caller


def test_the_prompts_are_those_of_the_language_or_the_usual_ones(caller: Caller) -> None:
    order = caller.hears()
    assert isinstance(order, do.Ask) and order.prompts == ("en/welcome", "recording_notice", "en/menu_main")
    assert caller.call.language == "en"
    chosen = [event for event in caller.world.journal if isinstance(event, ev.LanguageChosen)]
    assert [(event.call_id, event.language) for event in chosen] == [(caller.call_id, "en")]


def test_the_caller_waits_in_the_line_of_the_language(caller: Caller) -> None:
    caller.world.tell(ev.AgentSignedIn(caller.world.now, "8001"))
    caller.press("")
    order = caller.hears()
    assert caller.call.queue == "general_en" and isinstance(order, do.Say) and order.prompts == ("en/queue_next",)
    works(caller.world, "8002")  # speaks no English
    assert caller.call.stage is Stage.WAITING
    works(caller.world, "8001")
    assert caller.call.stage is Stage.RINGING


def test_a_line_without_one_of_the_language_serves_everybody(caller: Caller) -> None:
    caller.press("2")
    assert caller.call.queue == "enterprise"


def test_what_was_heard_before_a_key_goes_by_the_length_in_that_language(caller: Caller) -> None:
    """`en/welcome` takes 1 s and the notice 2 s: after 3.5 s the notice is over, after the usual lengths it is not."""
    city, queues = shipped_tables()
    city["language"] = {"en": {"name": "English"}}
    city["number"]["12348"] = {"menu": "main", "language": "en"}
    world = World(Random(0), dialplan.parse(city, queues, shipped_plan().durations | {"en/welcome": 1.0}))
    for dnis, heard in (("12348", True), ("12345", False)):
        caller = Caller(world, dnis=dnis)
        caller.press("2", after_s=3.5)
        assert ("recording_notice" in caller.call.prompts_heard) is heard


def test_the_language_outlives_a_restart(caller: Caller) -> None:
    caller.press("")
    caller.world.restart_controller()
    assert (caller.call.language, caller.call.queue) == ("en", "general_en")


def test_a_plan_without_languages_lacks_nothing() -> None:
    assert list(untranslated(shipped_plan())) == []


def test_the_check_names_the_prompts_that_are_missing() -> None:
    ((code, lacking),) = untranslated(_plan())
    assert code == "en" and "thanks" in lacking and "welcome" not in lacking and "line_full" not in lacking


def test_it_is_tried_explained_and_drawn() -> None:
    trial = Trial(_plan(), "", "12345", 0)
    list(trial.step())
    assert list(trial.step("9")) == [Heard(("en/welcome", "recording_notice", "en/menu_main"), asks=True)]
    assert list(trial.step("")) == [Queued("general_en", "", "silence")]
    lines = list(explain(_plan(), {"en/menu_main": "Press two."}, "", "12345", 0, "9"))
    assert "   播放：en/welcomerecording_noticePress two." in lines
    picture = draw.mermaid(_plan(), {})
    assert 'menu_main -- "按 9，改用语言 en" --> menu_main' in picture
    assert 'queue_general -- "English" --> queue_general_en' in picture
