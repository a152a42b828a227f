"""A telephone world in miniature for the pure core: it performs the actions and tells what happened, by dice."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from ivr.core import actions as do
from ivr.core import dialplan
from ivr.core import events as ev
from ivr.core.agents import Profile
from ivr.core.calls import Stage
from ivr.core.events import Event
from ivr.core.floor import Floor, Rules, leases
from ivr.core.registers import DEPUTY, ELDERLY, Entry, Registers, Seal
from tests.core.rooms import Rooms

EARS = 2
"""How many callers can be listened to at once."""
REPO = Path(__file__).parents[2]
SEAL = Seal(b"s" * 32)
REGISTERS = Registers(
    SEAL,
    (
        Entry("1", DEPUTY, "张三", "市", SEAL.number("13907330001"), SEAL.pin(DEPUTY, "246810")),
        Entry("2", DEPUTY, "李四", "乡", SEAL.number("073122880001")),
        Entry("3", ELDERLY, "王婆婆", "", SEAL.number("073122880002")),
        Entry("4", ELDERLY, "张三", "", SEAL.number("13907330001")),
    ),
)
PROFILES = (
    Profile("8001", "谭思琦", frozenset({"general", "enterprise"})),
    Profile("8002", "李明", frozenset({"general"})),
    Profile("8003", "王芳", frozenset({"general", "deputies"})),
)


def shipped_tables() -> tuple[dict[str, Any], dict[str, Any]]:
    """city.toml and queues.toml of dialplans/, decoded."""
    city, queues = (tomllib.loads((REPO / "dialplans" / f"{n}.toml").read_text("utf-8")) for n in ("city", "queues"))
    return city, queues


def shipped_plan(changes: Mapping[str, Any] | None = None) -> dialplan.Plan:
    """The plan in dialplans/, with every prompt two seconds long.

    `changes` are laid over it, file by file: `{"city": {...}, "queues": {...}, "leader_days": {...}}`, and
    `hotlines`. Without `limits` nobody is slowed but by a mark.
    """
    changes = changes or {}
    tables = shipped_tables()
    for table, name in zip(tables, ("city", "queues"), strict=True):
        _lay(table, changes.get(name, {}))
    return plan_of(*tables, changes.get("leader_days"), changes.get("limits"), changes.get("hotlines"))


def plan_of(
    city: dict[str, Any],
    queues: dict[str, Any],
    leader_days: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    hotlines: Mapping[str, Any] | None = None,
) -> dialplan.Plan:
    """A plan with the shipped hotlines, departments and prompts, each two seconds long, and digits half a second.

    `hotlines` replaces some of them.
    """
    names = tomllib.loads((REPO / "prompts/zh/prompts.toml").read_text("utf-8"))
    merged, departments = (
        tomllib.loads((REPO / "dialplans" / f"{n}.toml").read_text("utf-8")) for n in ("hotlines", "departments")
    )
    merged["hotline"] |= hotlines or {}
    durations = {name: 0.5 if name.startswith("digit_") else 2.0 for name in _texts(names)}
    return dialplan.parse(
        city, queues, durations, leader_days=leader_days, hotlines=merged, departments=departments, limits=limits
    )


def keyed_plan() -> dialplan.Plan:
    """The shipped plan, with keys in the general line for everything that a key can do there."""
    city, queues = shipped_tables()
    city["menu"]["main"]["key"]["0"] = {"transfer": "110", "emergency": True, "say": ["transfer_110"]}
    city["menu"]["line"] = {
        "prompt": ["menu_main"],
        "key": {"1": {"menu": "main"}, "2": {"queue": "enterprise", "mark": "enterprise"}},
        "no_input": {"queue": "general"},
        "wrong_key": {"queue": "general"},
    }
    queues["queue"]["general"] |= {
        "prompt": ["callback_offer"],
        "key": {
            "1": {"stay": True, "say": ["busy_times"]},
            "2": {"queue": "enterprise", "mark": "enterprise"},
            "5": {"menu": "line"},
            "7": {"stay": True},
            "8": {"transfer": "96533"},
            "*": {"queue": "general", "emergency": True},
        },
    }
    queues["queue"]["enterprise"]["nobody_signed_in"] = {"queue": "general", "say": ["busy_times"]}
    queues["queue"]["deputies"]["nobody_signed_in"] = {"queue": "enterprise", "mark": "night"}
    return plan_of(city, queues)


def _lay(table: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _lay(table[key], value)
        else:
            table[key] = value


def _texts(table: dict[str, object]) -> list[str]:
    found: list[str] = []
    for name, value in table.items():
        found += _texts(value) if isinstance(value, dict) else [name]
    return found


WRITTEN_DOWN = (
    ev.AgentAnswered, ev.RingEnded, ev.AgentHungUp, ev.AgentMoved, ev.LegAnswered, ev.LegEnded, ev.RoomLeft,
    ev.CallFellBack, ev.FallbackAnswered, ev.CallUnattended, ev.CallerHungUp,
)  # fmt: skip
"""What `tell` and `gone` of dialplans/extensions.conf leave in the log."""

_CALLING = ("13800138000", "", "+8613907330001", "073122880002", "9" * 40)
_DIALLED = ("12345", "12346", "12369", "12348", "")


class Line:
    """One citizen's channel in Asterisk: the orders it has, and what it does."""

    def __init__(self, ani: str = "", dnis: str = "12345") -> None:
        self.ani = ani
        self.dnis = dnis
        self.orders: list[do.Action] = []
        self.doing = "idle"
        self.ring: do.RingAgent | None = None
        self.leg = ""
        self.lease_until = 0.0
        self.number = ""
        """Of the citizen whose telephone rings, when the hotline called."""


