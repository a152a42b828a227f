"""What people and machines can do to the telephone world, one move at a time, for Hypothesis to choose from."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core.dialplan import Plan
from tests.core.watched import Watched
from tests.core.world import PROFILES

Move = Callable[[Watched], None]


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
        match kind:
            case "answer":
                world.agent_answers(agent_id)
            case "hang up":
                world.agent_hangs_up(agent_id)
            case "reject":
                world.reject(agent_id)
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


def everybody(kind: str) -> Move:
    """All agents do the same."""

    def move(world: Watched) -> None:
        for profile in world.profiles:
            agent(kind, profile.agent_id)(world)

    return move


def outside(kind: str, n: int) -> Move:
    """An outside number that was called for the citizen, or into the room."""

    def move(world: Watched) -> None:
        call_id = world.nth(n) or ""
        leg_id = world.room_leg(call_id)
        rings = world.rooms.of(call_id).legs.get(leg_id) is False
        match kind, call_id in world.outside and world.lines[call_id].doing:
            case "answer", _ if leg_id and rings:
                world.room_leg_answers(leg_id)
            case ("busy", _) | ("hang up", _) if leg_id:
                world.room_leg_ends(leg_id, "busy" if rings else "hung_up")
            case "answer", "dialling":
                world.outside_answers(call_id)
            case "busy", "dialling":
                world.end_leg(call_id, "busy")
            case "hang up", "outside":
                world.end_leg(call_id, "hung_up")

    return move


def transfer(button: tuple[str, tuple[tuple[str, str], ...]], n: int) -> Move:
    """One of the agents who talk presses a button on the desk."""
    kind, to = button

    def move(world: Watched) -> None:
        talks = [call for call in world.floor.calls.values() if call.ring and call.ring.answered_at is not None]
        ring = talks[n % len(talks)].ring if talks else None
        if ring:
            call_id = talks[n % len(talks)].call_id
            world.tell(ev.TransferAsked(world.now, call_id, ring.ring_id, kind, **dict(to)))

    return move


def citizen(answers: bool, n: int) -> Move:
    """A citizen whom the hotline calls."""

    def move(world: Watched) -> None:
        rung = [call_id for call_id, line in world.lines.items() if line.doing == "calling"]
        if rung and answers:
            world.answer(rung[n % len(rung)])
        elif rung:
            world.refuse(rung[n % len(rung)], "rejected")

    return move


def supervisor(kind: str, n: int) -> Move:
    def move(world: Watched) -> None:
        call_id = world.nth(n)
        tasks = [task.task_id for task in world.floor.callbacks.values() if task.open]
        match kind:
            case "move up" if call_id:
                world.tell(ev.CallMovedUp(world.now, call_id, "banzhang", "老人，很急"))
            case "word":  # nobody's doing but the recogniser's
                world.says_a_word(n)
            case "mark":
                world.tell(ev.CallerMarked(world.now, CITIZEN, "banzhang", "反复辱骂", world.now + 86400))
            case "call back" if tasks:
                world.tell(ev.CallbackOrdered(world.now, tasks[n % len(tasks)], "banzhang"))

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


def reload(plan: Plan) -> Move:
    """The city's files have changed."""

    def move(world: Watched) -> None:
        world.plan = plan
        world.floor.change_plan(plan, world.now)

    return move


def hasty(ani: str) -> Move:
    """A call that was over before its channel took orders."""

    def move(world: Watched) -> None:
        call_id = f"{int(world.now)}.8{len(world.journal)}"
        world.tell(ev.CallerHungUp(world.now, call_id, 16))
        world.tell(ev.CallUnattended(float(int(world.now)), call_id, ani, "12345"))
        world.tell(ev.CallerHungUp(world.now, call_id, 16))

    return move


def alone(ani: str, how: str, ago_s: float) -> Move:
    """A call of which the controller hears when it is over."""

    def move(world: Watched) -> None:
        call_id, began = f"{int(world.now - ago_s)}.9{len(world.journal)}", world.now - ago_s
        if how == "unattended":
            world.recount(ev.CallUnattended(began, call_id, ani, "12345"))
        else:
            world.recount(ev.CallFellBack(began, call_id, ani, "12345"))
        if how == "taken":
            world.recount(ev.FallbackAnswered(began + 5, call_id, "8001"))
        world.recount(ev.CallerHungUp(began + 9, call_id))

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
DUTY = st.sampled_from(["ready", "ready", "answer", "answer", "hang up"]).map(everybody)
OUTSIDE = st.builds(outside, st.sampled_from(["answer", "answer", "busy", "hang up"]), st.integers(0, 9))
RESTARTS = st.builds(restart, st.sampled_from([0.0, 1.0, 6.0, 30.0]), st.none() | st.integers(0, 9))
CLOCKS = st.sampled_from([-3600.0, 86400.0, -1.0, -86400.0, 600.0]).map(lambda s: lambda world: world.set_clock(s))
LEADER_DAY = 1_796_259_000.0
"""2026-12-03 08:50 in Shanghai: ten minutes before the leader day of a scenario."""
MOMENTS = st.floats(1_767_225_600, 1_798_761_600) | st.floats(LEADER_DAY, LEADER_DAY + 7800)
WATER = (("number", "96533"), ("name", "供水"))
HELP = tuple((kind, (("agent_id", who),)) for kind in ("consult", "three_way") for who in ("8001", "8002", "8003"))
BUTTONS = (
    ("consult", WATER), ("consult", WATER), ("three_way", WATER), ("three_way", ()), ("complete", ()),
    ("complete", ()), ("cancel", ()), ("back_to_line", ()), ("blind", WATER),
    ("blind", (("queue", "enterprise"),)), ("blind", (("agent_id", "8002"),)), *HELP, *HELP,
)  # fmt: skip
TRANSFERS = st.builds(transfer, st.sampled_from(BUTTONS), st.integers(0, 9))
CITIZENS = st.builds(citizen, st.booleans(), st.integers(0, 9))
HASTY = st.builds(hasty, NUMBERS)
ALONE = st.builds(alone, NUMBERS, st.sampled_from(["unattended", "missed", "taken"]), st.sampled_from([9.0, 3600.0]))
SUPERVISORS = st.builds(supervisor, st.sampled_from(["move up", "word", "mark", "call back"]), st.integers(0, 9))


def moves(*kinds: st.SearchStrategy[Move]) -> st.SearchStrategy[list[Move]]:
    a_move = st.one_of(WAITS, *kinds)
    return st.lists(a_move, max_size=40) | st.lists(a_move, min_size=12, max_size=40)


def then(seconds: float) -> Move:
    return lambda world: world.pass_time(seconds)


TALK = (everybody("ready"), arrive(CITIZEN, "12345"), then(9), everybody("answer"))
STAYING = (
    (),
    TALK,
    (arrive(CITIZEN, "12345"), then(12), press(0, "1", 1), then(2)),
    (arrive(CITIZEN, "12345"), then(12), press(0, "1", 1), then(2), everybody("ready")),
)
"""Nothing; a talk; a caller who asked to be called back, and who is being called."""
GAVE_UP = (arrive(CITIZEN, "12345"), then(12), hang_up(0), then(60), everybody("ready"))
