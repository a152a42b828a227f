"""Who may do what: roles, cookies, passwords, tokens, other sites."""

from __future__ import annotations

import re

import pytest

from ivr.adapters.web.access import SESSION_S
from ivr.adapters.web.routes import ROUTES, Route
from ivr.adapters.web.schemas import Problem
from ivr.core.agents import Status
from tests.adapters.web_world import PASSWORD, Build, Client, World, build, world

__all__ = ["build", "world"]

COOKIE = "ivr_session_8080"

BODIES = {
    "/api/session": {"user": "8001", "password": PASSWORD},
    "/api/agents/me": {"order": "sign_in"},
    "/api/calls/{call_id}/proposal": {"reason": "反复辱骂"},
    "/api/calls/{call_id}/move-up": {"reason": "独居老人"},
    "/api/callbacks/{task_id}/close": {"reason": "已当面答复"},
    "/api/desk/transfer": {"kind": "cancel"},
    "/api/marks": {"number": "13800138000", "reason": "反复辱骂"},
    "/api/marks/{number}": {"reason": "已道歉"},
}
QUERIES = dict.fromkeys(("/api/books", "/api/books.csv"), "?from=0&to=86400")

EXPECTED = {
    # address: anonymous, agent, supervisor, admin, agent's program, supervisor's program
    "POST /api/session": (200, 200, 200, 200, 200, 200),
    "GET /api/session": (401, 200, 200, 200, 200, 200),
    "DELETE /api/session": (401, 204, 204, 204, 204, 204),
    "GET /api/calls": (401, 200, 200, 200, 200, 200),
    "GET /api/calls/{call_id}": (401, 200, 200, 200, 404, 200),
    "GET /api/calls/{call_id}/earlier": (401, 200, 200, 200, 404, 200),
    "POST /api/calls/{call_id}/move-up": (401, 403, 409, 409, 403, 409),
    "GET /api/calls/{call_id}/recordings/{recording_id}": (401, 200, 200, 200, 404, 200),
    "POST /api/calls/{call_id}/proposal": (401, 200, 200, 200, 404, 200),
    "DELETE /api/calls/{call_id}/proposal": (401, 403, 404, 404, 403, 404),
    "GET /api/marks": (401, 403, 200, 200, 403, 200),
    "POST /api/marks": (401, 403, 200, 200, 403, 200),
    "DELETE /api/marks/{number}": (401, 403, 404, 404, 403, 404),
    "GET /api/books": (401, 403, 200, 200, 403, 200),
    "GET /api/books.csv": (401, 403, 200, 200, 403, 200),
    "GET /api/callbacks": (401, 403, 200, 200, 403, 200),
    "POST /api/callbacks/{task_id}/call": (401, 403, 404, 404, 403, 404),
    "POST /api/callbacks/{task_id}/close": (401, 403, 404, 404, 403, 404),
    "GET /api/desk/departments": (401, 200, 200, 200, 200, 200),
    "POST /api/desk/transfer": (401, 409, 403, 403, 403, 403),
    "POST /api/agents/me": (401, 200, 403, 403, 403, 403),
    "GET /api/phone": (401, 200, 403, 403, 403, 403),
    "GET /api/phone/citizen": (401, 200, 200, 200, 200, 200),
    "GET /api/live": (401, 400, 400, 400, 400, 400),  # 400: not a WebSocket handshake
    "GET /api/openapi.json": (200, 200, 200, 200, 200, 200),
    "GET /health/live": (200, 200, 200, 200, 200, 200),
    "GET /health/ready": (200, 200, 200, 200, 200, 200),
    "GET /metrics": (401, 403, 200, 200, 403, 200),
}
ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
"""As a proxy on this machine passes on a request from outside: /metrics asks strangers for a token."""


async def ask(client: Client, route: Route, call_id: str) -> int:
    names = {"call_id": call_id, "recording_id": f"{call_id}-1-caller", "number": "110", "task_id": "cb-none"}
    path = route.path.format(**names) + QUERIES.get(route.path, "")
    async with client.request(route.method, path, json=BODIES.get(route.path), headers=ELSEWHERE) as answer:
        if answer.status >= 400:
            Problem.model_validate(await answer.json())
        return answer.status


