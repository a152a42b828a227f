"""Fixtures: a real Asterisk, and a way to print a figure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ivr.adapters import pbx
from ivr.config import Config
from tests.e2e import asterisk as real


@pytest.fixture(scope="session")
def unpacked() -> None:
    """Asterisk is there: the machine's own, or one unpacked once into the checkout's var/."""
    config = Config(state={"dir": real.REPO / "var"})
    if lacking := pbx.missing(config):
        pytest.skip(f"no Asterisk, and {lacking[0][0]} is missing: {lacking[0][1]}")
    asyncio.run(pbx.ensure(config, print))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Free ports, a state folder of its own, agents 8001 and 8002, and a trunk on 127.0.0.1."""
    return real.configure(tmp_path / "state")


@pytest.fixture
async def asterisk(unpacked: None, config: Config) -> AsyncIterator[real.Running]:
    """A real Asterisk, up and taking calls."""
    async with real.running(config) as up:
        yield up


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a figure, whatever pytest captures."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201

    return tell
