"""The AMI link against a scripted TCP peer: each hole of the library below, staged over a real socket."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import socket
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ivr.adapters.ami import Ami, Message
from ivr.adapters.ami.link import LINE_BYTES, Link
from ivr.core.errors import ActionRefused, ActionTimeout, AmiError, LinkLost
from tests.adapters.ami_peer import BANNER, Heard, Peer, Session, line_up, running


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with Peer.listening() as listening:
        yield listening


def ami_to(peer: Peer, heard: Heard, **options: Any) -> Ami:
    quick = {"retry_s": (0.02, 0.1), **options}
    told = {"on_message": heard.on_message, "on_link": heard.on_link, **quick}
    return Ami("127.0.0.1", peer.port, "controller", "s3cret-word", **told)


@pytest.fixture
async def linked(peer: Peer) -> AsyncIterator[tuple[Ami, Heard, Session]]:
    """A link that is up, and the peer's end of it."""
    heard = Heard()
    ami = ami_to(peer, heard)
    async with running(ami):
        session = await peer.accept()
        await session.login()
        await heard.until(lambda: ami.up)
        yield ami, heard, session


async def test_logs_in_and_asks(peer: Peer) -> None:
    heard = Heard()
    ami = ami_to(peer, heard)
    with pytest.raises(LinkLost):
        await ami.action("CoreStatus")
    async with running(ami):
        session = await peer.accept()
        login = await session.login()
        assert (login["Username"], login["Secret"], login["Events"]) == ("controller", "s3cret-word", "on")
        await heard.until(lambda: heard.links == [True])
        asking = asyncio.create_task(ami.action("Getvar", Variable="X"))
        action = await session.heard()
        assert (action["Action"], action["Variable"]) == ("Getvar", "X")
        session.say(Response="Success", ActionID=action["ActionID"], Variable="X", Value="")
        answer = await asking
    assert (answer["VARIABLE"], answer["value"], answer.get("Nothing")) == ("X", "", None)
    assert heard.links == [True, False] and not ami.up


async def test_refusal_is_an_error_with_the_reason(linked: tuple[Ami, Heard, Session]) -> None:
    ami, _, session = linked
    for ask in (ami.action("Hangup", Channel="PJSIP/none"), ami.collect("Status", done="StatusComplete")):
        asking = asyncio.create_task(ask)
        action = await session.heard()
        session.say(Response="Error", ActionID=action["ActionID"], Message="No such channel")
        with pytest.raises(ActionRefused, match="No such channel"):
            await asking
    assert ami.pending == 0


async def test_several_at_once_keep_their_order_and_fail_as_one(linked: tuple[Ami, Heard, Session]) -> None:
    ami, _, session = linked
    for refused in (False, True):
        asking = asyncio.create_task(ami.actions([("AGI", {}), ("Setvar", {})]))
        first, second = await session.heard(), await session.heard()
        assert (first["Action"], second["Action"]) == ("AGI", "Setvar")
        for action in (second, first):
            answer = "Error" if refused else "Success"
            session.say(Response=answer, ActionID=action["ActionID"], Message=action["Action"])
        if refused:
            with pytest.raises(ActionRefused, match="AGI"):
                await asking
        else:
            assert [answer["Message"] for answer in await asking] == ["AGI", "Setvar"]
    assert ami.pending == 0


async def test_lists_are_collected_and_kept_from_the_callback(linked: tuple[Ami, Heard, Session]) -> None:
    ami, heard, session = linked
    asking = asyncio.create_task(ami.collect("Status", done="StatusComplete"))
    action = await session.heard()
    number = action["ActionID"]
    session.say(Response="Success", ActionID=number, EventList="start")
    session.say(Event="Status", ActionID=number, Channel="PJSIP/a")
    session.say(Event="Hangup", Channel="PJSIP/z")
    session.say(Event="Status", ActionID=number, Channel="PJSIP/b")
    session.say(Event="StatusComplete", ActionID=number, EventList="Complete")
    assert [line["Channel"] for line in await asking] == ["PJSIP/a", "PJSIP/b"]
    assert [message["Event"] for message in heard.messages] == ["Hangup"]


