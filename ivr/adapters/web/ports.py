"""What the web adapter asks of the rest of the program. `app.py` hands these in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ivr.adapters.web.schemas import CheckView, PhoneSettings, Role
from ivr.core.agents import Agent
from ivr.core.calls import Call
from ivr.core.events import Event


class LiveState(Protocol):
    """Everything live, as the switchboard has it now."""

    @property
    def calls(self) -> Mapping[str, Call]:
        """Live calls by id, and those that ended in the last five minutes."""

    @property
    def agents(self) -> Mapping[str, Agent]:
        """Every configured agent by work number."""

    @property
    def queues(self) -> Mapping[str, str]:
        """Chinese names of the queues by name, in the order to show them."""

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for people."""


class LiveSource(Protocol):
    def state(self) -> LiveState:
        """The state now. Called on the event loop, so that nothing changes while it is read."""


class Account(Protocol):
    """A person who signs in."""

    @property
    def user(self) -> str: ...
    @property
    def password_hash(self) -> str:
        """As argon2 encodes it."""

    @property
    def role(self) -> Role: ...
    @property
    def agent_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def demonstration(self) -> bool: ...


class Token(Protocol):
    """A program that signs in."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> Role: ...


class Archive(Protocol):
    """What the web adapter needs of the store. Raises StoreError."""

    async def account(self, user: str) -> Account | None: ...
    async def add_session(self, digest: str, user: str, expires_at: float) -> None: ...
    async def session(self, digest: str, now: float) -> str | None: ...
    async def remove_session(self, digest: str) -> None: ...
    async def token(self, digest: str) -> Token | None: ...
    async def notes_pending(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Deps:
    """All that the web server is given."""

    store: Archive
    live: LiveSource
    submit: Callable[[Event], Awaitable[None]]
    """Hands an event to the switchboard; returns when it was applied."""
    agent_phone: Callable[[str], PhoneSettings]
    """Settings of the softphone of an agent, by work number."""
    citizen_phone: Callable[[], PhoneSettings]
    checks: Callable[[], Sequence[CheckView]]
    """What the hotline needs, by name: `asterisk`, `ami`, `store`, `recogniser`, …"""
    city: str
    phone_url: str
    """WebSocket of Asterisk, which pages may connect to."""
    loopback: bool
    """True when the server listens on this machine only."""
    recordings: Path
    """Folder of the recordings: nothing outside it is ever sent."""
    console: Path
    """Folder of the console's built pages."""
    clock: Callable[[], float] = time.time
