"""The command line, as a person uses it."""

from __future__ import annotations

import json
import os
import shutil
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
        ("2\n", (), "政企通（enterprise），优先级 5，原因：按键 2"),
        ("\n", (), "综合席（general），优先级 0，原因：未按键"),
        ("7\n", (), "综合席（general）"),
        ("\n", ("--to", "12346"), "人大代表专席（deputies）"),
        ("111111\n222222\n333333\n", ("--to", "12346"), "人大代表专席（deputies）"),
        ("", ("--to", "12348"), "综合席（general）"),
    ],
)
def test_try(tmp_path: Path, keys: str, words: tuple[str, ...], end: str) -> None:
    run = ivr(tmp_path, "try", *words, said=keys)
    assert run.returncode == 0, run.stderr
    assert end in run.stdout.splitlines()[-1]


OFFICE = """
[hours.office]
workdays = ["08:30-12:00", "14:30-17:30"]
"""


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """The configuration of a city whose enterprise desk keeps office hours."""
    (tmp_path / "prompts").symlink_to(REPO / "prompts")
    shutil.copytree(REPO / "dialplans", tmp_path / "dialplans")
    shutil.copy(REPO / "config.toml", tmp_path)
    file = tmp_path / "dialplans/city.toml"
    key = 'key.2 = { queue = "enterprise", mark = "enterprise" }'
    text = file.read_text("utf-8")
    assert key in text
    closed = key.replace(" }", ', hours = "office", closed = { queue = "general", mark = "enterprise" } }')
    file.write_text(text.replace(key, closed) + OFFICE, "utf-8")
    return tmp_path / "config.toml"


@pytest.mark.parametrize(
    ("at", "lines"),
    [
        (
            "2026-10-01 09:00",
            [
                "2026-10-01 09:00 星期四（Asia/Shanghai），13800138000 拨打 12345",
                "1. 拨打的号码 12345 在 city.toml 中列出",
                "   播放：您好，株洲幺二三四五。本次通话将会录音。企业请按二，其他请稍候。",
                "2. 按键 2",
                "   时段 office：不开放（国庆节假期，全天不开放）",
                "   进入队列：综合席（general），优先级 0，标记 enterprise",
                "   排队中可按键：1（不想等待请按一，我们给您打回去。），配置了外呼线路才播放",
            ],
        ),
        (
            "2026-10-10T09:00",
            [
                "2. 按键 2",
                "   时段 office：开放（国庆节调休上班，08:30-12:00）",
                "   进入队列：政企通（enterprise），优先级 5，标记 enterprise",
                "   无人签入时：转入队列 综合席（general）",
                "   排队中可按键：1（不想等待请按一，我们给您打回去。），配置了外呼线路才播放",
            ],
        ),
    ],
)
def test_explain(tmp_path: Path, city: Path, at: str, lines: list[str]) -> None:
    run = ivr(tmp_path, "explain", "--config", str(city), "--at", at, "--from", "13800138000", "--keys", "2")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-len(lines) :] == lines


def test_explain_a_silent_caller_and_a_known_one(tmp_path: Path) -> None:
    silent = ivr(tmp_path, "explain", "--from", "")
    assert "2. 未按键\n   进入队列：综合席（general）" in silent.stdout and "匿名号码" in silent.stdout
    file = tmp_path / "deputies.csv"
    file.write_text("姓名,层级,电话\n张三,市,13907330001\n", "utf-8")
    ivr(tmp_path, "deputies", "import", str(file))
    known = ivr(tmp_path, "explain", "--from", "+8613907330001")
    assert "来电人：张三（市级），在人大代表名册中\n1. 来电号码已登记" in known.stdout
    tried = ivr(tmp_path, "try", "--from", "13907330001").stdout.splitlines()
    assert tried[0] == "来电人：张三（市级），在人大代表名册中" and "人大代表专席（deputies）" in tried[-1]


def test_try_at_another_time(tmp_path: Path, city: Path) -> None:
    for at, end in (("2026-10-01 09:00", "general"), ("2026-10-10 09:00", "enterprise")):
        run = ivr(tmp_path, "try", "--config", str(city), "--at", at, said="2\n")
        assert end in run.stdout.splitlines()[-1], run.stderr


@pytest.mark.parametrize("at", ["9999-12-31 23:59", "tomorrow", "2026-02-30 09:00", "0001-01-01 00:00", "[red]"])
def test_no_time_is_a_sentence(tmp_path: Path, at: str) -> None:
    run = ivr(tmp_path, "explain", "--at", at)
    assert run.returncode == 1
    assert run.stderr == f"--at: '{at}' is no time; write \"2026-10-01 09:00\".\n"


def test_check_says_what_is_wrong_with_the_hours(tmp_path: Path, city: Path) -> None:
    assert ivr(tmp_path, "check", "--config", str(city)).returncode == 0
    file = tmp_path / "dialplans/city.toml"
    file.write_text(file.read_text("utf-8").replace("14:30-17:30", "11:30-17:30"), "utf-8")
    run = ivr(tmp_path, "check", "--config", str(city))
    assert run.returncode == 1
    assert run.stderr == "city.toml: hours.office.workdays: 08:30-12:00 and 11:30-17:30 overlap.\n"


def test_draw(tmp_path: Path) -> None:
    run = ivr(tmp_path, "draw")
    assert run.stdout.startswith("flowchart") and "按 2" in run.stdout


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    run = ivr(tmp_path, "doctor")
    assert "ivr models install" in run.stdout
    assert "Emergency words are not listened for: speech.live_at_most is 0." in run.stdout
    run = ivr(tmp_path, "doctor", IVR_SPEECH__LIVE_AT_MOST="4")
    assert "Emergency words are not listened for: there is no speech model." in run.stdout


