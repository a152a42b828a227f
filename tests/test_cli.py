"""The command line, as a person uses it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.adapters.web.openapi import openapi

REPO = Path(__file__).parents[1]


def ivr(state: Path, *words: str, said: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ivr", *words],
        cwd=REPO,
        env={**os.environ, "IVR_STATE__DIR": str(state), "IVR_SPEECH__FETCH": "false", "COLUMNS": "200", **env},
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_check(tmp_path: Path) -> None:
    run = ivr(tmp_path, "check")
    assert run.returncode == 0, run.stdout
    assert "all good" in run.stdout


@pytest.mark.parametrize(
    ("keys", "words", "end"),
    [
        ("2\n", (), "政企通（enterprise）"),
        ("\n", (), "综合席（general）"),
        ("7\n", (), "综合席（general）"),
        ("", ("--from", "+8613907330001"), "人大代表专席（deputies）"),
        ("", ("--to", "12346"), "人大代表专席（deputies）"),
    ],
)
def test_try(tmp_path: Path, keys: str, words: tuple[str, ...], end: str) -> None:
    run = ivr(tmp_path, "try", *words, said=keys)
    assert run.returncode == 0, run.stderr
    assert end in run.stdout.splitlines()[-1]


def test_draw(tmp_path: Path) -> None:
    run = ivr(tmp_path, "draw")
    assert run.stdout.startswith("flowchart") and "按 2" in run.stdout


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    run = ivr(tmp_path, "doctor")
    assert "ivr models install" in run.stdout


def test_token_is_printed_and_nothing_else(tmp_path: Path) -> None:
    run = ivr(tmp_path, "token", "--role", "supervisor")
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.strip()) > 30 and len(run.stdout.splitlines()) == 1
    assert ivr(tmp_path, "token", "--role", "king").returncode == 1


def test_a_mistake_is_a_sentence_and_not_a_traceback(tmp_path: Path) -> None:
    run = ivr(tmp_path, "check", IVR_WEB__PORT="0")
    assert run.returncode == 1
    assert "web.port" in run.stderr and "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("kind", "key"), [("tcp", "IVR_WEB__PORT"), ("tcp", "IVR_AMI__PORT"), ("udp", "IVR_SIP__PORT")]
)
@pytest.mark.e2e
def test_a_port_in_use_is_one_sentence_and_a_failure(unpacked: None, tmp_path: Path, kind: str, key: str) -> None:
    from tests.e2e import asterisk as real

    real.share_tree(tmp_path)
    ports = real.ports()
    env = {f"IVR_{s}__{k}".upper(): str(v) for s, values in ports.items() for k, v in values.items()}
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == "tcp":
            taken.listen()
        port = str(taken.getsockname()[1])
        run = ivr(tmp_path, "run", **{**env, key: port})
    assert run.returncode == 1
    sentence = run.stderr.strip().splitlines()[-1]
    assert port in sentence and "in use" in sentence, run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.glob("run-asterisk/started.json")), "Asterisk was left running"


def test_the_console_is_built_for_this_interface() -> None:
    committed = json.loads((REPO / "agent_console/openapi.json").read_text("utf-8"))
    assert committed == openapi(), "run: .venv/bin/ivr openapi > agent_console/openapi.json"
