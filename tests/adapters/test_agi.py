"""Actions on live channels, against a scripted peer: what is sent, and what becomes of every way that it can end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ivr.adapters.agi import Channels, Outside, beat, commands
from ivr.adapters.agi import underway as module
from ivr.adapters.ami import Ami
from ivr.core.actions import Ask, AskPin, CancelRing, HangUp, PlayMusic, RenewLease, RingAgent, Say
from ivr.core.errors import PromptError
from ivr.core.events import (
    AgentAnswered,
    AgentHungUp,
    CallArrived,
    CallerHungUp,
    CallFellBack,
    CallFound,
    CallsCounted,
    Event,
    PhoneLost,
    PhoneReached,
    RingEnded,
    StepEnded,
)
from tests.adapters.ami_peer import Heard, Peer, Session, running

CALL = "1795439350.3"
STEP = f"{CALL}:1"
RING = f"{CALL}/1"
LINE = "PJSIP/line-00000003"
LEG = "PJSIP/8001-sip-00000004"
CITIZEN = {"Channel": LINE, "CallerIDNum": "13800001111", "AccountCode": "8000", "Context": "hotline", "Exten": "12345",
           "Uniqueid": CALL, "Linkedid": CALL}  # fmt: skip
AT = 1795439351.0

Fields = dict[str, str]
OK = [{"Response": "Success"}]


class Stage:
    """Channels on a link to a scripted Asterisk that accepts everything, unless told otherwise."""

    def __init__(self, peer: Peer, recordings: Path) -> None:
        self.peer = peer
        self.heard = Heard()
        self.events: list[Event] = []
        self.sent: list[Fields] = []
        self.answers: dict[str, Callable[[Fields], list[Fields]]] = {}
        self.session: Session | None = None
        self.ami = Ami(
            "127.0.0.1",
            peer.port,
            "controller",
            "s",
            on_message=lambda message: (self.channels.hear(message), self.heard.on_message(message))[1],
            on_link=self.heard.on_link,
            retry_s=(0.02, 0.1),
        )
        self.channels = Channels(
            self.ami,
            prompt_path=lambda name: f"hotline/{name}",
            prompt_s=lambda _: 0.01,
            whose_pin=lambda register, digits: "7" if (register, digits) == ("deputy", "246810") else "",
            recordings=recordings,
            emit=self._emit,
            clock=lambda: AT,
            outside=Outside("trunk-city", "12345"),
        )

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self.heard._wake()

    def _answer(self, action: Fields) -> list[Fields]:
        self.sent.append(action)
        self.heard._wake()
        return self.answers.get(action["Action"], lambda _: OK)(action)

    @asynccontextmanager
    async def link(self) -> AsyncIterator[None]:
        """The next link, up."""
        self.session = await self.peer.accept()
        await self.session.login()
        serving = asyncio.create_task(self.session.serve(self._answer))
        await self.heard.until(lambda: self.ami.up)
        try:
            yield
        finally:
            self.session.hang_up()
            await serving

    def say(self, name: str, **fields: str) -> None:
        assert self.session
        self.session.say(Event=name, **{**CITIZEN, **fields})

    async def arrive(self) -> None:
        self.say("AsyncAGIStart")
        await self.emitted(CallArrived)
        self.events.clear()

    def end(self, result: str, command: int = -1, answer: str = "/") -> None:
        """Asterisk tells the end of an AGI command; the last one sent unless told otherwise."""
        number = self.agi()[command]["CommandID"]
        status, _, key = answer.partition("/")
        shown = f"READSTATUS={status}\r\nChanVariable: IVR_KEY={key}"
        self.say("AsyncAGIExec", CommandId=number, Result=quote(result + "\n"), ChanVariable=shown)

    def agi(self) -> list[Fields]:
        return [action for action in self.sent if action["Action"] == "AGI"]

    async def emitted(self, kind: type) -> Event:
        await self.heard.until(lambda: any(isinstance(event, kind) for event in self.events))
        return next(event for event in self.events if isinstance(event, kind))

    async def told(self) -> None:
        """Return when everything that was said so far has been heard."""
        before = len(self.heard.messages)
        self.say("Mark")
        await self.heard.until(lambda: any(m["Event"] == "Mark" for m in self.heard.messages[before:]))


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A call has arrived."""
    monkeypatch.setattr(module, "_HANGUP_FOLLOWS_S", 0.05)
    async with Peer.listening() as peer:
        stage = Stage(peer, tmp_path / "recordings")
        async with running(stage.ami), stage.link():
            await stage.arrive()
            yield stage


