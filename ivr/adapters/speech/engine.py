"""What the worker expects of a recognition engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from ivr.core.notes import Word


class Engine(Protocol):
    """Lives in the worker's process, in one thread, and hears one recording at a time."""

    def hear(self, chunks: Iterable[bytes], rate: int) -> Iterator[list[Word]]:
        """The words of one recording, utterance by utterance, with times from its start.

        `chunks` are signed 16-bit little-endian mono samples, `rate` samples per second, a second or less each.
        Yields an empty list at least every 10 s of sound, as a sign of life.
        """
        ...


class Spotted(NamedTuple):
    """A word that was heard, and how sure that is, up to 1."""

    word: str
    confidence: float


class Ear(Protocol):
    """Listens to one voice for the words of a grammar."""

    def hear(self, chunk: bytes) -> list[Spotted]:
        """The words of an utterance that ends in this chunk: 16-bit little-endian mono samples, whole ones."""
        ...


class Grammar(Protocol):
    """Words to listen for, prepared."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Those that this engine cannot hear."""
        ...


class Spotter(Protocol):
    """Lives in the listener's process, in one thread."""

    def grammar(self, words: Iterable[str]) -> Grammar: ...

    def ear(self, grammar: Any, confidence: float, rate: int) -> Ear:
        """Somebody to listen to, at `rate` samples per second; words below this confidence count as not heard."""
        ...
