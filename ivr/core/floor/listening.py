"""Which callers are listened to for emergency words, and what follows when one is heard.

A misheard word may put somebody before the others, and no more: who is connected to 110 an agent decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core import actions as do
from ivr.core.actions import Action
from ivr.core.calls import LISTENED, Call
from ivr.core.dialplan import Led
from ivr.core.dialplan.targets import Target
from ivr.core.events import Event
from ivr.core.floor import leading
from ivr.core.floor.state import LiveState


def follow(floor: LiveState, call: Call, now: float) -> Iterator[Event | Action]:
    """Begin to listen to this caller, or stop, as their call now asks for.

    Who comes when `floor.ears` callers are listened to already gets the next ear that is free.
    """
    listens = call.call_id in floor.listening
    ours = call.stage in LISTENED and call.alone_at is None
    wanted = ours and not call.emergency and floor.plan_of(call.call_id).city.emergency is not None
    if listens and not wanted:
        floor.listening.discard(call.call_id)
        yield do.StopListening(call.call_id)
    elif wanted and not listens and len(floor.listening) < floor.ears:
        floor.listening.add(call.call_id)
        yield do.Listen(call.call_id)
    elif wanted and not listens and floor.ears and call.call_id not in floor.unheard:
        floor.unheard.add(call.call_id)
        floor.unheard_total += 1


def heard(floor: LiveState, call: Call, at: float) -> Iterator[Event]:
    """Into the line for emergencies, before everybody who waits there, as after the key for it.

    A prompt that plays is heard to its end first; who waits stands before everybody in their own line meanwhile. An
    agent whose telephone rings for them already sees the mark.
    """
    table = floor.plan_of(call.call_id).city.emergency
    if table and call.word_heard and not call.step:
        yield leading.queued(floor, call, Led(Target(queue=table.queue, emergency=True), "emergency word"), at)
