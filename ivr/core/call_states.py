"""How each event changes a call: one table."""

from __future__ import annotations

from ivr.core import events as ev
from ivr.core.calls import LISTENED, ONWARD, PIN_STEP, ROOM_STAGES, Call, Leg, Outcome, Ring, Stage, Transfer, fits
from ivr.core.changed import replace
from ivr.core.events import Event

BEGINS = (ev.CallArrived, ev.CallFound, ev.CallFellBack, ev.CallUnattended, ev.CallbackTried)


def begin(event: ev.CallArrived | ev.CallFound | ev.CallFellBack | ev.CallUnattended | ev.CallbackTried) -> Call:
    """A call that was not known before."""
    if isinstance(event, ev.CallFellBack):
        return _fell_back(Call(event.call_id, "", event.ani, event.dnis, 8000, event.at), event.at)
    if isinstance(event, ev.CallUnattended):
        return Call(event.call_id, "", event.ani, event.dnis, 8000, event.at, alone_at=event.at)
    if isinstance(event, ev.CallbackTried):
        return Call(
            event.call_id, "", event.ani, event.dnis, 8000, event.at, stage=Stage.DIALLING, queue=event.queue,
            mark=event.mark, queued_why="called back", place_at=event.place_at, task_id=event.task_id,
            priority=event.priority, emergency=event.emergency, language=event.language,
        )  # fmt: skip
    rate = event.rate if isinstance(event, ev.CallArrived) else 8000
    call = Call(event.call_id, event.channel, event.ani, event.dnis, rate, event.at)
    return _found(call, event) if isinstance(event, ev.CallFound) else replace(call, trunk=event.trunk)


def evolve(call: Call, event: Event) -> Call:
    """The call after the event. An event that no longer fits (a late answer, a second hang-up) changes nothing."""
    if isinstance(event, ev.RecordingFinished):
        legs = tuple(replace(leg, recorded=True) if leg.leg_id == event.ring_id else leg for leg in call.legs)
        return _ring(replace(call, legs=legs), event.ring_id, recorded=True)
    if isinstance(event, ev.NoteWritten):
        return replace(call, note_written=True)
    if call.stage is Stage.ENDED:
        return call
    match event:
        case ev.CallArrived() if call.stage is Stage.DIALLING:
            return _picked_up(call, event.at, event.channel, event.rate)
        case ev.CitizenNotReached() if call.stage is Stage.DIALLING:
            return replace(call, dial_reason=event.reason)
        case ev.CallbackOpened() if event.reason == "asked":
            return replace(call, stage=Stage.FAREWELL, untaken_why=event.why)
        case ev.StepStarted():
            return _step_started(call, event)
        case ev.StepEnded() if event.step == call.step:
            return _step_ended(call, event)
        case ev.CallerRecognised():
            return replace(call, known_as=event.register, person=event.name, level=event.level)
        case ev.CallerSlowed():
            return replace(call, slowed_by=event.by, slow_s=event.slow_s)
        case ev.HotlineRecognised():
            return replace(call, hotline=event.hotline, hotline_name=event.name, mark=event.mark)
        case ev.LanguageChosen():
            return replace(call, language=event.language)
        case ev.CallQueued():
            return _queued(call, event)
        case ev.OverloadMet() if call.stage is Stage.WAITING:
            return replace(call, overloads=(*call.overloads, event.queue))
        case ev.EmergencyHeard() if call.stage in LISTENED and not call.emergency:
            return replace(call, emergency=True, mark="emergency", word_heard=call.stage is not Stage.RINGING)
        case ev.CallMovedUp() if call.in_line and call.moved_at is None:
            return replace(call, moved_at=event.at)
        case ev.CallerKnown():
            return replace(call, former_agent=event.agent_id)
        case ev.CallOffered():
            return _offered(call, event)
        case ev.AgentAnswered() if (answering := _open_ring(call, event.ring_id)) and answering.answered_at is None:
            call = _ring(call, event.ring_id, answered_at=event.at, agent_rate=event.agent_rate)
            return call if answering.room else replace(call, stage=Stage.TALKING)
        case ev.RingEnded() if rung := _open_ring(call, event.ring_id):
            return _ring_ended(call, rung, event)
        case ev.AgentHungUp() if _open_ring(call, event.ring_id):
            call = _ring(call, event.ring_id, ended_at=event.at, reason="agent_hung_up")
            stage = call.stage if call.stage in ROOM_STAGES else Stage.RATING
            onward = call.transfer is not None and call.transfer.kind in ONWARD
            return replace(call, stage=stage, transfer=call.transfer if onward else None)
        case ev.TransferAsked() if fits(call, event):
            asked = Transfer(event.kind, event.number, event.name, event.queue, event.agent_id)
            call = _leg(call, reason="cancelled") if event.kind == "cancel" and call.leg else call
            return replace(call, transfer=asked)
        case ev.AgentMoved() if call.ring and call.ring.ring_id == event.ring_id and call.stage is Stage.TALKING:
            consults = call.colleague and call.transfer and call.transfer.kind == "consult"
            return replace(call, stage=Stage.CONSULTING, transfer=None if consults else call.transfer)
        case ev.RoomJoined() if call.stage in ROOM_STAGES:
            return replace(call, stage=Stage.ROOM, transfer=None, room_at=event.at)
        case ev.RoomLeft() if call.stage is Stage.ROOM and event.at >= call.room_at:
            return _room_left(call, event.at)
        case ev.LegDialled():
            return _leg_dialled(call, event)
        case ev.LegAnswered() if call.leg and call.leg.leg_id == event.leg_id and call.leg.answered_at is None:
            return _leg(call, answered_at=event.at)
        case ev.LegEnded() if call.leg and call.leg.leg_id == event.leg_id:
            return _leg_ended(call, event)
        case ev.CallKept():
            kept = (replace(leg, kept_by=event.by) if leg.leg_id == event.leg_id else leg for leg in call.legs)
            return replace(call, legs=tuple(kept))
        case ev.RatingGiven():
            return replace(call, rating=event.rating)
        case ev.CallFellBack() if call.stage is not Stage.FALLBACK:
            return _fell_back(call, event.at)
        case ev.FallbackAnswered() if call.stage is Stage.FALLBACK and call.taken is None:
            ring = Ring(event.ring_id, event.agent_id, event.at, answered_at=event.at, static=True)
            return replace(call, rings=(*call.rings, ring))
        case ev.CallFound():
            return _found(replace(call, channel=event.channel, step=""), event)
        case ev.CallDismissed():
            return replace(call, shutting_down=True)
        case ev.CallEnded():
            call = _close(call, event.at, "caller_hung_up")
            return replace(call, stage=Stage.ENDED, step="", ended_at=event.at, outcome=Outcome(event.outcome))
    return call


