"""AGI commands under way: each gets an end that the core hears of, whatever becomes of it in Asterisk.

AsyncAGI commands are queued by Asterisk and run one after another. Each carries a CommandID of this process, and
`AsyncAGIExec` with that id is its end. What another process sent (a controller that was killed) is not ours to tell.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from itertools import count

import structlog

from ivr.adapters.agi import commands
from ivr.adapters.agi.tracked import Command, Told, Tracked
from ivr.adapters.ami import Action, Ami
from ivr.adapters.ami_events import CommandEnded
from ivr.core.actions import Ask, AskPin, DialOutside, JoinRoom, RingAgent, Say
from ivr.core.errors import ActionTimeout, HotlineError, LinkLost
from ivr.core.events import AgentHungUp, Event, LegEnded, RingEnded, RoomLeft, StepEnded

log = structlog.get_logger(__name__)

_SLACK_S = 10.0
"""How much longer than it should a command may take, before it counts as lost."""

_HANGUP_FOLLOWS_S = 0.2
"""A command also fails because the caller hung up, and Asterisk tells that only a moment later."""


class Underway:
    """Sends commands and tells their ends, as events of the actions that they were sent for.

    `whose_pin` gives the id of a register's entry by register and PIN, or "". All else as in `Channels`.
    """

    def __init__(
        self,
        ami: Ami,
        calls: Mapping[str, Tracked],
        *,
        whose_pin: Callable[[str, str], str],
        tell: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._ami = ami
        self._calls = calls
        self._whose_pin = whose_pin
        self._tell = tell
        self._clock = clock
        process = secrets.token_hex(4)
        self._ids = (f"{process}-{n}" for n in count(1))

    async def send(self, call: Tracked, *lines: str) -> None:
        """Queue commands on the channel, whose ends nobody waits for."""
        await self._ami.actions([_queued(call, next(self._ids), line) for line in lines])

    async def begin(self, call: Tracked, action: Told, takes_s: float, *lines: str) -> None:
        """Send commands, for the end of whose last one the core waits, and see that it gets one.

        The lease that the action brings is sent with them.
        """
        loop = asyncio.get_running_loop()
        command_id = next(self._ids)
        # Commands queue up, so this one's time begins when those before it are over.
        begins_at = max([loop.time(), *(command.due_at for command in call.commands.values())])
        due_at = begins_at + takes_s
        timer = loop.call_at(due_at + _SLACK_S, self._overdue, call, command_id)
        call.commands[command_id] = Command(action, due_at, timer)
        try:
            ids = [*(next(self._ids) for _ in lines[1:]), command_id]
            queued = [_queued(call, *command) for command in zip(ids, lines, strict=True)]
            lease_s = action.lease_s if isinstance(action, Ask | AskPin | Say) else 0
            await self._ami.actions([*queued, lease(call, lease_s)] if lease_s else queued)
        except (LinkLost, ActionTimeout):
            raise
        except HotlineError:
            call.drop(command_id)
            raise

    def ended(self, end: CommandEnded) -> None:
        """Asterisk tells the end of a command: tell what it means, if it was ours."""
        call = self._calls.get(end.call_id)
        command = call.drop(end.command_id) if call else None
        if call is None or command is None:
            return
        action = command.action
        if end.failed:
            log.debug("agi.command_failed", call_id=end.call_id, action=type(action).__name__, code=end.code)
            self.failed(call, action)
        elif isinstance(action, RingAgent | DialOutside | JoinRoom):
            self.failed(call, action)  # tells nothing when the dialplan has told the end, as it should
        elif isinstance(action, Say):
            self._tell(StepEnded(end.at, end.call_id, action.step))
        elif (key := commands.key(end.detail if isinstance(action, AskPin) else end.answer)) is None:
            self.failed(call, action)
        elif isinstance(action, AskPin):
            whose = self._whose_pin(action.register, key)
            self._tell(StepEnded(end.at, end.call_id, action.step, typed=len(key), entry=whose))
        else:
            self._tell(StepEnded(end.at, end.call_id, action.step, key or call.pressed))

    def failed(self, call: Tracked, action: Told) -> None:
        """Tell that it failed, unless the call turns out to be gone."""
        asyncio.get_running_loop().call_later(_HANGUP_FOLLOWS_S, self._tell_failed, call, action)

    def _overdue(self, call: Tracked, command_id: str) -> None:
        command = call.drop(command_id)
        if command:
            log.error("agi.overdue", call_id=command.action.call_id, action=type(command.action).__name__)
            self.failed(call, command.action)

    def _tell_failed(self, call: Tracked, action: Told) -> None:
        if call.takes_orders and (told := _failure(call, action, self._clock())):
            self._tell(told)


def lease(call: Tracked, seconds: int) -> Action:
    """The AMI action that sets the lease. It also wakes the channel for the commands that are queued on it."""
    return "Setvar", {"Channel": call.channel, "Variable": "TIMEOUT(absolute)", "Value": str(seconds)}


def _queued(call: Tracked, command_id: str, line: str) -> Action:
    return "AGI", {"Channel": call.channel, "Command": line, "CommandID": command_id}


def _failure(call: Tracked, action: Told, at: float) -> Event | None:
    """What the core has to hear of an action that failed; None when it has heard of its end already."""
    if isinstance(action, JoinRoom):
        if any(isinstance(command.action, JoinRoom) for command in call.commands.values()):
            return None  # the citizen was back, and is on the way into the room again
        was_in_room, call.in_room = call.in_room, False
        return RoomLeft(at, action.call_id) if was_in_room else None
    if isinstance(action, DialOutside):
        over = call.leg_over(action.leg_id)
        return LegEnded(at, action.call_id, action.leg_id, "unreachable") if over else None
    if not isinstance(action, RingAgent):
        return StepEnded(at, action.call_id, action.step, failed=True)
    ring = call.ring_over(action.ring_id)
    if ring is None:
        return None
    if ring.answered:
        return AgentHungUp(at, action.call_id, action.ring_id)
    return RingEnded(at, action.call_id, action.ring_id, "cancelled" if ring.cancelled else "unreachable")
