"""One connection to Asterisk's manager port, as a protocol class for panoramisk's public `protocol_factory`.

panoramisk 1.4 opens the socket. What it leaves open is closed here: a character split over two reads, CR/LF in a value,
actions that hang for ever or are replayed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from ivr.core.errors import ActionRefused, AmiError, LinkLost

LINE_BYTES = 1024
"""Asterisk's input buffer, line end included; it takes no longer line (main/manager.c, get_input)."""

MESSAGE_BYTES = 1 << 20
"""Nothing that Asterisk says is nearly as long; more without an end is not AMI."""

_BANNER = b"Asterisk Call Manager/"
_END = b"\r\n\r\n"
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_BREAKS = frozenset("\r\n\0")
Action = tuple[str, Mapping[str, str]]
"""Name and fields."""

_PING = b"Action: Ping\r\n\r\n"


class Message(Mapping[str, str]):
    """One response or event: read-only header → value, blind to case.

    A header that came several times has its values on lines of their own.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {key.lower(): value for key, value in fields.items()}

    @classmethod
    def parsed(cls, text: str) -> Message:
        """The message from its lines, which end in CR LF."""
        fields: dict[str, str] = {}
        for line in text.split("\r\n"):
            key, colon, value = line.partition(":")
            if colon:
                key, value = key.lower(), value.removeprefix(" ")
                fields[key] = f"{fields[key]}\n{value}" if key in fields else value
        message = cls.__new__(cls)
        message._fields = fields
        return message

    def __getitem__(self, key: str) -> str:
        return self._fields[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Message({self._fields!r})"


def encoded(name: str, fields: Mapping[str, str]) -> bytes:
    """The action's lines. Raises AmiError when Asterisk would read it as something else, or not at all."""
    lines = []
    for key, value in (("Action", name), *fields.items()):
        if not _KEY.fullmatch(key):
            raise AmiError(f"The AMI action {name!r} has a header {key!r}, which is not a header name.")
        if not _BREAKS.isdisjoint(value):
            raise AmiError(f"The AMI action {name!r} has a line break or NUL in {key!r}; nothing was sent.")
        try:
            line = f"{key}: {value}\r\n".encode()
        except UnicodeEncodeError:
            raise AmiError(f"The AMI action {name!r} has a value in {key!r} that is not text.") from None
        if len(line) > LINE_BYTES:
            raise AmiError(f"The AMI action {name!r} has {len(line)} bytes in {key!r}; Asterisk takes {LINE_BYTES}.")
        lines.append(line)
    return b"".join(lines)


def _is_spoilt(message: Message) -> bool:
    """True for what becomes of a channel's event when a name in it holds line breaks: Asterisk writes them as they are.

    It is cut, has a header twice, or its rest stands alone. What came in one read with it may be forged. An event tells
    of a channel in one order, from its state to its linked id.
    """
    alone = "event" not in message and "response" not in message
    twice = any("\n" in message.get(header, "") for header in ("event", "response", "uniqueid", "linkedid"))
    cut = any(f"{side}channelstate" in message and f"{side}linkedid" not in message for side in ("", "dest"))
    return alone or twice or cut


class _Pending:
    """An action under way: one response, or all messages up to the event `done`."""

    __slots__ = ("done", "future", "messages", "name")

    def __init__(self, name: str, done: str) -> None:
        self.name = name
        self.done = done.lower()
        self.future: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        self.messages: list[Message] = []

    def take(self, message: Message) -> bool:
        """True when the message was meant for this action."""
        answer = None if "event" in message else message.get("response")  # OriginateResponse is an event with both
        future = self.future
        if answer is None and not self.done:
            return False
        if future.done():
            return True
        if answer == "Error":
            reason = message.get("message", "no reason given").rstrip(".")
            future.set_exception(ActionRefused(f"Asterisk refused the action {self.name}: {reason}."))
        elif answer is not None:
            if not self.done:
                future.set_result([message])
        elif message["event"].lower() == self.done:
            future.set_result(self.messages)
        else:
            self.messages.append(message)
        return True

    def drop(self) -> None:
        """Nobody waits for it any more."""
        if not self.future.cancel() and not self.future.cancelled():
            self.future.exception()  # asyncio complains of an exception that nobody has looked at


