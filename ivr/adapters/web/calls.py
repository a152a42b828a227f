"""/api/calls: the archive of calls and their recordings. Agents see the calls that are or were theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from aiohttp import web

from ivr.adapters.web import views
from ivr.adapters.web.desk import Ask
from ivr.adapters.web.ports import CallRow, RingRow
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import CallDetail, CallPage, CallQuery, MoveUp
from ivr.core import events as ev

EARLIER = 20
"""Calls of the same citizen that an agent is shown."""

log = structlog.get_logger()


async def list_calls(ask: Ask) -> CallPage:
    query: CallQuery = ask.given
    deps = ask.parts.deps
    agent_id = query.agent
    if ask.who.role == "agent":
        if not ask.who.agent_id or query.agent not in ("", ask.who.agent_id):
            return CallPage(calls=[], next_before=None)
        agent_id = ask.who.agent_id
    rows = await deps.store.calls(
        since=query.since,
        before=query.before,
        limit=query.limit + 1,
        agent_id=agent_id,
        queue=query.queue,
        outcome=query.outcome or "",
        ani=query.q,
        mark=query.mark,
        hotline=query.hotline,
    )
    return _page(ask, rows, query.limit)


def _page(ask: Ask, rows: Sequence[CallRow], limit: int) -> CallPage:
    """The first `limit` rows; one more tells that there are more."""
    page, more = rows[:limit], len(rows) > limit
    state, now = ask.parts.deps.live.state(), ask.parts.deps.clock()
    return CallPage(
        calls=[views.archived_summary(row, state, now) for row in page],
        next_before=page[-1].arrived_at if more else None,
    )


async def seen(ask: Ask) -> tuple[CallRow, Sequence[RingRow]]:
    """The call that the address names. Refused when who asks may not see it."""
    store, call_id = ask.parts.deps.store, ask.request.match_info["call_id"]
    row, rings = await store.call(call_id), await store.rings(call_id)
    if row is None or not views.may_see(ask.who, rings):
        raise Refused("call_not_found")
    return row, rings


async def call_detail(ask: Ask) -> CallDetail:
    deps = ask.parts.deps
    row, rings = await seen(ask)
    call_id = row.call_id
    recordings = await deps.store.recordings(call_id)
    note = await deps.store.note(call_id)
    timeline = await deps.store.timeline(call_id)
    state = deps.live.state()
    return CallDetail(
        **views.archived_summary(row, state, deps.clock()).model_dump(),
        rings=[views.ring_view(ring, state) for ring in rings],
        legs=views.leg_views(timeline),
        recordings=[views.recording_view(recording) for recording in recordings],
        note=views.note_view(note, bool(recordings)),
        timeline=[views.timeline_entry(entry) for entry in timeline],
    )


async def earlier_calls(ask: Ask) -> CallPage:
    """Whoever has a citizen on the telephone knows what came before, whoever talked with them then."""
    row, _ = await seen(ask)
    return _page(ask, await ask.parts.deps.store.calls_of(row.ani, row.arrived_at, EARLIER + 1), EARLIER)


async def move_up(ask: Ask) -> CallDetail:
    """The call after it. One that was moved up before stays where it is."""
    given: MoveUp = ask.given
    deps = ask.parts.deps
    call_id = ask.request.match_info["call_id"]
    call = deps.live.state().calls.get(call_id)
    if call is None:
        raise Refused("call_not_found")
    if not call.in_line:
        raise Refused("not_waiting")
    await deps.submit(ev.CallMovedUp(deps.clock(), call_id, ask.who.user, given.reason))
    return await call_detail(ask)


async def recording(ask: Ask) -> web.StreamResponse:
    """The file itself; aiohttp answers Range requests."""
    store, folder = ask.parts.deps.store, ask.parts.deps.recordings
    call_id, recording_id = ask.request.match_info["call_id"], ask.request.match_info["recording_id"]
    if not views.may_see(ask.who, await store.rings(call_id)):
        raise Refused("recording_not_found")
    found = next((r for r in await store.recordings(call_id) if r.recording_id == recording_id), None)
    if found is None:
        raise Refused("recording_not_found")
    file = await asyncio.to_thread(_inside, folder, found.path)
    if file is None:
        log.error("recording.missing", recording_id=recording_id, path=found.path)
        raise Refused("recording_file_missing")
    log.info("recording.sent", recording_id=recording_id, user=ask.who.user)
    headers = {"Content-Type": "audio/wav", "Content-Disposition": f'inline; filename="{recording_id}.wav"'}
    return web.FileResponse(file, headers=headers)


def _inside(folder: Path, name: str) -> Path | None:
    """The file, when it is there and below the folder."""
    file = (folder / name).resolve()
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None
