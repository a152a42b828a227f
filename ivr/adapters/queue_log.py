"""The file `queue_log`, in Asterisk's format, written from the journal by a thread of its own.

The journal is the truth, and the same journal gives the same bytes. A cursor beside the file says up to which event it
was written, and how long it was then. The cursor lags behind: what the file holds beyond it after a kill is compared
with what the journal says, and the writing goes on from there, so that no line is lost and none is doubled.

Rotation: move the file away, as logrotate does without `copytruncate`; the next lines go into a new one.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import structlog

from ivr.core.books.queue_log import QueueLog
from ivr.core.errors import QueueLogError, StoreError
from ivr.core.events import Event

log = structlog.get_logger()

T = TypeVar("T")
BATCH = 1000
PACE_S = 1.0
SAVE_S = 5.0
"""How far the cursor may lag."""


class Row(Protocol):
    @property
    def seq(self) -> int: ...
    @property
    def event(self) -> Event: ...


class Journal(Protocol):
    """What is needed of the store. Raises StoreError."""

    async def journal_after(self, seq: int, limit: int) -> Sequence[Row]:
        """Events after this one, in order."""

    async def journal_of_live(self, seq: int) -> Sequence[Row]:
        """Events up to this one, in order, of at least every call that was up then."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to event `seq` all is written; what follows, save its first `skip` bytes, belongs at `size` of a file."""

    seq: int
    skip: int
    """So many bytes of what follows are in a file that was moved away."""
    inode: int
    size: int
    state: dict[str, Any]
    """`QueueLog.snapshot` after that event."""


class QueueLogFile:
    """Use `run`, and `close` at the end."""

    def __init__(self, path: Path, numbers: bool, journal: Journal) -> None:
        self.problem = ""
        """Empty, or a sentence that says why nothing is written now."""
        self._journal = journal
        self._numbers = numbers
        self._file = _File(path)
        self._log: QueueLog | None = None
        """None: begin at the cursor, at first and after every fault."""
        self._seq = 0
        self._saved_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queue-log")

    async def run(self) -> None:
        """Follow the journal until cancelled. A fault is tried again."""
        while True:
            if not await self._follow():
                await asyncio.sleep(PACE_S)

    async def close(self) -> None:
        """Write what the journal still has, and save the cursor."""
        await self._do(lambda: None)  # what `run` had begun when it was cancelled
        while await self._follow():
            pass
        await self._do(self._close)
        self._thread.shutdown()

    async def _follow(self) -> bool:
        """True when there may be more to write at once."""
        try:
            more = await self._step()
        except (QueueLogError, StoreError) as error:
            if str(error) != self.problem:
                log.error("queue_log.not_written", sentence=str(error))
            self.problem = str(error)
            self._log = None
            return False
        self.problem = ""
        return more

    async def _step(self) -> bool:
        if self._log is not None and await self._do(self._file.rotated):
            await self._do(self._save)
            self._log = None
        if self._log is None:
            self._log = await self._open()
        rows = await self._journal.journal_after(self._seq, BATCH)
        await self._do(lambda: self._write(rows))
        return len(rows) == BATCH

    async def _open(self) -> QueueLog:
        queue_log = QueueLog(self._numbers)
        cursor = await self._do(lambda: self._file.open(queue_log.snapshot()))
        if cursor.seq and [row.seq for row in await self._journal.journal_after(cursor.seq - 1, 1)] != [cursor.seq]:
            raise QueueLogError("queue_log: belongs to another database; move it away, and queue_log.cursor with it.")
        rows = await self._journal.journal_of_live(cursor.seq)
        await self._do(lambda: _take_up(queue_log, cursor, rows))
        self._seq = cursor.seq
        self._saved_at = time.monotonic()
        return queue_log

    def _write(self, rows: Sequence[Row]) -> None:
        if self._log is None:
            return
        self._file.append(line for row in rows for line in self._log.lines(row.event))
        if rows:
            self._seq = rows[-1].seq
            if time.monotonic() - self._saved_at >= SAVE_S:
                self._save()

    def _save(self) -> None:
        if self._log is not None:
            self._file.save(self._seq, self._log.snapshot())
            self._saved_at = time.monotonic()

    def _close(self) -> None:
        with suppress(QueueLogError):  # the cursor on the disk is older, and as good
            self._save()
        self._file.close()

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _take_up(queue_log: QueueLog, cursor: Cursor, rows: Iterable[Row]) -> None:
    queue_log.restore(cursor.state)
    for row in rows:
        queue_log.recall(row.event)


