"""The live state, and how each event changes it. What follows from it, the topics know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from ivr.core import agents as agent_states
from ivr.core import call_states, callbacks
from ivr.core import events as ev
from ivr.core.agents import Agent, Profile, Status
from ivr.core.callbacks import Callback, Dialling, Turns, due_at
from ivr.core.calls import Call, Stage
from ivr.core.dialplan import Plan, menu
from ivr.core.dialplan.pins import Guesses
from ivr.core.events import Event
from ivr.core.floor import desks
from ivr.core.floor.abuse import Traffic
from ivr.core.marks import Mark, Marks
from ivr.core.numbers import national
from ivr.core.registers import NOBODY
from ivr.core.routing.expected_wait import Waits
from ivr.core.routing.line import Line
from ivr.core.spans import is_over


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds from `config.toml`."""

    ring_s: int = 15
    wrap_up_s: float = 120
    rating_s: float = 6
    outside_s: int = 25
    """How long an outside number rings."""
    lease_s: int = 12
    """The lease while music is played. Longer than any announcement, behind which a ring may have to wait."""
    remember_s: float = 300
    """How long an ended call stays in sight of the consoles."""
    remember_most: int = 500
    """How many ended calls that never rang an agent stay in sight: a flood of calls must not fill the memory."""
    callback: Dialling = field(default_factory=Dialling)
    channels: Mapping[str, int] = field(default_factory=dict)
    """How many calls each trunk carries at once, by its name."""


_AGENT_EVENTS = (ev.AgentSignedIn, ev.AgentSignedOut, ev.AgentPressedReady, ev.AgentPressedBreak,
                 ev.AgentSetAside, ev.WrapUpEnded)  # fmt: skip

_CALLBACK_EVENTS = (ev.CallbackOpened, ev.CallbackFailed, ev.CallbackHandedOver, ev.CallbackReached, ev.CallbackDropped,
                    ev.CallbackOrdered, ev.CallbackClosed)  # fmt: skip


