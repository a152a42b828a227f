"""What to do next. Imperative, frozen; an adapter performs it and tells the outcome later as an event.

Nothing here is acknowledged by a return value: an action either shows its effect as an event, or the call is gone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """Play prompts one after another and take one key, from the first millisecond on. Ends as `StepEnded`."""

    call_id: str
    step: str
    prompts: tuple[str, ...]
    wait_s: float
    """Silence allowed after the last prompt."""
    lease_s: int = 0
    """Renews the lease (`RenewLease`); 0 leaves it."""


@dataclass(frozen=True, slots=True)
class AskPin:
    """Play prompts and take a PIN, ended by "#", by silence or by its last digit. Ends as `StepEnded`.

    The digits stay with whoever performs this: only how many there were, and whose PIN they are, comes back.
    """

    call_id: str
    step: str
    prompts: tuple[str, ...]
    wait_s: float
    """Silence allowed after the last prompt, and after each digit."""
    register: str
    lease_s: int = 0
    """Renews the lease (`RenewLease`); 0 leaves it."""


@dataclass(frozen=True, slots=True)
class Say:
    """Play prompts one after another, taking no keys. Ends as `StepEnded`."""

    call_id: str
    step: str
    prompts: tuple[str, ...]
    lease_s: int = 0
    """Renews the lease (`RenewLease`); 0 leaves it."""


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Music until the next order."""

    call_id: str


@dataclass(frozen=True, slots=True)
class RingAgent:
    """Ring the agent's telephone for the call, then connect and record.

    Ends as `AgentAnswered` and later `AgentHungUp`, or as `RingEnded`.
    """

    call_id: str
    ring_id: str
    phone: str
    """Name of the agent's SIP endpoint."""
    ring_s: int
    caller_rate: int
    """Samples per second to record the citizen's leg with."""


@dataclass(frozen=True, slots=True)
class CancelRing:
    """Stop ringing the agent's telephone. Ends as `RingEnded`."""

    call_id: str
    ring_id: str


@dataclass(frozen=True, slots=True)
class DialOutside:
    """Call an outside number for the citizen, announce the call there, then connect the two.

    Ends as `LegAnswered` and later `LegEnded`, or as `LegEnded` alone; the citizen is back then.
    """

    call_id: str
    leg_id: str
    number: str
    ring_s: int
    announcement: str
    """The prompt that whoever answers hears first."""
    caller_rate: int = 0
    """Samples per second to record the citizen's side with; 0: not recorded."""


@dataclass(frozen=True, slots=True)
class ReleaseAgent:
    """End the agent's part in the call. Ends as `AgentHungUp`, or as `RingEnded` for a colleague who is still rung."""

    call_id: str
    ring_id: str


@dataclass(frozen=True, slots=True)
class MoveAgent:
    """Take the agent out of the talk into the call's room. Ends as `AgentMoved`, or as `AgentHungUp`."""

    call_id: str
    ring_id: str


@dataclass(frozen=True, slots=True)
class DialRoom:
    """Call an outside number into the call's room, after the announcement. Ends as `LegAnswered` and `LegEnded`."""

    call_id: str
    leg_id: str
    number: str
    ring_s: int
    announcement: str
    caller_rate: int = 0
    """As in `DialOutside`."""


@dataclass(frozen=True, slots=True)
class RingColleague:
    """Ring another agent into the call's room, and record. Ends as `RingAgent` does."""

    call_id: str
    ring_id: str
    phone: str
    ring_s: int
    caller_rate: int
    """All as in `RingAgent`."""
    ani: str
    """The citizen's number, to be shown; "" when withheld."""


@dataclass(frozen=True, slots=True)
class EndLeg:
    """Hang up the outside number that was called into the room. Ends as `LegEnded`."""

    call_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class JoinRoom:
    """Bring the citizen into the call's room, until the last of the others has left it. Ends as `RoomLeft`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class LeaveRoom:
    """Take the citizen out of the room. Ends as `RoomLeft`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen to what the citizen says, for the city's emergency words. A word is told as `EmergencyHeard`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class StopListening:
    """Listen to them no more."""

    call_id: str


@dataclass(frozen=True, slots=True)
class RenewLease:
    """Keep the dialplan from taking the call to the static queue for another `seconds`."""

    call_id: str
    seconds: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call. Ends as `CallerHungUp`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class DialCitizen:
    """Call a citizen; the call gets this `call_id`. Ends as `CallArrived`, `CitizenNotReached` or `CallerHungUp`."""

    call_id: str
    task_id: str
    number: str
    ring_s: int


@dataclass(frozen=True, slots=True)
class CloseRecording:
    """The conversation is over: see that both legs' files are whole. Ends as `RecordingFinished`."""

    call_id: str
    ring_id: str
    """Or a leg_id, of a talk with an outside number."""


@dataclass(frozen=True, slots=True)
class WriteNote:
    """Put the call on the recogniser's list."""

    call_id: str


@dataclass(frozen=True, slots=True)
class FindFormerAgent:
    """Find the agent who talked last with this number, since then. Ends as `CallerKnown`, or not at all."""

    call_id: str
    ani: str
    since: float
    """Seconds since the epoch."""


Action = (
    Ask | AskPin | Say | PlayMusic | RingAgent | CancelRing | DialOutside | DialCitizen | ReleaseAgent | MoveAgent
    | DialRoom | RingColleague | EndLeg | JoinRoom | LeaveRoom | RenewLease | HangUp | CloseRecording | WriteNote
    | FindFormerAgent | Listen | StopListening
)  # fmt: skip
