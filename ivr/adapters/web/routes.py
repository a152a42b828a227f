"""Every address of the JSON interface, in one table: the router and the OpenAPI document are both made from it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ivr.adapters.web import agents, books, callbacks, calls, health, marks, signin, transfers
from ivr.adapters.web.access import Identity, client_address, on_loopback
from ivr.adapters.web.desk import PARTS, Ask
from ivr.adapters.web.problems import Refused
from ivr.adapters.web.schemas import (
    AgentOrder,
    AgentView,
    BooksQuery,
    BooksView,
    CallbackClosing,
    CallbackList,
    CallbackQuery,
    CallbackView,
    CallDetail,
    CallPage,
    CallQuery,
    CallSummary,
    Departments,
    Health,
    MarkLift,
    MarkOrder,
    MarkProposal,
    MarksView,
    MarkView,
    Me,
    MoveUp,
    PhoneSettings,
    ProposalView,
    Role,
    SignIn,
    TransferOrder,
)

ANYBODY: frozenset[Role] = frozenset()
EVERYONE: frozenset[Role] = frozenset({"agent", "supervisor", "admin"})
OFFICE: frozenset[Role] = frozenset({"supervisor", "admin"})

NOBODY = Identity("", "agent")
"""Who asks where no sign-in is needed."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address."""

    method: str
    path: str
    run: Callable[[Ask], Awaitable[BaseModel | web.StreamResponse]]
    roles: frozenset[Role]
    """Who may; empty: anybody, signed in or not."""
    summary: str
    answer: type[BaseModel] | None = None
    """What comes back as JSON; None when `media` says otherwise."""
    given: type[BaseModel] | None = None
    """The query of a GET, else the JSON body."""
    media: str = "application/json"
    status: int = 200
    local: bool = False
    """True: this machine needs no sign-in."""


async def openapi_document(ask: Ask) -> web.StreamResponse:
    """The description of this interface."""
    # Imported late: it is made from the table below, and `python -m` wants to be the first to import it.
    from ivr.adapters.web.openapi import openapi

    return web.json_response(openapi(), dumps=partial(json.dumps, ensure_ascii=False))


async def live(ask: Ask) -> web.StreamResponse:
    """The WebSocket."""
    return await ask.parts.feed.serve(ask.request, ask.who)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/api/session", signin.sign_in, ANYBODY, "Sign in; sets the session cookie", Me, SignIn),
    Route("GET", "/api/session", signin.who_am_i, EVERYONE, "Who is signed in", Me),
    Route("DELETE", "/api/session", signin.sign_out, EVERYONE, "Sign out", status=204),
    Route("GET", "/api/calls", calls.list_calls, EVERYONE, "Calls, newest first", CallPage, CallQuery),
    Route("GET", "/api/calls/{call_id}", calls.call_detail, EVERYONE, "One call and its story", CallDetail),
    Route(
        "GET",
        "/api/calls/{call_id}/earlier",
        calls.earlier_calls,
        EVERYONE,
        "Its caller's calls before it, newest first",
        CallPage,
    ),
    Route(
        "POST",
        "/api/calls/{call_id}/move-up",
        calls.move_up,
        OFFICE,
        "Put a waiting caller before everybody else, with a reason",
        CallDetail,
        MoveUp,
    ),
    Route(
        "GET",
        "/api/calls/{call_id}/recordings/{recording_id}",
        calls.recording,
        EVERYONE,
        "The sound of one leg; understands Range",
        media="audio/wav",
    ),
    Route(
        "POST",
        "/api/calls/{call_id}/proposal",
        marks.propose,
        EVERYONE,
        "Propose that its caller be marked as a nuisance",
        ProposalView,
        MarkProposal,
    ),
    Route(
        "DELETE",
        "/api/calls/{call_id}/proposal",
        marks.decline,
        OFFICE,
        "Decline an agent's proposal, with a reason",
        ProposalView,
        MarkLift,
    ),
    Route("GET", "/api/marks", marks.list_marks, OFFICE, "Nuisance callers, and who is proposed", MarksView),
    Route("POST", "/api/marks", marks.set_mark, OFFICE, "Mark a nuisance caller", MarkView, MarkOrder),
    Route("DELETE", "/api/marks/{number}", marks.lift_mark, OFFICE, "Lift a mark", MarkView, MarkLift),
    Route("GET", "/api/books", books.books, OFFICE, "Calls by interval and queue", BooksView, BooksQuery),
    Route(
        "GET",
        "/api/books.csv",
        books.books_csv,
        OFFICE,
        "The same as a table for Excel, with Chinese headings",
        given=BooksQuery,
        media="text/csv",
    ),
    Route("POST", "/api/agents/me", agents.order, EVERYONE, "Change one's own state", AgentView, AgentOrder),
    Route(
        "GET", "/api/desk/departments", transfers.departments, EVERYONE, "To whom citizens can be given", Departments
    ),
    Route(
        "POST",
        "/api/desk/transfer",
        transfers.transfer,
        EVERYONE,
        "Give the citizen on, or bring somebody in",
        CallSummary,
        TransferOrder,
    ),
    Route("GET", "/api/phone", agents.own_phone, EVERYONE, "Settings of the agent's own telephone", PhoneSettings),
    Route(
        "GET",
        "/api/phone/citizen",
        agents.citizen_phone,
        EVERYONE,
        "Settings of the citizen's web phone",
        PhoneSettings,
    ),
    Route("GET", "/api/callbacks", callbacks.list_callbacks, OFFICE, "Whom to call back", CallbackList, CallbackQuery),
    Route(
        "POST",
        "/api/callbacks/{task_id}/close",
        callbacks.close,
        OFFICE,
        "Close a task without a talk",
        CallbackView,
        CallbackClosing,
    ),
    Route("POST", "/api/callbacks/{task_id}/call", callbacks.call_now, OFFICE, "Call back now", CallbackView),
    Route("GET", "/api/live", live, EVERYONE, "WebSocket: `Snapshot`, then `Change`s (see `Live`)", status=101),
    Route("GET", "/api/openapi.json", openapi_document, ANYBODY, "This document"),
    Route("GET", "/health/live", health.alive, ANYBODY, "The server runs", Health),
    Route("GET", "/health/ready", health.ready, ANYBODY, "The hotline can take calls; 503 when not", Health),
    Route("GET", "/metrics", health.metrics, OFFICE, "Figures for Prometheus", media="text/plain", local=True),
)


def endpoint(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp side of a route: who asks, may they, what is given, and the answer as JSON."""

    async def serve(request: web.Request) -> web.StreamResponse:
        parts = request.app[PARTS]
        who = NOBODY
        if route.roles and not (route.local and _from_this_machine(request)):
            known = await parts.access.identify(request)
            if known is None:
                raise Refused("sign_in_needed", headers={"WWW-Authenticate": "Bearer"})
            if known.role not in route.roles:
                raise Refused("role_refused")
            who = known
        answer = await route.run(Ask(request, parts, who, await _given(route, request)))
        if isinstance(answer, BaseModel):
            return web.json_response(text=answer.model_dump_json(), status=route.status)
        return answer

    return serve


def _from_this_machine(request: web.Request) -> bool:
    return on_loopback(request.remote or "") and on_loopback(client_address(request))


async def _given(route: Route, request: web.Request) -> Any:
    if route.given is None:
        return None
    try:
        if route.method == "GET":
            return route.given.model_validate(dict(request.query))
        return route.given.model_validate_json(await request.read())
    except ValidationError as error:
        raise Refused("bad_request", _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    """The first mistake, by the field's name; never the value, which may be a password."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]
