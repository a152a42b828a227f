"""Where a conversation's recording lies. One function, so that the writer and every reader look in the same place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal

Leg = Literal["caller", "agent", "outside"]
ENDINGS = (".wav", ".wav16")
"""Asterisk names RIFF/WAV files of 16,000 samples per second `wav16`."""

_CALL_ID = re.compile(r"(?:[A-Za-z0-9_-]+-)?(\d{9,11})\.\d+", re.ASCII)
_RING_NUMBER = re.compile(r"[ts]?[1-9]\d{0,5}", re.ASCII)
"""Of a ring; with a t, of a leg to an outside number; with an s, of the static queue's talk."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One side of one conversation, on disk and whole."""

    recording_id: str
    """`<call_id>-<n>-<leg>`."""
    call_id: str
    ring_id: str
    """Or a leg_id, of a talk with an outside number."""
    leg: Leg
    path: str
    """Below the folder of the recordings, with `/`."""
    started_at: float
    """Seconds since the epoch."""
    duration_s: float
    rate: int
    """Samples per second."""
    size_bytes: int
    sha256: str

    def overlaps(self, other: Recording) -> bool:
        """Whether both ran at the same time."""
        begins, ends = max(self.started_at, other.started_at), min(self.ended_at, other.ended_at)
        return begins < ends

    @property
    def ended_at(self) -> float:
        return self.started_at + self.duration_s


def recording_base(call_id: str, ring_id: str) -> PurePosixPath:
    """`YYYY/MM/DD/<call_id>-<n>` below the folder of the recordings, without `-caller.wav` and the like.

    Of a leg, n is t<n>. Raises ValueError for ids that are not ours.
    """
    day = day_of(call_id)
    number = ring_id.removeprefix(f"{call_id}/")
    if number == ring_id or not _RING_NUMBER.fullmatch(number):
        raise ValueError(f"{ring_id!r} is not a ring id of the call {call_id}.")
    return PurePosixPath(day) / f"{call_id}-{number}"


def day_of(call_id: str) -> str:
    """`YYYY/MM/DD`: the call's own day in UTC, from Asterisk's `<epoch seconds>.<n>`. Raises ValueError as above."""
    call = _CALL_ID.fullmatch(call_id)
    if call is None:
        raise ValueError(f"{call_id!r} is not a call id (<epoch seconds>.<number>).")
    return f"{datetime.fromtimestamp(int(call[1]), UTC):%Y/%m/%d}"


def sides(ring_id: str) -> tuple[Leg, Leg]:
    """Who is recorded in this talk."""
    return "caller", "outside" if ring_id.rpartition("/")[2].startswith("t") else "agent"
