"""Live listening for emergency words: the core says to whom, Asterisk brings the voice, the recogniser hears."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from ivr.adapters import models
from ivr.adapters.speech import LiveListener, Way
from ivr.config import Config
from ivr.core.actions import Listen, StopListening
from ivr.core.dialplan import Plan
from ivr.core.errors import HotlineError
from ivr.core.events import EmergencyHeard, Event

log = structlog.get_logger()


class Ears:
    """Off when `speech.live_at_most` is 0."""

    def __init__(
        self,
        config: Config,
        bring: Callable[[str, str, int], Awaitable[None]],
        change_ears: Callable[[int], None],
        tell: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        """`bring` has Asterisk take a call's voice to a port, under a uuid."""
        self._most = config.speech.live_at_most
        self._bring = bring
        self._bringing: set[asyncio.Task[None]] = set()
        self._listener = LiveListener(
            partial(models.find_model, config),
            on_ready=lambda ready: change_ears(self._most if ready else 0),
            on_heard=lambda call_id, word: tell(EmergencyHeard(clock(), call_id, word)),
        )

    @property
    def problem(self) -> str:
        """What keeps emergency words from being heard, or ""."""
        return self._listener.problem if self._most else ""

    def take(self, plan: Plan) -> None:
        """Listen for this plan's words from now on."""
        table = plan.city.emergency
        if table and not self._most:
            log.info("emergency_words.off", sentence="Nobody is listened to: speech.live_at_most in config.toml is 0.")
        if self._most:
            self._listener.change_words(table.words if table else (), table.confidence if table else 1.0)

    async def perform(self, action: Listen | StopListening) -> None:
        """Begin to listen to a caller, or stop. Nothing else that the call needs waits for it."""
        if isinstance(action, StopListening):
            self._listener.stop(action.call_id)
        elif way := self._listener.listen(action.call_id):
            task = asyncio.create_task(self._bring_voice(action.call_id, way))
            self._bringing.add(task)
            task.add_done_callback(self._bringing.discard)

    async def _bring_voice(self, call_id: str, way: Way) -> None:
        try:
            await self._bring(call_id, way.uuid, way.port)
        except HotlineError as error:
            log.warning("ears.not_brought", call_id=call_id, sentence=str(error))

    async def run(self) -> None:
        """Work until cancelled."""
        await self._listener.run()
