"""Marks of nuisance callers, and what agents have proposed. Written with the journal, in the same transaction."""

from __future__ import annotations

from typing import NamedTuple

from sqlite_utils import Database as Connection

from ivr.adapters.store.database import Database
from ivr.core.events import CallerMarked, Event, MarkDeclined, MarkLifted, MarkProposed
from ivr.core.marks import MOST_DAYS, Mark


class Proposal(NamedTuple):
    """An agent asks a supervisor to mark a caller."""

    call_id: str
    number: str
    by: str
    reason: str
    at: float


class Marks(Database):
    """Part of `Store`."""

    async def marks(self, now: float) -> list[Mark]:
        """Those that hold."""
        sql = "select number, set_by, reason, set_at, until from marks where lifted_at is null and until > ?"
        return await self.rows(lambda row: Mark(by=row.pop("set_by"), **row), sql, now)

    async def mark_proposals(self, now: float) -> list[Proposal]:
        """The newest first. One is settled when its number was marked later, and forgotten after MOST_DAYS."""
        sql = """
            select call_id, number, proposed_by, reason, at from mark_proposals as p
            where at > ? and not exists (select 1 from marks where marks.number = p.number and set_at >= p.at)
            order by at desc
        """
        return await self.rows(lambda row: Proposal(by=row.pop("proposed_by"), **row), sql, now - MOST_DAYS * 86400)

    async def lately(self, since: float) -> list[tuple[str, str, float]]:
        """Calls that came in since then and are over: id, calling number, time of arrival."""
        sql = (
            "select call_id, ani, arrived_at from calls where arrived_at > ? and ended_at is not null and task_id = ''"
        )
        return await self.rows(lambda row: (row["call_id"], row["ani"], row["arrived_at"]), sql, since)


def keep(db: Connection, event: Event) -> None:
    """What an event says of marks; all other events say nothing."""
    match event:
        case CallerMarked():
            _lift(db, event.number, event.at, event.by, "")
            values = [event.number, event.by, event.reason, event.at, event.until]
            db.execute("insert into marks (number, set_by, reason, set_at, until) values (?, ?, ?, ?, ?)", values)
        case MarkLifted():
            _lift(db, event.number, event.at, event.by, event.reason)
        case MarkProposed():
            values = [event.about_call, event.number, event.by, event.reason, event.at]
            columns = "call_id, number, proposed_by, reason, at"
            db.execute(f"insert or replace into mark_proposals ({columns}) values (?, ?, ?, ?, ?)", values)
        case MarkDeclined():
            db.execute("delete from mark_proposals where call_id = ?", [event.about_call])


def _lift(db: Connection, number: str, at: float, by: str, reason: str) -> None:
    sql = "update marks set lifted_at = ?, lifted_by = ?, lifted_why = ? where number = ? and lifted_at is null"
    db.execute(sql, [at, by, reason, number])
