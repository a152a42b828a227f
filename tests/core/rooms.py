"""Rooms of the telephone world in miniature: who is in them, and what can happen there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.floor import leases

if TYPE_CHECKING:
    from tests.core.world import World

NUMBERS = (("110", "110"), ("96533", "供水"))
Errand = do.ReleaseAgent | do.MoveAgent | do.DialRoom | do.RingColleague | do.EndLeg | do.LeaveRoom


def is_ring(who: str) -> bool:
    """An agent, and no outside number."""
    return not who.rpartition("/")[2].startswith("t")


class Room:
    """Who is with the citizen, or waits for them."""

    def __init__(self) -> None:
        self.agent = ""
        """Ring id."""
        self.legs: dict[str, bool] = {}
        """Who was called here: leg id, or ring id of a colleague → has answered."""

    @property
    def there(self) -> tuple[str, ...]:
        return tuple(who for who in (self.agent, *(leg for leg, answered in self.legs.items() if answered)) if who)


class Rooms:
    """All rooms, and the errands that Asterisk has not got to yet."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rooms: dict[str, Room] = {}
        self.errands: list[Errand] = []
        self.called: set[str] = set()
        """Every outside number that was called into a room."""

    def of(self, call_id: str) -> Room:
        return self.rooms.setdefault(call_id, Room())

    def run_errands(self, share: float = 1.0) -> None:
        """Do what was asked for, in order, until the dice say that Asterisk is slow."""
        while self.errands and self.world.dice.random() < share:
            self._run(self.errands.pop(0))

    def _run(self, errand: Errand) -> None:
        world, room, call_id = self.world, self.of(errand.call_id), errand.call_id
        line = world.lines.get(call_id)
        talks = line is not None and line.doing == "talking" and line.ring is not None
        match errand:
            case do.ReleaseAgent() if room.agent == errand.ring_id:
                self.agent_leaves(call_id)
            case do.ReleaseAgent() if errand.ring_id in room.legs:
                self.leg_ends(call_id, errand.ring_id, "cancelled")
            case do.ReleaseAgent() if talks and line and line.ring and line.ring.ring_id == errand.ring_id:
                world.advance(call_id)
            case do.MoveAgent() if talks and line and line.ring and line.ring.ring_id == errand.ring_id:
                line.doing, line.ring, line.lease_until = "idle", None, world.now + leases.FIRST_S
                room.agent = errand.ring_id
                world.tell(ev.AgentMoved(world.now, call_id, errand.ring_id))
            case do.DialRoom() if world.dice.random() < 0.1:
                world.tell(ev.LegEnded(world.now, call_id, errand.leg_id, "unreachable"))
            case do.DialRoom():
                self.called.add(errand.leg_id)
                room.legs[errand.leg_id] = False
            case do.RingColleague() if world.dice.random() < 0.1:
                world.tell(ev.RingEnded(world.now, call_id, errand.ring_id, "unreachable"))
            case do.RingColleague():
                room.legs[errand.ring_id] = False
            case do.EndLeg() if errand.leg_id in room.legs:
                self.leg_ends(call_id, errand.leg_id, "no_answer")
            case do.LeaveRoom() if line and line.doing == "room":
                self._citizen_out(call_id)

    def agent_leaves(self, call_id: str) -> None:
        room = self.of(call_id)
        ring_id, room.agent = room.agent, ""
        self._left(call_id, ev.AgentHungUp(self.world.now, call_id, ring_id))

    def leg_ends(self, call_id: str, leg_id: str, reason: str) -> None:
        """Of a leg, or of a colleague."""
        met = self.of(call_id).legs.pop(leg_id)
        if not is_ring(leg_id):
            self._left(call_id, ev.LegEnded(self.world.now, call_id, leg_id, "hung_up" if met else reason))
        elif met:
            self._left(call_id, ev.AgentHungUp(self.world.now, call_id, leg_id))
        else:
            self.world.tell(ev.RingEnded(self.world.now, call_id, leg_id, reason))

    def answers(self, call_id: str, who: str) -> None:
        """A leg, or a colleague."""
        self.of(call_id).legs[who] = True
        kind = ev.AgentAnswered if is_ring(who) else ev.LegAnswered
        self.world.tell(kind(self.world.now, call_id, who))

    def _left(self, call_id: str, told: ev.Event) -> None:
        """The citizen comes back when the last one has left; which of the two is told first is open."""
        line = self.world.lines.get(call_id)
        alone = line is not None and line.doing == "room" and not self.of(call_id).there
        first = self.world.dice.random() < 0.5
        if alone and first:
            self._citizen_out(call_id)
        self.world.tell(told)
        if alone and not first and line and line.doing == "room":
            self._citizen_out(call_id)

    def _citizen_out(self, call_id: str) -> None:
        line = self.world.lines[call_id]
        line.doing, line.lease_until = "idle", self.world.now + leases.FIRST_S
        self.world.tell(ev.RoomLeft(self.world.now, call_id))

    def citizen_in(self, call_id: str) -> None:
        line = self.world.lines[call_id]
        line.doing = "room"
        if not self.of(call_id).there:
            self._citizen_out(call_id)

    def something(self) -> None:
        """Somebody in some room does something."""
        dice = self.world.dice
        busy = [call_id for call_id, room in self.rooms.items() if room.agent or room.legs]
        if not busy:
            return
        call_id = dice.choice(busy)
        room = self.of(call_id)
        who = dice.choice([*([room.agent] if room.agent else []), *room.legs])
        if who == room.agent:
            self.agent_leaves(call_id)
        elif not room.legs[who] and dice.random() < 0.6:
            self.answers(call_id, who)
        else:
            self.leg_ends(call_id, who, dice.choice(["no_answer", "busy", "rejected", "unreachable"]))

    def ask(self) -> None:
        """Some agent presses one of the buttons."""
        dice, world = self.world.dice, self.world
        talking = [c for c in world.floor.calls.values() if c.ring and c.ring.answered_at is not None]
        if not talking:
            return
        call = dice.choice(talking)
        assert call.ring
        kind = dice.choice(
            ["blind", "back_to_line", "consult", "consult", "three_way", "three_way", "complete", "cancel"]
        )
        number, name = dice.choice(NUMBERS)
        to = {"number": number, "name": name}
        if kind == "blind":
            to = dice.choice([to, {"queue": "enterprise"}, {"agent_id": dice.choice(world.profiles).agent_id}])
        elif kind in ("consult", "three_way"):
            to = dice.choice([to, {"agent_id": dice.choice(world.profiles).agent_id}])
        world.tell(ev.TransferAsked(world.now, call.call_id, call.ring.ring_id, kind, **to))