# --- prompts and questions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "key"), [("OK/2", "2"), ("OK/#", "#"), ("OK/*", "*"), ("TIMEOUT/", ""), ("TIMEOUT/7", "7"), ("OK/", "")]
)
async def test_ask(stage: Stage, answer: str, key: str) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("welcome", "menu"), 6))
    (read,) = stage.agi()
    assert read["Command"] == 'EXEC Read "IVR_KEY,hotline/welcome&hotline/menu,1,t(),1,6.000"'
    assert read["Channel"] == LINE
    stage.end("200 result=0", answer=answer)
    await stage.emitted(StepEnded)
    assert stage.events == [StepEnded(AT, CALL, STEP, key)]
    assert stage.channels.pending == 0


@pytest.mark.parametrize(
    ("answer", "typed", "entry"),
    [("OK/246810", 6, "7"), ("TIMEOUT/246810", 6, "7"), ("OK/246811", 6, ""), ("TIMEOUT/", 0, ""), ("OK/", 0, "")],
)
async def test_a_pin_stays_here_and_only_whose_it_is_is_told(stage: Stage, answer: str, typed: int, entry: str) -> None:
    await stage.channels.perform(AskPin(CALL, STEP, ("deputy_pin",), 5, "deputy"))
    read, result = stage.agi()
    assert read["Command"] == 'EXEC Read "IVR_PIN,hotline/deputy_pin,8,,1,5.000"'
    assert result["Command"] == 'GET FULL VARIABLE "${READSTATUS}/${IVR_PIN}"'
    for digit in answer.partition("/")[2]:
        stage.say("DTMFEnd", Digit=digit, Direction="Received")
    stage.end("200 result=0", command=0)
    stage.end(f"200 result=1 ({answer})")
    await stage.emitted(StepEnded)
    assert stage.events == [StepEnded(AT, CALL, STEP, typed=typed, entry=entry)]
    stage.events.clear()
    await stage.channels.perform(Ask(CALL, STEP, ("rating",), 6))
    stage.end("200 result=0", answer="TIMEOUT/")
    await stage.emitted(StepEnded)
    assert stage.events == [StepEnded(AT, CALL, STEP)], "a digit of the PIN answers no other question"


async def test_a_key_before_the_first_question_answers_it(stage: Stage) -> None:
    stage.say("DTMFEnd", Digit="2", Direction="Received")
    await stage.told()
    await stage.channels.perform(RenewLease(CALL, 5))
    await stage.channels.perform(Ask(CALL, STEP, ("welcome", "menu"), 6))
    assert stage.events == [StepEnded(AT, CALL, STEP, "2")]
    assert not stage.agi()
    await stage.channels.perform(Ask(CALL, STEP, ("rating",), 6))
    assert stage.agi(), "a key counts once"


async def test_a_key_before_the_call_was_announced_answers_the_first_question(stage: Stage) -> None:
    other = {"Uniqueid": "1795439351.9", "Linkedid": "1795439351.9"}
    stage.say("DTMFEnd", Digit="2", Direction="Received", **other)
    stage.say("AsyncAGIStart", **other)
    await stage.emitted(CallArrived)
    stage.events.clear()
    await stage.channels.perform(Ask("1795439351.9", STEP, ("welcome", "menu"), 6))
    assert stage.events == [StepEnded(AT, "1795439351.9", STEP, "2")]


async def test_a_key_that_the_question_missed_answers_it(stage: Stage) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("welcome", "menu"), 6))
    stage.say("DTMFEnd", Digit="2", Direction="Sent")
    stage.say("DTMFEnd", Digit="3", Direction="Received")
    stage.end("200 result=0", answer="TIMEOUT/")
    await stage.emitted(StepEnded)
    assert stage.events == [StepEnded(AT, CALL, STEP, "3")]


async def test_a_prompt_that_asks_nothing_takes_no_key(stage: Stage) -> None:
    await stage.channels.perform(Say(CALL, STEP, ("queue_next",)))
    stage.say("DTMFEnd", Digit="2", Direction="Received")
    stage.end("200 result=0")
    assert await stage.emitted(StepEnded) == StepEnded(AT, CALL, STEP)


