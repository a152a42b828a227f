"""Registers from files of all kinds into the database, and out of it: all of a file, or nothing."""

from __future__ import annotations

import io
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from ivr import registers
from ivr.config import Config, State
from ivr.core.errors import RegisterError
from ivr.core.registers import DEPUTY, ELDERLY, Registers
from tests.test_cli import ivr

TABLE = [
    ["姓名", "层级", "电话", "密码"],
    ["张三", "市级", "+86 139 0733 0001", "246810"],
    ["李四", "乡镇", "0731-22880001", ""],
]


def _csv(table: list[list[str]]) -> str:
    return "\r\n".join(",".join(row) for row in table) + "\r\n"


def _xlsx(table: list[list[str]]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for row in table:
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    book.save(file)
    return file.getvalue()


KINDS: dict[str, tuple[str, Callable[[list[list[str]]], bytes]]] = {
    "utf8": (".csv", lambda t: _csv(t).encode()),
    "bom": (".csv", lambda t: _csv(t).encode("utf-8-sig")),
    "gbk": (".CSV", lambda t: _csv(t).encode("gbk")),
    "gb18030": (".csv", lambda t: _csv([[cell.replace("张", "㐂") for cell in row] for row in t]).encode("gb18030")),
    "xlsx": (".xlsx", _xlsx),
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(state=State(dir=tmp_path / "state"))


async def _take(config: Config, table: list[list[str]], register: str = DEPUTY, *, replace: bool = False) -> str:
    file = config.state.dir.parent / "d.csv"
    file.write_text(_csv(table), "utf-8")
    return str(tuple(await registers.import_file(config, register, file, replace=replace)))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_of_every_kind_is_taken(config: Config, tmp_path: Path, kind: str) -> None:
    ending, write = KINDS[kind]
    file = tmp_path / f"deputies{ending}"
    file.write_bytes(write(TABLE))
    assert await registers.import_file(config, DEPUTY, file, replace=False) == (2, 0, 0, 2)
    known = await registers.peek(config)
    assert known.calling("013907330001")[DEPUTY].name in ("张三", "㐂三")
    assert known.calling("073122880001")[DEPUTY].level == "乡"
    assert known.entry(known.pin(DEPUTY, "246810")) is known.calling("13907330001")[DEPUTY]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("d.csv", _csv(TABLE).encode("utf-16"), "line 1: this is neither UTF-8 nor GB18030 (GBK) text"),
        ("d.csv", _csv(TABLE).encode("utf-8-sig") + b"\xff,1", "line 4: this is neither UTF-8 nor"),
        ("d.csv", _csv(TABLE).encode() + b'"open', "line 4: not readable as CSV"),
        ("d.csv", b"", "this file is empty"),
        ("d.csv", _csv(TABLE[1:]).encode(), "line 1: there is no column 姓名、层级、电话"),
        ("d.xlsx", _csv(TABLE).encode(), "not readable as XLSX"),
        ("d.xls", b"\xd0\xcf\x11\xe0", "must be a .csv or an .xlsx file"),
        ("nowhere.csv", None, "cannot be read: No such file"),
    ],
)
async def test_a_bad_file_is_a_sentence(
    config: Config, tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RegisterError) as caught:
        await registers.import_file(config, DEPUTY, tmp_path / name, replace=False)
    assert str(caught.value).startswith(str(tmp_path / name)) and sentence in str(caught.value)


