"""Vosk, with its traps covered. Runs in the worker's process only.

Vosk aborts, hangs or invents words when it is given a wrong rate or channel count; `wav.sound` refuses those first.
"""

from __future__ import annotations

import ctypes
import json
import random
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import vosk

from ivr.core.errors import SpeechError
from ivr.core.notes import Word

RENEW_S = 120
"""A recogniser keeps about 50 MB per minute of sound, so it is renewed at the first utterance's end after so long."""
SIGN_OF_LIFE_S = 5
TRIAL_S = 1

trim = ctypes.CDLL(None).malloc_trim
"""Gives freed memory back to the system; takes the bytes to keep."""


class VoskEngine:
    """A loaded Vosk model. Use from one thread."""

    def __init__(self, folder: Path) -> None:
        """Load the model and decode a second of noise with it: some broken models show themselves only then.

        Raises SpeechError, or ends the process where the native code does.
        """
        vosk.SetLogLevel(-1)
        try:
            self.model = vosk.Model(str(folder))
            for _ in self.hear([_noise()], 16000):
                pass
        except Exception as error:  # Vosk raises bare Exception for all its failures
            raise SpeechError(f"{folder}: this speech model does not work: {error}.") from error

    def hear(self, chunks: Iterable[bytes], rate: int) -> Iterator[list[Word]]:
        """See `Engine.hear`. Sound keeps its own rate: Vosk resamples better than a step before it would."""
        recogniser = self._recogniser(rate)
        begun = heard = quiet = 0  # samples
        for chunk in chunks:
            heard += len(chunk) // 2
            quiet += len(chunk) // 2
            if recogniser.AcceptWaveform(chunk):
                yield _words(recogniser.Result(), begun / rate)
                quiet = 0
                if heard - begun >= RENEW_S * rate:
                    del recogniser
                    trim(0)
                    recogniser = self._recogniser(rate)
                    begun = heard
            elif quiet >= SIGN_OF_LIFE_S * rate:
                yield []
                quiet = 0
        yield _words(recogniser.FinalResult(), begun / rate)
        del recogniser
        trim(0)  # a dropped recogniser's memory goes back to the system only so

    def _recogniser(self, rate: int) -> vosk.KaldiRecognizer:
        recogniser = vosk.KaldiRecognizer(self.model, float(rate))
        recogniser.SetWords(True)
        return recogniser


def _words(result: str, offset_s: float) -> list[Word]:
    """Vosk's JSON result as words. Marks for sounds that are no word, such as `[unk]` or `<UNK>`, are left out."""
    return [
        Word(heard["word"], offset_s + heard["start"], offset_s + heard["end"], heard["conf"])
        for heard in json.loads(result).get("result", [])
        if not heard["word"].startswith(("[", "<"))
    ]


def _noise() -> bytes:
    samples = 16000 * TRIAL_S
    return struct.pack(f"<{samples}h", *(random.Random(0).choices(range(-8000, 8000), k=samples)))
