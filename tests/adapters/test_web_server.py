"""Health, figures, OpenAPI, pages, errors, headers, listening."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ivr.adapters.web import WebServer
from ivr.adapters.web.desk import PARTS
from ivr.adapters.web.openapi import openapi
from ivr.adapters.web.problems import PROBLEMS
from ivr.adapters.web.routes import ROUTES
from ivr.core import events as ev
from ivr.core.errors import StoreError, WebError
from tests.adapters.web_world import World, build, world

__all__ = ["build", "world"]

REPO = Path(__file__).parents[2]


# --- health and figures -----------------------------------------------------------------------------------------------


async def test_ready_names_what_is_missing(world: World) -> None:
    client = await world.client()
    answer = await client.get("/health/ready")
    assert (answer.status, (await answer.json())["ok"]) == (200, True)
    world.broken = {"recogniser"}
    assert (await client.get("/health/ready")).status == 200
    world.broken = {"recogniser", "ami"}
    answer = await client.get("/health/ready")
    health = await answer.json()
    assert (answer.status, health["ok"]) == (503, False)
    assert {check["name"] for check in health["checks"] if not check["ok"]} == {"recogniser", "ami"}
    assert (await client.get("/health/live")).status == 200


async def figures(world: World) -> dict[str, float]:
    """Samples by name and labels."""
    answer = await (await world.client()).get("/metrics")
    assert answer.status == 200
    families = text_string_to_metric_families(await answer.text())
    return {
        f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}": s.value
        for family in families
        for s in family.samples
    }


async def test_figures_follow_the_calls(world: World) -> None:
    await world.talk("8001")
    lost = await world.arrive("2")
    await world.arrive("2")
    world.now += 17
    await world.tell(ev.CallerHungUp(world.clock(), lost, 16))
    world.app[PARTS].metrics.publish([lost])
    told = await figures(world)
    assert told["ivr_calls_total{outcome=answered}"] == 1
    assert told["ivr_calls_total{outcome=abandoned}"] == 1
    assert told["ivr_calls_total{outcome=fell_back}"] == 0
    assert told["ivr_live_calls{stage=waiting}"] == 1
    assert told["ivr_agents{status=wrap_up}"] == 1
    assert told["ivr_agents{status=signed_out}"] == 2
    assert told["ivr_queue_wait_seconds_bucket{le=15.0,outcome=abandoned,queue=enterprise}"] == 0
    assert told["ivr_queue_wait_seconds_bucket{le=20.0,outcome=abandoned,queue=enterprise}"] == 1
    assert told["ivr_ami_link_up{}"] == 1
    assert told["ivr_notes_pending{}"] == 0
    world.broken = {"ami"}
    await world.store.want_note(lost)
    told = await figures(world)
    assert told["ivr_ami_link_up{}"] == 0
    assert told["ivr_notes_pending{}"] == 1


async def test_every_figure_is_in_the_docs_and_the_other_way_round(world: World) -> None:
    documented = set(re.findall(r"^\| `(ivr_\w+)`", (REPO / "docs/metrics.md").read_text("utf-8"), re.M))
    registry = world.app[PARTS].metrics.registry
    shown = {f"{m.name}_total" if m.type == "counter" else m.name for m in registry.collect()}
    assert shown == documented


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(v) for v in value.values()))
    return set().union(*(references(v) for v in value)) if isinstance(value, list) else set()


def test_openapi_describes_every_route_and_has_no_loose_ends() -> None:
    document = openapi()
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert described == {f"{route.method} {route.path}" for route in ROUTES}
    schemas = document["components"]["schemas"]
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}
    assert {"Live", "Snapshot", "Change", "LiveRequest", "Problem"} <= set(schemas)
    names = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


async def test_openapi_is_served_and_printed_alike(world: World) -> None:
    served = await (await (await world.client()).get("/api/openapi.json")).json()
    command = (sys.executable, "-W", "error", "-m", "ivr.adapters.web.openapi")
    printed = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True, cwd=REPO)
    assert served == json.loads(printed.stdout) == openapi()


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_a_console_that_was_not_built_says_how(world: World) -> None:
    answer = await (await world.client()).get("/", headers={"Accept": "text/html"})
    assert answer.status == 503
    assert "make run" in await answer.text()


@pytest.fixture
def dist(world: World) -> Path:
    folder = world.folder / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<p>首页</p>", "utf-8")
    (folder / "assets/index-a1b2.js").write_text("1")
    (world.folder / "secret.txt").write_text("secret")
    return folder


async def test_pages_and_their_caching(world: World, dist: Path) -> None:
    client = await world.client()
    html = {"Accept": "text/html"}
    for path in ("/", "/calls/1700000000.1", "/phone"):
        answer = await client.get(path, headers=html)
        assert (answer.status, await answer.text()) == (200, "<p>首页</p>")
        assert answer.headers["Cache-Control"] == "no-cache"
    answer = await client.get("/assets/index-a1b2.js")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] in ("text/javascript", "application/javascript")
    for path in ("/assets/index-old.js", "/api/nothing", "/health/nothing"):
        answer = await client.get(path, headers=html)
        assert (answer.status, (await answer.json())["code"]) == (404, "not_found")
    assert (await client.get("/robots.txt")).status == 404


@pytest.mark.parametrize(
    "path", ["../secret.txt", "..%2fsecret.txt", "assets/..%2f..%2fsecret.txt", "%00", "%2fetc/passwd"]
)
async def test_nothing_outside_the_folder_is_served(world: World, dist: Path, path: str) -> None:
    (dist / "link").symlink_to(world.folder)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    for target in (path, "link/secret.txt"):
        writer.write(f"GET /{target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 404 " in head.splitlines()[0] or b" 400 " in head.splitlines()[0]
        body = await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
        assert b"secret" not in body
    writer.close()


async def test_every_answer_carries_the_security_headers(world: World, dist: Path) -> None:
    client = await world.browser("8001")
    for path in ("/", "/api/session", "/api/nothing", "/assets/index-a1b2.js"):
        headers = (await client.get(path)).headers
        assert "connect-src 'self' ws://127.0.0.1:8088;" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
    assert (await client.get("/api/session")).headers["Cache-Control"] == "no-store"


# --- errors -----------------------------------------------------------------------------------------------------------


async def test_an_unexpected_fault_is_told_with_a_number_and_nothing_else(world: World) -> None:
    client = await world.browser("8001")
    world.state = lambda: {}["secret"]
    answer = await client.post("/api/agents/me", json={"order": "ready"})
    text = await answer.text()
    assert (answer.status, json.loads(text)["code"]) == (500, "internal_error")
    assert re.search(r"编号 [0-9a-f]{8} ", text)
    assert "secret" not in text


async def test_a_broken_store_is_told_as_such(world: World) -> None:
    client = await world.browser("8001")

    async def broken(*_: object) -> None:
        raise StoreError("hotline.db: the disk is full.")

    world.store.session = broken
    answer = await client.get("/api/calls")
    assert (answer.status, (await answer.json())["code"]) == (503, "store_failed")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PUT", "/api/session", b"", 405, "method_not_allowed"),
        ("POST", "/api/session", b"{", 400, "bad_request"),
        ("POST", "/api/session", b'{"user":"8001"}', 400, "bad_request"),
        ("POST", "/api/session", b'{"user":"8001","password":"x","more":1}', 400, "bad_request"),
        ("POST", "/api/session", b"x" * 70_000, 413, "too_large"),
        ("POST", "/api/nothing", b"", 404, "not_found"),
    ],
)
async def test_every_error_is_a_problem(
    world: World, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    answer = await (await world.client()).request(method, path, data=body)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (status, code)
    assert problem["zh"]
    assert problem["en"]


async def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(world: World) -> None:
    answer = await (await world.client()).put("/api/session")
    assert answer.headers["Allow"] == "DELETE,GET,HEAD,POST"


def test_every_sentence_is_in_both_languages() -> None:
    for code, kind in PROBLEMS.items():
        assert re.search(r"[\u4e00-\u9fff]", kind.zh), code
        assert not re.search(r"[\u4e00-\u9fff]", kind.en), code
        assert ("{detail}" in kind.zh) == ("{detail}" in kind.en), code


# --- listening --------------------------------------------------------------------------------------------------------


async def test_a_port_in_use_is_told_by_number_and_key(world: World) -> None:
    server = WebServer(world.app[PARTS].deps)
    with pytest.raises(WebError, match=rf"Port {world.server.port} on 127.0.0.1 is in use.*IVR_WEB__PORT"):
        await server.start("127.0.0.1", world.server.port)


async def test_start_and_stop(world: World, unused_tcp_port: int) -> None:
    server = WebServer(world.app[PARTS].deps)
    await server.start("127.0.0.1", unused_tcp_port)
    client = await world.client()
    async with client.session.get(f"http://127.0.0.1:{unused_tcp_port}/health/live") as answer:
        assert answer.status == 200
    server.publish({"1700000000.1"}, {"8001"})
    await server.stop()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", unused_tcp_port)


async def test_a_request_that_is_no_http_is_not_written_down(
    world: World, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It may hold a telephone number, and anybody can send it as often as they like."""
    server = WebServer(world.app[PARTS].deps)
    await server.start("127.0.0.1", unused_tcp_port)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(b"GET /api/calls?q=138 0013 8000 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
    finally:
        await server.stop()
    assert not caplog.records
