"""The recogniser as the rest of the server sees it: `transcribe(wav)`, whatever happens to its processes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from ivr.adapters.speech.process import Worker, WorkerDied
from ivr.core.errors import RecordingRefused, SpeechError
from ivr.core.notes import Word

STRIKES = 3
"""A recording that ended so many processes is not tried again."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class State:
    """What the recogniser can do now, with a sentence for people."""

    name: Literal["starting", "ready", "no_model", "broken", "stopped"]
    sentence: str


STARTING = State("starting", "The speech model is being loaded.")
RESTARTING = State("starting", "The recogniser's process ended unexpectedly and is being started again.")
READY = State("ready", "Speech recognition works.")
STOPPED = State("stopped", "Speech recognition is switched off.")
NO_MODEL = State(
    "no_model",
    "There is no speech model, so recordings wait for their notes; `ivr models install` fetches one,"
    " `ivr models install --from FILE` takes a zip file that you downloaded elsewhere.",
)


@dataclass(frozen=True, slots=True)
class _Job:
    wav: Path
    words: asyncio.Future[list[Word]]


class Recogniser:
    """Keeps worker processes running, and gives each recording to one of them.

    `find_model` tells the model's folder, None when there is none, and raises SpeechError when what is there is no
    model; it is asked again before every start of a process, so a model installed later is found by itself.
    """

    def __init__(
        self,
        find_model: Callable[[], Path | None],
        *,
        processes: int = 1,
        stall_s: float = 120.0,
        look_s: float = 5.0,
        back_off_s: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        """`stall_s`: a worker that gives no sign of life for so long is taken for hung (it gives one every 5 s of
        sound). `look_s`: pause between looks for a model. `back_off_s`: first and longest pause after a failure.
        """
        self._find_model = find_model
        self._stall_s = stall_s
        self._look_s = look_s
        self._back_off_s = back_off_s
        self._states = [STOPPED] * processes
        self._ready = asyncio.Event()
        self._inbox: asyncio.Queue[_Job] = asyncio.Queue()
        self._waiting: set[asyncio.Future[list[Word]]] = set()
        self._kills: Counter[Path] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._model = ""

    @property
    def state(self) -> State:
        """The best state of all processes."""
        order = ("ready", "starting", "broken", "no_model", "stopped")
        return min(self._states, key=lambda state: order.index(state.name))

    @property
    def model(self) -> str:
        """Name of the model in use, "" before the first one was loaded."""
        return self._model

    async def start(self) -> None:
        """Begin to load the model. Does not wait for it; `ready` does."""
        self._states = [STARTING] * len(self._states)
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(len(self._states))]

    async def ready(self) -> None:
        """Wait until a recording can be transcribed at once, be it for days."""
        await self._ready.wait()

    async def transcribe(self, wav: Path) -> list[Word]:
        """The words of a mono recording, with times in seconds from its start.

        Raises RecordingRefused when this recording will never be transcribed, else SpeechError when it cannot be now.
        """
        if self._kills[wav] >= STRIKES:
            raise RecordingRefused(_set_aside(wav))
        if self.state.name not in ("ready", "starting"):
            raise SpeechError(self.state.sentence)
        words: asyncio.Future[list[Word]] = asyncio.get_running_loop().create_future()
        self._waiting.add(words)
        try:
            self._inbox.put_nowait(_Job(wav, words))
            return await words
        finally:
            self._waiting.discard(words)

    async def stop(self) -> None:
        """End all processes. Recordings under way fail with SpeechError."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for number in range(len(self._states)):
            self._now(number, STOPPED)

    async def _keep(self, number: int) -> None:
        """Keep one process running, for ever."""
        first_s, longest_s = self._back_off_s
        pause_s = first_s
        while True:
            try:
                model = self._find_model()
                if model is None:
                    self._now(number, NO_MODEL)
                    await asyncio.sleep(self._look_s)
                    continue
                if self._states[number] == NO_MODEL:
                    self._now(number, STARTING)
                if await self._run(number, model):
                    pause_s = first_s
            except SpeechError as error:
                log.error("speech_model_broken", process=number, reason=str(error), retry_in_s=pause_s)
                self._now(number, State("broken", str(error)))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)

    async def _run(self, number: int, model: Path) -> int:
        """One process from its start to its death. Returns how many recordings it did."""
        worker = await Worker.launch(model)
        death = asyncio.create_task(worker.death())
        done = 0
        try:
            self._model = model.name
            self._now(number, READY)
            log.info("recogniser_ready", process=number, model=model.name)
            while (job := await self._next(number, death)) and await self._do(number, worker, job):
                done += 1
            return done
        finally:
            death.cancel()
            await worker.end()

    async def _next(self, number: int, death: asyncio.Task[WorkerDied]) -> _Job | None:
        """The next recording, or None when the process died in its idleness."""
        get = asyncio.create_task(self._inbox.get())
        try:
            await asyncio.wait({get, death}, return_when=asyncio.FIRST_COMPLETED)
            if not death.done():
                return get.result()
            self._now(number, RESTARTING)
            log.error("recogniser_died", reason=str(death.result()))
            if get.done():
                self._inbox.put_nowait(get.result())
            return None
        finally:
            get.cancel()

    async def _do(self, number: int, worker: Worker, job: _Job) -> bool:
        """Transcribe one recording and tell who asked. False when the process did not survive it."""
        if job.words.done():  # who asked is gone
            return True
        try:
            words = await worker.transcribe(job.wav, self._stall_s)
        except WorkerDied as error:
            self._now(number, RESTARTING)
            self._kills[job.wav] += 1
            log.error("recogniser_died", reason=str(error), wav=str(job.wav), strikes=self._kills[job.wav])
            if self._kills[job.wav] >= STRIKES:
                _fail(job.words, RecordingRefused(_set_aside(job.wav)))
            else:
                _fail(job.words, SpeechError(f"{job.wav}: not transcribed, because {error}"))
            return False
        except RecordingRefused as error:
            _fail(job.words, error)
        else:
            del self._kills[job.wav]
            if not job.words.done():
                job.words.set_result(words)
        return True

    def _now(self, number: int, state: State) -> None:
        self._states[number] = state
        if self.state.name == "ready":
            self._ready.set()
        else:
            self._ready.clear()
        if self.state.name not in ("ready", "starting"):
            for words in self._waiting:
                _fail(words, SpeechError(self.state.sentence))


def _fail(words: asyncio.Future[list[Word]], error: SpeechError) -> None:
    if not words.done():
        words.set_exception(error)


def _set_aside(wav: Path) -> str:
    return f"{wav}: set aside, because the recogniser died or hung on it {STRIKES} times."
