"""Calls that begin here: Asterisk calls a citizen and hands the answered call to us, as it does with any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.adapters.agi.commands import Outside, dial_string, digits
from ivr.adapters.ami import Ami
from ivr.core.actions import DialCitizen
from ivr.core.errors import ActionRefused, ActionTimeout, HotlineError, LinkLost
from ivr.core.events import CitizenNotReached

log = structlog.get_logger(__name__)

_SLACK_S = 10.0
"""How much longer than its ring a call may be without news, before it counts as lost."""


class Outgoing:
    """Citizens who are being called: from the order until they answer or do not. `emit` is told of those who do not."""

    def __init__(
        self, ami: Ami, way: Outside, emit: Callable[[CitizenNotReached], None], clock: Callable[[], float]
    ) -> None:
        self._ami = ami
        self._way = way
        self._emit = emit
        self._clock = clock
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def call_ids(self) -> set[str]:
        return set(self._timers)

    async def dial(self, action: DialCitizen) -> None:
        """Have the citizen called. Returns with Asterisk's acknowledgement; the rest shows as events."""
        call_id = action.call_id
        loop = asyncio.get_running_loop()
        self._timers[call_id] = loop.call_later(action.ring_s + _SLACK_S, self._lost, call_id)
        try:
            await self._ami.action(
                "Originate",
                Channel=dial_string(action, self._way),
                # The channel's id is given by us: it is known before Asterisk knows of the call, and Asterisk refuses
                # to have it twice.
                ChannelId=call_id,
                Context="callback",
                Exten=call_id,  # what the failure of a call is told with, when there never was a channel
                Priority="1",
                Timeout=str(action.ring_s * 1000),
                CallerID=f"<{self._way.caller_id}>",
                Variable=f"IVR_TASK={action.task_id},IVR_CITIZEN={digits(action)}",
                Async="true",
            )
        except (LinkLost, ActionTimeout) as error:
            # The telephone may ring all the same: the next survey tells, or the timer.
            log.warning("agi.unsure", call_id=call_id, action="DialCitizen", reason=str(error))
        except HotlineError as error:
            say = log.warning if isinstance(error, ActionRefused) else log.error
            say("agi.not_performed", call_id=call_id, action="DialCitizen", reason=str(error))
            self._emit(CitizenNotReached(self._clock(), call_id, "unreachable"))

    def over(self, call_id: str) -> None:
        """The citizen answered, or will not."""
        timer = self._timers.pop(call_id, None)
        if timer:
            timer.cancel()

    def _lost(self, call_id: str) -> None:
        log.error("agi.overdue", call_id=call_id, action="DialCitizen")
        self._emit(CitizenNotReached(self._clock(), call_id, "unreachable"))
