"""The file queue_log: no line lost and none doubled, by kills, rotation and faults of the disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from ivr.adapters import queue_log
from ivr.adapters.queue_log import QueueLogFile
from ivr.adapters.store import Store
from ivr.core import events as ev
from ivr.core.books.queue_log import QueueLog
from ivr.core.events import Event
from tests.core.world import World
from tests.patience import PATIENCE_S

CHILD = """
import asyncio, sys
from pathlib import Path
from tests.adapters.test_queue_log import journal_story
asyncio.run(journal_story(Path(sys.argv[1]), float(sys.argv[2])))
"""


def story() -> list[Event]:
    world = World(Random(5))
    for _ in range(700):
        world.step()
    return world.journal


def expected(events: Sequence[Event]) -> str:
    log = QueueLog(False)
    return "".join(line for event in events for line in log.lines(event))


async def journal_story(folder: Path, save_s: float) -> None:
    """Journal the rest of the story, a few events at a time, with the queue log running beside; for a child process."""
    queue_log.PACE_S, queue_log.SAVE_S, queue_log.BATCH = 0.005, save_s, 7
    events = story()
    store = await Store.open(folder / "hotline.db")
    done = await store.rows(lambda row: int(row["n"] or 0), "select max(seq) as n from journal")
    file = QueueLogFile(folder / "queue_log", False, store)
    task = asyncio.create_task(file.run())
    for start in range(done[0], len(events), 6):
        await store.append(events[start : start + 6])
        sys.stdout.write(".")
        sys.stdout.flush()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await file.close()
    await store.close()
    assert not file.problem, file.problem


def test_kills_and_rotations_neither_lose_nor_double_a_line(tmp_path: Path) -> None:
    dice, moved = Random(3), []
    for number in range(7):
        save_s = "0.05" if number % 3 == 1 else "1000"  # the cursor lags by little, or by all
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), save_s], stdout=subprocess.PIPE)
        assert child.stdout
        with child.stdout:
            if number < 6:
                assert child.stdout.read(dice.randint(3, 24)), "the story was over before the kills"
                child.kill()
            else:
                child.stdout.read()
        assert child.wait(PATIENCE_S) == (-signal.SIGKILL if number < 6 else 0)
        if number in (2, 5):
            moved.append(tmp_path / f"queue_log.{number}")
            (tmp_path / "queue_log").rename(moved[-1])
    text = "".join(file.read_text() for file in [*moved, tmp_path / "queue_log"])
    assert text == expected(story())
    assert text.count("\n") > 100
    assert not _aside(tmp_path)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_log, "PACE_S", 0.005)


@asynccontextmanager
async def running(folder: Path, store: Store) -> AsyncIterator[QueueLogFile]:
    file = QueueLogFile(folder / "queue_log", False, store)
    task = asyncio.create_task(file.run())
    yield file
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await file.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  (nothing tells when a file has grown)
            await asyncio.sleep(0.005)


def holds(path: Path, events: Sequence[Event]) -> Callable[[], bool]:
    return lambda: path.is_file() and path.read_text() == expected(events)


def shift(number: int) -> list[Event]:
    return [ev.AgentSignedIn(100.0 * number, "8001"), ev.AgentSignedOut(100.0 * number + 60, "8001")]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "hotline.db")
    yield store
    await store.close()


async def test_a_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "queue_log"
    async with running(tmp_path, store):
        await store.append(shift(1))
        await until(holds(path, shift(1)))
        path.rename(tmp_path / "queue_log.1")
        await store.append(shift(2))
        await until(holds(path, shift(2)))
    assert (tmp_path / "queue_log.1").read_text() == expected(shift(1))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [0, 5])
@pytest.mark.parametrize("moved", [False, True])
async def test_after_a_crash_the_writing_goes_on_where_it_stopped(
    tmp_path: Path, store: Store, torn: int, moved: bool
) -> None:
    """`torn`: the last bytes of a line were not written. `moved`: the file was moved away before the next start."""
    path, old = tmp_path / "queue_log", tmp_path / "queue_log.1"
    await store.append([*shift(1), *shift(2)])
    crashed = QueueLogFile(path, False, store)
    task = asyncio.create_task(crashed.run())
    await until(holds(path, [*shift(1), *shift(2)]))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    os.truncate(path, path.stat().st_size - torn)
    if moved:
        path.rename(old)
    await store.append(shift(3))
    whole = expected([*shift(1), *shift(2), *shift(3)])
    kept = old.read_text().rfind("\n") + 1 if moved else 0  # a torn line is written anew, and whole
    async with running(tmp_path, store):
        await until(lambda: path.is_file() and path.read_text() == whole[kept:])
    await asyncio.to_thread(crashed._file.close)
    crashed._thread.shutdown()


async def test_the_whole_log_is_made_anew_from_the_journal(tmp_path: Path, store: Store) -> None:
    await store.append(shift(1))
    for _ in range(2):
        async with running(tmp_path, store):
            await until(holds(tmp_path / "queue_log", shift(1)))
        (tmp_path / "queue_log").unlink()
        (tmp_path / "queue_log.cursor").unlink()


async def test_a_file_with_foreign_lines_is_set_aside(tmp_path: Path, store: Store) -> None:
    (tmp_path / "queue_log").write_text("1|NONE|NONE|NONE|QUEUESTART|\n")
    await store.append(shift(1))
    async with running(tmp_path, store):
        await until(holds(tmp_path / "queue_log", shift(1)))
    assert [file.read_text() for file in _aside(tmp_path)] == ["1|NONE|NONE|NONE|QUEUESTART|\n"]


def _aside(folder: Path) -> list[Path]:
    return list(folder.glob("unknown-queue_log-*"))


async def test_what_cannot_be_written_is_told_and_written_later(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "queue_log"
    path.mkdir()
    async with running(tmp_path, store) as file:
        await store.append(shift(1))
        await until(lambda: bool(file.problem))
        assert file.problem == f"{path}: the queue log cannot be written: Is a directory."
        path.rmdir()
        await until(holds(path, shift(1)))
        await until(lambda: not file.problem)


@pytest.mark.parametrize(
    ("cursor", "word"),
    [
        ("{", "this is no cursor"),
        ('{"seq": 99, "skip": 0, "inode": 1, "size": 0, "state": {"places": {}, "shifts": {}}}', "another database"),
    ],
)
async def test_a_cursor_that_does_not_fit_is_told(tmp_path: Path, store: Store, cursor: str, word: str) -> None:
    (tmp_path / "queue_log.cursor").write_text(cursor)
    await store.append(shift(1))
    async with running(tmp_path, store) as file:
        await until(lambda: word in file.problem)
