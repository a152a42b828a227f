"""Two recorded legs to one note."""

from __future__ import annotations

from pathlib import Path

from ivr.adapters.speech.recogniser import Recogniser
from ivr.core.notes import Note, write


async def transcribe_call(recogniser: Recogniser, call_id: str, caller: Path, agent: Path, language: str) -> Note:
    """The note of one conversation from the WAV files of its legs, which begin at the same moment.

    Raises what `Recogniser.transcribe` does.
    """
    said_by_caller = await recogniser.transcribe(caller)
    said_by_agent = await recogniser.transcribe(agent)
    return Note(call_id, write(said_by_caller, said_by_agent, language), recogniser.model, language)
