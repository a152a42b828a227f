"""The queue log: what each event adds, and figures read back from the lines agree with the books."""

from __future__ import annotations

import json
from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core import events as ev
from ivr.core.books.queue_log import EXITS, QueueLog
from ivr.core.calls import Outcome
from ivr.core.events import Event
from tests.core.world import World

A, B = "1700000000.1", "1700000000.2"
R = f"{A}/1"


ENDING = ("COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER", "ATTENDEDTRANSFER")
LEAVING = ("CONNECT", "ABANDON", "EXITWITHKEY", "EXITWITHTIMEOUT", "EXITEMPTY")


def lines(*events: Event, numbers: bool = False) -> list[str]:
    log = QueueLog(numbers)
    return [line.removesuffix("\n") for event in events for line in log.lines(event)]


def queued(call_id: str, at: float, queue: str = "general", ani: str = "13800138000") -> list[Event]:
    return [ev.CallArrived(at, call_id, "PJSIP/x", ani, "12345"), ev.CallQueued(at + 1, call_id, queue, "key 2")]


def test_a_conversation_that_the_agent_ended() -> None:
    assert lines(
        *queued(A, 100),
        ev.CallOffered(111.5, A, R, "8001", ()),
        ev.AgentAnswered(114.9, A, R),
        ev.AgentHungUp(180, A, R),
        ev.CallEnded(190, A, "answered"),
        ev.RecordingFinished(191, A, R),
    ) == [
        f"101|{A}|general|NONE|ENTERQUEUE|||1",
        f"114|{A}|general|Agent/8001|CONNECT|13|{R}|3",
        f"180|{A}|general|Agent/8001|COMPLETEAGENT|13|65|1",
    ]


def test_a_ring_without_an_answer_and_a_caller_who_gave_up_behind_another() -> None:
    told = lines(
        *queued(A, 100),
        *queued(B, 110),
        ev.CallOffered(120, B, f"{B}/1", "8002", ()),
        ev.RingEnded(135.25, B, f"{B}/1", "no_answer"),
        ev.CallEnded(150, B, "abandoned"),
    )
    assert told[2:] == [
        f"135|{B}|general|Agent/8002|RINGNOANSWER|15250",
        f"150|{B}|general|NONE|ABANDON|2|2|39",
    ]


def test_a_caller_who_hangs_up_while_it_rings_cancels_the_ring() -> None:
    ringing = [*queued(A, 100), ev.CallOffered(111, A, R, "8001", ())]
    assert lines(*ringing, ev.CallEnded(114.5, A, "abandoned"))[1:] == [
        f"114|{A}|general|Agent/8001|RINGCANCELED|3500",
        f"114|{A}|general|NONE|ABANDON|1|1|13",
    ]


def test_leaving_the_line_for_another_for_the_static_queue_and_at_the_end_of_the_hotline() -> None:
    assert lines(*queued(A, 100, "enterprise"), ev.CallQueued(121, A, "general", "20 s"), ev.CallFellBack(130, A))[
        1:
    ] == [
        f"121|{A}|enterprise|NONE|EXITWITHTIMEOUT|1|1|20",
        f"121|{A}|general|NONE|ENTERQUEUE|||1",
        f"130|{A}|general|NONE|EXITWITHTIMEOUT|1|1|9",
        f"130|{A}|fallback|NONE|ENTERQUEUE|||1",
    ]
    shut = lines(*queued(A, 100), ev.CallDismissed(120, A), ev.CallEnded(121, A, "shut_down"))
    assert shut[1:] == [f"121|{A}|general|NONE|EXITEMPTY|1|1|20"]
    assert set(EXITS) <= set(Outcome)


def test_the_static_queue_is_a_line_too() -> None:
    fell = [*queued(A, 100), ev.CallFellBack(130, A)]
    left, joined = f"130|{A}|general|NONE|EXITWITHTIMEOUT|1|1|29", f"130|{A}|fallback|NONE|ENTERQUEUE|||1"
    assert lines(*fell, ev.FallbackAnswered(150, A, "8002"), ev.CallEnded(190, A, "fell_back"))[1:] == [
        left,
        joined,
        f"150|{A}|fallback|Agent/8002|CONNECT|20|{A}/s1|0",
        f"190|{A}|fallback|Agent/8002|COMPLETECALLER|20|40|1",
    ]
    assert lines(*fell, ev.CallEnded(190, A, "abandoned"))[1:] == [
        left,
        joined,
        f"190|{A}|fallback|NONE|ABANDON|1|1|60",
    ]


