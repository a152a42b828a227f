"""Who may sign in: accounts, the sessions of browsers, the tokens of programs. Secrets come here as hashes only."""

from __future__ import annotations

from dataclasses import asdict

from sqlite_utils import Database as Connection

from ivr.adapters.store import tables
from ivr.adapters.store.database import Database
from ivr.adapters.store.tables import Account, Role, Token
from ivr.core.errors import StoreError


class Accounts(Database):
    """Part of `Store`."""

    async def add_account(self, account: Account) -> None:
        """Raises StoreError when there is one of that name."""

        def add(db: Connection) -> None:
            if db.execute("select 1 from accounts where user = ?", [account.user]).fetchone():
                raise StoreError(f"{self.path}: there is already an account {account.user!r}.")
            db.table("accounts").insert(asdict(account))

        await self.write(add)

    async def account(self, user: str) -> Account | None:
        return next(iter(await self.rows(tables.account_row, "select * from accounts where user = ?", user)), None)

    async def accounts(self) -> list[Account]:
        return await self.rows(tables.account_row, "select * from accounts order by user")

    async def remove_account(self, user: str) -> None:
        """And its sessions."""

        def remove(db: Connection) -> None:
            db.execute("delete from sessions where user = ?", [user])
            db.execute("delete from accounts where user = ?", [user])

        await self.write(remove)

    async def add_session(self, token_hash: str, user: str, expires_at: float) -> None:
        row = {"token_hash": token_hash, "user": user, "expires_at": expires_at}
        await self.write(lambda db: db.table("sessions").insert(row))

    async def session(self, token_hash: str, now: float) -> str | None:
        """Whose session it is; None when there is none or it has expired."""
        sql = "select user from sessions where token_hash = ? and expires_at > ?"
        return next(iter(await self.rows(lambda row: str(row["user"]), sql, token_hash, now)), None)

    async def remove_session(self, token_hash: str) -> None:
        await self.write(lambda db: db.execute("delete from sessions where token_hash = ?", [token_hash]))

    async def remove_expired(self, now: float) -> None:
        """Remove the sessions that have expired."""
        await self.write(lambda db: db.execute("delete from sessions where expires_at <= ?", [now]))

    async def add_token(self, token_hash: str, name: str, role: Role, created_at: float) -> None:
        row = {"token_hash": token_hash, "name": name, "role": role, "created_at": created_at}
        await self.write(lambda db: db.table("api_tokens").insert(row))

    async def token(self, token_hash: str) -> Token | None:
        sql = "select * from api_tokens where token_hash = ?"
        return next(iter(await self.rows(tables.token_row, sql, token_hash)), None)

    async def tokens(self) -> list[Token]:
        return await self.rows(tables.token_row, "select * from api_tokens order by created_at")

    async def remove_token(self, token_hash: str) -> None:
        await self.write(lambda db: db.execute("delete from api_tokens where token_hash = ?", [token_hash]))
