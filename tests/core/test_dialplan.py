"""The plan: what is refused, in which words, and that an accepted plan leads everybody to a person."""

import copy
import tomllib
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.calls import Stage
from ivr.core.dialplan import draw
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.menu import answer
from ivr.core.dialplan.trial import Heard, Queued, Trial
from ivr.core.errors import DialplanError
from ivr.core.floor import Floor, Rules
from tests.core.world import REPO, keyed_plan, shipped_plan

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
            "city.toml: default: must lead to exactly one of menu, queue, pin, repeat, stay, callback, transfer.",
        ),
        (
            lambda c, q: c.update(caller=[{"name": "x", "numbers": ["110", "0086 110"], "queue": "general"}]),
            "city.toml: caller 'x': '0086 110' is there already, for 'x'.",
        ),
        (
            lambda c, q: c["known"].update(mayors={"queue": "general"}),
            "city.toml: known.mayors.[key]: String should match pattern '^(deputy|elderly)$'.",
        ),
        (
            lambda c, q: c["default"].update(hours="office", closed={"queue": "general"}),
            "city.toml: default: there are no hours 'office'.",
        ),
        (
            lambda c, q: c["menu"]["main"].update(hours="office", closed={"queue": "general"}),
            "city.toml: menu.main: there are no hours 'office'.",
        ),
        (
            lambda c, q: c["default"].update(hours="office"),
            "city.toml: default: hours and closed belong together: one of them is missing.",
        ),
        (
            lambda c, q: c["menu"]["main"]["key"]["2"].update(hours="office", closed={"queue": "night"}),
            "city.toml: menu.main.key.2.closed: there is no queue 'night' in queues.toml.",
        ),
        (
            lambda c, q: c["number"]["12345"].update(hours="office", closed={"queue": "general", "say": ["shut"]}),
            "city.toml: number.12345.closed.say: there is no prompt 'shut' in prompts/.",
        ),
        (
            lambda c, q: c["default"].update(hours="office", closed={"repeat": True}),
            "city.toml: default.closed: only a menu's answers can repeat.",
        ),
        (
            lambda c, q: c["menu"]["main"].update(hours="office", closed={"repeat": True}),
            "city.toml: menu.main.closed: only a menu's answers can repeat.",
        ),
        (
            lambda c, q: c["menu"].update(
                main=c["menu"]["main"] | {"hours": "office", "closed": {"menu": "night"}},
                night=c["menu"]["main"] | {"hours": "office", "closed": {"menu": "main"}},
            ),
            "city.toml: menu.night: closed leads in a circle.",
        ),
        (
            lambda c, q: c["menu"]["main"].update(
                no_input={"queue": "general", "hours": "office", "closed": {"menu": "main"}}
            ),
            "city.toml: menu.main: a silent caller never reaches a queue: no_input leads in a circle.",
        ),
        (lambda c, q: c.update(timezone="Asia/Zhuzhou"), "city.toml: timezone: 'Asia/Zhuzhou' is no timezone"),
        (lambda c, q: c.update(hours={"office": {}}), "city.toml: hours.office: is never open: no period is given."),
        (
            lambda c, q: c.update(hours={"office": {"workdays": ["8:30-12:00"]}}),
            "city.toml: hours.office.workdays.#1: '8:30-12:00' is no period; write \"08:30-17:30\".",
        ),
        (
            lambda c, q: c.update(hours={"office": {"monday": ["08:00-24:30"]}}),
            "city.toml: hours.office.monday.#1: '08:00-24:30': there is no such time of day",
        ),
        (
            lambda c, q: c.update(hours={"office": {"monday": ["09:00-09:00"]}}),
            "city.toml: hours.office.monday.#1: '09:00-09:00' is empty",
        ),
        (
            lambda c, q: c.update(hours={"office": {"restdays": ["22:00-06:00", "08:00-22:01"]}}),
            "city.toml: hours.office.restdays: 08:00-22:01 and 22:00-06:00 overlap.",
        ),
        (
            lambda c, q: c.update(hours={"office": {"workdays": ["09:00-12:00"], "closed_on": ["2026-02-30"]}}),
            "city.toml: hours.office.closed_on.#1: ",
        ),
        (
            lambda c, q: c.update(hours={"office": {"open_on": {"2026-12-31": []}}}),
            "city.toml: hours.office.open_on.2026-12-31: no period is given; a day without one belongs in closed_on.",
        ),
        (
            lambda c, q: c.update(
                hours={"office": {"open_on": {"2026-12-31": ["09:00-12:00"]}, "closed_on": ["2026-12-31"]}}
            ),
            "city.toml: hours.office: 2026-12-31 stands in closed_on and in open_on.",
        ),
        (
            lambda c, q: c["menu"]["main"].update(no_input={"stay": True}),
            "city.toml: menu.main.no_input: only a key of a line can stay.",
        ),
        (
            lambda c, q: c["menu"]["main"]["key"].update({"0": {"menu": "main", "emergency": True}}),
            "city.toml: menu.main.key.0: emergency goes with a queue or a transfer.",
        ),
        (
            lambda c, q: c["menu"]["main"]["key"].update({"0": {"queue": "general", "emergency": True, "priority": 9}}),
            "city.toml: menu.main.key.0: emergency goes before every priority: leave priority out.",
        ),
        (lambda c, q: c.update(limits={"steps": 0}), "city.toml: limits.steps: "),
        (
            lambda c, q: q["queue"]["general"].pop("prompt"),
            "queues.toml: queue.general: key and prompt belong together: one of them is missing.",
        ),
        (
            lambda c, q: q["queue"]["general"].update(key={"1": {"repeat": True}}, prompt=["welcome"]),
            "queues.toml: queue.general.key.1: only a menu's answers can repeat.",
        ),
        (
            lambda c, q: q["queue"]["general"].update(key={"1": {"menu": "more"}}, prompt=["press"]),
            "queues.toml: queue.general.key.1: there is no menu 'more' in city.toml.",
        ),
        (
            lambda c, q: q["queue"]["general"].update(key={"1": {"menu": "main"}}, prompt=["press"]),
            "queues.toml: queue.general.prompt: there is no prompt 'press' in prompts/.",
        ),
        (
            lambda c, q: c["menu"]["main"]["key"].update({"1": {"transfer": "110", "priority": 3}}),
            "city.toml: menu.main.key.1: priority goes with a queue.",
        ),
        (
            lambda c, q: c["menu"]["main"].update(no_input={"transfer": "110"}),
            "city.toml: menu.main.no_input: only a number, a caller, a key, a hotline and nobody_signed_in can lead",
        ),
        (
            lambda c, q: q["queue"]["general"].update(nobody_signed_in={"transfer": "0731 2288"}),
            "queues.toml: queue.general.nobody_signed_in.transfer: ",
        ),
        (
            lambda c, q: q["queue"]["general"].update(nobody_signed_in={"menu": "main"}),
            "queues.toml: queue.general.nobody_signed_in: must lead to a queue or a transfer.",
        ),
        (
            lambda c, q: (
                q["queue"]["general"].update(nobody_signed_in={"queue": "enterprise"}),
                q["queue"]["enterprise"].update(nobody_signed_in={"queue": "general"}),
            ),
            "queues.toml: queue.general: nobody_signed_in leads in a circle.",
        ),
        (
            lambda c, q: q["queue"]["general"].update(nobody_signed_in={"queue": "night"}),
            "queues.toml: queue.general.nobody_signed_in: there is no queue 'night' in queues.toml.",
        ),
        (
            lambda c, q: c["menu"]["main"]["key"].update({"9": {"menu": "main", "language": "en"}}),
            "city.toml: menu.main.key.9: there is no language 'en'.",
        ),
        (
            lambda c, q: c.update(language={"en": {"name": "English", "queue": {"general": "general_en"}}}),
            "city.toml: language.en.queue: there is no queue 'general_en' in queues.toml.",
        ),
        (lambda c, q: c.update(language={"EN-us": {"name": "English"}}), "city.toml: language.EN-us"),
        (
            lambda c, q: q["queue"]["general"].update(key={"9": {"stay": True, "language": "en"}}, prompt=["welcome"]),
            "queues.toml: queue.general.key.9: language goes with menu, queue or repeat.",
        ),
        (lambda c, q: q["announce"].update(most=30), "queues.toml: announce: there is no prompt 'queue_ahead_30'"),
        (lambda c, q: q["queue"]["general"].update(priority="high"), "queues.toml: queue.general.priority"),
    ],
)
def test_a_mistake_is_a_sentence_with_file_and_key(change: Any, sentence: str) -> None:
    assert sentence in _refused(change)


