"""The web server: the application, what surrounds every request, and listening."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ivr.adapters.web import console, problems
from ivr.adapters.web.access import Access, refuse_other_sites
from ivr.adapters.web.desk import PARTS, Parts
from ivr.adapters.web.live import LiveFeed
from ivr.adapters.web.metrics import Metrics
from ivr.adapters.web.ports import Deps
from ivr.adapters.web.routes import ROUTES, endpoint
from ivr.core.errors import WebError

MOST_BODY_BYTES = 64 * 1024
CLOSE_S = 5.0
"""How long requests under way may take when the server stops."""

log = structlog.get_logger()

_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(deps: Deps) -> web.Application:
    """The application, with its `Parts` under `PARTS`."""
    access = Access(deps.store, loopback=deps.loopback, port=deps.port, clock=deps.clock)
    feed = LiveFeed(deps.live, access.still, deps.clock)
    app = web.Application(middlewares=[_answer_problems], client_max_size=MOST_BODY_BYTES)
    app[PARTS] = Parts(deps, access, feed, Metrics(deps.live, deps.checks, deps.clock()))
    for route in ROUTES:
        if route.method == "GET":
            app.router.add_get(route.path, endpoint(route))
        else:
            app.router.add_route(route.method, route.path, endpoint(route))
    app.router.add_get(console.PATH, console.page)
    headers = _security_headers(deps.phone_url)

    async def secure(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")

    app.on_response_prepare.append(secure)
    app.on_shutdown.append(_close_connections)
    app.cleanup_ctx.append(_background)
    return app


class WebServer:
    """The application, listening."""

    def __init__(self, deps: Deps) -> None:
        self._app = create_app(deps)
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=CLOSE_S, logger=_quiet_logger())

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises WebError when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise WebError(_sentence(host, port, error)) from None

    async def stop(self) -> None:
        """Tell the consoles, finish requests under way, and stop listening."""
        await self._runner.cleanup()

    def publish(self, call_ids: Iterable[str] = (), agent_ids: Iterable[str] = ()) -> None:
        """Tell the consoles that these calls and agents have changed or are gone; with neither, that warnings have."""
        publish(self._app, call_ids, agent_ids)


def _quiet_logger() -> logging.Logger:
    """aiohttp's own, without requests that are no HTTP: it would write them down, telephone numbers and all."""
    logger = logging.getLogger("ivr.web")
    logger.addFilter(_is_no_broken_request)
    return logger


def _is_no_broken_request(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def publish(app: web.Application, call_ids: Iterable[str] = (), agent_ids: Iterable[str] = ()) -> None:
    """As `WebServer.publish`, of an application that something else serves."""
    calls = set(call_ids)
    app[PARTS].metrics.publish(calls)
    app[PARTS].feed.publish(calls, agent_ids)


@web.middleware
async def _answer_problems(request: web.Request, handler: _Next) -> web.StreamResponse:
    try:
        refuse_other_sites(request)
        return await handler(request)
    except Exception as error:
        refused = problems.refusal_of(error)
        if refused is None:
            number = secrets.token_hex(4)
            log.exception("request.failed", number=number, method=request.method, route=_route(request))
            refused = problems.Refused("internal_error", number)
        elif problems.PROBLEMS[refused.code].status >= 500:
            log.error("request.failed", code=refused.code, route=_route(request), error=str(error))
        return problems.answer(refused)


def _route(request: web.Request) -> str:
    """The address without ids and numbers of people."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


def _security_headers(phone_url: str) -> dict[str, str]:
    phone = urlsplit(phone_url)
    policy = {
        "default-src": "'self'",
        "connect-src": f"'self' {phone.scheme}://{phone.netloc}",
        # Element Plus sets style attributes.
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "media-src": "'self' blob: mediastream:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


async def _close_connections(app: web.Application) -> None:
    await app[PARTS].feed.close()


async def _background(app: web.Application) -> AsyncIterator[None]:
    lag = asyncio.create_task(app[PARTS].metrics.watch_lag(), name="event loop lag")
    yield
    lag.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await lag
    app[PARTS].access.close()


def _sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program: end it, or set [web] port (IVR_WEB__PORT)."
    if error.errno == errno.EACCES:
        return f"Port {port} on {host} needs root's rights: set [web] port (IVR_WEB__PORT) to one above 1023."
    return f"The web server cannot listen on {host}, port {port}: {error.strerror or error}; see [web] in config.toml."
