"""Calls that begin here: Asterisk calls a citizen and hands the answered call to us, as it does with any other.

Asterisk tells that a call came to nothing (OriginateResponse) and why (the channel's hang-up) in either order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.adapters.agi.commands import Outside, dial_string, digits
from ivr.adapters.ami import Ami
from ivr.adapters.ami_events import DialFailed
from ivr.core.actions import DialCitizen
from ivr.core.errors import ActionRefused, ActionTimeout, HotlineError, LinkLost
from ivr.core.events import CitizenNotReached, LegEnded
from ivr.core.recordings import day_of

log = structlog.get_logger(__name__)

_SLACK_S = 10.0
"""How much longer than its ring a call may be without news, before it counts as lost."""

_HANGUP_FOLLOWS_S = 1.0
"""How much later than the failure of a call the hang-up of its channel may be told, if there was a channel."""


class Outgoing:
    """Citizens who are being called: from the order until they answer or do not. `emit` is told of those who do not.

    It is also told of outside numbers that could not be called into a room.
    """

    def __init__(
        self, ami: Ami, way: Outside, emit: Callable[[CitizenNotReached | LegEnded], None], clock: Callable[[], float]
    ) -> None:
        self._ami = ami
        self._way = way
        self._emit = emit
        self._clock = clock
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unexplained: dict[str, asyncio.TimerHandle] = {}
        """Failures whose reason may still come, by the id of the call or the leg."""

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
                Variable=f"IVR_TASK={action.task_id},IVR_CITIZEN={digits(action)},IVR_DAY={day_of(call_id)}",
                Async="true",
            )
        except (LinkLost, ActionTimeout) as error:
            # The telephone may ring all the same: the next survey tells, or the timer.
            log.warning("agi.unsure", call_id=call_id, action="DialCitizen", reason=str(error))
        except HotlineError as error:
            say = log.warning if isinstance(error, ActionRefused) else log.error
            say("agi.not_performed", call_id=call_id, action="DialCitizen", reason=str(error))
            self._emit(CitizenNotReached(self._clock(), call_id, "unreachable"))

    def failed(self, told: DialFailed) -> None:
        """Asterisk could not connect the call, and does not say why: the hang-up of its channel does, if it had one."""
        late = asyncio.get_running_loop().call_later(_HANGUP_FOLLOWS_S, self._not_explained, told)
        self._unexplained[told.leg_id or told.call_id] = late

    def over(self, whose: str) -> None:
        """The citizen (or the outside number: `whose` is the call's or the leg's id) answered, or is known not to."""
        for timers in (self._timers, self._unexplained):
            if timer := timers.pop(whose, None):
                timer.cancel()

    def _lost(self, call_id: str) -> None:
        log.error("agi.overdue", call_id=call_id, action="DialCitizen")
        self._emit(CitizenNotReached(self._clock(), call_id, "unreachable"))

    def _not_explained(self, told: DialFailed) -> None:
        if told.leg_id:
            self._emit(LegEnded(self._clock(), told.call_id, told.leg_id, "unreachable"))
        else:
            self._emit(CitizenNotReached(self._clock(), told.call_id, "unreachable"))
