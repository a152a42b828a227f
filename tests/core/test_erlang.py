"""Erlang's formulas against values that can be worked by hand."""

from __future__ import annotations

import math

import pytest

from ivr.core.simulation.erlang import erlang_b, erlang_c, mean_wait_s, service_level


def test_one_agent_is_busy_as_often_as_the_load_says() -> None:
    assert erlang_c(0.6, 1) == pytest.approx(0.6)
    assert mean_wait_s(0.6, 1, 100) == pytest.approx(0.6 * 100 / 0.4)


def test_two_agents_and_one_erlang() -> None:
    assert erlang_b(1.0, 2) == pytest.approx(1 / 5)
    assert erlang_c(1.0, 2) == pytest.approx(1 / 3)
    assert mean_wait_s(1.0, 2, 180) == pytest.approx(60)
    assert service_level(1.0, 2, 180, 0) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("load", "agents"), [(5.0, 8), (20.0, 25)])
def test_the_recursion_is_the_textbook_sum(load: float, agents: int) -> None:
    top = load**agents / math.factorial(agents) * agents / (agents - load)
    assert erlang_c(load, agents) == pytest.approx(
        top / (sum(load**n / math.factorial(n) for n in range(agents)) + top)
    )


def test_a_large_hotline_does_not_overflow() -> None:
    assert 0 < erlang_c(1600.0, 1700) < 0.1
    assert service_level(1600.0, 1700, 210, 15) > 0.99


def test_too_much_load_waits_for_ever() -> None:
    assert erlang_c(3.0, 3) == 1
    assert mean_wait_s(3.0, 3, 180) == math.inf
    assert service_level(3.0, 3, 180, 15) == 0
