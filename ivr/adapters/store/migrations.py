"""The schema, as a list of changes: each is a named function, applied once, in order, in one transaction.

A function that has been released is never edited; the next change is a new function below it.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

MIGRATIONS = Migrations("hotline")


@MIGRATIONS()
def first_tables(db: Database) -> None:
    """Journal, calls with their rings, agents, recordings, notes; accounts, sessions, API tokens."""
    _create(
        db,
        "journal",
        {"seq": int, "at": float, "kind": str, "call_id": str, "agent_id": str, "fields": str},
        pk="seq",
        nullable={"call_id"},
    )
    db.execute("create index journal_call on journal (call_id, seq) where call_id is not null")
    _create(
        db,
        "calls",
        {
            "call_id": str, "channel": str, "ani": str, "dnis": str, "rate": int, "arrived_at": float, "stage": str,
            "menu": str, "keys": str, "queue": str, "queued_at": float, "queued_why": str, "mark": str,
            "agent_id": str, "answered_at": float, "ended_at": float, "outcome": str, "wait_s": float,
            "talk_s": float, "rating": int, "last_seq": int,
        },
        pk="call_id",
        nullable={"queued_at", "answered_at", "ended_at", "outcome", "wait_s", "rating"},
    )  # fmt: skip
    db.execute("create index calls_arrived on calls (arrived_at)")
    _create(db, "unfinished_calls", {"call_id": str}, pk="call_id")
    _create(
        db,
        "legs",
        {
            "ring_id": str, "call_id": str, "agent_id": str, "offered_at": float, "why": str, "answered_at": float,
            "ended_at": float, "reason": str, "agent_rate": int, "recorded": int,
        },
        pk="ring_id",
        nullable={"answered_at", "ended_at"},
    )  # fmt: skip
    db.execute("create index legs_call on legs (call_id, offered_at)")
    db.execute("create index legs_agent on legs (agent_id, call_id) where answered_at is not null")
    db.execute("create index legs_unrecorded on legs (offered_at) where recorded = 0")
    _create(
        db,
        "agents",
        {
            "agent_id": str, "status": str, "since": float, "idle_since": float, "reason": str, "call_id": str,
            "ring_id": str, "signing_out": int, "leaving_for": str,
        },
        pk="agent_id",
    )  # fmt: skip
    _create(
        db,
        "recordings",
        {
            "recording_id": str, "call_id": str, "ring_id": str, "leg": str, "path": str, "started_at": float,
            "duration_s": float, "rate": int, "size_bytes": int, "sha256": str,
        },
        pk="recording_id",
    )  # fmt: skip
    db.execute("create index recordings_call on recordings (call_id, started_at)")
    _create(
        db,
        "notes",
        {
            "call_id": str, "state": str, "wanted_at": float, "problem": str, "model": str, "language": str,
            "written_at": float, "lines": str,
        },
        pk="call_id",
        nullable={"written_at"},
    )  # fmt: skip
    db.execute("create index notes_pending on notes (wanted_at) where state = 'pending'")
    _create(
        db,
        "accounts",
        {"user": str, "password_hash": str, "role": str, "agent_id": str, "name": str, "demonstration": int},
        pk="user",
    )
    _create(db, "sessions", {"token_hash": str, "user": str, "expires_at": float}, pk="token_hash")
    _create(db, "api_tokens", {"token_hash": str, "name": str, "role": str, "created_at": float}, pk="token_hash")


@MIGRATIONS()
def registers_of_callers(db: Database) -> None:
    """Deputies and other callers who are known by their telephone."""
    _create(
        db,
        "register_entries",
        {"entry_id": int, "register": str, "name": str, "level": str, "number_hash": str, "pin_hash": str},
        pk="entry_id",
    )
    db.execute("create unique index register_numbers on register_entries (register, number_hash)")
    db.execute("create unique index register_pins on register_entries (register, pin_hash) where pin_hash != ''")
    _create(db, "register_changes", {"id": int, "at": float}, pk="id")


@MIGRATIONS()
def who_called_which_hotline(db: Database) -> None:
    """The caller as the registers know them, and the merged hotline that was dialled."""
    for column in ("known_as", "person", "level", "hotline", "hotline_name"):
        db.execute(f"alter table calls add column {column} text not null default ''")
    db.execute("create index calls_mark on calls (mark, arrived_at) where mark != ''")


@MIGRATIONS()
def tasks_of_calling_back(db: Database) -> None:
    """Citizens who are to be called back; and which calls were made for that."""
    _create(
        db,
        "callbacks",
        {
            "task_id": str, "call_id": str, "number": str, "queue": str, "mark": str, "reason": str,
            "opened_at": float, "place_at": float, "next_at": float, "state": str, "tries": int, "dials": int,
            "try_id": str, "ordered": int, "history": str, "priority": int, "emergency": int,
        },
        pk="task_id",
        nullable={"priority"},
    )  # fmt: skip
    db.execute("create index callbacks_state on callbacks (state, opened_at)")
    db.execute("alter table calls add column task_id text not null default ''")


@MIGRATIONS()
def which_leader_day(db: Database) -> None:
    """Unit, leader and subject of the leader day for which a call came."""
    db.execute("alter table calls add column about text not null default ''")


@MIGRATIONS()
def who_called_before(db: Database) -> None:
    """An index for the agent who talked with a number last."""
    db.execute("create index calls_ani on calls (ani, arrived_at) where ani != ''")


@MIGRATIONS()
def marks_of_nuisance_callers(db: Database) -> None:
    """Who is marked, by whom and why, and what agents propose; and which calls were slowed down."""
    _create(
        db,
        "marks",
        {
            "mark_id": int, "number": str, "set_by": str, "reason": str, "set_at": float, "until": float,
            "lifted_at": float, "lifted_by": str, "lifted_why": str,
        },
        pk="mark_id",
        nullable={"lifted_at", "lifted_by", "lifted_why"},
    )  # fmt: skip
    db.execute("create index marks_number on marks (number)")
    _create(
        db,
        "mark_proposals",
        {"call_id": str, "number": str, "proposed_by": str, "reason": str, "at": float},
        pk="call_id",
    )
    db.execute("alter table calls add column slowed_by text not null default ''")


@MIGRATIONS()
def language_of_who_is_called_back(db: Database) -> None:
    """What a citizen who is to be called back had chosen."""
    db.execute("alter table callbacks add column language text not null default ''")


def _create(
    db: Database, name: str, columns: dict[str, type], *, pk: str, nullable: frozenset[str] | set[str] = frozenset()
) -> None:
    db.create_table(name, columns, pk=pk, not_null=set(columns) - nullable - {pk}, strict=True)
