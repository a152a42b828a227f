"""The door: who is known, which hotline was dialled, and that any number whatever leads to a person or a menu."""

from __future__ import annotations

import copy
import tomllib
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.dialplan import draw
from ivr.core.dialplan.explain import explain
from ivr.core.dialplan.trial import Queued, Trial
from ivr.core.errors import DialplanError
from ivr.core.floor import Floor, Rules
from ivr.core.numbers import national
from ivr.core.registers import ELDERLY, Entry, Registers
from tests.core.world import REGISTERS, REPO, SEAL, shipped_plan

PLAN = shipped_plan()
CITY, QUEUES, HOTLINES = (
    tomllib.loads((REPO / "dialplans" / f"{name}.toml").read_text("utf-8")) for name in ("city", "queues", "hotlines")
)


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


NOW = _at("2026-11-23 09:00")


def _plan(change: Any) -> dialplan.Plan:
    tables = copy.deepcopy([CITY, QUEUES, HOTLINES])
    change(*tables)
    return dialplan.parse(tables[0], tables[1], PLAN.durations, hotlines=tables[2])


def _call(plan: dialplan.Plan, ani: str, dnis: str, registers: Registers = REGISTERS) -> tuple[Floor, list[ev.Event]]:
    floor = Floor(plan, (), Rules())
    floor.registers = registers
    events, _ = floor.handle(ev.CallArrived(NOW, "1", "PJSIP/x", ani, dnis))
    return floor, events


# --- registers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ani", ["13907330001", "+86 139 0733 0001", "008613907330001", "013907330001", "0139-0733-0001"]
)
@pytest.mark.parametrize("dnis", ["12345", "12346", "12369", "12348", "", "4001234567"])
def test_a_deputy_is_recognised_whatever_they_dial(ani: str, dnis: str) -> None:
    floor, events = _call(PLAN, ani, dnis)
    call = floor.calls["1"]
    assert ev.CallerRecognised(NOW, "1", "deputy", "张三", "市", "number") in events
    assert (call.queue, call.mark, call.person, call.level) == ("deputies", "deputy", "张三", "市")
    assert call.hotline == (dnis if dnis in ("12369", "12348") else "")


@pytest.mark.parametrize("dnis", ["12346", "+8612346", "008612346", "+86 123-46"])
def test_a_dialled_number_is_the_same_however_it_is_written(dnis: str) -> None:
    led = PLAN.entry("13800138000", dnis, NOW)
    assert (led.target.pin, led.why) == ("deputy", "number 12346")


def test_an_elderly_caller_goes_past_the_menu_to_a_person() -> None:
    for dnis in ("12345", "12369", ""):
        floor, _ = _call(PLAN, "0731-2288 0002", dnis)
        call = floor.calls["1"]
        assert (call.queue, call.queued_why, call.mark) == ("general", "known elderly", "elderly")
        assert (call.person, call.known_as, call.steps) == ("王婆婆", "elderly", 1)  # the announcement in the line


def test_a_number_that_leads_straight_to_a_queue_holds_for_elderly_callers() -> None:
    plan = _plan(lambda c, q, h: h["hotline"]["12348"].update(queue="enterprise"))
    call = _call(plan, "073122880002", "12348")[0].calls["1"]
    assert (call.queue, call.mark, call.person, call.hotline) == ("enterprise", "12348", "王婆婆", "12348")


def test_the_first_register_of_the_city_counts() -> None:
    first = {"elderly": CITY["known"]["elderly"], **CITY["known"]}
    plan = _plan(lambda c, q, h: c.update(known=first))
    assert _call(plan, "13907330001", "12345")[0].calls["1"].known_as == "elderly"
    unused = _plan(lambda c, q, h: (c.pop("known"), c.pop("pin"), c["number"].pop("12346")))
    assert _call(unused, "13907330001", "12345")[0].calls["1"].known_as == ""


