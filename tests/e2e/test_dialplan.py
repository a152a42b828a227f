"""The fixed dialplan on a real Asterisk: what it promises to the controller, and what it does without one."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import re
import time
import wave
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import numpy as np
import pytest

from ivr.adapters import pbx, recordings
from ivr.adapters.agi.told import KEPT_S, LONG_S, begin_anew, untold
from ivr.adapters.ami import Ami, Message
from ivr.adapters.pbx.render import EVENTS
from ivr.adapters.store import Store
from ivr.core.call_states import begin
from ivr.core.errors import ActionRefused
from ivr.core.events import CallerHungUp, CallUnattended
from ivr.core.recordings import recording_base
from tests.e2e import asterisk as real
from tests.e2e.baresip import Softphone
from tests.e2e.rtp import Sound, share
from tests.e2e.sipp import Caller, calling
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.e2e

CITIZEN_HZ, AGENT_HZ = 400, 1000


class Controller:
    """The bare minimum of one: hears all events, sends AGI commands, and beats when told to."""

    def __init__(self, up: real.Running, account: str = "controller") -> None:
        self.messages: list[Message] = []
        self._news = asyncio.Event()
        self._ids = count(1)
        ami, secret = up.config.ami, up.secrets.ami_secret(account)
        self._linked = asyncio.Event()
        self.ami = Ami(ami.host, ami.port, account, secret, on_message=self._hear, on_link=self._link)

    async def __aenter__(self) -> Controller:
        self._tasks = [asyncio.create_task(self.ami.run())]
        async with asyncio.timeout(PATIENCE_S):
            await self._linked.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hear(self, message: Message) -> None:
        self.messages.append(message)
        self._news.set()

    def _link(self, up: bool) -> None:
        if up:
            self._linked.set()

    async def beat(self) -> None:
        await self.ami.action("Setvar", Variable="IVR_HEARTBEAT", Value=str(int(time.time())))

    async def heard(self, within_s: float = PATIENCE_S, **wanted: str) -> Message:
        """The first message with these headers, heard already or within the time."""
        async with asyncio.timeout(within_s):
            while True:
                for message in self.messages:
                    if all(message.get(name) == value for name, value in wanted.items()):
                        return message
                self._news.clear()
                await self._news.wait()

    async def arrival(self) -> Message:
        """A call that waits for orders, with a lease that the test does not live to see the end of."""
        started = await self.heard(Event="AsyncAGIStart")
        await self.lease(started, 60)
        return started

    async def lease(self, call: Message, seconds: int) -> None:
        await self.ami.action("Setvar", Channel=call["Channel"], Variable="TIMEOUT(absolute)", Value=str(seconds))

    async def order(self, call: Message, line: str) -> str:
        """Send an AGI command; its number, for `done`."""
        number = f"test-{next(self._ids)}"
        await self.ami.action("AGI", Channel=call["Channel"], Command=line, CommandID=number)
        return number

    async def done(self, number: str) -> str:
        return unquote((await self.heard(Event="AsyncAGIExec", CommandId=number))["Result"]).strip()

    async def ring(self, call: Message, agent: str, recording: Path, seconds: int = 15) -> str:
        ring_id = f"{call['Linkedid']}/1"
        return await self.order(call, f'GOSUB ring s 1 "{agent},{ring_id},{seconds},{recording},8000"')


@pytest.fixture
async def controller(asterisk: real.Running) -> AsyncIterator[Controller]:
    async with Controller(asterisk) as linked:
        await linked.beat()
        yield linked


@contextlib.asynccontextmanager
async def agent(up: real.Running, tmp_path: Path, codecs: str = "pcma") -> AsyncIterator[Softphone]:
    async with Softphone(
        up.config.sip.port, tmp_path, "8001-sip", up.secrets.phone_secret("8001"), tone_hz=AGENT_HZ, codecs=codecs
    ) as phone:
        yield phone


def read(path: Path) -> tuple[Sound, int]:
    with wave.open(str(path)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16), sound.getframerate()


def recorded(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


async def finished(folder: Path, call_id: str) -> dict[str, Path]:
    """Both legs of the call's only talk, when Asterisk has closed them."""
    legs, problems = await recordings.finish(folder, call_id, f"{call_id}/1", PATIENCE_S)
    assert problems == []
    return {leg.leg: folder / leg.path for leg in legs}


