"""Text and sound belong together, and the shipped prompts are fit for a telephone."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ivr.adapters import prompts
from ivr.core.errors import PromptError

SHIPPED = Path(__file__).parents[2] / "prompts"


def samples(path: Path) -> np.ndarray:
    """16-bit mono WAV as floats of full scale 1."""
    with wave.open(str(path)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16000, 1, 2)
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32768


def dbfs(amplitude: float) -> float:
    return float(20 * np.log10(amplitude))


def tone(path: Path, *, rate: int = 16000, channels: int = 1, width: int = 2, seconds: float = 0.5) -> Path:
    """A WAV of the wanted form."""
    with wave.open(str(path), "wb") as wav:
        wav.setparams((channels, width, rate, 0, "NONE", ""))
        wav.writeframes(bytes(range(100)) * int(rate * channels * width * seconds / 100))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two prompts in order: `hello` and `bye`."""
    here = tmp_path / "zh"
    here.mkdir()
    (here / "prompts.toml").write_text('hello = "您好。"\nbye = "再见。"\n', "utf-8")
    for name in ("hello", "bye"):
        prompts.record(here, name, tone(tmp_path / "take.wav"))
    return here


# --- text and sound belong together -----------------------------------------------------------------------------------


def test_prompts_in_order_are_loaded(folder: Path) -> None:
    loaded = prompts.load(folder)
    assert list(loaded) == ["hello", "bye"]
    assert loaded["hello"] == prompts.Prompt("hello", "您好。", folder / "hello.wav", 0.5, "recorded")


def _change_text(folder: Path) -> None:
    (folder / "prompts.toml").write_text('hello = "你好。"\nbye = "再见。"\n', "utf-8")


def _change_wav(folder: Path) -> None:
    tone(folder / "hello.wav", seconds=0.7)


def _forget_hello(folder: Path) -> None:
    table = json.loads((folder / "manifest.json").read_text())
    del table["hello"]
    (folder / "manifest.json").write_text(json.dumps(table))


def _cut_off(folder: Path) -> None:
    (folder / "hello.wav").write_bytes((folder / "hello.wav").read_bytes()[:-100])


def _remove_bye(folder: Path) -> None:
    (folder / "prompts.toml").write_text('hello = "您好。"\n', "utf-8")
    (folder / "bye.wav").unlink()


