"""What the queues ask for and no agent in the configuration can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ivr.core.dialplan.leader_days import LeaderDays
from ivr.core.dialplan.queues import Queues
from ivr.core.routing.standing import steps_of
from ivr.core.skills import Group, has, levels


def gaps(queues: Queues, agents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A sentence for each. `agents`: skills by work number."""
    able = {agent_id: levels(words) for agent_id, words in agents.items()}
    for name, queue in queues.queue.items():
        for n, (_, group) in enumerate(steps_of(queue)):
            where = f"queues.toml: queue.{name}" + (f".step {n}" if n else "")
            for unknown in sorted(set(group.agents) - set(able)):
                yield f"{where}: there is no agent {unknown!r} in config.toml."
            if not any(group.holds(agent_id, known) for agent_id, known in able.items()):
                yield f"{where}: no agent in config.toml has the {group}."
        for word in queue.prefer:
            if not any(has(known, word) for known in able.values()):
                yield f"queues.toml: queue.{name}: no agent in config.toml has the skill {word}, which is preferred."


def wrong_seats(days: LeaderDays | None, queues: Queues, agents: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A sentence for each seat of a leader day that is nobody's, or whose agent cannot take the leader's calls."""
    if days is None:
        return
    group = Group(queues.queue[days.queue].skill)
    for number, day in enumerate(days.day, start=1):
        for agent_id in day.seats:
            where = f"leader_days.toml: day.#{number}.seats"
            if agent_id not in agents:
                yield f"{where}: there is no agent {agent_id!r} in config.toml."
            elif not group.holds(agent_id, levels(agents[agent_id])):
                yield f"{where}: agent {agent_id} has not the {group} of queue.{days.queue}."
