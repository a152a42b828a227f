"""/api/live: a snapshot, then numbered changes, over one WebSocket per browser.

A connection keeps no messages, only the ids of what has changed since its last message; each message is made from the
state at the moment it is sent. So a slow client's backlog cannot grow, and whoever fell far behind gets a fresh
snapshot. Numbers count one connection's messages, which is why an agent, who sees less, sees no gaps.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiohttp import WSMsgType, web
from pydantic import ValidationError

from ivr.adapters.web.access import Identity
from ivr.adapters.web.ports import LiveSource, LiveState
from ivr.adapters.web.schemas import AgentView, CallSummary, Change, CheckView, LiveRequest, QueueView, Snapshot
from ivr.adapters.web.views import agent_view, belongs_to, call_summary, queue_views
from ivr.core.calls import Call
from ivr.core.errors import StoreError

PACE_S = 0.1
"""Least time between two messages of one connection: what changes faster is sent together."""
BACKLOG = 200
"""Changed calls and agents that a connection remembers; more, and it gets a snapshot instead."""
PING_S = 20.0
"""A client that does not answer a ping within half of this is disconnected."""
RECHECK_S = 30.0
"""How often a connection's sign-in is looked at again."""
SIGNED_OUT = 4401
NOT_UNDERSTOOD = 4400

log = structlog.get_logger()


class Listener:
    """One connection: what it has been told, and what it must still be told."""

    def __init__(
        self, source: LiveSource, queues: Callable[[], list[QueueView]], who: Identity, clock: Callable[[], float]
    ) -> None:
        self.who = who
        self.wake = asyncio.Event()
        self._source = source
        self._queues_now = queues
        self._clock = clock
        self._number = 0
        self._whole = True
        self._calls: set[str] = set()
        self._agents: set[str] = set()
        self._shown: set[str] = set()
        self._queues: list[QueueView] = []
        self._warnings: list[CheckView] = []
        self.wake.set()

    def mark(self, call_ids: Iterable[str], agent_ids: Iterable[str]) -> None:
        if not self._whole:
            self._calls.update(call_ids)
            self._agents.update(agent_ids)
            if len(self._calls) + len(self._agents) > BACKLOG:
                self.ask_snapshot()
        self.wake.set()

    def ask_snapshot(self) -> None:
        self._whole = True
        self._calls.clear()
        self._agents.clear()
        self.wake.set()

    def next_message(self) -> Snapshot | Change | None:
        """What to send now; None when nothing that this client may see has changed."""
        self.wake.clear()
        state = self._source.state()
        now = self._clock()
        queues = self._queues_now()
        warnings = list(state.warnings)
        whole, self._whole = self._whole, False
        if whole:
            seen = [call for call in state.calls.values() if self._sees(call)]
            message: Snapshot | Change = Snapshot(
                number=self._number + 1,
                now=now,
                calls=[call_summary(call, state, now) for call in seen],
                agents=[agent_view(a, state) for a in state.agents.values() if self._sees_agent(a.agent_id)],
                queues=queues,
                warnings=warnings,
            )
            self._shown = {call.call_id for call in seen}
        else:
            calls, gone = self._changed_calls(state, now)
            agents = self._changed_agents(state)
            if not (calls or gone or agents) and queues == self._queues and warnings == self._warnings:
                return None
            message = Change(
                number=self._number + 1,
                now=now,
                calls=calls,
                gone=gone,
                agents=agents,
                queues=queues if queues != self._queues else [],
                warnings=warnings if warnings != self._warnings else None,
            )
        self._number += 1
        self._queues, self._warnings = queues, warnings
        return message

    def _changed_calls(self, state: LiveState, now: float) -> tuple[list[CallSummary], list[str]]:
        changed, self._calls = self._calls | (self._shown - state.calls.keys()), set()
        calls, gone = [], []
        for call_id in sorted(changed):
            call = state.calls.get(call_id)
            if call and self._sees(call):
                calls.append(call_summary(call, state, now))
                self._shown.add(call_id)
            elif call_id in self._shown:
                gone.append(call_id)
                self._shown.discard(call_id)
        return calls, gone

    def _changed_agents(self, state: LiveState) -> list[AgentView]:
        agents = state.agents
        changed, self._agents = self._agents, set()
        return [agent_view(agents[a], state) for a in sorted(changed) if a in agents and self._sees_agent(a)]

    def _sees(self, call: Call) -> bool:
        return self.who.role != "agent" or (bool(self.who.agent_id) and belongs_to(call.rings, self.who.agent_id))

    def _sees_agent(self, agent_id: str) -> bool:
        return self.who.role != "agent" or agent_id == self.who.agent_id


