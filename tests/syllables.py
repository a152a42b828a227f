"""How wrong a transcript is."""

from __future__ import annotations

import re


def syllable_error(truth: str, heard: str) -> float:
    """Edit distance over Hangul syllables, per syllable of the truth."""
    a, b = (re.findall("[\uac00-\ud7a3]", text) for text in (truth, heard))
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        left, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, left + (x != y))
    return row[-1] / len(a)
