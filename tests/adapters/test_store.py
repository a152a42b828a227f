"""The database on a real disk: what was acknowledged is there, also after a kill."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import types
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database as Connection

from ivr.adapters.store import Account, Store, database
from ivr.adapters.store.migrations import MIGRATIONS
from ivr.adapters.store.tables import journal_row
from ivr.core import events as ev
from ivr.core.agents import Agent, Profile, Status
from ivr.core.books import Books
from ivr.core.call_states import begin, evolve
from ivr.core.calls import Call
from ivr.core.errors import StoreError
from ivr.core.notes import Line, Note
from ivr.core.recordings import Recording
from tests.patience import PATIENCE_S

CALL = "1763900000.1"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "hotline.db")
    yield store
    await store.close()


def arrived(number: int = 1, ani: str = "13800000000") -> ev.CallArrived:
    return ev.CallArrived(1000.0 + number, f"1763900000.{number}", "PJSIP/x-1", ani, "12345")


def story(number: int = 1, agent_id: str = "8001") -> list[ev.Event]:
    """A call that an agent answered, up to its end."""
    call_id, start = f"1763900000.{number}", 1000.0 + number
    ring_id = f"{call_id}/1"
    return [
        arrived(number),
        ev.StepStarted(start, call_id, f"{call_id}:1", "menu:main", ("welcome",)),
        ev.StepEnded(start + 2, call_id, f"{call_id}:1", "2"),
        ev.CallQueued(start + 2, call_id, "enterprise", "key 2", "enterprise"),
        ev.CallOffered(start + 5, call_id, ring_id, agent_id, ("longest idle",)),
        ev.AgentAnswered(start + 8, call_id, ring_id, 16000),
        ev.CallEnded(start + 68, call_id, "answered"),
    ]


async def tell(store: Store, events: list[ev.Event], call: Call | None = None) -> Call:
    """Append the events one by one, each with the call as it is after it."""
    for event in events:
        call = evolve(call, event) if call else begin(typing.cast(ev.CallArrived, event))
        await store.append([event], [call])
    assert call is not None
    return call


# --- journal ----------------------------------------------------------------------------------------------------------


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, types.UnionType):
        return st.one_of(*map(_values, typing.get_args(hint)))
    if typing.get_origin(hint) is tuple:
        return st.lists(_values(typing.get_args(hint)[0])).map(tuple)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(),
        type(None): st.none(),
        int: st.integers(),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        types.NoneType: st.none(),
    }
    return simple[hint]


def any_event() -> st.SearchStrategy[ev.Event]:
    return st.one_of(
        st.builds(kind, **{f.name: _values(typing.get_type_hints(kind)[f.name]) for f in dataclasses.fields(kind)})
        for kind in typing.get_args(ev.Event)
    )


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_event(), min_size=1, max_size=20))
def test_every_event_comes_back_as_it_was(round_trip: RoundTrip, events: list[ev.Event]) -> None:
    assert round_trip(events) == events


RoundTrip = Callable[[list[ev.Event]], list[ev.Event]]


@pytest.fixture
def round_trip(tmp_path: Path) -> Iterator[RoundTrip]:
    """Events through one database file, on a loop that lives as long as the test."""
    with asyncio.Runner() as runner:
        store = runner.run(Store.open(tmp_path / "hotline.db"))

        async def there_and_back(events: list[ev.Event]) -> list[ev.Event]:
            (last,) = await store.rows(dict, "select coalesce(max(seq), 0) as seq from journal")
            await store.append(events)
            rows = await store.rows(journal_row, "select * from journal where seq > ? order by seq", last["seq"])
            return [row.event for row in rows]

        yield lambda events: runner.run(there_and_back(events))
        runner.run(store.close())


async def test_replay_is_what_needs_work_and_nothing_else(store: Store) -> None:
    waiting = story(1)[:4]
    await tell(store, waiting)
    ended = await tell(store, story(2))
    left = [arrived(3), ev.CallerHungUp(1010.0, "1763900000.3"), ev.CallEnded(1010.0, "1763900000.3", "left_in_menu")]
    await tell(store, left)
    await store.append([ev.AgentSignedIn(1011.0, "8001"), ev.CallsCounted(1012.0, ("1763900000.1",))])

    # 1 is live; 2 has ended, but its recording is not in; 3 is over.
    assert [event for _, event in await store.unfinished()] == waiting + story(2)
    seqs = [seq for seq, _ in await store.unfinished()]
    assert seqs == sorted(set(seqs))

    # The recording is in, but nobody has asked for the note yet.
    finished = ev.RecordingFinished(1100.0, "1763900000.2", "1763900000.2/1")
    await tell(store, [finished], ended)
    assert [event for _, event in await store.unfinished()] == [*waiting, *story(2), finished]
    await store.want_note("1763900000.2")
    assert [event for _, event in await store.unfinished()] == waiting


@pytest.mark.parametrize("fields", ["{", "null", "[]", "{}", '{"nonsense": 1}'])
async def test_a_spoilt_row_of_the_journal_holds_up_nobody(store: Store, fields: str) -> None:
    """A controller that could not start for it would leave every citizen to the static queue."""
    for number in (1, 2):
        await tell(store, story(number)[:3])
    seqs = [seq for seq, _ in await store.unfinished()]
    spoil = "update journal set fields = ? where seq = ?"
    await store.write(lambda db: db.execute(spoil, [fields, seqs[1]]))
    assert [seq for seq, _ in await store.unfinished()] == [seqs[0], *seqs[3:]], "the second call is whole"
    assert [row.seq for row in await store.journal_after(0, 100)] == [seqs[0], *seqs[3:]]
    assert [row.seq for row in await store.timeline(arrived(1).call_id)] == [seqs[0]]
    await store.write(lambda db: db.execute("update journal set kind = 'OfANewerVersion' where seq = ?", [seqs[0]]))
    assert [seq for seq, _ in await store.unfinished()] == seqs[3:]


async def test_the_leader_day_of_a_call_is_kept(store: Store) -> None:
    queued = ev.CallQueued(1002.0, "1763900000.1", "leader", "key 3, leader day", about="市城管局张明：停车")
    await tell(store, [arrived(), queued, ev.CallEnded(1003.0, queued.call_id, "abandoned")])
    row = await store.call(queued.call_id)
    assert row is not None and row.about == queued.about


async def test_replay_has_calls_that_were_journalled_further_than_saved(store: Store) -> None:
    call = begin(arrived(1))
    over = evolve(call, ev.CallEnded(1010.0, CALL, "left_in_menu"))
    await store.append([arrived(1), ev.CallEnded(1010.0, CALL, "left_in_menu")], [over])
    assert await store.unfinished() == []
    late = ev.RatingGiven(1011.0, CALL, 1)
    await store.append([late, arrived(2)])
    assert [event for _, event in await store.unfinished()] == [
        arrived(1), ev.CallEnded(1010.0, CALL, "left_in_menu"), late, arrived(2),
    ]  # fmt: skip
    await store.append([], [over])
    assert [event for _, event in await store.unfinished()] == [arrived(2)]


async def test_replay_gives_up_a_recording_that_never_comes(store: Store) -> None:
    await tell(store, story(1))
    week = 7 * 86400.0
    await store.append([ev.PhoneLost(1000.0 + week, "8001")])
    assert len(await store.unfinished()) == len(story(1))
    await store.append([ev.PhoneLost(1070.0 + week, "8001")])
    assert await store.unfinished() == []


async def test_a_bad_append_is_undone_whole_and_harms_no_other(store: Store) -> None:
    bad = dataclasses.replace(arrived(2), at=typing.cast(float, "noon"))
    good_1, failed, good_3 = await asyncio.gather(
        store.append([arrived(1)], [begin(arrived(1))]),
        store.append([ev.PhoneReached(1.0, "8001"), bad], [begin(arrived(1))]),
        store.append([arrived(3)], [begin(arrived(3))]),
        return_exceptions=True,
    )
    assert (good_1, good_3) == (None, None)
    assert isinstance(failed, StoreError)
    assert [event for _, event in await store.unfinished()] == [arrived(1), arrived(3)]
    assert await store.rows(dict, "select * from journal where kind = 'PhoneReached'") == []
    assert store.healthy() == ""


async def held(store: Store) -> tuple[asyncio.Task[bool], threading.Event]:
    """A write that keeps the writing thread busy until the event is set."""
    busy, gate = threading.Event(), threading.Event()
    first = asyncio.create_task(store.write(lambda db: busy.set() or gate.wait(10)))
    await asyncio.to_thread(busy.wait, 10)
    return first, gate


async def test_appends_that_wait_share_one_commit(store: Store) -> None:
    commits: list[str] = []
    await store.write(lambda db: db.conn.set_trace_callback(commits.append))
    first, gate = await held(store)
    commits.clear()
    rest = [asyncio.create_task(store.append([arrived(n)], [begin(arrived(n))])) for n in range(1, 101)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    assert [sql.lower() for sql in commits].count("commit") == 2  # the gate's own, and one for all hundred
    seqs = [row.seq for n in range(1, 101) for row in await store.timeline(f"1763900000.{n}")]
    assert seqs == list(range(1, 101))


async def test_the_loop_goes_on_while_the_disk_is_slow(store: Store) -> None:
    slow = asyncio.create_task(store.write(lambda db: time.sleep(1.0)))
    behind = asyncio.create_task(store.append([arrived(1)]))
    reading = asyncio.create_task(store.rows(lambda row: time.sleep(1.0), "select 1"))
    loop, longest = asyncio.get_running_loop(), 0.0
    while not (slow.done() and behind.done() and reading.done()):
        before = loop.time()
        await asyncio.sleep(0.001)
        longest = max(longest, loop.time() - before)
    assert longest < 0.5


async def test_an_append_that_is_given_up_leaves_the_others_alone(store: Store) -> None:
    first, gate = await held(store)
    given_up = asyncio.create_task(store.append([arrived(1)]))
    kept = asyncio.create_task(store.append([arrived(2)]))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, kept)
    assert [event for _, event in await store.unfinished()] == [arrived(2)]


# --- faults -----------------------------------------------------------------------------------------------------------

WRITER = """
import asyncio, sys
from pathlib import Path
from ivr.adapters.store import Store
from ivr.core import events as ev
from ivr.core.call_states import begin

