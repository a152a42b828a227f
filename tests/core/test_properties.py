"""What must hold whatever people press and whatever happens, over a telephone world with a clock."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core.actions import Action
from ivr.core.agents import Profile, Status
from ivr.core.calls import Outcome, Stage
from ivr.core.dialplan import Plan
from ivr.core.events import Event
from tests import scenarios
from tests.core.world import PROFILES, REGISTERS, keyed_plan, shipped_plan
from tests.scenarios.telephones import Telephones

PLAN = shipped_plan()
SCENARIOS = Path(scenarios.__file__).parent
PLANS = (
    PLAN,
    keyed_plan(),
    *(shipped_plan(tomllib.loads(path.read_text("utf-8"))) for path in sorted(SCENARIOS.glob("plans/*.toml"))),
)
"""The shipped plan, and everything that the scenarios lay over it."""
LEFT_ALONE_S = 300
"""Within this time every caller who does nothing more has reached a person, when persons are there."""

Move = Callable[["Watched"], None]


class Watched(Telephones):
    """The world, in which after every event one agent has at most one call, and one call at most one agent."""

    def _take(self, events: list[Event], actions: list[Action]) -> None:
        super()._take(events, actions)
        busy = Counter(line.ring.phone for line in self.lines.values() if line.ring)
        assert all(n == 1 for n in busy.values()), f"two calls on one telephone: {busy}"
        held = Counter(call.ring.agent_id for call in self.floor.calls.values() if call.ring)
        assert all(n == 1 for n in held.values()), f"two calls for one agent: {held}"
        for call in self.floor.calls.values():
            assert sum(ring.ended_at is None for ring in call.rings) <= 1, f"two agents for {call.call_id}"

    def nth(self, n: int) -> str | None:
        """One of the callers on the line."""
        return list(self.lines)[n % len(self.lines)] if self.lines else None

    def serve(self, seconds: int) -> None:
        """Everybody does their duty: answers after a second, talks for a second, is ready again."""
        for profile in self.profiles:
            self.tell(ev.PhoneReached(self.now, profile.agent_id))
            self.tell(ev.AgentSignedIn(self.now, profile.agent_id))
        for call_id, line in list(self.lines.items()):
            if line.doing == "outside":
                self.end_leg(call_id, "hung_up")
        for _ in range(seconds):
            if not self.lines:
                return
            for profile in self.profiles:
                if not self.agent_hangs_up(profile.agent_id):
                    self.agent_answers(profile.agent_id)
                self.tell(ev.AgentPressedReady(self.now, profile.agent_id))
            self.pass_time(1)


# --- what can happen --------------------------------------------------------------------------------------------------


def arrive(ani: str, dnis: str) -> Move:
    return lambda world: world.arrive(ani, dnis) and None


def press(n: int, key: str, times: int) -> Move:
    """A key; `times` > 1: the end of the question is told more than once, as when two keys are pressed at once."""

    def move(world: Watched) -> None:
        call_id = world.nth(n)
        if call_id is None:
            return
        step = world.playing[call_id][0].step if call_id in world.playing else world.floor.calls[call_id].step
        world.key(call_id, key)
        for _ in range(times - 1):
            world.tell(ev.StepEnded(world.now, call_id, step, key))

    return move


def type_pin(n: int, digits: str) -> Move:
    return lambda world: world.type_pin(world.nth(n) or "", digits) and None


def hang_up(n: int) -> Move:
    return lambda world: world.hang_up(world.nth(n) or "")


def agent(kind: str, agent_id: str) -> Move:
    def move(world: Watched) -> None:
        ringing = world.ringing(agent_id)
        match kind:
            case "answer":
                world.agent_answers(agent_id)
            case "hang up":
                world.agent_hangs_up(agent_id)
            case "reject" if ringing:
                world.end_ring(ringing, "rejected")
            case "ready":
                world.tell(ev.AgentSignedIn(world.now, agent_id))
                world.tell(ev.AgentPressedReady(world.now, agent_id))
            case "break":
                world.tell(ev.AgentPressedBreak(world.now, agent_id))
            case "sign out":
                world.tell(ev.AgentSignedOut(world.now, agent_id))
            case "phone":
                world.tell(ev.PhoneLost(world.now, agent_id))

    return move


def outside(kind: str, n: int) -> Move:
    def move(world: Watched) -> None:
        call_id = world.nth(n) or ""
        match kind, call_id in world.outside and world.lines[call_id].doing:
            case "answer", "dialling":
                world.outside_answers(call_id)
            case "busy", "dialling":
                world.end_leg(call_id, "busy")
            case "hang up", "outside":
                world.end_leg(call_id, "hung_up")

    return move


def restart(down_s: float, leaving: int | None) -> Move:
    """The controller is away for a while, and perhaps somebody hangs up meanwhile."""

    def move(world: Watched) -> None:
        world.stop_controller()
        world.pass_time(down_s)
        if leaving is not None:
            hang_up(leaving)(world)
        world.start_controller()

    return move


CITIZEN, KNOWN_DEPUTY = "13800138000", "13907330001"
NUMBERS = st.sampled_from(["13800138000", "", "+8613907330001", "8613900000000", "1" * 40, "\x00\n", "anonymous"])
DIALLED = st.sampled_from(["12345", "12345", "12346", "", "0", "9" * 40])
KEYS = st.sampled_from("0123456789*#")
WAITS = st.sampled_from([0.0, 0.1, 1.0, 2.0, 5.0, 9.0, 31.0]).map(lambda s: lambda world: world.pass_time(s))
ARRIVALS = st.builds(arrive, NUMBERS, DIALLED)
PRESSES = st.builds(press, st.integers(0, 9), KEYS, st.integers(1, 3))
PINS = st.builds(type_pin, st.integers(0, 9), st.sampled_from(["246810", "111111", "", "#", "1" * 40]))
HANG_UPS = st.builds(hang_up, st.integers(0, 9))
AGENTS = st.builds(
    agent,
    st.sampled_from(["answer", "answer", "hang up", "reject", "ready", "ready", "break", "sign out", "phone"]),
    st.sampled_from([profile.agent_id for profile in PROFILES]),
)
OUTSIDE = st.builds(outside, st.sampled_from(["answer", "answer", "busy", "hang up"]), st.integers(0, 9))
RESTARTS = st.builds(restart, st.sampled_from([0.0, 1.0, 6.0, 30.0]), st.none() | st.integers(0, 9))
CLOCKS = st.sampled_from([-3600.0, 86400.0, -1.0, -86400.0, 600.0]).map(lambda s: lambda world: world.set_clock(s))
LEADER_DAY = 1_796_259_000.0
"""2026-12-03 08:50 in Shanghai: ten minutes before the leader day of a scenario."""
MOMENTS = st.floats(1_767_225_600, 1_798_761_600) | st.floats(LEADER_DAY, LEADER_DAY + 7800)


def moves(*kinds: st.SearchStrategy[Move]) -> st.SearchStrategy[list[Move]]:
    return st.lists(st.one_of(WAITS, *kinds), max_size=40)


def _balance(world: Watched) -> None:
    """After everybody has hung up: as many outcomes as calls, one each."""
    for call_id in list(world.lines):
        world.hang_up(call_id)
    world.pass_time(1)
    known = {e.call_id for e in world.journal if isinstance(e, ev.CallArrived | ev.CallFound | ev.CallFellBack)}
    ended = Counter(e.call_id for e in world.journal if isinstance(e, ev.CallEnded))
    assert set(ended) == known
    assert sum(Counter(e.outcome for e in world.journal if isinstance(e, ev.CallEnded)).values()) == len(known)
    assert not [a for a in world.floor.agents.values() if a.status in (Status.RESERVED, Status.TALKING)]


@settings(max_examples=150, deadline=None)
@given(
    first=ARRIVALS,
    happened=moves(PRESSES, PRESSES, PRESSES, AGENTS, ARRIVALS, OUTSIDE, PINS),
    start=MOMENTS,
    plan=st.sampled_from(PLANS),
)
def test_no_key_sequence_strands_a_caller(first: Move, happened: list[Move], start: float, plan: Plan) -> None:
    skills = frozenset(word for queue in plan.queues.queue.values() for word in queue.words)
    able = tuple(Profile(agent_id, agent_id, skills) for agent_id in ("8001", "8002"))
    world = Watched(plan, able, start, REGISTERS)
    for move in (first, *happened):
        move(world)
    world.serve(LEFT_ALONE_S)
    for call_id in world.floor.calls:
        call = world.floor.calls[call_id]
        met = call.answered or any(leg.answered_at for leg in call.legs)
        assert met, f"{call_id} is {call.stage} and nobody has answered"
    assert not world.lines, "somebody is still on the line"
    assert {e.outcome for e in world.journal if isinstance(e, ev.CallEnded)} <= {
        Outcome.ANSWERED,
        Outcome.PASSED_ON,
    }
    _balance(world)


@settings(max_examples=150, deadline=None)
@given(
    happened=moves(ARRIVALS, PRESSES, HANG_UPS, AGENTS, AGENTS, OUTSIDE, PINS, RESTARTS, CLOCKS),
    plan=st.sampled_from(PLANS),
)
def test_the_books_balance_whatever_happens(happened: list[Move], plan: Plan) -> None:
    world = Watched(plan, PROFILES, 1_790_000_000.0, REGISTERS)
    for move in happened:
        move(world)
    _balance(world)


@settings(max_examples=150, deadline=None)
@given(happened=moves(ARRIVALS, PRESSES, HANG_UPS, AGENTS, AGENTS, OUTSIDE, PINS, CLOCKS), plan=st.sampled_from(PLANS))
def test_a_clock_that_jumps_loses_nobody(happened: list[Move], plan: Plan) -> None:
    world = Watched(plan, PROFILES, 1_790_000_000.0, REGISTERS)
    for move in happened:
        before = len(world.journal)
        move(world)
        fallen = [e for e in world.journal[before:] if isinstance(e, ev.CallFellBack)]
        assert not fallen, "the static queue took a call from a controller that was there"
    ended = {e.call_id for e in world.journal if isinstance(e, ev.CallEnded)}
    assert not ended & set(world.lines)
    waiting = [call_id for call_id in world.lines if world.floor.calls[call_id].stage is Stage.WAITING]
    world.serve(LEFT_ALONE_S)
    assert all(world.floor.calls[call_id].rings for call_id in waiting if call_id in world.floor.calls)
    _balance(world)


def test_who_left_unseen_after_the_clock_was_set_back_is_in_the_books() -> None:
    world = Watched(PLAN, PROFILES, 1_790_000_000.0)
    for move in (arrive("13800138000", "12345"), lambda w: w.set_clock(-3600), restart(1.0, 0)):
        move(world)
    _balance(world)


@settings(max_examples=30, deadline=None)
@given(arrivals=st.lists(st.tuples(st.sampled_from([CITIZEN, KNOWN_DEPUTY]), st.sampled_from([1, 3, 5])), max_size=40))
def test_nobody_starves_however_many_come_with_a_higher_priority(arrivals: list[tuple[str, int]]) -> None:
    """One agent, too many callers: who came earlier by more than the priorities are worth is served first."""
    plan = shipped_plan({"queues": {"order": {"age_s": 3}}})
    able = Profile("8001", "8001", frozenset(word for queue in plan.queues.queue.values() for word in queue.words))
    world = Watched(plan, (able,), 1_790_000_000.0, REGISTERS)
    for ani, pause in ((CITIZEN, 10), *arrivals, *[(KNOWN_DEPUTY, 3)] * 20):
        world.arrive(ani, "12345")
        world.serve(pause)
    world.serve(LEFT_ALONE_S)
    assert not world.lines
    joined = {e.call_id: e for e in world.journal if isinstance(e, ev.CallQueued)}
    offered = [e for e in world.journal if isinstance(e, ev.CallOffered)]
    for place, late in enumerate(offered):
        passed = joined[late.call_id]
        for early in offered[:place]:
            first = joined[early.call_id]
            ahead = plan.queues.queue[first.queue].priority - plan.queues.queue[passed.queue].priority
            waited = passed.at < early.at
            assert not waited or first.at <= passed.at + ahead * 3, f"{first} went before {passed}"
