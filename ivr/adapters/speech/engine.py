"""What the worker expects of a recognition engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ivr.core.notes import Word


class Engine(Protocol):
    """Lives in the worker's process, in one thread, and hears one recording at a time."""

    def hear(self, chunks: Iterable[bytes], rate: int) -> Iterator[list[Word]]:
        """The words of one recording, utterance by utterance, with times from its start.

        `chunks` are signed 16-bit little-endian mono samples, `rate` samples per second, a second or less each.
        Yields an empty list at least every 10 s of sound, as a sign of life.
        """
        ...
