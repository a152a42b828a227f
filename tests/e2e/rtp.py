"""One end of a telephone's sound: G.711 in and out over RTP, with digits as RFC 4733 events."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from typing import Literal

import numpy as np
import numpy.typing as npt

from tests.patience import PATIENCE_S

Sound = npt.NDArray[np.int16]
Codec = Literal["PCMU", "PCMA"]

RATE = 8000
_FRAME = 160
_EVENT = 101
_KEYS = "0123456789*#ABCD"


def _ulaw(code: int) -> int:
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - size if code & 0x80 else size - 0x84


def _alaw(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + (8 if segment == 0 else 0x108)
    size <<= max(segment - 1, 0)
    return size if code & 0x80 else -size


class Law:
    """One of the two companding laws of G.711."""

    def __init__(self, codec: Codec) -> None:
        self.payload = 0 if codec == "PCMU" else 8
        self._values = np.array([(_ulaw if codec == "PCMU" else _alaw)(code) for code in range(256)], np.int16)
        self._order = np.argsort(self._values, kind="stable").astype(np.uint8)

    def decode(self, data: bytes) -> Sound:
        return self._values[np.frombuffer(data, np.uint8)]

    def encode(self, sound: Sound) -> bytes:
        sorted_values = self._values[self._order]
        places = np.clip(np.searchsorted(sorted_values, sound), 0, 255)
        return self._order[places].tobytes()


class Rtp(asyncio.DatagramProtocol):
    """Sends a tone (or silence) without a pause once it knows where to, and keeps all that it hears.

    Made by `open_rtp`. `heard_at` are the moments of arrival (event loop time) of each received frame;
    `first_timestamp` is where its clock starts, in samples, and may be set before the first packet.
    """

    def __init__(self, codec: Codec, tone_hz: float) -> None:
        self.law = Law(codec)
        self.tone_hz = tone_hz
        self.frames: list[bytes] = []
        self.heard_at: list[float] = []
        self.port = 0
        self._to: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._sender: asyncio.Task[None] | None = None
        self._digits: list[str] = []
        self._speech = np.zeros(0, np.int16)
        self._came = asyncio.Event()
        self.first_timestamp = 0
        self._number = random.randrange(1 << 16)
        self._source = random.randrange(1 << 32)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) > 12 and data[1] & 0x7F == self.law.payload:
            self.frames.append(data[12:])
            self.heard_at.append(asyncio.get_running_loop().time())
            self._came.set()

    @property
    def heard(self) -> Sound:
        """All that was received so far, at 8000 samples per second."""
        return self.law.decode(b"".join(self.frames))

    async def heard_for(self, seconds: float, within_s: float = PATIENCE_S) -> None:
        """Wait until this much more sound, silence included, has come."""
        goal = len(self.frames) + seconds * RATE / _FRAME
        async with asyncio.timeout(within_s):
            while len(self.frames) < goal:
                self._came.clear()
                await self._came.wait()

    async def hears(self, hertz: float, within_s: float = PATIENCE_S) -> None:
        """Wait until the last half second was this tone and hardly anything else."""
        async with asyncio.timeout(within_s):
            while True:
                await self.heard_for(0.1, within_s)
                if len(self.frames) >= 25 and share(self.heard[-RATE // 2 :], hertz) > 0.9:
                    return

    def send_to(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._sender = asyncio.create_task(self._send())

    def press(self, keys: str) -> None:
        """Send keys as RFC 4733 events of 100 ms, in the stream of sound."""
        self._digits.extend(keys)

    def say(self, speech: Sound) -> None:
        """Speak these samples (8000 per second) once, in place of the tone."""
        self._speech = speech

    async def close(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def _send(self) -> None:
        due, sample = time.monotonic(), 0
        while True:
            if self._digits:
                due, sample = await self._send_digit(self._digits.pop(0), due, sample)
                continue
            sound, self._speech = self._speech[:_FRAME], self._speech[_FRAME:]
            if len(sound) < _FRAME:
                times = (np.arange(_FRAME) + sample) / RATE
                sound = (8000 * np.sin(2 * np.pi * self.tone_hz * times)).astype(np.int16) * (self.tone_hz > 0)
            self._packet(self.law.payload, sample, self.law.encode(sound))
            sample += _FRAME
            due = await _until(due + 0.02)

    async def _send_digit(self, key: str, due: float, sample: int) -> tuple[float, int]:
        code = _KEYS.index(key)
        for part in range(1, 6):
            self._packet(_EVENT, sample, struct.pack("!BBH", code, 10, part * _FRAME), mark=part == 1)
            due = await _until(due + 0.02)
        for _ in range(3):
            self._packet(_EVENT, sample, struct.pack("!BBH", code, 0x80 | 10, 5 * _FRAME))
        return due, sample + 5 * _FRAME

    def _packet(self, payload: int, sample: int, data: bytes, mark: bool = False) -> None:
        assert self._transport is not None and self._to is not None
        self._number = (self._number + 1) & 0xFFFF
        timestamp = (self.first_timestamp + sample) & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, payload | (0x80 if mark else 0), self._number, timestamp, self._source)
        self._transport.sendto(head + data, self._to)


async def _until(due: float) -> float:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    return due


async def open_rtp(codec: Codec = "PCMA", tone_hz: float = 0) -> Rtp:
    """An RTP end on a free port of 127.0.0.1; `tone_hz` is what it says, 0 for silence."""
    loop = asyncio.get_running_loop()
    _, rtp = await loop.create_datagram_endpoint(
        lambda: Rtp(codec, tone_hz), local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    return rtp


def share(sound: Sound, hertz: float, rate: int = RATE) -> float:
    """How much of the sound's power lies within 15 Hz of `hertz`: 0 … 1, and 0 for silence."""
    power = np.abs(np.fft.rfft(sound.astype(np.float64) * np.hanning(len(sound)))) ** 2
    places = np.fft.rfftfreq(len(sound), 1 / rate)
    total = float(power[1:].sum())
    return float(power[np.abs(places - hertz) < 15].sum()) / total if total > len(sound) else 0.0