def test_the_matrix_names_every_route() -> None:
    assert set(EXPECTED) == {f"{route.method} {route.path}" for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_who_may_do_what(world: World, route: Route) -> None:
    call_id = await world.talk("8001")
    clients = (
        await world.client(),
        await world.browser("8001"),
        await world.browser("banzhang"),
        await world.browser("admin"),
        await world.program("agent"),
        await world.program("supervisor"),
    )
    statuses = tuple([await ask(client, route, call_id) for client in clients])
    assert statuses == EXPECTED[f"{route.method} {route.path}"]


async def test_signing_in_and_out(world: World) -> None:
    client = await world.client()
    answer = await client.post("/api/session", json={"user": "8001", "password": PASSWORD})
    assert await answer.json() == {
        "user": "8001", "role": "agent", "agent_id": "8001", "name": "谭思琦", "city": "株洲",
        "timezone": "Asia/Shanghai", "demonstration": False,
    }  # fmt: skip
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert len(re.search(rf"{COOKIE}=([\w-]+)", cookie)[1]) >= 43
    assert (await client.get("/api/session")).status == 200
    kept = {"Cookie": cookie.partition(";")[0]}
    assert (await client.delete("/api/session")).status == 204
    assert (await (await world.client()).get("/api/session", headers=kept)).status == 401


async def test_the_store_knows_no_cookie(world: World) -> None:
    client = await world.browser("8001")
    value = next(c.value for c in client.session.cookie_jar if c.key == COOKIE)
    for file in world.folder.glob("hotline.db*"):
        assert value.encode() not in file.read_bytes()


async def test_a_session_ends_after_a_shift(world: World) -> None:
    client = await world.browser("8001")
    world.now += SESSION_S - 60
    assert (await client.get("/api/session")).status == 200
    world.now += 120
    assert (await client.get("/api/session")).status == 401


async def test_an_account_that_was_removed_is_signed_out(world: World) -> None:
    client = await world.browser("8001")
    await world.store.remove_account("8001")
    assert (await client.get("/api/session")).status == 401


@pytest.mark.parametrize("user", ["8001", "nobody"])
async def test_a_wrong_password_and_an_unknown_user_look_the_same_and_slow_down(world: World, user: str) -> None:
    client = await world.client()
    wrong = {"user": user, "password": "x"}
    answers = [await client.post("/api/session", json=wrong) for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    assert (await answers[0].json())["code"] == "wrong_password"
    assert answers[3].headers["Retry-After"] == "1"
    assert "1 秒" in (await answers[3].json())["zh"]
    world.now += 60
    right = await client.post("/api/session", json={"user": "8001", "password": PASSWORD})
    assert right.status == 200


async def test_a_wrong_token_is_refused_even_with_a_good_cookie(world: World) -> None:
    client = await world.browser("8001")
    answer = await client.get("/api/session", headers={"Authorization": "Bearer wrong"})
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_token_that_was_removed_opens_nothing(world: World) -> None:
    program = await world.program("admin")
    assert (await program.get("/api/calls")).status == 200
    for token in await world.store.tokens():
        await world.store.remove_token(token.token_hash)
    assert (await program.get("/api/calls")).status == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("null", 403),
        ("http://{host}", 200),
        ("https://{host}", 200),  # TLS ends at the proxy
        (None, 200),
    ],
)
async def test_pages_of_other_sites_change_nothing(world: World, origin: str | None, status: int) -> None:
    client = await world.browser("8001")
    host = f"127.0.0.1:{world.server.port}"
    headers = {"Origin": origin.format(host=host)} if origin else {}
    answer = await client.post("/api/agents/me", json={"order": "sign_in"}, headers=headers)
    assert answer.status == status
    expected = Status.AWAY if status == 200 else Status.SIGNED_OUT
    assert world.floor.agents["8001"].status is expected


async def test_pages_of_other_sites_hear_nothing(world: World) -> None:
    client = await world.browser("8001")
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "http://evil.example"}
    answer = await client.get("/api/live", headers=handshake)
    assert (answer.status, (await answer.json())["code"]) == (403, "foreign_origin")


async def test_demonstration_accounts_work_on_the_own_machine_only(build: Build) -> None:
    given = {"user": "demo", "password": PASSWORD}
    client = await (await build()).client()
    assert (await (await client.post("/api/session", json=given)).json())["demonstration"] is True
    assert (await client.get("/api/session")).status == 200
    assert (await client.get("/api/session", headers=ELSEWHERE)).status == 401
    answer = await client.post("/api/session", json=given, headers=ELSEWHERE)
    assert (answer.status, (await answer.json())["code"]) == (403, "demonstration_refused")

    cookies = {COOKIE: next(c.value for c in client.session.cookie_jar if c.key == COOKIE)}
    public = await (await build(loopback=False)).client()
    assert (await public.get("/api/session", cookies=cookies)).status == 401
    answer = await public.post("/api/session", json=given)
    assert (answer.status, (await answer.json())["code"]) == (403, "demonstration_refused")


async def test_the_cookie_is_secure_where_others_can_listen(build: Build) -> None:
    client = await (await build(loopback=False)).client()
    answer = await client.post("/api/session", json={"user": "8001", "password": PASSWORD})
    assert "Secure" in answer.headers["Set-Cookie"]


async def test_no_password_travels_in_the_clear(build: Build) -> None:
    given = {"user": "8001", "password": PASSWORD}
    client = await (await build(loopback=False)).client()
    answer = await client.post("/api/session", json=given, headers=ELSEWHERE)
    assert (answer.status, (await answer.json())["code"]) == (403, "https_needed")
    answer = await client.post("/api/session", json=given, headers={**ELSEWHERE, "X-Forwarded-Proto": "https"})
    assert answer.status == 200


async def test_orders_change_the_agents_own_state(world: World) -> None:
    client = await world.browser("8001")
    states = []
    for order in ("sign_in", "ready", "ready", "break", "sign_out"):
        answer = await client.post("/api/agents/me", json={"order": order})
        view = await answer.json()
        states.append(view["status"])
        assert (view["agent_id"], view["skills"]) == ("8001", ["enterprise", "general"])
    assert states == ["away", "ready", "ready", "away", "signed_out"]
    assert (await client.post("/api/agents/me", json={"order": "dance"})).status == 400


async def test_phones(world: World) -> None:
    client = await world.browser("8001")
    own = await (await client.get("/api/phone")).json()
    assert (own["user"], own["register_phone"], own["dial"]) == ("8001", True, "")
    citizen = await (await client.get("/api/phone/citizen")).json()
    assert (citizen["user"], citizen["register_phone"], citizen["dial"]) == ("citizen", False, "12345")
