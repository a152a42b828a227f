"""Keeping a link to Asterisk's manager port, and asking over it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

import structlog

from ivr.adapters.ami.link import Action, Link, Message, OneLink
from ivr.core.errors import ActionRefused, ActionTimeout, AmiError, LinkLost

log = structlog.get_logger(__name__)

_LOGIN_S = 5.0


class Ami:
    """The link to one Asterisk. `run` keeps it up; `action` and `collect` ask over it from any task of the same loop.

    `on_message` gets every event that is not part of an answer, in order, on the event loop; it must be quick.
    `on_link` is told True after each login and False after each loss. What either raises is logged and harms nobody.

    Something is asked every `ping_s`; a link that is silent for `dead_s` counts as lost. Retries wait between the two
    values of `retry_s`, doubling, with jitter; after a refused login `refused_s`. An action is never sent twice.
    """

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        *,
        on_message: Callable[[Message], None],
        on_link: Callable[[bool], None],
        ping_s: float = 1.5,
        dead_s: float = 4.0,
        retry_s: tuple[float, float] = (0.25, 10.0),
        refused_s: float = 30.0,
    ) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._secret = secret
        self._on_message = on_message
        self._on_link = on_link
        self._ping_s = ping_s
        self._dead_s = dead_s
        self._retry_s = retry_s
        self._refused_s = refused_s
        self._link: Link | None = None
        self._said = ""

    @property
    def up(self) -> bool:
        """True while logged in."""
        return self._link is not None

    @property
    def pending(self) -> int:
        """Number of actions under way."""
        return self._link.pending if self._link else 0

    async def action(self, name: str, *, deadline_s: float = 5.0, **fields: str) -> Message:
        """Send one action; its response.

        Raises ActionRefused for the answer "Error", ActionTimeout, LinkLost, and AmiError for what cannot be sent.
        """
        return (await self._ask([(name, fields)], "", deadline_s))[0][0]

    async def actions(self, each: Sequence[Action], *, deadline_s: float = 5.0) -> list[Message]:
        """Send several actions at once, to be taken in this order; their responses.

        Raises as `action` does, for the first that fails.
        """
        return [messages[0] for messages in await self._ask(each, "", deadline_s)]

    async def collect(self, name: str, *, done: str, deadline_s: float = 5.0, **fields: str) -> list[Message]:
        """Send an action that is answered by a list of events; these, without the last one, whose name is `done`.

        Raises as `action` does.
        """
        return (await self._ask([(name, fields)], done, deadline_s))[0]

    async def _ask(self, each: Sequence[Action], done: str, deadline_s: float) -> list[list[Message]]:
        if self._link is None:
            raise LinkLost(f"There is no AMI connection to {self._peer}.")
        return await self._within(deadline_s, self._link, each, done)

    async def _within(self, deadline_s: float, link: Link, each: Sequence[Action], done: str) -> list[list[Message]]:
        try:
            async with asyncio.timeout(deadline_s):
                return await link.act(each, done)
        except TimeoutError:
            name = " and ".join(dict.fromkeys(name for name, _ in each))
            raise ActionTimeout(f"Asterisk at {self._peer} did not answer {name} within {deadline_s:g} s.") from None

    async def run(self) -> None:
        """Connect, and come back after every loss, until cancelled."""
        shortest_s, longest_s = self._retry_s
        wait_s = shortest_s
        while True:
            try:
                if await self._one_link() > longest_s:
                    wait_s = shortest_s
                pause_s = wait_s
            except ActionRefused as error:
                self._say_once(f"{error} Check the account {self._user!r} in manager.conf and its secret.")
                pause_s = self._refused_s
            except (OSError, AmiError) as error:
                self._say_once(f"No AMI connection to {self._peer}: {error}")
                pause_s = wait_s
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, longest_s)

    async def _one_link(self) -> float:
        """Log in and stay until the link is lost. Returns how long it was up, in seconds."""
        loop = asyncio.get_running_loop()
        link = Link(self._peer, self._guarded_message)
        manager = OneLink(host=self._host, port=self._port, protocol_factory=lambda: link)
        try:
            try:
                async with asyncio.timeout(_LOGIN_S):
                    await manager.connect()
                    await asyncio.wait({link.banner})
            except TimeoutError:
                raise LinkLost(f"nothing answered within {_LOGIN_S:g} s.") from None
            if link.lost.done():
                raise LinkLost(f"{link.lost.result()}.")
            login = {"Username": self._user, "Secret": self._secret, "Events": "on"}
            await self._within(_LOGIN_S, link, [("Login", login)], "")
            began_at = loop.time()
            self._link = link
            self._said = ""
            log.info("ami.up", peer=self._peer)
            self._guarded_link(True)
            reason = await self._watch(link)
            log.warning("ami.lost", peer=self._peer, reason=reason)
            return loop.time() - began_at
        finally:
            manager.close()
            if self._link is not None:
                self._link = None
                self._guarded_link(False)

    async def _watch(self, link: Link) -> str:
        """Wait for the link's end, and end it when it is silent for too long. Returns the reason."""
        now = asyncio.get_running_loop().time
        patience_s = self._dead_s - self._ping_s
        while True:
            link.ping()
            assert link.asked_at is not None
            await asyncio.wait({link.lost}, timeout=min(self._ping_s, link.asked_at + patience_s - now()))
            # Counted from the question, not from the last byte: an event loop that was busy itself asked nothing.
            if link.asked_at is not None and now() - link.asked_at >= patience_s:
                link.break_off(f"it was silent for {self._dead_s:g} s")
            if link.lost.done():
                return link.lost.result()

    def _guarded_message(self, message: Message) -> None:
        try:
            self._on_message(message)
        except Exception:
            log.exception("ami.callback_failed", event_name=message["event"])

    def _guarded_link(self, up: bool) -> None:
        try:
            self._on_link(up)
        except Exception:
            log.exception("ami.callback_failed", up=up)

    def _say_once(self, sentence: str) -> None:
        """Repeat a complaint only when it changes, or after a link in between."""
        if sentence != self._said:
            self._said = sentence
            log.error("ami.no_link", problem=sentence)

    @property
    def _peer(self) -> str:
        return f"{self._host}:{self._port}"
