"""A caller presses 1 in the line and hangs up; an agent becomes ready; the citizen's telephone rings; both talk."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ivr.adapters.agi import Outside
from ivr.core.actions import DialCitizen, HangUp, RenewLease, Say
from ivr.core.events import CallArrived, CallerHungUp, CallFound, CallsCounted, CitizenNotReached, StepEnded
from tests.e2e import asterisk as real
from tests.e2e.baresip import Department, Softphone
from tests.e2e.citizens import asks_to_be_called_back
from tests.e2e.sipp import Caller
from tests.e2e.system import hotline
from tests.e2e.test_channels import Controller

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("unpacked")]

MOBILE = "13800138000"
TASK = "cb-1700000000_1"


def _city(port: int) -> list[dict[str, object]]:
    return [real.TRUNK, {"name": "city", "match": ["192.0.2.1/32"], "host": f"127.0.0.1:{port}"}]


async def test_the_adapter_dials_says_who_did_not_answer_and_hands_over_who_did(tmp_path: Path) -> None:
    async with (
        Department(tmp_path, MOBILE) as mobile,
        real.running(real.configure(tmp_path / "state", trunk=_city(mobile.port))) as up,
    ):
        controller = Controller(up, Outside("trunk-city", "12345"))
        perform, told = controller.channels.perform, controller.told
        async with controller.at_work():
            first = f"{TASK}-1700000100.1"
            await perform(DialCitizen(first, TASK, MOBILE, 15))
            invited = await mobile.told("CALL_INCOMING")
            assert invited["peeruri"].startswith("sip:12345@")
            await controller.channels.survey()
            assert (await told(CallFound)).doing == "calling"
            assert first in (await told(CallsCounted)).call_ids
            mobile.hang_up()
            ended = await controller.end_of(first)
            assert isinstance(ended, CallerHungUp) and ended.cause == 17

            second = f"{TASK}-1700000200.2"
            await perform(DialCitizen(second, TASK, MOBILE, 5))
            await mobile.rings()
            ended = await controller.end_of(second)
            assert getattr(ended, "reason", "") == "no_answer" or getattr(ended, "cause", 0) == 19
            await mobile.over()

            third = f"{TASK}-1700000300.3"
            await perform(DialCitizen(third, TASK, MOBILE, 15))
            await mobile.rings()
            await perform(HangUp(third))
            await mobile.over()
            await controller.end_of(third)

            fourth = f"{TASK}-1700000400.4"
            await perform(DialCitizen(fourth, TASK, MOBILE, 15))
            await mobile.rings()
            await mobile.answer()
            arrived = await told(CallArrived)
            assert (arrived.call_id, arrived.ani, arrived.dnis) == (fourth, MOBILE, "12345")
            await perform(RenewLease(fourth, 60))
            await perform(Say(fourth, f"{fourth}:1", ("callback_connecting",)))
            assert not (await told(StepEnded)).failed
            await perform(HangUp(fourth))
            await mobile.over()

            nobody = f"{TASK}-1700000500.5"
            await perform(DialCitizen(nobody, TASK, "anonymous", 15))
            ended = await controller.end_of(nobody)
            assert ended == CitizenNotReached(ended.at, nobody, "unreachable")
        assert controller.channels.pending == 0


def _steps(call: Any) -> dict[str, list[str]]:
    """The prompts of each step that came to its end without a fault, by its name."""
    told = [entry["fields"] for entry in call["timeline"]]
    ended = {fields["step"] for fields in told if fields.get("failed") is False}
    return {f["name"]: f["prompts"] for f in told if "prompts" in f and f["step"] in ended}


async def test_who_pressed_1_is_rung_when_an_agent_is_ready_and_the_books_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Department(tmp_path, MOBILE) as mobile:
        monkeypatch.setenv("IVR_TRUNK", json.dumps(_city(mobile.port)))
        settings = {"outside": {"trunk": "city"}, "callback": {"opens": "00:00", "closes": "23:59"}}
        async with (
            hotline(tmp_path, **settings) as up,
            up.signed_in("banzhang") as supervisor,
            up.signed_in("8001") as agent,
            Softphone(up.sip_port, tmp_path, "8001-sip", up.phone_password("8001")) as phone,
        ):
            asked = await asks_to_be_called_back(up, supervisor, tmp_path, MOBILE)
            assert asked["ani"] == MOBILE
            heard = _steps(asked)
            digits = ("digit_8", "digit_0", "digit_0", "digit_0")
            assert heard["farewell"] == ["callback_confirm", *digits, "callback_confirm_end"]
            async with Caller(up.sip_port, tmp_path, ani="anonymous") as nobody:
                await nobody.answered()
                call = await supervisor.call_that(lambda c: c["ani"] == "" and "announcement" in _steps(c))
                assert _steps(call)["announcement"] == ["callback_impossible"], "nobody is there, and no number noted"
                await nobody.hang_up()
            await agent.order("sign_in")
            await agent.order("ready")
            await mobile.rings()
            await up.kill()
            await up.start()
            await asyncio.sleep(1)
            assert not [e for e in mobile.events if e.get("type") == "CALL_CLOSED"], "the kill ended the ringing"
            await mobile.answer()
            await phone.rings()
            await phone.answer()
            await supervisor.call_that(lambda c: c["stage"] == "talking")
            await asyncio.sleep(2)
            phone.hang_up()
            call = await supervisor.call_that(lambda c: c["stage"] == "rating")
            assert (call["ani"], call["dnis"], call["agent_id"]) == (MOBILE, "12345", "8001")
            mobile.hang_up()
            call = await supervisor.call_that(lambda c: c["ended_at"] and len(c["recordings"]) == 2)
            assert call["outcome"] == "answered" and call["talk_s"] > 1.5
            assert len([e for e in mobile.events if e.get("type") == "CALL_INCOMING"]) == 1, "rung twice"
            kinds = [entry["kind"] for entry in call["timeline"]]
            arrived = next(entry["fields"] for entry in call["timeline"] if entry["kind"] == "CallArrived")
            assert (arrived["ani"], arrived["dnis"]) == (MOBILE, "12345")
            assert kinds[:2] == ["CallbackTried", "CallOffered"] and "CallbackReached" in kinds
