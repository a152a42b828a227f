"""To which topic each event belongs.

Use: `handle` an event, and append the events that come back to the journal before performing the actions. `tick` brings
what only time brings. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Status
from ivr.core.calls import ROOM_STAGES, Call, Stage, outcome_of
from ivr.core.events import Event
from ivr.core.floor import calling_back, leading, leases, listening, overload, recovery, talking, transfers, waiting
from ivr.core.floor.state import LiveState
from ivr.core.spans import is_over

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


class Floor(LiveState):
    """Every live call and every agent, and what follows from each event."""

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
            elif self.apply(out := self._led_on(out)):
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
                yield ev.CallEnded(event.at, call.call_id, outcome_of(call))
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
        self.look_who_is_there(now)
        self.seat_callbacks(now)
        yield from waiting.matches(self, now)
        for call_id, call in list(self.calls.items()):
            if call.live:
                for due in _DUE:
                    # What was due before, for this call or another, may have changed it.
                    yield from due(self, self.calls[call_id], now)
        self.forget_ended(now)
        for agent in self.agents.values():
            if agent.status is Status.WRAP_UP and is_over(agent.since, self.rules.wrap_up_s, now):
                yield ev.WrapUpEnded(now, agent.agent_id)

    def resume(self) -> Iterator[Action]:
        """After `restore`: the work on ended conversations that a crash may have cut off."""
        for call in self.calls.values():
            if not call.live:
                yield from talking.close_recordings(call)
                yield from talking.note(call)
