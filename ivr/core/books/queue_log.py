"""Journalled events as lines of Asterisk's standard queue log, for report tools that read it.

    epoch|call id|queue|agent|event|data…

Names, order and units of the data: docs.asterisk.org, Operation/Logging/Queue-Logs, and where that is silent (PAUSEALL,
RINGCANCELED's milliseconds) apps/app_queue.c of Asterisk 22. Hold, talk and wait times are whole seconds. CONNECT has
the ring's id in the place of a channel's; the recordings are named by it, too.

Lines follow from what an event does to the call, not from the event's name: joining or leaving a line, answering,
hanging up. A citizen whom we call back joins the line when they answer. An agent's transfer stands in place of
COMPLETEAGENT, with the context `outside`, `queue` or `agent`, or with the application in which the others meet. What
the static queue did while no controller was there follows when the next one has heard of it, with the right times.
QUEUESTART is never written: report tools end every call and shift there, and ours live on when the controller restarts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ivr.core import call_states
from ivr.core import events as ev
from ivr.core.calls import ONWARD, ROOM_STAGES, Call, Outcome, Ring, Stage
from ivr.core.events import Event

_IN_LINE = frozenset({Stage.WAITING, Stage.RINGING})
STATIC = "fallback"
"""The static queue, as Asterisk names it (queues.conf)."""

EXITS = {Outcome.SHUT_DOWN: "EXITEMPTY"}
"""How a call leaves the line by ending there; by every other outcome it is ABANDON."""


@dataclass(slots=True)
class Place:
    """A call's place in a line; kept while it talks, for the line that ends the conversation."""

    queue: str
    entered_at: float
    first_position: int
    in_line: bool = True
    agent_id: str = ""
    """With whom the citizen talks, or ""."""
    answered_at: float = 0.0


@dataclass(slots=True)
class Shift:
    since: float
    paused: bool = True


