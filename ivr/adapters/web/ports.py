"""What the web adapter asks of the rest of the program. `hotline.py` hands these in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from ivr.adapters.web.schemas import CheckView, PhoneSettings, Role
from ivr.core.agents import Agent
from ivr.core.books import Books
from ivr.core.callbacks import Callback, State
from ivr.core.calls import Call, Outcome, Stage
from ivr.core.dialplan.departments import Department
from ivr.core.events import Event
from ivr.core.marks import Marks
from ivr.core.notes import Line
from ivr.core.recordings import Recording

NoteState = Literal["none", "pending", "written", "failed"]


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
    def takes(self) -> Callable[[Agent, str], bool]:
        """Whether this queue's callers are for this agent, and not only after a while."""

    @property
    def desk(self) -> Callable[[str], tuple[int, int]]:
        """How many of a queue's own agents may be offered a call now, and how many are signed in."""

    @property
    def wrap_up_s(self) -> float:
        """After which wrap-up ends by itself."""

    @property
    def departments(self) -> Mapping[str, Department]:
        """Whom a citizen can be given to, by name."""

    @property
    def callbacks(self) -> Mapping[str, Callback]:
        """Open tasks by id, and those that ended a moment ago."""

    @property
    def due_at(self) -> Callable[[Callback], float | None]:
        """From when on a task is called; None when it is not before a person orders it."""

    @property
    def warnings(self) -> Sequence[CheckView]:
        """Checks that fail."""

    @property
    def timezone(self) -> str:
        """The hotline's, an IANA name."""

    @property
    def marks(self) -> Marks:
        """Nuisance callers."""

    @property
    def listening(self) -> int:
        """How many callers are listened to for emergency words."""

    @property
    def unheard(self) -> int:
        """For how many callers no ear was free when they came, since the server started."""


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


class CallRow(Protocol):
    """One call in the archive. Fields as in `core.calls.Call`."""

    @property
    def call_id(self) -> str: ...
    @property
    def ani(self) -> str: ...
    @property
    def dnis(self) -> str: ...
    @property
    def arrived_at(self) -> float: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def keys(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def queued_at(self) -> float | None: ...
    @property
    def mark(self) -> str: ...
    @property
    def known_as(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def hotline(self) -> str: ...
    @property
    def hotline_name(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def slowed_by(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def agent_id(self) -> str:
        """The agent who has the call or spoke with the citizen, or ""."""

    @property
    def answered_at(self) -> float | None: ...
    @property
    def ended_at(self) -> float | None: ...
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def wait_s(self) -> float | None:
        """While the call is live: until its last event."""

    @property
    def talk_s(self) -> float: ...
    @property
    def rating(self) -> int | None: ...
    @property
    def note_state(self) -> NoteState: ...


class RingRow(Protocol):
    """One attempt to reach an agent, in the archive or live. See `core.calls.Ring`."""

    @property
    def ring_id(self) -> str: ...
    @property
    def agent_id(self) -> str: ...
    @property
    def offered_at(self) -> float: ...
    @property
    def why(self) -> Sequence[str]: ...
    @property
    def answered_at(self) -> float | None: ...
    @property
    def ended_at(self) -> float | None: ...
    @property
    def reason(self) -> str: ...


class NoteRow(Protocol):
    @property
    def state(self) -> NoteState: ...
    @property
    def problem(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def written_at(self) -> float | None: ...
    @property
    def lines(self) -> Sequence[Line]: ...


class JournalRow(Protocol):
    """One event; `fields` without its `at` and `call_id`."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def kind(self) -> str: ...
    @property
    def fields(self) -> dict[str, Any]: ...


class Proposal(Protocol):
    """An agent asks for a mark."""

    @property
    def call_id(self) -> str: ...
    @property
    def number(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def at(self) -> float: ...


class Archive(Protocol):
    """What the web adapter needs of the store. Anything may raise StoreError. `token_hash` is `access.secret_hash`."""

    async def account(self, user: str) -> Account | None: ...
    async def add_session(self, token_hash: str, user: str, expires_at: float) -> None: ...
    async def session(self, token_hash: str, now: float) -> str | None:
        """Whose session it is; None when there is none or it has expired."""

    async def remove_session(self, token_hash: str) -> None: ...
    async def remove_expired(self, now: float) -> None: ...
    async def token(self, token_hash: str) -> Token | None: ...
    async def calls(
        self,
        *,
        since: float | None,
        before: float | None,
        limit: int,
        agent_id: str,
        queue: str,
        outcome: str,
        ani: str,
        mark: str,
        hotline: str,
    ) -> Sequence[CallRow]:
        """Newest first. `agent_id` spoke with the citizen; `ani` is a part of the number; "" does not matter."""

    async def calls_of(self, ani: str, before: float, limit: int) -> Sequence[CallRow]:
        """From exactly this number, newest first; none for a number that was withheld."""

    async def call(self, call_id: str) -> CallRow | None: ...
    async def callbacks(self, states: Iterable[State], limit: int) -> Sequence[Callback]:
        """The longest-open first."""

    async def rings(self, call_id: str) -> Sequence[RingRow]: ...
    async def recordings(self, call_id: str) -> Sequence[Recording]: ...
    async def note(self, call_id: str) -> NoteRow | None: ...
    async def timeline(self, call_id: str) -> Sequence[JournalRow]: ...
    async def book(self, books: Books) -> None:
        """Add every call of the books' period."""

    async def mark_proposals(self, now: float) -> Sequence[Proposal]:
        """Those that no supervisor has settled, the newest first."""

    async def notes_pending(self) -> int:
        """How many calls wait for their note."""


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
    books: Callable[[float, float, str, str | None], Books]
    """Empty books: since, until, interval, queue. Raises BooksError."""
    city: str
    phone_url: str
    """WebSocket of Asterisk, which pages may connect to."""
    loopback: bool
    """True when the server listens on this machine only."""
    port: int
    """Where it listens."""
    recordings: Path
    """Folder of the recordings: nothing outside it is ever sent."""
    console: Path
    """Folder of the console's built pages."""
    calls_outside: bool = False
    """There is a trunk for calls to the outside."""
    clock: Callable[[], float] = time.time
