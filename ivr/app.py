"""Starts all parts of the hotline, and stops them in order."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import structlog

from ivr import accounts, upkeep
from ivr.adapters import pbx
from ivr.adapters.agi import TOLD
from ivr.adapters.store import Store
from ivr.config import Config
from ivr.core.errors import HotlineError
from ivr.hotline import Hotline
from ivr.upkeep import LOCK, Say

log = structlog.get_logger()

CLOSE_S = 5.0
"""How long the end of the calls may take when the hotline is switched off."""
_SWITCH_S = 0.0005
"""How long a thread that writes queue_log or a web answer may keep the interpreter from the event loop, of which every
caller's key needs several turns. Python's own 5 ms each would be heard."""


async def serve(config: Config, root: Path, say: Say) -> int:
    """Run the hotline until SIGINT or SIGTERM; SIGHUP reads the plan anew.

    Returns the exit code. Raises HotlineError when it cannot start.
    """
    _log_to_stderr(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # What is read during the start is new anyway, and without a handler the signal would end the process.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    async with AsyncExitStack() as stack:
        hotline = await _assemble(config, root, say, stack)
        loop.add_signal_handler(signal.SIGHUP, hotline.reload.set)
        stack.push_async_callback(hotline.queue_log.close)
        tasks = [asyncio.create_task(work, name=name) for name, work in _works(hotline).items()]
        stack.push_async_callback(_end, tasks)
        await hotline.switchboard.resume()
        await hotline.recogniser.start()
        stack.push_async_callback(hotline.recogniser.stop)
        passwords = await accounts.demonstration(config, hotline.store) if config.web.loopback else {}
        await hotline.web.start(config.web.host, config.web.port)
        stack.push_async_callback(hotline.web.stop)
        # What is loaded by now stays. A full garbage collection over it would hold up every caller.
        gc.freeze()
        sys.setswitchinterval(_SWITCH_S)
        _welcome(config, passwords, say)
        fetching = asyncio.create_task(upkeep.fetch_model(hotline, say))
        stack.push_async_callback(_end, [fetching])
        hotline.asked_to_stop = await _until(stop, tasks)
        if hotline.asked_to_stop:
            say("Ending the calls and stopping …")
            await _end_calls(hotline)
    return 0 if hotline.asked_to_stop else 1


async def _assemble(config: Config, root: Path, say: Say, stack: AsyncExitStack) -> Hotline:
    config.state.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    alive_at = _lock(config.state.dir, stack)
    installation = await pbx.ensure(config, say)
    secrets = pbx.render(config, installation, root)
    store = await Store.open(config.database)
    stack.push_async_callback(store.close)
    phones = pbx.Pbx(config, installation, secrets)
    hotline = Hotline(config, root, store, phones, secrets, alive_at=alive_at)
    await hotline.restore()
    say(f"Starting Asterisk {installation.version} …")
    await phones.start()
    if phones.outdated:
        say("Asterisk still runs with an older configuration; Ctrl-C and a new start apply the new one.")
    stack.push_async_callback(hotline.stop_pbx)
    return hotline


def _works(hotline: Hotline) -> dict[str, Coroutine[Any, Any, None]]:
    """What runs until the end, by name."""
    works: dict[str, Coroutine[Any, Any, None]] = {
        "switchboard": hotline.switchboard.run(),
        "ami": hotline.ami.run(),
        "survey": upkeep.survey(hotline),
        "heartbeat": upkeep.heartbeat(hotline),
        "notes": hotline.archive.run(),
        "asterisk": upkeep.watch_pbx(hotline),
        "plan": upkeep.watch_plan(hotline),
        "queue_log": hotline.queue_log.run(),
        "registers": upkeep.watch_registers(hotline),
    }
    if hotline.config.speech.live_at_most:
        works["ears"] = hotline.ears.run()
    return works


async def _until(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> bool:
    """Wait for the signal to stop, or for one of the tasks to fail, which none ever should. False when one did."""
    asked = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    failed = [task for task in done if task is not asked]
    for task in failed:
        log.critical("task.ended", task=task.get_name(), exc_info=task.exception())
    return not failed


async def _end_calls(hotline: Hotline) -> None:
    await hotline.switchboard.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await hotline.quiet()
            await hotline.archive.settle()
            await hotline.switchboard.idle()


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _lock(folder: Path, stack: AsyncExitStack) -> float:
    """One controller per state folder. Returns when an earlier one, or its Asterisk, was last alive."""
    file = stack.enter_context((folder / LOCK).open("a"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise HotlineError(
            f"Another hotline is running from {folder}; stop it first, or set IVR_STATE__DIR to another folder."
        ) from None
    told = pbx.Folders(folder).log / TOLD
    return max(path.stat().st_mtime for path in (folder / LOCK, told) if path.exists())


def _welcome(config: Config, passwords: Mapping[str, str], say: Say) -> None:
    say("")
    say(f"12345 热线已启动：  http://{'localhost' if config.web.loopback else config.web.host}:{config.web.port}/")
    host = "本机地址" if config.sip.host in ("0.0.0.0", "::") else config.sip.host
    say(f"拨打：  登录后打开 /phone 用浏览器拨打；或用 SIP 电话拨 sip:12345@{host}:{config.sip.port}")
    if passwords:
        say("演示账号（仅限本机）：")
        for user, password in passwords.items():
            say(f"  {user:10} {password}")
    say("Ctrl-C 停止。")


def _log_to_stderr(config: Config) -> None:
    level = logging.getLevelNamesMapping()[config.log.level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if os.isatty(2) else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=os.fdopen(os.dup(2), "w", buffering=1)),
    )
    logging.basicConfig(level=logging.WARNING)