def test_who_presses_a_key_in_the_line_keeps_the_place_until_another_queue_is_chosen() -> None:
    in_line = [*queued(A, 100), ev.StepStarted(110, A, f"{A}:1", "menu:main"), ev.StepEnded(112, A, f"{A}:1", "3")]
    assert lines(*in_line, ev.CallQueued(113, A, "general", "key 3"), ev.CallEnded(120, A, "abandoned"))[1:] == [
        f"120|{A}|general|NONE|ABANDON|1|1|19"
    ]
    assert lines(*in_line, ev.CallQueued(113, A, "enterprise", "key 3"))[1:] == [
        f"113|{A}|general|NONE|EXITWITHKEY|3|1|1|12",
        f"113|{A}|enterprise|NONE|ENTERQUEUE|||1",
    ]
    outside = [*queued(A, 100), ev.LegDialled(110, A, f"{A}/t1", "110", "110")]
    assert lines(*outside, ev.CallEnded(115, A, "abandoned"))[1:] == [f"115|{A}|general|NONE|ABANDON|1|1|14"]
    assert lines(*outside, ev.LegAnswered(115, A, f"{A}/t1"))[1:] == [f"115|{A}|general|NONE|EXITWITHTIMEOUT|1|1|14"]


def talking(call_id: str = A) -> list[Event]:
    return [*queued(call_id, 100), ev.CallOffered(111, call_id, R, "8001", ()), ev.AgentAnswered(114, call_id, R)]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (ev.TransferAsked(150, A, R, "blind", "96533", "供水"), "BLINDTRANSFER|96533|outside|13|66|1"),
        (ev.TransferAsked(150, A, R, "blind", queue="enterprise"), "BLINDTRANSFER|enterprise|queue|13|66|1"),
        (ev.TransferAsked(150, A, R, "blind", agent_id="8002"), "BLINDTRANSFER|8002|agent|13|66|1"),
        (ev.TransferAsked(150, A, R, "back_to_line"), "BLINDTRANSFER|general|queue|13|66|1"),
    ],
)
def test_a_blind_transfer_ends_the_conversation(asked: Event, told: str) -> None:
    assert lines(*talking(), asked, ev.AgentHungUp(180, A, R))[2:] == [f"180|{A}|general|Agent/8001|{told}"]


def test_an_agent_who_leaves_the_citizen_with_a_department_has_transferred_them() -> None:
    consulted = [
        *talking(),
        ev.TransferAsked(150, A, R, "consult", "96533", "供水"),
        ev.AgentMoved(151, A, R),
        ev.LegDialled(151, A, f"{A}/t1", "96533", "供水", room=True),
    ]
    answered = [*consulted, ev.LegAnswered(160, A, f"{A}/t1"), ev.RoomJoined(170, A)]
    end = ev.AgentHungUp(180, A, R)
    assert lines(*answered, end)[2:] == [f"180|{A}|general|Agent/8001|ATTENDEDTRANSFER|APP|ConfBridge|13|66|1"]
    assert lines(*consulted, end)[2:] == [f"180|{A}|general|Agent/8001|COMPLETEAGENT|13|66|1"]
    assert lines(*answered, ev.RoomLeft(180, A))[2:] == [f"180|{A}|general|Agent/8001|COMPLETEAGENT|13|66|1"]


def test_who_asks_to_be_called_back_leaves_by_a_key_and_joins_again_when_they_answer() -> None:
    pressed = [ev.StepStarted(110, A, f"{A}:1", "announcement"), ev.StepEnded(112, A, f"{A}:1", "1")]
    task = ev.CallbackOpened(112, "t1", A, "13800138000", "general", "", "asked", 101)
    assert lines(*queued(A, 100), *pressed, task, ev.CallEnded(116, A, "callback_asked"))[1:] == [
        f"112|{A}|general|NONE|EXITWITHKEY|1|1|1|11"
    ]
    tried = [
        ev.CallbackTried(200, B, "t1", "13800138000", "general", "", 101),
        ev.CallOffered(200, B, f"{B}/1", "8001", ()),
    ]
    assert lines(*tried, ev.CitizenNotReached(240, B, "no_answer"), ev.CallEnded(240, B, "not_reached")) == []
    reached = [ev.CallArrived(215, B, "PJSIP/x", "13800138000", ""), ev.AgentAnswered(220, B, f"{B}/1")]
    assert lines(*tried, *reached, ev.AgentHungUp(250, B, f"{B}/1")) == [
        f"215|{B}|general|NONE|ENTERQUEUE|||1",
        f"220|{B}|general|Agent/8001|CONNECT|5|{B}/1|20",
        f"250|{B}|general|Agent/8001|COMPLETEAGENT|5|30|1",
    ]


