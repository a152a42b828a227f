"""/health and /metrics: for whoever watches over the hotline."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from ivr.adapters.web.desk import Ask
from ivr.adapters.web.schemas import Health


async def alive(ask: Ask) -> Health:
    return Health(ok=True, checks=[])


async def ready(ask: Ask) -> web.StreamResponse:
    checks = list(ask.parts.deps.checks())
    health = Health(ok=all(check.ok for check in checks if check.needed), checks=checks)
    return web.json_response(text=health.model_dump_json(), status=200 if health.ok else 503)


async def metrics(ask: Ask) -> web.StreamResponse:
    body = ask.parts.metrics.render(await ask.parts.deps.store.notes_pending())
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
