"""What every request has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ivr.adapters.web.access import Access, Identity
from ivr.adapters.web.live import LiveFeed
from ivr.adapters.web.metrics import Metrics
from ivr.adapters.web.ports import Deps


@dataclass(frozen=True, slots=True)
class Parts:
    """Made once per server."""

    deps: Deps
    access: Access
    feed: LiveFeed
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Ask:
    """One request whose sender may ask it. `given` is the checked body or query of the route's own model."""

    request: web.Request
    parts: Parts
    who: Identity
    given: Any


PARTS = web.AppKey("parts", Parts)
