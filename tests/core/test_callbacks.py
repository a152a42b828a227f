"""Nobody who reached no person is forgotten; a callback never jumps the line and never rings twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, time
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import actions as do
from ivr.core import callbacks
from ivr.core import events as ev
from ivr.core.agents import Profile, Status
from ivr.core.callbacks import Callback, Dialling, State
from ivr.core.calls import REACHED_NOBODY, Call, Outcome, Stage
from ivr.core.dialplan import Plan
from ivr.core.events import Event
from ivr.core.floor import Rules
from ivr.core.numbers import national
from ivr.core.spans import is_over
from tests.core.callers import works
from tests.core.world import PROFILES, World, shipped_plan
from tests.scenarios.telephones import Telephones

MOBILE, OTHER = "13800138000", "13900139000"
ROUND_THE_CLOCK = Dialling(True, time(0), time(23, 59, 59), missed_after_s=60, pause_s=30)


class Hotline(World):
    """A world that calls back, and watches whom."""

    def __init__(self, seed: int = 1, rules: Dialling = ROUND_THE_CLOCK, plan: Plan | None = None) -> None:
        self.missed: dict[str, float] = {}
        super().__init__(Random(seed), plan, rules=Rules(callback=rules))

    def _perform(self, action: do.Action) -> None:
        if isinstance(action, do.DialCitizen):
            number = national(action.number)
            up = [c.call_id for c in self.floor.calls.values() if c.live and national(c.ani) == number]
            assert up == [action.call_id], f"{number} is dialled while it calls or rings: {up}"
            assert self.floor.calls[action.call_id].ring, "dialled without an agent"
        super()._perform(action)

    def _take(self, events: list[Event], actions: list[do.Action]) -> None:
        for n, event in enumerate(events):
            if isinstance(event, ev.CallbackTried):
                later = {e.call_id for e in events[n:] if isinstance(e, ev.CallQueued)}
                self._check_turn(event, later)
        super()._take(events, actions)

    def _check_turn(self, tried: ev.CallbackTried, later: set[str]) -> None:
        turn = self._turn(tried, tried.place_at)
        for call in self.floor.calls.values():
            if self._kept(call):
                continue  # they wait for the agent who knows them, and let the others pass
            if call.stage is Stage.WAITING and call.queue == tried.queue and call.call_id not in later:
                theirs = self._turn(call, call.place_at or 0)
                assert theirs >= turn, f"{tried.task_id} jumped over {call.call_id}"

    def _turn(self, who: Call | ev.CallbackTried, place_at: float) -> tuple[bool, float]:
        """Emergencies first; else a point of priority is worth some seconds."""
        queues = self.floor.plan.queues
        priority = queues.queue[who.queue].priority if who.priority is None else who.priority
        return not who.emergency, place_at - (0 if who.emergency else queues.order.age_s * priority)

    def _kept(self, call: Call) -> bool:
        known = self.floor.agents.get(call.former_agent)
        since = call.queued_at or 0.0
        return known is not None and known.soon and not is_over(since, self.floor.plan.queues.order.known_s, self.now)

    def ask_back(self, call_id: str) -> None:
        """Press 1 while an announcement is played."""
        for _ in range(4):
            order = self._played(call_id)
            if isinstance(order, do.Ask):
                self.tell(ev.StepEnded(self.now, call_id, order.step, "1"))
                return
            if order:
                self.tell(ev.StepEnded(self.now, call_id, order.step))
            else:
                self.wait(30)
        raise AssertionError("no announcement that takes keys")

    def _played(self, call_id: str) -> do.Ask | do.Say | None:
        line = self.lines[call_id]
        order = next((o for o in line.orders if isinstance(o, do.Ask | do.Say)), None)
        line.orders = [o for o in line.orders if o is not order]
        return order

    def ready(self, agent_id: str = "8002") -> None:
        self.tell(ev.AgentSignedIn(self.now, agent_id))
        self.tell(ev.AgentPressedReady(self.now, agent_id))

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.tick()

    def in_line(self, ani: str = MOBILE) -> str:
        """A caller who heard the menu and waits."""
        call_id = self.arrive(ani)
        line = self.lines[call_id]
        while self.floor.calls[call_id].stage is not Stage.WAITING or self.floor.calls[call_id].step:
            order = line.orders.pop(0)
            if isinstance(order, do.Ask | do.Say):
                self.tell(ev.StepEnded(self.now, call_id, order.step))
        return call_id

    def hear(self, call_id: str) -> None:
        """The prompt that is being played comes to its end."""
        order = next(o for o in self.lines[call_id].orders if isinstance(o, do.Say | do.Ask))
        self.lines[call_id].orders.remove(order)
        self.tell(ev.StepEnded(self.now, call_id, order.step))

    def dialled(self) -> list[str]:
        return [call_id for call_id, line in self.lines.items() if line.doing == "calling"]

    @property
    def task(self) -> Callback:
        (task,) = [t for t in self.floor.callbacks.values() if t.open]
        return task

    def last(self, kind: type) -> Event:
        return next(e for e in reversed(self.journal) if isinstance(e, kind))


def _asked(hotline: Hotline, ani: str = MOBILE) -> str:
    call_id = hotline.in_line(ani)
    hotline.ask_back(call_id)
    hotline.hear(call_id)
    return call_id


# --- stories --------------------------------------------------------------------------------------------------------


def test_who_asks_is_called_when_an_agent_is_free_and_the_books_show_both_calls() -> None:
    hotline = Hotline()
    first = _asked(hotline)
    assert hotline.floor.calls[first].outcome is Outcome.CALLBACK_ASKED
    hotline.wait(100)
    assert not hotline.dialled()
    hotline.ready()
    (call_id,) = hotline.dialled()
    agent = hotline.floor.agents["8002"]
    assert (agent.status, agent.call_id) == (Status.RESERVED, call_id)
    hotline.now += 5
    hotline.answer(call_id)
    assert hotline.lines[call_id].orders[0].prompts == ("callback_connecting", "recording_notice")  # type: ignore[union-attr]
    ring = hotline.lines[call_id].orders[1]
    assert isinstance(ring, do.RingAgent) and ring.phone == "8002"
    hotline.now += 5
    hotline.tell(ev.AgentAnswered(hotline.now, call_id, ring.ring_id))
    (task,) = hotline.floor.callbacks.values()
    assert task.state is State.DONE
    call = hotline.floor.calls[call_id]
    assert (call.task_id, call.ani, call.stage) == (task.task_id, MOBILE, Stage.TALKING)
    assert call.wait_s(hotline.now) == 5


def _two_languages() -> Plan:
    """Key 9 is English, with a general line and one prompt of its own."""
    plan = shipped_plan(
        {
            "city": {
                "language": {"en": {"name": "English", "queue": {"general": "general_en"}}},
                "menu": {"main": {"key": {"9": {"menu": "main", "language": "en"}}}},
            },
            "queues": {"queue": {"general_en": {"name": "英语席", "skill": "enterprise"}}},
        }
    )
    return plan.model_copy(update={"durations": plan.durations | {"en/callback_connecting": 1.0}})


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("queued", [False, True])
def test_the_citizen_is_called_back_in_their_language_and_by_its_agents(restarts: bool, queued: bool) -> None:
    hotline = Hotline(plan=_two_languages())
    call_id = hotline.arrive(MOBILE)
    (ask,) = (o for o in hotline.lines[call_id].orders if isinstance(o, do.Ask))
    hotline.tell(ev.StepEnded(hotline.now, call_id, ask.step, "9"))
    if queued:
        ask = next(o for o in hotline.lines[call_id].orders if isinstance(o, do.Ask) and o.step != ask.step)
        hotline.tell(ev.StepEnded(hotline.now, call_id, ask.step))
    hotline.hang_up(call_id)
    assert hotline.task.language == "en"
    if restarts:
        hotline.restart_controller()
    hotline.ready("8002")  # speaks no English
    hotline.wait(100)
    assert not hotline.dialled()
    hotline.ready("8001")
    hotline.wait(1)
    (tried,) = hotline.dialled()
    call = hotline.floor.calls[tried]
    assert (call.ani, call.dnis, call.queue, call.language) == (MOBILE, "12345", "general_en", "en")
    hotline.answer(tried)
    assert hotline.lines[tried].orders[0].prompts == ("en/callback_connecting", "recording_notice")  # type: ignore[union-attr]


def test_the_place_is_kept_and_nobody_is_jumped() -> None:
    hotline = Hotline()
    before = hotline.in_line(OTHER)
    hotline.now += 1
    _asked(hotline)
    hotline.now += 1
    after = hotline.in_line("13700137000")
    assert hotline.floor.line.ahead_of(after, hotline.now) == 2
    hotline.ready()
    assert hotline.floor.calls[before].stage is Stage.RINGING
    hotline.tell(ev.AgentSignedIn(hotline.now, "8001"))
    hotline.tell(ev.AgentPressedReady(hotline.now, "8001"))
    assert hotline.dialled() and hotline.floor.calls[after].stage is Stage.WAITING


def test_no_answer_frees_the_agent_at_once_and_after_three_tries_a_person_decides() -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.ready()
    for tries in (1, 2, 3):
        (call_id,) = hotline.dialled()
        hotline.refuse(call_id, "no_answer")
        assert hotline.floor.agents["8002"].status is Status.READY, "no wrap-up after a call that nobody took"
        assert hotline.floor.calls[call_id].outcome is Outcome.NOT_REACHED
        assert hotline.task.tries == tries
        hotline.wait(29)
        assert not hotline.dialled(), "not before the pause is over"
        hotline.wait(1)
    assert hotline.task.state is State.HANDED_TO_PERSON
    hotline.wait(30 * 86400)
    assert hotline.task.state is State.HANDED_TO_PERSON and not hotline.dialled(), "nothing is closed by time alone"
    hotline.tell(ev.CallbackOrdered(hotline.now, hotline.task.task_id, "banzhang"))
    assert hotline.dialled()
    hotline.refuse(hotline.dialled()[0], "busy")
    assert hotline.task.state is State.HANDED_TO_PERSON
    hotline.tell(ev.CallbackClosed(hotline.now, hotline.task.task_id, "banzhang", "已上门"))
    assert not [t for t in hotline.floor.callbacks.values() if t.open]


@pytest.mark.parametrize("cause_first", [True, False])
def test_a_try_ends_once_and_for_the_reason_that_came_first(cause_first: bool) -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.ready()
    (call_id,) = hotline.dialled()
    ends: list[Event] = [
        ev.CallerHungUp(hotline.now, call_id, 17),
        ev.CitizenNotReached(hotline.now, call_id, "unreachable"),
    ]
    for event in ends if cause_first else reversed(ends):
        hotline.tell(event)
    del hotline.lines[call_id]
    (failed,) = [event for event in hotline.journal if isinstance(event, ev.CallbackFailed)]
    assert failed.reason == ("busy" if cause_first else "unreachable")
    assert (hotline.task.state, hotline.task.tries) == (State.OPEN, 1)
    assert hotline.floor.agents["8002"].status is Status.READY
    assert len([event for event in hotline.journal if getattr(event, "outcome", "") == Outcome.NOT_REACHED]) == 1


def test_when_the_agent_does_not_answer_the_citizen_heads_the_line() -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.now += 1
    other = hotline.in_line(OTHER)
    hotline.ready()
    (call_id,) = hotline.dialled()
    hotline.answer(call_id)
    ring = hotline.floor.calls[call_id].ring
    assert ring
    hotline.tell(ev.RingEnded(hotline.now, call_id, ring.ring_id, "no_answer"))
    places = [hotline.floor.line.ahead_of(waiting, hotline.now) for waiting in (call_id, other)]
    assert places == [0, 1]
    hotline.ready("8001")
    assert hotline.floor.calls[call_id].stage is Stage.RINGING
    hotline.hang_up(call_id)
    assert hotline.task.state is State.OPEN and hotline.task.tries == 1


def test_an_agent_who_goes_on_a_break_while_the_citizen_is_dialled_is_let_go() -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.ready()
    (call_id,) = hotline.dialled()
    hotline.tell(ev.AgentPressedBreak(hotline.now, "8002"))
    assert hotline.floor.agents["8002"].status is Status.AWAY
    hotline.answer(call_id)
    assert hotline.floor.calls[call_id].stage is Stage.WAITING


def test_a_new_call_of_the_same_number_takes_up_the_kept_place() -> None:
    hotline = Hotline()
    first = _asked(hotline)
    place = hotline.floor.calls[first].place_at
    hotline.now += 50
    hotline.in_line(OTHER)
    again = hotline.in_line("+86" + MOBILE)
    assert hotline.floor.calls[again].place_at == place
    assert hotline.floor.line.ahead_of(again, hotline.now) == 0
    dropped = hotline.last(ev.CallbackDropped)
    assert isinstance(dropped, ev.CallbackDropped)
    assert (dropped.reason, dropped.call_id) == ("called_again", again)
    hotline.hang_up(again)
    assert hotline.task.reason == "abandoned", "a call that reached nobody again is a task again"


def test_who_calls_while_we_dial_them_is_dialled_no_more() -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.ready()
    assert hotline.dialled()
    again = hotline.arrive()
    assert not hotline.dialled()
    assert hotline.task.tries == 0, "that try does not count"
    assert hotline.floor.agents["8002"].status is Status.READY
    hotline.hang_up(again)
    hotline.wait(1)
    assert hotline.dialled()


@pytest.mark.parametrize("queue", [True, False], ids=["abandoned", "left in the menu"])
def test_a_missed_call_becomes_one_task_per_number(queue: bool) -> None:
    hotline = Hotline(rules=Dialling())
    for ani in (MOBILE, "+86" + MOBILE, "0" + MOBILE):
        hotline.hang_up(hotline.in_line(ani) if queue else hotline.arrive(ani))
    assert hotline.task.reason == ("abandoned" if queue else "left_in_menu")
    hotline.ready()
    call_id = hotline.arrive()
    hotline.floor._run(iter((ev.CallQueued(hotline.now, call_id, "general", "test"),)))
    ring = hotline.floor.calls[call_id].ring
    assert ring
    hotline.tell(ev.AgentAnswered(hotline.now, call_id, ring.ring_id))
    (task,) = hotline.floor.callbacks.values()
    assert (task.state, task.try_id) == (State.DONE, "")


def test_a_withheld_number_is_booked_as_such() -> None:
    hotline = Hotline()
    call_id = hotline.arrive("")
    hotline.hang_up(call_id)
    assert hotline.last(ev.CallbackImpossible) == ev.CallbackImpossible(hotline.now, call_id, "withheld")
    assert not hotline.floor.callbacks


def test_missed_callers_come_after_those_who_wait_until_their_half_hour_is_over() -> None:
    hotline = Hotline(rules=replace(ROUND_THE_CLOCK, missed_after_s=1800))
    hotline.hang_up(hotline.in_line())
    hotline.now += 600
    waiting = hotline.in_line(OTHER)
    hotline.ready()
    assert hotline.floor.calls[waiting].stage is Stage.RINGING and not hotline.dialled()
    hotline.tell(ev.AgentPressedReady(hotline.now, "8001"))
    hotline.wait(1201)
    late = hotline.in_line("13700137000")
    hotline.ready("8001")
    assert hotline.dialled() and hotline.floor.calls[late].stage is Stage.WAITING


def test_killed_between_the_reservation_and_the_dialling_nothing_rings_twice_and_the_task_is_kept() -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.ready()
    (call_id,) = hotline.dialled()
    hotline.now += 1
    del hotline.lines[call_id]  # the order never reached Asterisk
    hotline.restart_controller()
    assert not hotline.dialled() and hotline.task.state is State.OPEN
    assert hotline.floor.agents["8002"].status is Status.READY
    hotline.wait(31)
    assert len(hotline.dialled()) == 1
    hotline.restart_controller()
    hotline.wait(20)
    assert len(hotline.dialled()) == 1 and hotline.task.state is State.CALLING
    hotline.answer(hotline.dialled()[0])
    assert hotline.floor.agents["8002"].status is Status.RESERVED


def test_a_dial_of_which_nothing_is_heard_again_frees_the_agent() -> None:
    hotline = Hotline()
    _asked(hotline)
    hotline.ready()
    hotline.wait(71)
    assert hotline.task.tries == 1 and hotline.floor.agents["8002"].status is Status.READY
    assert not hotline.dialled(), "the telephone rings on, and would ring twice at the next try"


# --- when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-10-01 07:59:59", "2026-10-01 08:00:00"),
        ("2026-10-01 08:00:00", "2026-10-01 08:00:00"),
        ("2026-10-01 20:59:59", "2026-10-01 20:59:59"),
        ("2026-10-01 21:00:00", "2026-10-02 08:00:00"),
    ],
)
def test_outside_its_hours_it_waits(at: str, due: str) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    now = datetime.fromisoformat(at).replace(tzinfo=zone).timestamp()
    task = callbacks.begin(ev.CallbackOpened(now, "cb-1", "1", MOBILE, "general", "", "asked", now - 60))
    rules = Dialling(True)
    found = callbacks.due_at(task, rules, "Asia/Shanghai")
    assert found is not None
    assert datetime.fromtimestamp(found, zone).strftime("%Y-%m-%d %H:%M:%S") == due
    turns = callbacks.Turns(lambda: 8)
    assert turns.place(task, found, rules, now) == now - 60
    assert callbacks.due_at(task, Dialling(), "Asia/Shanghai") is None
    missed = replace(task, reason="abandoned")
    assert callbacks.due_at(missed, replace(rules, missed=False), "Asia/Shanghai") is None
    assert turns.place(missed, found, rules, now) > found + 86400, "behind everybody"
    assert turns.place(missed, found, rules, found + 1800) == found + 1800
    assert callbacks.due_at(replace(missed, ordered=True), rules, "Asia/Shanghai") == now


# --- by dice --------------------------------------------------------------------------------------------------------


def _numbers(calls: list[Call]) -> set[str]:
    return {national(call.ani) for call in calls}


def _check(hotline: Hotline) -> None:
    open_tasks = [t for t in hotline.floor.callbacks.values() if t.open]
    per_number = Counter(national(task.number) for task in open_tasks)
    assert all(n == 1 for n in per_number.values()), f"two tasks for one caller: {per_number}"
    owed: dict[str, bool] = {}
    begun = [e for e in hotline.journal if isinstance(e, ev.CallbackTried | ev.CallArrived)]
    ani_of = {e.call_id: national(e.ani) for e in reversed(begun)}
    for event in hotline.journal:
        match event:
            case ev.CallEnded() if event.outcome in REACHED_NOBODY:
                owed[ani_of.get(event.call_id, "")] = True
            case ev.CallbackOpened():
                owed[national(event.ani)] = True
            case ev.AgentAnswered() | ev.LegAnswered():
                owed[ani_of[event.call_id]] = False
    live = _numbers([c for c in hotline.floor.calls.values() if c.live])
    forgotten = {n for n, is_owed in owed.items() if n and is_owed} - set(per_number) - live
    assert not forgotten, f"nobody will call {forgotten}"
    for task in open_tasks:
        if task.state is State.CALLING:
            assert hotline.floor.calls[task.try_id].live, f"{task.task_id} is called by no call"
    held = Counter(ring.agent_id for call in hotline.floor.calls.values() for ring in call.rings if ring.open)
    assert all(n == 1 for n in held.values())
    for agent in hotline.floor.agents.values():
        if agent.status in (Status.RESERVED, Status.TALKING):
            rings = hotline.floor.calls[agent.call_id].rings
            assert agent.agent_id in {ring.agent_id for ring in rings if ring.open}


@settings(max_examples=80)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_whatever_happens_nobody_is_forgotten_jumped_or_rung_twice(seed: int) -> None:
    hotline = Hotline(seed)
    for _ in range(150):
        hotline.step()
        hotline.tick()
        _check(hotline)


@pytest.mark.parametrize("at_home_now", [0, 200])
def test_a_flood_of_missed_calls_does_not_keep_those_waiting_who_call_now(at_home_now: int) -> None:
    """Sixty numbers call and hang up in the menu. Then it would be their turn, all of them before who calls now."""
    at_home = [Profile(f"9{n:03}", "", frozenset({"general"})) for n in range(at_home_now)]
    rules = Rules(callback=ROUND_THE_CLOCK)
    world = Telephones(shipped_plan(), [*PROFILES[1:2], *at_home], 1_790_000_000.0, rules=rules)
    for n in range(60):
        call_id = world.arrive(f"139000000{n:02}")
        world.pass_time(0.5)
        world.hang_up(call_id)
    world.pass_time(ROUND_THE_CLOCK.missed_after_s)
    agent_id = PROFILES[1].agent_id
    waits = []
    for n in range(8):
        works(world, agent_id)
        call_id = world.arrive(f"138000000{n:02}")
        while not world.known[call_id].answered:
            world.pass_time(1)
            for other, line in list(world.lines.items()):
                if line.doing == "calling":
                    world.answer(other)
            if world.agent_answers(agent_id):
                world.pass_time(20)
                talked = world.talking(agent_id) or ""
                world.agent_hangs_up(agent_id)
                world.hang_up(talked)
            world.tell(ev.AgentPressedReady(world.now, agent_id))
        waits.append(world.known[call_id].wait_s(world.now) or 0.0)
    assert max(waits) < 60, f"who calls now waits: {waits}"


def test_missed_calls_have_their_turns_some_time_apart() -> None:
    tasks = [callbacks.begin(_missed(f"cb-{n}", float(n))) for n in range(4)]
    there, rules = 10, Dialling(True, missed_after_s=1800)
    turns = callbacks.Turns(lambda: there)

    def looked(now: float) -> list[float]:
        places = [turns.place(task, task.next_at, rules, now) for task in tasks]
        return [place for place in places if place <= now]

    assert looked(1799.5) == []
    assert looked(1800.0) == [1800.0]
    assert looked(1919.5) == [1800.0]
    assert looked(1920.5) == [1800.0, 1920.0], "a tenth of ten agents, two minutes a try"
    there = 2
    assert looked(2300.0) == [1800.0, 1920.0]
    assert looked(2520.0) == [1800.0, 1920.0, 2520.0], "two are there now"
    there = 1000
    assert looked(2900.0)[3:] == [2899.0], "not before those who have come meanwhile"
    turns.took("cb-3", 120 + 100.0)
    assert turns.turn_at(100.0, rules, 2900.0) == 2899 + (100 + 120) / 100, "the last one took longer"
    before = 2900.0 - 86400
    assert turns.turn_at(before - 3600, rules, before) < before + 86400 / 2, "the clock was set back"


def _missed(task_id: str, at: float) -> ev.CallbackOpened:
    return ev.CallbackOpened(at, task_id, "1.1", MOBILE, "general", "", Outcome.ABANDONED, at)
