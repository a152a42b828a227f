"""The live state, and to which topic each event belongs.

Use: `handle` an event, and append the events that come back to the journal before performing the actions. `tick` brings
what only time brings. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ivr.core import actions as do
from ivr.core import agents as agent_states
from ivr.core import callbacks
from ivr.core import calls as call_states
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Agent, Profile, Status
from ivr.core.callbacks import Callback, Dialling, Turns
from ivr.core.calls import ROOM_STAGES, Call, Stage
from ivr.core.dialplan import Plan, menu
from ivr.core.dialplan.pins import Guesses
from ivr.core.events import Event
from ivr.core.floor import calling_back, leading, leases, listening, overload, recovery, talking, transfers, waiting
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

_FREES_NOBODY = (ev.LanguageChosen, ev.OverloadMet, ev.StepStarted, ev.StepEnded, ev.RatingGiven, ev.CallOffered,
                 ev.CallbackTried, ev.CallbackDropped)  # fmt: skip
"""After these no match can be due, and an order that belongs to them must go out before the next ring does."""

_BEGINNINGS = (
    ev.StepStarted, ev.CallQueued, ev.CallOffered, ev.LegDialled, ev.RoomJoined, ev.CallbackTried,
    do.Ask, do.AskPin, do.Say, do.PlayMusic, do.RingAgent, do.RingColleague, do.DialOutside, do.DialRoom,
    do.DialCitizen, do.MoveAgent, do.JoinRoom, do.LeaveRoom, do.RenewLease, do.HangUp, do.Listen,
)  # fmt: skip
"""What comes too late for an event of the past. Who is in a room without the citizen is let go, though."""

_DUE = (
    calling_back.overdue,
    leases.renew_due,
    waiting.move_due,
    overload.due,
    waiting.announce_due,
    transfers.due,
    listening.follow,
)
"""What time brings to a call."""


class Floor:
    """Live state, and the only code that changes it."""

    def __init__(self, plan: Plan, profiles: Iterable[Profile], rules: Rules) -> None:
        self.plan = plan
        self.rules = rules
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {p.agent_id: Agent(p) for p in profiles}
        self.callbacks: dict[str, Callback] = {}
        """Tasks by id: the open ones, and those that ended a moment ago."""
        self.absent: set[str] = set()
        """Agents who are signed in, and on whom nobody counts any more. See `agents.is_gone`."""
        self.turns = Turns(len(self.agents))
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

    def handle(self, event: Event) -> tuple[list[Event], list[Action]]:
        """Apply the event and everything that follows from it: all events in order, and the actions to perform."""
        if isinstance(event, ev.TransferAsked) and transfers.refusal(self.calls, self.agents, event):
            return [], []
        return self._run(iter((event,)))

    def recount(self, event: Event) -> tuple[list[Event], list[Action]]:
        """Apply an event that happened while no controller was there, with what it means for the books.

        Nothing is begun: what is to become of a call that is still up is decided when it is found.
        """
        return self._run(iter((event,)), recounting=True)

    def tick(self, now: float) -> tuple[list[Event], list[Action]]:
        """What is due by now: leases, announcements, ends of wrap-up. Call it about twice a second."""
        return self._run(self._due(now))

    def close(self, now: float) -> tuple[list[Event], list[Action]]:
        """Switching off: no more matches, and every live call is dismissed."""
        self.closing = True
        return self._run(ev.CallDismissed(now, call.call_id) for call in list(self.calls.values()) if call.live)

    def _run(self, outs: Iterator[Event | Action], *, recounting: bool = False) -> tuple[list[Event], list[Action]]:
        """Consequences are lazy and taken depth first, so that each is decided on the state that it meets."""
        events: list[Event] = []
        actions: list[Action] = []
        stack = [outs]
        while stack:
            out = next(stack[-1], None)
            if out is None:
                stack.pop()
            elif recounting and isinstance(out, _BEGINNINGS):
                continue
            elif isinstance(out, Action):
                actions.append(self._spoken(out))
            elif self._apply(out := self._led_on(out)):
                events.append(out)
                stack.append(self._recounted(out) if recounting else self._consequences(out))
        return events, actions

    def _led_on(self, event: Event) -> Event:
        """The event; who would join a line of their own plan that is gone meanwhile is led to the default one."""
        if not isinstance(event, ev.CallQueued) or event.queue in self.plan.queues.queue:
            return event
        self._plans[event.call_id] = self.plan
        return replace(event, queue=self.plan.default_queue(event.at))

    def _spoken(self, action: Action) -> Action:
        """A prompt in the language that the caller has chosen."""
        if not isinstance(action, do.Ask | do.AskPin | do.Say):
            return action
        call = self.calls[action.call_id]
        if not call.language:
            return action
        plan = self.plan_of(action.call_id)
        return replace(action, prompts=tuple(plan.spoken(prompt, call.language) for prompt in action.prompts))

    # --- what happened ---

    def _apply(self, event: Event) -> bool:
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
            self._seat_callback(call.ani, event.at)
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
            self._seat_callback(after.ani, event.at)
        self._follow(before, after, event)
        if isinstance(event, ev.CallerSlowed):
            self.traffic.slowed(call_id, event.by, event.at + event.slow_s)
        elif isinstance(event, ev.CallEnded):
            self.traffic.ended(call_id, event.at)
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

    def restore(
        self, events: Iterable[Event], agents: Iterable[Agent], now: float, tasks: Iterable[Callback] = ()
    ) -> None:
        """Rebuild after a restart: journalled events of unfinished calls, agents and open tasks as saved."""
        for event in events:
            if getattr(event, "call_id", ""):
                self._change_call(event)
        for task in tasks:
            self._set_callback(calling_back.restored(self, task, now), now)
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
            self._seat(call)
        for agent in self.agents.values():
            self._seat_agent(agent)
        calling_back.seat_all(self, now)

    def change_ears(self, ears: int) -> None:
        """The recogniser has begun anew or is gone: it listens to nobody, and can to so many at once."""
        self.ears = ears
        self.listening.clear()

    # --- what follows ---

    def _consequences(self, event: Event) -> Iterator[Event | Action]:
        yield from self._reaction(event)
        if call := self.calls.get(getattr(event, "call_id", "")):
            yield from listening.follow(self, call, event.at)
        if not isinstance(event, _FREES_NOBODY):
            yield from waiting.matches(self, event.at)

    def _recounted(self, event: Event) -> Iterator[Event | Action]:
        yield from self._reaction(event)
        call = self.calls.get(getattr(event, "call_id", ""))
        if call and not call.live:
            yield from listening.follow(self, call, event.at)

    def _reaction(self, event: Event) -> Iterator[Event | Action]:
        match event:
            case ev.AgentSignedOut() | ev.AgentPressedBreak():
                agent = self.agents[event.agent_id]
                if agent.status is Status.RESERVED:
                    yield from talking.cancel(self, agent, event.at)
            case ev.CallsCounted():
                yield from recovery.gone(self, event)
            case _:
                call = self.calls.get(getattr(event, "call_id", ""))
                if call is not None:
                    yield from self._reaction_of(call, event)

    def _reaction_of(self, call: Call, event: Event) -> Iterator[Event | Action]:
        match event:
            case ev.CallArrived() if call.task_id:
                yield from calling_back.answered(self, call, event.at)
            case ev.CallArrived():
                leases.begin(self, call, event.at)
                yield from calling_back.came_again(self, call, event.at)
                yield from leading.judge(self, call, event.at)
                yield from leading.begin(self, self.calls[call.call_id], event.at)
                yield from waiting.who_knows(self, call, event.at)
            case ev.StepEnded():
                yield from self._after_step(call, event)
            case ev.CallQueued():
                yield from waiting.joined(self, call, event)
            case ev.CallOffered() if event.room:
                yield from transfers.colleague_asked(self, call)
            case ev.EmergencyHeard():
                yield from listening.heard(self, call, event.at)
            case ev.CallOffered():
                yield from talking.offered(self, call, event)
            case ev.AgentAnswered():
                yield from calling_back.spoken(self, call, event.at)
                yield from transfers.agent_came(call, event)
            case ev.RingEnded():
                yield from talking.not_answered(self, call, event)
                yield from transfers.colleague_not_reached(self, call, event)
            case ev.AgentHungUp():
                yield from transfers.agent_hung_up(self, call, event)
            case ev.TransferAsked():
                yield from transfers.asked(self, call, event)
            case ev.AgentMoved():
                yield from transfers.agent_moved(self, call, event)
            case ev.RoomJoined():
                yield from transfers.joined(self, call, event)
            case ev.RoomLeft():
                yield from transfers.room_left(self, call, event)
            case ev.LegDialled():
                yield from transfers.dialled(self, call, event)
            case ev.LegAnswered():
                yield from calling_back.spoken(self, call, event.at)
                yield from transfers.answered(call, event)
            case ev.LegEnded():
                yield from transfers.ended(self, call, event)
            case ev.CallerHungUp():
                if call.stage in ROOM_STAGES:
                    yield from transfers.disband(call)
                yield from talking.caller_hung_up(self, call, event)
            case ev.CitizenNotReached():
                yield ev.CallEnded(event.at, call.call_id, call_states.outcome_of(call))
            case ev.CallFellBack():
                yield from talking.close_recordings(call)
                yield from transfers.disband(call)
            case ev.FallbackAnswered():
                yield from calling_back.spoken(self, call, event.at)
            case ev.CallDismissed():
                yield do.HangUp(call.call_id)
            case ev.CallFound():
                yield from recovery.found(self, call, event)
            case ev.CallEnded():
                yield from talking.note(call)
                yield from calling_back.ended(self, call, event)
            case ev.RecordingFinished():
                yield from talking.note(call)

    def _after_step(self, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
        if call.word_heard and call.stage in (Stage.MENU, Stage.WAITING):
            yield from listening.heard(self, call, event.at)
        elif call.stage is Stage.MENU:
            yield from leading.answered(self, call, event)
        elif call.stage is Stage.WAITING:
            yield from waiting.heard(self, call, event)
        elif call.stage is Stage.RATING:
            yield from talking.rated(self, call, event)
        elif call.stage is Stage.FAREWELL:
            yield do.HangUp(call.call_id)

    # --- what time brings ---

    def _due(self, now: float) -> Iterator[Event | Action]:
        self._look_who_is_there(now)
        calling_back.seat_all(self, now)
        yield from waiting.matches(self, now)
        for call_id, call in list(self.calls.items()):
            if call.live:
                for due in _DUE:
                    # What was due before, for this call or another, may have changed it.
                    yield from due(self, self.calls[call_id], now)
        self._forget_ended(now)
        for agent in self.agents.values():
            if agent.status is Status.WRAP_UP and is_over(agent.since, self.rules.wrap_up_s, now):
                yield ev.WrapUpEnded(now, agent.agent_id)

    def _look_who_is_there(self, now: float) -> None:
        for agent in self.agents.values():
            gone = agent.status is not Status.SIGNED_OUT and agent_states.is_gone(agent, now)
            if gone is not (agent.agent_id in self.absent):
                self.absent ^= {agent.agent_id}
                self._seat_agent(agent)

    def resume(self) -> Iterator[Action]:
        """After `restore`: the work on ended conversations that a crash may have cut off."""
        for call in self.calls.values():
            if not call.live:
                yield from talking.close_recordings(call)
                yield from talking.note(call)

    # --- small words ---

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

    def _seat_callback(self, number: str, now: float) -> None:
        """A call of this number began or ended: it is not dialled meanwhile."""
        if task := self.callback_of(number):
            calling_back.seat(self, task, now)

    def _set_callback(self, task: Callback, now: float) -> None:
        self.callbacks[task.task_id] = task
        self.changed_callbacks.add(task.task_id)
        if task.open:
            self._wanted[national(task.number)] = task.task_id
        elif self._wanted.get(national(task.number)) == task.task_id:
            del self._wanted[national(task.number)]
        calling_back.seat(self, task, now)

    def _set_call(self, call: Call) -> None:
        self.calls[call.call_id] = call
        self.changed_calls.add(call.call_id)
        self._seat(call)

    def _seat(self, call: Call) -> None:
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

    def _set_agent(self, agent: Agent) -> None:
        self.agents[agent.agent_id] = agent
        self.changed_agents.add(agent.agent_id)
        self.absent.discard(agent.agent_id)  # whoever does anything is there, until `tick` has looked
        self._seat_agent(agent)

    def _seat_agent(self, agent: Agent) -> None:
        if agent.status is Status.SIGNED_OUT or agent.agent_id in self.absent:
            self.line.sign_out(agent.agent_id)
            return
        self.line.sign_in(agent.agent_id, agent.profile.skills)
        if agent.free:
            self.line.free(agent.agent_id, agent.idle_since)
        else:
            self.line.busy(agent.agent_id, soon=agent.soon)

    def _forget_ended(self, now: float) -> None:
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
