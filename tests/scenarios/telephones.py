"""The telephone world of a scenario: the same channels as in `tests/core/world.py`, ruled by a clock, not dice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.agents import Profile
from ivr.core.calls import Call
from ivr.core.dialplan import Plan
from ivr.core.events import Event
from ivr.core.floor import Rules, leases
from ivr.core.registers import NOBODY, Registers
from tests.core.rooms import is_ring
from tests.core.world import Line, World

TICK_S = 0.5


class _NoDice(Random):
    """Asterisk does at once what it is asked for, and tells who left before it gives the citizen back."""

    def random(self) -> float:
        return 0.5


class Telephones(World):
    """Every order takes as long as it would in life; prompts last two seconds each."""

    def __init__(
        self,
        plan: Plan,
        profiles: Sequence[Profile],
        now: float,
        registers: Registers = NOBODY,
        rules: Rules | None = None,
        dice: Random | None = None,
    ) -> None:
        self.controlled = True
        self.playing: dict[str, tuple[do.Ask | do.AskPin | do.Say, float]] = {}
        """What is being played to whom, and when it ends by itself."""
        self.heard_whole: dict[str, set[str]] = defaultdict(set)
        """Prompts that were played to their end, by call."""
        self.ring_ends: dict[str, float] = {}
        """When a telephone has rung long enough: by call, and by leg that is called into a room."""
        self.outside: dict[str, do.DialOutside] = {}
        """The outside number that a call rings, or talks with."""
        self.phones: dict[str, str] = {}
        """Whose telephone a ring rings."""
        self.room_numbers: dict[str, str] = {}
        """Number of a leg that is called into a room."""
        self.cancelled: set[str] = set()
        self.heard: dict[str, list[str]] = defaultdict(list)
        """Prompts that began, by call; `music` among them."""
        self.static_talks: dict[str, str] = {}
        """Who talks to whom behind the static queue: agent → call."""
        self.known: dict[str, Call] = {}
        """Every call as the controller last knew it, also when it has forgotten it since."""
        self.next_tick = now + TICK_S
        super().__init__(dice or _NoDice(), plan, profiles, now, registers, rules)

    def tell(self, event: Event) -> None:
        if self.controlled:
            super().tell(event)
        else:
            self._write_down(event)
        self._go_on()

    def tick(self) -> None:
        if self.controlled:
            super().tick()
        self._go_on()

    def _go_on(self) -> None:
        self._begin_orders()
        self.rooms.run_errands()

    def _take(self, events: list[Event], actions: list[do.Action]) -> None:
        super()._take(events, actions)
        self.known.update(self.floor.calls)

    def pass_time(self, seconds: float) -> None:
        """Let this much time pass, and everything happen that it brings."""
        until = self.now + seconds
        while (due := self._next_due()) <= until:
            self.now = max(self.now, due)
            self._happen()
        self.now = max(self.now, until)

    def set_clock(self, seconds: float) -> None:
        """The computer's clock is set forward or back; Asterisk's own timers take no notice."""
        self.now += seconds
        self.next_tick += seconds
        self.playing = {call_id: (order, end + seconds) for call_id, (order, end) in self.playing.items()}
        self.ring_ends = {call_id: end + seconds for call_id, end in self.ring_ends.items()}
        for line in self.lines.values():
            line.lease_until += seconds

    def _next_due(self) -> float:
        leases = [line.lease_until for line in self.lines.values() if line.doing == "idle"]
        return min([self.next_tick, *(end for _, end in self.playing.values()), *self.ring_ends.values(), *leases])

    def _happen(self) -> None:
        for call_id, line in list(self.lines.items()):
            if call_id in self.playing and self.playing[call_id][1] <= self.now:
                order, _ = self.playing.pop(call_id)
                self.heard_whole[call_id].update(order.prompts)
                self.tell(ev.StepEnded(self.now, call_id, order.step))
            elif self.ring_ends.get(call_id, self.now + 1) <= self.now:
                self._rang_long_enough(call_id, line)
            elif line.doing == "idle" and line.lease_until <= self.now:
                self._fall_back(call_id)
        called = self.room_numbers.keys() | self.phones.keys()
        for who in called & {who for who, end in self.ring_ends.items() if end <= self.now}:
            self.room_leg_ends(who, "no_answer")
        if self.next_tick <= self.now:
            self.next_tick += TICK_S
            self.tick()

    def _rang_long_enough(self, call_id: str, line: Line) -> None:
        if line.doing == "calling":
            self.refuse(call_id, "no_answer")
        elif call_id in self.outside:
            self.end_leg(call_id, "no_answer")
        else:
            self.end_ring(call_id, "no_answer")

    def _begin_orders(self) -> None:
        for call_id, line in list(self.lines.items()):
            while line.doing == "idle" and line.orders and call_id not in self.playing:
                self._begin(call_id, line, line.orders.pop(0))

    def _begin(self, call_id: str, line: Line, order: do.Action) -> None:
        match order:
            case do.Ask() | do.AskPin() | do.Say():
                wait_s = 0 if isinstance(order, do.Say) else order.wait_s
                seconds = sum(self.plan.durations[name] for name in order.prompts)
                self.playing[call_id] = order, self.now + seconds + wait_s
                self.heard[call_id] += order.prompts
            case do.PlayMusic():
                self.heard[call_id].append("music")
            case do.RingAgent():
                line.doing, line.ring = "ringing", order
                self.phones[order.ring_id] = order.phone
                self.ring_ends[call_id] = self.now + order.ring_s
                if order.ring_id in self.cancelled:
                    self.end_ring(call_id, "cancelled")
            case do.DialOutside():
                line.doing, self.outside[call_id] = "dialling", order
                self.ring_ends[call_id] = self.now + order.ring_s
            case do.JoinRoom():
                self.rooms.citizen_in(call_id)

    def _perform(self, action: do.Action) -> None:
        match action:
            case do.CancelRing():
                self.cancelled.add(action.ring_id)
            case do.DialCitizen():
                self.ring_ends[action.call_id] = self.now + action.ring_s
            case do.DialRoom():
                self.room_numbers[action.leg_id] = action.number
                self.ring_ends[action.leg_id] = self.now + action.ring_s
            case do.RingColleague():
                self.phones[action.ring_id] = action.phone
                self.ring_ends[action.ring_id] = self.now + action.ring_s
        super()._perform(action)

    def _stop_ringing(self, call_id: str, line: Line, reason: str) -> None:
        self.ring_ends.pop(call_id, None)
        self.heard[call_id].append("music")  # StartMusicOnHold, by dialplans/extensions.conf
        super()._stop_ringing(call_id, line, reason)

    def _fall_back(self, call_id: str) -> None:
        line = self.lines[call_id]
        line.doing, line.orders = "fallback", []
        self.playing.pop(call_id, None)
        self.heard[call_id] += ["system_fallback", "recording_notice"]
        self.tell(ev.CallFellBack(self.now, call_id, line.ani, line.dnis))

    # --- what people do ---

    def arrive(self, ani: str = "", dnis: str = "12345", trunk: str = "") -> str:
        return super().arrive(ani, dnis, trunk)

    def hang_up(self, call_id: str) -> None:
        self.playing.pop(call_id, None)
        self.ring_ends.pop(call_id, None)
        self.outside.pop(call_id, None)
        super().hang_up(call_id)

    def answer(self, call_id: str) -> None:
        del self.ring_ends[call_id]
        self.lines[call_id].lease_until = self.now + leases.FIRST_S
        super().answer(call_id)

    def refuse(self, call_id: str, reason: str) -> None:
        del self.ring_ends[call_id]
        super().refuse(call_id, reason)

    def key(self, call_id: str, key: str) -> None:
        """A key: it ends a question, and means nothing at any other time."""
        order, end = self.playing.get(call_id, (None, 0.0))
        if isinstance(order, do.Ask):
            del self.playing[call_id]
            end -= order.wait_s
            for name in reversed(order.prompts):
                if end <= self.now:
                    self.heard_whole[call_id].add(name)
                end -= self.plan.durations[name]
            self.tell(ev.StepEnded(self.now, call_id, order.step, key))

    def type_pin(self, call_id: str, digits: str) -> bool:
        """Digits and "#". False when no PIN is asked for."""
        order, _ = self.playing.get(call_id, (None, 0.0))
        if not isinstance(order, do.AskPin):
            return False
        del self.playing[call_id]
        whose = self.floor.registers.pin(order.register, digits)
        self.tell(ev.StepEnded(self.now, call_id, order.step, typed=len(digits), entry=whose))
        return True

    def ringing(self, agent_id: str) -> str | None:
        """The call that rings this agent's telephone, alone or into a room."""
        rung = (c for c, line in self.lines.items() if line.doing == "ringing" and _phone(line) == agent_id)
        return next(rung, None) or self._asked_into(agent_id, answered=False)[0]

    def talking(self, agent_id: str) -> str | None:
        return next((c for c, line in self.lines.items() if line.doing == "talking" and _phone(line) == agent_id), None)

    def asked_into(self, call_id: str, *, answered: bool) -> str:
        """The colleague who is rung into this call's room, or has come; "" when there is none."""
        legs = self.rooms.of(call_id).legs.items()
        return next((self.phones[who] for who, met in legs if is_ring(who) and met is answered), "")

    def _asked_into(self, agent_id: str, *, answered: bool) -> tuple[str | None, str]:
        """The call into whose room this agent was rung by a colleague, and the ring."""
        for call_id, room in self.rooms.rooms.items():
            for who, met in room.legs.items():
                if is_ring(who) and met is answered and self.phones[who] == agent_id:
                    return call_id, who
        return None, ""

    def reject(self, agent_id: str) -> bool:
        """False when the telephone does not ring."""
        call_id, ring_id = self._asked_into(agent_id, answered=False)
        if ring_id:
            self.room_leg_ends(ring_id, "rejected")
        elif call_id := self.ringing(agent_id):
            self.end_ring(call_id, "rejected")
        return call_id is not None

    def end_ring(self, call_id: str, reason: str) -> None:
        self._stop_ringing(call_id, self.lines[call_id], reason)

    def agent_answers(self, agent_id: str) -> bool:
        """False when the telephone does not ring."""
        call_id, ring_id = self._asked_into(agent_id, answered=False)
        if ring_id:
            self.room_leg_answers(ring_id)
            return True
        if call_id := self.ringing(agent_id):
            line = self.lines[call_id]
            assert line.ring
            notice = self.plan.city.recording.notice
            assert notice in self.heard_whole[call_id], "recorded before the notice was heard"
            line.doing = "talking"
            del self.ring_ends[call_id]
            self.tell(ev.AgentAnswered(self.now, call_id, line.ring.ring_id))
            return True
        taken = self.static_talks.values()
        queued = [c for c, line in self.lines.items() if line.doing == "fallback" and c not in taken]
        if queued:
            self.static_talks[agent_id] = queued[0]
            self.tell(ev.FallbackAnswered(self.now, queued[0], agent_id))
        return bool(queued)

    def outside_answers(self, call_id: str) -> None:
        self.lines[call_id].doing = "outside"
        del self.ring_ends[call_id]
        self.tell(ev.LegAnswered(self.now, call_id, self.outside[call_id].leg_id))

    def end_leg(self, call_id: str, reason: str) -> None:
        """The outside number hangs up, or is not reached: the citizen is back."""
        line, order = self.lines[call_id], self.outside.pop(call_id)
        self.ring_ends.pop(call_id, None)
        if line.doing == "dialling":
            self.heard[call_id].append("music")
        line.doing, line.lease_until = "idle", self.now + leases.FIRST_S  # by dialplans/extensions.conf
        self.tell(ev.LegEnded(self.now, call_id, order.leg_id, reason))

    def in_room(self, agent_id: str) -> str | None:
        """The call in whose room the agent is."""
        moved = (c for c, room in self.rooms.rooms.items() if self.phones.get(room.agent) == agent_id)
        return next(moved, None) or self._asked_into(agent_id, answered=True)[0]

    def room_leg(self, call_id: str) -> str:
        """The outside number that rings in the call's room, or talks there; "" when there is none."""
        return next((leg for leg in reversed(self.rooms.of(call_id).legs) if not is_ring(leg)), "")

    def room_leg_answers(self, leg_id: str) -> None:
        """So does a colleague."""
        del self.ring_ends[leg_id]
        self.rooms.answers(leg_id.rsplit("/", 1)[0], leg_id)

    def room_leg_ends(self, leg_id: str, reason: str) -> None:
        """The outside number, or the colleague, leaves the room or was not reached; nothing when gone already."""
        call_id = leg_id.rsplit("/", 1)[0]
        self.ring_ends.pop(leg_id, None)
        if leg_id in self.rooms.of(call_id).legs:
            self.rooms.leg_ends(call_id, leg_id, reason)

    def agent_hangs_up(self, agent_id: str) -> bool:
        """False when the agent talks to nobody."""
        if call_id := self.talking(agent_id):
            self.advance(call_id)
            return True
        if ring_id := self._asked_into(agent_id, answered=True)[1]:
            self.room_leg_ends(ring_id, "")
            return True
        if call_id := self.in_room(agent_id):
            self.rooms.agent_leaves(call_id)
            return True
        static = self.static_talks.pop(agent_id, "")
        self.hang_up(static)
        return bool(static)

    def stop_controller(self) -> None:
        self.controlled = False

    def start_controller(self) -> None:
        self.controlled = True
        self.playing = {}
        for line in self.lines.values():
            line.orders = []
        marks = self.floor.marks
        self.restart_controller()
        self.floor.marks = marks
        self.next_tick = self.now + TICK_S


def _phone(line: Line) -> str:
    return line.ring.phone if line.ring else ""
