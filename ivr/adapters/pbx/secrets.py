"""Passwords that nobody types: made once, kept in `<state>/secrets.json`, readable by the owner only."""

from __future__ import annotations

import json
import os
import secrets as random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ivr.core.errors import PbxError

CITIZEN = "citizen"
"""Endpoint of the citizen's web phone."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """AMI passwords by account (`controller`, `watcher`), SIP passwords by agent id or `citizen`."""

    ami: dict[str, str]
    phones: dict[str, str]

    def ami_secret(self, account: str = "controller") -> str:
        return self.ami[account]

    def phone_secret(self, agent_id: str) -> str:
        """Password of the agent's endpoints `<id>` (browser) and `<id>-sip` (softphone)."""
        return self.phones[agent_id]


def keep(path: Path, agent_ids: Iterable[str]) -> Secrets:
    """Read the secrets, make those that are missing, and write them back when any was."""
    try:
        table = json.loads(path.read_text("utf-8"))
        known = Secrets(dict(table["ami"]), dict(table["phones"]))
    except FileNotFoundError:
        known = Secrets({}, {})
    except (ValueError, KeyError, TypeError):
        raise PbxError(f"{path} is not readable; remove it, and new passwords are made.") from None
    ami = {name: known.ami.get(name) or random.token_urlsafe(24) for name in ("controller", "watcher")}
    phones = {name: known.phones.get(name) or random.token_urlsafe(18) for name in (CITIZEN, *agent_ids)}
    complete = Secrets(ami, {**known.phones, **phones})
    if complete != known:
        _write(path, complete)
    return complete


def _write(path: Path, secrets: Secrets) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"ami": secrets.ami, "phones": secrets.phones}, file, indent=1)
    fresh.replace(path)
