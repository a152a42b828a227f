"""What citizens often do, from the first ring to the end of their call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.sipp import calling
from tests.e2e.system import Hotline, Person


async def gives_up_in_the_line(up: Hotline, supervisor: Person, folder: Path, ani: str) -> Any:
    """Waits in the general line and hangs up there. Returns the call."""
    async with calling(up.sip_port, folder, ani=ani) as citizen:
        await citizen.pass_the_menu()
        await supervisor.call_that(lambda c: c["ani"] == ani and c["stage"] == "waiting")
        await citizen.hang_up()
    return await supervisor.call_that(lambda c: c["ani"] == ani and c["outcome"] == "abandoned")


async def asks_to_be_called_back(up: Hotline, supervisor: Person, folder: Path, ani: str) -> Any:
    """Presses 1 in the general line as soon as that is offered. Returns the call."""
    async with calling(up.sip_port, folder, ani=ani) as citizen:
        await citizen.pass_the_menu()
        await supervisor.call_that(_is_offered_a_callback)
        await citizen.rtp.heard_for(0.5)
        citizen.press("1")
        await citizen.ended()
    return await supervisor.call_that(lambda c: c["outcome"] == "callback_asked")


def _is_offered_a_callback(call: Any) -> bool:
    return any(e["kind"] == "StepStarted" and e["fields"]["name"] == "announcement" for e in call["timeline"])
