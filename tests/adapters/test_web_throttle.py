"""Wrong passwords slow down whoever sends them, and hardly anybody else."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ivr.adapters.web.throttle import LONGEST_WAIT_S, Throttle

HOME = "10.0.0.5"
ELSEWHERE = "203.0.113.7"


def guess(throttle: Throttle, user: str, address: str, now: float) -> float:
    """Wait as told, then send a wrong password. Returns the time at which it was looked at."""
    wait = throttle.attempt(user, address, now)
    if wait:
        now += wait
        assert throttle.attempt(user, address, now) == 0
    return now


def test_the_delay_grows_to_a_minute_and_no_further() -> None:
    throttle = Throttle()
    now, looked_at = 1000.0, []
    for _ in range(12):
        now = guess(throttle, "8001", HOME, now)
        looked_at.append(now)
    gaps = [after - before for before, after in pairwise(looked_at)]
    assert gaps == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_another_account_of_the_same_address_is_not_delayed_at_once() -> None:
    throttle = Throttle()
    for _ in range(3):
        throttle.attempt("8001", HOME, 0)
    assert throttle.attempt("8001", HOME, 0) > 0
    assert throttle.attempt("8002", HOME, 0) == 0


def test_one_address_that_tries_many_accounts_is_delayed() -> None:
    throttle = Throttle()
    waits = [throttle.attempt(f"user{n}", ELSEWHERE, 0) for n in range(30)]
    assert waits[:10] == [0] * 10
    assert all(waits[10:])
    assert throttle.attempt("user99", HOME, 0) == 0


def test_a_thousand_attempts_at_one_moment_are_not_all_looked_at() -> None:
    throttle = Throttle()
    assert [throttle.attempt("8001", HOME, 0) for _ in range(1000)].count(0) == 3


def test_an_agent_at_the_usual_desk_is_not_kept_out_by_a_stranger() -> None:
    throttle = Throttle()
    throttle.attempt("8001", HOME, 0)
    throttle.succeeded("8001", HOME)
    now = 1.0
    for n in range(20):
        now = guess(throttle, "8001", f"203.0.113.{n}", now)
    assert throttle.attempt("8001", "203.0.113.99", now) > 0
    assert throttle.attempt("8001", HOME, now) == 0


def test_the_right_password_forgives_but_not_the_address_that_tries_others() -> None:
    throttle = Throttle()
    for n in range(9):
        throttle.attempt(f"user{n}", ELSEWHERE, 0)
    throttle.attempt("own", ELSEWHERE, 0)
    throttle.succeeded("own", ELSEWHERE)
    assert throttle.attempt("user10", ELSEWHERE, 0) == 0
    assert throttle.attempt("user11", ELSEWHERE, 0) > 0


def test_a_quarter_of_an_hour_forgives() -> None:
    throttle = Throttle()
    for _ in range(3):
        throttle.attempt("8001", HOME, 0)
    assert throttle.attempt("8001", HOME, 901) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.floats(0, 120), st.booleans())))
def test_nobody_ever_waits_more_than_a_minute(story: list[tuple[str, str, float, bool]]) -> None:
    throttle = Throttle()
    now = 0.0
    for user, address, pause, right in story:
        now += pause
        wait = throttle.attempt(user, address, now)
        assert 0 <= wait <= LONGEST_WAIT_S
        if right and wait == 0:
            throttle.succeeded(user, address)
