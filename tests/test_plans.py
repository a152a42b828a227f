"""The files that a city edits: whatever they hold, a plan comes of it, or sentences that name the file."""

from __future__ import annotations

import copy
import json
import shutil
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr import config, plans
from ivr.core.dialplan.explain import explain
from ivr.core.errors import DialplanError, HotlineError, PromptError

REPO = Path(__file__).parents[1]
AGENTS = {agent.id: agent.skills for agent in config.load(REPO / "config.toml", {}).agent}
FILES = {"config.toml": REPO, **dict.fromkeys(plans.FILES, REPO / "dialplans")}
TABLES: dict[str, Any] = {name: tomllib.loads((folder / name).read_text("utf-8")) for name, folder in FILES.items()}

TEXTS = plans.texts(REPO, "zh")

Place = tuple[str | int, ...]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(REPO / "prompts", tmp_path / "prompts", ignore=shutil.ignore_patterns("music", "en"))
    shutil.copytree(REPO / "dialplans", tmp_path / "dialplans")
    return tmp_path


# --- any value in any place -------------------------------------------------------------------------------------------

PLAIN: list[Any] = [
    True,
    False,
    0,
    1,
    -1,
    7,
    10**30,
    2.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\n",
    "\x7f",
    "{n}",
    "{x}",
]
PLAIN += ["[red]", "../..", "1" * 5000, "一", "²", "８", "America/..", "Asia", "08:00-25:00", "general", "main", "zh"]
PLAIN += [date.min, date.max, datetime(2026, 1, 1, 1, 1), time(1, 2), [], [[]], [{}], ["x"], {}, {"x": 1}, {"": ""}]  # noqa: DTZ001
PLAIN += [{"queue": "general"}, {"menu": "main"}, {"repeat": True}, {"stay": True}, {"callback": True}]
PLAIN += [{"transfer": "110"}, {"pin": "deputy"}]
NAMES = ["", "x", "\n", "*", "0", "_env_file", "_cli_parse_args", "self", "queue", "menu", "name", "key"]


def _places(value: Any, here: Place = ()) -> Iterator[Place]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*here, key)
        yield from _places(part, (*here, key))


def _at(table: Any, place: Place) -> Any:
    for key in place:
        table = table[key]
    return table


@st.composite
def _edited(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A shipped file of which one to three places were removed, filled with something else, or given a key."""
    name = draw(st.sampled_from(sorted(TABLES)))
    table = copy.deepcopy(TABLES[name])
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(table))
        value = copy.deepcopy(draw(st.sampled_from(PLAIN)))
        *way, last = draw(st.sampled_from(places)) if places else ("x",)
        inside = _at(table, tuple(way))
        match draw(st.sampled_from(["remove", "fill", "copy", "add"])):
            case "remove" if places:
                del inside[last]
            case "copy" if places:
                inside[last] = copy.deepcopy(_at(table, draw(st.sampled_from(places))))
            case "add" if isinstance(inside, dict):
                inside[draw(st.sampled_from(NAMES))] = value
            case _:
                inside[last] = value
    return name, table


def _toml(value: Any) -> str:
    match value:
        case bool() | str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case dict():
            return "{" + ", ".join(f"{_toml(key)} = {_toml(part)}" for key, part in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case date() | time():
            return value.isoformat()
    return repr(value)


@given(edited=_edited())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_a_file_holds_ends_in_a_plan_or_in_sentences(edited: tuple[str, dict[str, Any]], root: Path) -> None:
    name, table = edited
    file = root / ("" if name == "config.toml" else "dialplans") / name
    file.write_text("".join(f"{_toml(key)} = {_toml(value)}\n" for key, value in table.items()), "utf-8")
    try:
        if name == "config.toml":
            config.load(file, {})
        else:
            plan = plans.load(root, "zh", AGENTS)
            for dnis in ("12345", "12346", "12348"):
                list(explain(plan, TEXTS, "13800138000", dnis, 1790816400.0, "20*#1"))
    except HotlineError as error:
        for line in str(error).split("\n"):
            assert name in line and line.endswith(".") and line.isprintable(), line
    finally:
        file.unlink()
        if name != "config.toml":
            shutil.copy(REPO / "dialplans" / name, file)


# --- files that are none ----------------------------------------------------------------------------------------------


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


@pytest.mark.parametrize("spoil", [_folder, _loop])
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("dialplans/city.toml", DialplanError),
        ("dialplans/limits.toml", DialplanError),
        ("prompts/zh/manifest.json", PromptError),
        ("prompts/zh/prompts.toml", PromptError),
        ("prompts/zh/welcome.wav", PromptError),
    ],
)
def test_a_file_that_cannot_be_read_is_said(root: Path, name: str, error: type[HotlineError], spoil: Any) -> None:
    """The running hotline keeps its plan then; any other exception would end it."""
    spoil(root / name)
    with pytest.raises(error, match=Path(name).stem):
        plans.load(root, "zh")
    plans.stamp(root, "zh")


def test_no_folder_at_all_is_said(root: Path) -> None:
    shutil.rmtree(root / "dialplans")
    (root / "dialplans").touch()
    with pytest.raises(DialplanError, match=r"city\.toml: not readable: Not a directory"):
        plans.load(root, "zh")
    plans.stamp(root, "zh")


def test_files_of_the_windows_editor_are_read(root: Path) -> None:
    before = plans.load(root, "zh")
    for file in (root / "dialplans/city.toml", root / "prompts/zh/prompts.toml"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert plans.load(root, "zh") == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x = " + b"[" * 9000, "not readable as TOML: brackets within brackets without end"),
        (b"x = " + b"1" * 9000, "not readable as TOML"),
        ("x = '请'".encode("gbk"), "this is not UTF-8 text"),
    ],
)
@pytest.mark.parametrize("name", ["dialplans/queues.toml", "prompts/zh/prompts.toml"])
def test_what_is_no_toml_is_said(root: Path, name: str, content: bytes, said: str) -> None:
    (root / name).write_bytes(content)
    with pytest.raises(HotlineError, match=said):
        plans.load(root, "zh")


def test_a_manifest_without_end_is_said(root: Path) -> None:
    (root / "prompts/zh/manifest.json").write_bytes(b"[" * 100_000)
    with pytest.raises(PromptError, match=r"manifest\.json: not readable as JSON"):
        plans.load(root, "zh")