async def main():
    store = await Store.open(Path(sys.argv[1]))
    start = int(sys.argv[2])
    async def one(n):
        event = ev.CallArrived(float(n), f"1763900000.{n}", "PJSIP/x", "1", "12345")
        await store.append([event, ev.StepStarted(float(n), event.call_id, f"{event.call_id}:1", "menu:main")],
                           [begin(event)])
        sys.stdout.write(f"{n}\\n"); sys.stdout.flush()
    n = start
    while True:
        await asyncio.gather(*(one(n + k) for k in range(7)))
        n += 7

asyncio.run(main())
"""


def write_and_be_killed(path: Path, start: int, after_s: float) -> set[int]:
    """Numbers that the writing process had acknowledged when it was killed, so long after its first."""
    with subprocess.Popen([sys.executable, "-c", WRITER, path, str(start)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline()]
        time.sleep(after_s)
        process.kill()
        lines += process.stdout.readlines()
    return {int(line) for line in lines if line.endswith(b"\n")}


async def test_a_kill_in_the_middle_of_a_write_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path, acknowledged, start = tmp_path / "hotline.db", set(), 1
    for kill in range(8):
        numbers = await asyncio.to_thread(write_and_be_killed, path, start, 0.01 + 0.013 * kill)
        assert numbers
        acknowledged |= numbers
        store = await Store.open(path)
        journal = await store.rows(dict, "select call_id, count(*) as events from journal group by call_id")
        calls = {row["call_id"] for row in await store.rows(dict, "select call_id from calls")}
        damage = await store.rows(dict, "pragma integrity_check")
        await store.close()
        assert damage == [{"integrity_check": "ok"}]
        kept = {int(row["call_id"].partition(".")[2]) for row in journal}
        assert acknowledged <= kept
        # Never half an append: both events, and the call with them.
        assert {row["events"] for row in journal} == {2}
        assert calls == {row["call_id"] for row in journal}
        start = max(kept) + 1


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """A disk that is full for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_told_and_survived(store: Store) -> None:
    await store.append([arrived(1)], [begin(arrived(1))])
    used = store.path.with_name("hotline.db-wal").stat().st_size
    big = [ev.AgentSetAside(5.0, "8001", "x" * 100_000)]
    with no_file_may_grow_beyond(used + 50_000):
        with pytest.raises(StoreError, match=r"hotline\.db: the database cannot be written: .+\."):
            await store.append(big)
        assert str(store.path) in store.healthy()
    await store.append(big)
    assert store.healthy() == ""
    rows = await store.rows(dict, "select kind from journal order by seq")
    assert [row["kind"] for row in rows] == ["CallArrived", "AgentSetAside"]


