"""Files of registers: CSV and XLSX to lines of text, and the secret that the entries are hashed with."""

from __future__ import annotations

import codecs
import csv
import io
import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

import openpyxl

from ivr.core.errors import RegisterError

Lines = list[tuple[int, list[str]]]
MOST_BYTES = 20_000_000
MOST_UNPACKED_BYTES = 200_000_000
MOST_COLUMNS = 100
_SECRET_BYTES = 32


def read(path: Path) -> Lines:
    """The lines of a file that are not empty, with their numbers from 1. Raises RegisterError."""
    try:
        content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise RegisterError(f"{path}: cannot be read: {error.strerror}.") from None
    if content is None:
        raise RegisterError(f"{path}: is larger than {MOST_BYTES // 1_000_000} MB; that is no register.")
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return _workbook(path, content)
    if path.suffix.lower() == ".csv":
        return _csv(path, content)
    raise RegisterError(f"{path}: must be a .csv or an .xlsx file.")


def _csv(path: Path, content: bytes) -> Lines:
    reader = csv.reader(io.StringIO(_text(path, content), newline=""), strict=True)
    lines: Lines = []
    first = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((first, cells))
            first = reader.line_num + 1
    except csv.Error as error:
        raise RegisterError(f"{path}, line {first}: not readable as CSV: {error}.") from None
    return lines


def _text(path: Path, content: bytes) -> str:
    """UTF-8 with or without BOM, or GB18030, which holds all of GBK and GB2312."""
    plain = content.removeprefix(codecs.BOM_UTF8)
    for encoding in ("utf-8", "gb18030") if plain is content else ("utf-8",):
        try:
            text = plain.decode(encoding)
        except UnicodeDecodeError as error:
            line = plain[: error.start].count(b"\n") + 1
        else:
            if "\0" not in text:
                return text
            line = text[: text.index("\0")].count("\n") + 1
    raise RegisterError(f"{path}, line {line}: this is neither UTF-8 nor GB18030 (GBK) text; save it again as UTF-8.")


def _workbook(path: Path, content: bytes) -> Lines:
    """The first sheet. A cell of numbers is read as its digits."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise ValueError(f"it unpacks to {unpacked // 1_000_000} MB")
        sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        # The size that the file gives of itself is often wrong, and everything beyond would be left out.
        sheet.reset_dimensions()
        rows = enumerate(sheet.iter_rows(values_only=True), 1)
        return [(line, [_cell(value) for value in row[:MOST_COLUMNS]]) for line, row in rows if any(map(_filled, row))]
    except Exception as error:  # a file that is not what it says can fail anywhere inside
        raise RegisterError(f"{path}: not readable as XLSX: {error}.") from None


def _filled(value: Any) -> bool:
    return value is not None and bool(str(value).strip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def secret(path: Path, *, make: bool) -> bytes | None:
    """The secret in this file; made when it is not there and `make` says so, else None. Raises RegisterError."""
    try:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(_SECRET_BYTES))
    except FileExistsError:
        pass
    except OSError as error:
        raise RegisterError(f"{path}: cannot be written: {error.strerror}.") from None
    try:
        kept = bytes.fromhex(path.read_text("ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        kept = b""
    if len(kept) != _SECRET_BYTES:
        raise RegisterError(f"{path}: this is not the registers' secret; restore it from a backup.")
    return kept