class Link(AMIProtocol):  # type: ignore[misc]
    """The protocol of one connection. When it breaks, everything under way fails with LinkLost; nothing is kept."""

    def __init__(self, peer: str, on_message: Callable[[Message], None]) -> None:
        loop = asyncio.get_running_loop()
        self._peer = peer
        self._on_message = on_message
        self._now = loop.time
        self._rest = b""
        self._greeted = False
        self._pending: dict[str, _Pending] = {}
        self._numbers = count(1)
        self._unsent: list[bytes] = []
        self.lost: asyncio.Future[str] = loop.create_future()
        """Done when the connection is gone; the reason, as a part of a sentence."""
        self.banner: asyncio.Future[None] = loop.create_future()
        self.asked_at: float | None = None
        """Loop time of the first ping after which not one byte has come, if there is one."""

    @property
    def pending(self) -> int:
        return len(self._pending)

    # --- out ---

    def send(self, data: Any, as_list: Any = None) -> asyncio.Future[Any]:
        """panoramisk's own way in; every action takes `act` instead, because only that one has an end."""
        raise AmiError("Actions are sent through Ami.action and Ami.collect.")

    async def act(self, each: Sequence[Action], done: str = "") -> list[list[Message]]:
        """Send the actions, all at once, and wait for what each is answered with.

        That is one response, or the list that ends with the event `done`. Asterisk takes them in this order.
        An ActionID among the fields is kept, and must not be in use: later events have it too.
        Raises ActionRefused when Asterisk answers one with "Error", LinkLost when the connection breaks meanwhile.
        """
        lines = [encoded(name, fields) for name, fields in each]
        if self.lost.done():
            raise LinkLost(f"There is no AMI connection to {self._peer}.")
        numbers = ["" if "ActionID" in fields else str(next(self._numbers)) for _, fields in each]
        under_way = {
            number or fields["ActionID"]: _Pending(name, done)
            for number, (name, fields) in zip(numbers, each, strict=True)
        }
        self._pending |= under_way
        try:
            numbered = zip(lines, numbers, strict=True)
            self._write(*(line + (b"ActionID: %b\r\n" % n.encode() if n else b"") + b"\r\n" for line, n in numbered))
            return [await pending.future for pending in under_way.values()]
        finally:
            for number in under_way:
                self._pending.pop(number).drop()

    def _write(self, *data: bytes) -> None:
        """What is written in one turn of the event loop leaves together."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += data

    def _flush(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if not self.lost.done():
            self.transport.write(data)

    def ping(self) -> None:
        """Make the other side say something; the answer counts as any byte does."""
        if self.asked_at is None:
            self.asked_at = self._now()
        self.transport.write(_PING)

    def break_off(self, reason: str) -> None:
        """Drop the connection now, without waiting for what is still to be written."""
        self._end(reason)
        self.transport.abort()

    # --- in ---

    def data_received(self, data: bytes) -> None:
        self.asked_at = None
        # Cut into messages before decoding: a character may be split over two reads, but never over two messages.
        data = self._rest + data
        if not self._greeted:
            line, found, data = data.partition(b"\r\n")
            if not found and len(line) < LINE_BYTES:
                self._rest = line
                return
            if not line.startswith(_BANNER):
                self.break_off("what answers there is not Asterisk's manager")
                return
            self._greeted = True
            self.banner.set_result(None)
        *messages, self._rest = data.split(_END)
        if len(self._rest) > MESSAGE_BYTES:
            self.break_off("it sent a message without an end")
            return
        parsed = [Message.parsed(text.decode("utf-8", "replace")) for text in messages]
        if any(_is_spoilt(message) for message in parsed):
            self.break_off("a telephone has written into its events")
            return
        for message in parsed:
            self._received(message)

    def _received(self, message: Message) -> None:
        pending = self._pending.get(message.get("actionid", ""))
        if (pending is None or not pending.take(message)) and "event" in message:
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc else "Asterisk closed it")

    def close(self) -> None:
        self._end("it was closed here")
        self.transport.close()

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self.banner.cancel()
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(
                    LinkLost(f"The AMI connection to {self._peer} broke during the action {pending.name}: {reason}.")
                )


class OneLink(Manager):  # type: ignore[misc]
    """panoramisk's manager for a single connection: no reconnecting, no pings and no replay of its own."""

    def connection_made(self, attempt: asyncio.Task[Any]) -> None:
        if not attempt.cancelled() and attempt.exception() is None:
            super().connection_made(attempt)
            self.pinger.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        pass