def test_a_known_caller_is_recognised_once_also_over_a_restart() -> None:
    city = {"menu": "main", "mark": "deputy"}
    plan = _plan(lambda c, q, h: c["known"].update(deputy=city))
    _, events = _call(plan, "13907330001", "12369")
    again = Floor(plan, (), Rules())
    again.restore(events, [], NOW)
    more, _ = again.handle(ev.CallFound(NOW + 1, "1", "PJSIP/x", "idle"))
    assert [type(event) for event in more] == [ev.CallFound, ev.StepStarted]
    assert (again.calls["1"].person, again.calls["1"].hotline) == ("张三", "12369")


def test_callers_of_a_group_are_known_by_their_number() -> None:
    group = {"name": "police", "numbers": ["0731-28110"], "queue": "deputies", "mark": "from_110"}
    plan = _plan(lambda c, q, h: c.update(caller=[group]))
    led = plan.entry("073128110", "12345", NOW)
    assert (led.target.mark, led.why) == ("from_110", "caller police")


@pytest.mark.parametrize("ani", ["", "anonymous", "\x00\r\n", "9" * 40, "+86", "１３９０７３３０００１"])
def test_other_callers_get_the_menu(ani: str) -> None:
    floor, events = _call(PLAN, ani, "12345")
    assert floor.calls["1"].menu == "main"
    assert not [event for event in events if isinstance(event, ev.CallerRecognised)]


_NUMBERS = st.one_of(
    st.text(),
    st.text(alphabet="0123456789+*# -\x00\r\n"),
    st.sampled_from(["", "anonymous", "+86", "0086", "9" * 40, "+8613907330001", "12345", "12346", "12369", "+12369"]),
)


@given(ani=_NUMBERS, dnis=_NUMBERS, at=st.floats(0, 4e9))
def test_any_calling_and_any_dialled_number_leads_to_a_queue_or_a_menu(ani: str, dnis: str, at: float) -> None:
    person = PLAN.recognise(REGISTERS.calling(ani))
    target = PLAN.entry(ani, dnis, at, person.register if person else "").target
    assert target.queue in PLAN.queues.queue or target.menu in PLAN.city.menu or target.pin in PLAN.city.pin
    trial = Trial(PLAN, ani, dnis, at, REGISTERS)
    ends = [event for _ in range(4) for event in trial.step() if isinstance(event, Queued)]
    assert ends and ends[0].queue in PLAN.queues.queue


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+8673122880002", "073122880002"),
        ("+86 10 12345678", "01012345678"),
        ("008673122880002", "073122880002"),
        ("+86 0731 22880002", "073122880002"),
        ("+8613907330001", "13907330001"),
        ("+864001234567", "4001234567"),
        ("+8612345", "12345"),
    ],
)
def test_the_international_form_of_a_number_is_the_same_number(written: str, dialled: str) -> None:
    assert national(written) == dialled


# --- merged hotlines --------------------------------------------------------------------------------------------------

THE_NEWSPAPERS = {"12369", "12348", "12318", "12319", "12355", "12328"}


def test_there_are_34_hotlines_and_among_them_the_six_that_the_newspaper_names() -> None:
    assert len(PLAN.hotlines.hotline) == 34
    assert set(PLAN.hotlines.hotline) >= THE_NEWSPAPERS
    assert not set(PLAN.hotlines.hotline) & {"110", "119", "120", "122"}, "these are never merged"


@pytest.mark.parametrize("number", PLAN.hotlines.hotline)
def test_a_call_to_a_merged_hotline_keeps_its_source_and_its_mark(number: str) -> None:
    floor, events = _call(PLAN, "13800138000", number)
    hotline = PLAN.hotlines.hotline[number]
    if floor.calls["1"].step_name.startswith("menu"):
        floor.handle(ev.StepEnded(NOW + 5, "1", floor.calls["1"].step))
    call = floor.calls["1"]
    assert ev.HotlineRecognised(NOW, "1", number, hotline.name, hotline.mark) in events
    assert (call.hotline, call.hotline_name, call.mark, call.queue) == (number, hotline.name, number, "general")


def test_the_source_stays_when_a_key_gives_another_mark() -> None:
    floor, _ = _call(PLAN, "13800138000", "12369")
    floor.handle(ev.StepEnded(NOW + 5, "1", floor.calls["1"].step, "2"))
    call = floor.calls["1"]
    assert (call.queue, call.mark, call.hotline) == ("enterprise", "enterprise", "12369")


