"""What the dialplan told while no controller heard it, from the log that Asterisk writes of it.

    epoch|call id|hotline|NONE|what|seconds|ring or leg id|…        `<state>/log-asterisk/told`

The subroutine `tell` of dialplans/extensions.conf writes each line, before it tells the same over AMI; Asterisk flushes
it. So what a controller that was killed did not hear, and what happened while there was none, is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog

from ivr.adapters.ami import Ami
from ivr.adapters.ami_events import LeftRoom, logged
from ivr.core.events import AgentHungUp, CallerHungUp, CallUnattended, Event

log = structlog.get_logger()

FILE = "told"
"""Its name in Asterisk's log folder (logger.conf); of an older one, followed by a dot and when it was put aside."""
BACK_S = 86400.0
"""So long before the journal's last event a call may have ended that the journal does not know."""
LONG_S = 86400.0
"""So much is in one file."""
KEPT_S = 30 * 86400.0
"""So long older files are kept."""


class Journal(Protocol):
    """What is needed of the store. Raises StoreError."""

    async def last_event_at(self) -> float | None:
        """When the last event was; None for an empty journal."""

    async def ended_of(self, call_ids: Iterable[str]) -> set[str]:
        """Those of the calls that are over and booked."""


async def untold(folder: Path, journal: Journal) -> list[Event]:
    """What the log tells of calls that are not over in the journal, in order; nothing for an empty journal.

    What the journal knows of such a call is told again. Raises StoreError.
    """
    last_at = await journal.last_event_at()
    if last_at is None:
        return []
    told = await asyncio.to_thread(_read, folder, last_at - BACK_S)
    booked = await journal.ended_of({call_id for call_id, _ in told})
    return [event for call_id, event in told if call_id not in booked]


async def begin_anew(ami: Ami, folder: Path, now: float) -> None:
    """Have Asterisk put its logs aside when they hold a day, and remove those that are very old. Raises AmiError.

    Asterisk does it between two lines. Not at the same time as `untold`.
    """
    if await asyncio.to_thread(_began_at, folder / FILE, now) < now - LONG_S:
        await ami.action("LoggerRotate")
    await asyncio.to_thread(_remove_old, folder, now - KEPT_S)


def _began_at(path: Path, now: float) -> float:
    """When its first line was written."""
    with suppress(OSError, ValueError), path.open(encoding="utf-8", errors="replace") as file:
        return float(file.readline().partition("|")[0])
    return now


def _remove_old(folder: Path, before: float) -> None:
    for path in folder.glob("*.*"):
        if path.suffix[1:].isdecimal() and float(path.suffix[1:]) < before:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("told.not_removed", file=str(path), reason=error.strerror)


def _read(folder: Path, since: float) -> list[tuple[str, Event]]:
    told: list[tuple[str, Event]] = []
    older = (path for path in folder.glob(f"{FILE}.*") if path.suffix[1:].isdecimal())
    for path in [*sorted(older, key=lambda path: int(path.suffix[1:])), folder / FILE]:
        try:
            if path.stat().st_mtime >= since:
                with path.open(encoding="utf-8", errors="replace") as file:
                    told += [(call_id, event) for line in file for call_id, event in events(line) if event.at >= since]
        except FileNotFoundError:
            pass
        except OSError as error:
            log.error("told.not_read", file=str(path), reason=error.strerror)
    return told


def events(line: str) -> Iterator[tuple[str, Event]]:
    """What one line means, with its call's id; nothing for a line of app_queue, or one that is cut off."""
    head, end, _ = line.partition("\n")
    _, call_id, queue, _, what, at_text, who, first, second, *_ = (*head.split("|"), *[""] * 9)
    if queue != "hotline" or not call_id or not end or not at_text.replace(".", "", 1).isdecimal():
        return
    event = logged(call_id, what, who, first, second, at := float(at_text))
    if isinstance(event, LeftRoom):
        event = AgentHungUp(event.at, event.call_id, event.who)
    if event is not None:
        yield call_id, event
    if isinstance(event, CallUnattended):
        yield call_id, CallerHungUp(at, call_id)
