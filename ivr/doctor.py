"""What is missing on this machine, and the command that mends it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ivr import plans
from ivr.adapters import models, pbx
from ivr.config import Config
from ivr.core.errors import HotlineError

ROOM_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `needed`: nothing works without it."""

    ok: bool
    needed: bool
    sentence: str


def examine(config: Config, root: Path) -> list[Finding]:
    """Look at everything `ivr run` needs. Changes nothing."""
    findings = [Finding(True, True, f"Python {sys.version.split()[0]}.")]
    lacking = pbx.missing(config)
    findings += [Finding(False, True, f"{what} is missing: {command}") for what, command in lacking]
    if not lacking:
        findings.append(Finding(True, True, "Asterisk is there, or can be unpacked."))
    findings.append(_plan(config, root))
    findings.append(_model(config))
    findings.append(_ears(config, root))
    built = (root / "agent_console/dist/index.html").is_file()
    findings.append(Finding(built, False, "The console is built." if built else "The console is not built: make setup"))
    free = shutil.disk_usage(next(f for f in (config.state.dir, *config.state.dir.parents) if f.exists())).free
    roomy = free >= ROOM_BYTES
    findings.append(
        Finding(
            roomy, False, f"{free / 1024**3:.0f} GB free below {config.state.dir}{'.' if roomy else ': too little.'}"
        )
    )
    return findings


def _plan(config: Config, root: Path) -> Finding:
    try:
        plan = plans.load(root, config.city.language, config.skills)
    except HotlineError as error:
        return Finding(False, True, str(error))
    return Finding(True, True, f"{len(plan.city.menu)} menus, {len(plan.queues.queue)} queues, all prompts.")


def _model(config: Config) -> Finding:
    try:
        model = models.find_model(config)
    except HotlineError as error:
        return Finding(False, False, str(error))
    if model is None:
        return Finding(False, False, "There is no speech model, so no notes are written yet: ivr models install")
    return Finding(True, False, f"Speech model {model.name}.")


def _ears(config: Config, root: Path) -> Finding:
    try:
        words = plans.load(root, config.city.language, config.skills).city.emergency
        model = models.find_model(config)
    except HotlineError:
        return Finding(False, False, "Emergency words are not listened for: see above.")
    if words is None or not config.speech.live_at_most:
        lacks = "city.toml has no [emergency]" if words is None else "speech.live_at_most is 0"
        return Finding(True, False, f"Emergency words are not listened for: {lacks}.")
    if model is None:
        return Finding(False, False, "Emergency words are not listened for: there is no speech model.")
    return Finding(True, False, f"{config.speech.live_at_most} callers at once are listened to for emergency words.")
