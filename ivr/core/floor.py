"""The floor: every live call and every agent, and what follows from each event.

Use: `handle` an event, and append the events that come back to the journal before performing the actions. `tick` brings
what only time brings. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ivr.core import actions as do
from ivr.core import agents as agent_states
from ivr.core import calls as call_states
from ivr.core import events as ev
from ivr.core import menu, routing
from ivr.core.actions import Action
from ivr.core.agents import Agent, Profile, Status
from ivr.core.calls import Call, Stage, outcome_of
from ivr.core.dialplan import Led, Plan
from ivr.core.events import Event


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds from `config.toml`."""

    ring_s: int = 15
    wrap_up_s: float = 120
    rating_s: float = 6
    lease_s: int = 12
    """The lease while music is played. Longer than any announcement, behind which a ring may have to wait."""
    remember_s: float = 300
    """How long an ended call stays in sight of the consoles."""


_LEASED = frozenset({Stage.MENU, Stage.WAITING, Stage.RATING})
"""Stages in which the channel waits for our orders. While it rings or talks the dialplan has lifted the lease."""

_AGENT_EVENTS = (ev.AgentSignedIn, ev.AgentSignedOut, ev.AgentPressedReady, ev.AgentPressedBreak,
                 ev.AgentSetAside, ev.WrapUpEnded)  # fmt: skip

SILENT_S = 5
"""The lease while a prompt is played: without a controller, silence follows it, and nobody should hear more of that."""

_FREES_NOBODY = (ev.StepStarted, ev.StepEnded, ev.RatingGiven, ev.CallOffered)
"""After these no match can be due, and an order that belongs to them must go out before the next ring does."""


