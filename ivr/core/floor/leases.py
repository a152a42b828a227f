"""The lease: how long the dialplan leaves a citizen with us before the static queue takes the call."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import actions as do
from ivr.core.actions import Action
from ivr.core.calls import Call, Stage
from ivr.core.floor.state import LiveState
from ivr.core.spans import is_over

LEASED = frozenset({Stage.MENU, Stage.WAITING, Stage.CONSULTING, Stage.RATING, Stage.FAREWELL})
"""Stages in which the channel waits for our orders. While it rings or talks the dialplan has lifted the lease."""

SILENT_S = 5
"""The lease while a prompt is played: without a controller, silence follows it, and nobody should hear more of that."""


FIRST_S = 4
"""What the dialplan gives a call that has just come, or comes back from a talk (dialplans/extensions.conf)."""


def begin(floor: LiveState, call: Call, at: float) -> None:
    """The dialplan has given the first lease: nothing to order yet."""
    floor.leased[call.call_id] = (at, FIRST_S)


def given(floor: LiveState, call_id: str, now: float) -> int:
    """The seconds for which an order that goes out now makes the call ours.

    Sent behind an order, a lease also has Asterisk take that up at once, and not with the channel's next frame
    (docs/asterisk.md).
    """
    lease_s = seconds(floor, floor.calls[call_id])
    floor.leased[call_id] = (now, lease_s)
    return lease_s


def renew(floor: LiveState, call: Call, now: float) -> Iterator[Action]:
    """The call is ours for another while."""
    yield do.RenewLease(call.call_id, given(floor, call.call_id, now))


def renew_due(floor: LiveState, call: Call, now: float) -> Iterator[Action]:
    """The same, when a third of the lease has gone by."""
    at, given_s = floor.leased.get(call.call_id, (0.0, 0))
    if call.stage in LEASED and is_over(at, min(given_s, seconds(floor, call)) / 3, now):
        yield from renew(floor, call, now)


def seconds(floor: LiveState, call: Call) -> int:
    """How long the lease is, by what the citizen would be left with."""
    silent = call.stage in (Stage.MENU, Stage.RATING, Stage.FAREWELL) or (
        call.stage is Stage.WAITING and bool(call.step)
    )
    return SILENT_S if silent else floor.rules.lease_s
