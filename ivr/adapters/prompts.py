"""The prompts of one language: a folder with `prompts.toml` (name → spoken text) and one WAV per name.

`manifest.json` beside them ties text to sound: for each name the SHA-256 of the text and of the WAV, the duration and
the voice, so that neither can be changed without the other. A voice is the name of a synthetic one, or `recorded` for
the city's own speaker.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ivr.core import toml
from ivr.core.errors import PromptError

RATE = 16000
"""Samples per second of every prompt; mono, 16-bit."""

RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    text: str
    """What is spoken, word for word."""
    path: Path
    duration_s: float
    voice: str


class _Seal(TypedDict):
    text_sha256: str
    wav_sha256: str
    duration_s: float
    voice: str


def load(folder: Path) -> dict[str, Prompt]:
    """All prompts of one language by name, in the order of `prompts.toml`.

    Raises PromptError with one sentence a line when text and sound do not belong together.
    """
    problems = check(folder)
    if problems:
        raise PromptError("\n".join(problems))
    seals = _seals(folder)
    return {
        name: Prompt(name, text, folder / f"{name}.wav", seals[name]["duration_s"], seals[name]["voice"])
        for name, text in texts(folder).items()
    }


def others(root: Path, usual: str) -> list[Path]:
    """The folders below `root` that hold the prompts of languages other than the usual one."""
    return [path.parent for path in sorted(root.glob("*/prompts.toml")) if path.parent.name != usual]


def check(folder: Path) -> list[str]:
    """One sentence for each thing that is wrong with the folder; empty when text and sound belong together."""
    try:
        spoken, seals = texts(folder), _seals(folder)
    except PromptError as error:
        return str(error).splitlines()
    problems = [problem for name, text in spoken.items() if (problem := _problem(folder, name, text, seals.get(name)))]
    problems += [
        f"{wav}: there is no text named {wav.stem!r} in {folder / 'prompts.toml'}; add the text or remove the file."
        for wav in sorted(folder.glob("*.wav"))
        if wav.stem not in spoken
    ]
    problems += [
        f"{folder / 'manifest.json'}: {name}: there is neither a text nor a WAV of this name; remove the entry."
        for name in sorted(seals.keys() - spoken.keys())
        if not (folder / f"{name}.wav").exists()
    ]
    return problems


def texts(folder: Path) -> dict[str, str]:
    """The spoken texts by name. Raises PromptError when `prompts.toml` is missing or wrong."""
    path = folder / "prompts.toml"
    if not path.exists():
        raise PromptError(f"{path}: there is no such file.")
    table = toml.parse(str(path), _read(path), PromptError)
    problems = [
        f'{path}: {name}: must be a name of small letters, digits and _, and a text: name = "text".'
        for name, text in table.items()
        if not (re.fullmatch("[a-z][a-z0-9_]*", name) and isinstance(text, str) and text.strip())
    ]
    if problems:
        raise PromptError("\n".join(problems))
    return table


def outdated(folder: Path) -> list[str]:
    """Names whose WAV is missing, or was made for another text: what there is to synthesise or to record."""
    seals = _seals(folder)
    return [
        name
        for name, text in texts(folder).items()
        if not (folder / f"{name}.wav").exists() or name not in seals or seals[name]["text_sha256"] != _sha256(text)
    ]


def voice(folder: Path, name: str) -> str:
    """Who speaks the prompt, as the manifest has it; "" when there is no sound yet."""
    seals = _seals(folder)
    return seals[name]["voice"] if name in seals else ""


def record(folder: Path, name: str, wav: Path) -> Prompt:
    """Take the WAV file `wav`, spoken by a person, as the sound of prompt `name`. The file is copied.

    Raises PromptError when there is no such prompt, or the file is not 16 kHz mono 16-bit.
    """
    sound = _read(wav)
    _duration_s(sound, wav)
    return save(folder, name, sound, RECORDED)


def save(folder: Path, name: str, sound: bytes, voice: str) -> Prompt:
    """Write `sound`, the bytes of a WAV file, as prompt `name` in its present text, and enter both in the manifest."""
    spoken = texts(folder)
    if name not in spoken:
        raise PromptError(f"{folder / 'prompts.toml'}: there is no prompt named {name!r}; add its text first.")
    path = folder / f"{name}.wav"
    duration_s = _duration_s(sound, path)
    seals = _seals(folder)
    seals[name] = _Seal(
        text_sha256=_sha256(spoken[name]), wav_sha256=_sha256(sound), duration_s=duration_s, voice=voice
    )
    _replace(path, sound)
    kept = {key: seals[key] for key in sorted(seals.keys() & spoken.keys())}
    _replace(folder / "manifest.json", (json.dumps(kept, indent=2) + "\n").encode())
    return Prompt(name, spoken[name], path, duration_s, voice)


def _problem(folder: Path, name: str, text: str, seal: _Seal | None) -> str:
    """What is wrong with one prompt, or ""."""
    path = folder / f"{name}.wav"
    if not path.exists():
        return f"{path}: there is no sound for the text {name!r}; make or record it."
    try:
        sound = _read(path)
        _duration_s(sound, path)
    except PromptError as error:
        return str(error)
    if seal is None:
        return f"{path}: the sound is not in the manifest; make it again, or record it."
    if seal["text_sha256"] != _sha256(text):
        return f"{folder / 'prompts.toml'}: {name}: the text was changed after the sound was made; make or record it."
    if seal["wav_sha256"] != _sha256(sound):
        return f"{path}: the sound was changed, the manifest has another; make it again, or record it."
    return ""


def _seals(folder: Path) -> dict[str, _Seal]:
    path = folder / "manifest.json"
    if not path.exists():
        return {}
    try:
        table = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{path}: not readable as JSON: {error}.") from None
    keys = _Seal.__annotations__.keys()
    if not isinstance(table, dict) or not all(isinstance(s, dict) and s.keys() == keys for s in table.values()):
        raise PromptError(f"{path}: each name must have exactly {', '.join(keys)}.")
    return table


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PromptError(f"{path}: not readable: {error.strerror}.") from None


def _duration_s(sound: bytes, source: Path) -> float:
    """Seconds of a whole 16 kHz mono 16-bit WAV; PromptError, which names `source`, for anything else."""
    convert = f"convert it with: sox {source} -r {RATE} -c 1 -b 16 NEW.wav norm -3"
    try:
        with wave.open(io.BytesIO(sound)) as wav:
            rate, channels, width, frames = wav.getframerate(), wav.getnchannels(), wav.getsampwidth(), wav.getnframes()
            cut_off = len(wav.readframes(frames)) < frames * channels * width
    except (wave.Error, EOFError) as error:
        raise PromptError(f"{source}: not a PCM WAV file ({error or 'it is cut off'}); {convert}") from None
    if (rate, channels, width) != (RATE, 1, 2):
        raise PromptError(
            f"{source}: has {rate} Hz, {channels} channel(s), {8 * width} bits,"
            f" but must have {RATE} Hz, 1 channel, 16 bits; {convert}"
        )
    if cut_off or not frames:
        raise PromptError(f"{source}: the sound is {'cut off' if cut_off else 'empty'}; record it again.")
    return float(round(frames / RATE, 3))


def _sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Write so that a crash leaves the old file or the new one."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)
