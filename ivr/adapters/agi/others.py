"""Whoever is in a call besides the citizen: agents, whom it rings or who are in its room, and outside numbers there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from ivr.adapters.agi import commands
from ivr.adapters.agi.survey import find_calls
from ivr.adapters.agi.tracked import Tracked
from ivr.adapters.ami import Ami
from ivr.adapters.ami_events import AgentLegBegan, InRoom, RungInto, leg_channel
from ivr.core.actions import DialRoom, EndLeg, MoveAgent, ReleaseAgent, RingColleague
from ivr.core.errors import ActionRefused, HotlineError
from ivr.core.events import AgentHungUp, Event, LegEnded

log = structlog.get_logger(__name__)


class Others:
    """Performs what concerns their channels. Arguments as in `Channels`."""

    def __init__(
        self,
        ami: Ami,
        calls: Mapping[str, Tracked],
        outside: commands.Outside,
        *,
        prompt_path: Callable[[str], str],
        tell: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._ami = ami
        self._calls = calls
        self._outside = outside
        self._prompt_path = prompt_path
        self._tell = tell
        self._clock = clock

    async def end(self, action: ReleaseAgent | EndLeg) -> None:
        """Hang up an agent, or an outside number that was called into a room; who is gone already is no matter."""
        try:
            if isinstance(action, EndLeg):
                await self.hang_up(leg_channel(action.leg_id))
            else:
                for channel in await self._agent_channels(action):
                    await self.hang_up(channel)
        except HotlineError as error:
            log.warning("agi.unsure", call_id=action.call_id, action=type(action).__name__, reason=str(error))

    async def move(self, call: Tracked, action: MoveAgent) -> None:
        """Take the agent out of the talk, into the room."""
        ring, channels = call.ring, await self._agent_channels(action)
        if ring is None or ring.ring_id not in (action.ring_id, "") or not channels:
            return  # the agent has hung up meanwhile, and that is told
        ring.ring_id = action.ring_id
        number = action.ring_id.removeprefix(f"{action.call_id}/")
        # From then on the dialplan tells the end of the talk as a move.
        moved = {"Channel": call.channel, "Variable": "HOTLINE_MOVED", "Value": action.ring_id}
        there = {"Channel": channels[0], "Context": "room-agent", "Exten": number, "Priority": "1"}
        try:
            await self._ami.actions([("Setvar", moved), ("Redirect", there)])
        except ActionRefused:
            ring.not_moved = True
            if ring.moved:
                self._tell(AgentHungUp(self._clock(), action.call_id, action.ring_id))

    async def dial(self, action: DialRoom, recording: str) -> None:
        """Have an outside number called into the room."""
        if not self._outside.endpoint:
            self._tell(LegEnded(self._clock(), action.call_id, action.leg_id, "unreachable"))
            return
        fields = commands.into_room(action, self._outside, self._prompt_path(action.announcement), recording)
        await self._ami.action("Originate", deadline_s=5.0, **fields)

    async def ring(self, action: RingColleague, recording: str) -> None:
        """Have another agent rung into the room."""
        await self._ami.action("Originate", deadline_s=5.0, **commands.colleague(action, recording))

    async def cancel(self, call: Tracked, ring_id: str) -> None:
        """Let the agent's telephones ring no more."""
        ring = call.ring
        if ring is None or ring.answered or ring.ring_id not in (ring_id, ""):
            return
        ring.ring_id, ring.cancelled = ring_id, True
        for channel in sorted(ring.legs):
            await self.hang_up(channel)

    async def hang_up(self, channel: str) -> bool:
        """False when the channel is gone already, which is no matter."""
        try:
            await self._ami.action("Hangup", Channel=channel)
        except ActionRefused:
            log.debug("agi.leg_gone", channel=channel)
            return False
        return True

    async def _agent_channels(self, action: ReleaseAgent | MoveAgent) -> list[str]:
        """The channel of the agent who talks with the citizen or is in the room; or those that ring a colleague."""
        call = self._calls.get(action.call_id)
        talks = call is not None and call.ring is not None  # and is not with an agent of the static queue
        channels = []
        for sign in await find_calls(self._ami, self._clock()):
            match sign:
                case AgentLegBegan() if talks and sign.call_id == action.call_id:
                    channels.append(sign.channel)
                case InRoom() if sign.who == action.ring_id:
                    channels.append(sign.channel)
                case RungInto() if sign.ring_id == action.ring_id:
                    channels.append(sign.channel)
        return channels
