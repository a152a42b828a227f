"""Spotting a few words in telephone speech with Vosk. Runs in the listener's process only.

Vosk recognises nothing but what a grammar allows, and forces every sound into it: a grammar of the words alone hears
them everywhere. So the grammar also holds every fourth syllable that the model knows. Whatever else is said then
becomes a row of syllables, and a word must sound better than its rivals (figures: tests/adapters/test_live_speech.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import vosk

from ivr.adapters.speech.engine import Spotted
from ivr.adapters.speech.vosk_engine import RENEW_S, VoskEngine, trim
from ivr.core.errors import SpeechError

UNKNOWN = ("[unk]", "<UNK>", "<unk>")
"""What models call a sound that is no word."""

_HANGUL = [chr(code) for code in range(0xAC00, 0xD7A4)]
_CHINESE = [bytes((row, cell)).decode("gb2312", "ignore") for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
"""The 3,755 common characters in the order of their sound, so that every fourth has nearly every syllable."""


class Grammar(NamedTuple):
    """The words as the model writes them, and what tells them from everything else."""

    spelt: dict[tuple[str, ...], str]
    """The word that a row of the model's own words is."""
    phrases: tuple[str, ...]
    unknown: tuple[str, ...]
    """Words that this model cannot hear."""


class VoskSpotter:
    """A loaded Vosk model that listens for a few words. Use from one thread."""

    def __init__(self, folder: Path) -> None:
        """Raises SpeechError, or ends the process, as `VoskEngine` does."""
        self._model = VoskEngine(folder).model
        self._syllables = [sign for sign in (*_HANGUL, *_CHINESE) if sign and self._knows(sign)][::4]
        if not self._syllables:
            raise SpeechError(
                f"{folder}: this model knows no syllables by which a few words could be told from speech."
            )

    def grammar(self, words: Iterable[str]) -> Grammar:
        """What to listen for. A word that the model does not know is put together from words that it knows."""
        spelt = {word: self._spell(word) for word in words}
        known = {row: word for word, row in spelt.items() if row}
        rivals = (*self._syllables, *(sign for sign in UNKNOWN if self._knows(sign)))
        phrases = tuple(dict.fromkeys([*map(" ".join, known), *rivals]))
        return Grammar(known, phrases, tuple(word for word, row in spelt.items() if not row))

    def ear(self, grammar: Grammar, confidence: float, rate: int) -> Ear:
        """Somebody to listen to, at `rate` samples per second."""
        return Ear(self._model, grammar, confidence, rate)

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)

    def _spell(self, word: str) -> tuple[str, ...]:
        """The fewest words of the model that make up this one; () when none do."""
        rows: list[tuple[str, ...] | None] = [()]
        for end in range(1, len(word) + 1):
            ways = [
                (*row, word[begin:end])
                for begin in range(end)
                if (row := rows[begin]) is not None and self._knows(word[begin:end])
            ]
            rows.append(min(ways, key=len, default=None))
        return rows[-1] or ()


class Ear:
    """One voice. Keeps its recogniser's memory small by renewing it at the end of an utterance."""

    def __init__(self, model: vosk.Model, grammar: Grammar, confidence: float, rate: int) -> None:
        self._model, self._grammar, self._confidence, self._rate = model, grammar, confidence, rate
        self._phrases = json.dumps(grammar.phrases, ensure_ascii=False)
        self._fed = 0
        self._recogniser = self._fresh()

    def hear(self, chunk: bytes) -> list[Spotted]:
        """The words that an utterance held which ends here. `chunk`: 16-bit little-endian samples, whole ones."""
        self._fed += len(chunk) // 2
        if not self._recogniser.AcceptWaveform(chunk):
            return []
        found = self._found(self._recogniser.Result())
        if self._fed >= RENEW_S * self._rate:
            self._recogniser = self._fresh()
            self._fed = 0
            trim(0)
        return found

    def _fresh(self) -> vosk.KaldiRecognizer:
        recogniser = vosk.KaldiRecognizer(self._model, float(self._rate), self._phrases)
        recogniser.SetWords(True)
        return recogniser

    def _found(self, result: str) -> list[Spotted]:
        heard = json.loads(result).get("result", [])
        found = []
        for row, word in self._grammar.spelt.items():
            for at in range(len(heard) - len(row) + 1):
                part = heard[at : at + len(row)]
                sure = min(piece["conf"] for piece in part)
                if tuple(piece["word"] for piece in part) == row and sure >= self._confidence:
                    found.append(Spotted(word, sure))
        return found