async def test_another_program_that_holds_the_file_is_waited_for(store: Store) -> None:
    other = sqlite3.connect(store.path)
    other.execute("begin immediate")
    append = asyncio.create_task(store.append([arrived(1)]))
    await asyncio.sleep(0.1)
    assert not append.done()
    other.execute("rollback")
    other.close()
    await append


async def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/hotline\.db"):
        await Store.open(tmp_path / "file" / "hotline.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(StoreError, match=r"folder\.db"):
        await Store.open(tmp_path / "folder.db")
    (tmp_path / "text.db").write_text("this is not a database, and longer than a header " * 20)
    with pytest.raises(StoreError, match=r"text\.db.*not a SQLite database"):
        await Store.open(tmp_path / "text.db")


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "hotline.db")
    last = asyncio.create_task(store.append([arrived(1)]))
    await asyncio.sleep(0)
    await store.close()
    await last
    with pytest.raises(StoreError, match="closed"):
        await store.append([arrived(2)])
    with pytest.raises(StoreError, match="closed"):
        await store.unfinished()
    store = await Store.open(tmp_path / "hotline.db")
    assert len(await store.unfinished()) == 1
    await store.close()


# --- schema -----------------------------------------------------------------------------------------------------------


def schema(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    try:
        return set(connection.execute("select name, sql from sqlite_master where name not like '%sqlite%'"))
    finally:
        connection.close()


@pytest.mark.parametrize("before", [migration.name for migration in MIGRATIONS._migrations])
async def test_every_older_version_becomes_the_newest(tmp_path: Path, before: str) -> None:
    await (await Store.open(tmp_path / "new.db")).close()
    old = Connection(tmp_path / "old.db")
    MIGRATIONS.apply(old, stop_before=before)
    old.close()
    for _ in range(2):
        await (await Store.open(tmp_path / "old.db")).close()
        assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db") != set()


async def test_a_change_that_fails_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await Store.open(tmp_path / "hotline.db")
    await store.append([arrived(1)])
    await store.close()
    before = schema(tmp_path / "hotline.db")

    def half_done(db: Connection) -> None:
        db.execute("create table half (x)")
        db.execute("create table half (x)")

    monkeypatch.setattr(MIGRATIONS, "_migrations", [*MIGRATIONS._migrations])
    MIGRATIONS()(half_done)
    with pytest.raises(StoreError, match=r"hotline\.db.*half"):
        await Store.open(tmp_path / "hotline.db")
    monkeypatch.undo()
    assert schema(tmp_path / "hotline.db") == before
    store = await Store.open(tmp_path / "hotline.db")
    assert len(await store.unfinished()) == 1
    await store.close()


async def test_a_newer_versions_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MIGRATIONS, "_migrations", [*MIGRATIONS._migrations])
    MIGRATIONS()(_later_change)
    await (await Store.open(tmp_path / "hotline.db")).close()
    monkeypatch.undo()
    with pytest.raises(StoreError, match=r"hotline\.db.*newer version.*_later_change"):
        await Store.open(tmp_path / "hotline.db")


