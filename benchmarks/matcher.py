"""How long one decision of the matcher takes: many agents, many waiting.

    .venv/bin/python -m benchmarks.matcher --agents 2000 --waiting 500

A decision is what one event costs: an agent becomes free (or a caller joins), the pair is found with its reasons, both
are taken out. Half of the agents are free, but lack the skill that the waiting need, so that nobody leads to a pair at
first sight. Queues have levels, preferences and timed steps; some callers are known to an agent. `routing.match`, the
specification, is measured beside it on the same state. On a machine that others use too, the clock also counts the
time that they take away; the processor time does not.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from dataclasses import dataclass

from ivr.core import routing
from ivr.core.agents import Agent, Profile, Status
from ivr.core.dialplan.queues import Order, Queue, Step
from ivr.core.routing.line import Line
from ivr.core.routing.standing import Waiter

QUEUES = {
    "general": Queue(name="综合席", skill="general", prefer=["dialect"]),
    "enterprise": Queue(name="政企通", skill="enterprise:2", priority=5, step=[Step(after_s=20, skill="general")]),
    "deputies": Queue(name="人大代表专席", skill="deputies", priority=10, step=[Step(after_s=20, skill="general:2")]),
}
ORDER = Order()


@dataclass
class Hall:
    """The state that a decision meets."""

    line: Line
    waiting: dict[str, Waiter]
    agents: dict[str, Agent]

    def join(self, call_id: str, queue: str, at: float, known: str = "") -> None:
        self.waiting[call_id] = Waiter(call_id, queue, at, known=known)
        self.line.join(call_id, queue, at, known=known)


def hall(agents: int, waiting: int, rng: random.Random) -> Hall:
    """`waiting` callers whom general agents may take; every other agent is free, but has `enterprise` only."""
    made = Hall(Line(QUEUES, ORDER), {}, {})
    for n in range(agents):
        idle, free = rng.uniform(0, 3600), n % 2 == 0
        skills = frozenset({"enterprise"} if free else {"general:2", "dialect"} if n % 3 else {"general:2"})
        status = Status.READY if free else Status.TALKING
        made.agents[f"A{n:05}"] = Agent(Profile(f"A{n:05}", "", skills), status, idle, idle, phone_reached=True)
        made.line.sign_in(f"A{n:05}", skills)
        if free:
            made.line.free(f"A{n:05}", idle)
    for n in range(waiting):
        known = f"A{rng.randrange(agents):05}" if n % 10 == 0 else ""
        made.join(f"C{n:05}", rng.choice(("general", "general", "general", *QUEUES)), rng.uniform(3000, 3600), known)
    made.line.next_match(3600.0)
    return made


def decisions(made: Hall, count: int, rng: random.Random) -> tuple[list[float], list[float]]:
    """Seconds of each decision of `Line`, by the clock and of the processor.

    Somebody new joins after each, so that the state stays as large.
    """
    took, worked = [], []
    for n in range(count):
        now = 3600.0 + n
        agent = f"A{rng.randrange(len(made.agents) // 2) * 2 + 1:05}"
        begun, begun_work = time.perf_counter(), time.thread_time()
        made.line.free(agent, now)
        found = made.line.next_match(now)
        assert found
        made.line.leave(found.call_id)
        made.line.busy(found.agent_id)
        took.append(time.perf_counter() - begun)
        worked.append(time.thread_time() - begun_work)
        del made.waiting[found.call_id]
        made.join(f"D{n:07}", rng.choice(("general", "general", "general", *QUEUES)), now)
    return took, worked


def specified(made: Hall, count: int) -> list[float]:
    """Seconds of `routing.match` on the same state."""
    took = []
    for _ in range(count):
        begun = time.perf_counter()
        routing.match(made.waiting.values(), made.agents.values(), QUEUES, 4000.0, ORDER)
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
    took, worked = decisions(made, given.decisions, rng)
    show("Line", took)
    show("  processor only", worked)
    show("routing.match", specified(made, 5))


if __name__ == "__main__":
    main()