class QueueLog:
    """Feed it every event of the journal in order. The same events give the same lines, byte for byte.

    `snapshot` and `restore` carry it over a restart, together with `recall` for the calls that were up.
    """

    def __init__(self, numbers: bool) -> None:
        """`numbers`: callers' numbers are written into ENTERQUEUE."""
        self._numbers = numbers
        self._calls: dict[str, Call] = {}
        self._places: dict[str, Place] = {}
        self._shifts: dict[str, Shift] = {}

    def lines(self, event: Event) -> list[str]:
        """The lines that the event adds, each with its end of line."""
        call_id = getattr(event, "call_id", "")
        if not call_id:
            return list(self._shift(event))
        before = self._calls.get(call_id)
        after = self._evolve(event)
        return [] if after is None else list(self._call(before, after, event))

    def recall(self, event: Event) -> None:
        """An event of before the snapshot, of a call that may still be up: it was written already."""
        if getattr(event, "call_id", ""):
            self._evolve(event)

    def snapshot(self) -> dict[str, Any]:
        """Plain JSON values: places in the lines and shifts. Holds no telephone number."""
        return {
            "places": {call_id: asdict(place) for call_id, place in self._places.items()},
            "shifts": {agent_id: asdict(shift) for agent_id, shift in self._shifts.items()},
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Raises KeyError or TypeError for what is no snapshot."""
        self._places = {call_id: Place(**fields) for call_id, fields in snapshot["places"].items()}
        self._shifts = {agent_id: Shift(**fields) for agent_id, fields in snapshot["shifts"].items()}

    # --- calls --------------------------------------------------------------------------------------------------------

    def _evolve(self, event: Event) -> Call | None:
        """The call after the event; None for one that is not known, or over."""
        call_id: str = event.call_id  # type: ignore[union-attr]
        before = self._calls.get(call_id)
        if before is not None:
            after = call_states.evolve(before, event)
        elif isinstance(event, call_states.BEGINS):
            after = call_states.begin(event)
        else:
            return None
        if after.live:
            self._calls[call_id] = after
        else:
            self._calls.pop(call_id, None)
        return after

    def _call(self, before: Call | None, after: Call, event: Event) -> Iterator[str]:
        call_id, place = after.call_id, self._places.get(after.call_id)
        ended = _ended_ring(before, after)
        if place and ended:
            yield from self._ring_ended(call_id, place, ended, after, event.at)
        if place and place.in_line and not (_keeps_place(after) and _queue(after) == place.queue):
            by_key = after.stage is Stage.FAREWELL or (before is not None and before.stage is Stage.MENU)
            yield from self._left_line(call_id, place, after, event.at, by_key)
        if (after.stage in _IN_LINE or _in_static(after)) and not (place and place.in_line):
            place = Place(_queue(after), event.at, self._position(_queue(after)) + 1)
            self._places[call_id] = place
            ani = "".join(c for c in after.ani if c.isprintable() and c != "|") if self._numbers else ""
            yield _line(event.at, call_id, place.queue, "", "ENTERQUEUE", "", ani, place.first_position)
        if not after.live:
            self._places.pop(call_id, None)

    def _ring_ended(self, call_id: str, place: Place, ring: Ring, call: Call, at: float) -> Iterator[str]:
        if place.agent_id:
            yield self._conversation(at, call_id, place, *_conversation_ended(ring, call))
            place.agent_id = ""
        elif ring.reason not in ("cancelled", "lost"):
            rang_ms = max(0, round((at - ring.offered_at) * 1000))
            event = "RINGCANCELED" if ring.reason == "caller_hung_up" else "RINGNOANSWER"
            yield _line(at, call_id, place.queue, ring.agent_id, event, rang_ms)

    @staticmethod
    def _conversation(at: float, call_id: str, place: Place, *how: str) -> str:
        times = (_s(place.answered_at - place.entered_at), _s(at - place.answered_at), place.first_position)
        return _line(at, call_id, place.queue, place.agent_id, *how, *times)

    def _left_line(self, call_id: str, place: Place, call: Call, at: float, by_key: bool) -> Iterator[str]:
        position = self._position(place.queue, call_id)
        place.in_line = False
        ring = call.ring
        waited_s = _s(at - place.entered_at)
        if ring and (call.stage is Stage.TALKING or ring.static):
            place.agent_id, place.answered_at = ring.agent_id, at
            rang_s = _s(at - ring.offered_at)
            yield _line(at, call_id, place.queue, ring.agent_id, "CONNECT", waited_s, ring.ring_id, rang_s)
            return
        left = (position, place.first_position, waited_s)
        if call.outcome is not None:
            yield _line(at, call_id, place.queue, "", EXITS.get(call.outcome, "ABANDON"), *left)
        elif by_key:
            yield _line(at, call_id, place.queue, "", "EXITWITHKEY", call.keys[-1:], *left)
        else:
            yield _line(at, call_id, place.queue, "", "EXITWITHTIMEOUT", *left)

    def _position(self, queue: str, call_id: str = "") -> int:
        """The call's place in the line, from 1; without a call, how many are in it."""
        line = [known for known, place in self._places.items() if place.in_line and place.queue == queue]
        return line.index(call_id) + 1 if call_id else len(line)

    # --- agents -------------------------------------------------------------------------------------------------------

    def _shift(self, event: Event) -> Iterator[str]:
        agent_id = getattr(event, "agent_id", "")
        shift = self._shifts.get(agent_id)
        match event:
            case ev.AgentSignedOut() if shift:
                del self._shifts[agent_id]
                yield _line(event.at, "", "", agent_id, "AGENTLOGOFF", _name(agent_id), _s(event.at - shift.since))
            case ev.AgentSignedIn() if shift is None:
                yield from self._sign_in(event.at, agent_id)
            case ev.AgentPressedReady():
                # Pressed during a call after "sign out", it takes that back.
                if shift is None:
                    yield from self._sign_in(event.at, agent_id)
                yield from self._pause(event.at, agent_id, False, "")
            case ev.AgentPressedBreak() if shift:
                yield from self._pause(event.at, agent_id, True, "break")
            case ev.AgentSetAside() if shift:
                yield from self._pause(event.at, agent_id, True, event.reason)

    def _sign_in(self, at: float, agent_id: str) -> Iterator[str]:
        self._shifts[agent_id] = Shift(at, paused=False)
        yield _line(at, "", "", agent_id, "AGENTLOGIN", _name(agent_id))
        yield from self._pause(at, agent_id, True, "signed_in")

    def _pause(self, at: float, agent_id: str, paused: bool, reason: str) -> Iterator[str]:
        shift = self._shifts[agent_id]
        if shift.paused is not paused:
            shift.paused = paused
            yield _line(at, "", "", agent_id, "PAUSEALL" if paused else "UNPAUSEALL", reason)


def _in_static(call: Call) -> bool:
    return call.stage is Stage.FALLBACK and not call.spoken


def _queue(call: Call) -> str:
    return STATIC if call.stage is Stage.FALLBACK else call.queue


def _keeps_place(call: Call) -> bool:
    """For one who is in the line: pressing keys and the ringing of an outside number take nobody out of it."""
    if call.stage is Stage.FALLBACK:
        return _in_static(call)
    aside = call.stage in (Stage.MENU, Stage.OUTSIDE) and not (call.leg and call.leg.answered_at is not None)
    return call.stage in _IN_LINE or aside


def _ended_ring(before: Call | None, after: Call) -> Ring | None:
    """The attempt that this event brought to its end."""
    ring = before.ring if before else None
    return next((r for r in after.rings if ring and r.ring_id == ring.ring_id and r.ended_at is not None), None)


def _conversation_ended(ring: Ring, call: Call) -> tuple[str, ...]:
    """The event, and its data before the times."""
    to, leg = call.transfer, call.leg
    if ring.reason != "agent_hung_up":
        return ("COMPLETECALLER",)
    if to and to.kind in ONWARD:
        if to.number:
            return "BLINDTRANSFER", to.number, "outside"
        if to.agent_id:
            return "BLINDTRANSFER", to.agent_id, "agent"
        return "BLINDTRANSFER", to.queue or call.queue, "queue"
    if call.stage in ROOM_STAGES and (call.ring or (leg and leg.answered_at is not None)):
        return "ATTENDEDTRANSFER", "APP", "ConfBridge"
    return ("COMPLETEAGENT",)


def _line(at: float, call_id: str, queue: str, agent_id: str, event: str, *data: str | int) -> str:
    fields = (int(at), call_id or "NONE", queue or "NONE", _name(agent_id) if agent_id else "NONE", event, *data)
    return "|".join(map(str, fields)) + "\n"


def _name(agent_id: str) -> str:
    return f"Agent/{agent_id}"


def _s(seconds: float) -> int:
    return max(0, int(seconds))
