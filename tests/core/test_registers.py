"""Registers: every bad row is one sentence, and a telephone is recognised however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core.errors import RegisterError
from ivr.core.registers import DEPUTY, ELDERLY, NOBODY, Entry, Registers, Row, Seal, rows

SEAL = Seal(b"s" * 32)
HEADINGS = ["姓名", "层级", "电话", "密码"]
GOOD = ["张三", "市级", "13907330001", "246810"]


def _rows(*lines: list[str], register: str = DEPUTY, known: tuple[Entry, ...] = ()) -> list[Row]:
    return rows(register, "d.csv", list(enumerate(lines, 1)), SEAL, known)


def _refused(*lines: list[str], **options: object) -> str:
    with pytest.raises(RegisterError) as caught:
        _rows(*lines, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_rows_are_read_however_they_are_written() -> None:
    read = _rows(
        ["手机号码", "级别（层级）", " 代表姓名 ", "PIN"],
        ["+86 139-0733-0001", "全国人大代表", "张三", ""],
        ["０７３１-２２８８０００１", "区", " 李　四 ", "135791"],
        ["", " ", "", ""],
    )
    assert [(row.name, row.level) for row in read] == [("张三", "国家"), ("李 四", "县")]
    assert [row.number_hash for row in read] == [SEAL.number("13907330001"), SEAL.number("073122880001")]
    assert [row.pin_hash for row in read] == ["", SEAL.pin(DEPUTY, "135791")]


def test_a_file_without_a_column_for_pins_leaves_them() -> None:
    assert [row.pin_hash for row in _rows(HEADINGS[:3], GOOD[:3])] == [None]


def test_elderly_callers_have_no_level() -> None:
    assert _rows(["姓名", "电话"], ["王婆婆", "0731 22880002"], register=ELDERLY)[0].level == ""


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (["", "市", "13907330002", ""], "姓名 is empty."),
        (["李\x07四", "市", "13907330002", ""], "姓名 '李\\x07四' is no name."),
        (["李四", "厅级", "13907330002", ""], "层级 '厅级' is unknown; write one of 国家、省、市、县、乡."),
        (["李四", "市", "", ""], "电话 is empty."),
        (["李四", "市", "1390733000", ""], "电话 '1390733000' is neither a mobile number nor a fixed one with"),
        (["李四", "市", "22880001", ""], "电话 '22880001' is neither"),
        (["李四", "市", "9" * 40, ""], "is neither"),
        (["李四", "市", "13907330002或13907330003", ""], "is neither"),
        (["李四", "市", "+86 139 0733 0001", ""], "电话 '+86 139 0733 0001' stands in line 2 already."),
        (["李四", "市", "13907330002", "12345"], "密码 must have 6 to 8 digits"),
        (["李四", "市", "13907330002", "12345a"], "密码 must have 6 to 8 digits"),
        (["李四", "市", "13907330002", "246810"], "this 密码 stands in line 2 already"),
    ],
)
def test_a_bad_row_is_one_sentence_with_file_and_line(row: list[str], sentence: str) -> None:
    told = _refused(HEADINGS, GOOD, row)
    assert told.startswith(f"d.csv, line 3: {sentence}") or sentence in told
    assert len(told.splitlines()) == 1
    assert "246810" not in told and "12345a" not in told, "a PIN is shown"


def test_a_pin_that_somebody_else_has_is_refused_and_ones_own_is_not() -> None:
    known = (Entry("1", DEPUTY, "王五", "市", SEAL.number("13907330009"), SEAL.pin(DEPUTY, "246810")),)
    assert "d.csv, line 2: this 密码 is somebody else's" in _refused(HEADINGS, GOOD, known=known)
    assert _rows(HEADINGS, ["王五", "市", "13907330009", "246810"], known=known)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((), "d.csv: this file is empty."),
        ((HEADINGS,), "d.csv: there is nobody in this file."),
        ((["姓名", "电话"], GOOD), "d.csv, line 1: there is no column 层级;"),
        ((["å§“å", "x", "y"], GOOD), "there is no column 姓名、层级、电话;"),
        (([*HEADINGS, "手机"], GOOD), "d.csv, line 1: '手机' is a second column for 电话."),
    ],
)
def test_a_bad_file_is_one_sentence(lines: tuple[list[str], ...], sentence: str) -> None:
    assert sentence in _refused(*lines)


def test_many_mistakes_are_not_a_flood() -> None:
    told = _refused(HEADINGS, *(["", "市", f"139073300{n}", ""] for n in range(10, 60))).splitlines()
    assert len(told) == 21 and told[-1] == "… and 30 more."


REGISTERS = Registers(
    SEAL,
    [
        Entry("1", DEPUTY, "张三", "市", SEAL.number("13907330001"), SEAL.pin(DEPUTY, "246810")),
        Entry("2", ELDERLY, "张三", "", SEAL.number("13907330001")),
        Entry("3", ELDERLY, "王婆婆", "", SEAL.number("073122880001")),
    ],
)


@pytest.mark.parametrize(
    "ani", ["13907330001", "+86 139 0733 0001", "008613907330001", "013907330001", "8613907330001"]
)
def test_a_telephone_is_recognised_however_it_is_written(ani: str) -> None:
    assert {name: entry.entry_id for name, entry in REGISTERS.calling(ani).items()} == {DEPUTY: "1", ELDERLY: "2"}


def test_a_pin_is_of_its_register_only() -> None:
    assert (REGISTERS.pin(DEPUTY, "246810"), REGISTERS.pin(ELDERLY, "246810"), REGISTERS.pin(DEPUTY, "")) == (
        "1",
        "",
        "",
    )
    assert NOBODY.pin(DEPUTY, "246810") == "" and not NOBODY.calling("13907330001")


@given(st.text())
def test_any_text_may_call(ani: str) -> None:
    assert not set(REGISTERS.calling(ani)) - {DEPUTY, ELDERLY}


@given(st.text(alphabet="0123456789", min_size=1))
def test_a_hash_does_not_show_its_number(digits: str) -> None:
    hashed = SEAL.number(digits)
    assert hashed == "" or (len(hashed) == 64 and hashed != Seal(b"t" * 32).number(digits))
