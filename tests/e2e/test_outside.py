"""Outside numbers on a real Asterisk: called for the citizen, announced, connected; and every way that it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from ivr.adapters.agi import Outside
from ivr.core.actions import DialOutside, HangUp, RenewLease, Say
from ivr.core.events import CallArrived, CallerHungUp, CallFound, LegAnswered, LegEnded, StepEnded
from tests.e2e import asterisk as real
from tests.e2e.baresip import Department
from tests.e2e.sipp import calling
from tests.e2e.test_channels import Controller

pytestmark = pytest.mark.e2e

CITIZEN_HZ, DEPARTMENT_HZ = 440, 1500
WAY = Outside("trunk-city", "12345")


def city(port: int) -> list[dict[str, object]]:
    """A trunk that brings calls, and one that takes them to a department on this port."""
    return [real.TRUNK, {"name": "city", "match": ["192.0.2.1/32"], "host": f"127.0.0.1:{port}"}]


@pytest.fixture
async def department(tmp_path: Path) -> AsyncIterator[Department]:
    async with Department(tmp_path, "110", "96533", tone_hz=DEPARTMENT_HZ) as up:
        yield up


@pytest.fixture
async def asterisk(unpacked: None, tmp_path: Path, department: Department) -> AsyncIterator[real.Running]:
    async with real.running(real.configure(tmp_path / "state", trunk=city(department.port))) as up:
        yield up


async def test_a_department_hears_the_announcement_alone_and_then_the_citizen(
    asterisk: real.Running, department: Department, tmp_path: Path
) -> None:
    controller = Controller(asterisk, WAY)
    perform, told = controller.channels.perform, controller.told
    async with controller.at_work(), calling(asterisk.config.sip.port, tmp_path, tone_hz=CITIZEN_HZ) as citizen:
        number = (await told(CallArrived)).call_id
        await perform(RenewLease(number, 60))
        leg = f"{number}/t1"
        await perform(DialOutside(number, leg, "96533", 15, "transfer_context"))
        invited = await department.told("CALL_INCOMING")
        assert invited["peeruri"].startswith("sip:12345@")
        await controller.channels.survey()
        assert (await told(CallFound)).doing == "dialling"
        picked_up = time.monotonic()
        await department.answer()
        assert (await told(LegAnswered)).leg_id == leg
        assert time.monotonic() - picked_up > 2, "the announcement takes 2.9 s"
        await citizen.rtp.hears(DEPARTMENT_HZ)
        await controller.channels.survey()
        assert (await told(CallFound)).doing == "outside"
        await citizen.rtp.heard_for(1)
        department.hang_up()
        assert await told(LegEnded) == LegEnded(pytest.approx(time.time(), abs=3), number, leg, "hung_up")
        await perform(RenewLease(number, 60))
        await perform(Say(number, f"{number}:1", ("goodbye",)))
        assert not (await told(StepEnded)).failed
        await perform(HangUp(number))
        await told(CallerHungUp)
    assert controller.channels.pending == 0


async def test_who_does_not_take_the_call_gives_it_back(
    asterisk: real.Running, department: Department, tmp_path: Path
) -> None:
    controller = Controller(asterisk, WAY)
    perform, told = controller.channels.perform, controller.told
    async with controller.at_work(), calling(asterisk.config.sip.port, tmp_path) as citizen:
        number = (await told(CallArrived)).call_id
        await perform(RenewLease(number, 60))
        await perform(DialOutside(number, f"{number}/t1", "110", 2, "transfer_context"))
        await department.rings()
        assert (await told(LegEnded)).reason == "no_answer"
        await department.over()
        await perform(RenewLease(number, 60))
        await perform(DialOutside(number, f"{number}/t2", "110", 15, "transfer_context"))
        await department.rings()
        department.hang_up()
        assert (await told(LegEnded)).reason == "busy"
        await perform(RenewLease(number, 60))
        before = len(citizen.rtp.frames)
        await citizen.rtp.heard_for(0.5)
        assert np.abs(citizen.rtp.law.decode(b"".join(citizen.rtp.frames[before:]))).max() > 100, "no music"
        await perform(DialOutside(number, f"{number}/t3", "110", 15, "transfer_context"))
        await department.rings()
        await citizen.hang_up()
        await department.over()
        await told(CallerHungUp)


async def test_without_a_way_outside_the_citizen_is_back_at_once(asterisk: real.Running, tmp_path: Path) -> None:
    controller = Controller(asterisk)
    async with controller.at_work(), calling(asterisk.config.sip.port, tmp_path):
        number = (await controller.told(CallArrived)).call_id
        await controller.channels.perform(RenewLease(number, 60))
        began = asyncio.get_running_loop().time()
        await controller.channels.perform(DialOutside(number, f"{number}/t1", "110", 15, "transfer_context"))
        assert (await controller.told(LegEnded)).reason == "unreachable"
        assert asyncio.get_running_loop().time() - began < 3
