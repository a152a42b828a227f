"""What happened while no controller was there: booked as it was, and nothing begun in the past."""

from __future__ import annotations

from random import Random

import pytest

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.agents import Status
from ivr.core.calls import Outcome, Stage
from tests.core.world import World

AWAY_S = 300.0
"""How long no controller was there."""


class Outage(World):
    """A citizen whom agent 8002 is rung for; then the controller is killed. `then` is told to the next one."""

    def __init__(self, *more: str) -> None:
        super().__init__(Random(1))
        self.actions: list[do.Action] = []
        for agent_id in ("8002", *more):
            self.tell(ev.AgentSignedIn(self.now, agent_id))
            self.tell(ev.AgentPressedReady(self.now, agent_id))
        self.call_id = self.arrive()
        self.tell(ev.StepEnded(self.now, self.call_id, self.call.step))
        self.tell(ev.StepEnded(self.now, self.call_id, self.call.step))
        (self.ring,) = self.call.rings
        assert self.call.stage is Stage.RINGING and self.ring.agent_id == "8002"
        self.killed = self.now

    def _perform(self, action: do.Action) -> None:
        self.actions.append(action)
        super()._perform(action)

    @property
    def call(self):  # type: ignore[no-untyped-def]
        return self.floor.calls[self.call_id]

    def next_controller(self, *then: ev.Event, doing: str = "", room: tuple[str, ...] = ()) -> list[ev.Event]:
        """`doing` is what the citizen's channel does now, "" when it is gone. Returns what it adds to the journal."""
        self.now, known = self.killed + AWAY_S, len(self.journal)
        self.actions.clear()
        line = self.lines.pop(self.call_id)
        if doing:
            self.lines[self.call_id] = line
            line.doing = doing
            self.rooms.of(self.call_id).agent = next(iter(room), "")
        self.told += then
        self.restart_controller()
        return self.journal[known:]

    def gone(self, after_s: float) -> tuple[ev.Event, ev.Event]:
        came = float(self.call_id.partition(".")[0])
        return ev.CallUnattended(came, self.call_id, "1", "2"), ev.CallerHungUp(self.killed + after_s, self.call_id)

    def answered(self, after_s: float) -> ev.AgentAnswered:
        return ev.AgentAnswered(self.killed + after_s, self.call_id, self.ring.ring_id)

    def hung_up(self, after_s: float) -> ev.AgentHungUp:
        return ev.AgentHungUp(self.killed + after_s, self.call_id, self.ring.ring_id)


def test_a_talk_of_which_no_controller_heard() -> None:
    world = Outage()
    world.next_controller(world.answered(2), world.hung_up(42), *world.gone(45))
    call = world.call
    assert (call.outcome, call.wait_s(0), call.talk_s(0), call.ended_at) == (
        Outcome.ANSWERED, 2, 40, world.killed + 45,
    )  # fmt: skip
    assert call.note_written and not world.floor.callbacks
    agent = world.floor.agents["8002"]
    assert (agent.status, agent.since) == (Status.WRAP_UP, world.killed + 42)


def test_a_ring_of_which_no_controller_heard_the_end() -> None:
    world = Outage("8003")
    world.told.append(ev.RingEnded(world.killed + 15, world.call_id, world.ring.ring_id, "no_answer"))
    added = world.next_controller(*world.gone(17))
    assert (world.call.outcome, world.call.ended_at) == (Outcome.ABANDONED, world.killed + 17)
    assert not [event for event in added if isinstance(event, ev.CallOffered)], "offered to the next agent afterwards"
    agent = world.floor.agents["8002"]
    assert (agent.status, agent.reason, agent.since) == (Status.AWAY, "no_answer", world.killed + 15)
    (task,) = world.floor.callbacks.values()
    assert task.opened_at == world.killed + 17


def test_who_talked_and_was_left_alone_is_asked_for_a_rating_by_the_next_controller() -> None:
    world = Outage()
    world.next_controller(world.answered(2), world.hung_up(AWAY_S - 1), doing="idle")
    assert world.call.stage is Stage.RATING
    assert [ring.ended_at for ring in world.call.rings] == [world.killed + AWAY_S - 1]
    asked = [action for action in world.actions if isinstance(action, do.Ask)]
    assert [action.prompts for action in asked] == [("rating",)]


