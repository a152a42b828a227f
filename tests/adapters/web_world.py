"""A whole hotline behind the web server, without telephones: real store, switchboard and core, in a folder of its own.

Test modules import the fixture `world`.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import argon2
import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from ivr.adapters.store import Account, Store
from ivr.adapters.web import Deps, create_app, publish
from ivr.adapters.web.access import secret_hash
from ivr.adapters.web.schemas import CheckView, PhoneSettings
from ivr.core import events as ev
from ivr.core.books import Books
from ivr.core.events import Event
from ivr.core.floor import Floor, Rules
from ivr.core.notes import Line, Note
from ivr.core.recordings import Recording, recording_base
from ivr.floor_view import FloorView
from ivr.switchboard import Switchboard
from tests.core.world import PROFILES, shipped_plan

PASSWORD = "正确的密码"
_QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The cost is written into the hash, so these are quick to verify as well."""

Client = TestClient[web.Request, web.Application]


@dataclass
class World:
    """What a test can do to the hotline, and ask of it."""

    folder: Path
    store: Store
    floor: Floor
    now: float = field(default_factory=time.time)
    """The server's clock, which goes on by a millisecond whenever it is read."""
    loopback: bool = True
    warnings: list[CheckView] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Names of checks that fail."""
    switchboard: Switchboard = field(init=False)
    app: web.Application = field(init=False)
    server: TestServer = field(init=False)
    calls_made: int = 0
    _clients: list[Client] = field(default_factory=list)

    async def start(self) -> None:
        async def perform(action: object) -> None:
            """Nobody is on the telephone: tests tell what happens."""

        self.switchboard = Switchboard(
            self.floor, self.store, perform, lambda calls, agents: publish(self.app, calls, agents), self.clock
        )
        self.app = create_app(
            Deps(
                store=self.store,
                live=self,
                submit=self.switchboard.submit,
                agent_phone=lambda agent_id: _phone(agent_id, "", register=True),
                citizen_phone=lambda: _phone("citizen", "12345", register=False),
                checks=self.checks,
                books=lambda *asked: Books(*asked[:3], ZoneInfo("Asia/Shanghai"), 15, asked[3]),
                city="株洲",
                calls_outside=True,
                phone_url="ws://127.0.0.1:8088/ws",
                loopback=self.loopback,
                port=8080,
                recordings=self.folder / "recordings",
                console=self.folder / "dist",
                clock=self.clock,
            )
        )
        self.server = TestServer(self.app)
        await self.server.start_server()

    async def stop(self) -> None:
        for client in self._clients:
            await client.close()
        await self.server.close()

    def clock(self) -> float:
        self.now += 0.001
        return self.now

    def state(self) -> FloorView:
        return FloorView(self.floor, lambda: self.warnings)

    def checks(self) -> list[CheckView]:
        return [
            CheckView(name=name, ok=name not in self.broken, needed=name != "recogniser", sentence="")
            for name in ("asterisk", "ami", "store", "recogniser")
        ]

    def publish(self) -> None:
        publish(self.app)

    # --- people -------------------------------------------------------------------------------------------------------

    async def client(self, headers: dict[str, str] | None = None) -> Client:
        """A browser with no cookies."""
        client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True), headers=headers)
        self._clients.append(client)
        return client

    async def browser(self, user: str) -> Client:
        """A browser in which the user has signed in: 8001, 8002, banzhang (supervisor) or admin."""
        client = await self.client()
        answer = await client.post("/api/session", json={"user": user, "password": PASSWORD})
        assert answer.status == 200, await answer.text()
        return client

    async def program(self, role: Any) -> Client:
        """A program with a bearer token."""
        await self.store.add_token(secret_hash(f"token of a {role}"), f"{role}-program", role, 0.0)
        return await self.client({"Authorization": f"Bearer token of a {role}"})

    # --- calls --------------------------------------------------------------------------------------------------------

    async def tell(self, *events: Event) -> None:
        for event in events:
            await self.switchboard.submit(event)

    async def agent_ready(self, agent_id: str) -> None:
        now = self.clock()
        await self.tell(
            ev.PhoneReached(now, agent_id), ev.AgentSignedIn(now, agent_id), ev.AgentPressedReady(now, agent_id)
        )

    async def arrive(self, key: str = "2", ani: str = "13800138000") -> str:
        """A citizen calls and presses the key: 2 leads to the enterprise desk, silence to the general one."""
        self.calls_made += 1
        call_id = f"{self.clock():.0f}.{self.calls_made}"
        await self.tell(ev.CallArrived(self.clock(), call_id, f"PJSIP/local-{self.calls_made}", ani, "12345", 16000))
        await self.tell(ev.StepEnded(self.clock(), call_id, self.floor.calls[call_id].step, key))
        return call_id

    async def answer(self, call_id: str) -> str:
        """The agent being rung picks up. Returns the ring's id."""
        ring = self.floor.calls[call_id].ring
        assert ring, "no agent is being rung"
        await self.tell(ev.AgentAnswered(self.clock(), call_id, ring.ring_id, 16000))
        return ring.ring_id

    async def talk(self, agent_id: str, ani: str = "13800138000") -> str:
        """A whole answered, rated, recorded call of that agent (8001 or 8002), with its note. Returns its id."""
        await self.agent_ready(agent_id)
        call_id = await self.arrive("2" if agent_id == "8001" else "", ani)
        ring_id = await self.answer(call_id)
        await self.tell(ev.AgentHungUp(self.clock(), call_id, ring_id))
        await self.tell(ev.StepEnded(self.clock(), call_id, self.floor.calls[call_id].step, "1"))
        await self.tell(ev.CallerHungUp(self.clock(), call_id, 16))
        await self.record(call_id, ring_id)
        await self.store.save_note(call_id, Note(call_id, (Line("caller", 0.5, 2.0, "你好", 0.9),), "vosk-small", "zh"))
        await self.tell(ev.NoteWritten(self.clock(), call_id))
        return call_id

    async def record(self, call_id: str, ring_id: str) -> None:
        """Two legs of a tenth of a second."""
        base = recording_base(call_id, ring_id)
        legs = []
        for leg in ("caller", "agent"):
            file = self.folder / "recordings" / f"{base}-{leg}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(file), "wb") as sound:
                sound.setparams((1, 2, 16000, 0, "NONE", ""))
                sound.writeframes(bytes(range(200)) * 16)
            legs.append(
                Recording(
                    recording_id=f"{base.name}-{leg}",
                    call_id=call_id,
                    ring_id=ring_id,
                    leg=leg,
                    path=f"{base}-{leg}.wav",
                    started_at=self.clock(),
                    duration_s=0.1,
                    rate=16000,
                    size_bytes=file.stat().st_size,
                    sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
                )
            )
        await self.store.add_recordings(legs)
        await self.tell(ev.RecordingFinished(self.clock(), call_id, ring_id))


