"""The sound of all callers: one process, one UDP port that every call's SDP names.

Asterisk's sound begins a call (a new SSRC); from then on silence flows back, a key is pressed as RFC 4733 events, and
the prompt that must follow is waited for. That prompt is a tone of 1000 Hz, whose G.711 frames repeat every 8 bytes, so
one comparison finds it. Arrival is the kernel's own time stamp, and `late_s` tells whether this process kept up: when
it did not, the run says more about the telephones than about the hotline.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection

TONE_HZ = 1000
URGENCY = 10
"""Niceness by which the callers go before the hotline, where it is allowed: citizens bring processors of their own."""
_SILENCE = b"\xd5" * 160
_FRAME_S = 0.02
_STAMPED = 35
"""SO_TIMESTAMPNS of Linux, in `sys/socket.h`; Python has no name for it."""
_KEY = 2


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of the calls of one run."""

    calls: int
    """Calls whose sound arrived at all."""
    prompts: int
    """Calls that heard the prompt that must follow the key."""
    key_to_prompt_s: tuple[float, ...]
    """From the key let go to the first frame of the tone. Empty when SIPp presses the keys."""
    late_s: float
    """By how much the latest packet left later than it should."""


@dataclass(slots=True)
class _Telephone:
    to: tuple[str, int]
    press_at: float
    ends_at: float
    source: int
    number: int = 0
    sample: int = 0
    part: int = 0
    """Packets of the key sent so far."""
    released_at: float = 0.0
    prompt_at: float = 0.0

    def packets(self, now: float) -> list[bytes]:
        """What is due in this frame."""
        if now < self.press_at or self.part > 5:
            self.sample += 160
            return [self._packet(8, self.sample, _SILENCE)]
        self.part += 1
        if self.part <= 5:
            event = struct.pack("!BBH", _KEY, 10, self.part * 160)
            return [self._packet(101, self.sample, event, mark=self.part == 1)]
        event = struct.pack("!BBH", _KEY, 0x80 | 10, 800)
        ends = [self._packet(101, self.sample, event) for _ in range(3)]
        self.sample += 800
        return ends

    def _packet(self, payload: int, sample: int, data: bytes, mark: bool = False) -> bytes:
        self.number = (self.number + 1) & 0xFFFF
        head = struct.pack("!BBHII", 0x80, payload | (0x80 if mark else 0), self.number, sample, self.source)
        return head + data


class _Exchange:
    """All telephones of a run."""

    def __init__(self, sound: socket.socket, speaks: bool, call_s: float) -> None:
        self._sound = sound
        self._speaks = speaks
        self._call_s = call_s
        self._all: dict[bytes, _Telephone] = {}
        self._due: deque[tuple[float, _Telephone]] = deque()
        self._late_s = 0.0

    def wait_s(self) -> float:
        return max(0.0, min(0.05, self._due[0][0] - time.time())) if self._due else 0.05

    def receive(self) -> None:
        for _ in range(500):
            try:
                data, stamps, _, sender = self._sound.recvmsg(2048, 64)
            except BlockingIOError:
                return
            if len(data) != 172:
                continue
            phone = self._all.get(data[8:12])
            if phone is None:
                phone = self._begin(data[8:12], sender)
            if not phone.prompt_at and _is_tone(data):
                seconds, nanoseconds = struct.unpack("qq", stamps[0][2])
                phone.prompt_at = seconds + nanoseconds / 1e9

    def send(self) -> None:
        while self._due and self._due[0][0] <= (now := time.time()):
            due, phone = self._due.popleft()
            self._late_s = max(self._late_s, now - due)
            for packet in phone.packets(due):
                self._sound.sendto(packet, phone.to)
            if phone.part == 6 and not phone.released_at:
                phone.released_at = time.time()
            if due < phone.ends_at:
                self._due.append((due + _FRAME_S, phone))

    def heard(self) -> Heard:
        phones = self._all.values()
        pairs = [(p.released_at, p.prompt_at) for p in phones if p.released_at and p.prompt_at]
        prompts = sum(1 for p in phones if p.prompt_at)
        return Heard(len(phones), prompts, tuple(prompt - released for released, prompt in pairs), self._late_s)

    def _begin(self, ssrc: bytes, to: tuple[str, int]) -> _Telephone:
        now = time.time()
        # A key of the first 1.2 s falls into the first prompt; 100 ms of it are the key itself.
        phone = _Telephone(to, now + random.uniform(0.3, 1.2), now + self._call_s, random.randrange(1 << 32))
        self._all[ssrc] = phone
        if self._speaks:
            self._due.append((now, phone))
        return phone


def _is_tone(packet: bytes) -> bool:
    """Judged by the end of the frame: resampling blurs the tone's beginning."""
    wave = packet[-8:]
    return wave == packet[-16:-8] == packet[-24:-16] and len(set(wave)) > 2


def _run(link: Connection, speaks: bool, call_s: float) -> None:
    os.setsid()  # Linux shares the processors between sessions first: callers must not take the controller's share
    with contextlib.suppress(PermissionError):
        os.nice(-URGENCY)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sound:
        sound.bind(("127.0.0.1", 0))
        sound.setblocking(False)
        sound.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)
        sound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        link.send(sound.getsockname()[1])
        exchange = _Exchange(sound, speaks, call_s)
        while not link.poll():
            select.select([sound], [], [], exchange.wait_s())
            exchange.receive()
            exchange.send()
        link.send(exchange.heard())


class Telephones:
    """The process; `port` is where Asterisk must send the sound. `speaks`: sound flows back, and the key with it."""

    def __init__(self, *, speaks: bool, call_s: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._link, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs, speaks, call_s), daemon=True)
        self._process.start()
        self.port: int = self._link.recv()

    def close(self) -> Heard:
        self._link.send("end")
        heard: Heard = self._link.recv()
        self._process.join()
        return heard
