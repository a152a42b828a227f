"""Speech recognition: a recording in, words with times and confidence out; and live listening for a few words.

The engine runs in processes of its own, so that a crash in native code never drops a call:

    Recogniser (server) ── stdin: {"wav": path} ──► worker (own process) ──► Engine (Vosk)
                        ◄─ stdout: {"words": …} ──

    LiveListener (server) ── stdin: whom to expect ──► listener (own process) ──► Spotter (Vosk with a grammar)
                          ◄─ stdout: a word ──            ▲ voices, from Asterisk over AudioSocket

Another engine joins by implementing `engine.Engine` and `engine.Spotter`; nothing outside this folder would notice.
"""

from ivr.adapters.speech.live import LiveListener, Way
from ivr.adapters.speech.recogniser import Recogniser, State

__all__ = ["LiveListener", "Recogniser", "State", "Way"]