class Floor:
    """Live state, and the only code that changes it."""

    def __init__(self, plan: Plan, profiles: Iterable[Profile], rules: Rules) -> None:
        self.plan = plan
        self.rules = rules
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {p.agent_id: Agent(p) for p in profiles}
        self.changed_calls: set[str] = set()
        self.changed_agents: set[str] = set()
        self.closing = False
        self._plans: dict[str, Plan] = {}
        self._leased_at: dict[str, float] = {}

    def handle(self, event: Event) -> tuple[list[Event], list[Action]]:
        """Apply the event and everything that follows from it: all events in order, and the actions to perform."""
        return self._run(iter((event,)))

    def tick(self, now: float) -> tuple[list[Event], list[Action]]:
        """What is due by now: leases, announcements, ends of wrap-up. Call it about twice a second."""
        return self._run(self._due(now))

    def close(self, now: float) -> tuple[list[Event], list[Action]]:
        """Switching off: no more matches, and every live call is dismissed."""
        self.closing = True
        return self._run(ev.CallDismissed(now, call.call_id) for call in list(self.calls.values()) if call.live)

    def _run(self, outs: Iterator[Event | Action]) -> tuple[list[Event], list[Action]]:
        """Consequences are lazy and taken depth first, so that each is decided on the state that it meets."""
        events: list[Event] = []
        actions: list[Action] = []
        stack = [outs]
        while stack:
            out = next(stack[-1], None)
            if out is None:
                stack.pop()
            elif isinstance(out, Action):
                actions.append(out)
            elif self._apply(out):
                events.append(out)
                stack.append(self._consequences(out))
        return events, actions

    # --- what happened ---

    def _apply(self, event: Event) -> bool:
        """Change state. False when the event no longer fits anything and changed nothing."""
        match event:
            case ev.PhoneReached() | ev.PhoneLost():
                return self._change_agent(event.phone, event)
            case ev.CallsCounted():
                return True
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

    def _change_call(self, event: Event) -> bool:
        call_id: str = event.call_id  # type: ignore[union-attr]
        before = self.calls.get(call_id)
        if before is None:
            if not isinstance(event, ev.CallArrived | ev.CallFound | ev.CallFellBack):
                return False
            self._plans[call_id] = self.plan
            self._set_call(call_states.begin(event))
            return True
        if isinstance(event, ev.CallArrived):
            return False
        if isinstance(event, ev.CallerHungUp):
            return before.live
        after = call_states.evolve(before, event)
        if isinstance(event, ev.StepEnded) and event.key and before.step == event.step:
            heard = menu.heard_in(self.plan_of(call_id), before.step_prompts, event.at - before.step_at)
            after = replace(after, prompts_heard=after.prompts_heard | heard)
        if after is before and not isinstance(event, ev.RecordingFinished):
            return False
        self._set_call(after)
        self._follow(before, after, event)
        return True

    def _follow(self, before: Call, after: Call, event: Event) -> None:
        """The agent's side of what has just happened to a call."""
        ring = before.ring or after.ring
        agent = self.agents.get(ring.agent_id) if ring else None
        if agent is None or ring is None:
            return
        if isinstance(event, ev.CallOffered | ev.AgentAnswered):
            self._set_agent(agent_states.evolve(agent, event))
        elif agent.ring_id == ring.ring_id and after.ring is None:
            if isinstance(event, ev.RingEnded) and event.reason != "cancelled":
                return  # AgentSetAside follows
            self._set_agent(agent_states.released(agent, event.at))

    def restore(self, events: Iterable[Event], agents: Iterable[Agent], now: float) -> None:
        """Rebuild after a restart: journalled events of the calls that had not ended, and the agents as last saved."""
        for event in events:
            if getattr(event, "call_id", ""):
                self._change_call(event)
        self.change_plan(self.plan, now)
        for saved in agents:
            known = self.agents.get(saved.agent_id)
            if known is None:
                continue
            agent = replace(saved, profile=known.profile, phone_reached=False)
            call = self.calls.get(agent.call_id)
            if agent.status in (Status.RESERVED, Status.TALKING) and not (
                call and call.ring and call.ring.ring_id == agent.ring_id
            ):
                agent = agent_states.released(agent, now)
            self._set_agent(agent)

    def change_plan(self, plan: Plan, now: float) -> None:
        """From now on callers are led by this plan. Those who are here keep theirs, while their queue exists."""
        self.plan = plan
        for call_id, call in list(self.calls.items()):
            if call.queue and call.queue not in plan.queues.queue:
                self._plans[call_id] = plan
                self._set_call(replace(call, queue=plan.default_queue(now)))

    # --- what follows ---

    def _consequences(self, event: Event) -> Iterator[Event | Action]:
        yield from self._reaction(event)
        if not isinstance(event, _FREES_NOBODY):
            yield from self._matches(event.at)

    def _reaction(self, event: Event) -> Iterator[Event | Action]:
        if isinstance(event, ev.AgentSignedOut | ev.AgentPressedBreak):
            agent = self.agents[event.agent_id]
            if agent.status is Status.RESERVED:
                yield do.CancelRing(agent.call_id, agent.ring_id)
            return
        if isinstance(event, ev.CallsCounted):
            yield from self._gone(event)
            return
        call = self.calls.get(getattr(event, "call_id", ""))
        if call is None:
            return
        match event:
            case ev.CallArrived():
                yield from self._lease(call, event.at)
                yield from self._begin(call, event.at)
            case ev.StepEnded():
                yield from self._after_step(call, event)
            case ev.CallQueued():
                yield from self._queued(call, event)
            case ev.CallOffered():
                yield from self._offered(call, event)
            case ev.RingEnded():
                if event.reason != "cancelled":
                    yield ev.AgentSetAside(event.at, call.rings[-1].agent_id, event.reason)
                yield from self._lease(call, event.at)
            case ev.AgentHungUp():
                yield from self._lease(call, event.at)
                yield do.CloseRecording(call.call_id, event.ring_id)
                rating = self.plan_of(call.call_id).city.rating
                yield from self._ask(call, event.at, "rating", (rating.prompt,), self.rules.rating_s)
            case ev.CallerHungUp():
                if call.ring and call.ring.answered_at is not None:
                    yield do.CloseRecording(call.call_id, call.ring.ring_id)
                yield ev.CallEnded(event.at, call.call_id, outcome_of(call))
            case ev.CallFellBack():
                yield from self._close_recordings(call)
            case ev.CallDismissed():
                yield do.HangUp(call.call_id)
            case ev.CallFound():
                yield from self._found(call, event)
            case ev.CallEnded() | ev.RecordingFinished():
                yield from self._note(call)

    def _begin(self, call: Call, at: float) -> Iterator[Event | Action]:
        yield from self._lead(call, self.plan_of(call.call_id).entry(call.ani, call.dnis, at), at)

    def _lead(self, call: Call, led: Led, at: float) -> Iterator[Event | Action]:
        plan = self.plan_of(call.call_id)
        target, why, _ = menu.bounded(plan, led, call.steps, at)
        if target.queue is not None:
            yield ev.CallQueued(at, call.call_id, target.queue, why, target.mark, target.say)
            return
        name = call.menu if target.repeat else str(target.menu)
        table = plan.city.menu[name]
        yield from self._ask(call, at, f"menu:{name}", (*target.say, *table.prompt), table.wait_s)

    def _after_step(self, call: Call, event: ev.StepEnded) -> Iterator[Event | Action]:
        plan = self.plan_of(call.call_id)
        if call.stage is Stage.MENU:
            yield from self._lead(call, menu.answer(plan, call.menu, call.tries, event.key, event.at), event.at)
        elif call.stage is Stage.WAITING:
            yield from self._lease(call, event.at)
            yield do.PlayMusic(call.call_id)
        elif call.stage is Stage.RATING and call.step_name == "rating":
            keys = plan.city.rating.keys
            given = keys.index(event.key) + 1 if event.key in keys else 0
            yield ev.RatingGiven(event.at, call.call_id, given)
            farewell = plan.city.rating.rated if given else plan.city.rating.not_rated
            yield from self._say(call, event.at, "farewell", (farewell,))
        elif call.stage is Stage.RATING:
            yield do.HangUp(call.call_id)

    def _queued(self, call: Call, event: ev.CallQueued) -> Iterator[Event | Action]:
        notice = self.plan_of(call.call_id).city.recording.notice
        prompts = (*event.say, *(() if notice in call.prompts_heard else (notice,)))
        if not any(m.call_id == call.call_id for m in self._pairs(event.at)):
            prompts = (*prompts, self._place(call))
            yield from self._say(call, event.at, "announcement", prompts)
        elif event.say:
            yield from self._say(call, event.at, "notice", prompts)

    def _offered(self, call: Call, event: ev.CallOffered) -> Iterator[Event | Action]:
        notice = self.plan_of(call.call_id).city.recording.notice
        if notice not in call.prompts_heard and not (call.step and notice in call.step_prompts):
            yield from self._say(call, event.at, "notice", (notice,))
        # The lease is renewed before the ring, never after: the dialplan lifts it when the ring begins.
        yield from self._lease(call, event.at)
        yield do.RingAgent(call.call_id, event.ring_id, event.agent_id, self.rules.ring_s, call.rate)

    def _found(self, call: Call, event: ev.CallFound) -> Iterator[Event | Action]:
        ring = call.ring
        if event.doing == "fallback":
            yield from self._close_recordings(call)
        elif event.doing == "talking":
            if ring and ring.answered_at is None:
                yield ev.AgentAnswered(event.at, call.call_id, ring.ring_id)
        elif event.doing == "idle":
            yield from self._lease(call, event.at)
            if ring and ring.answered_at is None:
                yield ev.RingEnded(event.at, call.call_id, ring.ring_id, "cancelled")
                yield do.PlayMusic(call.call_id)
            elif ring:
                yield ev.AgentHungUp(event.at, call.call_id, ring.ring_id)
            elif call.stage is Stage.WAITING:
                yield do.PlayMusic(call.call_id)
            elif call.stage is Stage.RATING:
                yield from self._after_step(call, ev.StepEnded(event.at, call.call_id, call.step))
            else:
                yield from self._begin(call, event.at)

    def _gone(self, event: ev.CallsCounted) -> Iterator[Event]:
        up = set(event.call_ids)
        for call in list(self.calls.values()):
            if call.live and call.call_id not in up and call.arrived_at < event.at:
                yield ev.CallerHungUp(event.at, call.call_id)

    def _note(self, call: Call) -> Iterator[Action]:
        talks = [ring for ring in call.rings if ring.answered_at is not None]
        if not call.live and talks and all(ring.recorded for ring in talks) and not call.note_written:
            yield do.WriteNote(call.call_id)

    # --- what time brings ---

    def _due(self, now: float) -> Iterator[Event | Action]:
        yield from self._matches(now)
        for call in list(self.calls.values()):
            if not call.live:
                if call.ended_at is not None and now - call.ended_at > self.rules.remember_s:
                    self._forget(call.call_id)
                continue
            if call.stage in _LEASED and now - self._leased_at.get(call.call_id, 0.0) >= self._lease_s(call) / 3:
                yield from self._lease(call, now)
            if call.stage is Stage.WAITING and not call.step:
                yield from self._announce(call, now)
        for agent in self.agents.values():
            if agent.status is Status.WRAP_UP and now - agent.since >= self.rules.wrap_up_s:
                yield ev.WrapUpEnded(now, agent.agent_id)

    def _announce(self, call: Call, now: float) -> Iterator[Event | Action]:
        announce = self.plan_of(call.call_id).queues.announce
        if now - (call.announced_at or call.queued_at or now) < announce.every_s:
            return
        prompts: tuple[str, ...] = (self._place(call),)
        if now - (call.queued_at or now) >= announce.busy_after_s and announce.busy not in call.prompts_heard:
            prompts = (announce.busy, *prompts)
        yield from self._say(call, now, "announcement", prompts)

    def resume(self) -> Iterator[Action]:
        """After `restore`: the work on ended conversations that a crash may have cut off."""
        for call in self.calls.values():
            if not call.live:
                yield from self._close_recordings(call)
                yield from self._note(call)

    def _close_recordings(self, call: Call) -> Iterator[Action]:
        for ring in call.rings:
            if ring.answered_at is not None and ring.ended_at is not None and not ring.recorded:
                yield do.CloseRecording(call.call_id, ring.ring_id)

    # --- small words ---

    def plan_of(self, call_id: str) -> Plan:
        """The plan that the call began with."""
        return self._plans.get(call_id, self.plan)

    def waiting(self) -> list[Call]:
        return [call for call in self.calls.values() if call.stage is Stage.WAITING]

    def _pairs(self, now: float) -> list[routing.Match]:
        if self.closing:
            return []
        return routing.match(self.waiting(), self.agents.values(), self.plan.queues.queue, now)

    def _matches(self, now: float) -> Iterator[Event]:
        while pairs := self._pairs(now):
            pair = pairs[0]
            call = self.calls[pair.call_id]
            ring_id = f"{call.call_id}/{len(call.rings) + 1}"
            yield ev.CallOffered(now, call.call_id, ring_id, pair.agent_id, pair.why)

    def _place(self, call: Call) -> str:
        plan = self.plan_of(call.call_id)
        return plan.queues.announce.prompt_for(routing.ahead_of(call, self.waiting(), self.plan.queues.queue))

    def _lease(self, call: Call, now: float) -> Iterator[Action]:
        self._leased_at[call.call_id] = now
        yield do.RenewLease(call.call_id, self._lease_s(call))

    def _lease_s(self, call: Call) -> int:
        silent = call.stage in (Stage.MENU, Stage.RATING) or (call.stage is Stage.WAITING and bool(call.step))
        return SILENT_S if silent else self.rules.lease_s

    def _ask(
        self, call: Call, at: float, name: str, prompts: tuple[str, ...], wait_s: float
    ) -> Iterator[Event | Action]:
        step = f"{call.call_id}:{call.steps + 1}"
        yield ev.StepStarted(at, call.call_id, step, name, prompts)
        yield do.Ask(call.call_id, step, prompts, wait_s)

    def _say(self, call: Call, at: float, name: str, prompts: tuple[str, ...]) -> Iterator[Event | Action]:
        step = f"{call.call_id}:{call.steps + 1}"
        yield ev.StepStarted(at, call.call_id, step, name, prompts)
        yield do.Say(call.call_id, step, prompts)

    def _set_call(self, call: Call) -> None:
        self.calls[call.call_id] = call
        self.changed_calls.add(call.call_id)

    def _set_agent(self, agent: Agent) -> None:
        self.agents[agent.agent_id] = agent
        self.changed_agents.add(agent.agent_id)

    def _forget(self, call_id: str) -> None:
        del self.calls[call_id]
        self._plans.pop(call_id, None)
        self._leased_at.pop(call_id, None)