class _File:
    """The file and its cursor; every OSError becomes a QueueLogError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cursor = path.with_name(path.name + ".cursor")
        self._fd = -1
        self._skip = 0
        self._found: BinaryIO | None = None
        """What lies beyond the cursor and has not been compared yet."""

    def open(self, nothing: dict[str, Any]) -> Cursor:
        """Where to begin. `nothing` is the state at the beginning of the journal."""
        try:
            self.close()
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            inode = os.fstat(self._fd).st_ino
            cursor = self._load() or Cursor(0, 0, inode, 0, nothing)
            if cursor.inode != inode:
                cursor = replace(cursor, skip=cursor.skip + self._moved_away(cursor), inode=inode, size=0)
            self._store(cursor)
            self._skip = cursor.skip
            self._found = self._path.open("rb")
            self._found.seek(cursor.size)
        except OSError as error:
            raise self._told(error) from error
        return cursor

    def append(self, lines: Iterable[str]) -> None:
        """Write lines, save what is there already."""
        try:
            text = b"".join(self._missing(line.encode()) for line in lines)
            while text:
                text = text[os.write(self._fd, text) :]
        except OSError as error:
            raise self._told(error) from error

    def save(self, seq: int, state: dict[str, Any]) -> None:
        """Lines first, then the cursor: it never says more than is on the disk."""
        if self._skip or self._found:
            return
        try:
            os.fsync(self._fd)
            stat = os.fstat(self._fd)
            self._store(Cursor(seq, 0, stat.st_ino, stat.st_size, state))
        except OSError as error:
            raise self._told(error) from error

    def rotated(self) -> bool:
        """The file was moved away."""
        try:
            return self._path.stat().st_ino != os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return True
        except OSError as error:
            raise self._told(error) from error

    def close(self) -> None:
        if self._found:
            self._found.close()
            self._found = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _load(self) -> Cursor | None:
        try:
            return Cursor(**json.loads(self._cursor.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise QueueLogError(
                f"{self._cursor}: this is no cursor; delete it and {self._path.name}, and all is written anew."
            ) from None

    def _store(self, cursor: Cursor) -> None:
        new = self._cursor.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(cursor), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._cursor)

    def _moved_away(self, cursor: Cursor) -> int:
        """How many bytes, in whole lines, the file that the cursor speaks of has beyond it."""
        for path in self._path.parent.glob(self._path.name + ".*"):
            if path.stat().st_ino == cursor.inode:
                with path.open("rb") as file:
                    file.seek(cursor.size)
                    return file.read().rfind(b"\n") + 1
        return 0

    def _missing(self, line: bytes) -> bytes:
        """What is lacking of a line, which may have been written before the last end, whole or in part."""
        skipped = min(self._skip, len(line))
        self._skip -= skipped
        line = line[skipped:]
        if self._found is None or not line:
            return line
        there = self._found.read(len(line))
        if there == line:
            return b""
        self._found.close()
        self._found = None
        if line.startswith(there):
            return line[len(there) :]
        aside = self._path.with_name(f"unknown-{self._path.name}-{time.time_ns()}")
        self._path.rename(aside)
        raise QueueLogError(f"{aside}: holds lines that the journal does not know; a new queue_log begins.")

    def _told(self, error: OSError) -> QueueLogError:
        return QueueLogError(f"{self._path}: the queue log cannot be written: {error.strerror}.")
