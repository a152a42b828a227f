"""What an accepted plan lacks outside its own files: a way to the outside, prompts in other languages."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.core.dialplan.check import places, used_prompts
from ivr.core.dialplan.plan import Plan


def outward(plan: Plan) -> Iterator[str]:
    """A sentence for each place that needs a way to the outside. A key for callbacks is no key without one."""
    for place in places(plan.city, plan.queues, plan.hotlines, plan.leader_days):
        if place.target.transfer:
            yield f"{place.file}: {place.where}: a transfer needs outside.trunk in config.toml."
        elif place.target.callback and place.where.endswith(".overload"):
            yield f"{place.file}: {place.where}: a callback needs outside.trunk in config.toml."


def untranslated(plan: Plan) -> Iterator[tuple[str, list[str]]]:
    """Languages, and the prompts in use that they lack: callers hear the usual ones."""
    tables = (plan.city, plan.queues, plan.hotlines, plan.departments, plan.pacing, plan.leader_days)
    used = sorted({name for _, name in used_prompts(*tables)})
    for code in plan.city.language:
        if lacking := [name for name in used if plan.spoken(name, code) == name]:
            yield code, lacking