def test_token_is_printed_and_nothing_else(tmp_path: Path) -> None:
    run = ivr(tmp_path, "token", "--role", "supervisor")
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.strip()) > 30 and len(run.stdout.splitlines()) == 1
    assert ivr(tmp_path, "token", "--role", "king").returncode == 1


def test_a_token_that_became_known_to_others_is_removed(tmp_path: Path) -> None:
    for name in ("weekly [report]", "weekly [report]", "wallboard"):
        assert ivr(tmp_path, "token", "--name", name).returncode == 0
    assert [line[18:] for line in ivr(tmp_path, "token", "--list").stdout.splitlines()] == [
        "supervisor  weekly [report]",
        "supervisor  weekly [report]",
        "supervisor  wallboard",
    ]
    assert ivr(tmp_path, "token", "--remove", "weekly [report]").stdout == "2 removed.\n"
    assert len(ivr(tmp_path, "token", "--list").stdout.splitlines()) == 1
    again = ivr(tmp_path, "token", "--remove", "weekly [report]")
    assert (again.returncode, again.stderr) == (1, "'weekly [report]': there is no token of this name.\n")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("words", "password", "sentence"),
    [
        (("", "--role", "admin"), "x" * 8, "'': a name must have 1 to 64 characters that can be shown."),
        (("x" * 65, "--role", "admin"), "x" * 8, "a name must have 1 to 64 characters that can be shown."),
        (("\udcff", "--role", "admin"), "x" * 8, "a name must have 1 to 64 characters that can be shown."),
        (("zhang", "--role", "admin"), "x" * 7, "zhang: the password must have 8 to 256 characters."),
        (("zhang", "--role", "admin"), "x" * 257, "zhang: the password must have 8 to 256 characters."),
        (
            ("zhang", "--role", "supervisor", "--agent", "9999"),
            "x" * 8,
            "zhang: there is no agent '9999' in config.toml",
        ),
    ],
)
def test_an_account_that_could_not_sign_in_is_refused(
    tmp_path: Path, words: tuple[str, ...], password: str, sentence: str
) -> None:
    run = ivr(tmp_path, "user", "add", *words, said=f"{password}\n{password}\n")
    assert run.returncode == 1
    assert sentence in run.stderr.splitlines()[-1]


def test_an_account_that_is_not_there_is_not_gone(tmp_path: Path) -> None:
    run = ivr(tmp_path, "user", "remove", "nobody")
    assert (run.returncode, run.stdout, run.stderr) == (1, "", "nobody: there is no such account.\n")
    assert ivr(tmp_path, "token", "--name", "\udcff").returncode == 1


@pytest.mark.parametrize(
    ("words", "state", "sentence"),
    [
        (("check", "--config", "/"), "state", "/: not readable: Is a directory.\n"),
        (("deputies", "list"), "file/state", "hotline.db: the database cannot be opened"),
        (("run",), "file", "file: File exists.\n"),
    ],
)
def test_whatever_is_in_the_way_is_a_sentence(
    tmp_path: Path, words: tuple[str, ...], state: str, sentence: str
) -> None:
    (tmp_path / "file").touch()
    run = ivr(tmp_path / state, *words)
    assert run.returncode == 1
    assert sentence.rstrip("\n") in run.stderr and len(run.stderr.splitlines()) == 1


def test_doctor_changes_nothing(tmp_path: Path) -> None:
    assert "GB free below" in ivr(tmp_path / "state", "doctor").stdout
    assert not (tmp_path / "state").exists()


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


def test_the_console_is_built_for_this_interface(tmp_path: Path) -> None:
    committed = (REPO / "agent_console/openapi.json").read_text("utf-8")
    assert json.loads(committed) == openapi(), "run: .venv/bin/ivr openapi > agent_console/openapi.json"
    assert ivr(tmp_path, "openapi").stdout == committed


def test_books(tmp_path: Path) -> None:
    run = ivr(tmp_path, "books", "--from", "2026-11-23", "--interval", "60")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("2026-11-23 ") == 24 + 23, "24 beginnings and all ends but the last"
    file = tmp_path / "books.csv"
    assert ivr(tmp_path, "books", "--csv", str(file)).returncode == 0
    assert file.read_bytes().startswith(b"\xef\xbb\xbf" + "开始".encode())
    assert ivr(tmp_path, "books", "--from", "9999-12-31").returncode == 1
    wrong = ivr(tmp_path, "books", "--from", "tomorrow")
    assert (wrong.returncode, wrong.stderr) == (1, "--from: 'tomorrow' is no time; write \"2026-10-01 09:00\".\n")


def test_a_leaders_seat_must_be_an_agent(city: Path, tmp_path: Path) -> None:
    folder = city.parent / "dialplans"
    with (folder / "queues.toml").open("a", encoding="utf-8") as file:
        file.write('[queue.leader]\nname = "领导专席"\nskill = "deputies"\n')
    day = '[[day]]\ndate = 2026-12-03\ntime = "09:00-11:00"\nunit = "市城管局"\nleader = "张明"\nsubject = "停车"\n'
    top = 'menu = "main"\nkey = "3"\nprompt = "leader_day"\nqueue = "leader"\nfull = { queue = "general" }\n'
    (folder / "leader_days.toml").write_text(f'{top}{day}seats = ["8003"]\n', "utf-8")
    assert ivr(tmp_path, "check", "--config", str(city)).returncode == 0
    (folder / "leader_days.toml").write_text(f'{top}{day}seats = ["8003", "9999"]\n', "utf-8")
    run = ivr(tmp_path, "check", "--config", str(city))
    assert run.returncode != 0
    assert "leader_days.toml: day.#1.seats: there is no agent '9999' in config.toml." in run.stdout + run.stderr
