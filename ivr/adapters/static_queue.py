"""What Asterisk's static queue did while no controller was there, from the log that it writes itself.

    epoch|call id|queue|agent|event|data…        `<state>/log-asterisk/static_queue`

CONNECT is written by app_queue, the other lines by dialplans/extensions.conf. Each line is flushed by Asterisk before
the call goes on. The file is only read, and always from its beginning: it may be emptied at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import structlog

from ivr.core.events import CallerHungUp, CallFellBack, CallUnattended, FallbackAnswered
from ivr.core.numbers import delivered

log = structlog.get_logger()

FILE = "static_queue"
"""Its name in Asterisk's log folder (logger.conf)."""
BACK_S = 86400.0
"""So long before the journal's last event a call may have ended that the journal does not know."""

Told = CallFellBack | FallbackAnswered | CallUnattended | CallerHungUp


class Journal(Protocol):
    """What is needed of the store. Raises StoreError."""

    async def last_event_at(self) -> float | None:
        """When the last event was; None for an empty journal."""

    async def ended_of(self, call_ids: Iterable[str]) -> set[str]:
        """Those of the calls that are over and booked."""


async def untold(path: Path, journal: Journal) -> list[Told]:
    """What the log tells of calls that are not over in the journal, in order; nothing for an empty journal.

    What the journal knows of such a call is told again. Raises StoreError.
    """
    last_at = await journal.last_event_at()
    if last_at is None:
        return []
    told = await asyncio.to_thread(_read, path, last_at - BACK_S)
    booked = await journal.ended_of({event.call_id for event in told})
    return [event for event in told if event.call_id not in booked]


def _read(path: Path, since: float) -> list[Told]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [event for line in file for event in events(line) if event.at >= since]
    except FileNotFoundError:
        return []
    except OSError as error:
        log.error("static_queue.not_read", file=str(path), reason=error.strerror)
        return []


def events(line: str) -> Iterator[Told]:
    """What one line means; nothing for any other line."""
    at_text, _, rest = line.rstrip("\n").partition("|")
    call_id, _, agent_id, name, *data = (*rest.split("|"), *[""] * 5)
    if not at_text.isdecimal() or not call_id:
        return
    at, ani, dnis = float(at_text), delivered(data[0]), delivered(data[1])
    if name == "FELLBACK":
        yield CallFellBack(at, call_id, ani, dnis)
    elif name == "CONNECT":
        yield FallbackAnswered(at, call_id, agent_id)
    elif name == "UNATTENDED":
        # Asterisk's unique id begins with the second in which the call came.
        came = call_id.partition(".")[0]
        yield CallUnattended(float(came) if came.isdecimal() else at, call_id, ani, dnis)
        yield CallerHungUp(at, call_id)
    elif name == "GONE":
        yield CallerHungUp(at, call_id)
