"""The journal and what is derived from it: calls, their rings, agents; and the recordings and notes of calls."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Any

import structlog
from sqlite_utils import Database as Connection

from ivr.adapters.store import marks, tables
from ivr.adapters.store.database import Database
from ivr.adapters.store.tables import AgentRow, CallRow, JournalRow, NoteRow, RingRow, Row, Spoilt
from ivr.core.agents import Agent
from ivr.core.books import Books, Entry, imbalance
from ivr.core.callbacks import Callback, State
from ivr.core.calls import Call
from ivr.core.events import Event
from ivr.core.notes import Note
from ivr.core.recordings import Recording

log = structlog.get_logger()

RESUME_S = 7 * 86400
"""Work on an ended call that could not be finished in this time (a file that is lost) is given up."""
CLOSING_S = 120
"""For so long after a conversation its files may still be on their way into the database."""

_CALLS = "select calls.*, coalesce(notes.state, 'none') as note_state from calls left join notes using (call_id)"
_UNRECORDED = "select legs.* from legs join calls using (call_id) where recorded = 0 and "


class Records(Database):
    """Part of `Store`."""

    # --- journal ------------------------------------------------------------------------------------------------------

    async def append(
        self,
        events: Sequence[Event],
        calls: Sequence[Call] = (),
        agents: Sequence[Agent] = (),
        tasks: Sequence[Callback] = (),
        *,
        flushed: bool = True,
    ) -> None:
        """Journal the events, and save calls, agents and tasks as they are after them, in one transaction.

        `flushed` as in `Database.write`. Raises StoreError, and then nothing of it is kept.
        """

        def append(db: Connection) -> None:
            _append(db, events, calls, agents)
            _upsert(db, "callbacks", [tables.callback_values(task) for task in tasks])

        await self.write(append, flushed=flushed)

    async def unfinished(self) -> list[tuple[int, Event]]:
        """What `Floor.restore` needs after a restart: (seq, event) in order, for every call that still asks for work.

        Those are calls that have not ended; that were journalled further than they were saved; or that ended less
        than RESUME_S before the last event and lack a recording, or a place in the list of notes.
        """
        sql = """
            select * from journal where call_id in (
                select call_id from unfinished_calls left join calls using (call_id)
                where ended_at is null or ended_at > (select max(at) from journal) - ?
            ) order by seq
        """
        return [(row.seq, row.event) for row in await self._journal(sql, RESUME_S)]

    async def journal_after(self, seq: int, limit: int) -> list[JournalRow]:
        """The events after this one, in order."""
        return await self._journal("select * from journal where seq > ? order by seq limit ?", seq, limit)

    async def journal_of_live(self, seq: int) -> list[JournalRow]:
        """The events up to this one, in order, of every call that was up then, and of some that were over."""
        sql = """
            select * from journal where seq <= ? and call_id in (
                select call_id from unfinished_calls
                union select call_id from journal where seq > ? and call_id is not null
            ) order by seq
        """
        return await self._journal(sql, seq, seq)

    async def last_event_at(self) -> float | None:
        """When the last event was, None for an empty journal."""
        sql = "select at from journal order by seq desc limit 1"
        return next(iter(await self.rows(lambda row: float(row["at"]), sql)), None)

    async def ended_of(self, call_ids: Iterable[str]) -> set[str]:
        """Those of the calls that are over."""
        sql = "select call_id from calls where ended_at is not null and call_id in (select value from json_each(?))"
        return set(await self.rows(lambda row: str(row["call_id"]), sql, json.dumps(sorted(call_ids))))

    async def agents(self) -> dict[str, AgentRow]:
        """Every agent's last known state by work number."""
        return {row.agent_id: row for row in await self.rows(tables.agent_row, "select * from agents")}

    async def _journal(self, sql: str, *parameters: Any) -> list[JournalRow]:
        """Without rows that mean nothing, and what the same call did after them: it is taken up as it was before."""
        spoilt: set[str | None] = set()
        rows = []
        for row in await self.rows(tables.journal_row, sql, *parameters):
            if isinstance(row, Spoilt):
                log.error("journal.spoilt", seq=row.seq, call_id=row.call_id)
                spoilt.add(row.call_id)
            elif row.call_id is None or row.call_id not in spoilt:
                rows.append(row)
        return rows

    # --- calling back -------------------------------------------------------------------------------------------------

    async def callbacks(self, states: Iterable[State], limit: int = 10_000) -> list[Callback]:
        """Tasks in any of the states, the longest-open first."""
        wanted = [state.value for state in states]
        marks = ", ".join("?" * len(wanted))
        sql = f"select * from callbacks where state in ({marks}) order by opened_at, task_id limit ?"
        return await self.rows(tables.callback_row, sql, *wanted, limit)

    # --- calls --------------------------------------------------------------------------------------------------------

    async def calls(
        self,
        *,
        since: float | None = None,
        before: float | None = None,
        limit: int = 50,
        agent_id: str = "",
        queue: str = "",
        outcome: str = "",
        ani: str = "",
        mark: str = "",
        hotline: str = "",
    ) -> list[CallRow]:
        """Newest first, from `since` to `before`; `agent_id` spoke with the citizen; `ani` is a part of the number."""
        conditions: list[tuple[str, object]] = [
            ("arrived_at >= ?", since),
            ("arrived_at < ?", before),
            ("call_id in (select call_id from legs where agent_id = ? and answered_at is not null)", agent_id),
            ("queue = ?", queue),
            ("outcome = ?", outcome),
            ("instr(ani, ?)", ani),
            ("mark = ?", mark),
            ("hotline = ?", hotline),
        ]
        wanted = [(sql, value) for sql, value in conditions if value not in (None, "")]
        where = " and ".join(sql for sql, _ in wanted) or "true"
        sql = f"{_CALLS} where {where} order by arrived_at desc, call_id desc limit ?"
        return await self.rows(tables.call_row, sql, *(value for _, value in wanted), limit)

    async def calls_of(self, ani: str, before: float, limit: int) -> list[CallRow]:
        """From exactly this number, as it was delivered, newest first."""
        sql = f"{_CALLS} where ani = ? and ani != '' and arrived_at < ? order by arrived_at desc limit ?"
        return await self.rows(tables.call_row, sql, ani, before, limit)

    async def call(self, call_id: str) -> CallRow | None:
        return next(iter(await self.rows(tables.call_row, f"{_CALLS} where call_id = ?", call_id)), None)

    async def former_agent(self, ani: str, since: float) -> str:
        """The agent who had this number last, as it was delivered; "" when nobody did since then."""
        sql = """
            select legs.agent_id from calls join legs using (call_id)
            where calls.ani = ? and calls.arrived_at >= ? and legs.answered_at is not null and legs.agent_id != ''
            order by coalesce(legs.ended_at, legs.answered_at) desc limit 1
        """
        return next(iter(await self.rows(lambda row: str(row["agent_id"]), sql, ani, since)), "")

    async def timeline(self, call_id: str) -> list[JournalRow]:
        """The call's events in order."""
        return await self._journal("select * from journal where call_id = ? order by seq", call_id)

    async def rings(self, call_id: str) -> list[RingRow]:
        """The attempts to reach an agent, in order."""
        return await self.rows(
            tables.ring_row,
            "select * from legs where call_id = ? and agent_id != '' order by offered_at, rowid",
            call_id,
        )

    # --- books --------------------------------------------------------------------------------------------------------

    async def book(self, books: Books) -> None:
        """Add every call that came in during the books' period, on a reading thread."""
        columns = ", ".join(field.name for field in fields(Entry))
        sql = f"select {columns} from calls where arrived_at >= ? and arrived_at < ? and task_id = ''"
        await self.rows(lambda row: books.add(tables.entry(row)), sql, books.since, books.until)

    async def imbalances(self, since: float) -> list[str]:
        """A sentence for each call that keeps the books from balancing, of those that arrived since then.

        A call that the journal has and the table has not is named whenever it arrived.
        """
        sql = """
            select call_id, arrived_at, ended_at, outcome, (
                select json_group_array(json_extract(fields, '$.outcome')) from journal
                where journal.call_id = calls.call_id and kind = 'CallEnded'
            ) as ends from calls where arrived_at >= ?
            union all
            select distinct call_id, null, null, null, '[]' from journal
            where call_id is not null and not exists (select 1 from calls where calls.call_id = journal.call_id)
        """
        return [problem for problem in await self.rows(lambda row: imbalance(tables.kept(row)), sql, since) if problem]

    # --- recordings ---------------------------------------------------------------------------------------------------

    async def add_recordings(self, recordings: Sequence[Recording]) -> None:
        """A recording that is already there is replaced, so that closing a recording twice does no harm."""
        rows = [asdict(recording) for recording in recordings]
        await self.write(lambda db: db.table("recordings").upsert_all(rows, pk="recording_id"))

    async def recordings(self, call_id: str) -> list[Recording]:
        """In order of time, the caller's leg first."""
        sql = "select * from recordings where call_id = ? order by ring_id, leg desc"
        return await self.rows(lambda row: Recording(**row), sql, call_id)

    async def all_recordings(self) -> list[Recording]:
        return await self.rows(lambda row: Recording(**row), "select * from recordings order by path")

    async def live_rings(self) -> list[RingRow]:
        """Rings and legs whose files may be growing, or closed but not yet in the database."""
        return await self.rows(
            tables.ring_row,
            f"{_UNRECORDED} (calls.ended_at is null or legs.ended_at > ?)",
            time.time() - CLOSING_S,
        )

    async def lost_rings(self) -> list[RingRow]:
        """Conversations that were answered and are over, but never got their recordings."""
        return await self.rows(
            tables.ring_row,
            f"{_UNRECORDED} legs.answered_at is not null and calls.ended_at is not null and legs.ended_at <= ?",
            time.time() - CLOSING_S,
        )

    # --- notes --------------------------------------------------------------------------------------------------------

    async def want_note(self, call_id: str) -> None:
        """Put the call on the recogniser's list, unless it is or was there already."""
        await self.write(lambda db: _want_note(db, call_id, time.time()))

    async def pending_notes(self) -> list[str]:
        """Ids of the calls that wait for their note, the longest-waiting first."""
        sql = "select call_id from notes where state = 'pending' order by wanted_at, rowid"
        return await self.rows(lambda row: str(row["call_id"]), sql)

    async def notes_pending(self) -> int:
        """How many calls wait for their note."""
        sql = "select count(*) as number from notes where state = 'pending'"
        return (await self.rows(lambda row: int(row["number"]), sql))[0]

    async def save_note(self, call_id: str, note: Note) -> None:
        now = time.time()
        lines = json.dumps([asdict(line) for line in note.lines], ensure_ascii=False)
        sql = """
            update notes set state = 'written', problem = '', model = ?, language = ?, written_at = ?, lines = ?
            where call_id = ?
        """

        def save(db: Connection) -> None:
            _want_note(db, call_id, now)
            db.execute(sql, [note.model, note.language, now, lines, call_id])

        await self.write(save)

    async def note_failed(self, call_id: str, problem: str, final: bool) -> None:
        """`problem` is a sentence. Not final: the call stays on the list."""
        state = "failed" if final else "pending"
        sql = "update notes set state = ?, problem = ? where call_id = ? and state != 'written'"
        await self.write(lambda db: db.execute(sql, [state, problem, call_id]))

    async def note(self, call_id: str) -> NoteRow | None:
        """None when no note was asked for."""
        return next(iter(await self.rows(tables.note_row, "select * from notes where call_id = ?", call_id)), None)