async def test_an_event_with_an_action_id_is_not_taken_for_the_response(linked: tuple[Ami, Heard, Session]) -> None:
    ami, heard, session = linked
    asking = asyncio.create_task(ami.action("Originate", Channel="Local/1@x"))
    number = (await session.heard())["ActionID"]
    session.say(Event="OriginateResponse", ActionID=number, Response="Failure", Channel="early")
    session.say(Response="Success", ActionID=number, Message="Originate successfully queued")
    assert "queued" in (await asking)["Message"]
    await heard.until(lambda: len(heard.messages) == 1)


# --- a character split over two reads ---------------------------------------------------------------------------------


async def test_utf8_byte_by_byte(linked: tuple[Ami, Heard, Session]) -> None:
    _, heard, session = linked
    for byte in line_up({"Event": "UserEvent", "Name": "株洲市民热线"}):
        session.writer.write(bytes([byte]))
        await session.writer.drain()
        await asyncio.sleep(0)
    await heard.until(lambda: bool(heard.messages))
    assert heard.messages[0]["Name"] == "株洲市民热线"


@given(
    values=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_any_text_cut_anywhere_arrives_whole(values: list[str], cuts: list[int]) -> None:
    async def feed() -> list[str]:
        heard: list[Message] = []
        link = Link("peer", heard.append)
        data = BANNER + b"".join(line_up({"Event": "E", "Value": value}) for value in values)
        edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
        for begin, end in pairwise(edges):
            link.data_received(data[begin:end])
        return [message["Value"] for message in heard]

    assert asyncio.run(feed()) == values


# --- what may not be sent ---------------------------------------------------------------------------------------------

BAD = {
    "line break in a value": {"Value": "a\r\nAction: Originate"},
    "carriage return": {"Value": "a\rb"},
    "line feed": {"Value": "a\nb"},
    "NUL": {"Value": "a\0b"},
    "line break in a key": {"X\r\nAction": "Originate"},
    "colon in a key": {"X: 1": "2"},
    "empty key": {"": "2"},
    "half a character": {"Value": "\ud800"},
    "too long": {"Value": "x" * (LINE_BYTES - len("Value: \r\n") + 1)},
    "too long in bytes": {"Value": "株" * 400},
}


@pytest.mark.parametrize("fields", BAD.values(), ids=BAD.keys())
async def test_dangerous_fields_are_refused_before_anything_is_sent(
    linked: tuple[Ami, Heard, Session], fields: dict[str, str]
) -> None:
    ami, _, session = linked
    with pytest.raises(AmiError):
        await ami.action("Setvar", Variable="X", **fields)
    with pytest.raises(AmiError):
        await ami.action("Setvar\r\nAction: Originate")
    asking = asyncio.create_task(ami.action("CoreStatus"))
    assert (await session.heard())["Action"] == "CoreStatus"
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert ami.pending == 0


async def test_the_longest_line_is_sent_whole(linked: tuple[Ami, Heard, Session]) -> None:
    ami, _, session = linked
    value = "x" * (LINE_BYTES - len("Value: \r\n"))
    asking = asyncio.create_task(ami.action("Setvar", Value=value))
    action = await session.heard()
    assert action["Value"] == value
    session.say(Response="Success", ActionID=action["ActionID"])
    await asking


# --- deadlines, lost links, no replay ---------------------------------------------------------------------------------


async def test_deadline(linked: tuple[Ami, Heard, Session]) -> None:
    ami, heard, session = linked
    with pytest.raises(ActionTimeout, match="Status"):
        await ami.collect("Status", done="StatusComplete", deadline_s=0.05)
    assert ami.pending == 0
    number = (await session.heard())["ActionID"]
    session.say(Response="Success", ActionID=number)
    session.say(Event="Mark")
    await heard.until(lambda: bool(heard.messages))
    assert ami.up and [message["Event"] for message in heard.messages] == ["Mark"]


async def test_lost_link_fails_what_is_pending_and_replays_nothing(
    peer: Peer, linked: tuple[Ami, Heard, Session]
) -> None:
    ami, heard, session = linked
    single = asyncio.create_task(ami.action("Originate", Channel="Local/1@x", deadline_s=30))
    await session.heard()
    half = asyncio.create_task(ami.collect("Status", done="StatusComplete", deadline_s=30))
    number = (await session.heard())["ActionID"]
    session.say(Response="Success", ActionID=number, EventList="start")
    session.say(Event="Status", ActionID=number, Channel="PJSIP/a")
    session.say(Event="Mark")
    await heard.until(lambda: bool(heard.messages))
    session.hang_up()
    results = await asyncio.gather(single, half, return_exceptions=True)
    assert [type(result) for result in results] == [LinkLost, LinkLost]
    await heard.until(lambda: heard.links[:2] == [True, False])
    assert ami.pending == 0

    again = await peer.accept()
    await again.login()
    await heard.until(lambda: ami.up)
    again.say(Event="FullyBooted", Status="Fully Booted")
    asking = asyncio.create_task(ami.action("CoreStatus"))
    action = await again.heard()
    assert action["Action"] == "CoreStatus", "the first thing after the login is what was asked on this link"
    again.say(Response="Success", ActionID=action["ActionID"])
    await asking
    assert heard.links == [True, False, True]


async def test_a_cancelled_action_leaves_nothing(linked: tuple[Ami, Heard, Session]) -> None:
    ami, _, session = linked
    asking = asyncio.create_task(ami.action("CoreStatus"))
    await session.heard()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert ami.pending == 0


async def test_thousands_of_actions_leave_nothing(linked: tuple[Ami, Heard, Session]) -> None:
    ami, _, session = linked
    serving = asyncio.create_task(session.serve(lambda action: [{"Response": "Success", "Echo": action["Value"]}]))
    for start in range(0, 3000, 300):
        answers = await asyncio.gather(
            *(ami.action("Setvar", Variable="X", Value=str(n)) for n in range(start, start + 300))
        )
        assert [answer["Echo"] for answer in answers] == [str(n) for n in range(start, start + 300)]
    assert ami.pending == 0
    serving.cancel()


# --- a dead link ------------------------------------------------------------------------------------------------------


def test_a_dead_link_is_noticed_within_five_seconds_by_default() -> None:
    defaults = inspect.signature(Ami).parameters
    assert defaults["ping_s"].default < defaults["dead_s"].default < 5


@pytest.mark.alone
async def test_a_frozen_peer_is_noticed(peer: Peer) -> None:
    heard = Heard()
    ami = ami_to(peer, heard, ping_s=0.1, dead_s=0.4)
    async with running(ami):
        session = await peer.accept()
        await session.login()
        await heard.until(lambda: ami.up)
        for _ in range(8):
            await session.heard(pings=True)
            session.say(Response="Success", Ping="Pong")
        assert heard.links == [True], "a link whose pings are answered stays up"
        frozen_at = time.monotonic()
        asking = asyncio.create_task(ami.action("CoreStatus", deadline_s=30))
        with pytest.raises(LinkLost, match="silent"):
            await asking
        assert 0.2 < time.monotonic() - frozen_at < 0.6
        await (await peer.accept()).login()
        await heard.until(lambda: ami.up)


async def test_any_byte_counts_as_a_sign_of_life(peer: Peer) -> None:
    heard = Heard()
    ami = ami_to(peer, heard, ping_s=0.05, dead_s=0.2)
    async with running(ami):
        session = await peer.accept()
        await session.login()
        await heard.until(lambda: ami.up)
        for _ in range(10):
            session.say(Event="Mark")
            await asyncio.sleep(0.06)
        assert heard.links == [True]


def answer_pings(server: socket.socket) -> None:
    """A peer that is not held up when our event loop is: greets, accepts the login, answers pings."""
    connection, _ = server.accept()
    with connection, connection.makefile("rb") as reader:
        connection.sendall(BANNER)
        for line in reader:
            if line.startswith(b"ActionID: "):
                connection.sendall(b"Response: Success\r\n" + line + b"\r\n")
            elif line.startswith(b"Action: Ping"):
                connection.sendall(b"Response: Success\r\nPing: Pong\r\n\r\n")


async def test_a_busy_event_loop_is_no_dead_link() -> None:
    heard = Heard()
    with socket.create_server(("127.0.0.1", 0)) as server, concurrent.futures.ThreadPoolExecutor() as threads:
        threads.submit(answer_pings, server)
        port = server.getsockname()[1]
        options = {"on_message": heard.on_message, "on_link": heard.on_link, "ping_s": 0.05, "dead_s": 0.2}
        ami = Ami("127.0.0.1", port, "controller", "s", **options)
        async with running(ami):
            await heard.until(lambda: ami.up)
            for _ in range(3):
                time.sleep(0.4)  # noqa: ASYNC251 - the fault that is staged
                await asyncio.sleep(0.06)
            assert heard.links == [True]


async def test_burst_of_events(linked: tuple[Ami, Heard, Session]) -> None:
    ami, heard, session = linked
    event = {"Event": "DialBegin", **{f"Header{n}": "株洲 PJSIP/trunk-00000001" for n in range(20)}}
    began_at = time.process_time()  # and not by the clock, for the machine may be busy with other things
    for _ in range(20):
        session.writer.write(line_up(event) * 500)
        await session.writer.drain()
    await heard.until(lambda: len(heard.messages) == 10_000)
    assert heard.links == [True]
    assert 10_000 / (time.process_time() - began_at) > 5_000, "events a second"
    assert ami.pending == 0


# --- coming back ------------------------------------------------------------------------------------------------------


async def test_retries_back_off(peer: Peer) -> None:
    heard = Heard()
    ami = ami_to(peer, heard, retry_s=(0.05, 10.0))
    with capture_logs() as logs:
        async with running(ami):
            async with asyncio.timeout(1):
                for _ in range(3):
                    (await peer.accept()).hang_up()
            await asyncio.sleep(0.1)
            assert peer.accepted == 3, "the fourth attempt waits for 0.2 s at least"
    assert len([entry for entry in logs if entry["event"] == "ami.no_link"]) == 1


async def test_a_link_that_breaks_at_once_backs_off_too(peer: Peer) -> None:
    heard = Heard()
    ami = ami_to(peer, heard, retry_s=(0.05, 10.0))
    async with running(ami):
        for count in range(1, 4):
            session = await peer.accept()
            await session.login()
            await heard.until(lambda count=count: heard.links.count(True) == count)
            session.hang_up()
        await asyncio.sleep(0.1)
        assert peer.accepted == 3


async def test_a_bad_password_is_said_once_and_not_hammered(peer: Peer) -> None:
    heard = Heard()
    ami = ami_to(peer, heard, refused_s=0.2)
    with capture_logs() as logs:
        async with running(ami):
            for _ in range(3):
                began_at = time.monotonic()
                session = await peer.accept()
                session.writer.write(BANNER)
                number = (await session.heard())["ActionID"]
                session.say(Response="Error", ActionID=number, Message="Authentication failed")
                session.writer.close()
            assert time.monotonic() - began_at > 0.09, "half of refused_s at least"
    complaints = [entry for entry in logs if entry["log_level"] == "error"]
    assert len(complaints) == 1
    assert "Authentication failed" in complaints[0]["problem"] and "'controller'" in complaints[0]["problem"]
    assert "s3cret-word" not in str(logs)
    assert heard.links == []


async def test_something_else_on_the_port(peer: Peer) -> None:
    heard = Heard()
    with capture_logs() as logs:
        async with running(ami_to(peer, heard)):
            (await peer.accept()).writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await peer.accept()
    assert "not Asterisk's manager" in logs[0]["problem"]


async def test_nobody_listens(unused_tcp_port: int) -> None:
    heard = Heard()
    ami = Ami("127.0.0.1", unused_tcp_port, "u", "s", on_message=heard.on_message, on_link=heard.on_link)
    with capture_logs() as logs:
        async with running(ami):
            await asyncio.sleep(0.1)
    assert f"127.0.0.1:{unused_tcp_port}" in logs[0]["problem"]


# --- callbacks that raise ---------------------------------------------------------------------------------------------


async def test_a_callback_that_raises_harms_nobody_else(peer: Peer) -> None:
    heard = Heard()

    def on_message(message: Message) -> None:
        heard.on_message(message)
        if message["Event"] == "Bad":
            raise ValueError("bad")

    def on_link(up: bool) -> None:
        heard.on_link(up)
        raise RuntimeError("bad too")

    ami = ami_to(peer, heard, on_message=on_message, on_link=on_link)
    with capture_logs() as logs:
        async with running(ami):
            session = await peer.accept()
            await session.login()
            await heard.until(lambda: ami.up)
            session.writer.write(line_up({"Event": "Bad"}) + line_up({"Event": "Good"}))
            await heard.until(lambda: len(heard.messages) == 2)
            asking = asyncio.create_task(ami.action("CoreStatus"))
            session.say(Response="Success", ActionID=(await session.heard())["ActionID"])
            await asking
    assert len([entry for entry in logs if entry["event"] == "ami.callback_failed"]) == 3


def test_messages_are_read_only_and_blind_to_case() -> None:
    message = Message.parsed("Event: E\r\nChanVariable: a=1\r\nChanVariable: b=2")
    assert message["event"] == message["EVENT"] == "E"
    assert message["ChanVariable"] == "a=1\nb=2"
    assert len(message) == 2 and "EVENT" in message
    assert not hasattr(message, "__setitem__")


async def test_an_action_keeps_the_id_that_it_was_given(linked: tuple[Ami, Heard, Session]) -> None:
    ami, _, session = linked
    asked = asyncio.create_task(ami.action("Originate", ActionID="1.1/t2", Channel="PJSIP/110@trunk"))
    action = await session.heard()
    assert action["ActionID"] == "1.1/t2"
    session.say(Response="Success", ActionID="1.1/t2")
    await asked


_FORGED = "Event: Hangup\r\nUniqueid: victim\r\nLinkedid: victim"
_WHOLE = "138\r\nUniqueid: 1.1\r\nLinkedid: 1.1"


@pytest.mark.parametrize(
    "number",
    [
        f"138\r\n\r\n{_FORGED}\r\n\r\nX: ",
        f"138\r\n\r\n{_FORGED}\r\nX: ",
        f"{_WHOLE}\r\n\r\n{_FORGED}\r\n\r\nX: ",
        f"{_WHOLE}\r\n\r\n{_FORGED}\r\nX: ",
        "138\r\nEvent: Hangup",
        "138\r\nLinkedid: victim",
    ],
)
async def test_an_event_into_which_a_telephone_has_written_ends_the_link(
    linked: tuple[Ami, Heard, Session], number: str
) -> None:
    _, heard, session = linked
    rest = "Exten: 12345\r\nUniqueid: 2.2\r\nLinkedid: 2.2"
    event = f"Event: Hangup\r\nChannelState: 6\r\nCallerIDNum: {number}\r\n{rest}\r\n\r\n"
    session.writer.write(event.encode())
    await heard.until(lambda: heard.links[-1:] == [False])
    assert heard.messages == []