@pytest.mark.parametrize("asked", ["blind", "back_to_line"])
def test_who_was_given_on_is_given_on(asked: str) -> None:
    world = Outage()
    world.tell(world.answered(0))
    to = {"queue": "enterprise"} if asked == "blind" else {}
    world.tell(ev.TransferAsked(world.now, world.call_id, world.ring.ring_id, asked, **to))
    world.next_controller(world.hung_up(AWAY_S - 1), doing="idle")
    assert (world.call.stage, world.call.queue) == (Stage.WAITING, "enterprise" if asked == "blind" else "general")


def test_who_consulted_and_went_leaves_nobody_to_the_music() -> None:
    world = Outage()
    world.tell(world.answered(0))
    world.tell(ev.TransferAsked(world.now, world.call_id, world.ring.ring_id, "consult", "96533", "供水"))
    world.tell(ev.AgentMoved(world.now, world.call_id, world.ring.ring_id))
    leg = world.call.leg
    assert world.call.stage is Stage.CONSULTING and leg
    world.next_controller(world.hung_up(AWAY_S - 3), doing="idle")
    assert world.call.stage is Stage.WAITING
    assert do.EndLeg(world.call_id, leg.leg_id) in world.actions


def test_whom_the_consulted_one_left_is_brought_back_to_their_agent() -> None:
    world = Outage()
    world.tell(world.answered(0))
    world.tell(ev.TransferAsked(world.now, world.call_id, world.ring.ring_id, "consult", "96533", "供水"))
    world.tell(ev.AgentMoved(world.now, world.call_id, world.ring.ring_id))
    leg = world.call.leg
    assert leg
    world.tell(ev.LegAnswered(world.now, world.call_id, leg.leg_id))
    left = ev.LegEnded(world.killed + AWAY_S - 3, world.call_id, leg.leg_id, "hung_up")
    world.next_controller(left, doing="idle", room=(world.ring.ring_id,))
    assert world.call.stage is Stage.ROOM
    assert do.JoinRoom(world.call_id) in world.actions


def test_whom_nobody_took_outside_comes_back_into_the_line() -> None:
    world = Outage()
    world.tell(world.answered(0))
    world.tell(ev.TransferAsked(world.now, world.call_id, world.ring.ring_id, "blind", "96533", "供水"))
    world.tell(world.hung_up(0))
    leg = world.call.leg
    assert world.call.stage is Stage.OUTSIDE and leg
    ended = ev.LegEnded(world.killed + AWAY_S - 3, world.call_id, leg.leg_id, "busy")
    world.next_controller(ended, doing="idle")
    assert (world.call.stage, world.call.queued_why) == (Stage.WAITING, "供水: busy")


@pytest.mark.parametrize(
    ("order", "before", "after"),
    [
        (ev.AgentPressedReady, Status.READY, Status.WRAP_UP),
        (ev.AgentPressedBreak, Status.AWAY, Status.AWAY),
        (ev.AgentSignedOut, Status.SIGNED_OUT, Status.SIGNED_OUT),
    ],
)
def test_an_agent_whom_the_static_queue_gave_a_citizen_is_talking(
    order: type[ev.Event], before: Status, after: Status
) -> None:
    world = Outage()
    world.tell(ev.AgentSignedIn(world.now, "8003"))
    world.tell(ev.AgentPressedReady(world.now, "8003"))
    world.tell(order(world.now, "8003"))  # type: ignore[call-arg]
    assert world.floor.agents["8003"].status is before
    fell = ev.CallFellBack(world.killed + 15, world.call_id)
    taken = ev.FallbackAnswered(world.killed + 20, world.call_id, "8003")
    world.next_controller(fell, taken, doing="fallback")
    agent, call = world.floor.agents["8003"], world.call
    assert (agent.status, agent.since) in [(Status.TALKING, world.killed + 20), (Status.SIGNED_OUT, agent.since)]
    assert (call.taken.agent_id, call.taken.open, call.outcome) == ("8003", True, None)
    other = world.arrive()
    for _ in range(2):
        world.tell(ev.StepEnded(world.now, other, world.floor.calls[other].step))
    assert "8003" not in {ring.agent_id for ring in world.floor.calls[other].rings}
    world.tick()
    assert world.call.taken.open
    assert not [action for action in world.actions if isinstance(action, do.ReleaseAgent)], "their talk goes on"
    world.hang_up(world.call_id)
    assert world.floor.agents["8003"].status is after
    assert (world.call.outcome, world.call.note_written) == (Outcome.FELL_BACK, True)
