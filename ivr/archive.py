"""After the conversation: see that the recording is whole, and have the note written; and who talked with whom before.

The list of notes to write is in the database, so it survives restarts; a note waits for as long as there is no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from ivr.adapters import recordings
from ivr.adapters.speech import Recogniser
from ivr.adapters.store import Store
from ivr.config import Config
from ivr.core import events as ev
from ivr.core import notes
from ivr.core.actions import CloseRecording, FindFormerAgent, WriteNote
from ivr.core.books import Books
from ivr.core.errors import BooksError, HotlineError, RecordingRefused
from ivr.core.events import Event
from ivr.core.notes import Note, Talk, Word
from ivr.core.recordings import Leg, Recording, recording_base, sides

log = structlog.get_logger()

CLOSE_S = 20.0
"""Asterisk closes a recording within a second; after so long something is wrong with it."""
RETRY_S = 5.0
BALANCE_S = 31 * 86400

ArchiveAction = CloseRecording | WriteNote | FindFormerAgent


class Archive:
    """Performs every `ArchiveAction`; all return at once, and end as events."""

    def __init__(
        self,
        store: Store,
        recogniser: Recogniser,
        folder: Path,
        language: str,
        tell: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._recogniser = recogniser
        self._folder = folder
        self._language = language
        self._tell = tell
        self._clock = clock
        self._wanted = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    async def perform(self, action: ArchiveAction) -> None:
        if isinstance(action, WriteNote):
            await self._store.want_note(action.call_id)
            self._wanted.set()
        elif isinstance(action, CloseRecording):
            self._spawn(self._close(action))
        else:
            self._spawn(self._find(action))

    async def run(self) -> None:
        """Write the notes on the list, oldest first, until cancelled."""
        while True:
            self._wanted.clear()
            waiting = await self._store.pending_notes()
            await self._recogniser.ready()
            left = [call_id for call_id in waiting if not await self._write(call_id)]
            if left:
                await asyncio.sleep(RETRY_S)
            else:
                await self._wanted.wait()

    async def settle(self) -> None:
        """Return when every recording that was being closed is."""
        if self._closing:
            await asyncio.wait(self._closing)

    async def _close(self, action: CloseRecording) -> None:
        ids = {"call_id": action.call_id, "ring_id": action.ring_id}
        try:
            legs, problems = await recordings.finish(self._folder, action.call_id, action.ring_id, CLOSE_S)
            await self._store.add_recordings(legs)
        except HotlineError as error:
            log.error("recording.not_kept", sentence=str(error), **ids)
            return  # it is tried again at the next start
        for problem in problems:
            log.error("recording.incomplete", sentence=problem, **ids)
        if legs:
            self._tell(ev.RecordingFinished(self._clock(), action.call_id, action.ring_id))

    async def _find(self, action: FindFormerAgent) -> None:
        try:
            agent_id = await self._store.former_agent(action.ani, action.since)
        except HotlineError as error:
            log.warning("former_agent.not_found", call_id=action.call_id, sentence=str(error))
            return
        if agent_id:
            self._tell(ev.CallerKnown(self._clock(), action.call_id, agent_id))

    async def _write(self, call_id: str) -> bool:
        """False when it has to be tried again."""
        try:
            note = await self._transcribe(call_id)
        except RecordingRefused as error:
            log.error("note.refused", call_id=call_id, sentence=str(error))
            await self._store.note_failed(call_id, str(error), final=True)
            return True
        except HotlineError as error:
            log.warning("note.waits", call_id=call_id, sentence=str(error))
            await self._store.note_failed(call_id, str(error), final=False)
            return False
        await self._store.save_note(call_id, note)
        self._tell(ev.NoteWritten(self._clock(), call_id))
        return True

    async def _transcribe(self, call_id: str) -> Note:
        """All conversations of the call on one clock, which starts with the first one with an agent."""
        talks: dict[str, list[Recording]] = {}
        for leg in sorted(await self._store.recordings(call_id), key=lambda leg: leg.started_at):
            talks.setdefault(leg.ring_id, []).append(leg)
        ours = [legs[0] for legs in talks.values() if not _is_outside(legs[0])]
        # Of an outside number only the voice in an agent's ear is looked for: it is not the citizen's.
        heard = [legs for legs in talks.values() if any(legs[0].overlaps(agents) for agents in ours)]
        written = [await self._talk(legs, ours[0].started_at) for legs in heard]
        return Note(call_id, notes.write(written, self._language), self._recogniser.model, self._language)

    async def _talk(self, legs: list[Recording], zero: float) -> Talk:
        words: dict[Leg, list[Word]] = {"caller": [], "agent": [], "outside": []}
        outside = _is_outside(legs[0])
        for leg in legs:
            if leg.leg == "caller" and outside:
                continue
            later_s = leg.started_at - zero
            words[leg.leg] = [
                replace(word, start_s=word.start_s + later_s, end_s=word.end_s + later_s)
                for word in await self._recogniser.transcribe(self._folder / leg.path)
            ]
        start_s, end_s = legs[0].started_at - zero, max(leg.ended_at for leg in legs) - zero
        return Talk(start_s, end_s, words["outside" if outside else "agent"], words["caller"], outside)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _is_outside(leg: Recording) -> bool:
    return "outside" in sides(leg.ring_id)


async def count(config: Config, books: Books) -> None:
    """Add to the books what the database has of their period. Nothing when there is no database yet."""
    if config.database.exists():
        async with await Store.open(config.database) as store:
            await store.book(books)


def write_csv(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise BooksError(f"--csv {path}: {error.strerror}.") from None


async def audit(config: Config, *, deep: bool, now: float) -> list[str]:
    """Whether the database agrees with itself and with the recordings: a sentence for each place where it does not.

    The books are checked for the last BALANCE_S, or as far back as they go when `deep`.
    """
    if not config.database.exists():
        return []
    async with await Store.open(config.database) as store:
        known = await store.all_recordings()
        live = {recording_base(ring.call_id, ring.ring_id) for ring in await store.live_rings()}
        lost = {recording_base(ring.call_id, ring.ring_id) for ring in await store.lost_rings()}
        unbalanced = await store.imbalances(0.0 if deep else now - BALANCE_S)
    return unbalanced + await asyncio.to_thread(recordings.audit, config.recordings, known, live, lost, deep=deep)
