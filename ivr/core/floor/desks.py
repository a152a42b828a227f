"""Who serves a line now: the desk itself, or the one that stands in for it."""

from __future__ import annotations

from ivr.core.dialplan import Plan
from ivr.core.dialplan.stand_in import stand_in
from ivr.core.dialplan.targets import Target
from ivr.core.routing.line import Line
from ivr.core.routing.standing import priority_kept


def standing_in(plan: Plan, line: Line, name: str, seats: tuple[str, ...], now: float) -> Target | None:
    """Where callers of this line go now instead; None when somebody serves it, or nobody anywhere.

    `seats`: the only agents of the desk who may take these callers; () for all of them.
    """

    def lacks(queue: str) -> bool:
        has_rule = plan.queues.queue[queue].nobody_signed_in is not None
        return not line.staffed(queue, seats if queue == name else (), later=not has_rule)

    return stand_in(plan.queues.queue, name, lacks, lambda queue: plan.usual_stand_in(queue, now))


def line_of(plan: Plan, line: Line, queue: str, language: str, now: float) -> tuple[str, int | None]:
    """In which line a task of this queue waits, that of the desk which stands in, and the priority it brings there.

    Who has chosen a language is on no line now, and is not called by people who do not speak it.
    """
    queue = queue if queue in plan.queues.queue else plan.line_for(plan.default_queue(now), language)
    chosen = plan.city.language.get(language)
    desk = standing_in(plan, line, queue, (), now)
    if desk is None or desk.queue is None or (chosen and queue in chosen.queue.values()):
        return queue, None
    return desk.queue, priority_kept(plan.queues.queue, queue, None)