@pytest.mark.parametrize(("codecs", "ending", "rate"), [("pcma", "wav", 8000), ("g722", "wav16", 16000)])
async def test_both_legs_are_recorded_apart_and_the_citizen_comes_back(
    asterisk: real.Running, controller: Controller, tmp_path: Path, codecs: str, ending: str, rate: int
) -> None:
    folder = asterisk.config.recordings
    async with (
        agent(asterisk, tmp_path, codecs) as phone,
        calling(asterisk.config.sip.port, tmp_path, tone_hz=CITIZEN_HZ) as citizen,
    ):
        call = await controller.arrival()
        call_id, ring_id = call["Linkedid"], f"{call['Linkedid']}/1"
        ring = await controller.ring(call, "8001", folder / recording_base(call_id, ring_id))
        await phone.rings()
        assert recorded(folder) == {}
        await phone.answer()
        answered = await controller.heard(UserEvent="HotlineAnswered", CallId=call_id)
        assert (answered["RingId"], answered["AgentRate"]) == (ring_id, str(rate))
        await citizen.rtp.hears(AGENT_HZ)
        await asyncio.sleep(1)
        phone.hang_up()
        await controller.heard(UserEvent="HotlineAgentHungUp", RingId=ring_id)
        assert (await controller.done(ring)).endswith("200 result=0 Gosub complete")

        before = len(citizen.rtp.frames)
        assert "result=0" in await controller.done(await controller.order(call, "EXEC Playback hotline/thanks"))
        assert len(citizen.rtp.frames) > before + 25
        await controller.ami.action("Hangup", Channel=call["Channel"])
        await citizen.ended()

    files = await finished(folder, call_id)
    assert (files["agent"].suffix, files["caller"].suffix) == (f".{ending}", ".wav")
    agent_leg, caller_leg = ("agent", AGENT_HZ, CITIZEN_HZ, rate), ("caller", CITIZEN_HZ, AGENT_HZ, 8000)
    for leg, hertz, other, hertz_rate in (agent_leg, caller_leg):
        sound, sound_rate = read(files[leg])
        assert sound_rate == hertz_rate
        assert len(sound) / sound_rate > 1
        middle = sound[sound_rate // 2 : -sound_rate // 4]
        assert share(middle, hertz, sound_rate) > 0.95
        assert share(middle, other, sound_rate) < 0.01


@pytest.mark.parametrize("first_ms", [0, 300, 600, 900, 400_000])
async def test_a_telephone_is_heard_wherever_its_clock_starts(
    asterisk: real.Running, controller: Controller, tmp_path: Path, first_ms: int
) -> None:
    folder = asterisk.config.recordings
    async with Caller(asterisk.config.sip.port, tmp_path, tone_hz=CITIZEN_HZ) as citizen:
        citizen.rtp.first_timestamp = first_ms * 8
        await citizen.answered()
        call = await controller.arrival()
        call_id = call["Linkedid"]
        base = folder / recording_base(call_id, f"{call_id}/1")
        await controller.done(await controller.order(call, f'GOSUB record s 1 "{base},agent,8000"'))
        await controller.order(call, "SET MUSIC ON")
        await citizen.rtp.heard_for(4)
    sound, rate = read((await finished(folder, call_id))["agent"])
    halves = [sound[n : n + rate // 2] for n in range(rate // 2, len(sound) - rate // 2, rate // 2)]
    assert len(halves) >= 5
    assert min(share(half, CITIZEN_HZ, rate) for half in halves) > 0.9


async def test_a_refused_an_unanswered_and_an_unreachable_ring(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    folder = asterisk.config.recordings
    async with agent(asterisk, tmp_path) as phone, calling(asterisk.config.sip.port, tmp_path):
        call = await controller.arrival()
        for status, cause, target, seconds in (("BUSY", "17", "8001", 15), ("NOANSWER", "0", "8001", 1)):
            ring = await controller.ring(call, target, folder / status, seconds)
            await phone.rings()
            if status == "BUSY":
                phone.hang_up()
            ended = await controller.heard(UserEvent="HotlineRingEnded", Status=status)
            assert (ended["CallId"], ended["Cause"]) == (call["Linkedid"], cause)
            await controller.done(ring)
            await controller.lease(call, 60)
        await controller.done(await controller.ring(call, "8002", folder / "nobody"))
        await controller.heard(UserEvent="HotlineRingEnded", Status="CHANUNAVAIL")
        assert recorded(folder) == {}


async def test_a_citizen_who_hangs_up_stops_the_ringing(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with agent(asterisk, tmp_path) as phone, calling(asterisk.config.sip.port, tmp_path) as citizen:
        call = await controller.arrival()
        await controller.ring(call, "8001", asterisk.config.recordings / "none")
        await phone.rings()
        await citizen.hang_up()
        await phone.over()
        await controller.heard(Event="Hangup", Uniqueid=call["Linkedid"])
        assert recorded(asterisk.config.recordings) == {}


async def test_a_lease_that_was_given_on_the_way_out_of_the_room_is_kept(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with calling(asterisk.config.sip.port, tmp_path):
        call = await controller.arrival()
        room = await controller.order(call, "GOSUB room s 1")
        await asyncio.sleep(0.5)  # it waits two seconds for the others
        await controller.lease(call, 60)
        await controller.heard(UserEvent="HotlineRoomLeft")
        await controller.done(room)
        await asyncio.sleep(5)
        assert not [m for m in controller.messages if m.get("UserEvent") == "HotlineFellBack"]


async def test_of_a_call_that_is_over_before_it_takes_orders_the_controller_is_told(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with Caller(asterisk.config.sip.port, tmp_path) as citizen:
        started = await controller.arrival()
        await citizen.answered()
        await citizen.hang_up()
        await controller.heard(Event="Hangup", Uniqueid=started["Uniqueid"])
    async with Caller(asterisk.config.sip.port, tmp_path, hasty=True) as hasty:
        await hasty.over()
    told = await controller.heard(UserEvent="HotlineGone")
    await controller.heard(Event="Hangup", Uniqueid=told["Uniqueid"])
    assert (told["CallId"], told["Dnis"]) == (told["Uniqueid"], "12345")
    assert told["Uniqueid"] != started["Uniqueid"], "of the other one it has heard"
    assert [m["UserEvent"] for m in controller.messages if "UserEvent" in m] == ["HotlineGone"]


@pytest.mark.alone
@pytest.mark.parametrize("way", ["RFC 4733", "SIP INFO"])
async def test_keys_are_heard_either_way_and_cut_the_prompt(
    asterisk: real.Running, controller: Controller, tmp_path: Path, way: str
) -> None:
    async with calling(asterisk.config.sip.port, tmp_path, events=way == "RFC 4733") as citizen:
        call = await controller.arrival()
        question = await controller.order(call, 'EXEC Read "IVR_KEY,hotline/welcome&hotline/menu_main,1,t(),1,3"')
        await citizen.rtp.heard_for(0.5)
        frames, pressed_at = len(citizen.rtp.frames), time.monotonic()
        citizen.press("2") if way == "RFC 4733" else citizen.press_info("2")
        assert "result=0" in await controller.done(question)
        assert time.monotonic() - pressed_at < 0.5
        assert len(citizen.rtp.frames) - frames < 25
        ended = await controller.heard(Event="AsyncAGIExec", CommandId=question)
        assert ended["ChanVariable"] == "READSTATUS=OK\nIVR_KEY=2"


async def test_numbers_and_the_codecs_rate_reach_the_controller(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with calling(asterisk.config.sip.port, tmp_path, ani="+8613907330001;x=1", dnis="12346"):
        call = await controller.arrival()
        assert (call["CallerIDNum"], call["Exten"], call["AccountCode"]) == ("+8613907330001", "12346", "8000")


async def test_without_a_controller_the_static_queue_rings(asterisk: real.Running, tmp_path: Path) -> None:
    async with agent(asterisk, tmp_path) as phone, calling(asterisk.config.sip.port, tmp_path) as citizen:
        await phone.rings()
        await phone.answer()
        await citizen.rtp.hears(AGENT_HZ)


async def test_a_controller_that_gives_no_orders_loses_the_call_to_the_static_queue(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with agent(asterisk, tmp_path) as phone, calling(asterisk.config.sip.port, tmp_path) as citizen:
        call = await controller.heard(Event="AsyncAGIStart")
        await controller.heard(UserEvent="HotlineFellBack", CallId=call["Linkedid"])
        await phone.rings()
        await phone.answer()
        await citizen.rtp.hears(AGENT_HZ)


async def test_a_controller_that_dies_while_people_talk_leaves_nobody_in_silence(
    asterisk: real.Running, tmp_path: Path
) -> None:
    async with agent(asterisk, tmp_path) as phone, Caller(asterisk.config.sip.port, tmp_path) as citizen:
        async with Controller(asterisk) as doomed:
            await doomed.beat()
            await citizen.answered()
            call = await doomed.arrival()
            await doomed.ring(call, "8001", asterisk.config.recordings / "one")
            await phone.rings()
            await phone.answer()
        await citizen.rtp.hears(AGENT_HZ)
        phone.hang_up()
        await phone.over()
        await phone.rings()
        await phone.answer()
        await citizen.rtp.hears(AGENT_HZ)
        assert np.diff(citizen.rtp.heard_at).max() < 5.0


async def test_a_stop_says_goodbye_to_those_who_are_on_the_line(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with calling(asterisk.config.sip.port, tmp_path) as citizen:
        await controller.arrival()
        await asterisk.pbx.stop()
        await citizen.ended()


async def test_a_caller_with_an_agents_number_is_a_caller(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    async with calling(asterisk.config.sip.port, tmp_path, ani="8001"):
        await controller.arrival()


async def test_strangers_are_refused(unpacked: None, tmp_path: Path) -> None:
    config = real.configure(tmp_path / "state", trunk=[{"name": "line", "match": ["192.0.2.0/24"]}])
    async with real.running(config):
        async with Caller(config.sip.port, tmp_path) as stranger:
            with pytest.raises(AssertionError, match=r"SIP/2\.0 401"):
                await stranger.answered()
        async with Caller(config.sip.port, tmp_path, ani="8001-sip") as pretender:
            with pytest.raises(AssertionError, match=r"SIP/2\.0 401"):
                await pretender.answered()


async def test_a_browser_registers_over_the_websocket(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    http, secret = asterisk.config.http, asterisk.secrets.phone_secret("8001")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{http.host}:{http.port}/ws", protocols=["sip"]) as browser,
    ):
        assert browser.protocol == "sip"
        await browser.send_str(registration(1, ""))
        challenge = await browser.receive_str(timeout=PATIENCE_S)
        assert challenge.startswith("SIP/2.0 401")
        await browser.send_str(registration(2, digest(challenge, "8001-web", "wrong")))
        challenge = await browser.receive_str(timeout=PATIENCE_S)
        assert challenge.startswith("SIP/2.0 401")
        await browser.send_str(registration(3, digest(challenge, "8001-web", secret)))
        answers = sorted([await browser.receive_str(timeout=PATIENCE_S) for _ in range(2)])
        assert answers[0].startswith("OPTIONS")
        assert answers[1].startswith("SIP/2.0 200")
        kept = [line for line in answers[0].splitlines() if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]
        await browser.send_str("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]))
        await controller.heard(Event="DeviceStateChange", Device="PJSIP/8001-web", State="NOT_INUSE")


def registration(number: int, authorization: str) -> str:
    return (
        "REGISTER sip:127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/WS browser.invalid;branch=z9hG4bK{number}\r\n"
        "From: <sip:8001-web@127.0.0.1>;tag=b\r\nTo: <sip:8001-web@127.0.0.1>\r\n"
        f"Call-ID: browser\r\nCSeq: {number} REGISTER\r\nMax-Forwards: 70\r\nExpires: 60\r\n"
        f"Contact: <sip:8001-web@browser.invalid;transport=ws>\r\n{authorization}Content-Length: 0\r\n\r\n"
    )


def digest(challenge: str, user: str, password: str) -> str:
    """The Authorization header (RFC 2617, qop=auth) that answers a REGISTER's challenge."""
    parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    proof = md5(
        ":".join(
            (
                md5(f"{user}:{parts['realm']}:{password}"),
                parts["nonce"],
                "00000001:c:auth",
                md5("REGISTER:sip:127.0.0.1"),
            )
        )
    )
    return (
        f'Authorization: Digest username="{user}", realm="{parts["realm"]}", nonce="{parts["nonce"]}",'
        f' uri="sip:127.0.0.1", qop=auth, nc=00000001, cnonce="c", response="{proof}",'
        f' opaque="{parts.get("opaque", "")}", algorithm=MD5\r\n'
    )


async def test_the_accounts_can_do_no_more_than_they_need(asterisk: real.Running, controller: Controller) -> None:
    await controller.ami.collect("Status", done="StatusComplete")
    await controller.ami.collect("DeviceStateList", done="DeviceStateListComplete")
    async with Controller(asterisk, "watcher") as watcher:
        await watcher.ami.collect("CoreShowChannels", done="CoreShowChannelsComplete")
        for account in (controller, watcher):
            for name, fields in (
                ("Command", {"Command": "core show version"}),
                ("GetConfig", {"Filename": "manager.conf"}),
                ("ModuleLoad", {"LoadType": "reload"}),
            ):
                with pytest.raises(ActionRefused):
                    await account.ami.action(name, **fields)
        for name, fields in (
            ("Setvar", {"Variable": "X", "Value": "1"}),
            ("Hangup", {"Channel": "x"}),
            ("Originate", {"Channel": "PJSIP/8001-web", "Application": "Wait", "Data": "1"}),
        ):
            with pytest.raises(ActionRefused, match=r"[Pp]ermission"):
                await watcher.ami.action(name, **fields)


async def test_the_filter_for_older_versions_lets_the_same_events_through(unpacked: None, tmp_path: Path) -> None:
    config = real.configure(tmp_path / "state")
    real.share_tree(config.state.dir)
    installation = await pbx.ensure(config, print)
    old = dataclasses.replace(installation, version="20.6.0")
    process = pbx.Pbx(config, old, pbx.render(config, old, real.REPO))
    await process.start()
    try:
        up = real.Running(config, old, pbx.render(config, old, real.REPO), process)
        async with Controller(up) as controller:
            await controller.beat()
            async with calling(config.sip.port, tmp_path) as citizen:
                call = await controller.arrival()
                await citizen.hang_up()
                await controller.heard(Event="Hangup", Uniqueid=call["Linkedid"])
            assert {message["Event"] for message in controller.messages} <= set(EVENTS)
    finally:
        await process.stop()


async def test_the_log_of_what_was_told_begins_anew_without_losing_a_line(
    asterisk: real.Running, controller: Controller, tmp_path: Path
) -> None:
    logs, sip_port = asterisk.config.state.dir / "log-asterisk", asterisk.config.sip.port

    async def gone(times: int) -> None:
        async with calling(sip_port, tmp_path) as citizen:
            await citizen.hang_up()
        async with asyncio.timeout(PATIENCE_S):
            while sum(path.read_text().count("|Gone|") for path in logs.glob("told*")) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    await begin_anew(controller.ami, logs, time.time())
    await gone(1)
    assert [path.name for path in logs.glob("told*")] == ["told"], "it holds less than a day"
    await begin_anew(controller.ami, logs, time.time() + LONG_S + 5)
    await gone(2)
    (older,) = logs.glob("told.*")
    assert (older.read_text().count("|Gone|"), (logs / "told").read_text().count("|Gone|")) == (1, 1)
    store = await Store.open(tmp_path / "hotline.db")
    known = CallUnattended(time.time() - 60, "1763890000.1", "", "12345")
    await store.append([known], [begin(known)])
    events = await untold(logs, store)
    await store.close()
    assert [type(event) for event in events] == [CallUnattended, CallerHungUp] * 2
    assert events[1].at < events[3].at
    (logs / "security.1").mkdir()
    await begin_anew(controller.ami, logs, time.time() + KEPT_S + 5)
    assert [path.name for path in logs.glob("*.*")] == ["security.1"], "what is old is removed, if it can be"
