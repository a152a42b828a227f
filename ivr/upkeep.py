"""The work that goes on all the time beside the calls: links, Asterisk, and files that may change."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from ivr import plans
from ivr.adapters import models
from ivr.adapters.agi import beat, begin_anew, untold
from ivr.core.errors import AmiError, HotlineError, PbxError, StoreError
from ivr.core.events import CallerHungUp
from ivr.hotline import Hotline

log = structlog.get_logger()

Say = Callable[[str], None]
LOCK = "controller.lock"
RESTART_S = 2.0
HEARTBEAT_S = 1.0
PLAN_S = 2.0
TIDY_S = 600.0


async def survey(hotline: Hotline) -> None:
    """After every new link, ask Asterisk what is up; in between, look after its logs."""
    while True:
        if not await _new_link(hotline):
            continue
        hotline.link_up.clear()
        try:
            await beat(hotline.ami)
            await _catch_up(hotline)
            await hotline.channels.survey()
            hotline.surveyed = True
            hotline.web.publish()
        except AmiError as error:
            # A link that broke meanwhile comes back, and with it the next survey.
            log.warning("survey.failed", sentence=str(error))
            if hotline.ami.up:
                hotline.link_up.set()
                await asyncio.sleep(1)


async def _new_link(hotline: Hotline) -> bool:
    """False when there was none for a while, and the logs were looked after."""
    try:
        async with asyncio.timeout(TIDY_S):
            return await hotline.link_up.wait()
    except TimeoutError:
        with suppress(AmiError):
            await begin_anew(hotline.ami, hotline.asterisk_logs, time.time())
        return False


async def _catch_up(hotline: Hotline) -> None:
    """Book what happened while no controller was there."""
    try:
        await hotline.switchboard.recount(await untold(hotline.asterisk_logs, hotline.store))
    except StoreError as error:
        log.error("told.not_read", sentence=str(error))
    if not hotline.pbx.adopted:  # then nobody is on the line any more, but who came since
        await hotline.switchboard.recount([CallerHungUp(hotline.alive_at, call_id) for call_id in hotline.restored])
    hotline.restored = set()


async def heartbeat(hotline: Hotline) -> None:
    """Tell the dialplan, and the next controller, every second that one is there."""
    while True:
        if hotline.ami.up:
            with suppress(AmiError):
                await beat(hotline.ami)
        with suppress(OSError):
            await asyncio.to_thread(os.utime, hotline.config.state.dir / LOCK)
        await asyncio.sleep(HEARTBEAT_S)


async def watch_pbx(hotline: Hotline) -> None:
    """Start Asterisk again whenever it dies."""
    while True:
        await hotline.pbx.died()
        log.error("asterisk.died", pid=hotline.pbx.pid)
        while True:
            try:
                await hotline.pbx.start()
                break
            except PbxError as error:
                log.error("asterisk.not_started", sentence=str(error))
            await asyncio.sleep(RESTART_S)


async def watch_plan(hotline: Hotline) -> None:
    """Take a changed plan for the callers to come; a bad one is refused, and the old one stays."""
    files = (hotline.root, hotline.config.city.language)
    seen = await asyncio.to_thread(plans.stamp, *files)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(PLAN_S):
                await hotline.reload.wait()
        now = await asyncio.to_thread(plans.stamp, *files)
        if now == seen and not hotline.reload.is_set():
            continue
        seen = now
        hotline.reload.clear()
        await hotline.read_plan()
        hotline.web.publish()


async def watch_registers(hotline: Hotline) -> None:
    """Take registers that a command has changed, for the callers to come."""
    while True:
        await asyncio.sleep(PLAN_S)
        try:
            if await hotline.store.registers_changed_at() != hotline.registers_at or hotline.registers_problem:
                await hotline.load_registers()
                hotline.web.publish()
        except StoreError as error:
            log.error("registers.not_read", sentence=str(error))


async def fetch_model(hotline: Hotline, say: Say) -> None:
    """Fetch the speech model once, when there is none."""
    config = hotline.config
    if not config.speech.fetch or config.speech.model or models.installed(config.models):
        return
    say(f"Fetching the speech model {models.DEFAULT} …")
    try:
        await models.install(config.models)
    except HotlineError as error:
        say(str(error))
    hotline.web.publish()
