"""A real Asterisk for one test: its own ports, its own state folder, started from a Config and ended with the test."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.adapters import pbx
from ivr.config import Config

REPO = Path(__file__).resolve().parents[2]
TRUNK = {"name": "line", "match": ["127.0.0.1/32"]}
AGENTS = (
    {"id": "8001", "name": "谭思琦", "skills": ["general", "enterprise"]},
    {"id": "8002", "name": "李明", "skills": ["general"]},
)


@dataclass(frozen=True, slots=True)
class Running:
    """What a test needs to know of its Asterisk."""

    config: Config
    installation: pbx.Installation
    secrets: pbx.Secrets
    pbx: pbx.Pbx

    @property
    def log(self) -> str:
        """All that Asterisk has complained about."""
        return (self.config.state.dir / "log-asterisk/messages").read_text("utf-8")


_GIVEN: set[int] = set()
"""Ports given to parts of this test run that may not have bound them yet."""


def free_port() -> int:
    """A port that nobody has, neither UDP nor TCP, below those that the system gives away by itself."""
    while True:
        port = random.randrange(30000, 32700)
        if port in _GIVEN:
            continue
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
            _GIVEN.add(port)
            return port


def free_range(size: int = 200) -> int:
    """First of `size` UDP ports that nobody has, below those that the system gives away."""
    while True:
        first = random.randrange(12000, 30000, 2)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + size):
                held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
            return first


def ports() -> dict[str, dict[str, Any]]:
    """Free ports for a whole system, as sections of the configuration."""
    rtp = free_range()
    return {
        "sip": {"port": free_port(), "rtp_start": rtp, "rtp_end": rtp + 199},
        "http": {"port": free_port()},
        "ami": {"port": free_port()},
        "web": {"port": free_port()},
    }


def configure(state: Path, **sections: Any) -> Config:
    """A configuration with free ports, one trunk on 127.0.0.1 and two agents; `sections` replace or add."""
    table: dict[str, Any] = {"state": {"dir": state}, "trunk": [TRUNK], "agent": list(AGENTS), **ports(), **sections}
    return Config(**table)


def share_tree(state: Path) -> None:
    """Let the state folder use the Asterisk that is unpacked in the checkout's own one."""
    tree = REPO / "var/asterisk"
    if tree.is_dir():
        state.mkdir(parents=True, exist_ok=True)
        (state / "asterisk").symlink_to(tree)


@contextlib.asynccontextmanager
async def running(config: Config, root: Path = REPO) -> AsyncIterator[Running]:
    """Asterisk, up and taking calls."""
    if not (config.state.dir / "asterisk").exists():
        share_tree(config.state.dir)
    installation = await pbx.ensure(config, print)
    secrets = pbx.render(config, installation, root)
    process = pbx.Pbx(config, installation, secrets)
    await process.start()
    try:
        yield Running(config, installation, secrets, process)
    finally:
        await process.stop()
