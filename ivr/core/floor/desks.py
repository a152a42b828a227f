"""Who serves a line now: the desk itself, or the one that stands in for it."""

from __future__ import annotations

from ivr.core.dialplan import Plan
from ivr.core.dialplan.stand_in import stand_in
from ivr.core.dialplan.targets import Target
from ivr.core.routing.line import Line


def standing_in(plan: Plan, line: Line, name: str, seats: tuple[str, ...], now: float) -> Target | None:
    """Where callers of this line go now instead; None when somebody serves it, or nobody anywhere.

    `seats`: the only agents of the desk who may take these callers; () for all of them.
    """

    def lacks(queue: str) -> bool:
        has_rule = plan.queues.queue[queue].nobody_signed_in is not None
        return not line.staffed(queue, seats if queue == name else (), later=not has_rule)

    return stand_in(plan.queues.queue, name, lacks, lambda queue: plan.usual_stand_in(queue, now))
