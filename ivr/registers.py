"""Registers of known callers: import, list, remove; and the running hotline's copy."""

from __future__ import annotations

from pathlib import Path

from ivr.adapters import register_files
from ivr.adapters.store import Imported, Store
from ivr.config import Config
from ivr.core import registers
from ivr.core.errors import RegisterError
from ivr.core.marks import Marks
from ivr.core.numbers import national
from ivr.core.registers import NOBODY, Entry, Registers, Seal

SECRET = "registers.key"


async def load(config: Config, store: Store) -> Registers:
    """What the hotline knows of its callers. Raises RegisterError when the secret is lost."""
    entries = await store.register_entries()
    return Registers(_seal(config, entries), entries) if entries else NOBODY


async def peek(config: Config) -> Registers:
    """The same for a command beside the hotline: nobody when there is no database yet."""
    if not config.database.exists():
        return NOBODY
    async with await Store.open(config.database) as store:
        return await load(config, store)


async def peek_marks(config: Config, now: float) -> Marks:
    """Nuisance callers who are marked at `now`, for a command beside the hotline."""
    if not config.database.exists():
        return Marks()
    async with await Store.open(config.database) as store:
        return Marks(await store.marks(now))


async def import_file(config: Config, register: str, path: Path, *, replace: bool) -> Imported:
    """Take a CSV or XLSX file into the register: all of it, or nothing. Raises RegisterError, StoreError."""
    lines = register_files.read(path)
    async with await Store.open(config.database) as store:
        everybody = await store.register_entries()
        known = [] if replace else [entry for entry in everybody if entry.register == register]
        rows = registers.rows(register, str(path), lines, _seal(config, everybody), known)
        return await store.import_register(register, rows, replace=replace)


async def entries(config: Config, register: str) -> list[Entry]:
    """Everybody in the register, by level and name."""
    async with await Store.open(config.database) as store:
        found = [entry for entry in await store.register_entries() if entry.register == register]
    return sorted(found, key=lambda e: (registers.LEVELS.index(e.level) if e.level else 0, e.name))


async def remove(config: Config, register: str, number: str) -> None:
    """Remove the entry of a telephone number. Raises RegisterError when there is none."""
    async with await Store.open(config.database) as store:
        everybody = await store.register_entries()
        found = bool(everybody) and await store.remove_entry(register, _seal(config, everybody).number(number))
    if not found:
        raise RegisterError(f"{number}: this number ({national(number)}) is not in the register {register!r}.")


async def remove_all(config: Config, register: str) -> int:
    """Empty the register. Returns how many there were."""
    async with await Store.open(config.database) as store:
        return (await store.import_register(register, [], replace=True)).removed


def _seal(config: Config, known: list[Entry]) -> Seal:
    path = config.state.dir / SECRET
    secret = register_files.secret(path, make=not known)
    if secret is None:
        raise RegisterError(
            f"{path} is gone, and without it nobody in the registers is recognised: restore it from a backup, or empty "
            "the registers (ivr deputies remove --all, ivr elderly remove --all) and import them again."
        )
    return Seal(secret)
