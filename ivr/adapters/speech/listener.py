"""The listener's process: `python -m ivr.adapters.speech.listener MODEL_FOLDER`.

Asterisk brings each caller's voice over AudioSocket (signed 16-bit little-endian, 8 kHz) to a port on loopback. One
JSON object per line:

    stdin   {"words": ["救命", …], "confidence": 0.9}   from now on, for those who come
            {"expect": uuid}                            this connection will come
            {"stop": uuid}                              end it, or await it no more
    stdout  {"ready": port}  once, or {"broken": "sentence"} and the end
            {"unknown": ["…"]}                          after each "words": those that the model cannot hear
            {"heard": uuid, "word": "救命"}
            {"alive": 2}                                every ALIVE_S: so many voices are there

No sound is kept: what was heard is forgotten with the utterance. It ends when stdin does.
"""

from __future__ import annotations

import json
import os
import queue
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from ivr.adapters.speech.engine import Ear, Grammar, Spotted, Spotter
from ivr.adapters.speech.worker import NICENESS, own_stdout
from ivr.core.errors import SpeechError

RATE = 8000
CHUNK_BYTES = RATE // 5 * 2
"""0.2 s."""
ALIVE_S = 5.0
MOST_BYTES = RATE * 3 * 2
"""Who falls further behind than this loses what was said before."""
LATE_S = 1.0
"""A voice may come so long before the order to expect it: they take different ways into this process."""
_UUID, _AUDIO = 0x01, 0x10
"""Kinds of AudioSocket's messages, whose head is the kind and the length in two bytes."""
_HEAD = 3


@dataclass(slots=True, eq=False)
class Voice:
    """One connection of Asterisk's."""

    connection: socket.socket
    received: bytearray = field(default_factory=bytearray)
    sound: bytearray = field(default_factory=bytearray)
    uuid: str = ""
    came_at: float = 0.0
    ear: Ear | None = None

    def read(self) -> bool:
        """Take what has come. False when the connection is over."""
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.received += data
        return bool(data)

    def messages(self) -> list[tuple[int, bytes]]:
        """The whole messages that have come."""
        found = []
        while len(self.received) >= _HEAD:
            end = _HEAD + int.from_bytes(self.received[1:_HEAD], "big")
            if len(self.received) < end:
                break
            found.append((self.received[0], bytes(self.received[_HEAD:end])))
            del self.received[:end]
        return found

    def hear(self) -> list[Spotted]:
        """The words in the next bit of sound; of a long backlog only the end is listened to."""
        if len(self.sound) > MOST_BYTES:
            del self.sound[:-CHUNK_BYTES]
        chunk = bytes(self.sound[:CHUNK_BYTES])
        del self.sound[:CHUNK_BYTES]
        return self.ear.hear(chunk) if self.ear else []


class Listener:
    """All voices, in one thread."""

    def __init__(self, spotter: Spotter, tell: Callable[[dict[str, Any]], None]) -> None:
        self._spotter, self._tell = spotter, tell
        self._expected: set[str] = set()
        self._voices: dict[str, Voice] = {}
        self._strangers: list[Voice] = []
        """Voices that nobody has told to expect, so far."""
        self._grammar: Grammar | None = None
        self._confidence = 1.0
        self._selector = selectors.DefaultSelector()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._selector.register(self._server, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    @property
    def voices(self) -> int:
        """How many are listened to."""
        return len(self._voices)

    def obey(self, order: dict[str, Any]) -> None:
        """One line of stdin."""
        if "words" in order:
            self._grammar = self._spotter.grammar(order["words"])
            self._confidence = order["confidence"]
            self._tell({"unknown": list(self._grammar.unknown)})
        elif "expect" in order:
            self._expected.add(order["expect"])
        elif "stop" in order:
            self._expected.discard(order["stop"])
            if voice := self._voices.get(order["stop"]):
                self._close(voice)

    def work(self) -> None:
        """What there is to do now, waiting for it up to 0.1 s."""
        self._greet()
        busy = any(len(voice.sound) >= CHUNK_BYTES for voice in self._voices.values())
        for key, _ in self._selector.select(0 if busy else 0.1):
            if key.data is None:
                self._accept()
            else:
                self._receive(key.data)
        for voice in list(self._voices.values()):
            if len(voice.sound) >= CHUNK_BYTES:
                for found in voice.hear():
                    self._tell({"heard": voice.uuid, "word": found.word})

    def _accept(self) -> None:
        connection, _ = self._server.accept()
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, Voice(connection))

    def _receive(self, voice: Voice) -> None:
        goes_on = voice.read()
        for kind, payload in voice.messages():
            if kind == _AUDIO and voice.uuid:
                voice.sound += payload[: len(payload) // 2 * 2]
            elif kind == _UUID and len(payload) == 16 and not voice.uuid:
                voice.uuid, voice.came_at = str(UUID(bytes=payload)), time.monotonic()
                self._strangers.append(voice)
            elif kind != _AUDIO:
                goes_on = False
        if not goes_on:
            self._close(voice)

    def _greet(self) -> None:
        """Listen to the voices that are expected by now, and turn away those that are not."""
        for voice in list(self._strangers):
            if self._grammar is not None and voice.uuid in self._expected:
                self._strangers.remove(voice)
                self._expected.discard(voice.uuid)
                voice.ear = self._spotter.ear(self._grammar, self._confidence, RATE)
                self._voices[voice.uuid] = voice
            elif time.monotonic() - voice.came_at > LATE_S:
                self._close(voice)

    def _close(self, voice: Voice) -> None:
        if voice in self._strangers:
            self._strangers.remove(voice)
        elif self._voices.get(voice.uuid) is voice:
            del self._voices[voice.uuid]
        self._selector.unregister(voice.connection)
        voice.connection.close()  # by which Asterisk ends the tap


def main() -> int:
    tell = own_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends us in its own order
    os.nice(NICENESS)
    orders: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_take, args=(orders,), daemon=True).start()
    try:
        from ivr.adapters.speech.spotter import VoskSpotter  # its native library comes after stdout is out of reach

        listener = Listener(VoskSpotter(Path(sys.argv[1])), tell)
    except SpeechError as error:
        tell({"broken": str(error)})
        return 1
    tell({"ready": listener.port})
    told_at = time.monotonic()
    while True:
        while not orders.empty():
            listener.obey(orders.get())
        listener.work()
        if time.monotonic() - told_at >= ALIVE_S:
            told_at = time.monotonic()
            tell({"alive": listener.voices})


def _take(orders: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        orders.put(json.loads(line))
    os._exit(0)  # the main thread may be deep in native code


if __name__ == "__main__":
    sys.exit(main())