@pytest.mark.parametrize(("key", "queue"), [("2", "enterprise"), ("", "general"), ("7", "general"), ("#", "general")])
def test_the_shipped_menu(key: str, queue: str) -> None:
    trial = Trial(PLAN, "13800138000", "12345", 0)
    assert [type(e) for e in trial.step()] == [Heard]
    last = list(trial.step(key))[-1]
    assert isinstance(last, Queued) and last.queue == queue


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


def _with_hours() -> dialplan.Plan:
    """Enterprises are served on workdays from 08:30 to 17:30; at other times the general desk takes them."""
    city = copy.deepcopy(CITY)
    city["hours"] = {"office": {"workdays": ["08:30-17:30"]}}
    city["menu"]["main"]["key"]["2"] |= {"hours": "office", "closed": {"queue": "general", "mark": "enterprise"}}
    return dialplan.parse(city, QUEUES, PLAN.durations)


@pytest.mark.parametrize(
    ("at", "queue", "why"),
    [
        ("2026-11-23 17:29:59", "enterprise", "key 2"),
        ("2026-11-23 17:30", "general", "key 2, office closed: 星期一，工作日，只在 08:30-17:30 开放"),
        ("2026-10-01 09:00", "general", "key 2, office closed: 国庆节假期，全天不开放"),
    ],
)
def test_a_closed_desk_leads_elsewhere_with_its_mark(at: str, queue: str, why: str) -> None:
    trial = Trial(_with_hours(), "13800138000", "12345", _at(at))
    list(trial.step())
    assert list(trial.step("2")) == [Queued(queue, "enterprise", why)]