# --- on the writing thread --------------------------------------------------------------------------------------------


def _append(db: Connection, events: Sequence[Event], calls: Sequence[Call], agents: Sequence[Agent]) -> None:
    # One statement for all rows of a table: before each the thread has to win the interpreter from the event loop.
    after: int = db.execute("select coalesce(max(seq), 0) from journal").fetchone()[0]
    rows = [(seq, *tables.journal_values(event)) for seq, event in enumerate(events, after + 1)]
    db.conn.executemany(
        "insert into journal (seq, at, kind, call_id, agent_id, fields) values (?, ?, ?, ?, ?, ?)", rows
    )
    for event in events:
        marks.keep(db, event)
    at = max((row[1] for row in rows), default=0.0)
    last = {row[3]: row[0] for row in rows if row[3] is not None}
    now = {call.call_id: at or call.ended_at or call.arrived_at for call in calls}
    _upsert(db, "calls", [tables.call_values(c, now[c.call_id], last.get(c.call_id, 0)) for c in calls])
    _upsert(db, "legs", [tables.ring_values(c.call_id, ring) for c in calls for ring in c.rings if ring.agent_id])
    _upsert(db, "legs", [tables.leg_values(c.call_id, leg) for c in calls for leg in c.legs if leg.record])
    finished = {call.call_id for call in calls if _finished(db, call)}
    _set_unfinished(db, {*last, *(call.call_id for call in calls)} - finished)
    _set_finished(db, finished)
    _upsert(db, "agents", [tables.agent_values(agent) for agent in agents])


