"""Who stands in for a desk where nobody is: the night desk, the duty mobile, or the default line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ivr.core.dialplan.queues import Queue
from ivr.core.dialplan.targets import Target


def stand_in(
    queues: Mapping[str, Queue], name: str, lacks: Callable[[str], bool], usual: Callable[[str], Target]
) -> Target | None:
    """Where the callers of a line go now; None when they stay in it.

    `lacks` tells whether nobody serves a line; `usual`, where its callers then go when it has no rule of its own. A
    desk that stands in may name another one for the same case. When nobody is anywhere, callers stay where they are.
    """
    passed: set[str] = set()
    while name not in passed and lacks(name):
        passed.add(name)
        target = queues[name].nobody_signed_in or usual(name)
        if target.queue is None or not lacks(target.queue):
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
