"""Telephone numbers as they come from the outside."""

from __future__ import annotations

import re
from functools import lru_cache

_LENGTH = 40
_WITHHELD = frozenset({"", "<unknown>", "unknown", "anonymous", "restricted", "withheld", "private", "unavailable"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def delivered(text: str) -> str:
    """A telephone number as the telephone side has it, "" when there is none to be shown."""
    number = _CONTROL.sub("", text).strip()[:_LENGTH]
    return "" if number.lower() in _WITHHELD else number


@lru_cache(maxsize=4096)
def national(number: str) -> str:
    """The number as it is dialled inside China, for comparing two of them: digits only, without +86 or 0086.

    Anything that holds no digit (anonymous, empty) gives "".
    """
    digits = "".join(c for c in number if c in "0123456789")
    if number.lstrip().startswith("+86"):
        digits = _fixed(digits[2:])
    elif digits.startswith("0086"):
        digits = _fixed(digits[4:])
    elif len(digits) == 13 and digits.startswith("861"):
        digits = digits[2:]
    if len(digits) == 12 and digits.startswith("01") and digits[1:3] in _MOBILE:
        digits = digits[1:]
    return digits


def _fixed(digits: str) -> str:
    """With the 0 of the area code, which the international form of a fixed number lacks."""
    return f"0{digits}" if _AREA.fullmatch(digits) else digits


_AREA = re.compile(r"(?!400|800)(10[0-9]{8}|2[0-9]{9}|[3-9][0-9]{9,10})")
_MOBILE = {"13", "14", "15", "16", "17", "18", "19"}
"""First digits of mobile numbers, which long-distance callers precede with 0."""
