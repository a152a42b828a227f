"""Spans of time by a clock that people and time servers may set."""

from __future__ import annotations

BACK_S = 0.5
"""A time server's small corrections, which a span may be longer by."""


def is_over(since: float, span_s: float, now: float) -> bool:
    """Whether `span_s` seconds have gone by. A clock that was set back ends it: nobody knows what is left."""
    return not since - BACK_S <= now < since + span_s
