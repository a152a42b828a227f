"""Calls that begin here, against a scripted peer: whatever order Asterisk tells it in, the reason is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest

from ivr.adapters.agi import outgoing
from ivr.core.actions import DialCitizen
from ivr.core.events import CallerHungUp, CitizenNotReached, LegEnded
from tests.adapters.ami_peer import Peer, running
from tests.adapters.test_agi import AT, CALL, Stage

TRIED = "cb-1795439350_3-1795440000.1"
CHANNEL = {"Channel": "PJSIP/trunk-city-00000001", "Uniqueid": TRIED, "Linkedid": TRIED, "Context": "hotline"}
FAILED = {"Response": "Failure", "Reason": "0", "Context": "callback", "Exten": TRIED, "Uniqueid": TRIED}
REFUSAL = (
    ("HangupRequest", {**CHANNEL, "Cause": "17"}),
    ("Hangup", {**CHANNEL, "Cause": "17"}),
    ("OriginateResponse", FAILED),
)
LEG = f"{CALL}/t1"
LEG_FAILED = {"Response": "Failure", "Reason": "0", "Context": "room-outside", "Exten": "s", "ActionID": LEG}


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A citizen is being called."""
    monkeypatch.setattr(outgoing, "_HANGUP_FOLLOWS_S", 0.05)
    async with Peer.listening() as peer:
        stage = Stage(peer, tmp_path / "recordings")
        async with running(stage.ami), stage.link():
            await stage.channels.perform(DialCitizen(TRIED, "cb-1795439350_3", "13800138000", 15))
            yield stage


@pytest.mark.parametrize("told", list(permutations(REFUSAL)), ids=lambda told: "-".join(name for name, _ in told))
async def test_who_is_busy_is_busy_in_any_order(stage: Stage, told: tuple[tuple[str, dict[str, str]], ...]) -> None:
    for name, fields in told:
        stage.say(name, **fields)
    await stage.emitted(CallerHungUp)
    await asyncio.sleep(0.1)
    assert set(stage.events) == {CallerHungUp(AT, TRIED, 17)}


async def test_a_call_that_never_had_a_channel_is_over_too(stage: Stage) -> None:
    stage.say("OriginateResponse", **FAILED)
    await stage.emitted(CitizenNotReached)
    assert stage.events == [CitizenNotReached(AT, TRIED, "unreachable")]
    assert not stage.channels._outgoing.call_ids


@pytest.mark.parametrize("first", ["OriginateResponse", "Hangup"])
async def test_one_outside_who_is_busy_is_busy_in_any_order(stage: Stage, first: str) -> None:
    hangup = {"Uniqueid": f"{LEG}-leg", "Linkedid": f"{LEG}-leg", "Cause": "17"}
    told = {"OriginateResponse": LEG_FAILED, "Hangup": hangup}
    for name in sorted(told, key=lambda name: name != first):
        stage.say(name, **told[name])
    await stage.emitted(LegEnded)
    assert stage.events == [LegEnded(AT, CALL, LEG, "busy")]


async def test_one_outside_who_cannot_be_called_is_told(stage: Stage) -> None:
    stage.say("OriginateResponse", **LEG_FAILED)
    await stage.emitted(LegEnded)
    assert stage.events == [LegEnded(AT, CALL, LEG, "unreachable")]