def test_the_example_of_the_documents_holds() -> None:
    section = (REPO / "docs/menu-language.md").read_text("utf-8").partition("### Open hours")[2]
    block = section.partition("```toml\n")[2].partition("```")[0]
    example, city = tomllib.loads(block), copy.deepcopy(CITY)
    city["hours"] = example["hours"]
    city["menu"]["main"]["key"] |= example["menu"]["main"]["key"]
    plan = dialplan.parse(city, QUEUES, PLAN.durations)
    for at, queue in (
        ("2026-10-02 09:00", "enterprise"),
        ("2026-10-03 09:00", "general"),
        ("2026-12-31 09:00", "general"),
    ):
        led = answer(plan, "main", 1, "2", _at(at))
        assert (led.target.queue, led.target.mark) == (queue, "enterprise")


def test_the_floor_asks_for_the_hours_of_the_moment_in_which_the_key_is_pressed() -> None:
    plan = _with_hours()
    floor = Floor(plan, (), Rules())
    for call_id, pressed in (("1", "17:29:59"), ("2", "17:30:00")):
        floor.handle(ev.CallArrived(_at("2026-11-23 17:29:58"), call_id, "PJSIP/x", "", "12345"))
        step = floor.calls[call_id].step
        floor.handle(ev.StepEnded(_at(f"2026-11-23 {pressed}"), call_id, step, "2"))
    assert [floor.calls[call_id].queue for call_id in "12"] == ["enterprise", "general"]


def test_a_closed_menu_is_not_asked_and_the_default_queue_is_that_of_the_hour() -> None:
    city = copy.deepcopy(CITY)
    city["hours"] = {"office": {"workdays": ["08:30-17:30"]}}
    city["menu"]["main"] |= {"hours": "office", "closed": {"queue": "enterprise"}}
    plan = dialplan.parse(city, QUEUES, PLAN.durations)
    day, night = _at("2026-11-23 09:00"), _at("2026-11-23 03:00")
    assert plan.entry("", "12345", day).target.menu == "main"
    assert plan.entry("", "12345", night).target.queue == "enterprise"
    assert (plan.default_queue(day), plan.default_queue(night)) == ("general", "enterprise")


KEYS = "0123456789*#"
_QUEUES: list[dict[str, Any]] = [{"queue": "general"}, {"queue": "enterprise"}]
# More queues than menus, or most plans lead in circles and are refused.
_LEAVING = st.sampled_from([*_QUEUES * 4, *({"menu": name} for name in "abc")])
_ENDS = st.one_of(_LEAVING, st.just({"repeat": True}))


def _gated(table: dict[str, Any], name: str | None, closed: dict[str, Any]) -> dict[str, Any]:
    return table | ({"hours": name, "closed": closed} if name else {})


_NAMES = st.sampled_from([None, None, "x", "y"])
_TARGETS = st.recursive(_ENDS, lambda inner: st.builds(_gated, _ENDS, _NAMES, inner), max_leaves=3)
_MENUS = st.builds(
    _gated,
    st.fixed_dictionaries(
        {
            "prompt": st.just(["welcome"]),
            "tries": st.integers(1, 3),
            "key": st.dictionaries(st.sampled_from(KEYS), _TARGETS, max_size=4),
            "no_input": _TARGETS,
            "wrong_key": _TARGETS,
        }
    ),
    _NAMES,
    _LEAVING,
)
_PERIODS = st.sampled_from([[], ["00:00-24:00"], ["08:30-12:00", "14:30-17:30"], ["22:00-06:00"]])
_HOURS = st.fixed_dictionaries({"sunday": _PERIODS, "workdays": _PERIODS, "restdays": st.just(["00:00-00:01"])})