def test_a_shift() -> None:
    assert lines(
        ev.AgentSignedIn(100, "8001"),
        ev.AgentPressedReady(110, "8001"),
        ev.AgentSetAside(120, "8001", "no_answer"),
        ev.AgentPressedBreak(125, "8001"),
        ev.AgentPressedReady(130, "8001"),
        ev.AgentSignedOut(160, "8001"),
        ev.AgentPressedReady(170, "8001"),
    ) == [
        "100|NONE|NONE|Agent/8001|AGENTLOGIN|Agent/8001",
        "100|NONE|NONE|Agent/8001|PAUSEALL|signed_in",
        "110|NONE|NONE|Agent/8001|UNPAUSEALL|",
        "120|NONE|NONE|Agent/8001|PAUSEALL|no_answer",
        "130|NONE|NONE|Agent/8001|UNPAUSEALL|",
        "160|NONE|NONE|Agent/8001|AGENTLOGOFF|Agent/8001|60",
        "170|NONE|NONE|Agent/8001|AGENTLOGIN|Agent/8001",
        "170|NONE|NONE|Agent/8001|PAUSEALL|signed_in",
        "170|NONE|NONE|Agent/8001|UNPAUSEALL|",
    ]


def test_numbers_are_written_only_when_wanted_and_never_break_a_line() -> None:
    assert "13800138000" not in "".join(lines(*queued(A, 100)))
    assert lines(*queued(A, 100), numbers=True) == [f"101|{A}|general|NONE|ENTERQUEUE||13800138000|1"]
    assert lines(*queued(A, 100, ani="1|2\n3"), numbers=True) == [f"101|{A}|general|NONE|ENTERQUEUE||123|1"]


def story(seed: int, steps: int = 150) -> World:
    world = World(Random(seed))
    for _ in range(steps):
        world.step()
    return world


@settings(max_examples=60)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_figures_read_from_the_queue_log_are_those_of_the_calls(seed: int) -> None:
    world = story(seed)
    for call_id in list(world.lines):
        world.hang_up(call_id)
    by_call: dict[str, list[list[str]]] = defaultdict(list)
    for line in lines(*world.journal):
        fields = line.split("|")
        by_call[fields[1]].append(fields)
    floor = World(Random(0)).floor
    floor.restore(world.journal, [], world.now)
    for call in floor.calls.values():
        told = by_call.pop(call.call_id, [])
        names = [fields[4] for fields in told]
        assert (call.queued_at is not None) == ("ENTERQUEUE" in names)
        assert (call.outcome in (Outcome.ANSWERED, Outcome.FELL_BACK)) == ("CONNECT" in names)
        assert (call.outcome is Outcome.ABANDONED) == ("ABANDON" in names and "CONNECT" not in names)
        assert names.count("RINGNOANSWER") == sum(
            ring.reason in ("no_answer", "busy", "rejected", "unreachable") for ring in call.rings
        )
        assert names.count("RINGCANCELED") == sum(
            ring.reason == "caller_hung_up" and ring.answered_at is None for ring in call.rings
        )
        entered = names.count("ENTERQUEUE")
        assert entered == sum(names.count(name) for name in LEAVING)
        assert names.count("CONNECT") == sum(names.count(name) for name in ENDING)
        waits = [int(f[5 if f[4] == "CONNECT" else 7]) for f in told if f[4] in ("CONNECT", "ABANDON")]
        if waits and entered == 1:
            assert waits == [int(call.wait_s(world.now) or 0)]
        talks = [int(fields[-2]) for fields in told if fields[4] in ENDING]
        assert abs(sum(talks) - call.talk_s(world.now)) <= len(talks)
    by_call.pop("NONE", None)
    assert not by_call


@settings(max_examples=30)
@given(seed=st.integers(min_value=0, max_value=2**32), cut=st.floats(0, 1))
def test_after_a_restart_the_same_lines_follow(seed: int, cut: float) -> None:
    journal = story(seed).journal
    first, rest = journal[: int(cut * len(journal))], journal[int(cut * len(journal)) :]
    log = QueueLog(True)
    before = [line for event in first for line in log.lines(event)]
    snapshot = json.loads(json.dumps(log.snapshot()))
    assert "13800138000" not in json.dumps(snapshot)
    again = QueueLog(True)
    again.restore(snapshot)
    for event in first:
        again.recall(event)
    after = [line for event in rest for line in again.lines(event)]
    whole = QueueLog(True)
    assert before + after == [line for event in journal for line in whole.lines(event)]
