"""Live listening as the rest of the server sees it: a voice in, a word of the city's list out."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import structlog

from ivr.adapters.speech.process import Worker, WorkerDied
from ivr.core.errors import SpeechError

log = structlog.get_logger()


_NO_VOICE = "no voice comes from Asterisk: its modules app_audiosocket, res_audiosocket and app_chanspy are needed."

STALL_S = 60.0
"""A listener that gives no sign of life for so long is taken for hung."""


SILENT = 3
"""So many signs of life without any voice mean that none comes."""


class Way(NamedTuple):
    """Where Asterisk takes a caller's voice to, by AudioSocket."""

    uuid: str
    port: int


class LiveListener:
    """Keeps the listener's process running. A crash of it touches no call: Asterisk's taps end, and new ones follow.

    `find_model` as in `Recogniser`. `on_ready` is told whenever the process begins (True) or ends (False) to listen; it
    then listens to nobody. `on_heard` is told the call and the word.
    """

    def __init__(
        self,
        find_model: Callable[[], Path | None],
        on_ready: Callable[[bool], None],
        on_heard: Callable[[str, str], None],
        *,
        look_s: float = 5.0,
        back_off_s: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        """`look_s`: pause between looks for a model. `back_off_s`: first and longest pause after a failure."""
        self._find_model, self._on_ready, self._on_heard = find_model, on_ready, on_heard
        self._look_s, self._back_off_s = look_s, back_off_s
        self._process: Process | None = None
        self._port = 0
        self._words: tuple[Sequence[str], float] = ((), 1.0)
        self._calls: dict[str, str] = {}
        """Call by the uuid of its tap."""
        self._silent = 0
        """How often in a row none of them has come."""
        self.problem = ""
        """Why nobody is listened to, or which words the model cannot hear: a sentence, or ""."""

    def change_words(self, words: Sequence[str], confidence: float) -> None:
        """Listen for these, from the next caller on. `confidence`: how sure a word must be, up to 1."""
        self._words = (words, confidence)
        self._tell_words()

    def listen(self, call_id: str) -> Way | None:
        """Where to take this caller's voice to; None when nobody listens now."""
        if not self._port:
            return None
        way = Way(str(uuid4()), self._port)
        self._calls[way.uuid] = call_id
        self._order({"expect": way.uuid})
        return way

    def stop(self, call_id: str) -> None:
        """Listen to this caller no more; their tap ends."""
        for uuid in [uuid for uuid, listened in self._calls.items() if listened == call_id]:
            del self._calls[uuid]
            self._order({"stop": uuid})

    async def run(self) -> None:
        """Work until cancelled."""
        first_s, longest_s = self._back_off_s
        pause_s = first_s
        while True:
            try:
                if (model := self._find_model()) is None:
                    self._trouble("there is no speech model.")
                    await asyncio.sleep(self._look_s)
                    continue
                if await self._serve(model):
                    pause_s = first_s
            except SpeechError as error:
                self._trouble(str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, longest_s)

    async def _serve(self, model: Path) -> bool:
        """One process from its start to its death. True when it has listened."""
        worker = await Worker.launch(model, "listener")
        try:
            self._process, self._port = worker.process, worker.port
            self._tell_words()
            self._on_ready(True)
            log.info("listener.ready", model=model.name)
            while True:
                self._told(await worker.answer(STALL_S))
        except WorkerDied as error:
            self._trouble(str(error))
            return True
        finally:
            self._process, self._port = None, 0
            self._calls.clear()
            self._on_ready(False)
            await worker.end()

    def _told(self, message: dict[str, Any]) -> None:
        if "unknown" in message:
            unknown = "、".join(message["unknown"])
            self._trouble(f"the speech model cannot hear these emergency words: {unknown}." if unknown else "")
        elif "alive" in message:
            self._silent = self._silent + 1 if self._calls and not message["alive"] else 0
            if self._silent == SILENT:
                self._trouble(_NO_VOICE)
            elif message["alive"] and self.problem == _NO_VOICE:
                self._tell_words()  # the answer says what trouble is left
        elif "heard" in message and (call_id := self._calls.get(message["heard"], "")):
            log.info("listener.heard", call_id=call_id)
            self._on_heard(call_id, message["word"])

    def _trouble(self, sentence: str) -> None:
        """Each is logged once, until another takes its place."""
        if sentence and sentence != self.problem:
            log.warning("listener.trouble", sentence=sentence)
        self.problem = sentence

    def _tell_words(self) -> None:
        words, confidence = self._words
        self._order({"words": list(words), "confidence": confidence})

    def _order(self, order: dict[str, Any]) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