@settings(max_examples=300)
@given(
    menus=st.fixed_dictionaries(dict.fromkeys("abc", _MENUS)),
    hours=st.fixed_dictionaries({"x": _HOURS, "y": _HOURS}),
    at=st.floats(0, 4e9),
    keys=st.lists(st.sampled_from(["", *KEYS])),
)
def test_no_key_sequence_strands_a_caller_at_any_hour(
    menus: dict[str, Any], hours: dict[str, Any], at: float, keys: list[str]
) -> None:
    city = copy.deepcopy(CITY) | {"menu": menus, "hours": hours, "default": {"menu": "a"}, "number": {}, "caller": []}
    try:
        plan = dialplan.parse(city, QUEUES, PLAN.durations)
    except DialplanError:
        return
    assert plan.default_queue(at) in plan.queues.queue
    trial = Trial(plan, "13800138000", "12345", at)
    presses = iter(keys)
    key = ""
    for _ in range(plan.city.limits.steps + 1):
        end = list(trial.step(key))[-1]
        if isinstance(end, Queued):
            assert end.queue in plan.queues.queue
            return
        key = next(presses, "")
    pytest.fail("the caller is still in a menu")


@settings(max_examples=150)
@given(
    menus=st.fixed_dictionaries(dict.fromkeys("abc", _MENUS)),
    hours=st.fixed_dictionaries({"x": _HOURS, "y": _HOURS}),
    limits=st.fixed_dictionaries({"steps": st.integers(1, 20), "menu_s": st.integers(10, 200)}),
    at=st.floats(0, 4e9),
    presses=st.lists(st.tuples(st.sampled_from(["", *KEYS]), st.floats(-5, 12), st.booleans())),
)
def test_no_sequence_of_keys_and_times_strands_a_caller(
    menus: dict[str, Any], hours: dict[str, Any], limits: dict[str, Any], at: float, presses: list[Any]
) -> None:
    """Keys at any moment, prompts that fail, a clock that jumps back: the limits hold, and a line is the end."""
    tables = {"menu": menus, "hours": hours, "limits": limits, "default": {"menu": "a"}, "number": {}, "caller": []}
    try:
        plan = dialplan.parse(copy.deepcopy(CITY) | tables, QUEUES, PLAN.durations)
    except DialplanError:
        return
    floor, now, steady = Floor(plan, (), Rules()), at, True
    floor.handle(ev.CallArrived(at, "1", "PJSIP/x", "", "12345"))
    for key, seconds, failed in [*presses, *[("", 12.0, False)] * 20]:
        call = floor.calls["1"]
        if call.stage is Stage.WAITING:
            assert call.queue in plan.queues.queue
            return
        assert call.stage is Stage.MENU and call.asked <= plan.city.limits.steps
        steady = steady and seconds >= 0
        assert not steady or now - at <= plan.city.limits.menu_s + 12
        now += seconds
        floor.handle(ev.StepEnded(now, "1", call.step, key, failed=failed))
    pytest.fail("the caller is still in a menu")


def test_the_picture_shows_where_a_closed_desk_leads() -> None:
    assert 'menu_main -- "按 2，不在 office 时段" --> queue_general' in draw.mermaid(_with_hours(), {})


def test_the_picture_shows_every_key_and_queue() -> None:
    picture = draw.mermaid(PLAN, {"welcome": "您好"})
    for menu in PLAN.city.menu.values():
        for key in menu.key:
            assert f"按 {key}" in picture
    for queue in PLAN.queues.queue.values():
        assert queue.name in picture


def test_the_picture_shows_the_keys_of_a_line() -> None:
    picture = draw.mermaid(keyed_plan(), {})
    assert 'queue_general -- "排队中按 1" --> queue_general' in picture
    assert 'queue_general -- "排队中按 5" --> menu_line' in picture
    assert 'queue_general -- "排队中按 *，紧急" --> queue_general' in picture


def test_the_explanation_tells_the_keys_of_the_line() -> None:
    lines = list(explain(keyed_plan(), {"callback_offer": "请按一"}, "", "12345", _at("2026-11-23 09:00"), "5"))
    assert lines[-1] == "   排队中可按键：1、2、5、7、8、*（请按一）"
    lines = list(explain(keyed_plan(), {}, "", "12345", _at("2026-11-23 09:00"), "0"))
    assert "   转接外线 110；对方没接时：" in lines
    assert "   进入队列：综合席（general），紧急，排在所有来电之前，标记 emergency" in lines
