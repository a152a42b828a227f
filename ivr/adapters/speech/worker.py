"""The recogniser's process: `python -m ivr.adapters.speech.worker MODEL_FOLDER`.

One JSON object per line, one recording at a time:

    stdin   {"wav": "/path/to/leg.wav"}
    stdout  {"ready": true}  once, or {"broken": "sentence"} and the end
            {"words": [["市民", 1.02, 1.38, 0.97], …]}  any number of times, also empty as a sign of life
            {"end": true}  or  {"refused": "sentence"}

It ends when stdin does, so it cannot outlive the server, however the server dies.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ivr.adapters.speech.engine import Engine
from ivr.adapters.speech.wav import sound
from ivr.core.errors import RecordingRefused, SpeechError

NICENESS = 10
"""Calls come first on a machine that does both."""


def main() -> int:
    tell = own_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server ends us in its own order
    os.nice(NICENESS)
    jobs: queue.Queue[Path] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    try:
        engine = _engine(Path(sys.argv[1]))
    except SpeechError as error:
        tell({"broken": str(error)})
        return 1
    tell({"ready": True})
    while True:
        _transcribe(engine, jobs.get(), tell)


def _engine(model: Path) -> Engine:
    from ivr.adapters.speech.vosk_engine import VoskEngine  # its native library is loaded after stdout is out of reach

    return VoskEngine(model)


def own_stdout() -> Callable[[dict[str, Any]], None]:
    """Keep stdout for the protocol: whatever native code prints there goes to stderr from now on."""
    protocol = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        protocol.write(json.dumps(message) + "\n")
        protocol.flush()

    return tell


def _listen(jobs: queue.Queue[Path]) -> None:
    for line in sys.stdin.buffer:
        jobs.put(Path(json.loads(line)["wav"]))
    os._exit(0)  # the main thread may be deep in native code


def _transcribe(engine: Engine, wav: Path, tell: Callable[[dict[str, Any]], None]) -> None:
    try:
        with sound(wav) as (chunks, rate):
            for words in engine.hear(chunks, rate):
                tell({"words": [[w.text, w.start_s, w.end_s, w.confidence] for w in words]})
    except RecordingRefused as error:
        tell({"refused": str(error)})
    else:
        tell({"end": True})


if __name__ == "__main__":
    sys.exit(main())