@pytest.mark.parametrize(
    ("at", "merged"),
    [
        ("2026-10-31 23:59:59", False),
        ("2026-11-01 00:00", True),
        ("2026-11-30 23:59:59", True),
        ("2026-12-01 00:00", False),
    ],
)
def test_a_hotline_counts_from_its_first_day_to_its_last(at: str, merged: bool) -> None:
    dates = {"merged_on": datetime(2026, 11, 1).date(), "until": datetime(2026, 11, 30).date()}  # noqa: DTZ001
    plan = _plan(lambda c, q, h: h["hotline"]["12348"].update(dates))
    led = plan.entry("", "12348", _at(at))
    assert led.why == ("hotline 12348" if merged else "default")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda h: h["hotline"].pop("12369"),
            "hotlines.toml: the whole file: count says 34, but there are 33 hotlines.",
        ),
        (lambda h: h.pop("count"), "hotlines.toml: count: this key is missing."),
        (lambda h: h["hotline"]["12369"].update(way="whole"), "hotlines.toml: hotline.12369.way: "),
        (lambda h: h["hotline"]["12369"].update(merged_on="soon"), "hotlines.toml: hotline.12369.merged_on: "),
        (lambda h: h["hotline"]["12369"].update(until="2020-01-01"), "hotlines.toml: hotline.12369: until is before"),
        (lambda h: h["hotline"]["12369"].update(name=""), "hotlines.toml: hotline.12369.name: "),
        (lambda h: h["hotline"]["12369"].update(queue="x"), "hotlines.toml: hotline.12369: must lead to exactly one"),
        (lambda h: h["hotline"]["12348"].update(queue="x"), "hotlines.toml: hotline.12348: there is no queue 'x'"),
        (lambda h: h["hotline"]["12369"].update(menu="x"), "hotlines.toml: hotline.12369: there is no menu 'x'"),
        (lambda h: h["hotline"]["12369"].update(say=["x"]), "hotlines.toml: hotline.12369.say: there is no prompt 'x'"),
        (
            lambda h: h.update(count=35, hotline=h["hotline"] | {"12345": h["hotline"]["12369"]}),
            "hotlines.toml: hotline.12345: this number stands in city.toml, too; remove one of them.",
        ),
        (
            lambda h: h.update(hotline=h["hotline"] | {"12-369": h["hotline"].pop("12369")}),
            "hotlines.toml: hotline.12-369",
        ),
    ],
)
def test_a_mistake_is_a_sentence_with_file_and_key(change: Any, sentence: str) -> None:
    with pytest.raises(DialplanError) as caught:
        _plan(lambda c, q, h: change(h))
    assert sentence in str(caught.value)


# --- told -------------------------------------------------------------------------------------------------------------


def test_explain_tells_who_is_known_and_shows_no_hash() -> None:
    told = list(explain(PLAN, {}, "+8613907330001", "12369", NOW, registers=REGISTERS))
    assert told[1:4] == [
        "来电人：张三（市级），在人大代表名册中",
        "来源热线：12369 环保热线（生态环境局，整体并入，2021-12-31 起）",
        "1. 来电号码已登记，走 city.toml 的 known.deputy",
    ]
    assert SEAL.number("13907330001") not in "".join(told)
    elderly = list(explain(PLAN, {}, "073122880002", "12345", NOW, registers=REGISTERS))
    assert elderly[1] == "来电人：王婆婆，在老年人名册中"


def test_the_picture_shows_registers_and_hotlines() -> None:
    picture = draw.mermaid(PLAN, {})
    assert "来电号码在人大代表名册中" in picture
    numbers = [int(line.partition("（")[2].partition(" ")[0]) for line in picture.splitlines() if "归并热线" in line]
    assert sum(numbers) == 34


def test_a_register_of_one_number_is_no_other_number() -> None:
    registers = Registers(SEAL, [Entry("1", ELDERLY, "甲", "", SEAL.number("13907330009"))])
    assert _call(PLAN, "13907330008", "12345", registers)[0].calls["1"].known_as == ""
