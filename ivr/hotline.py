"""The parts of one hotline, wired together."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from ivr import plans, registers
from ivr.adapters import models, pbx
from ivr.adapters.agi import Channels, Outside
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
from ivr.core.errors import HotlineError, RegisterError
from ivr.core.floor import Floor, Rules
from ivr.core.marks import Marks
from ivr.ears import Ears
from ivr.floor_view import FloorView
from ivr.switchboard import Switchboard

log = structlog.get_logger()

QUEUE_LOG = "queue_log"
"""Its name in the state folder."""

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
    """All parts of one running hotline, and what they ask of one another."""

    def __init__(
        self, config: Config, root: Path, store: Store, phones: pbx.Pbx, secrets: pbx.Secrets, *, alive_at: float
    ) -> None:
        """`alive_at`: when something of an earlier hotline was last alive."""
        self.config = config
        self.store = store
        self.pbx = phones
        self.secrets = secrets
        self.link_up = asyncio.Event()
        """Set with every new link, until Asterisk was asked what is up."""
        self._changed = asyncio.Event()
        self.reload = asyncio.Event()
        """Set it to read the plan's files at once."""
        self.surveyed = False
        """Over the link of now, Asterisk has been asked what is up."""
        self.alive_at = alive_at
        self.restored: set[str] = set()
        """Calls that were up when the journal was written last."""
        self.asked_to_stop = False
        self.root = root
        self.plan_problem = ""
        self.registers_problem = ""
        self.registers_at = 0.0
        """When the registers that are known by now were changed."""
        plan = plans.load(root, config.city.language, config.skills)
        profiles = [Profile(a.id, a.name, frozenset(a.skills)) for a in config.agent]
        self.floor = Floor(plan, profiles, _rules(config))
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
        self.web = WebServer(self._deps())

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
        self.restored = {call.call_id for call in self.floor.calls.values() if call.live}

    async def quiet(self) -> None:
        """Return when no call is up."""
        while any(call.live for call in self.floor.calls.values()):
            self._changed.clear()
            await self._changed.wait()

    @property
    def asterisk_logs(self) -> Path:
        """The folder in which Asterisk and its dialplan write."""
        return pbx.Folders(self.config.state.dir).log

    async def read_plan(self) -> None:
        """Lead callers from now on by the files as they are; a bad plan is refused, and the old one stays."""
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

    async def load_registers(self) -> None:
        """Know callers by the registers as they are now. Calls go on without, when their secret is lost."""
        self.registers_at = await self.store.registers_changed_at()
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

    def _link(self, up: bool) -> None:
        log.info("ami.link", up=up)
        self.surveyed = False
        if up:
            self.link_up.set()
        self.web.publish()

    def state(self) -> FloorView:
        return FloorView(self.floor, lambda: [check for check in self.checks() if not check.ok])

    def checks(self) -> list[CheckView]:
        speech = self.recogniser.state
        address = "" if self.ami.up and self.surveyed else f"{self.config.ami.host}:{self.config.ami.port}"
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

    def _deps(self) -> Deps:
        config = self.config
        return Deps(
            store=self.store,
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
            console=self.root / "agent_console/dist",
        )


def _check(name: str, code: WarningCode, *, needed: bool = True, **params: str) -> CheckView:
    """All is well without a code, and when nothing is said of it."""
    if not code or not all(params.values()):
        return CheckView(name=name, ok=True, needed=needed, sentence="")
    sentence = _LACKS[code].format(**params)
    return CheckView(name=name, ok=False, needed=needed, code=code, params=params, sentence=sentence)


def _rules(config: Config) -> Rules:
    desk = config.desk
    return Rules(
        desk.ring_s,
        desk.wrap_up_s,
        desk.rating_s,
        config.outside.ring_s,
        config.asterisk.lease_s,
        callback=config.dialling,
        channels=config.channels,
    )