def _phone(user: str, dial: str, *, register: bool) -> PhoneSettings:
    return PhoneSettings(
        url="ws://127.0.0.1:8088/ws", user=user, password="x", domain="127.0.0.1", dial=dial, register_phone=register
    )


async def _accounts(store: Store) -> None:
    stored = _QUICK.hash(PASSWORD)
    people = [Account(agent.agent_id, stored, "agent", agent.agent_id, agent.name) for agent in PROFILES]
    people.append(Account("banzhang", stored, "supervisor", "", "班长"))
    people.append(Account("admin", stored, "admin", "", "管理员"))
    people.append(Account("demo", stored, "supervisor", "", "演示", demonstration=True))
    await asyncio.gather(*(store.add_account(account) for account in people))


Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds a world; everything it started ends with the test."""
    store = await Store.open(tmp_path / "hotline.db")
    await _accounts(store)
    worlds: list[World] = []
    tasks: list[asyncio.Task[None]] = []

    async def make(**changes: Any) -> World:
        world = World(tmp_path, store, Floor(shipped_plan(), PROFILES, Rules()), **changes)
        await world.start()
        worlds.append(world)
        tasks.append(asyncio.create_task(world.switchboard.run()))
        return world

    yield make
    for world in worlds:
        await world.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.close()


@pytest.fixture
async def world(build: Build) -> World:
    return await build()


__all__ = ["PASSWORD", "Client", "World", "build", "world"]
