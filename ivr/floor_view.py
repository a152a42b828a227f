"""What the consoles see of the floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ivr.adapters.web.schemas import CheckView
from ivr.core import callbacks
from ivr.core.agents import Agent
from ivr.core.callbacks import Callback
from ivr.core.calls import Call
from ivr.core.dialplan.departments import Department
from ivr.core.floor import Floor
from ivr.core.marks import Marks
from ivr.core.routing.standing import steps_of
from ivr.core.skills import levels


@dataclass(frozen=True, slots=True)
class FloorView:
    """A `LiveState` of the web server: each part is made when it is looked at, for most changes interest nobody."""

    floor: Floor
    warn: Callable[[], Sequence[CheckView]]

    @property
    def calls(self) -> Mapping[str, Call]:
        return self.floor.calls

    @property
    def agents(self) -> Mapping[str, Agent]:
        return self.floor.agents

    @property
    def queues(self) -> Mapping[str, str]:
        return {name: queue.name for name, queue in self.floor.plan.queues.queue.items()}

    def takes(self, agent: Agent, queue: str) -> bool:
        _, own = steps_of(self.floor.plan.queues.queue[queue])[0]
        return own.holds(agent.agent_id, levels(agent.profile.skills))

    def desk(self, queue: str) -> tuple[int, int]:
        return self.floor.line.desk(queue)

    @property
    def wrap_up_s(self) -> float:
        return self.floor.rules.wrap_up_s

    @property
    def departments(self) -> Mapping[str, Department]:
        return self.floor.plan.departments.department

    @property
    def callbacks(self) -> Mapping[str, Callback]:
        return self.floor.callbacks

    def due_at(self, task: Callback) -> float | None:
        return callbacks.due_at(task, self.floor.rules.callback, self.timezone)

    @property
    def warnings(self) -> Sequence[CheckView]:
        return self.warn()

    @property
    def timezone(self) -> str:
        return self.floor.plan.city.timezone

    @property
    def marks(self) -> Marks:
        return self.floor.marks

    @property
    def listening(self) -> int:
        return len(self.floor.listening)

    @property
    def unheard(self) -> int:
        return self.floor.unheard_total
