"""The plan: what is refused, in which words, and that an accepted plan leads everybody to a person."""

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core import dialplan, draw
from ivr.core.errors import DialplanError
from ivr.core.trial import Heard, Queued, Trial
from tests.core.world import REPO, shipped_plan

PLAN = shipped_plan()
CITY, QUEUES = (tomllib.loads((REPO / "dialplans" / f"{n}.toml").read_text("utf-8")) for n in ("city", "queues"))


def _refused(change: Any) -> str:
    city, queues = copy.deepcopy(CITY), copy.deepcopy(QUEUES)
    change(city, queues)
    with pytest.raises(DialplanError) as caught:
        dialplan.parse(city, queues, PLAN.durations)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c, q: c.update(colour="red"), "city.toml: colour: there is no such key."),
        (lambda c, q: c["menu"]["main"].pop("no_input"), "city.toml: menu.main.no_input: this key is missing."),
        (
            lambda c, q: c["menu"]["main"]["key"].update({"2": {"queue": "enterprize"}}),
            "city.toml: menu.main.key.2: there is no queue 'enterprize' in queues.toml.",
        ),
        (
            lambda c, q: c["menu"]["main"]["key"].update({"12": {"queue": "general"}}),
            "city.toml: menu.main.key.12",
        ),
        (
            lambda c, q: c["menu"]["main"].update(no_input={"menu": "main"}),
            "city.toml: menu.main: a silent caller never reaches a queue: no_input leads in a circle.",
        ),
        (
            lambda c, q: c["menu"]["main"].update(prompt=["welcom"]),
            "city.toml: menu.main.prompt: there is no prompt 'welcom' in prompts/.",
        ),
        (
            lambda c, q: c["default"].update(queue="general"),
            "city.toml: default: must lead to exactly one of menu, queue, repeat.",
        ),
        (
            lambda c, q: c["caller"][0]["numbers"].append("13907330001"),
            "city.toml: caller 'deputy': '13907330001' is there already, for 'deputy'.",
        ),
        (lambda c, q: q["announce"].update(most=30), "queues.toml: announce: there is no prompt 'queue_ahead_30'"),
        (lambda c, q: q["queue"]["general"].update(priority="high"), "queues.toml: queue.general.priority"),
    ],
)
def test_a_mistake_is_a_sentence_with_file_and_key(change: Any, sentence: str) -> None:
    assert sentence in _refused(change)


@pytest.mark.parametrize(
    ("ani", "dnis", "queue", "why"),
    [
        ("13800138000", "12346", "deputies", "number 12346"),
        ("+8613907330001", "12345", "deputies", "caller deputy"),
        ("008613907330001", "12345", "deputies", "caller deputy"),
        ("013907330001", "12345", "deputies", "caller deputy"),
        ("073122880001", "12345", "deputies", "caller deputy"),
    ],
)
def test_deputies_are_recognised(ani: str, dnis: str, queue: str, why: str) -> None:
    target, reason = PLAN.entry(ani, dnis)
    assert (target.queue, reason, target.mark) == (queue, why, "deputy")


@pytest.mark.parametrize("ani", ["", "anonymous", "\x00\r\n", "9" * 40, "+86", "１３９０７３３０００１"])
def test_other_callers_get_the_menu(ani: str) -> None:
    target, _ = PLAN.entry(ani, "12345")
    assert target.menu == "main"


@pytest.mark.parametrize(("key", "queue"), [("2", "enterprise"), ("", "general"), ("7", "general"), ("#", "general")])
def test_the_shipped_menu(key: str, queue: str) -> None:
    trial = Trial(PLAN, "13800138000", "12345")
    assert [type(e) for e in trial.step()] == [Heard]
    last = list(trial.step(key))[-1]
    assert isinstance(last, Queued) and last.queue == queue


KEYS = "0123456789*#"
_TARGETS = st.one_of(
    st.sampled_from(["general", "enterprise"]).map(lambda q: {"queue": q}),
    st.sampled_from(["a", "b", "c"]).map(lambda m: {"menu": m}),
    st.just({"repeat": True}),
)
_MENUS = st.fixed_dictionaries(
    {
        "prompt": st.just(["welcome"]),
        "tries": st.integers(1, 3),
        "key": st.dictionaries(st.sampled_from(KEYS), _TARGETS, max_size=4),
        "no_input": _TARGETS,
        "wrong_key": _TARGETS,
    }
)


@given(menus=st.fixed_dictionaries(dict.fromkeys("abc", _MENUS)), keys=st.lists(st.sampled_from(["", *KEYS])))
def test_no_key_sequence_strands_a_caller(menus: dict[str, Any], keys: list[str]) -> None:
    city = copy.deepcopy(CITY) | {"menu": menus, "default": {"menu": "a"}, "number": {}, "caller": []}
    try:
        plan = dialplan.parse(city, QUEUES, PLAN.durations)
    except DialplanError:
        return
    trial = Trial(plan, "13800138000", "12345")
    presses = iter(keys)
    key = ""
    for _ in range(dialplan.MAX_STEPS + 1):
        end = list(trial.step(key))[-1]
        if isinstance(end, Queued):
            assert end.queue in plan.queues.queue
            return
        key = next(presses, "")
    pytest.fail("the caller is still in a menu")


def test_the_picture_shows_every_key_and_queue() -> None:
    picture = draw.mermaid(PLAN, {"welcome": "您好"})
    for menu in PLAN.city.menu.values():
        for key in menu.key:
            assert f"按 {key}" in picture
    for queue in PLAN.queues.queue.values():
        assert queue.name in picture
