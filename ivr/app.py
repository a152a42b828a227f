"""Wires everything together, starts it, and stops it in order."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from ivr import accounts, plans, registers
from ivr.adapters import models, pbx
from ivr.adapters.agi import TOLD, Channels, Outside, beat, begin_anew, untold
from ivr.adapters.ami import Ami
from ivr.adapters.pbx.secrets import CITIZEN
from ivr.adapters.queue_log import QueueLogFile
from ivr.adapters.speech import Recogniser
from ivr.adapters.store import Store
from ivr.adapters.web.ports import Deps
from ivr.adapters.web.schemas import CheckView, PhoneSettings, WarningCode
from ivr.adapters.web.server import WebServer
from ivr.archive import Archive, ArchiveAction
from ivr.config import Config
from ivr.core import callbacks
from ivr.core.actions import Action, Listen, StopListening
from ivr.core.agents import Profile
from ivr.core.books import Books
from ivr.core.errors import AmiError, HotlineError, PbxError, RegisterError, StoreError
from ivr.core.events import CallerHungUp
from ivr.core.floor import Floor, Rules
from ivr.core.marks import Marks
from ivr.ears import Ears
from ivr.floor_view import FloorView
from ivr.switchboard import Switchboard

log = structlog.get_logger()

Say = Callable[[str], None]
CLOSE_S = 5.0
"""How long the end of the calls may take when the hotline is switched off."""
QUEUE_LOG = "queue_log"
"""Its name in the state folder."""
LOCK = "controller.lock"
RESTART_S = 2.0
HEARTBEAT_S = 1.0
PLAN_S = 2.0
TIDY_S = 600.0
_SWITCH_S = 0.0005
"""How long a thread that writes queue_log or a web answer may keep the interpreter from the event loop, of which every
caller's key needs several turns. Python's own 5 ms each would be heard."""

_LACKS: dict[WarningCode, str] = {
    "ami_down": "Asterisk 管理接口 {address} 未连接，正在重连。",
    "store_failed": "数据库写入失败，通话照常，记录稍后补写：{problem}",
    "plan_refused": "新的菜单有错，仍用原来的：{problem}",
    "queue_log_failed": "queue_log 写不进去：{problem}",
    "registers_refused": "来电名册不能用：{problem}",
    "listener_failed": "紧急词监听有问题：{problem}",
    "speech_no_model": "还没有语音模型，录音等待转写：请运行 ivr models install，或用 --from 文件 手工安装。",
    "speech_broken": "语音模型不能用，录音将等待转写：请查看日志，并运行 ivr models install 重新安装。",
    "speech_stopped": "语音识别没有运行，录音将等待转写。",
}
"""What health checks and programs are told; the console has its own words for each."""

_SPEECH: dict[str, WarningCode] = {
    "no_model": "speech_no_model",
    "broken": "speech_broken",
    "stopped": "speech_stopped",
}


class Hotline:
    """All parts of one running hotline."""

    def __init__(
        self, config: Config, root: Path, store: Store, phones: pbx.Pbx, secrets: pbx.Secrets, *, alive_at: float
    ) -> None:
        """`alive_at`: when something of an earlier hotline was last alive."""
        self.config = config
        self.store = store
        self.pbx = phones
        self.secrets = secrets
        self._link_up = asyncio.Event()
        self._changed = asyncio.Event()
        self.reload = asyncio.Event()
        """Set it to read the plan's files at once."""
        self._surveyed = False
        self._alive_at = alive_at
        self._restored: set[str] = set()
        """Calls that were up when the journal was written last."""
        self.asked_to_stop = False
        self.root = root
        self.plan_problem = ""
        self.registers_problem = ""
        self._registers_at = 0.0
        desk = config.desk
        plan = plans.load(root, config.city.language, config.skills)
        profiles = [Profile(a.id, a.name, frozenset(a.skills)) for a in config.agent]
        rules = Rules(
            desk.ring_s,
            desk.wrap_up_s,
            desk.rating_s,
            config.outside.ring_s,
            config.asterisk.lease_s,
            callback=config.dialling,
            channels=config.channels,
        )
        self.floor = Floor(plan, profiles, rules)
        self.switchboard = Switchboard(self.floor, store, self._perform, self._publish, time.time)
        self.ami = Ami(
            config.ami.host,
            config.ami.port,
            "controller",
            secrets.ami_secret("controller"),
            on_message=lambda message: self.channels.hear(message),
            on_link=self._link,
        )
        self.channels = Channels(
            self.ami,
            prompt_path=lambda name: f"hotline/{name}",
            prompt_s=lambda name: self.floor.plan.durations.get(name, 0.0),
            whose_pin=lambda register, digits: self.floor.registers.pin(register, digits),
            recordings=config.recordings,
            emit=self.switchboard.tell,
            clock=time.time,
            outside=Outside(config.outside.trunk and f"trunk-{config.outside.trunk}", config.outside.caller_id),
        )
        self.recogniser = Recogniser(partial(models.find_model, config), processes=config.speech.processes)
        self.ears = Ears(
            config, self.channels.bring_voice, self.switchboard.change_ears, self.switchboard.tell, time.time
        )
        self.ears.take(plan)
        self.archive = Archive(
            store, self.recogniser, config.recordings, config.city.language, self.switchboard.tell, time.time
        )
        self.queue_log = QueueLogFile(config.state.dir / QUEUE_LOG, config.queue_log.numbers, store)
        self.web = WebServer(
            Deps(
                store=store,
                live=self,
                submit=self.switchboard.submit,
                agent_phone=self._agent_phone,
                citizen_phone=self._citizen_phone,
                checks=self.checks,
                books=self._books,
                city=config.city.name,
                calls_outside=bool(config.outside.trunk),
                phone_url=config.phone_url,
                loopback=config.web.loopback,
                port=config.web.port,
                recordings=config.recordings,
                console=root / "agent_console/dist",
            )
        )

    async def restore(self) -> None:
        """Take up the state that an earlier controller left."""
        await self.load_registers()
        now = time.time()
        self.floor.marks = Marks(await self.store.marks(now))
        for call_id, ani, arrived_at in await self.store.lately(now - self.floor.plan.pacing.longest_s):
            self.floor.traffic.recall(call_id, ani, arrived_at)
        events = [event for _, event in await self.store.unfinished()]
        agents = [row.agent for row in (await self.store.agents()).values()]
        tasks = await self.store.callbacks(set(callbacks.State) - callbacks.ENDED)
        self.floor.restore(events, agents, time.time(), tasks)
        self._restored = {call.call_id for call in self.floor.calls.values() if call.live}

    # --- what the switchboard and the web ask for ---

    async def _perform(self, action: Action) -> None:
        if isinstance(action, ArchiveAction):
            await self.archive.perform(action)
        elif isinstance(action, Listen | StopListening):
            await self.ears.perform(action)
        else:
            await self.channels.perform(action)

    def _publish(self, calls: set[str], agents: set[str]) -> None:
        self._changed.set()
        self.web.publish(calls, agents)

    async def quiet(self) -> None:
        """Return when no call is up."""
        while any(call.live for call in self.floor.calls.values()):
            self._changed.clear()
            await self._changed.wait()

    @property
    def _asterisk_logs(self) -> Path:
        return pbx.Folders(self.config.state.dir).log

    def _link(self, up: bool) -> None:
        log.info("ami.link", up=up)
        self._surveyed = False
        if up:
            self._link_up.set()
        self.web.publish()

    def state(self) -> FloorView:
        return FloorView(self.floor, lambda: [check for check in self.checks() if not check.ok])

    def checks(self) -> list[CheckView]:
        speech = self.recogniser.state
        address = "" if self.ami.up and self._surveyed else f"{self.config.ami.host}:{self.config.ami.port}"
        return [
            _check("ami", "ami_down", address=address),
            _check("store", "store_failed", problem=self.switchboard.problem or self.store.healthy()),
            _check("plan", "plan_refused", needed=False, problem=self.plan_problem),
            _check("queue_log", "queue_log_failed", needed=False, problem=self.queue_log.problem),
            _check("registers", "registers_refused", needed=False, problem=self.registers_problem),
            _check("listener", "listener_failed", needed=False, problem=self.ears.problem),
            _check("recogniser", _SPEECH.get(speech.name, ""), needed=False),
        ]

    def _books(self, since: float, until: float, interval: str, queue: str | None) -> Books:
        zone = ZoneInfo(self.floor.plan.city.timezone)
        return Books(since, until, interval, zone, self.config.books.service_level_s, queue)

    def _agent_phone(self, agent_id: str) -> PhoneSettings:
        return self._phone(f"{agent_id}-web", self.secrets.phone_secret(agent_id), dial="", register=True)

    def _citizen_phone(self) -> PhoneSettings:
        return self._phone(CITIZEN, self.secrets.phone_secret(CITIZEN), dial="12345", register=False)

    def _phone(self, user: str, password: str, *, dial: str, register: bool) -> PhoneSettings:
        return PhoneSettings(
            url=self.config.phone_url,
            user=user,
            password=password,
            domain=self.config.sip.host,
            dial=dial,
            register_phone=register,
        )

    # --- work that goes on all the time ---

    async def survey(self) -> None:
        """After every new link, ask Asterisk what is up; in between, look after its logs."""
        while True:
            if not await self._new_link():
                continue
            self._link_up.clear()
            try:
                await beat(self.ami)
                await self._catch_up()
                await self.channels.survey()
                self._surveyed = True
                self.web.publish()
            except AmiError as error:
                # A link that broke meanwhile comes back, and with it the next survey.
                log.warning("survey.failed", sentence=str(error))
                if self.ami.up:
                    self._link_up.set()
                    await asyncio.sleep(1)

    async def _new_link(self) -> bool:
        """False when there was none for a while, and the logs were looked after."""
        try:
            async with asyncio.timeout(TIDY_S):
                return await self._link_up.wait()
        except TimeoutError:
            with suppress(AmiError):
                await begin_anew(self.ami, self._asterisk_logs, time.time())
            return False

    async def _catch_up(self) -> None:
        """Book what happened while no controller was there."""
        try:
            await self.switchboard.recount(await untold(self._asterisk_logs, self.store))
        except StoreError as error:
            log.error("told.not_read", sentence=str(error))
        if not self.pbx.adopted:  # then nobody is on the line any more, but who came since
            await self.switchboard.recount([CallerHungUp(self._alive_at, call_id) for call_id in self._restored])
        self._restored = set()

    async def heartbeat(self) -> None:
        """Tell the dialplan, and the next controller, every second that one is there."""
        while True:
            if self.ami.up:
                with suppress(AmiError):
                    await beat(self.ami)
            with suppress(OSError):
                os.utime(self.config.state.dir / LOCK)
            await asyncio.sleep(HEARTBEAT_S)

    async def watch_pbx(self) -> None:
        """Start Asterisk again whenever it dies."""
        while True:
            await self.pbx.died()
            log.error("asterisk.died", pid=self.pbx.pid)
            while True:
                with suppress(PbxError):
                    await self.pbx.start()
                    break
                await asyncio.sleep(RESTART_S)

    async def watch_plan(self) -> None:
        """Take a changed plan for the callers to come; a bad one is refused, and the old one stays."""
        files = (self.root, self.config.city.language)
        seen = await asyncio.to_thread(plans.stamp, *files)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PLAN_S):
                    await self.reload.wait()
            now = await asyncio.to_thread(plans.stamp, *files)
            if now == seen and not self.reload.is_set():
                continue
            seen = now
            self.reload.clear()
            await self._read_plan()
            self.web.publish()

    async def _read_plan(self) -> None:
        try:
            plan = await asyncio.to_thread(plans.load, self.root, self.config.city.language, self.config.skills)
            await asyncio.to_thread(pbx.link_prompts, self.config, self.root)
        except HotlineError as error:
            self.plan_problem = str(error)
            log.error("plan.refused", sentence=str(error))
        else:
            self.plan_problem = ""
            self.switchboard.change_plan(plan)
            self.ears.take(plan)
            log.info("plan.taken", menus=len(plan.city.menu), queues=len(plan.queues.queue))

    async def watch_registers(self) -> None:
        """Take registers that a command has changed, for the callers to come."""
        while True:
            await asyncio.sleep(PLAN_S)
            try:
                if await self.store.registers_changed_at() != self._registers_at or self.registers_problem:
                    await self.load_registers()
                    self.web.publish()
            except StoreError as error:
                log.error("registers.not_read", sentence=str(error))

    async def load_registers(self) -> None:
        """Know callers by the registers as they are now. Calls go on without, when their secret is lost."""
        self._registers_at = await self.store.registers_changed_at()
        try:
            known = await registers.load(self.config, self.store)
        except RegisterError as error:
            if str(error) != self.registers_problem:
                log.error("registers.refused", sentence=str(error))
            self.registers_problem = str(error)
        else:
            self.registers_problem = ""
            self.switchboard.change_registers(known)
            log.info("registers.taken", entries=len(known))

    async def stop_pbx(self) -> None:
        """Asterisk ends with a hotline that was switched off, never with one that failed while calls are up."""
        if self.asked_to_stop or not any(call.live for call in self.floor.calls.values()):
            await self.pbx.stop()

    async def fetch_model(self, say: Say) -> None:
        """Fetch the speech model once, when there is none."""
        config = self.config
        if not config.speech.fetch or config.speech.model or models.installed(config.models):
            return
        say(f"Fetching the speech model {models.DEFAULT} …")
        try:
            await models.install(config.models)
        except HotlineError as error:
            say(str(error))
        self.web.publish()


def _check(name: str, code: WarningCode, *, needed: bool = True, **params: str) -> CheckView:
    """All is well without a code, and when nothing is said of it."""
    if not code or not all(params.values()):
        return CheckView(name=name, ok=True, needed=needed, sentence="")
    sentence = _LACKS[code].format(**params)
    return CheckView(name=name, ok=False, needed=needed, code=code, params=params, sentence=sentence)


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
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in {
                "switchboard": hotline.switchboard.run(),
                "ami": hotline.ami.run(),
                "survey": hotline.survey(),
                "heartbeat": hotline.heartbeat(),
                "notes": hotline.archive.run(),
                "asterisk": hotline.watch_pbx(),
                "plan": hotline.watch_plan(),
                "queue_log": hotline.queue_log.run(),
                "registers": hotline.watch_registers(),
            }.items()
        ]
        if config.speech.live_at_most:
            tasks.append(asyncio.create_task(hotline.ears.run(), name="ears"))
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
        fetching = asyncio.create_task(hotline.fetch_model(say))
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
