"""Who stands in for a desk at which nobody is signed in: the night desk, or the mobile telephone of who is on duty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ivr.core.dialplan.queues import Queue
from ivr.core.dialplan.targets import Target


def stand_in(queues: Mapping[str, Queue], name: str, staffed: Callable[[str], bool]) -> Target | None:
    """Where the callers of a line go now; None when they stay in it.

    `staffed` tells whether anybody who serves a line is signed in. A desk that stands in may name another one for the
    same case. When there is nobody at all, callers stay where they are.
    """
    while (target := queues[name].nobody_signed_in) and not staffed(name):
        if target.queue is None or staffed(target.queue):
            return target
        name = target.queue
    return None


def circles(onward: Mapping[str, str | None]) -> Iterator[str]:
    """The lines from which one after the other leads back; `onward`: by name, to which line each leads."""
    for name in onward:
        passed, at = {name}, name
        while other := onward.get(at):
            at = other
            if at in passed:
                yield name
                break
            passed.add(at)
