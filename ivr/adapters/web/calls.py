"""/api/calls: the archive of calls and their recordings."""

from __future__ import annotations

from aiohttp import web

from ivr.adapters.web.desk import Ask
from ivr.adapters.web.schemas import CallDetail, CallPage


async def list_calls(ask: Ask) -> CallPage:
    raise NotImplementedError


async def call_detail(ask: Ask) -> CallDetail:
    raise NotImplementedError


async def recording(ask: Ask) -> web.StreamResponse:
    raise NotImplementedError