async def test_a_key_pressed_while_people_talk_rates_nothing(stage: Stage) -> None:
    await ring(stage)
    stage.say("DTMFEnd", Digit="5", Direction="Received")
    await stage.told()
    await stage.channels.perform(Ask(CALL, STEP, ("rating",), 6))
    stage.end("200 result=0", answer="TIMEOUT/")
    await stage.emitted(StepEnded)
    assert StepEnded(AT, CALL, STEP) in stage.events


async def test_say_and_music(stage: Stage) -> None:
    await stage.channels.perform(PlayMusic(CALL))
    assert stage.agi()[0]["Command"] == "SET MUSIC ON"
    stage.end("200 result=0")
    await stage.channels.perform(Say(CALL, STEP, ("a", "b")))
    assert stage.agi()[1]["Command"] == 'EXEC Playback "hotline/a&hotline/b"'
    stage.end("200 result=0")
    assert await stage.emitted(StepEnded) == StepEnded(AT, CALL, STEP)
    assert len(stage.events) == 1


@pytest.mark.parametrize(
    ("result", "answer"),
    [("200 result=-1", "OK/2"), ("510 Invalid or unknown command", "/"), ("200 result=0", "ERROR/2"), ("?", "OK/2")],
)
async def test_a_step_that_cannot_be_played_has_failed(stage: Stage, result: str, answer: str) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("menu",), 6))
    stage.end(result, answer=answer)
    assert await stage.emitted(StepEnded) == StepEnded(AT, CALL, STEP, failed=True)


@pytest.mark.parametrize("leaving", ["HangupRequest", "Hangup", "AsyncAGIEnd"])
async def test_a_failure_that_was_a_hangup_is_no_failure(stage: Stage, leaving: str) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("menu",), 6))
    stage.end("200 result=-1")
    stage.say(leaving)
    await stage.told()
    await asyncio.sleep(0.1)
    assert not [event for event in stage.events if isinstance(event, StepEnded)]
    assert stage.channels.pending == 0


async def test_what_another_controller_asked_is_not_ours(stage: Stage) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("menu",), 6))
    stage.say("AsyncAGIExec", CommandId="of-the-one-killed-1", Result="200 result=1 (OK/9)")
    await stage.told()
    assert stage.events == [] and stage.channels.pending == 1


@pytest.mark.parametrize("leaving", ["Hangup", "AsyncAGIEnd"])
async def test_nothing_is_left_of_a_call_that_has_gone(stage: Stage, leaving: str) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("menu",), 6))
    assert stage.channels.pending == 1
    stage.say(leaving)
    await stage.told()
    assert stage.channels.pending == 0 and not stage.channels._background


async def test_both_hangups_are_told_and_later_actions_go_nowhere(stage: Stage) -> None:
    stage.say("HangupRequest")
    stage.say("Hangup", Cause="16")
    await stage.told()
    assert stage.events == [CallerHungUp(AT, CALL, 0), CallerHungUp(AT, CALL, 16)]
    assert stage.channels._calls == {}
    stage.sent.clear()
    for action in (Say(CALL, STEP, ("a",)), HangUp(CALL), RenewLease(CALL, 9), CancelRing(CALL, RING)):
        await stage.channels.perform(action)
    assert stage.sent == []


