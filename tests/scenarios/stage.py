"""The stage carries one story: its callers, agents and telephones, and what has been heard so far."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ivr.core import events as ev
from ivr.core.agents import Profile, Status
from ivr.core.callbacks import Callback
from ivr.core.calls import Call
from ivr.core.dialplan import Plan
from ivr.core.floor import Floor, Rules
from ivr.core.numbers import national
from ivr.core.registers import Entry, Registers
from tests.core.world import SEAL, shipped_plan
from tests.scenarios import chinese
from tests.scenarios.script import ScenarioError, Step
from tests.scenarios.telephones import Telephones


class Unmet(Exception):
    """An expectation that was not met, or something that cannot be done now: a Chinese sentence."""


def play(steps: list[Step]) -> Stage:
    """Carry out a story. Raises ScenarioError that names file and line, and tells what happened up to then."""
    stage = Stage()
    for step in steps:
        try:
            step.take(stage)
        except (Unmet, AssertionError) as error:
            raise ScenarioError(f"{step.where}: “{step.text}”：{error}\n{stage.story()}") from error
    try:
        stage.check_the_end()
    except Unmet as error:
        raise ScenarioError(f"{steps[-1].where}: 写到这里就结束了，但是{error}\n{stage.story()}") from error
    return stage


class Stage:
    """One story: the telephone world, the callers by name, and what they have heard so far."""

    def __init__(self) -> None:
        self.plan: Plan = shipped_plan()
        self.rules = Rules()
        self.start = 0.0
        self.people: dict[Profile, str] = {}
        self.entries: list[Entry] = []
        self._world: Telephones | None = None
        self.calls: dict[str, str] = {}
        """Call by the caller's name."""
        self.heard_up_to: Counter[str] = Counter()

    @property
    def begun(self) -> bool:
        return self._world is not None

    @property
    def world(self) -> Telephones:
        """The world, which begins with the first sentence that needs it."""
        if self._world is None:
            registers = Registers(SEAL, self.entries)
            self._world = Telephones(self.plan, tuple(self.people), self.start, registers, self.rules)
            for profile, status in self.people.items():
                if status != "未签入":
                    self._world.tell(ev.AgentSignedIn(self.start, profile.agent_id))
                if status == "就绪":
                    self._world.tell(ev.AgentPressedReady(self.start, profile.agent_id))
        return self._world

    def id_of(self, caller: str) -> str:
        if caller not in self.calls:
            raise Unmet(f"{caller} 还没有来电")
        return self.calls[caller]

    def on_the_line(self, caller: str) -> str:
        call_id = self.id_of(caller)
        if call_id not in self.world.lines:
            raise Unmet(f"{caller} 已经不在线上")
        return call_id

    def call(self, caller: str) -> Call:
        call = self.world.known.get(self.id_of(caller))
        if call is None:
            raise Unmet(f"控制程序还不知道 {caller} 的电话")
        return call

    def agent_status(self, agent_id: str) -> Status:
        agent = self.world.floor.agents.get(agent_id)
        if agent is None:
            raise Unmet(f"开头的“坐席”里没有 {agent_id}")
        return agent.status

    def queue(self, name: str) -> str:
        """The queue of this name."""
        names = {queue.name: key for key, queue in self.plan.queues.queue.items()}
        if name not in names:
            raise Unmet(f"queues.toml 里没有“{name}”，有：{'、'.join(names)}")
        return names[name]

    def task(self, number: str) -> Callback | None:
        """The latest callback of this number."""
        tasks = [t for t in self.world.floor.callbacks.values() if national(t.number) == national(number)]
        return max(tasks, key=lambda task: (task.open, task.opened_at), default=None)

    def open_task(self, number: str) -> Callback:
        task = self.task(number)
        if task is None or not task.open:
            raise Unmet(f"没有要给 {number} 打回去的任务")
        return task

    def story(self) -> str:
        if self._world is None:
            return ""
        names = {call_id: caller for caller, call_id in self.calls.items()}
        return chinese.story(self._world.journal, self.plan, names, self._world.now)

    def check_the_end(self) -> None:
        for caller, call_id in self.calls.items():
            if call_id in self.world.lines:
                raise Unmet(f"{caller} 还在线上，请写完这个电话")
        self.world.pass_time(1)
        ended = Counter(event.call_id for event in self.world.journal if isinstance(event, ev.CallEnded))
        if self.world.controlled and (set(ended) != set(self.calls.values()) or any(n > 1 for n in ended.values())):
            raise Unmet(f"每个电话应当恰好有一个结果，实际是 {dict(ended)}")
        again = Floor(self.plan, tuple(self.people), self.rules)
        again.restore(self.world.journal, [], self.world.now)
        for call_id, call in self.world.floor.calls.items():
            if again.calls[call_id] != call:
                raise Unmet(f"按流水重新推演得到的 {call_id} 与实际不同")


def same(expected: str, found: str) -> None:
    """Raises Unmet when they are not."""
    if expected != found:
        raise Unmet(f"应为“{expected}”，实际是“{found}”")


def one_of(word: str, words: Any) -> None:
    """Raises Unmet when the word is none of those that exist."""
    if word not in words:
        raise Unmet(f"没有“{word}”这个说法，可以写：{'、'.join(words)}")