def _picked_up(call: Call, at: float, channel: str, rate: int) -> Call:
    stage = Stage.RINGING if call.ring else Stage.WAITING
    return replace(call, stage=stage, channel=channel, rate=rate, queued_at=at)


def _found(call: Call, event: ev.CallFound) -> Call:
    if call.stage is Stage.DIALLING and event.doing == "idle":
        return _picked_up(call, event.at, event.channel, call.rate)
    # A conversation that the journal knows nothing of is out of our hands, like one in the static queue.
    unknown = (
        (event.doing in ("ringing", "talking") and call.ring is None)
        or (event.doing in ("dialling", "outside") and call.leg is None)
        or (event.doing == "room" and call.stage not in ROOM_STAGES)
    )
    if call.stage is Stage.FALLBACK or not (event.doing == "fallback" or unknown):
        return call
    call = _fell_back(call, event.at)
    talks = event.doing in ("talking", "outside")
    return evolve(call, ev.FallbackAnswered(event.at, call.call_id, "")) if talks else call


def _fell_back(call: Call, at: float) -> Call:
    """In the static queue: a line like any other, for one with whom nobody has spoken yet."""
    queued_at = at if call.queued_at is None and not call.spoken else call.queued_at
    call = replace(_close(call, at, "lost"), stage=Stage.FALLBACK, step="", transfer=None)
    return replace(call, queued_at=queued_at, alone_at=at)


def _step_started(call: Call, event: ev.StepStarted) -> Call:
    call = replace(
        call,
        steps=call.steps + 1,
        step=event.step,
        step_name=event.name,
        step_prompts=event.prompts,
        step_at=event.at,
    )
    if call.stage in (Stage.MENU, Stage.WAITING) and event.name.startswith("menu:"):
        return _asked(call, event.name.removeprefix("menu:"), event.at)
    if event.name.startswith(PIN_STEP):
        return replace(call, pin_tries=call.pin_tries + 1)
    if event.name == "announcement":
        return replace(call, announced_at=event.at, announcements=call.announcements + 1)
    return call


