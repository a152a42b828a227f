"""The other end of an AMI link, led by the test: a TCP server that says and does only what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from ivr.adapters.ami import Ami, Message
from tests.patience import PATIENCE_S

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def line_up(fields: dict[str, str]) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in fields.items()).encode() + b"\r\n"


class Session:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def say(self, **fields: str) -> None:
        self.writer.write(line_up(fields))

    async def heard(self, *, pings: bool = False) -> dict[str, str]:
        """The next action; pings are answered and passed over unless asked for."""
        while True:
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            action = dict(line.split(": ", 1) for line in text.split("\r\n") if line)
            if action["Action"] != "Ping" or pings:
                return action
            self.say(Response="Success", Ping="Pong")

    async def login(self) -> dict[str, str]:
        """Greet and accept; what the client said to log in."""
        self.writer.write(BANNER)
        action = await self.heard()
        assert action["Action"] == "Login"
        self.say(Response="Success", ActionID=action["ActionID"], Message="Authentication accepted")
        return action

    async def serve(self, answer: Callable[[dict[str, str]], list[dict[str, str]]]) -> None:
        """Answer actions until the connection ends; the answers get the action's id."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                action = await self.heard()
                for fields in answer(action):
                    self.say(**{"ActionID": action["ActionID"], **fields})

    def hang_up(self) -> None:
        self.writer.transport.abort()


class Peer:
    """A listening port; `accept` gives the connections in the order they come."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[Session] = asyncio.Queue()
        self._sessions: list[Session] = []
        self.port = 0

    async def accept(self) -> Session:
        return await asyncio.wait_for(self._inbox.get(), PATIENCE_S)

    @property
    def accepted(self) -> int:
        return len(self._sessions)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        self._sessions.append(session)
        self._inbox.put_nowait(session)

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator[Peer]:
        peer = cls()
        server = await asyncio.start_server(peer._connected, "127.0.0.1", 0)
        peer.port = server.sockets[0].getsockname()[1]
        try:
            yield peer
        finally:
            server.close()
            for session in peer._sessions:
                session.hang_up()


class Heard:
    """What an Ami told its callbacks."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.links: list[bool] = []
        self._wakes: set[asyncio.Future[None]] = set()

    def on_message(self, message: Message) -> None:
        self.messages.append(message)
        self._wake()

    def on_link(self, up: bool) -> None:
        self.links.append(up)
        self._wake()

    def _wake(self) -> None:
        for future in self._wakes:
            if not future.done():
                future.set_result(None)

    async def until(self, true: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(within_s):
            while not true():
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._wakes.add(future)
                try:
                    await future
                finally:
                    self._wakes.discard(future)


@asynccontextmanager
async def running(ami: Ami) -> AsyncIterator[None]:
    task = asyncio.create_task(ami.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
