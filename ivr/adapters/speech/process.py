"""One worker process as the server sees it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from ivr.core.errors import RecordingRefused, SpeechError
from ivr.core.notes import Word

LOAD_S = 300.0
"""A big model on a slow disk takes its time."""
GOODBYE_S = 2.0
_LONGEST_LINE = 16 * 2**20


class WorkerDied(SpeechError):
    """The process is gone, whatever it was doing."""


class Worker:
    """A running process with its model loaded: a `worker`, one recording at a time, or a `listener`."""

    def __init__(self, process: Process, model: Path) -> None:
        self.process = process
        self.port = 0
        """Of a listener: where it takes voices."""
        self._model = model
        self._complaints: deque[str] = deque(maxlen=5)
        self._reader = asyncio.create_task(self._read_complaints())

    @classmethod
    async def launch(cls, model: Path, kind: Literal["worker", "listener"] = "worker") -> Worker:
        """Start a process and wait until the model is loaded and tried.

        Raises SpeechError when the model does not work.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"{__package__}.{kind}", str(model),
                stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_LONGEST_LINE,
            )  # fmt: skip
        except OSError as error:
            raise SpeechError(f"The recogniser's process cannot be started: {error}.") from None
        worker = cls(process, model)
        try:
            answer = await worker.answer(LOAD_S)
        except WorkerDied as error:
            await worker.end()
            raise SpeechError(f"{model}: this speech model does not work: while loading it {error}") from None
        except BaseException:
            await worker.end()
            raise
        if "broken" in answer:
            await worker.end()
            raise SpeechError(answer["broken"])
        worker.port = int(answer["ready"])
        return worker

    async def transcribe(self, wav: Path, stall_s: float) -> list[Word]:
        """The words of one recording.

        Raises RecordingRefused when the recording is at fault, WorkerDied when the process ended or gave no sign of
        life for `stall_s` seconds; the worker is of no use then.
        """
        if self.process.stdin is None:
            raise AssertionError("the worker was started without stdin")
        with suppress(ConnectionError):  # told by the missing answer
            self.process.stdin.write(json.dumps({"wav": str(wav)}).encode() + b"\n")
            await self.process.stdin.drain()
        words: list[Word] = []
        while True:
            answer = await self.answer(stall_s)
            if "refused" in answer:
                raise RecordingRefused(answer["refused"])
            if "end" in answer:
                return words
            words += [Word(*fields) for fields in answer["words"]]

    async def death(self) -> WorkerDied:
        """Wait until the process ends by itself."""
        await self.process.wait()
        await asyncio.wait([self._reader])
        return WorkerDied(self._obituary())

    async def end(self) -> None:
        """End the process: by closing its stdin, by force when that does not help."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self.process.wait()
        finally:  # also when we are cancelled here
            if self.process.returncode is None:
                with suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()
            await asyncio.wait([self._reader])
            if self.process.stdout:
                await self.process.stdout.read()  # to its end, which lets go of the pipe

    async def answer(self, deadline_s: float) -> dict[str, Any]:
        """The next message of the process. Raises WorkerDied as `transcribe` does."""
        if self.process.stdout is None:
            raise AssertionError("the worker was started without stdout")
        try:
            async with asyncio.timeout(deadline_s):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise WorkerDied(f"the recogniser gave no sign of life for {deadline_s:g} s.") from None
        if not line:
            raise await self.death()
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _read_complaints(self) -> None:
        if self.process.stderr:
            async for line in self.process.stderr:
                self._complaints.append(line.decode(errors="replace").strip())

    def _obituary(self) -> str:
        code = self.process.returncode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        last = f" ({self._complaints[-1].rstrip('.')})" if self._complaints else ""
        return f"the recogniser's process ended {how}{last}."
