"""Asking Asterisk what there is, after a new link; and telling it that a controller is there."""

from __future__ import annotations

import time

from ivr.adapters.ami import Ami
from ivr.adapters.ami_events import AgentLegBegan, EndpointSeen, InRoom, RungInto, found, translate
from ivr.core.events import CallFound


async def find_calls(ami: Ami, at: float) -> list[CallFound | AgentLegBegan | InRoom | RungInto]:
    """Every call that is up, the agents' legs of each, who is in its room, and who is rung for it. Raises AmiError."""
    # `Status` and not `CoreShowChannels`: it needs no more than write=call, and tells the number that was dialled.
    channels = await ami.collect("Status", done="StatusComplete")
    told = [found(channel, at) for channel in channels]
    calls = [sign for sign in told if isinstance(sign, CallFound)]
    return [*calls, *(sign for sign in told if isinstance(sign, AgentLegBegan | InRoom | RungInto))]


async def find_phones(ami: Ami, at: float) -> list[EndpointSeen]:
    """Every SIP endpoint, and whether there is a telephone behind it. Raises AmiError."""
    states = await ami.collect("DeviceStateList", done="DeviceStateListComplete")
    told = [translate(state, at) for state in states]
    return [sign for sign in told if isinstance(sign, EndpointSeen)]


async def beat(ami: Ami) -> None:
    """Tell the dialplan that a controller is there; once a second. Raises AmiError.

    It compares with its own clock (`EPOCH` in dialplans/extensions.conf), so both clocks must agree to a second or two.
    """
    await ami.action("Setvar", Variable="IVR_HEARTBEAT", Value=str(int(time.time())))