@pytest.mark.parametrize(
    ("harm", "file", "says"),
    [
        (_change_text, "prompts.toml", "hello: the text was changed after the sound was made"),
        (_change_wav, "hello.wav", "the sound was changed, the manifest has another"),
        (_forget_hello, "hello.wav", "the sound is not in the manifest"),
        (_cut_off, "hello.wav", "the sound is cut off"),
        (_remove_bye, "manifest.json", "bye: there is neither a text nor a WAV"),
        (lambda f: (f / "hello.wav").unlink(), "hello.wav", "there is no sound for the text 'hello'"),
        (lambda f: tone(f / "orphan.wav"), "orphan.wav", "there is no text named 'orphan'"),
        (lambda f: tone(f / "hello.wav", rate=8000), "hello.wav", "has 8000 Hz, 1 channel(s), 16 bits"),
        (lambda f: tone(f / "hello.wav", channels=2), "hello.wav", "has 16000 Hz, 2 channel(s), 16 bits"),
        (lambda f: tone(f / "hello.wav", width=1), "hello.wav", "has 16000 Hz, 1 channel(s), 8 bits"),
        (lambda f: tone(f / "hello.wav", seconds=0), "hello.wav", "the sound is empty"),
        (lambda f: (f / "hello.wav").write_bytes(b"ID3"), "hello.wav", "not a PCM WAV file"),
        (lambda f: (f / "prompts.toml").write_text("hello = "), "prompts.toml", "not readable as TOML"),
        (lambda f: (f / "prompts.toml").unlink(), "prompts.toml", "there is no such file"),
        (lambda f: (f / "prompts.toml").write_text("[a]\nhello = 'x'"), "prompts.toml", "a: must be a name of"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json", "not readable as JSON"),
        (lambda f: (f / "manifest.json").write_text('{"hello": {}}'), "manifest.json", "each name must have exactly"),
    ],
)
def test_each_fault_is_one_sentence(folder: Path, harm: Callable[[Path], object], file: str, says: str) -> None:
    harm(folder)
    (problem,) = prompts.check(folder)
    assert problem.startswith(str(folder / file))
    assert says in problem
    with pytest.raises(PromptError) as error:
        prompts.load(folder)
    assert str(error.value) == problem


def test_all_faults_are_told_together(folder: Path) -> None:
    _change_text(folder)
    (folder / "bye.wav").unlink()
    assert len(prompts.check(folder)) == 2
    assert prompts.outdated(folder) == ["hello", "bye"]


def test_a_recording_mends_what_is_outdated(folder: Path, tmp_path: Path) -> None:
    _change_text(folder)
    assert prompts.outdated(folder) == ["hello"]
    made = prompts.record(folder, "hello", tone(tmp_path / "new.wav", seconds=1.25))
    assert (made.text, made.duration_s, made.voice) == ("你好。", 1.25, "recorded")
    assert prompts.check(folder) == prompts.outdated(folder) == []
    assert prompts.voice(folder, "hello") == "recorded"


def test_saving_drops_entries_without_text(folder: Path) -> None:
    _remove_bye(folder)
    prompts.save(folder, "hello", (folder / "hello.wav").read_bytes(), "zf_xiaobei")
    assert prompts.check(folder) == []
    assert prompts.voice(folder, "hello") == "zf_xiaobei"
    assert prompts.voice(folder, "bye") == ""


def test_an_unfit_recording_changes_nothing(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    take = tone(tmp_path / "phone.wav", rate=8000)
    with pytest.raises(PromptError, match=rf"{take}: has 8000 Hz.*sox {take} -r 16000 -c 1 -b 16"):
        prompts.record(folder, "hello", take)
    with pytest.raises(PromptError, match="there is no prompt named 'nobody'"):
        prompts.record(folder, "nobody", tone(tmp_path / "take.wav"))
    with pytest.raises(PromptError, match=r"gone\.wav: not readable: No such file"):
        prompts.record(folder, "hello", tmp_path / "gone.wav")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# --- what is shipped --------------------------------------------------------------------------------------------------


def test_shipped_text_and_sound_belong_together(tmp_path: Path) -> None:
    assert prompts.check(SHIPPED / "zh") == []
    copy = tmp_path / "zh"
    shutil.copytree(SHIPPED / "zh", copy)
    text = (copy / "prompts.toml").read_text("utf-8")
    (copy / "prompts.toml").write_text(text.replace("谢谢来电", "感谢来电"), "utf-8")
    assert prompts.outdated(copy) == ["goodbye"]


def test_12345_is_read_in_one_way() -> None:
    spoken = "".join(text for name, text in prompts.texts(SHIPPED / "zh").items() if name != "menu_english")
    assert "幺二三四五" in spoken
    assert "一二三四五" not in spoken
    assert not any(sign.isascii() for sign in spoken), "digits and commas are written as they are read"


@pytest.mark.parametrize(
    ("folder", "name"), [(folder, name) for folder in ("zh", "en") for name in prompts.texts(SHIPPED / folder)]
)
def test_shipped_prompt_is_fit_for_a_telephone(folder: str, name: str) -> None:
    sound = samples(SHIPPED / folder / f"{name}.wav")
    assert -4 < dbfs(np.abs(sound).max()) <= -2.9
    assert -24 < dbfs(np.sqrt(np.mean(sound**2))) < -12
    head, tail = sound[: 16 * 15], sound[-16 * 30 :]
    assert max(np.abs(head).max(), np.abs(tail).max()) < 0.02, "starts or ends within a word"
    loud = np.flatnonzero(np.abs(sound) > 0.02) / 16000
    assert loud[0] < 0.1 and len(sound) / 16000 - loud[-1] < 0.2, "silence at an end"
    text = prompts.texts(SHIPPED / folder)[name]
    slowest = 1.2 if name.startswith("digit_") else 2.5
    quickest = 22 if text.isascii() else 8
    assert slowest < len(text) / (len(sound) / 16000) < quickest, "characters per second"


def test_greeting_is_over_in_six_seconds() -> None:
    greeting = [samples(SHIPPED / "zh" / f"{name}.wav") for name in ("welcome", "recording_notice", "menu_main")]
    assert sum(map(len, greeting)) / 16000 <= 6.0


def test_hold_music_is_quiet_and_has_no_jump_where_it_loops() -> None:
    sound = samples(SHIPPED / "music" / "hold.wav")
    assert 35 < len(sound) / 16000 < 45
    assert dbfs(np.abs(sound).max()) <= -3
    assert -20 < dbfs(np.sqrt(np.mean(sound**2))) < -16
    seam = np.concatenate([sound[-8000:], sound[:8000]])
    steps, bends = np.abs(np.diff(seam)), np.abs(np.diff(seam, 2))
    assert steps[7999] <= np.percentile(steps, 99.9)
    assert bends[7998:8000].max() <= np.percentile(bends, 99.9)
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / 16000)
    assert power[hz > 3700].sum() < 1e-4 * power.sum(), "a narrowband line would alias or lose it"


def test_other_languages_are_the_folders_with_texts_of_their_own(tmp_path: Path) -> None:
    for name in ("zh", "en", "xiang"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "prompts.toml").touch()
    (tmp_path / "music").mkdir()
    assert [path.name for path in prompts.others(tmp_path, "zh")] == ["en", "xiang"]