class World:
    """Channels, agents' telephones and time. `step` lets one thing happen."""

    def __init__(
        self,
        dice: Random,
        plan: dialplan.Plan | None = None,
        profiles: Sequence[Profile] = PROFILES,
        now: float = 1_700_000_000.0,
        registers: Registers = REGISTERS,
        rules: Rules | None = None,
    ) -> None:
        self.dice = dice
        self.now = now
        self.plan = plan or shipped_plan()
        self.profiles = profiles
        self.registers = registers
        self.rules = rules or Rules()
        self.floor = Floor(self.plan, profiles, self.rules)
        self.floor.registers = self.registers
        self.floor.change_ears(EARS)
        self.listened: set[str] = set()
        """Whom the recogniser listens to."""
        self.lines: dict[str, Line] = {}
        self.journal: list[Event] = []
        self.told: list[Any] = []
        """What the dialplan has written down for the next controller."""
        self.calls_made = 0
        self.rooms = Rooms(self)
        for profile in self.profiles:
            self.tell(ev.PhoneReached(self.now, profile.agent_id))

    def tell(self, event: Event) -> None:
        self._write_down(event)
        events, actions = self.floor.handle(event)
        self._take(events, actions)

    def recount(self, event: Event) -> None:
        """The controller learns of it afterwards."""
        self._take(*self.floor.recount(event))

    def _write_down(self, event: Event) -> None:
        """By dialplans/extensions.conf; what becomes of a leg that nobody answers in a room, it does not know."""
        if isinstance(event, ev.LegEnded) and event.reason != "hung_up" and event.leg_id in self.rooms.called:
            return
        if isinstance(event, WRITTEN_DOWN):
            self.told.append(event)

    def _take(self, events: list[Event], actions: list[do.Action]) -> None:
        self.journal += events
        for action in actions:
            self._perform(action)

    def _perform(self, action: do.Action) -> None:
        line = self.lines.get(action.call_id)
        match action:
            case do.CloseRecording():
                self.tell(ev.RecordingFinished(self.now, action.call_id, action.ring_id))
            case do.WriteNote():
                self.tell(ev.NoteWritten(self.now, action.call_id))
            case do.DialCitizen():
                self.lines[action.call_id] = dialled = Line()
                dialled.doing, dialled.number = "calling", action.number
            case do.ReleaseAgent() | do.MoveAgent() | do.DialRoom() | do.RingColleague() | do.EndLeg() | do.LeaveRoom():
                self.rooms.errands.append(action)
            case do.FindFormerAgent():
                self._find_former_agent(action)
            case do.Listen():
                assert action.call_id not in self.listened and len(self.listened) < self.floor.ears
                self.listened.add(action.call_id)
            case do.StopListening():
                self.listened.remove(action.call_id)
            case _ if line is None:
                pass
            case do.HangUp():
                self.hang_up(action.call_id)
            case do.RenewLease():
                line.lease_until = self.now + action.seconds
            case do.CancelRing():
                if line.doing == "ringing" and line.ring:
                    self._stop_ringing(action.call_id, line, "cancelled")
            case do.Ask() | do.AskPin() | do.Say():
                assert action.lease_s, f"{action} waits for the channel's next frame"
                line.lease_until = self.now + action.lease_s
                line.orders.append(action)
            case _:
                line.orders.append(action)

    def _find_former_agent(self, action: do.FindFormerAgent) -> None:
        talks = [
            (ring.answered_at, ring.agent_id)
            for call in self.floor.calls.values()
            for ring in call.rings
            if call.ani == action.ani and ring.answered_at is not None and ring.answered_at >= action.since
        ]
        if talks:
            self.tell(ev.CallerKnown(self.now, action.call_id, max(talks)[1]))

    def _stop_ringing(self, call_id: str, line: Line, reason: str) -> None:
        ring, line.ring, line.doing = line.ring, None, "idle"
        assert ring
        line.lease_until = self.now + leases.FIRST_S  # by dialplans/extensions.conf
        self.tell(ev.RingEnded(self.now, call_id, ring.ring_id, reason))

    def says_a_word(self, n: int) -> None:
        """One of those who are listened to says a word for an emergency; the recogniser may be a moment late."""
        if self.listened:
            call_id = sorted(self.listened)[n % len(self.listened)]
            self.tell(ev.EmergencyHeard(self.now, call_id, "救命"))
            self.tell(ev.EmergencyHeard(self.now, call_id, "救命"))

    # --- what can happen ----------------------------------------------------------------------------------------------

    def arrive(self, ani: str = "13800138000", dnis: str = "12345", trunk: str = "") -> str:
        self.calls_made += 1
        call_id = f"{self.now:.0f}.{self.calls_made}"
        self.lines[call_id] = Line(ani, dnis)
        self.lines[call_id].lease_until = self.now + leases.FIRST_S  # by dialplans/extensions.conf
        self.tell(ev.CallArrived(self.now, call_id, f"PJSIP/local-{self.calls_made}", ani, dnis, trunk=trunk))
        return call_id

    def hang_up(self, call_id: str) -> None:
        if line := self.lines.pop(call_id, None):
            if line.doing != "calling":
                came = call_id.partition(".")[0]
                at = float(came) if came.isdecimal() else self.now
                self._write_down(ev.CallUnattended(at, call_id, line.ani, line.dnis))
            self.tell(ev.CallerHungUp(self.now, call_id, 16))

    def advance(self, call_id: str) -> None:
        """The channel's present order comes to its end, in one of the ways it can."""
        line = self.lines[call_id]
        if line.doing == "talking":
            line.doing, ring, line.ring = "idle", line.ring, None
            assert ring
            line.lease_until = self.now + leases.FIRST_S  # by dialplans/extensions.conf
            self.tell(ev.AgentHungUp(self.now, call_id, ring.ring_id))
        elif line.doing == "calling":
            if self.dice.random() < 0.5:
                self.answer(call_id)
            else:
                self.refuse(call_id, self.dice.choice(["no_answer", "busy", "rejected", "unreachable"]))
        elif line.doing == "ringing":
            assert line.ring
            if self.dice.random() < 0.5:
                line.doing = "talking"
                notice = self.plan.city.recording.notice
                assert notice in self.floor.calls[call_id].prompts_heard, "recorded before the notice was heard"
                self.tell(ev.AgentAnswered(self.now, call_id, line.ring.ring_id, 16000))
            else:
                self._stop_ringing(call_id, line, self.dice.choice(["no_answer", "busy", "rejected", "unreachable"]))
        elif line.doing in ("dialling", "outside"):
            self._outside(call_id, line)
        elif line.orders and line.doing == "idle":
            self._obey(call_id, line, line.orders.pop(0))

    def answer(self, call_id: str) -> None:
        """A citizen whom the hotline calls picks up."""
        self.lines[call_id].doing = "idle"
        self.tell(ev.CallArrived(self.now, call_id, f"PJSIP/{call_id}", "12345", "s"))

    def refuse(self, call_id: str, reason: str) -> None:
        """A citizen whom the hotline calls does not."""
        del self.lines[call_id]
        self.tell(ev.CitizenNotReached(self.now, call_id, reason))

    def _outside(self, call_id: str, line: Line) -> None:
        if line.doing == "dialling" and self.dice.random() < 0.5:
            line.doing = "outside"
            self.tell(ev.LegAnswered(self.now, call_id, line.leg))
            return
        reason = "hung_up" if line.doing == "outside" else self.dice.choice(["no_answer", "busy", "unreachable"])
        line.doing, line.lease_until = "idle", self.now + leases.FIRST_S
        self.tell(ev.LegEnded(self.now, call_id, line.leg, reason))

    def _obey(self, call_id: str, line: Line, order: do.Action) -> None:
        match order:
            case do.Ask():
                key = self.dice.choice(["", "2", "1", "7", "5", "*"])
                self.tell(ev.StepEnded(self.now, call_id, order.step, key, failed=self.dice.random() < 0.05))
            case do.AskPin():
                digits = self.dice.choice(["", "246810", "111111", "#", "12345678"])
                whose = self.floor.registers.pin(order.register, digits)
                self.tell(ev.StepEnded(self.now, call_id, order.step, typed=len(digits), entry=whose))
            case do.Say():
                self.tell(ev.StepEnded(self.now, call_id, order.step))
            case do.RingAgent():
                line.doing, line.ring = "ringing", order
            case do.DialOutside():
                line.doing, line.leg = "dialling", order.leg_id
            case do.JoinRoom():
                self.rooms.citizen_in(call_id)

    def press(self) -> None:
        agent = self.dice.choice(self.profiles).agent_id
        kind = self.dice.choice(
            [ev.AgentSignedIn, ev.AgentPressedReady, ev.AgentPressedReady, ev.AgentPressedBreak, ev.AgentSignedOut]
        )
        self.tell(kind(self.now, agent))

    def restart_controller(self) -> None:
        """kill -9, and a new controller that has only the journal, the saved agents and what Asterisk still carries."""
        saved, tasks = list(self.floor.agents.values()), [t for t in self.floor.callbacks.values() if t.open]
        self.floor = Floor(self.plan, self.profiles, self.rules)
        self.floor.registers = self.registers
        self.floor.change_ears(EARS)
        self.listened = set()
        self.floor.restore(self.journal, saved, self.now, tasks)
        ended = {event.call_id for event in self.journal if isinstance(event, ev.CallEnded)}
        self.told = [event for event in self.told if event.call_id not in ended]
        for event in self.told:
            self.recount(event)
        began = self.now
        self.now += 1
        for profile in self.profiles:
            self.tell(ev.PhoneReached(self.now, profile.agent_id))
        for call_id, line in list(self.lines.items()):
            line.orders = []
            room = self.rooms.of(call_id).there
            self.tell(ev.CallFound(self.now, call_id, "PJSIP/x", line.doing, line.ani, line.dnis, room))
        self.tell(ev.CallsCounted(self.now, tuple(self.lines), since=began))

    def step(self) -> None:
        """Let a moment pass and one thing happen."""
        until = self.now + self.dice.choice([0.01, 0.5, 2.0, 7.0])
        while self.now < until:
            self.now = min(until, self.now + 0.5)
            self.tick()
            self._check_leases()
        self.rooms.run_errands(0.8)
        if self.dice.random() < 0.15:
            self.rooms.ask()
        if self.dice.random() < 0.2:
            self.rooms.something()
        dice = self.dice.random()
        calls = list(self.lines)
        if dice < 0.15 and len(calls) < 8:
            self.arrive(self.dice.choice(_CALLING), self.dice.choice(_DIALLED))
        elif dice < 0.30:
            self.press()
        elif dice < 0.38 and calls:
            self.hang_up(self.dice.choice(calls))
        elif dice < 0.39:
            self.restart_controller()
        elif dice < 0.42 and calls:
            self.tell(ev.CallMovedUp(self.now, self.dice.choice(calls), "banzhang", "老人，很急"))
        elif dice < 0.44:
            self.says_a_word(self.dice.randrange(9))
        elif calls:
            self.advance(self.dice.choice(calls))

    def _check_leases(self) -> None:
        """The dialplan takes no caller away from a controller that is there."""
        for call_id, line in self.lines.items():
            if self.floor.calls[call_id].stage in (Stage.MENU, Stage.WAITING, Stage.CONSULTING, Stage.RATING):
                assert line.lease_until > self.now, f"the lease of {call_id} ran out"

    def tick(self) -> None:
        events, actions = self.floor.tick(self.now)
        self._take(events, actions)
