"""From the words that were heard on each leg to a note: who said what, in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

Speaker = Literal["caller", "agent"]

BREATH_S = 0.4
"""A pause after which the other side may have said something in between."""
CLOCKS_S = 0.2
"""How far the clocks of two conversations' recordings, and the recogniser's of the same sound, are apart at most."""
TURN_S = 1.5
"""A pause that starts a new line even when nobody else spoke."""


_HAN = re.compile("[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the recogniser heard it. Times are seconds from the start of the leg's recording."""

    text: str
    start_s: float
    end_s: float
    confidence: float
    """0 (a guess) … 1."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The words on both legs of one conversation. Times are seconds on the clock of the call."""

    start_s: float
    end_s: float
    said: Sequence[Word]
    """By the agent, or the outside number."""
    heard: Sequence[Word]
    """By the same: the citizen, and whoever else was in the call's room."""
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that one side said. Times are seconds from the start of the recording."""

    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    confidence: float
    """Mean of the words' confidence."""


@dataclass(frozen=True, slots=True)
class Note:
    """The written form of one conversation."""

    call_id: str
    lines: tuple[Line, ...]
    model: str
    """Name of the speech model that heard it."""
    language: str


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Words of one speaker without a breath in between."""

    speaker: Speaker
    words: tuple[Word, ...]

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return max(word.end_s for word in self.words)


def write(talks: Sequence[Talk], language: str) -> tuple[Line, ...]:
    """The conversations of one call, oldest first and on one clock, as lines sorted by start.

    `language` is an ISO 639 code such as `zh`. Each side is first cut into phrases at every breath, so that speech of
    both at once does not shred either; phrases in order of time are then joined into lines for as long as the same side
    goes on without a long pause. What an outside number says is no note of ours.
    """
    agents = [word for talk in talks if not talk.outside for word in talk.said]
    phrases = sorted([*_phrases("caller", _citizens(talks)), *_phrases("agent", agents)], key=lambda p: p.start_s)
    lines: list[list[_Phrase]] = []
    for phrase in phrases:
        last = lines[-1][-1] if lines else None
        if last and last.speaker == phrase.speaker and phrase.start_s - last.end_s <= TURN_S:
            lines[-1].append(phrase)
        else:
            lines.append([phrase])
    return tuple(_line(line, language) for line in lines)


def _citizens(talks: Sequence[Talk]) -> Iterator[Word]:
    """The words of the citizen among all that the agents heard.

    An agent who consults, or is one of three, also hears the other one, whose own leg tells when they spoke. Of two
    agents who hear the citizen at once, the first counts.
    """
    ours = [talk for talk in talks if not talk.outside]
    for place, talk in enumerate(ours):
        heard_before = [(earlier.start_s, earlier.end_s) for earlier in ours[:place]]
        others = [word for other in talks if other is not talk for word in other.said]
        spoken = [(phrase.start_s - CLOCKS_S, phrase.end_s + CLOCKS_S) for phrase in _phrases("agent", others)]
        for word in talk.heard:
            middle = (word.start_s + word.end_s) / 2
            if not any(start <= middle <= end for start, end in (*heard_before, *spoken)):
                yield word


def _phrases(speaker: Speaker, words: Iterable[Word]) -> Iterable[_Phrase]:
    phrase: list[Word] = []
    for word in sorted((word for word in words if word.text.strip()), key=lambda word: word.start_s):
        if phrase and word.start_s - phrase[-1].end_s > BREATH_S:
            yield _Phrase(speaker, tuple(phrase))
            phrase = []
        phrase.append(word)
    if phrase:
        yield _Phrase(speaker, tuple(phrase))


def _line(phrases: Sequence[_Phrase], language: str) -> Line:
    words = [word for phrase in phrases for word in phrase.words]
    return Line(
        phrases[0].speaker,
        phrases[0].start_s,
        max(phrase.end_s for phrase in phrases),
        _join((word.text.strip() for word in words), language),
        fmean(word.confidence for word in words),
    )


def _join(texts: Iterable[str], language: str) -> str:
    """Words into a sentence: spaces between them, save between two Chinese characters of Chinese text."""
    joined = ""
    for text in texts:
        tight = language == "zh" and joined and _HAN.match(joined[-1]) and _HAN.match(text)
        joined += text if tight or not joined else f" {text}"
    return joined
