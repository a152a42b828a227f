"""SIPp as a citizen's telephone, led step by step: call, press, speak, listen, hang up.

SIPp speaks SIP; the sound is ours (`rtp.py`), so a test knows what was said and heard. SIPp takes its orders
as MESSAGE requests within the call, which it gets from the test alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.e2e.asterisk import free_port
from tests.e2e.rtp import Codec, Rtp, open_rtp
from tests.patience import PATIENCE_S

FOUND = shutil.which("sipp")

_SCENARIO = """<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="citizen">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[ani]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: [cseq] INVITE
Contact: <sip:[ani]@[local_ip]:[local_port]>
Max-Forwards: 70
Allow: INVITE, ACK, BYE, CANCEL, INFO
Content-Type: application/sdp
Content-Length: [len]

v=0
o=citizen 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [rtp] RTP/AVP [payload][telephone_event]
a=rtpmap:[payload] [codec]/8000
a=ptime:20
a=sendrecv
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true">
    <action>
      <ereg regexp="m=audio ([0-9]+)" search_in="msg" check_it="true" assign_to="whole,port"/>
      <log message="answered [$port]"/>
    </action>
  </recv>
  <send[after_ack]><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[ani]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <label id="1"/>
  <recv request="BYE" optional="true" next="9"/>
  <recv request="MESSAGE">
    <action>
      <ereg regexp="press ([0-9*#]) ([0-9]+)" search_in="msg" assign_to="press,key,order"/>
      <ereg regexp="hang up" search_in="msg" assign_to="over"/>
    </action>
  </recv>
  <nop next="3" test="over"/>
  <nop next="2"/>
  <label id="3"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[ani]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: [cseq] BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200" next="10"><action><log message="ended by citizen"/></action></recv>
  <label id="2"/>
  <send retrans="500"><![CDATA[
INFO [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]-[$order]
From: <sip:[ani]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: [cseq] INFO
Max-Forwards: 70
Content-Type: application/dtmf-relay
Content-Length: [len]

Signal=[$key]
Duration=100
]]></send>
  <recv response="200" next="1"/>
  <label id="9"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <nop><action><log message="ended by hotline"/></action></nop>
  <label id="10"/>
  <Reference variables="whole,press"/>
</scenario>
"""


class Caller:
    """One call. `async with` it; what is left of the call at the end is hung up.

    Who is hasty hangs up as soon as they are answered, and no sound has come from them.
    """

    def __init__(
        self,
        sip_port: int,
        folder: Path,
        *,
        ani: str = "13907330001",
        dnis: str = "12345",
        codec: Codec = "PCMA",
        tone_hz: float = 0,
        events: bool = True,
        hasty: bool = False,
    ) -> None:
        self.rtp: Rtp
        self._target = f"127.0.0.1:{sip_port}"
        self._folder, self._ani, self._dnis = folder, ani, dnis
        self._codec, self._tone_hz, self._events, self._hasty = codec, tone_hz, events, hasty
        self._port = free_port()
        self._call_id = f"citizen-{self._port}@127.0.0.1"
        self._log = folder / f"sipp-{self._port}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._orders = 0

    async def __aenter__(self) -> Self:
        if FOUND is None:
            pytest.skip("sipp is missing: sudo apt-get install -y sip-tester")
        self.rtp = await open_rtp(self._codec, self._tone_hz)
        self._folder.mkdir(parents=True, exist_ok=True)
        scenario = self._folder / f"sipp-{self._port}.xml"
        payload = str(self.rtp.law.payload)
        text = _SCENARIO.replace("[payload]", payload).replace("[codec]", self._codec).replace("[ani]", self._ani)
        text = text.replace("[rtp]", str(self.rtp.port))
        # Not by a nop: SIPp rests before one, and breaks the call off when an order comes just then.
        text = text.replace("[after_ack]", ' next="3"' if self._hasty else "")
        if self._events:
            event = "a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=ptime"
            text = text.replace("[telephone_event]", " 101").replace("a=ptime", event)
        scenario.write_text(text.replace("[telephone_event]", ""))
        self._process = await asyncio.create_subprocess_exec(
            *(FOUND, self._target, "-sf", str(scenario), "-s", self._dnis, "-m", "1", "-nostdin"),
            *("-i", "127.0.0.1", "-p", str(self._port), "-cid_str", self._call_id, "-deadcall_wait", "0"),
            *("-trace_logs", "-log_file", str(self._log), "-trace_err", "-error_file", f"{self._log}.err"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.returncode is None and self._logged("answered"):
            self._order("hang up")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self.rtp.close()

    async def answered(self, within_s: float = PATIENCE_S) -> None:
        """Wait for the answer; sound flows from then on. Raises AssertionError with SIPp's own words when refused."""
        port = await self._wait_for(r"answered (\d+)", within_s)
        self.rtp.send_to(int(port))

    def press(self, keys: str) -> None:
        """Press keys as RFC 4733 events."""
        self.rtp.press(keys)

    async def pass_the_menu(self) -> None:
        """Press a key that the shipped menu does not know, and that leads to the general line."""
        await self.rtp.heard_for(0.5)
        self.press("9")

    def press_info(self, key: str) -> None:
        """Press one key as SIP INFO."""
        self._order(f"press {key} {self._orders}")

    async def hang_up(self) -> None:
        self._order("hang up")
        await self.over()

    async def over(self) -> None:
        """Wait until their hanging up has been confirmed."""
        await self._wait_for("ended by citizen", PATIENCE_S)

    async def ended(self, within_s: float = PATIENCE_S) -> None:
        """Wait until the hotline ends the call."""
        await self._wait_for("ended by hotline", within_s)

    @property
    def up(self) -> bool:
        return bool(self._logged("answered")) and not self._logged("ended")

    def _order(self, text: str) -> None:
        self._orders += 1
        branch = f"z9hG4bK-order-{self._port}-{self._orders}"
        message = (
            f"MESSAGE sip:citizen@127.0.0.1:{self._port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch={branch}\r\n"
            f"From: <sip:test@127.0.0.1>;tag=test\r\nTo: <sip:citizen@127.0.0.1>\r\nCall-ID: {self._call_id}\r\n"
            f"CSeq: {self._orders} MESSAGE\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(message.encode(), ("127.0.0.1", self._port))

    def _logged(self, pattern: str) -> re.Match[str] | None:
        try:
            return re.search(pattern, self._log.read_text("utf-8"))
        except FileNotFoundError:
            return None

    async def _wait_for(self, pattern: str, within_s: float) -> str:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + within_s
        while (found := self._logged(pattern)) is None:
            over = self._process.returncode is not None
            late = asyncio.get_running_loop().time() > deadline
            assert not over and not late, f"SIPp {'ended' if over else 'waited'} without {pattern!r}. {self._errors()}"
            await asyncio.sleep(0.01)
        return found[1] if found.groups() else found[0]

    def _errors(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return Path(f"{self._log}.err").read_text("utf-8", "replace")
        return "It left no errors."


@contextlib.asynccontextmanager
async def calling(sip_port: int, folder: Path, **how: object) -> AsyncIterator[Caller]:
    """A call that has been answered."""
    async with Caller(sip_port, folder, **how) as caller:  # type: ignore[arg-type]
        await caller.answered()
        yield caller
