"""What must hold whatever people press and whatever happens, over a telephone world with a clock."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core.agents import Profile, Status
from ivr.core.call_states import BEGINS
from ivr.core.callbacks import State
from ivr.core.calls import REACHED_NOBODY, Outcome, Stage
from ivr.core.dialplan import Plan
from ivr.core.dialplan.trial import Heard, Trial
from ivr.core.numbers import national
from tests import scenarios
from tests.core.moves import (
    AGENTS,
    ALONE,
    ARRIVALS,
    CITIZEN,
    CITIZENS,
    CLOCKS,
    DIALLED,
    DUTY,
    GAVE_UP,
    HANG_UPS,
    HASTY,
    KEYS,
    KNOWN_DEPUTY,
    MOMENTS,
    NUMBERS,
    OUTSIDE,
    PINS,
    PRESSES,
    RESTARTS,
    STAYING,
    SUPERVISORS,
    TALK,
    TRANSFERS,
    Move,
    alone,
    arrive,
    citizen,
    everybody,
    moves,
    reload,
    restart,
)
from tests.core.watched import Watched
from tests.core.world import PROFILES, REGISTERS, keyed_plan, shipped_plan

PLAN = shipped_plan()
SCENARIOS = Path(scenarios.__file__).parent
PLANS = (
    PLAN,
    keyed_plan(),
    *(shipped_plan(tomllib.loads(path.read_text("utf-8"))) for path in sorted(SCENARIOS.glob("plans/*.toml"))),
)
"""The shipped plan, and everything that the scenarios lay over it."""
EMERGENCIES = shipped_plan(tomllib.loads((SCENARIOS / "plans/emergencies.toml").read_text("utf-8")))
LEFT_ALONE_S = 300
"""Within this time every caller who does nothing more has reached a person, when persons are there."""

STAYS = (
    PRESSES, PRESSES, PRESSES, AGENTS, AGENTS, ARRIVALS, OUTSIDE, PINS, DUTY, TRANSFERS, TRANSFERS, CITIZENS,
    SUPERVISORS,
)  # fmt: skip
"""What can happen while no caller hangs up."""
EVERYTHING = (*STAYS, HANG_UPS)


RELOADS = st.builds(reload, st.sampled_from(PLANS))


def _able(*plans: Plan) -> tuple[Profile, ...]:
    """Agents who can serve every line, among them all who have a seat beside a leader."""
    skills = frozenset(word for plan in plans for queue in plan.queues.queue.values() for word in queue.words)
    seats = {seat for plan in plans for day in (plan.leader_days.day if plan.leader_days else ()) for seat in day.seats}
    return tuple(Profile(agent_id, agent_id, skills) for agent_id in sorted({"8001", "8002"} | seats))


def _balance(world: Watched) -> None:
    """After everybody has hung up: one outcome per call, nobody held, and nobody forgotten."""
    for _ in range(200):  # who hung up in the line is called back, and hangs up again; a dial unheard of is overdue
        if not world.lines and not any(call.live for call in world.floor.calls.values()):
            break
        for call_id in list(world.lines):
            world.hang_up(call_id)
        world.pass_time(1)
    assert not world.lines
    tried = {e.call_id for e in world.journal if isinstance(e, ev.CallbackTried)}
    begun = {e.call_id for e in world.journal if isinstance(e, BEGINS)} - tried
    ended = [e for e in world.journal if isinstance(e, ev.CallEnded)]
    assert Counter(e.call_id for e in ended) == Counter(tried | begun)
    offered = [e.outcome for e in ended if e.call_id not in tried]
    assert len(offered) == len(begun - tried), "the books: offered = the sum of outcomes"
    assert Outcome.NOT_REACHED not in offered, "a call that came in is booked as one that we made"
    assert not [a for a in world.floor.agents.values() if a.status in (Status.RESERVED, Status.TALKING)]
    assert not [room for room in world.rooms.rooms.values() if room.agent or room.legs], "somebody is left in a room"
    _nobody_forgotten(world)


def _nobody_forgotten(world: Watched) -> None:
    """Whoever reached no person has an open task, until somebody has spoken with them."""
    numbers: dict[str, str] = {}
    owed: dict[str, bool] = {}
    for event in world.journal:
        match event:
            case ev.CallbackTried() | ev.CallArrived() | ev.CallFound() | ev.CallFellBack() | ev.CallUnattended():
                numbers.setdefault(event.call_id, national(event.ani))
            case ev.CallbackOpened():
                owed[national(event.ani)] = True
            case ev.CallEnded() if event.outcome in REACHED_NOBODY:
                owed[numbers.get(event.call_id, "")] = True
            case ev.AgentAnswered() | ev.LegAnswered() | ev.FallbackAnswered():
                owed[numbers[event.call_id]] = False
    open_tasks = {national(task.number) for task in world.floor.callbacks.values() if task.open}
    forgotten = {number for number, is_owed in owed.items() if number and is_owed} - open_tasks
    assert not forgotten, f"nobody will call {forgotten}"


@settings(max_examples=150)
@given(
    first=st.sampled_from(STAYING),
    arrival=ARRIVALS,
    happened=moves(*STAYS),
    start=MOMENTS,
    plan=st.sampled_from(PLANS),
)
def test_no_key_sequence_strands_a_caller(
    first: Sequence[Move], arrival: Move, happened: list[Move], start: float, plan: Plan
) -> None:
    world = Watched(plan, _able(plan), start, REGISTERS)
    for move in (*first, arrival, *happened):
        move(world)
    world.serve(LEFT_ALONE_S)
    for call in world.floor.calls.values():
        met = call.answered or any(leg.answered_at for leg in call.legs)
        back = call.outcome in (Outcome.CALLBACK_ASKED, Outcome.NOT_REACHED)
        assert met or back, f"{call.call_id} is {call.stage} and nobody has answered"
    assert not world.lines, "somebody is still on the line"
    for task in world.floor.callbacks.values():
        assert not task.open or task.state is State.HANDED_TO_PERSON, f"{task.task_id} waits, and agents are free"
    _balance(world)


@settings(max_examples=150)
@example(ani=CITIZEN, dnis="12345", keys=["0"], at=1_790_000_000.0, plan=EMERGENCIES)
@given(
    ani=NUMBERS | st.sampled_from([KNOWN_DEPUTY, "073122880002"]),
    dnis=DIALLED | st.sampled_from(["12119", "12366", "12369", "+8612346"]),
    keys=st.lists(KEYS, max_size=6),
    at=MOMENTS,
    plan=st.sampled_from(PLANS),
)
def test_what_is_explained_is_what_happens(ani: str, dnis: str, keys: list[str], at: float, plan: Plan) -> None:
    """Where `ivr explain` and `ivr try` say that a call ends is where it ends, with somebody at every desk."""
    trial, presses = Trial(plan, ani, dnis, at, REGISTERS), iter(keys)
    told = list(trial.step())[-1]
    while isinstance(told, Heard):
        told = list(trial.step("" if told.pin else next(presses, "")))[-1]
    world = Watched(plan, _able(plan), at, REGISTERS)
    everybody("ready")(world)
    everybody("break")(world)
    call_id, presses = world.arrive(ani, dnis), iter(keys)
    while (call := world.floor.calls[call_id]).stage is Stage.MENU:
        world.tell(ev.StepEnded(at, call_id, call.step, "" if "pin:" in call.step_name else next(presses, "")))
    transfer = call.legs[-1].number if call.legs else ""
    assert (told.transfer, told.mark, told.emergency, told.about) == (transfer, call.mark, call.emergency, call.about)
    if not transfer:
        assert (told.queue, told.priority, told.why) == (call.queue, call.priority, call.queued_why)


@settings(max_examples=100)
@given(
    first=st.sampled_from(STAYING),
    happened=moves(*STAYS, RELOADS, RELOADS),
    start=st.just(1_790_000_000.0) | MOMENTS,
    plan=st.sampled_from(PLANS),
)
def test_no_change_of_the_files_strands_a_caller(
    first: Sequence[Move], happened: list[Move], start: float, plan: Plan
) -> None:
    """Lines, menus and days come and go while people are on their way to them."""
    world = Watched(plan, _able(*PLANS), start, REGISTERS)
    for move in (*first, *happened):
        move(world)
    world.serve(LEFT_ALONE_S)
    assert not world.lines, "somebody is still on the line"
    for task in world.floor.callbacks.values():
        assert not task.open or task.state is State.HANDED_TO_PERSON, f"{task.task_id} waits, and agents are free"
    _balance(world)


@settings(max_examples=150)
@given(happened=moves(TRANSFERS, TRANSFERS, OUTSIDE, OUTSIDE, DUTY, PRESSES, AGENTS, RESTARTS, HANG_UPS))
def test_no_transfer_strands_a_caller(happened: list[Move]) -> None:
    """Whoever does what while citizens are given on: those who stay on the line have spoken with somebody."""
    world = Watched(PLAN, PROFILES, 1_790_000_000.0, REGISTERS)
    for move in (*TALK, *happened):
        move(world)
    world.serve(LEFT_ALONE_S)
    assert not world.lines, "somebody is still on the line"
    assert not [call for call in world.floor.calls.values() if call.live]
    _balance(world)


@settings(max_examples=150)
@given(
    first=st.sampled_from((*STAYING, GAVE_UP)),
    happened=moves(*EVERYTHING, RESTARTS, RELOADS, CLOCKS, ALONE, HASTY),
    plan=st.sampled_from(PLANS),
)
@example(first=GAVE_UP, happened=[citizen(answers=True, n=0), alone(CITIZEN, "taken", 9.0)], plan=PLAN)
def test_the_books_balance_whatever_happens(first: Sequence[Move], happened: list[Move], plan: Plan) -> None:
    world = Watched(plan, PROFILES, 1_790_000_000.0, REGISTERS)
    for move in (*first, *happened):
        move(world)
    _balance(world)


@settings(max_examples=150)
@given(first=st.sampled_from((*STAYING, GAVE_UP)), happened=moves(*EVERYTHING, CLOCKS), plan=st.sampled_from(PLANS))
def test_a_clock_that_jumps_loses_nobody(first: Sequence[Move], happened: list[Move], plan: Plan) -> None:
    world = Watched(plan, _able(plan), 1_790_000_000.0, REGISTERS)
    for move in (*first, *happened):
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


@settings(max_examples=30)
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
