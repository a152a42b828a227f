"""What this process knows of each live call: its channel, its commands under way, and who rings or talks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ivr.core.actions import (
    Ask,
    AskPin,
    CancelRing,
    DialCitizen,
    DialOutside,
    DialRoom,
    EndLeg,
    HangUp,
    JoinRoom,
    LeaveRoom,
    MoveAgent,
    PlayMusic,
    ReleaseAgent,
    RenewLease,
    RingAgent,
    RingColleague,
    Say,
)

ChannelAction = (
    Ask | AskPin | Say | PlayMusic | RingAgent | CancelRing | DialOutside | DialCitizen | ReleaseAgent | MoveAgent
    | DialRoom | RingColleague | EndLeg | JoinRoom | LeaveRoom | RenewLease | HangUp
)  # fmt: skip
Told = Ask | AskPin | Say | RingAgent | DialOutside | JoinRoom
"""Actions for the end of which the core waits."""


@dataclass(slots=True)
class Command:
    """A command under way whose end the core waits for."""

    action: Told
    due_at: float
    """Loop time by which it should be over."""
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class Ring:
    ring_id: str
    """"" when it was begun by a controller before this one."""
    answered: bool = False
    cancelled: bool = False
    moved: bool = False
    """The dialplan has told that the agent was taken out of the talk, into the room."""
    not_moved: bool = False
    """That was not possible: they had hung up."""
    legs: set[str] = field(default_factory=set)
    """Agent's channels."""


@dataclass(slots=True)
class Tracked:
    """One call."""

    channel: str
    takes_orders: bool = True
    """False from the moment that it leaves AsyncAGI, by hanging up or towards the static queue."""
    ordered: bool = False
    """It has been given something to play or to do."""
    pressed: str = ""
    """The last key since the last question was sent: AsyncAGI drops one that comes before `Read` has begun."""
    commands: dict[str, Command] = field(default_factory=dict)
    ring: Ring | None = None
    leg: str = ""
    """The leg_id of the outside number that rings or talks."""
    in_room: bool = False

    def ring_over(self, ring_id: str) -> Ring | None:
        """The ring, when this was not known yet."""
        if self.ring is None or self.ring.ring_id not in (ring_id, ""):
            return None
        ring, self.ring = self.ring, None
        return ring

    def leg_over(self, leg_id: str) -> bool:
        """True when this was not known yet."""
        if self.leg != leg_id:
            return False
        self.leg = ""
        return True

    def drop(self, command_id: str) -> Command | None:
        """Wait for this command's end no more."""
        command = self.commands.pop(command_id, None)
        if command:
            command.timer.cancel()
        return command

    def drop_all(self) -> None:
        for command_id in list(self.commands):
            self.drop(command_id)

    def left(self) -> None:
        """It takes no more orders."""
        self.takes_orders = False
        self.drop_all()

    def talks(self, connection_id: str) -> None:
        """People may talk for as long as they like. `connection_id` is a ring's or a leg's."""
        for command in self.commands.values():
            if connection_id in (getattr(command.action, "ring_id", ""), getattr(command.action, "leg_id", "")):
                command.timer.cancel()

    def found(self, doing: str) -> None:
        """After a new link: what it does now, as in CallFound."""
        self.takes_orders = doing != "fallback"
        if doing in ("idle", "fallback"):
            self.drop_all()
            self.ring, self.leg, self.in_room = None, "", False
        elif doing in ("ringing", "talking") and self.ring is None:
            self.ring = Ring("")
        self.in_room = doing == "room"
        if self.ring and doing == "talking":
            self.ring.answered = True
