"""The error tree. Every message is one sentence for the person who can mend it, naming the file, key, call or device.

HotlineError
├── ConfigError          config.toml
├── DialplanError        dialplans/*.toml
├── PromptError          prompts/
├── PbxError             Asterisk: missing, not starting, port in use
├── AmiError             the manager connection
│   ├── LinkLost         it broke while an action was under way
│   ├── ActionTimeout    no answer within the deadline
│   └── ActionRefused    Asterisk answered "Error"
├── SpeechError          model missing or broken, recogniser died: worth another try later
│   └── RecordingRefused  this recording will never be transcribed
├── StoreError           the database
├── RegisterError        a register of callers: the file it is imported from, its key
├── QueueLogError        the file queue_log
├── BooksError           what the books were asked: period, interval
├── SimulationError      what `ivr simulate` was given: arrivals, roster, options
└── WebError             the web server: address in use
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class HotlineError(Exception):
    """Anything that this program tells a person in a sentence."""


class ConfigError(HotlineError):
    pass


class DialplanError(HotlineError):
    pass


class PromptError(HotlineError):
    pass


class PbxError(HotlineError):
    pass


class AmiError(HotlineError):
    pass


class LinkLost(AmiError):
    pass


class ActionTimeout(AmiError):
    pass


class ActionRefused(AmiError):
    pass


class SpeechError(HotlineError):
    pass


class RecordingRefused(SpeechError):
    pass


class StoreError(HotlineError):
    pass


class RegisterError(HotlineError):
    pass


class QueueLogError(HotlineError):
    pass


class BooksError(HotlineError):
    pass


class SimulationError(HotlineError):
    pass


class WebError(HotlineError):
    pass


def sentences(file: str, errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """pydantic's `ValidationError.errors()` as one sentence each, naming the file and the key."""
    return [_sentence(file, error["loc"], error["type"], error["msg"]) for error in errors]


def _sentence(file: str, loc: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(f"#{part + 1}" if isinstance(part, int) else _shown(part) for part in loc) or "the whole file"
    if kind == "extra_forbidden":
        return f"{file}: {key}: there is no such key."
    if kind == "missing":
        return f"{file}: {key}: this key is missing."
    return f"{file}: {key}: {message.removeprefix('Value error, ')}."


def _shown(word: str) -> str:
    return word if word.isprintable() else repr(word)
