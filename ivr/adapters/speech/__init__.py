"""Speech recognition: a recording in, words with times and confidence out.

The engine runs in processes of its own, so that a crash in native code never drops a call:

    Recogniser (server) ── stdin: {"wav": path} ──► worker (own process) ──► Engine (Vosk)
                        ◄─ stdout: {"words": …} ──

Another engine joins by implementing `engine.Engine`; nothing outside this folder would notice.
"""

from ivr.adapters.speech.recogniser import Recogniser, State

__all__ = ["Recogniser", "State"]