class LiveFeed:
    """All connections."""

    def __init__(
        self,
        source: LiveSource,
        still: Callable[[Identity], Awaitable[bool]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`still` tells whether somebody is signed in still."""
        self._source = source
        self._still = still
        self._clock = clock
        self._listeners: dict[Listener, web.WebSocketResponse] = {}
        self._queues: list[QueueView] | None = None

    def publish(self, call_ids: Iterable[str] = (), agent_ids: Iterable[str] = ()) -> None:
        """These calls and agents have changed (or are gone), or, with neither, the warnings have."""
        calls, agents = set(call_ids), set(agent_ids)
        self._queues = None
        for listener in self._listeners:
            listener.mark(calls, agents)

    async def serve(self, request: web.Request, who: Identity) -> web.WebSocketResponse:
        """One connection, from handshake to end."""
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=4096, compress=False)
        await socket.prepare(request)
        listener = Listener(self._source, self._queues_now, who, self._clock)
        self._listeners[listener] = socket
        sender = asyncio.create_task(self._send(socket, listener), name="live")
        try:
            await self._receive(socket, listener)
        finally:
            del self._listeners[listener]
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
        return socket

    async def signed_out(self, secret: str) -> None:
        """Close the connections of this session."""
        sockets = [socket for listener, socket in self._listeners.items() if listener.who.secret == secret]
        await asyncio.gather(*(s.close(code=SIGNED_OUT, message=b"signed out") for s in sockets))

    async def close(self) -> None:
        """Close all connections: the server goes away."""
        sockets = list(self._listeners.values())
        await asyncio.gather(*(s.close(code=1001, message=b"server stops") for s in sockets))

    async def _signed_in(self, who: Identity) -> bool:
        try:
            return await self._still(who)
        except StoreError as error:
            # Agents must go on seeing their calls; it is asked again soon.
            log.warning("live.not_rechecked", user=who.user, sentence=str(error))
            return True

    def _queues_now(self) -> list[QueueView]:
        """Counted once per change, not once per connection."""
        if self._queues is None:
            self._queues = queue_views(self._source.state())
        return self._queues

    async def _receive(self, socket: web.WebSocketResponse, listener: Listener) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                LiveRequest.model_validate_json(message.data)
            except ValidationError:
                await socket.close(code=NOT_UNDERSTOOD, message=b'send {"kind":"snapshot"} only')
                return
            listener.ask_snapshot()

    async def _send(self, socket: web.WebSocketResponse, listener: Listener) -> None:
        try:
            await self._send_changes(socket, listener)
        except ConnectionError:
            return
        except Exception:
            # Without this the browser would go on showing old state as if it were live.
            log.exception("live.failed", user=listener.who.user)
            await socket.close(code=1011, message=b"server error")

    async def _send_changes(self, socket: web.WebSocketResponse, listener: Listener) -> None:
        checked = self._clock()
        while not socket.closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_S):
                    await listener.wake.wait()
            if self._clock() - checked >= RECHECK_S:
                checked = self._clock()
                if not await self._signed_in(listener.who):
                    await socket.close(code=SIGNED_OUT, message=b"signed out")
                    return
            message = listener.next_message()
            if message:
                await socket.send_str(message.model_dump_json())
            await asyncio.sleep(PACE_S)
