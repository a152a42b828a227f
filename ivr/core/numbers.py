"""Telephone numbers as they come from the outside."""

from __future__ import annotations


def national(number: str) -> str:
    """The number as it is dialled inside China, for comparing two of them: digits only, without +86 or 0086.

    Anything that holds no digit (anonymous, empty) gives "".
    """
    digits = "".join(c for c in number if c in "0123456789")
    if number.lstrip().startswith("+86"):
        digits = digits[2:]
    elif digits.startswith("0086"):
        digits = digits[4:]
    elif len(digits) == 13 and digits.startswith("861"):
        digits = digits[2:]
    if len(digits) == 12 and digits.startswith("01") and digits[1:3] in _MOBILE:
        digits = digits[1:]
    return digits


_MOBILE = {"13", "14", "15", "16", "17", "18", "19"}
"""First digits of mobile numbers, which long-distance callers precede with 0."""
