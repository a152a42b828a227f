"""Registers of known callers. Numbers and PINs come here as hashes only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlite_utils import Database as Connection

from ivr.adapters.store.database import Database
from ivr.core.registers import Entry, Row


class Imported(NamedTuple):
    """What an import did."""

    new: int
    changed: int
    removed: int
    total: int


class Registers(Database):
    """Part of `Store`."""

    async def register_entries(self) -> list[Entry]:
        sql = "select entry_id, register, name, level, number_hash, pin_hash from register_entries order by entry_id"
        return await self.rows(lambda row: Entry(**{**row, "entry_id": str(row["entry_id"])}), sql)

    async def registers_changed_at(self) -> float:
        """When an entry was last written or removed; 0 for never."""
        return (await self.rows(lambda row: float(row["at"] or 0), "select max(at) as at from register_changes"))[0]

    async def import_register(self, register: str, rows: Sequence[Row], *, replace: bool) -> Imported:
        """Write all rows in one transaction: a known number is changed, and with `replace` the others are removed.

        A row whose `pin_hash` is None leaves the PIN as it is.
        """

        def write(db: Connection) -> Imported:
            found = db.execute("select number_hash from register_entries where register = ?", [register]).fetchall()
            before = {number for (number,) in found}
            numbers = {row.number_hash for row in rows}
            gone = before - numbers if replace else set()
            for number in gone:
                db.execute("delete from register_entries where register = ? and number_hash = ?", [register, number])
            # PINs may change hands within one file, and no two entries may share one at any moment.
            for row in rows:
                if row.pin_hash is not None:
                    db.execute(
                        "update register_entries set pin_hash = '' where register = ? and number_hash = ?",
                        [register, row.number_hash],
                    )
            for row in rows:
                db.execute(_UPSERT, [register, row.name, row.level, row.number_hash, row.pin_hash])
            _changed(db)
            kept = before & numbers
            return Imported(len(numbers - before), len(kept), len(gone), len(before | numbers) - len(gone))

        return await self.write(write)

    async def remove_entry(self, register: str, number_hash: str) -> bool:
        """False when there is none."""

        def remove(db: Connection) -> bool:
            sql = "delete from register_entries where register = ? and number_hash = ?"
            found = db.execute(sql, [register, number_hash]).rowcount
            _changed(db)
            return bool(found)

        return await self.write(remove)


_UPSERT = """
    insert into register_entries (register, name, level, number_hash, pin_hash) values (?, ?, ?, ?, coalesce(?5, ''))
    on conflict (register, number_hash)
    do update set name = excluded.name, level = excluded.level, pin_hash = coalesce(?5, pin_hash)
"""


def _changed(db: Connection) -> None:
    db.execute("insert or replace into register_changes (id, at) values (1, ?)", [time.time()])
