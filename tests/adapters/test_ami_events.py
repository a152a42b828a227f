"""The table Asterisk event → core event. The events are as Asterisk 22.10 sent them, shortened."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.ami import Message
from ivr.adapters.ami_events import (
    AgentLegBegan,
    CommandEnded,
    DialFailed,
    EndpointSeen,
    InRoom,
    LeftAgi,
    LeftRoom,
    RungInto,
    found,
    translate,
)
from ivr.core.events import (
    AgentAnswered,
    AgentHungUp,
    AgentMoved,
    CallArrived,
    CallerHungUp,
    CallFellBack,
    CallFound,
    CallUnattended,
    CitizenNotReached,
    FallbackAnswered,
    LegAnswered,
    RingEnded,
    RoomLeft,
)

AT = 1795439351.5
CALL = "1795439350.3"
RING = f"{CALL}/1"
LINE = "PJSIP/trunk-local-00000003"
LEG = "PJSIP/8002-sip-0000000b"

CITIZEN = {
    "Privilege": "agi,all",
    "Channel": LINE,
    "ChannelStateDesc": "Up",
    "CallerIDNum": "13800001111",
    "CallerIDName": "株洲市民",
    "AccountCode": "8000",
    "Context": "hotline",
    "Exten": "12345",
    "Uniqueid": CALL,
    "Linkedid": CALL,
}
AGENT = {**CITIZEN, "Channel": LEG, "Context": "agents", "Exten": "", "Uniqueid": "1795439360.11"}
ENV = "agi_request%3A%20async%0Aagi_channel%3A%20PJSIP%2Ftrunk-local-00000003%0A"


def user_event(name: str, **headers: str) -> dict[str, str]:
    return {**CITIZEN, "Event": "UserEvent", "UserEvent": name, "CallId": CALL, **headers}


def ring_ended(status: str, cause: str = "0") -> dict[str, str]:
    return user_event("HotlineRingEnded", RingId=RING, Status=status, Cause=cause)


def agi_end(result: str) -> dict[str, str]:
    return {**CITIZEN, "Event": "AsyncAGIExec", "CommandId": "ab-1", "Result": quote(result + "\n")}


OUTSIDE = f"{CALL}/t1"
TRIED = "cb-1795439350_3-1795440000.1"
ORIGINATED = {"Event": "OriginateResponse", "Response": "Failure", "Context": "callback", "Exten": TRIED,
              "Uniqueid": TRIED}  # fmt: skip

TABLE: dict[str, tuple[Mapping[str, str], object]] = {
    "a call": (
        {**CITIZEN, "Event": "AsyncAGIStart", "Env": ENV},
        CallArrived(AT, CALL, LINE, "13800001111", "12345", 8000, "local"),
    ),
    "a wideband call": (
        {**CITIZEN, "Event": "AsyncAGIStart", "AccountCode": "16000"},
        CallArrived(AT, CALL, LINE, "13800001111", "12345", 16000, "local"),
    ),
    "a call from elsewhere than a trunk": (
        {**CITIZEN, "Event": "AsyncAGIStart", "Channel": "PJSIP/citizen-0000000a"},
        CallArrived(AT, CALL, "PJSIP/citizen-0000000a", "13800001111", "12345", 8000),
    ),
    "a call whose account code says nothing": (
        {**CITIZEN, "Event": "AsyncAGIStart", "AccountCode": "x"},
        CallArrived(AT, CALL, LINE, "13800001111", "12345", 8000, "local"),
    ),
    "a citizen whom we called": (
        {**CITIZEN, "Event": "AsyncAGIStart", "Context": "callback", "Exten": CALL, "ConnectedLineNum": "12345"},
        CallArrived(AT, CALL, LINE, "13800001111", "12345", 8000, "local"),
    ),
    "AGI on another channel of the call": ({**AGENT, "Event": "AsyncAGIStart"}, None),
    "the end of AGI": ({**CITIZEN, "Event": "AsyncAGIEnd"}, LeftAgi(AT, CALL)),
    "the end of a playback": (agi_end("200 result=0"), CommandEnded(AT, CALL, "ab-1", 200, "0", "")),
    "the end of a question": (
        agi_end("200 result=0") | {"ChanVariable": "READSTATUS=OK\nIVR_KEY=*"},
        CommandEnded(AT, CALL, "ab-1", 200, "0", "", "OK/*"),
    ),
    "a variable": (agi_end("200 result=1 (OK/2)"), CommandEnded(AT, CALL, "ab-1", 200, "1", "OK/2")),
    "a subroutine": (
        agi_end("100 result=0 Trying...\n200 result=0 Gosub complete"),
        CommandEnded(AT, CALL, "ab-1", 200, "0", ""),
    ),
    "a dead channel": (
        agi_end("511 result=-1 Command Not Permitted on a dead channel or intercept routine"),
        CommandEnded(AT, CALL, "ab-1", 511, "-1", ""),
    ),
    "a usage message": (
        agi_end("520-Invalid command syntax.  Proper usage follows:\nUsage: EXEC\n520 End of proper usage."),
        CommandEnded(AT, CALL, "ab-1", 520, "", ""),
    ),
    "a result in no known form": (agi_end("株"), CommandEnded(AT, CALL, "ab-1", 0, "", "")),
    "a command without an id": ({**CITIZEN, "Event": "AsyncAGIExec", "Result": "200 result=0"}, None),
    "an agent's telephone is called": (
        {**CITIZEN, "Event": "DialBegin", "DestChannel": LEG, "DialString": "8002-sip"},
        AgentLegBegan(AT, CALL, LEG),
    ),
    "an agent calls": ({**AGENT, "Event": "DialBegin", "DestChannel": "PJSIP/x"}, None),
    "the agent answers": (
        user_event("HotlineAnswered", RingId=RING, AgentRate="16000", Uniqueid=AGENT["Uniqueid"]),
        AgentAnswered(AT, CALL, RING, 16000),
    ),
    "the agent is moved": (user_event("HotlineAgentMoved", RingId=RING), AgentMoved(AT, CALL, RING)),
    "the agent hangs up": (user_event("HotlineAgentHungUp", RingId=RING), AgentHungUp(AT, CALL, RING)),
    "the agent leaves the room": (user_event("HotlineAgentLeft", RingId=RING), LeftRoom(AT, CALL, RING)),
    "the citizen leaves the room": (user_event("HotlineRoomLeft"), RoomLeft(AT, CALL)),
    "one outside answers": (user_event("HotlineLegAnswered", LegId=OUTSIDE), LegAnswered(AT, CALL, OUTSIDE)),
    "one outside is busy": (
        {"Event": "Hangup", "Uniqueid": f"{OUTSIDE}-leg", "Linkedid": f"{OUTSIDE}-leg", "Cause": "17"},
        LeftRoom(AT, CALL, OUTSIDE, "busy"),
    ),
    "one outside cannot be called": (
        {"Event": "OriginateResponse", "Response": "Failure", "ActionID": OUTSIDE, "Reason": "0"},
        DialFailed(AT, CALL, OUTSIDE),
    ),
    "one outside does not answer": (
        {"Event": "OriginateResponse", "Response": "Failure", "ActionID": OUTSIDE, "Reason": "3"},
        LeftRoom(AT, CALL, OUTSIDE, "no_answer"),
    ),
    "a citizen whom we call refuses, or cannot be called": (
        {**ORIGINATED, "Reason": "0"},
        DialFailed(AT, TRIED),
    ),
    "a citizen whom we call does not answer": (
        {**ORIGINATED, "Reason": "3"},
        CitizenNotReached(AT, TRIED, "no_answer"),
    ),
    "a citizen whom we call answers": ({**ORIGINATED, "Response": "Success", "Reason": "4"}, None),
    "a citizen whom we call is busy": (
        {"Event": "HangupRequest", "Uniqueid": TRIED, "Linkedid": TRIED, "Cause": "17"},
        CallerHungUp(AT, TRIED, 17),
    ),
    "nobody answers": (ring_ended("NOANSWER"), RingEnded(AT, CALL, RING, "no_answer")),
    "the agent is busy": (ring_ended("BUSY", "17"), RingEnded(AT, CALL, RING, "busy")),
    "the agent declines": (ring_ended("CHANUNAVAIL", "21"), RingEnded(AT, CALL, RING, "rejected")),
    "no telephone": (ring_ended("CHANUNAVAIL", "20"), RingEnded(AT, CALL, RING, "unreachable")),
    "congestion": (ring_ended("CONGESTION"), RingEnded(AT, CALL, RING, "unreachable")),
    "ringing was given up": (ring_ended("CANCEL"), RingEnded(AT, CALL, RING, "cancelled")),
    "a status that is new": (ring_ended("株"), RingEnded(AT, CALL, RING, "unreachable")),
    "the static queue": (user_event("HotlineFellBack", Dnis="12345"), CallFellBack(AT, CALL, "13800001111", "12345")),
    "gone before the controller heard of them": (
        user_event("HotlineGone", CallId="1763900000.7", Dnis="12345"),
        CallUnattended(1763900000.0, "1763900000.7", "13800001111", "12345"),
    ),
    "an agent of the static queue": (user_event("HotlineTaken", RingId="8002"), FallbackAnswered(AT, CALL, "8002")),
    "a ring's end without its id": (user_event("HotlineRingEnded", Status="BUSY"), None),
    "somebody else's user event": (user_event("Elsewhere"), None),
    "the citizen hangs up": ({**CITIZEN, "Event": "HangupRequest"}, CallerHungUp(AT, CALL, 0)),
    "the citizen's channel is gone": ({**CITIZEN, "Event": "Hangup", "Cause": "16"}, CallerHungUp(AT, CALL, 16)),
    "the agent's channel is gone": ({**AGENT, "Event": "Hangup", "Cause": "16"}, None),
    "a telephone registers": (
        {"Event": "DeviceStateChange", "Device": "PJSIP/8001-web", "State": "NOT_INUSE"},
        EndpointSeen(AT, "8001-web", True),
    ),
    "a telephone in use": (
        {"Event": "DeviceStateChange", "Device": "PJSIP/8001-sip", "State": "INUSE"},
        EndpointSeen(AT, "8001-sip", True),
    ),
    "a telephone is lost": (
        {"Event": "DeviceStateChange", "Device": "PJSIP/8001-web", "State": "UNAVAILABLE"},
        EndpointSeen(AT, "8001-web", False),
    ),
    "nothing known of a telephone": (
        {"Event": "DeviceStateChange", "Device": "PJSIP/8001-web", "State": "UNKNOWN"},
        None,
    ),
    "a trunk": ({"Event": "DeviceStateChange", "Device": "PJSIP/trunk-local", "State": "INUSE"}, None),
    "a queue's device": ({"Event": "DeviceStateChange", "Device": "Queue:fallback_avail", "State": "INUSE"}, None),
    "an event that is no concern of ours": ({**CITIZEN, "Event": "Newstate"}, None),
    "no event": ({"Response": "Success"}, None),
}


@pytest.mark.parametrize(("message", "meaning"), TABLE.values(), ids=TABLE.keys())
def test_table(message: Mapping[str, str], meaning: object) -> None:
    assert translate(message, AT) == meaning
    assert translate(Message(message), AT) == meaning


@pytest.mark.parametrize(
    ("delivered", "ani"),
    [
        ("13800001111", "13800001111"),
        ("+8673112345678", "+8673112345678"),
        ("", ""),
        ("<unknown>", ""),
        ("Anonymous", ""),
        ("anonymous", ""),
        ("Restricted", ""),
        ("unavailable", ""),
        ("138\x00\x1b[31m\u202e0000", "138[31m0000"),
        (" 138 ", "138"),
        ("9" * 99, "9" * 40),
    ],
)
def test_calling_number(delivered: str, ani: str) -> None:
    event = translate({**CITIZEN, "Event": "AsyncAGIStart", "CallerIDNum": delivered}, AT)
    assert isinstance(event, CallArrived) and event.ani == ani


STATUS = {**CITIZEN, "Event": "Status", "DNID": "12345", "BridgeID": "", "Application": "AGI"}
TALKING = {"Context": "ring", "Exten": "s", "Application": "Dial", "BridgeID": "4eb66501-165d"}


@pytest.mark.parametrize(
    ("changes", "doing"),
    [
        ({}, "idle"),
        ({"Application": "Playback"}, "idle"),
        ({"Context": "ring", "Exten": "s", "Application": "Dial"}, "ringing"),
        ({"Context": "ring", "Exten": "s", "Application": "Set"}, "ringing"),
        (TALKING, "talking"),
        ({"Context": "ring", "Exten": "s"}, "idle"),
        ({"Context": "ring", "Exten": "s", "Application": "Read"}, "idle"),
        ({"Context": "fallback", "Exten": "s", "Application": "Queue"}, "fallback"),
        ({"Context": "fallback", "Exten": "s", "BridgeID": "4eb66501-165d"}, "fallback"),
    ],
)
def test_what_a_found_call_is_doing(changes: dict[str, str], doing: str) -> None:
    assert found({**STATUS, **changes}, AT) == CallFound(AT, CALL, LINE, doing, "13800001111", "12345")


def test_found_channels_that_are_no_calls() -> None:
    assert found({**STATUS, **AGENT}, AT) == AgentLegBegan(AT, CALL, LEG)
    assert found({**STATUS, "Context": "elsewhere"}, AT) is None
    assert found({"Event": "Status"}, AT) is None


NAMES = sorted({str(message.get("Event", "")) for message, _ in TABLE.values()})
HEADERS = sorted({header for message, _ in TABLE.values() for header in message} | STATUS.keys())
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [CALL, "PJSIP/", "PJSIP/8001-web", "HotlineAnswered", "HotlineRingEnded", "²", "-1", "9" * 50, "ring"]
    ),
)


@given(name=st.sampled_from(NAMES), headers=st.dictionaries(st.sampled_from(HEADERS), VALUES), own=st.booleans())
def test_never_raises(name: str, headers: dict[str, str], own: bool) -> None:
    message = {**(CITIZEN if own else {}), **headers, "Event": name}
    event = translate(message, AT)
    if isinstance(event, CallArrived):
        assert len(event.ani) <= 40
        assert not any(ord(mark) < 32 for mark in event.ani + event.dnis)
        assert event.rate >= 8000
    found(message, AT)


def test_a_colleague_who_is_rung_for_the_room_and_comes() -> None:
    """Until they are in a bridge with others, their channels have a linked id of their own."""
    rung = {"Linkedid": f"{CALL}/2-leg", "Channel": "Local/2@room-ring-00000001;2", "Context": "room-ring"}
    for own in (f"{CALL}/2-leg", f"{CALL}/2-leg;2"):
        assert found({**rung, "Uniqueid": own}, AT) == RungInto(AT, CALL, f"{CALL}/2", rung["Channel"])
    phone = {**AGENT, "Linkedid": f"{CALL}/2-leg"}
    assert found(phone, AT) is None, "it is no telephone of the call's own"
    came = {**phone, "Context": "room-agent", "Exten": "2"}
    for linked in (f"{CALL}/2-leg", CALL):
        assert found({**came, "Linkedid": linked}, AT) == InRoom(AT, CALL, f"{CALL}/2", LEG)
    failed = {"Event": "OriginateResponse", "Response": "Failure", "ActionID": f"{CALL}/2", "Reason": "0"}
    left = translate(failed, AT)
    assert left == LeftRoom(AT, CALL, f"{CALL}/2", "unreachable") and left.is_agent
