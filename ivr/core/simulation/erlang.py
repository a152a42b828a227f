"""Erlang's formulas for a line without a simulator: M/M/c, callers of infinite patience.

Source: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges", Elektroteknikeren 13 (1917); in today's notation in any
textbook of queueing, as L. Kleinrock, "Queueing Systems", vol. 1 (1975).
"""

from __future__ import annotations

import math


def erlang_b(load: float, agents: int) -> float:
    """Share of calls that find all agents busy when nobody waits. `load` in erlangs: calls per second × seconds each.

    B(0) = 1, B(n) = a·B(n−1) / (n + a·B(n−1)), which stays exact where factorials overflow.
    """
    blocked = 1.0
    for n in range(1, agents + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def erlang_c(load: float, agents: int) -> float:
    """Probability that a caller must wait: C = B / (1 − ρ·(1 − B)) with ρ = load / agents; 1 when ρ ≥ 1."""
    if load >= agents:
        return 1.0
    blocked = erlang_b(load, agents)
    return blocked / (1 - load / agents * (1 - blocked))


def mean_wait_s(load: float, agents: int, held_s: float) -> float:
    """Average wait of all callers, those who do not wait included: C · held_s / (agents − load); infinite when ρ ≥ 1.

    `held_s`: seconds that a call keeps an agent, wrap-up included.
    """
    return math.inf if load >= agents else erlang_c(load, agents) * held_s / (agents - load)


def service_level(load: float, agents: int, held_s: float, within_s: float) -> float:
    """Share of callers answered within `within_s`: 1 − C · exp(−(agents − load) · within_s / held_s)."""
    if load >= agents:
        return 0.0
    return 1 - erlang_c(load, agents) * math.exp(-(agents - load) * within_s / held_s)
