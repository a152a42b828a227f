"""/api/marks: nuisance callers. A supervisor sets and lifts marks, always with a reason; an agent proposes."""

from __future__ import annotations

from urllib.parse import unquote

from ivr.adapters.web.calls import seen
from ivr.adapters.web.desk import Ask
from ivr.adapters.web.ports import Proposal
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import MarkLift, MarkOrder, MarkProposal, MarksView, MarkView, ProposalView
from ivr.core import events as ev
from ivr.core.marks import Mark
from ivr.core.numbers import national

_DAY_S = 86400


async def list_marks(ask: Ask) -> MarksView:
    """The marks that hold, and what agents have proposed since."""
    deps = ask.parts.deps
    proposals = await deps.store.mark_proposals(deps.clock())
    return MarksView(
        marks=[_view(mark) for mark in deps.live.state().marks.holding(deps.clock())],
        proposals=[_proposal(p) for p in proposals],
    )


async def set_mark(ask: Ask) -> MarkView:
    """Mark a number, or replace its mark."""
    given: MarkOrder = ask.given
    deps = ask.parts.deps
    now = deps.clock()
    if not national(given.number):
        raise Refused("bad_request", "number: no digits")
    event = ev.CallerMarked(now, given.number, ask.who.user, given.reason, now + given.days * _DAY_S)
    await deps.submit(event)
    return _view(Mark(event.number, event.by, event.reason, event.at, event.until))


async def lift_mark(ask: Ask) -> MarkView:
    """The mark that was lifted."""
    given: MarkLift = ask.given
    deps = ask.parts.deps
    mark = deps.live.state().marks.of(unquote(ask.request.match_info["number"]), deps.clock())
    if mark is None:
        raise Refused("mark_not_found")
    await deps.submit(ev.MarkLifted(deps.clock(), mark.number, ask.who.user, given.reason))
    return _view(mark)


async def propose(ask: Ask) -> ProposalView:
    """Ask a supervisor to mark the caller of an own call."""
    given: MarkProposal = ask.given
    deps = ask.parts.deps
    row, _ = await seen(ask)
    if not national(row.ani):
        raise Refused("number_withheld")
    event = ev.MarkProposed(deps.clock(), row.call_id, row.ani, ask.who.user, given.reason)
    await deps.submit(event)
    return ProposalView(call_id=row.call_id, number=event.number, by=event.by, reason=event.reason, at=event.at)


async def decline(ask: Ask) -> ProposalView:
    """The proposal that was declined."""
    given: MarkLift = ask.given
    deps = ask.parts.deps
    call_id = ask.request.match_info["call_id"]
    proposals = await deps.store.mark_proposals(deps.clock())
    found = next((p for p in proposals if p.call_id == call_id), None)
    if found is None:
        raise Refused("proposal_not_found")
    await deps.submit(ev.MarkDeclined(deps.clock(), call_id, ask.who.user, given.reason))
    return _proposal(found)


def _proposal(p: Proposal) -> ProposalView:
    return ProposalView(call_id=p.call_id, number=p.number, by=p.by, reason=p.reason, at=p.at)


def _view(mark: Mark) -> MarkView:
    return MarkView(number=mark.number, by=mark.by, reason=mark.reason, set_at=mark.set_at, until=mark.until)
