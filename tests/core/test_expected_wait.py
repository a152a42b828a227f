"""The expected wait: known curves, and what censoring does."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core.dialplan.queues import Announce
from ivr.core.routing.expected_wait import Waits, still_waiting


def test_the_curve_of_remission_times_in_kaplan_and_meiers_kind_of_data() -> None:
    """6-MP arm of Freireich et al., Blood 21 (1963), the usual textbook example: + is censored."""
    remissions = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = still_waiting([(t, True) for t in remissions] + [(t, False) for t in censored])
    assert [t for t, _ in curve] == [6, 7, 10, 13, 16, 22, 23]
    shares = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert [share for _, share in curve] == pytest.approx(shares, abs=0.0006)


@given(st.lists(st.tuples(st.integers(0, 50).map(float), st.booleans())))
def test_a_curve_only_falls_and_without_censoring_it_is_the_plain_share(waits: list[tuple[float, bool]]) -> None:
    shares = [share for _, share in still_waiting(waits)]
    assert shares == sorted(shares, reverse=True) and all(-1e-9 <= share <= 1 for share in shares)
    for wait_s, share in still_waiting([(wait_s, True) for wait_s, _ in waits]):
        assert share == pytest.approx(sum(w > wait_s for w, _ in waits) / len(waits))


def test_who_gave_up_makes_it_longer_not_shorter() -> None:
    """True waits are exponential with a median of 120 s; patience has a median of 60 s."""
    dice = Random(1)
    waits, plain = Waits(), []
    for _ in range(300):
        wait_s, patience_s = dice.expovariate(math.log(2) / 120), dice.expovariate(math.log(2) / 60)
        waits.add(0.0, min(wait_s, patience_s), wait_s <= patience_s)
        plain += [wait_s] if wait_s <= patience_s else []
    found = waits.expected_s(0.0)
    assert found is not None and 90 < found < 150
    assert sorted(plain)[len(plain) // 2] < 60, "the answered ones alone would promise half of it"


def test_little_or_old_knowledge_is_none() -> None:
    waits = Waits()
    for n in range(4):
        waits.add(0.0, 30.0 + n, True)
    assert waits.expected_s(10.0) is None
    waits.add(0.0, 40.0, True)
    assert waits.expected_s(10.0) == 32.0
    assert waits.expected_s(10.0, waited_s=32.0) == 1.0
    assert waits.expected_s(10.0, waited_s=40.0) is None
    assert waits.expected_s(1801.0) is None


def test_more_than_ten_minutes() -> None:
    waits = Waits()
    for _ in range(5):
        waits.add(0.0, 700.0, True)
    assert waits.expected_s(0.0) == math.inf
    assert waits.expected_s(0.0, waited_s=200.0) == 500.0


@pytest.mark.parametrize(
    ("expected_s", "prompt"),
    [(1.0, "w_1"), (60.0, "w_1"), (61.0, "w_2"), (181.0, "w_5"), (600.0, "w_10"), (math.inf, "more"), (None, None)],
)
def test_no_less_is_promised_than_is_expected(expected_s: float | None, prompt: str | None) -> None:
    announce = Announce(next="n", ahead="a_{n}", most=1, many="m", busy="b", expected="w_{n}", expected_more="more")
    assert announce.prompt_for_wait(expected_s) == prompt
    assert Announce(next="n", ahead="a_{n}", most=1, many="m", busy="b").prompt_for_wait(expected_s) is None