def _changed(workbook: bytes, part: str, old: bytes, new: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            assert name != part or old in content
            after.writestr(name, content.replace(old, new) if name == part else content)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


async def test_a_sheet_that_says_it_is_smaller_is_read_to_its_end(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "deputies.xlsx"
    file.write_bytes(_changed(_xlsx(TABLE), SHEET, b'ref="A1:D3"', b'ref="A1:C2"'))
    await registers.import_file(config, DEPUTY, file, replace=False)
    assert {(entry.name, bool(entry.pin_hash)) for entry in await registers.entries(config, DEPUTY)} == {
        ("张三", True),
        ("李四", False),
    }


async def test_a_sheet_that_is_formatted_to_its_last_cell_is_read(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "deputies.xlsx"
    last = b'<row r="1048576"><c r="XFD1048576"/></row></sheetData>'
    file.write_bytes(_changed(_xlsx(TABLE), SHEET, b"</sheetData>", last))
    assert (await registers.import_file(config, DEPUTY, file, replace=False)).total == 2


async def test_a_damaged_a_locked_and_a_swollen_workbook_are_said(config: Config, tmp_path: Path) -> None:
    file, whole = tmp_path / "deputies.xlsx", _xlsx(TABLE)
    sheet = whole.index(SHEET.encode()) + len(SHEET)
    wrong = {
        "Error -3 while decompressing": whole[:sheet] + b"\xff" * 20 + whole[sheet + 20 :],
        "is encrypted": whole.replace(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x01\x00\x08\x00"),
        "it unpacks to 2": _changed(whole, SHEET, b"</sheetData>", b" " * 200_000_000 + b"</sheetData>"),
    }
    for sentence, content in wrong.items():
        file.write_bytes(content)
        with pytest.raises(RegisterError, match=f"deputies.xlsx: not readable as XLSX: .*{sentence}"):
            await registers.import_file(config, DEPUTY, file, replace=False)


async def test_nothing_is_half_imported(config: Config) -> None:
    await _take(config, TABLE)
    with pytest.raises(RegisterError, match=r"line 4: 电话 '139' is neither"):
        await _take(config, [*TABLE[:1], ["新人", "市", "13907330007", ""], TABLE[1], ["坏", "市", "139", ""]])
    assert [entry.name for entry in await registers.entries(config, DEPUTY)] == ["张三", "李四"]


async def test_importing_again_changes_adds_and_only_with_replace_removes(config: Config) -> None:
    await _take(config, TABLE)
    no_pins = [row[:3] for row in TABLE[:1]]
    assert (
        await _take(config, [*no_pins, ["张珊", "省", "13907330001"], ["赵六", "县", "13907330006"]]) == "(1, 1, 0, 3)"
    )
    known = await registers.peek(config)
    deputy = known.calling("13907330001")[DEPUTY]
    assert (deputy.name, deputy.level, known.pin(DEPUTY, "246810")) == ("张珊", "省", deputy.entry_id)
    assert await _take(config, [TABLE[0], ["李四", "乡", "073122880001", "246810"]], replace=True) == "(0, 1, 2, 1)"
    known = await registers.peek(config)
    assert len(known) == 1 and known.entry(known.pin(DEPUTY, "246810")) == known.calling("073122880001")[DEPUTY]


async def test_pins_may_change_hands_in_one_file(config: Config) -> None:
    await _take(config, [TABLE[0], [*TABLE[1][:3], "111111"], [*TABLE[2][:3], "222222"]])
    await _take(config, [TABLE[0], [*TABLE[1][:3], "222222"], [*TABLE[2][:3], "111111"]], replace=True)
    known = await registers.peek(config)
    assert known.pin(DEPUTY, "222222") == known.calling("13907330001")[DEPUTY].entry_id


async def test_the_registers_do_not_touch_one_another(config: Config) -> None:
    await _take(config, TABLE)
    await _take(config, [["姓名", "电话"], ["张三", "13907330001"]], ELDERLY)
    assert set((await registers.peek(config)).calling("13907330001")) == {DEPUTY, ELDERLY}
    await registers.remove(config, ELDERLY, "+8613907330001")
    assert set((await registers.peek(config)).calling("13907330001")) == {DEPUTY}
    with pytest.raises(RegisterError, match="is not in the register 'elderly'"):
        await registers.remove(config, ELDERLY, "13907330001")


async def test_numbers_and_pins_lie_nowhere_in_the_state_folder(config: Config) -> None:
    await _take(config, TABLE)
    assert stat.S_IMODE((config.state.dir / registers.SECRET).stat().st_mode) == 0o600
    for file in config.state.dir.iterdir():
        content = file.read_bytes()
        assert not any(secret in content for secret in (b"13907330001", b"22880001", b"246810")), file.name
    hashes = sqlite3.connect(config.state.dir / "hotline.db").execute("select number_hash from register_entries")
    assert all(len(number) == 64 for (number,) in hashes)


async def test_without_its_secret_a_register_says_what_to_do(config: Config) -> None:
    await _take(config, TABLE)
    (config.state.dir / registers.SECRET).unlink()
    with pytest.raises(RegisterError, match=r"registers.key is gone.*remove --all"):
        await registers.peek(config)
    assert await registers.remove_all(config, DEPUTY) == 2
    assert isinstance(await registers.peek(config), Registers)
    await _take(config, TABLE)
    (config.state.dir / registers.SECRET).write_text("00")
    with pytest.raises(RegisterError, match="is not the registers' secret"):
        await registers.peek(config)


def test_the_commands(tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text(_csv(TABLE), "utf-8")
    state = tmp_path / "state"
    assert ivr(state, "deputies", "import", str(file)).stdout == "2 new, 0 known, 0 removed: 2 deputies.\n"
    assert ivr(state, "deputies", "list").stdout == "市  张三  PIN\n乡  李四\n2 deputies.\n"
    assert ivr(state, "deputies", "remove", "13907330001").stdout == "1 removed.\n"
    assert ivr(state, "elderly", "list").stdout == "0 elderly callers.\n"
    file.write_text(_csv([TABLE[0], ["", "市", "1", ""]]), "utf-8")
    wrong = ivr(state, "deputies", "import", str(file))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith(f"{file}, line 2: 姓名 is empty.\n{file}, line 2: 电话 '1' is neither")
