"""What a hostile telephone writes into a call never becomes an event of another one."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from itertools import count

import pytest

from tests.e2e import asterisk as real
from tests.e2e.test_dialplan import Controller
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
_FORGED = "%0D%0A%0D%0AEvent%3A%20Hangup%0D%0AUniqueid%3A%20victim%0D%0ALinkedid%3A%20victim%0D%0A%0D%0AX%3A%20"
_calls = count(1)


@pytest.fixture
async def controller(asterisk: real.Running) -> AsyncIterator[Controller]:
    async with Controller(asterisk) as linked:
        await linked.beat()
        yield linked


async def answer_to(port: int, *, number: str = "13800138000", dialled: str = "12345", name: str = "") -> int:
    """Call: the status with which Asterisk answers. The caller stays on the line, silent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.connect(("127.0.0.1", port))
        line.setblocking(False)
        own, call = line.getsockname()[1], next(_calls)

        def request(method: str, to: str = "", body: str = "") -> bytes:
            return (
                f"{method} sip:{dialled}@127.0.0.1:{port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{call}{method}\r\n"
                f"From: {name}<sip:{number}@127.0.0.1:{own}>;tag=t{call}\r\n"
                f"To: {to or f'<sip:{dialled}@127.0.0.1:{port}>'}\r\n"
                f"Call-ID: {call}@{own}\r\nCSeq: 1 {method}\r\n"
                f"Contact: <sip:1@127.0.0.1:{own}>\r\nMax-Forwards: 70\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode()

        loop = asyncio.get_running_loop()
        await loop.sock_sendall(line, request("INVITE", body=_SDP))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = (await loop.sock_recv(line, 65536)).decode()
                status = int(answer.split()[1])
                if status >= 200:
                    to = re.search(r"^To: (.*)\r$", answer, re.MULTILINE)
                    await loop.sock_sendall(line, request("ACK", to[1] if to else ""))
                    return status


async def test_line_breaks_in_the_dialled_number_begin_no_channel(
    asterisk: real.Running, controller: Controller
) -> None:
    port = asterisk.config.sip.port
    assert await answer_to(port, dialled=f"12345{_FORGED}") == 404
    assert await answer_to(port) == 200
    assert (await controller.heard(Event="AsyncAGIStart"))["exten"] == "12345"
    assert controller.ami.up and "victim" not in str([dict(m) for m in controller.messages])


@pytest.mark.parametrize(
    ("number", "name", "shown"),
    [
        (f"138{_FORGED}", "", "138"),
        ("%00%01", "", ""),
        ("'" + "1" * 40, "", "1" * 40),
        ("anonymous", "", ""),
        ("+8613800138000", '"\\"; DROP TABLE calls; -- <b>\\x01 \x01\x7f 请${EPOCH}" ', "+8613800138000"),
        ("$%7BEPOCH%7D1", "", "1"),
    ],
)
async def test_of_the_calling_number_only_its_digits_are_told(
    asterisk: real.Running, controller: Controller, number: str, name: str, shown: str
) -> None:
    assert await answer_to(asterisk.config.sip.port, number=number, name=name) == 200
    told = (await controller.heard(Event="AsyncAGIStart"))["calleridnum"]
    assert told.removeprefix("<unknown>") == shown
    assert controller.ami.up and "victim" not in str([dict(m) for m in controller.messages])


async def test_options_behind_the_dialled_number_do_not_count(asterisk: real.Running, controller: Controller) -> None:
    assert await answer_to(asterisk.config.sip.port, dialled="12345;phone-context=+86731;npdi") == 200
    assert (await controller.heard(Event="AsyncAGIStart"))["exten"] == "12345"
