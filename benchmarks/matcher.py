"""How long one decision of the matcher takes: many agents, many waiting.

    .venv/bin/python -m benchmarks.matcher --agents 2000 --waiting 500

A decision is what one event costs: an agent becomes free (or a caller joins), the pair is found with its reasons, both
are taken out. Half of the agents are free, but lack the skill that the waiting need, so that nobody leads to a pair at
first sight. `routing.match`, the specification, is measured beside it on the same state.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from dataclasses import dataclass

from ivr.core import routing
from ivr.core.agents import Agent, Profile, Status
from ivr.core.calls import Call, Stage
from ivr.core.line import Line
from ivr.core.queues import Queue

QUEUES = {
    "general": Queue(name="综合席", skill="general"),
    "enterprise": Queue(name="政企通", skill="enterprise", priority=5),
    "deputies": Queue(name="人大代表专席", skill="deputies", priority=10),
}


@dataclass
class Hall:
    """The state that a decision meets."""

    line: Line
    calls: dict[str, Call]
    agents: dict[str, Agent]

    def join(self, call_id: str, queue: str, at: float) -> None:
        self.calls[call_id] = Call(call_id, "", "", "", 8000, at, stage=Stage.WAITING, queue=queue, queued_at=at)
        self.line.join(call_id, queue, at)


def hall(agents: int, waiting: int, rng: random.Random) -> Hall:
    """`waiting` callers for the general and deputies' skills; every other agent is free for enterprise only."""
    made = Hall(Line(QUEUES), {}, {})
    for n in range(agents):
        idle, free = rng.uniform(0, 3600), n % 2 == 0
        skills = frozenset({"enterprise"} if free else {"general", "deputies"})
        status = Status.READY if free else Status.TALKING
        made.agents[f"A{n:05}"] = Agent(Profile(f"A{n:05}", "", skills), status, idle, idle, phone_reached=True)
        if free:
            made.line.free(f"A{n:05}", skills, idle)
    for n in range(waiting):
        made.join(f"C{n:05}", rng.choice(("general", "general", "general", "deputies")), rng.uniform(3000, 3600))
    return made


def decisions(made: Hall, count: int, rng: random.Random) -> list[float]:
    """Seconds of each decision of `Line`; somebody new joins after each, so that the state stays as large."""
    took = []
    for n in range(count):
        now = 3600.0 + n
        agent = f"A{rng.randrange(len(made.agents) // 2) * 2 + 1:05}"
        begun = time.perf_counter()
        made.line.free(agent, ("general", "deputies"), now)
        found = made.line.next_match(now)
        assert found
        made.line.leave(found.call_id)
        made.line.busy(found.agent_id)
        took.append(time.perf_counter() - begun)
        del made.calls[found.call_id]
        made.join(f"D{n:07}", "general", now)
    return took


def specified(made: Hall, count: int) -> list[float]:
    """Seconds of `routing.match` on the same state."""
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        routing.match(made.calls.values(), made.agents.values(), QUEUES, 4000.0)
        took.append(time.perf_counter() - begun)
    return took


def show(name: str, took: list[float]) -> None:
    took.sort()
    p50, p99 = (took[int(len(took) * share)] * 1000 for share in (0.5, 0.99))
    print(f"{name:16} {len(took):7} decisions   p50 {p50:8.4f} ms   p99 {p99:8.4f} ms   max {took[-1] * 1000:8.4f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description="One decision of the matcher.")
    parser.add_argument("--agents", type=int, default=2000)
    parser.add_argument("--waiting", type=int, default=500)
    parser.add_argument("--decisions", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    made = hall(given.agents, given.waiting, rng)
    print(f"{given.agents} agents, {given.waiting} waiting; Python {platform.python_version()}, {platform.machine()}")
    show("Line", decisions(made, given.decisions, rng))
    show("routing.match", specified(made, 50))


if __name__ == "__main__":
    main()
