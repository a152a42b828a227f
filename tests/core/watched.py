"""The telephone world with a clock, watched: what must be true after every single event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import time

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Profile
from ivr.core.callbacks import Dialling, State
from ivr.core.calls import Call, Stage
from ivr.core.dialplan import Plan
from ivr.core.events import Event
from ivr.core.floor import Rules
from ivr.core.numbers import national
from ivr.core.registers import NOBODY, Registers
from tests.core.rooms import is_ring
from tests.scenarios.telephones import Telephones

SOON_S = 30
CALLING_BACK = Rules(callback=Dialling(True, time(0), time(23, 59, 59), missed_after_s=2 * SOON_S, pause_s=SOON_S))
"""Round the clock, and soon again, so that a short story holds many tries."""


class Watched(Telephones):
    """The world that calls back. One agent has at most one call, one call at most one agent, one number one task."""

    def __init__(
        self,
        plan: Plan,
        profiles: Sequence[Profile],
        now: float,
        registers: Registers = NOBODY,
        rules: Rules = CALLING_BACK,
    ) -> None:
        super().__init__(plan, profiles, now, registers, rules)

    def _take(self, events: list[Event], actions: list[Action]) -> None:
        for n, event in enumerate(events):
            if isinstance(event, ev.CallbackTried):
                came_later = {getattr(e, "call_id", "") for e in events[n:]}
                self._check_turn(event, came_later)
        super()._take(events, actions)
        rooms = [room.agent for room in self.rooms.rooms.values() if room.agent]
        rooms += [who for room in self.rooms.rooms.values() for who in room.legs if is_ring(who)]
        busy = Counter(line.ring.phone for line in self.lines.values() if line.ring)
        busy += Counter(self.phones[ring_id] for ring_id in rooms)
        assert all(n == 1 for n in busy.values()), f"two calls on one telephone: {busy}"
        ours = [ring for call in self.floor.calls.values() for ring in call.rings if ring.open and not ring.static]
        held = Counter(ring.agent_id for ring in ours)
        assert all(n == 1 for n in held.values()), f"two calls for one agent: {held}"
        for call in self.floor.calls.values():
            here = [ring.room for ring in call.rings if ring.open]
            assert len(here) <= 1 or here[1:] == [True], f"two agents for {call.call_id}"
            assert len(here) <= 1 or not call.leg, f"a colleague and an outside number for {call.call_id}"
            assert sum(leg.ended_at is None for leg in call.legs) <= 1, f"two outside numbers for {call.call_id}"
        tasks = Counter(national(task.number) for task in self.floor.callbacks.values() if task.open)
        assert all(n == 1 for n in tasks.values()), f"two tasks for one number: {tasks}"

    def _perform(self, action: Action) -> None:
        if isinstance(action, do.DialCitizen):
            number = national(action.number)
            up = [call.call_id for call in self.floor.calls.values() if call.live and national(call.ani) == number]
            assert up == [action.call_id], f"{number} is dialled while it calls or rings: {up}"
            ringing = [line.number for line in self.lines.values() if line.doing == "calling"]
            assert number not in map(national, ringing), f"the telephone of {number} rings already"
            assert self.floor.calls[action.call_id].ring, "dialled without an agent"
        super()._perform(action)

    def _check_turn(self, tried: ev.CallbackTried, came_later: set[str]) -> None:
        queue = self.plan.queues.queue[tried.queue]
        turn = self._turn(tried.queue, tried.place_at, tried.priority, tried.emergency)
        for call in self.floor.calls.values():
            if call.stage is not Stage.WAITING or call.queue != tried.queue or call.call_id in came_later:
                continue
            assert call.place_at is not None
            no_step_yet = bool(queue.step) and call.place_at > tried.place_at
            if not self._is_kept(call) and not no_step_yet:
                theirs = self._turn(call.queue, call.place_at + call.slow_s, call.priority, call.emergency)
                if call.moved_at is not None and not call.emergency:
                    theirs = 1, call.moved_at
                assert theirs >= turn, f"{tried.task_id} jumped over {call.call_id}"

    def _is_kept(self, call: Call) -> bool:
        """For a few seconds, for the agent who knows the caller: others pass meanwhile."""
        agent = self.floor.agents.get(call.former_agent)
        return agent is not None and agent.soon

    def _turn(self, queue: str, place_at: float, priority: int | None, emergency: bool) -> tuple[int, float]:
        """Emergencies come first, then who was moved up; else a point of priority is worth some seconds."""
        if emergency:
            return 0, place_at
        queues = self.plan.queues
        return 2, place_at - queues.order.age_s * (queues.queue[queue].priority if priority is None else priority)

    def nth(self, n: int) -> str | None:
        """One of the citizens on the line."""
        return list(self.lines)[n % len(self.lines)] if self.lines else None

    def serve(self, seconds: int) -> None:
        """Everybody does their duty: answers after a second, talks for a second, is ready again."""
        for profile in self.profiles:
            self.tell(ev.PhoneReached(self.now, profile.agent_id))
            self.tell(ev.AgentSignedIn(self.now, profile.agent_id))
        for _ in range(seconds):
            if not self.lines and not self._owes_soon():
                return
            for profile in self.profiles:
                if not self.agent_hangs_up(profile.agent_id):
                    self.agent_answers(profile.agent_id)
                self.tell(ev.AgentPressedReady(self.now, profile.agent_id))
            for call_id in list(self.lines):
                self._serve_outside(call_id)
            self.pass_time(1)

    def _owes_soon(self) -> bool:
        tasks = self.floor.callbacks.values()
        return any(t.state is State.OPEN and t.next_at < self.now + 2 * SOON_S for t in tasks)

    def _serve_outside(self, call_id: str) -> None:
        """A citizen who is called back answers, and who talks outside the hotline has talked."""
        doing = self.lines[call_id].doing
        leg_id = self.room_leg(call_id)
        if doing == "calling":
            self.answer(call_id)
        elif doing == "outside":
            self.end_leg(call_id, "hung_up")
        elif leg_id and self.rooms.of(call_id).legs[leg_id]:
            self.room_leg_ends(leg_id, "hung_up")
