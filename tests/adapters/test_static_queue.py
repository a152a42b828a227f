"""Asterisk's log of the static queue: what is read of it, and what is not told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.adapters.static_queue import events, untold
from ivr.adapters.store import Store
from ivr.core.calls import begin, evolve
from ivr.core.events import CallEnded, CallerHungUp, CallFellBack, CallUnattended, FallbackAnswered

A, B = "1763900000.1", "1763900000.2"
LOG = f"""1763899000|NONE|NONE|NONE|QUEUESTART|
1763900004|{A}|fallback|NONE|FELLBACK|13800138001|12345
1763900007|{A}|fallback|NONE|ENTERQUEUE||13800138001|1
1763900009|{A}|fallback|8002|RINGNOANSWER|15000
1763900011|{A}|fallback|8002|CONNECT|4|1763900007.3|3
1763900020|{A}|fallback|8002|COMPLETECALLER|4|9|1
1763900020|{A}|fallback|NONE|GONE|
1763900004|{B}|fallback|NONE|UNATTENDED|anonymous|12345
"""
OF_A = [
    CallFellBack(1763900004.0, A, "13800138001", "12345"),
    FallbackAnswered(1763900011.0, A, "8002"),
    CallerHungUp(1763900020.0, A),
]
OF_B = [CallUnattended(1763900000.0, B, "", "12345"), CallerHungUp(1763900004.0, B)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "hotline.db")
    yield opened
    await opened.close()


def test_each_line_is_what_it_says() -> None:
    assert [event for line in LOG.splitlines() for event in events(line)] == [*OF_A, *OF_B]


@pytest.mark.parametrize(
    "line", ["", "\n", "|", "x|y", "17|", f"17|{A}", f"17|{A}|fallback|NONE", f"-1|{A}|q|a|GONE", "²|x|q|a|GONE"]
)
def test_what_is_no_such_line_means_nothing(line: str) -> None:
    assert not list(events(line))


async def test_what_is_booked_is_not_told_again(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "static_queue"
    assert await untold(log, store) == []
    log.write_text(LOG)
    assert await untold(log, store) == [], "of a time before the journal nothing is known, and nobody is called back"
    known = CallUnattended(1763890000.0, "1763890000.1", "", "12345")
    await store.append([known], [begin(known)])
    assert await untold(log, store) == [*OF_A, *OF_B]
    call = begin(OF_A[0])  # it is known, and not over
    await store.append([OF_A[0]], [call])
    assert await untold(log, store) == [*OF_A, *OF_B]
    ended = CallEnded(1763900020.0, A, "fell_back")
    await store.append([ended], [evolve(call, ended)])
    assert await untold(log, store) == OF_B
    late = CallUnattended(1763900004.0 + 90000, "1763990000.1", "", "12345")
    await store.append([late], [begin(late)])
    assert await untold(log, store) == [], "what is older than a day is let be"
