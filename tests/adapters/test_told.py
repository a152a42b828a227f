"""The log of what the dialplan told: what is read of it, and what is not told again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.adapters.agi.told import events, untold
from ivr.adapters.store import Store
from ivr.core.call_states import begin, evolve
from ivr.core.events import (
    AgentAnswered,
    AgentHungUp,
    AgentMoved,
    CallEnded,
    CallerHungUp,
    CallFellBack,
    CallUnattended,
    Event,
    FallbackAnswered,
    LegAnswered,
    LegEnded,
    RingEnded,
    RoomLeft,
)

A, B = "1763900000.1", "1763900000.2"
LOG = f"""1763899000|NONE|NONE|NONE|QUEUESTART|
1763900001|{A}|hotline|NONE|RingEnded|1763900001.500|{A}/1|BUSY|17
1763900002|{A}|hotline|NONE|Answered|1763900002.500|{A}/2|16000|
1763900003|{A}|hotline|NONE|AgentHungUp|1763900003.500|{A}/2||
1763900004|{A}|hotline|NONE|FellBack|1763900004.250||13800138001|12345
1763900007|{A}|fallback|NONE|ENTERQUEUE||13800138001|1
1763900009|{A}|fallback|8002|RINGNOANSWER|15000
1763900011|{A}|hotline|NONE|Taken|1763900011.000|8002||
1763900011|{A}|fallback|8002|CONNECT|4|1763900007.3|3
1763900020|{A}|fallback|8002|COMPLETECALLER|4|9|1
1763900020|{A}|hotline|NONE|Gone|1763900020.125||13800138001|12345
1763900004|{B}|hotline|NONE|Gone|1763900004.000||anonymous|12345
"""
OF_A: list[Event] = [
    RingEnded(1763900001.5, A, f"{A}/1", "busy"),
    AgentAnswered(1763900002.5, A, f"{A}/2", 16000),
    AgentHungUp(1763900003.5, A, f"{A}/2"),
    CallFellBack(1763900004.25, A, "13800138001", "12345"),
    FallbackAnswered(1763900011.0, A, "8002"),
    CallUnattended(1763900000.0, A, "13800138001", "12345"),
    CallerHungUp(1763900020.125, A),
]
OF_B: list[Event] = [CallUnattended(1763900000.0, B, "", "12345"), CallerHungUp(1763900004.0, B)]
ROOM = f"""1763900001|{A}|hotline|NONE|AgentMoved|1763900001.0|{A}/1||
1763900002|{A}|hotline|NONE|LegAnswered|1763900002.0|{A}/t1||
1763900003|{A}|hotline|NONE|AgentLeft|1763900003.0|{A}/1||
1763900004|{A}|hotline|NONE|LegEnded|1763900004.0|{A}/t1|ANSWER|
1763900005|{A}|hotline|NONE|RoomLeft|1763900005.0|||
"""


def told(log: str) -> list[Event]:
    return [event for line in log.splitlines(keepends=True) for _, event in events(line)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "hotline.db")
    yield opened
    await opened.close()


def test_each_line_is_what_it_says() -> None:
    assert told(LOG) == [*OF_A, *OF_B]
    assert told(ROOM) == [
        AgentMoved(1763900001.0, A, f"{A}/1"),
        LegAnswered(1763900002.0, A, f"{A}/t1"),
        AgentHungUp(1763900003.0, A, f"{A}/1"),
        LegEnded(1763900004.0, A, f"{A}/t1", "hung_up"),
        RoomLeft(1763900005.0, A),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "", "\n", "|\n", "x|y\n", f"17|{A}|hotline\n", f"17|{A}|hotline|NONE|Gone\n",
        f"17|{A}|hotline|NONE|Gone|²|||\n",
        "17||hotline|NONE|Gone|17.5|||\n", f"17|{A}|q|NONE|Gone|17.5|||\n", f"17|{A}|hotline|NONE|Gone|17.5||138|12",
        f"17|{A}|hotline|NONE|RingEnded|17.5||BUSY|\n", f"17|{A}|hotline|NONE|Sung|17.5|||\n",
    ],
)  # fmt: skip
def test_what_is_no_such_line_or_is_cut_off_means_nothing(line: str) -> None:
    assert not told(line)


async def test_what_is_booked_is_not_told_again(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "told"
    assert await untold(tmp_path, store) == []
    log.write_text(LOG)
    assert await untold(tmp_path, store) == [], (
        "of a time before the journal nothing is known, and nobody is called back"
    )
    known = CallUnattended(1763890000.0, "1763890000.1", "", "12345")
    await store.append([known], [begin(known)])
    assert await untold(tmp_path, store) == [*OF_A, *OF_B]
    fell = CallFellBack(1763900004.0, A, "13800138001", "12345")
    call = begin(fell)  # it is known, and not over
    await store.append([fell], [call])
    assert await untold(tmp_path, store) == [*OF_A, *OF_B]
    ended = CallEnded(1763900020.0, A, "fell_back")
    await store.append([ended], [evolve(call, ended)])
    assert await untold(tmp_path, store) == OF_B
    late = CallUnattended(1763900004.0 + 90000, "1763990000.1", "", "12345")
    await store.append([late], [begin(late)])
    assert await untold(tmp_path, store) == [], "what is older than a day is let be"
