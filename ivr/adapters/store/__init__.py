"""The database: what happened, what became of it, and who may see it.

async task ── append(events, calls, agents) ──► queue ──► one writing thread ──► journal + calls, legs, agents
           ◄── after COMMIT ─────────────────────────────┘        (WAL, group commit)
async task ── call(call_id), timeline(call_id), … ──► reading threads, read-only connections
"""

from ivr.adapters.store.accounts import Accounts
from ivr.adapters.store.marks import Marks, Proposal
from ivr.adapters.store.records import Records
from ivr.adapters.store.registers import Imported, Registers
from ivr.adapters.store.tables import (
    Account,
    AgentRow,
    CallRow,
    JournalRow,
    NoteRow,
    NoteState,
    RingRow,
    Role,
    Token,
)


class Store(Records, Accounts, Registers, Marks):
    """The whole database. `async with await Store.open(path)`, or `await store.close()` at the end."""


__all__ = [
    "Account",
    "AgentRow",
    "CallRow",
    "Imported",
    "JournalRow",
    "NoteRow",
    "NoteState",
    "Proposal",
    "RingRow",
    "Role",
    "Store",
    "Token",
]