def _finished(db: Connection, call: Call) -> bool:
    """Nothing is left to do after a restart. The note comes last: it is asked for when all recordings are in."""
    if call.live:
        return False
    wanted = "select 1 from notes where call_id = ?"
    recorded = any(ring.has_recording for ring in call.rings)
    return not recorded or call.note_written or db.execute(wanted, [call.call_id]).fetchone() is not None


def _set_unfinished(db: Connection, call_ids: Iterable[str]) -> None:
    sql = "insert or ignore into unfinished_calls (call_id) values (?)"
    db.conn.executemany(sql, [(call_id,) for call_id in call_ids])


def _set_finished(db: Connection, call_ids: Iterable[str]) -> None:
    db.conn.executemany("delete from unfinished_calls where call_id = ?", [(call_id,) for call_id in call_ids])


def _want_note(db: Connection, call_id: str, at: float) -> None:
    columns = "call_id, state, wanted_at, problem, model, language, lines"
    db.execute(f"insert or ignore into notes ({columns}) values (?, 'pending', ?, '', '', '', '[]')", [call_id, at])
    _set_finished(db, [call_id])


def _upsert(db: Connection, table: str, rows: Sequence[Row]) -> None:
    """Rows with the same columns in the same order, of which the first is the table's key."""
    if rows:
        db.conn.executemany(_upsert_sql(table, tuple(rows[0])), [tuple(row.values()) for row in rows])


@cache
def _upsert_sql(table: str, columns: tuple[str, ...]) -> str:
    # sqlite-utils' own upsert reads the schema each time: 450 µs instead of 16 µs for a row that every event writes.
    key, *others = columns
    changes = ", ".join(f"{name} = excluded.{name}" for name in others if name != "last_seq")
    if "last_seq" in columns:
        changes += ", last_seq = max(last_seq, excluded.last_seq)"
    marks = ", ".join("?" * len(columns))
    return f"insert into {table} ({', '.join(columns)}) values ({marks}) on conflict ({key}) do update set {changes}"
