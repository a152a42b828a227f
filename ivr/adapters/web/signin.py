"""/api/session: signing in and out."""

from __future__ import annotations

from aiohttp import web

from ivr.adapters.web.access import Identity
from ivr.adapters.web.desk import Ask
from ivr.adapters.web.schemas import Me, SignIn


async def sign_in(ask: Ask) -> web.StreamResponse:
    given: SignIn = ask.given
    access = ask.parts.access
    who, cookie = await access.sign_in(ask.request, given.user, given.password)
    response = web.json_response(text=_me(ask, who).model_dump_json())
    access.set_cookie(ask.request, response, cookie)
    return response


async def who_am_i(ask: Ask) -> Me:
    return _me(ask, ask.who)


async def sign_out(ask: Ask) -> web.StreamResponse:
    await ask.parts.access.sign_out(ask.who)
    if ask.who.session:
        await ask.parts.feed.signed_out(ask.who.secret)
    response = web.Response(status=204)
    ask.parts.access.set_cookie(ask.request, response, "")
    return response


def _me(ask: Ask, who: Identity) -> Me:
    return Me(
        user=who.user,
        role=who.role,
        agent_id=who.agent_id,
        name=who.name,
        city=ask.parts.deps.city,
        timezone=ask.parts.deps.live.state().timezone,
        demonstration=who.demonstration,
    )