def _asked(call: Call, menu: str, at: float) -> Call:
    """Out of the line, or on from another menu. `queue` and `queued_at` stay: they are the place to come back to."""
    came = call.stage is Stage.WAITING or call.menu_at is None
    tries = 1 if came or menu != call.menu else call.tries + 1
    asked = replace(call, stage=Stage.MENU, menu=menu, tries=tries, asked=call.asked + 1)
    return replace(asked, menu_at=at) if came else asked


def _step_ended(call: Call, event: ev.StepEnded) -> Call:
    heard = call.prompts_heard
    if not event.key and not event.typed and not event.failed:
        heard = heard | set(call.step_prompts)
    keys = call.keys if call.stage is Stage.RATING else call.keys + event.key
    return replace(call, step="", keys=keys, prompts_heard=heard)


def _queued(call: Call, event: ev.CallQueued) -> Call:
    first = call.queued_at if call.queued_at is not None else event.at
    place = next(at for at in (event.place_at, call.place_at, first) if at is not None)
    return replace(
        call,
        stage=Stage.WAITING,
        transfer=None,
        queue=event.queue,
        queued_at=first,
        place_at=place,
        slow_s=0.0 if event.place_at is not None else call.slow_s,
        queued_why=event.why,
        mark=event.mark or call.mark,
        priority=event.priority,
        emergency=event.emergency or call.emergency,
        word_heard=False,
        about=event.about or call.about,
        seats=event.seats or call.seats,
        instead_of=event.instead_of,
    )


def _offered(call: Call, event: ev.CallOffered) -> Call:
    rings = (*call.rings, Ring(event.ring_id, event.agent_id, event.at, event.why, room=event.room))
    if event.room:
        pending = call.transfer if call.stage is Stage.TALKING else None  # until the agent has moved
        return replace(call, rings=rings, transfer=pending)
    stage = Stage.DIALLING if call.stage is Stage.DIALLING else Stage.RINGING
    return replace(call, stage=stage, rings=rings, transfer=None)


def _room_left(call: Call, at: float) -> Call:
    for ring in call.rings:
        if ring.open and ring.answered_at is not None:
            call = _ring(call, ring.ring_id, ended_at=at, reason="agent_hung_up")
    # A colleague who is still rung will have the citizen, who hears music until then.
    return replace(call, stage=Stage.CONSULTING if call.ring else Stage.RATING)


def _leg_dialled(call: Call, event: ev.LegDialled) -> Call:
    leg = Leg(event.leg_id, event.number, event.name, event.at, event.why, room=event.room, record=event.record)
    stage = call.stage if event.room else Stage.OUTSIDE
    return replace(
        call,
        stage=stage,
        legs=(*call.legs, leg),
        transfer=None,
        mark=event.mark or call.mark,
        emergency=event.emergency or call.emergency,
    )


def _ring(call: Call, ring_id: str, **changes: object) -> Call:
    rings = tuple(replace(r, **changes) if r.ring_id == ring_id else r for r in call.rings)  # type: ignore[arg-type]
    return replace(call, rings=rings)


def _open_ring(call: Call, ring_id: str) -> Ring | None:
    return next((ring for ring in call.rings if ring.open and ring.ring_id == ring_id), None)


def _ring_ended(call: Call, ring: Ring, event: ev.RingEnded) -> Call:
    if ring.room and ring.answered_at is not None:
        return call
    ended = _ring(call, event.ring_id, ended_at=event.at, reason=event.reason)
    if ring.room:
        return replace(ended, transfer=None)
    return ended if call.stage is Stage.DIALLING else replace(ended, stage=Stage.WAITING)


def _leg_ended(call: Call, event: ev.LegEnded) -> Call:
    assert call.leg
    met = call.leg.answered_at is not None
    reason = "hung_up" if met else call.leg.reason or event.reason
    stage = Stage.RATING if met and not call.leg.room else call.stage
    return _leg(replace(call, stage=stage, transfer=None), ended_at=event.at, reason=reason)


def _leg(call: Call, **changes: object) -> Call:
    """The call with changes to the last of its legs."""
    return replace(call, legs=(*call.legs[:-1], replace(call.legs[-1], **changes)))  # type: ignore[arg-type]


def _close(call: Call, at: float, reason: str) -> Call:
    """The call without a ring or a leg under way."""
    for ring in call.rings:
        call = _ring(call, ring.ring_id, ended_at=at, reason=reason) if ring.open else call
    return _leg(call, ended_at=at, reason=reason) if call.leg else call
