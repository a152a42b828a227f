"""Fixtures: a real Asterisk, company for those tests that bear it, and a way to tell a figure.

Properties are tried on the same examples in every run; `--hypothesis-profile explore` looks for new ones.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from ivr.adapters import pbx
from ivr.config import Config
from tests.e2e import asterisk as real

_FIGURE = "figure"

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("same")


@contextmanager
def _locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[int]:
    """Hold a lock that all workers of pytest-xdist share. Yields its file descriptor."""
    with path.open("ab") as file:
        fcntl.flock(file, how)
        yield file.fileno()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(autouse=True)
def _company(request: pytest.FixtureRequest, _shared: Path) -> Iterator[int]:
    """Keep the other workers quiet during a test that is marked `alone`."""
    how = fcntl.LOCK_EX if request.node.get_closest_marker("alone") else fcntl.LOCK_SH
    with ExitStack() as room:
        # Whoever waits to be alone holds the door, or the others, turn by turn, would never leave the room empty.
        with _locked(_shared / "door"):
            held = room.enter_context(_locked(_shared / "room", how))
        yield held


@pytest.fixture
def no_longer_alone(_company: int) -> Callable[[], None]:
    """Let the others go on before the end of a test that is marked `alone`."""
    return lambda: fcntl.flock(_company, fcntl.LOCK_SH)


@pytest.fixture(scope="session")
def unpacked(_shared: Path) -> None:
    """Asterisk is there: the machine's own, or one unpacked once into the checkout's var/."""
    config = Config(state={"dir": real.REPO / "var"})
    if lacking := pbx.missing(config):
        pytest.skip(f"no Asterisk, and {lacking[0][0]} is missing: {lacking[0][1]}")
    with _locked(_shared / "unpacking"):
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
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell a figure, which the summary shows."""
    return lambda line: request.node.user_properties.append((_FIGURE, line))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where workers share the tests, the long ones come first: at the end nobody waits for one of them.

    First of all those that are alone, while the others are at short ones, for whose end they need not wait long.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: tuple(item.get_closest_marker(mark) is None for mark in ("alone", "e2e")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for report in reports:
        if getattr(report, "when", "") == "call":
            for name, line in report.user_properties:
                if name == _FIGURE:
                    terminalreporter.write_line(line)
