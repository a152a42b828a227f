"""A real Asterisk for one test: its own ports, its own state folder, started from a Config and ended with the test."""

from __future__ import annotations

import contextlib
import itertools
import os
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


_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""Each worker has ports of its own: what it has given away may not be bound yet."""

_GIVEN: set[int] = set()

_RTP_PORTS = 200
_firsts = range(12000 + _WORKER * _RTP_PORTS, 30000 - _RTP_PORTS, _WORKERS * _RTP_PORTS)
_RANGES = itertools.cycle(random.sample(_firsts, len(_firsts)))
"""First ports; none is given again before all others were."""


def free_port(adjacent: int = 1) -> int:
    """The first of so many ports that nobody has, neither UDP nor TCP, below those that the system gives away."""
    share = (32700 - 30000) // _WORKERS
    while True:
        first = random.randrange(30000 + _WORKER * share, 30000 + (_WORKER + 1) * share - adjacent)
        ports = range(first, first + adjacent)
        if not _GIVEN.isdisjoint(ports):
            continue
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in ports:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            _GIVEN.update(ports)
            return first


def free_range() -> int:
    """First of `_RTP_PORTS` UDP ports that nobody has, below those that the system gives away."""
    while True:
        first = next(_RANGES)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + _RTP_PORTS):
                held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("127.0.0.1", port))
            return first


def ports() -> dict[str, dict[str, Any]]:
    """Free ports for a whole system, as sections of the configuration."""
    rtp = free_range()
    return {
        "sip": {"port": free_port(), "rtp_start": rtp, "rtp_end": rtp + _RTP_PORTS - 1},
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
