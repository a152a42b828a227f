"""Accounts of the console and tokens for programs."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import cast, get_args

from ivr.adapters.store import Account, Role, Store, Token
from ivr.adapters.web.access import hash_password, secret_hash
from ivr.config import Config
from ivr.core.errors import ConfigError

LEAST_PASSWORD = 8
MOST_PASSWORD = 256
MOST_NAME = 64


async def new_token(config: Config, name: str, role: str) -> str:
    """A bearer token for a program. Only its hash is kept. Raises ConfigError when name or role will not do."""
    checked = _role(role)
    _named(name)
    token = secrets.token_urlsafe(32)
    async with await Store.open(config.database) as store:
        await store.add_token(secret_hash(token), name, checked, time.time())
    return token


async def tokens(config: Config) -> list[Token]:
    """The tokens that hold, oldest first."""
    async with await Store.open(config.database) as store:
        return await store.tokens()


async def remove_tokens(config: Config, name: str) -> int:
    """Remove the tokens of this name, which are refused from then on. Raises ConfigError when there is none."""
    async with await Store.open(config.database) as store:
        named = [token for token in await store.tokens() if token.name == name]
        for token in named:
            await store.remove_token(token.token_hash)
    if not named:
        raise ConfigError(f"{name!r}: there is no token of this name.")
    return len(named)


async def add(config: Config, user: str, password: str, role: str, agent_id: str) -> None:
    """Add an account or replace it. Raises ConfigError when name, role, agent or password will not do."""
    checked = _role(role)
    _named(user)
    names = {agent.id: agent.name for agent in config.agent}
    if (checked == "agent" or agent_id) and agent_id not in names:
        raise ConfigError(f"{user}: there is no agent {agent_id!r} in config.toml; give one with --agent.")
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise ConfigError(f"{user}: the password must have {LEAST_PASSWORD} to {MOST_PASSWORD} characters.")
    async with await Store.open(config.database) as store:
        await store.remove_account(user)
        await store.add_account(_account(user, password, checked, agent_id, names.get(agent_id, user)))


async def remove(config: Config, user: str) -> None:
    """Remove an account and its sessions. Raises ConfigError when there is none."""
    async with await Store.open(config.database) as store:
        if await store.account(_named(user)) is None:
            raise ConfigError(f"{user}: there is no such account.")
        await store.remove_account(user)


async def demonstration(config: Config, store: Store) -> dict[str, str]:
    """Passwords by account, for trying the system: made at the first start, when there are no accounts at all.

    They lie in `<state>/demonstration.json`, readable by the owner only, and are of no use on anything but loopback.
    """
    path = config.state.dir / "demonstration.json"
    if await store.accounts():
        return _read(path)
    people: list[tuple[str, Role, str, str]] = [(agent.id, "agent", agent.id, agent.name) for agent in config.agent]
    people += [("banzhang", "supervisor", "", "班长"), ("admin", "admin", "", "管理员")]
    passwords = {user: secrets.token_hex(4) for user, *_ in people}
    for user, role, agent_id, name in people:
        await store.add_account(_account(user, passwords[user], role, agent_id, name, demonstration=True))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(passwords, file, indent=1)
    return passwords


def _read(path: Path) -> dict[str, str]:
    try:
        passwords: dict[str, str] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return passwords


def _account(user: str, password: str, role: Role, agent_id: str, name: str, *, demonstration: bool = False) -> Account:
    return Account(user, hash_password(password), role, agent_id, name, demonstration)


def _named(name: str) -> str:
    if not (0 < len(name) <= MOST_NAME and name.isprintable()):
        raise ConfigError(f"{name!r}: a name must have 1 to {MOST_NAME} characters that can be shown.")
    return name


def _role(role: str) -> Role:
    for known in get_args(Role):
        if role == known:
            return cast(Role, role)
    raise ConfigError(f"{role!r} is not a role: use one of {', '.join(get_args(Role))}.")