def _later_change(db: Connection) -> None:
    db.execute("create table later (x)")


def _synchronous(db: Connection) -> int:
    mode: int = db.execute("pragma synchronous").fetchone()[0]
    return mode


async def test_what_is_promised_is_flushed_at_once_and_all_else_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal, full = 1, 2
    assert await store.write(_synchronous, flushed=False) == normal
    assert await store.write(_synchronous) == full
    monkeypatch.setattr(database, "FLUSH_S", 0.05)
    async with asyncio.timeout(PATIENCE_S):
        while await store.write(_synchronous, flushed=False) != full:
            pass  # one after another, until the first of them has waited for long enough


async def test_the_last_write_of_a_busy_time_does_not_wait_for_the_next(store: Store) -> None:
    await store.append([arrived(1)], flushed=False)
    # Who ignores the log sees only what was flushed and moved from there.
    await _comes_true(lambda: _calls_in_the_file_alone(store.path) == [arrived(1).call_id])


def _calls_in_the_file_alone(path: Path) -> list[str]:
    file = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    with closing(file), suppress(sqlite3.OperationalError):  # the tables are in the log at first, too
        return [call_id for (call_id,) in file.execute("select call_id from journal")]
    return []


async def _comes_true(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_the_file_is_the_owners_only_and_safe_from_a_power_cut(store: Store) -> None:
    await store.append([arrived(1)])
    for path in store.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert await store.write(_synchronous) == 2
    assert await store.write(lambda db: db.journal_mode) == "wal"


# --- what is read back ------------------------------------------------------------------------------------------------


async def test_a_call_with_everything_that_is_known_of_it(store: Store) -> None:
    call = await tell(store, story(1))
    row = await store.call(CALL)
    assert row
    for name in ("ani", "dnis", "channel", "stage", "keys", "queue", "mark", "outcome", "arrived_at", "ended_at"):
        assert getattr(row, name) == getattr(call, name), name
    assert (row.agent_id, row.wait_s, row.talk_s, row.answered_at) == ("8001", 6.0, 60.0, 1009.0)
    timeline = await store.timeline(CALL)
    assert [entry.event for entry in timeline] == story(1)
    assert timeline[-1].seq == row.last_seq
    await store.append([ev.PhoneLost(2000.0, "8001")], [call])
    assert await store.call(CALL) == row
    assert timeline[2].fields == {"step": f"{CALL}:1", "key": "2", "failed": False, "typed": 0, "entry": ""}
    (ring,) = await store.rings(CALL)
    assert (ring.why, ring.agent_rate, ring.reason, ring.recorded) == (
        ("longest idle",),
        16000,
        "caller_hung_up",
        False,
    )
    assert await store.call("1763900000.9") is None
    assert await store.timeline("1763900000.9") == []


async def test_calls_newest_first_page_by_page_and_filtered(store: Store) -> None:
    for number in range(1, 6):
        await tell(store, story(number, "8001" if number % 2 else "8002"))
    await tell(store, [arrived(6, ani="057312345678")])

    async def ids(**conditions: Any) -> list[int]:
        return [int(row.call_id.partition(".")[2]) for row in await store.calls(**conditions)]

    assert await ids() == [6, 5, 4, 3, 2, 1]
    assert await ids(limit=2) == [6, 5]
    assert await ids(before=1005.0, limit=2) == [4, 3]
    assert await ids(agent_id="8002") == [4, 2]
    assert await ids(queue="enterprise", before=1003.0) == [2, 1]
    assert await ids(outcome="answered", agent_id="8001", limit=1) == [5]
    assert await ids(ani="5731") == [6]
    assert await ids(ani="%") == []


async def test_an_agent_who_was_only_rung_did_not_speak(store: Store) -> None:
    events = [
        *story(1)[:5],
        ev.RingEnded(1010.0, CALL, f"{CALL}/1", "no_answer"),
        ev.CallEnded(1020.0, CALL, "abandoned"),
    ]
    await tell(store, events)
    assert await store.calls(agent_id="8001") == []
    (row,) = await store.calls(outcome="abandoned")
    assert (row.agent_id, row.answered_at) == ("", None)


async def test_agents_come_back_as_they_were(store: Store) -> None:
    agent = Agent(Profile("8001", "谭思琦", frozenset({"general"})), Status.TALKING, 5.0, 4.0, "", CALL, f"{CALL}/1",
                  signing_out=True, leaving_for=Status.SIGNED_OUT)  # fmt: skip
    await store.append([], [], [Agent(agent.profile)])
    await store.append([], [], [agent])
    saved = (await store.agents())["8001"].agent
    assert dataclasses.replace(saved, profile=agent.profile) == agent


async def test_recordings_of_a_call(store: Store) -> None:
    def leg(name: Any, ring: int, size: int = 1) -> Recording:
        base = f"{CALL}-{ring}-{name}"
        return Recording(base, CALL, f"{CALL}/{ring}", name, f"2025/11/23/{base}.wav", 1.0, 2.0, 8000, size, "00")

    await store.add_recordings([leg("agent", 1), leg("caller", 1)])
    await store.add_recordings([leg("caller", 2), leg("caller", 1, size=2)])
    expected = [leg("caller", 1, size=2), leg("agent", 1), leg("caller", 2)]
    assert await store.recordings(CALL) == expected
    assert sorted(await store.all_recordings(), key=str) == sorted(expected, key=str)
    assert await store.recordings("1763900000.9") == []
    await store.add_recordings([])


async def test_rings_whose_files_are_live_or_lost(store: Store) -> None:
    call = await tell(store, story(1))  # long ago, and never recorded
    now = time.time()
    fresh = [dataclasses.replace(event, at=now) for event in story(2)]
    await tell(store, fresh)
    await tell(store, story(3)[:6])
    assert [ring.call_id for ring in await store.lost_rings()] == [CALL]
    assert {ring.call_id for ring in await store.live_rings()} == {"1763900000.2", "1763900000.3"}
    await tell(store, [ev.RecordingFinished(now, CALL, f"{CALL}/1")], call)
    assert await store.lost_rings() == []


async def test_notes_wait_their_turn(store: Store) -> None:
    for number in (3, 1, 2, 3):
        await store.want_note(f"1763900000.{number}")
    assert await store.pending_notes() == ["1763900000.3", "1763900000.1", "1763900000.2"]
    await store.note_failed("1763900000.3", "No model.", final=False)
    await store.note_failed("1763900000.1", "Not a recording.", final=True)
    assert await store.pending_notes() == ["1763900000.3", "1763900000.2"]
    assert await store.notes_pending() == 2
    lines = (Line("caller", 0.0, 1.5, "你好", 0.9), Line("agent", 1.0, 2.0, "您好", 1.0))
    await store.save_note("1763900000.3", Note("1763900000.3", lines, "vosk-zh", "zh"))
    await store.want_note("1763900000.3")
    await store.note_failed("1763900000.3", "Too late.", final=True)
    written, failed = await store.note("1763900000.3"), await store.note("1763900000.1")
    assert written and failed
    assert (written.state, written.lines, written.model, written.problem) == ("written", lines, "vosk-zh", "")
    assert written.written_at is not None
    assert (failed.state, failed.problem) == ("failed", "Not a recording.")
    assert await store.note("1763900000.9") is None
    await tell(store, story(3))
    assert [row.note_state for row in await store.calls()] == ["written"]


async def test_accounts_sessions_and_tokens(store: Store) -> None:
    account = Account("tan", "$argon2id$…", "agent", "8001", "谭思琦", True)
    await store.add_account(account)
    with pytest.raises(StoreError, match="already an account 'tan'"):
        await store.add_account(account)
    assert (await store.account("tan"), await store.account("li"), await store.accounts()) == (account, None, [account])

    await store.add_session("digest", "tan", 100.0)
    assert (await store.session("digest", 99.0), await store.session("digest", 100.0)) == ("tan", None)
    await store.remove_expired(99.0)
    assert await store.session("digest", 99.0) == "tan"
    await store.remove_expired(100.0)
    assert await store.session("digest", 99.0) is None
    await store.add_session("digest", "tan", 100.0)
    await store.remove_account("tan")
    assert (await store.session("digest", 99.0), await store.accounts()) == (None, [])

    await store.add_token("t", "wallboard", "supervisor", 5.0)
    token = await store.token("t")
    assert token and (token.name, token.role) == ("wallboard", "supervisor")
    assert await store.tokens() == [token]
    await store.remove_token("t")
    assert await store.token("t") is None


# --- books ------------------------------------------------------------------------------------------------------------


async def test_the_books_count_what_was_saved(store: Store) -> None:
    await tell(store, story(1))
    await tell(store, story(2)[:4])
    books = Books(1000.0, 1100.0, "day", UTC, 15)
    await store.book(books)
    total = books.totals()[0].figures
    assert (total.offered, total.in_progress, total.outcomes.total(), total.answered_in_time) == (2, 1, 1, 1)
    assert [line.queue for line in books.totals()] == [None, "enterprise"]
    assert await store.imbalances(0.0) == []


async def test_the_books_count_no_calls_that_we_made_ourselves(store: Store) -> None:
    await tell(store, story(1))
    try_id = "cb-1763900000_9-1050.1"
    tried = ev.CallbackTried(1050.0, try_id, "cb-1763900000_9", "13800138000", "general", "", 1040.0)
    reason, outcome = "no_answer", "not_reached"
    await tell(store, [tried, ev.CitizenNotReached(1090.0, try_id, reason), ev.CallEnded(1090.0, try_id, outcome)])
    books = Books(1000.0, 1100.0, "day", UTC, 15)
    await store.book(books)
    total = books.totals()[0].figures
    assert (total.offered, total.in_progress, set(total.outcomes)) == (1, 0, {"answered"})
    assert await store.imbalances(0.0) == []


async def test_calls_that_break_the_balance_are_named(store: Store) -> None:
    for number in (1, 2, 3):
        await tell(store, story(number))
    call_1, call_2, call_3 = (f"1763900000.{number}" for number in (1, 2, 3))
    await store.append([ev.CallEnded(2000.0, call_1, "abandoned")])
    await store.write(lambda db: db.execute("update calls set outcome = 'abandoned' where call_id = ?", [call_2]))
    await store.write(lambda db: db.execute("delete from calls where call_id = ?", [call_3]))
    told = sorted(await store.imbalances(0.0))
    assert [next(c for c in (call_1, call_2, call_3) if c in sentence) for sentence in told] == [call_1, call_2, call_3]
    assert len(await store.imbalances(3000.0)) == 1, "what the table lacks is told whenever it was"
