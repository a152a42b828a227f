"""Reads `dialplans/*.toml` and the prompts, and gives a checked plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ivr.adapters import prompts
from ivr.adapters.prompts import Prompt
from ivr.core import dialplan, toml
from ivr.core.dialplan import Plan
from ivr.core.errors import DialplanError
from ivr.core.routing import staffing

OPTIONAL = ("departments.toml", "leader_days.toml", "limits.toml")
FILES = ("city.toml", "queues.toml", "hotlines.toml", *OPTIONAL)


def stamp(root: Path, language: str) -> tuple[int, ...]:
    """Changes whenever one of the files does that the city edits. A file that cannot be looked at counts as 0."""
    folders = [root / "prompts" / language, *prompts.others(root / "prompts", language)]
    files = (*(root / "dialplans" / name for name in FILES), *(folder / "manifest.json" for folder in folders))
    return tuple(_changed_at(file) for file in files)


def texts(root: Path, language: str) -> dict[str, str]:
    """What each prompt says, by its name in `Plan.durations`."""
    return {name: prompt.text for name, prompt in _prompts(root / "prompts", language).items()}


def load(root: Path, language: str, agents: Mapping[str, Sequence[str]] | None = None) -> Plan:
    """The plan below `root` (dialplans/ and prompts/). `language` is the usual one; others can be chosen.

    `agents`: skills by work number; with them the seats of leader days are checked too.

    Raises DialplanError or PromptError with one sentence per mistake.
    """
    tables = {name: _table(root / "dialplans" / name, needed=name not in OPTIONAL) for name in FILES}
    durations = {name: prompt.duration_s for name, prompt in _prompts(root / "prompts", language).items()}
    plan = dialplan.parse(
        tables["city.toml"],
        tables["queues.toml"],
        durations,
        tables["departments.toml"],
        tables["leader_days.toml"],
        tables["hotlines.toml"],
        tables["limits.toml"],
    )
    if agents is not None and (wrong := list(staffing.wrong_seats(plan.leader_days, plan.queues, agents))):
        raise DialplanError("\n".join(wrong))
    return plan


def _prompts(folder: Path, language: str) -> dict[str, Prompt]:
    """Those of the usual language by their names, those of the others as `<language>/<name>`."""
    found = prompts.load(folder / language)
    for other in prompts.others(folder, language):
        found |= {f"{other.name}/{name}": prompt for name, prompt in prompts.load(other).items()}
    return found


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _table(path: Path, *, needed: bool) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if not needed:
            return {}
        raise DialplanError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise DialplanError(f"{path}: not readable: {error.strerror}.") from None
    return toml.parse(str(path), content, DialplanError)
