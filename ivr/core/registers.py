"""Registers of people who are known by their telephone: deputies, elderly callers. Numbers and PINs are hashed only.

The hashes are HMAC-SHA256 with a secret of this installation. A salted slow hash (argon2) would have to be tried for
every entry at every call; a keyed one is looked up, and without the secret says nothing about a stolen database.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ivr.core.errors import RegisterError
from ivr.core.numbers import national

DEPUTY, ELDERLY = "deputy", "elderly"
NAMES = {DEPUTY: "人大代表", ELDERLY: "老年人"}
LEVELS = ("国家", "省", "市", "县", "乡")
"""Levels of people's congresses, from the top."""
PIN_DIGITS = 8
"""The longest PIN; the shortest has 6, because one PIN of many entries is easier to guess than one of one."""

_MOST_SENTENCES = 20
_NAME_LENGTH = 40
_PIN = re.compile(rf"[0-9]{{6,{PIN_DIGITS}}}")
_NUMBER = re.compile(r"1[3-9][0-9]{9}|0[1-9][0-9]{8,10}")
"""A mobile number, or a fixed one with its area code, as `national` writes them."""
_WRITTEN = re.compile(r"[0-9+()\-. ]+")
_COLUMNS = {
    "name": ("姓名", "名字", "代表姓名", "name"),
    "level": ("层级", "级别", "代表层级", "代表级别", "level"),
    "number": ("电话", "电话号码", "联系电话", "手机", "手机号", "手机号码", "telephone", "phone", "mobile", "number"),
    "pin": ("密码", "口令", "pin"),
}
_LEVELS = {
    **{level: level for level in LEVELS},
    **{"全国": "国家", "自治区": "省", "直辖市": "省", "州": "市"},
    **dict.fromkeys(("区", "县区", "区县"), "县"),
    **dict.fromkeys(("镇", "乡镇"), "乡"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One telephone of one person. `pin_hash` is "" without a PIN."""

    entry_id: str
    register: str
    name: str
    level: str
    """One of LEVELS, or "" where the register has none."""
    number_hash: str
    pin_hash: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an imported file, checked. `pin_hash` is None when the file has no column for it."""

    name: str
    level: str
    number_hash: str
    pin_hash: str | None


@dataclass(frozen=True, slots=True)
class Seal:
    """Makes the hashes. One number gives one hash, however it is written."""

    secret: bytes

    def number(self, number: str) -> str:
        """The hash of a telephone number, or "" for what holds no digit."""
        digits = national(number)
        return self._hash("number", digits) if digits else ""

    def pin(self, register: str, digits: str) -> str:
        return self._hash(f"pin {register}", digits)

    def _hash(self, what: str, text: str) -> str:
        return hmac.digest(self.secret, f"{what} {text}".encode(), "sha256").hex()


class Registers:
    """All entries, for looking up. Frozen: a change is a new object."""

    def __init__(self, seal: Seal | None = None, entries: Iterable[Entry] = ()) -> None:
        self._seal = seal
        self._entries = {entry.entry_id: entry for entry in entries}
        self._numbers: dict[str, dict[str, Entry]] = {}
        for entry in self._entries.values():
            self._numbers.setdefault(entry.number_hash, {})[entry.register] = entry
        self._pins = {(e.register, e.pin_hash): e for e in self._entries.values() if e.pin_hash}

    def __len__(self) -> int:
        return len(self._entries)

    def calling(self, ani: str) -> Mapping[str, Entry]:
        """The entries of a calling number, by register. Takes any text."""
        known = self._seal.number(ani) if self._seal else ""
        return self._numbers.get(known, {}) if known else {}

    def pin(self, register: str, digits: str) -> str:
        """The id of the entry that has this PIN, or ""."""
        entry = self._pins.get((register, self._seal.pin(register, digits))) if self._seal else None
        return entry.entry_id if entry else ""

    def entry(self, entry_id: str) -> Entry | None:
        return self._entries.get(entry_id)


NOBODY = Registers()


# --- from a file ------------------------------------------------------------------------------------------------------


def rows(
    register: str, file: str, lines: Sequence[tuple[int, Sequence[str]]], seal: Seal, known: Iterable[Entry] = ()
) -> list[Row]:
    """The rows of a file whose first line is the headings. `lines`: number of the line and its cells.

    `known` are the register's entries, whose PINs are taken. Raises RegisterError with a sentence for every mistake;
    nothing of such a file is to be used.
    """
    problems: list[str] = []
    columns = _headings(register, file, lines)
    taken = {entry.pin_hash: entry.number_hash for entry in known if entry.pin_hash}
    seen: dict[str, int] = {}
    pins: dict[str, int] = {}
    read: list[Row] = []
    for line, cells in lines[1:]:
        cell = {name: _clean(cells[at]) if at < len(cells) else "" for name, at in columns.items()}
        if not any(cell.values()):
            continue
        number = seal.number(cell["number"])
        pin = cell.get("pin", "")
        pin_hash = seal.pin(register, pin) if pin else ""
        wrong = list(_wrong(register, cell))
        if not wrong and number in seen:
            wrong.append(f"电话 {cell['number']!r} stands in line {seen[number]} already")
        if not wrong and pin and pin_hash in pins:
            wrong.append(f"this 密码 stands in line {pins[pin_hash]} already; everybody needs their own")
        if not wrong and pin and taken.get(pin_hash, number) != number:
            wrong.append("this 密码 is somebody else's in the register already; everybody needs their own")
        problems += [f"{file}, line {line}: {sentence}." for sentence in wrong]
        seen.setdefault(number, line)
        pins.setdefault(pin_hash, line)
        level = _level(cell["level"]) if register == DEPUTY else ""
        read.append(Row(cell["name"], level, number, pin_hash if "pin" in columns else None))
    if not read:
        problems.append(f"{file}: there is nobody in this file.")
    if problems:
        more = len(problems) - _MOST_SENTENCES
        raise RegisterError("\n".join(problems[:_MOST_SENTENCES] + ([f"… and {more} more."] if more > 0 else [])))
    return read


def _headings(register: str, file: str, lines: Sequence[tuple[int, Sequence[str]]]) -> dict[str, int]:
    """Which column holds what."""
    if not lines:
        raise RegisterError(f"{file}: this file is empty.")
    line, cells = lines[0]
    columns: dict[str, int] = {}
    for at, cell in enumerate(cells):
        heading = re.sub(r"[\s（(].*", "", _clean(cell).lower())
        name = next((name for name, headings in _COLUMNS.items() if heading in headings), None)
        if name in columns:
            raise RegisterError(f"{file}, line {line}: {cell!r} is a second column for {_COLUMNS[str(name)][0]}.")
        if name is not None:
            columns[name] = at
    needed = ("name", "level", "number") if register == DEPUTY else ("name", "number")
    missing = [_COLUMNS[name][0] for name in needed if name not in columns]
    if missing:
        raise RegisterError(
            f"{file}, line {line}: there is no column {'、'.join(missing)}; the first line must hold the headings "
            f"{'、'.join(_COLUMNS[name][0] for name in needed)}. If they look right to you, save the file as UTF-8."
        )
    return columns


def _wrong(register: str, cell: Mapping[str, str]) -> Iterator[str]:
    if not cell["name"]:
        yield "姓名 is empty"
    elif len(cell["name"]) > _NAME_LENGTH or not cell["name"].isprintable():
        yield f"姓名 {cell['name'][:_NAME_LENGTH]!r} is no name"
    if register == DEPUTY and not _level(cell["level"]):
        yield f"层级 {cell['level']!r} is unknown; write one of {'、'.join(LEVELS)}"
    if not cell["number"]:
        yield "电话 is empty"
    elif not _WRITTEN.fullmatch(cell["number"]) or not _NUMBER.fullmatch(national(cell["number"])):
        yield f"电话 {cell['number']!r} is neither a mobile number nor a fixed one with its area code"
    if cell.get("pin") and not _PIN.fullmatch(cell["pin"]):
        yield f"密码 must have 6 to {PIN_DIGITS} digits (in a spreadsheet, format the column as text)"


def _level(text: str) -> str:
    return _LEVELS.get(re.sub(r"(人大|级|代表|\s)+$", "", text), "")


def _clean(text: str) -> str:
    """Full-width digits and letters as plain ones, without space around."""
    return unicodedata.normalize("NFKC", text).strip()