async def test_a_refusal_for_a_channel_that_is_gone_is_no_error(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HANGUP_FOLLOWS_S", 1.0)
    refusal = [{"Response": "Error", "Message": "No such channel"}]
    stage.answers = dict.fromkeys(("AGI", "Setvar", "Hangup"), lambda _: refusal)
    with capture_logs() as logs:
        for action in (Say(CALL, STEP, ("a",)), PlayMusic(CALL), RenewLease(CALL, 9), HangUp(CALL)):
            await stage.channels.perform(action)
        stage.say("Hangup")
        await stage.told()
        await asyncio.sleep(1.2)
    assert {entry["log_level"] for entry in logs} == {"debug"}
    assert [type(event) for event in stage.events] == [CallerHungUp]
    assert stage.channels.pending == 0


async def test_a_refusal_for_a_call_that_is_there_fails_the_step(stage: Stage) -> None:
    stage.answers["AGI"] = lambda _: [{"Response": "Error", "Message": "Permission denied"}]
    await stage.channels.perform(Say(CALL, STEP, ("a",)))
    assert await stage.emitted(StepEnded) == StepEnded(AT, CALL, STEP, failed=True)


async def test_a_result_that_never_comes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLACK_S", 0.1)
    with capture_logs() as logs:
        await stage.channels.perform(Ask(CALL, STEP, ("menu",), 0.01))
        await stage.channels.perform(RingAgent(CALL, RING, "8001", 0, 8000))
        await stage.emitted(RingEnded)
    assert stage.events == [StepEnded(AT, CALL, STEP, failed=True), RingEnded(AT, CALL, RING, "unreachable")]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["agi.overdue"] * 2
    assert stage.channels.pending == 0


async def test_what_cannot_be_said_fails_the_step(stage: Stage) -> None:
    with capture_logs() as logs:
        for n, prompts in enumerate([(), ("a,b",), ("x" * 1100,)]):
            await stage.channels.perform(Ask(CALL, f"{CALL}:{n}", prompts, 6))
        await stage.heard.until(lambda: len(stage.events) == 3)
    assert stage.events == [StepEnded(AT, CALL, f"{CALL}:{n}", failed=True) for n in range(3)]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["agi.not_performed"] * 3
    assert stage.agi() == [] and stage.channels.pending == 0


async def test_an_end_that_comes_over_the_next_link(stage: Stage) -> None:
    stage.answers["AGI"] = lambda _: []
    assert stage.session
    asking = asyncio.create_task(stage.channels.perform(Say(CALL, STEP, ("menu",))))
    await stage.heard.until(lambda: bool(stage.agi()))
    stage.session.hang_up()
    with capture_logs() as logs:
        await asking
    assert "agi.unsure" in [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    async with stage.link():
        assert stage.events == []
        stage.end("200 result=0")
        assert await stage.emitted(StepEnded) == StepEnded(AT, CALL, STEP)
        assert len(stage.agi()) == 1, "nothing is sent twice"


# --- ringing an agent -------------------------------------------------------------------------------------------------


async def ring(stage: Stage, seconds: int = 15) -> None:
    await stage.channels.perform(RingAgent(CALL, RING, "8001", seconds, 16000))


async def test_ring_answer_talk(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLACK_S", 0.05)
    await ring(stage, seconds=0)
    base = tmp_path / f"recordings/2026/11/23/{CALL}-1"
    assert base.parent.is_dir()
    assert stage.agi()[0]["Command"] == f'GOSUB ring s 1 "8001,{RING},0,{base},16000"'
    stage.say("DialBegin", DestChannel=LEG)
    stage.say("UserEvent", UserEvent="HotlineAnswered", CallId=CALL, RingId=RING, AgentRate="16000")
    await stage.emitted(AgentAnswered)
    await asyncio.sleep(0.15)
    await stage.channels.perform(CancelRing(CALL, RING))
    assert not [action for action in stage.sent if action["Action"] == "Hangup"], "nobody is cut off by a late cancel"
    stage.say("UserEvent", UserEvent="HotlineAgentHungUp", CallId=CALL, RingId=RING)
    stage.end("100 result=0 Trying...\n200 result=0 Gosub complete")
    await stage.told()
    await asyncio.sleep(0.1)
    assert stage.events == [AgentAnswered(AT, CALL, RING, 16000), AgentHungUp(AT, CALL, RING)]
    assert stage.channels.pending == 0


async def test_a_ring_that_the_dialplan_says_nothing_of_is_over_all_the_same(stage: Stage) -> None:
    await ring(stage)
    stage.end("200 result=-1 Gosub failed")
    assert await stage.emitted(RingEnded) == RingEnded(AT, CALL, RING, "unreachable")


async def test_cancel(stage: Stage) -> None:
    await ring(stage)
    for leg in (LEG, "PJSIP/8001-00000005"):
        stage.say("DialBegin", DestChannel=leg)
    await stage.told()
    await stage.channels.perform(CancelRing(CALL, f"{CALL}/9"))
    assert not [action for action in stage.sent if action["Action"] == "Hangup"]
    await stage.channels.perform(CancelRing(CALL, RING))
    assert [action["Channel"] for action in stage.sent if action["Action"] == "Hangup"] == ["PJSIP/8001-00000005", LEG]
    stage.say("UserEvent", UserEvent="HotlineRingEnded", CallId=CALL, RingId=RING, Status="NOANSWER", Cause="16")
    assert await stage.emitted(RingEnded) == RingEnded(AT, CALL, RING, "cancelled")


async def test_cancel_before_the_telephone_rings(stage: Stage) -> None:
    await ring(stage)
    await stage.channels.perform(CancelRing(CALL, RING))
    stage.say("DialBegin", DestChannel=LEG)
    await stage.heard.until(lambda: any(action.get("Channel") == LEG for action in stage.sent))
    await stage.told()
    await asyncio.sleep(0)
    assert not stage.channels._background


async def test_the_next_ring_is_not_ended_by_the_end_of_the_one_before(stage: Stage) -> None:
    await ring(stage)
    stage.say("UserEvent", UserEvent="HotlineRingEnded", CallId=CALL, RingId=RING, Status="BUSY")
    await stage.emitted(RingEnded)
    await stage.channels.perform(RingAgent(CALL, f"{CALL}/2", "8002", 15, 8000))
    stage.end("200 result=0 Gosub complete", command=0)
    await stage.told()
    await asyncio.sleep(0.1)
    assert stage.events == [RingEnded(AT, CALL, RING, "busy")]
    assert stage.channels.pending == 1


# --- the rest ---------------------------------------------------------------------------------------------------------


async def test_lease_hangup_and_heartbeat(stage: Stage) -> None:
    await stage.channels.perform(RenewLease(CALL, 12))
    await stage.channels.perform(HangUp(CALL))
    await beat(stage.ami)
    lease, hangup, heartbeat = stage.sent
    assert (lease["Action"], lease["Channel"], lease["Variable"], lease["Value"]) == (
        "Setvar", LINE, "TIMEOUT(absolute)", "12",
    )  # fmt: skip
    assert (hangup["Action"], hangup["Channel"]) == ("Hangup", LINE)
    assert "Channel" not in heartbeat and heartbeat["Variable"] == "IVR_HEARTBEAT" and int(heartbeat["Value"]) > 1e9


@pytest.mark.parametrize(
    "order", [Ask(CALL, STEP, ("a",), 6, 5), AskPin(CALL, STEP, ("a",), 5, "deputy", 5), Say(CALL, STEP, ("a",), 5)]
)
async def test_the_lease_that_an_order_brings_comes_last_and_wakes_the_channel(
    stage: Stage, order: Ask | AskPin | Say
) -> None:
    await stage.channels.perform(order)
    *commands, lease = stage.sent
    assert {action["Action"] for action in commands} == {"AGI"}
    assert (lease["Action"], lease["Channel"], lease["Value"]) == ("Setvar", LINE, "5")


async def test_a_call_that_fell_back_takes_no_failures(stage: Stage) -> None:
    await stage.channels.perform(Say(CALL, STEP, ("a",)))
    stage.say("UserEvent", UserEvent="HotlineFellBack", CallId=CALL)
    assert (await stage.emitted(CallFellBack)).call_id == CALL
    assert stage.channels.pending == 0
    await stage.channels.perform(HangUp(CALL))
    assert stage.sent[-1]["Action"] == "Hangup", "it can still be ended"


async def test_an_agents_two_telephones_are_one(stage: Stage) -> None:
    for device, state in [
        ("8001-web", "UNAVAILABLE"), ("8001-sip", "UNAVAILABLE"), ("8001-sip", "NOT_INUSE"), ("8001-web", "NOT_INUSE"),
        ("8001-sip", "UNAVAILABLE"), ("8001-web", "INUSE"), ("8001-web", "UNAVAILABLE"),
    ]:  # fmt: skip
        stage.say("DeviceStateChange", Device=f"PJSIP/{device}", State=state)
    await stage.told()
    assert stage.events == [PhoneLost(AT, "8001"), PhoneReached(AT, "8001"), PhoneLost(AT, "8001")]


def channel(call_id: str, **changes: str) -> Fields:
    base = {
        "Event": "Status",
        "Channel": f"PJSIP/line-{call_id}",
        "CallerIDNum": "138",
        "DNID": "12345",
        "BridgeID": "",
    }
    return {**base, "Context": "hotline", "Application": "AGI", "Uniqueid": call_id, "Linkedid": call_id, **changes}


def listing(done: str, *lines: Fields) -> Callable[[Fields], list[Fields]]:
    return lambda _: [{"Response": "Success", "EventList": "start"}, *lines, {"Event": done}]


async def test_survey(stage: Stage) -> None:
    await stage.channels.perform(Ask(CALL, STEP, ("menu",), 6))
    states = [
        {"Event": "DeviceStateChange", "Device": f"PJSIP/{name}", "State": state}
        for name, state in [
            ("8001-web", "NOT_INUSE"),
            ("8001-sip", "UNAVAILABLE"),
            ("8002-web", "UNAVAILABLE"),
            ("line", "INUSE"),
        ]
    ]
    stage.answers["DeviceStateList"] = listing("DeviceStateListComplete", *states)
    ringing = {"Context": "ring", "Application": "Dial"}
    stage.answers["Status"] = listing(
        "StatusComplete",
        channel("1795439352.9", Linkedid="1795439351.8", Channel=LEG, Context="agents", Application="AppDial"),
        channel("1795439351.8", **ringing),
        channel("1795439353.1", **ringing, BridgeID="b"),
        channel("1795439354.1"),
    )
    await stage.channels.survey()
    assert stage.events == [
        PhoneReached(AT, "8001"),
        PhoneLost(AT, "8002"),
        CallFound(AT, "1795439351.8", "PJSIP/line-1795439351.8", "ringing", "138", "12345"),
        CallFound(AT, "1795439353.1", "PJSIP/line-1795439353.1", "talking", "138", "12345"),
        CallFound(AT, "1795439354.1", "PJSIP/line-1795439354.1", "idle", "138", "12345"),
        CallsCounted(AT, ("1795439351.8", "1795439353.1", "1795439354.1"), since=AT),
    ]
    assert stage.channels.pending == 0, "the call that is gone left nothing"

    # A ring that another controller began can be cancelled, and its end is told as ours.
    adopted = "1795439351.8/4"
    await stage.channels.perform(CancelRing("1795439351.8", adopted))
    assert stage.sent[-1]["Action"] == "Hangup" and stage.sent[-1]["Channel"] == LEG
    stage.events.clear()
    stage.say("UserEvent", UserEvent="HotlineRingEnded", CallId="1795439351.8", RingId=adopted, Status="NOANSWER")
    assert await stage.emitted(RingEnded) == RingEnded(AT, "1795439351.8", adopted, "cancelled")
    await stage.channels.perform(Say("1795439354.1", "1795439354.1:5", ("a",)))
    assert stage.agi()[-1]["Channel"] == "PJSIP/line-1795439354.1"


async def test_a_call_that_speaks_during_the_survey_speaks_for_itself(stage: Stage) -> None:
    stage.answers["DeviceStateList"] = listing("DeviceStateListComplete")

    def meanwhile(_: Fields) -> list[Fields]:
        stage.say("Hangup", Uniqueid="1795439352.1", Linkedid="1795439352.1")
        stage.say("AsyncAGIStart", Uniqueid="1795439353.1", Linkedid="1795439353.1")
        stage.say("AsyncAGIStart", Uniqueid="1795439354.1", Linkedid="1795439354.1")  # after the list was made
        answered = {"CallId": "1795439355.1", "RingId": "1795439355.1/1", "AgentRate": "8000"}
        stage.say("UserEvent", UserEvent="HotlineAnswered", **answered)  # of a call of an earlier controller's
        lines = (channel(CALL), channel("1795439352.1"), channel("1795439353.1"))
        lines = (*lines, channel("1795439355.1", Context="ring", Application="Dial", BridgeID="b"))
        return listing("StatusComplete", *lines)(_)

    stage.answers["Status"] = meanwhile
    await stage.channels.survey()
    assert [event.call_id for event in stage.events if isinstance(event, CallFound)] == [CALL]
    assert "1795439353.1" in stage.channels._calls, "a new call is not forgotten"
    counted = stage.events[-1]
    assert isinstance(counted, CallsCounted)
    assert {"1795439353.1", "1795439354.1"} <= set(counted.call_ids), "who came meanwhile is not missing"
    stage.say("UserEvent", UserEvent="HotlineAgentHungUp", CallId="1795439355.1", RingId="1795439355.1/1")
    await stage.emitted(AgentHungUp)
    await stage.channels.perform(Say("1795439355.1", "1795439355.1:5", ("goodbye",)))
    assert stage.agi()[-1]["Channel"] == "PJSIP/line-1795439355.1", "who spoke is given orders"
    assert "1795439352.1" not in stage.channels._calls


# --- command lines ----------------------------------------------------------------------------------------------------


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_no_name_changes_the_command(paths: list[str]) -> None:
    try:
        line = commands.play(paths)
    except PromptError:
        assert any(mark in path for path in paths for mark in '&,^|()${}"\\\r\n\0')
    else:
        assert line == 'EXEC Playback "' + "&".join(paths) + '"'
        assert line.count('"') == 2 and line.count("&") == len(paths) - 1 and "\n" not in line
