"""Callers in a world without dice: each order of their channels is brought to its end by hand."""

from __future__ import annotations

from ivr.core import actions as do
from ivr.core import events as ev
from ivr.core.calls import Call
from tests.core.world import World


class Caller:
    """Somebody who has just dialled."""

    def __init__(self, world: World, ani: str = "13800138000", dnis: str = "12345") -> None:
        self.world = world
        self.call_id = world.arrive(ani, dnis)

    @property
    def call(self) -> Call:
        return self.world.floor.calls[self.call_id]

    def hears(self) -> do.Action:
        """The order that is under way."""
        return self.world.lines[self.call_id].orders[0]

    @property
    def order(self) -> do.Ask | do.Say:
        """The prompt or question that the call is in, wherever it stands among the orders."""
        orders = self.world.lines[self.call_id].orders
        return next(o for o in orders if isinstance(o, do.Ask | do.Say) and o.step == self.call.step)

    def press(self, key: str, after_s: float = 30.0) -> None:
        """To the end of the present order, with this key, or with silence."""
        order = self.world.lines[self.call_id].orders.pop(0)
        self.world.now += after_s
        assert isinstance(order, do.Ask | do.Say), order
        key = key if isinstance(order, do.Ask) else ""
        self.world.tell(ev.StepEnded(self.world.now, self.call_id, order.step, key))


def works(world: World, agent_id: str) -> None:
    """The agent signs in and takes calls."""
    for event in (ev.AgentSignedIn, ev.AgentPressedReady):
        world.tell(event(world.now, agent_id))