class LiveState:
    """Every live call, every agent and every task, and the only code that changes them."""

    def __init__(self, plan: Plan, profiles: Iterable[Profile], rules: Rules) -> None:
        self.plan = plan
        self.rules = rules
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {p.agent_id: Agent(p) for p in profiles}
        self.callbacks: dict[str, Callback] = {}
        """Tasks by id: the open ones, and those that ended a moment ago."""
        self.absent: set[str] = set()
        """Agents who are signed in, and on whom nobody counts any more. See `agents.is_gone`."""
        self.turns = Turns(lambda: self.line.on_duty)
        self.changed_calls: set[str] = set()
        self.changed_agents: set[str] = set()
        self.changed_callbacks: set[str] = set()
        self.closing = False
        self.guesses = Guesses()
        self.registers = NOBODY
        """Who is known by their telephone. May be exchanged at any time."""
        self.marks = Marks()
        self.traffic = Traffic(rules.channels)
        """Who has called of late."""
        self.line = Line(plan.queues.queue, plan.queues.order)
        """Who waits and who is free: always what `calls` and `agents` say."""
        self.waits: dict[str, Waits] = {}
        """The latest waits by queue. They begin anew with each controller."""
        self._plans: dict[str, Plan] = {}
        self._wanted: dict[str, str] = {}
        """The open task of each number, as `national` writes it."""
        self.ears = 0
        """How many callers can be listened to at once."""
        self.listening: set[str] = set()
        self.unheard: set[str] = set()
        """Remembered calls for which no ear was free at first."""
        self.unheard_total = 0
        self.leased: dict[str, tuple[float, int]] = {}
        """Each call's lease: given when, for how many seconds."""

    def apply(self, event: Event) -> bool:
        """Change state. False when the event no longer fits anything and changed nothing."""
        match event:
            case ev.PhoneReached() | ev.PhoneLost():
                return self._change_agent(event.phone, event)
            case ev.CallsCounted() | ev.CallbackImpossible() | ev.MarkProposed() | ev.MarkDeclined():
                return True
            case ev.CallerMarked():
                self.marks = self.marks.set(Mark(event.number, event.by, event.reason, event.at, event.until))
                return True
            case ev.MarkLifted():
                self.marks = self.marks.lifted(event.number)
                return True
            case ev.CallbackTried():
                return self._change_callback(event) and self._change_call(event)
            case _ if isinstance(event, _CALLBACK_EVENTS):
                return self._change_callback(event)
            case _ if isinstance(event, _AGENT_EVENTS):
                return self._change_agent(event.agent_id, event)
        return self._change_call(event)

    def restore(
        self, events: Iterable[Event], agents: Iterable[Agent], now: float, tasks: Iterable[Callback] = ()
    ) -> None:
        """Rebuild after a restart: journalled events of unfinished calls, agents and open tasks as saved."""
        for event in events:
            if getattr(event, "call_id", ""):
                self._change_call(event)
        for task in tasks:
            attempt = self.calls.get(task.try_id)
            calling = attempt is not None and attempt.live
            self._set_callback(callbacks.restored(task, self.rules.callback, now, calling=calling), now)
        self.change_plan(self.plan, now)
        for saved in agents:
            known = self.agents.get(saved.agent_id)
            if known is None:
                continue
            agent = replace(saved, profile=known.profile, phone_reached=False, lost_at=now)
            call = self.calls.get(agent.call_id)
            if agent.status in (Status.RESERVED, Status.TALKING) and not (
                call and any(ring.open and ring.ring_id == agent.ring_id for ring in call.rings)
            ):
                agent = agent_states.released(agent, now)
            self._set_agent(agent)

    def change_plan(self, plan: Plan, now: float) -> None:
        """From now on callers are led by this plan. Those who are here keep theirs, while their queue exists."""
        self.plan = plan
        for call_id, call in list(self.calls.items()):
            if call.queue and call.queue not in plan.queues.queue:
                self._plans[call_id] = plan
                self.calls[call_id] = replace(call, queue=plan.default_queue(now))
                self.changed_calls.add(call_id)
        self.line = Line(plan.queues.queue, plan.queues.order)
        for call in self.calls.values():
            self._seat_call(call)
        for agent in self.agents.values():
            self._seat_agent(agent)
        self.seat_callbacks(now)

    def change_ears(self, ears: int) -> None:
        """The recogniser has begun anew or is gone: it listens to nobody, and can to so many at once."""
        self.ears = ears
        self.listening.clear()

    def seat_callbacks(self, now: float) -> None:
        """Whatever time has brought, each task is in the line or out of it; those that ended long ago are forgotten."""
        if not self.callbacks:
            return
        numbers, lines = self._on_the_line(), cache(lambda queue, language: self._line_of(queue, language, now))
        for task in list(self.callbacks.values()):
            if not task.open and is_over(task.history[-1].at, self.rules.remember_s, now):
                del self.callbacks[task.task_id]
                self.turns.forget(task.task_id)
            else:
                self._join_or_leave(task, now, lambda: numbers, lines)

    def look_who_is_there(self, now: float) -> None:
        """Agents on whom nobody counts any more are out of the line, and those who are back are in it."""
        for agent in self.agents.values():
            gone = agent.status is not Status.SIGNED_OUT and agent_states.is_gone(agent, now)
            if gone is not (agent.agent_id in self.absent):
                self.absent ^= {agent.agent_id}
                self._seat_agent(agent)

    def forget_ended(self, now: float) -> None:
        """Those that ended long ago, and of those that nobody has work with, all but the last ones."""
        ended = [(call.ended_at or now, call) for call in self.calls.values() if not call.live]
        brief = sorted(at for at, call in ended if not call.rings)
        since = brief[-self.rules.remember_most] if len(brief) > self.rules.remember_most else 0.0
        for at, call in ended:
            old = now - at > self.rules.remember_s or (at < since and not call.rings)
            if old and call.call_id not in self.changed_calls:  # what has changed is still to be saved
                self._forget(call.call_id)

    def _forget(self, call_id: str) -> None:
        del self.calls[call_id]
        self.line.leave(call_id)
        self._plans.pop(call_id, None)
        self.leased.pop(call_id, None)
        self.unheard.discard(call_id)

    def plan_of(self, call_id: str) -> Plan:
        """The plan that the call began with."""
        return self._plans.get(call_id, self.plan)

    def seats_of(self, call: Call) -> tuple[str, ...]:
        """The only agents who may take the call in the line where it is; () for all who serve that line."""
        days = self.plan.leader_days
        return call.seats if days and call.queue == days.queue else ()

    def callback_of(self, number: str) -> Callback | None:
        """The open task of a number, however it is written."""
        return self.callbacks.get(self._wanted.get(national(number), ""))

    # --- what an event changes ---

    def _change_agent(self, agent_id: str, event: Event) -> bool:
        before = self.agents.get(agent_id)
        if before is None:
            return False
        after = agent_states.evolve(before, event)
        if after == before:
            return False
        self._set_agent(after)
        return True

    def _change_callback(self, event: Event) -> bool:
        task_id: str = event.task_id  # type: ignore[union-attr]
        before = self.callbacks.get(task_id)
        if isinstance(event, ev.CallbackOpened):
            if before is None:
                self._set_callback(callbacks.begin(event), event.at)
                self._change_call(event)  # who asked for it is waiting no more
            return before is None
        after = callbacks.evolve(before, event) if before else None
        if after is None or after is before:
            return False
        self._set_callback(after, event.at)
        return True

    def _change_call(self, event: Event) -> bool:
        call_id: str = event.call_id  # type: ignore[union-attr]
        before = self.calls.get(call_id)
        if before is None:
            if not isinstance(event, call_states.BEGINS) or getattr(event, "doing", "") == "calling":
                return False
            self._plans[call_id] = self.plan
            call = call_states.begin(event)
            if not call.task_id:
                self.traffic.arrived(call_id, call.ani, call.trunk, event.at)
            self._set_call(call)
            self._seat_callback_of(call.ani, event.at)
            return True
        if isinstance(event, ev.CallerHungUp):
            return before.live
        after = call_states.evolve(before, event)
        if isinstance(event, ev.StepEnded) and event.key and before.step == event.step:
            seconds = event.at - before.step_at
            heard = menu.heard_in(self.plan_of(call_id), before.step_prompts, seconds, before.language)
            after = replace(after, prompts_heard=after.prompts_heard | heard)
        if after is before and not isinstance(event, ev.RecordingFinished):
            return False
        self._set_call(after)
        self._observe(before, after, event)
        if not after.live:
            self._seat_callback_of(after.ani, event.at)
        self._follow(before, after, event)
        if isinstance(event, ev.CallerSlowed):
            self.traffic.slowed(call_id, event.by, event.at + event.slow_s)
        elif isinstance(event, ev.CallEnded):
            self.traffic.ended(call_id, event.at)
            self.turns.took(after.task_id, event.at - after.arrived_at)
        return True

    def _observe(self, before: Call, after: Call, event: Event) -> None:
        """A wait in the line is over. Who had a place kept, or was called back, waited otherwise."""
        over = (after.answered is not None and before.answered is None) or (not after.live and after.answered is None)
        wait_s = after.wait_s(event.at)
        ours = not after.task_id and after.alone_at is None and after.place_at == after.queued_at
        if over and wait_s is not None and ours:
            self.waits.setdefault(after.queue, Waits()).add(event.at, wait_s, after.answered is not None)

    def _follow(self, before: Call, after: Call, event: Event) -> None:
        """The agents' side of what has just happened to a call."""
        if before.rings is after.rings:
            return
        was_open = {ring.ring_id for ring in before.rings if ring.open}
        for ring in after.rings:
            agent = self.agents.get(ring.agent_id)
            if agent is None:
                continue
            if isinstance(event, ev.CallOffered | ev.AgentAnswered | ev.FallbackAnswered):
                if ring.ring_id == event.ring_id:
                    self._set_agent(agent_states.evolve(agent, event))
            elif not ring.open and ring.ring_id in was_open and agent.ring_id == ring.ring_id:
                if isinstance(event, ev.RingEnded) and event.reason != "cancelled":
                    continue  # AgentSetAside follows
                self._set_agent(agent_states.released(agent, event.at))

    # --- a call, an agent or a task in its new form ---

    def _set_call(self, call: Call) -> None:
        self.calls[call.call_id] = call
        self.changed_calls.add(call.call_id)
        self._seat_call(call)

    def _set_agent(self, agent: Agent) -> None:
        self.agents[agent.agent_id] = agent
        self.changed_agents.add(agent.agent_id)
        self.absent.discard(agent.agent_id)  # whoever does anything is there, until `tick` has looked
        self._seat_agent(agent)

    def _set_callback(self, task: Callback, now: float) -> None:
        self.callbacks[task.task_id] = task
        self.changed_callbacks.add(task.task_id)
        if task.open:
            self._wanted[national(task.number)] = task.task_id
        elif self._wanted.get(national(task.number)) == task.task_id:
            del self._wanted[national(task.number)]
        self._seat_callback(task, now)

    # --- into the line, or out of it ---

    def _seat_call(self, call: Call) -> None:
        # While a journal is replayed a call may wait in a queue that the plan has no more; `change_plan` follows.
        if call.stage is Stage.WAITING and call.queued_at is not None and call.queue in self.plan.queues.queue:
            self.line.join(
                call.call_id,
                call.queue,
                call.queued_at if call.place_at is None else call.place_at,
                priority=call.priority,
                emergency=call.emergency,
                slow_s=call.slow_s,
                moved_at=call.moved_at,
                known=call.former_agent,
                seats=self.seats_of(call),
            )
        else:
            self.line.leave(call.call_id)

    def _seat_agent(self, agent: Agent) -> None:
        if agent.status is Status.SIGNED_OUT or agent.agent_id in self.absent:
            self.line.sign_out(agent.agent_id)
            return
        self.line.sign_in(agent.agent_id, agent.profile.skills)
        if agent.free:
            self.line.free(agent.agent_id, agent.idle_since)
        else:
            self.line.busy(agent.agent_id, soon=agent.soon)

    def _seat_callback_of(self, number: str, now: float) -> None:
        """A call of this number began or ended: it is not dialled meanwhile."""
        if task := self.callback_of(number):
            self._seat_callback(task, now)

    def _seat_callback(self, task: Callback, now: float) -> None:
        self._join_or_leave(task, now, self._on_the_line, lambda queue, language: self._line_of(queue, language, now))

    def _join_or_leave(
        self,
        task: Callback,
        now: float,
        numbers: Callable[[], frozenset[str]],
        lines: Callable[[str, str], tuple[str, int | None]],
    ) -> None:
        """`numbers` is asked only for a task that is due: it looks through all calls. `lines`: see `desks.line_of`."""
        due = due_at(task, self.rules.callback, self.plan.city.timezone)
        if due is None or now < due or national(task.number) in numbers():
            self.line.leave(task.task_id)
        else:
            queue, priority = lines(task.queue, task.language)
            place_at = self.turns.place(task, due, self.rules.callback, now)
            priority = priority if task.priority is None else task.priority
            self.line.join(task.task_id, queue, place_at, priority=priority, emergency=task.emergency)

    def _line_of(self, queue: str, language: str, now: float) -> tuple[str, int | None]:
        return desks.line_of(self.plan, self.line, queue, language, now)

    def _on_the_line(self) -> frozenset[str]:
        """Numbers that have a call with us just now: nobody is dialled while they call."""
        return frozenset(national(call.ani) for call in self.calls.values() if call.live)
