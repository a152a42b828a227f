"""The documents are true: what users can write is told, what is told exists, and no link is dead."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ivr.__main__ import cli
from ivr.adapters import prompts
from ivr.config import Agent, Config, Trunk
from ivr.core.agents import Status
from ivr.core.calls import Outcome, Stage
from ivr.core.dialplan import Plan
from ivr.core.dialplan.hours import Hours
from ivr.core.dialplan.targets import Table
from ivr.core.events import Event

REPO = Path(__file__).resolve().parents[1]
DOCS = REPO / "docs"
LISTS: dict[str, type[BaseModel]] = {"trunk": Trunk, "agent": Agent}

REGISTRIES = (
    *("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com", "yarnpkg" + ".com"),
    *("npmmirror" + ".com", "deb.debian" + ".org", "security.debian" + ".org", "archive.ubuntu" + ".com"),
)
HERE = re.compile(r"(?<![\w.}>-])/(?:work|tmp|root|home)/[\w.]")
"""A path of somebody's machine; `<state>/…` and `/opt/hotline` are examples."""


def tracked(*patterns: str) -> list[Path]:
    """Files of the project: those that git knows, and new ones that it does not ignore."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns]
    names = subprocess.run(command, cwd=REPO, capture_output=True, check=True, text=True).stdout.split("\0")
    return sorted(path for name in names if name and (path := REPO / name).is_file())


def documents() -> list[Path]:
    return tracked("*.md")


def text(path: Path) -> str:
    return path.read_text("utf-8")


# --- what users can write is told ------------------------------------------------------------------------------------


def _chapters() -> dict[str, str]:
    """The sections of docs/configuration.md by name, as `sip` or `trunk`."""
    parts = re.split(r"^### \[+(\w+)\]+$", text(DOCS / "configuration.md"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _keys() -> Iterator[tuple[str, str, Any]]:
    """Section, key and default of everything that config.toml may hold."""
    for section, field in Config.model_fields.items():
        model = LISTS.get(section) or field.annotation
        assert isinstance(model, type) and issubclass(model, BaseModel), section
        for key, of in model.model_fields.items():
            yield section, key, of.default


KEYS = [pytest.param(*row, id=f"{row[0]}.{row[1]}") for row in _keys()]


@pytest.mark.parametrize(("section", "key", "default"), KEYS)
def test_every_configuration_key_is_told_with_its_default(section: str, key: str, default: Any) -> None:
    row = re.search(rf"^\| `{key}` \| ([^|]*) \|", _chapters()[section], flags=re.M)
    assert row, f"docs/configuration.md: [{section}] {key} is missing"
    shown = default if isinstance(default, bool | int | float | list) else str(default or "")
    wanted = "–" if default is PydanticUndefined else f"`{json.dumps(shown, ensure_ascii=False)}`"
    assert row[1] == wanted, f"docs/configuration.md: [{section}] {key}: the default is {wanted}"


def test_every_key_of_the_documents_exists() -> None:
    rows = re.compile(r"^\| `(\w+)` \|", flags=re.M)
    told = {(name, key) for name, body in _chapters().items() for key in rows.findall(body)}
    assert told == {(section, key) for section, key, _ in _keys()}


def _tables(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Every table that the menu language has: all that is derived from its base."""
    for derived in model.__subclasses__():
        yield derived
        yield from _tables(derived)


def _words() -> list[str]:
    models = {*_tables(Table), Hours} - {Plan}
    return sorted({name for model in models for name in model.model_fields})


@pytest.mark.parametrize("word", _words())
def test_every_menu_word_is_told_with_an_example(word: str) -> None:
    words = text(DOCS / "menu-language.md").partition("## Prompts")[0]
    rows = re.findall(rf"^\| `{word}` \|.*\|$", words, flags=re.M)
    assert rows, f"docs/menu-language.md: {word} is missing"
    assert all(word in row.split("|")[-2] for row in rows), f"docs/menu-language.md: {word} has no example"


PROMPTS = sorted({re.sub(r"(ahead|digit)_\d+$", r"\1_{n}", name) for name in prompts.texts(REPO / "prompts/zh")})


@pytest.mark.parametrize("name", PROMPTS)
def test_every_prompt_is_told(name: str) -> None:
    assert re.search(rf"^\| `{re.escape(name)}`", text(DOCS / "menu-language.md"), flags=re.M), name


@pytest.mark.parametrize("name", PROMPTS)
def test_the_seconds_of_every_prompt_are_those_of_its_sound(name: str) -> None:
    told = re.search(rf"^\| `{re.escape(name)}`[^|]*\| ([\d.–]+) \|", text(DOCS / "menu-language.md"), flags=re.M)
    form = re.escape(name).replace(r"\{n\}", r"\d+")
    sounds = prompts.load(REPO / "prompts/zh").values()
    lengths = [round(sound.duration_s, 1) for sound in sounds if re.fullmatch(form, sound.name)]
    assert told and told[1].split("–") == [f"{s:.1f}" for s in sorted({min(lengths), max(lengths)})], lengths


def test_no_prompt_is_told_that_does_not_exist() -> None:
    table = text(DOCS / "menu-language.md").partition("| Name | Seconds |")[2]
    assert set(re.findall(r"^\| `([\w{}]+)`", table, flags=re.M)) == set(PROMPTS)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("Event", event.__name__) for event in get_args(Event)),
        *(("Outcome", outcome.value) for outcome in Outcome),
        *(("Stage", stage.value) for stage in Stage),
        *(("Status", status.value) for status in Status),
    ],
)
def test_every_event_outcome_stage_and_status_is_told(kind: str, name: str) -> None:
    table = re.search(rf"^\| {kind} \|.*?(?=\n\n)", text(DOCS / "calls.md"), flags=re.M | re.S)
    assert table and f"\n| `{name}` |" in table[0], f"docs/calls.md: {kind} {name} is missing"


# --- commands --------------------------------------------------------------------------------------------------------


def _commands() -> dict[str, set[str]]:
    """The options of every command, by words as `models install`."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                walk(child, (*words, name))
        else:
            found[" ".join(words)] = {option for parameter in command.params for option in parameter.opts} | {"--help"}

    walk(typer.main.get_command(cli), ())
    return found


COMMANDS = _commands()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told_with_its_options(command: str) -> None:
    row = re.search(rf"^\| `ivr {command}` \|(.*)\|$", text(DOCS / "operating.md"), flags=re.M)
    assert row, f"docs/operating.md: ivr {command} is missing"
    options = {option for option in COMMANDS[command] if option.startswith("--")} - {"--help", "--config"}
    assert options <= set(re.findall(r"--[a-z][a-z-]*", row[1])), f"docs/operating.md: ivr {command}"


def told_commands(document: str) -> list[str]:
    """Every `ivr …` in code: from the word `ivr` to the end of the code or of the line."""
    code = re.findall(r"^(?:    |\$ ).*$", document, flags=re.M)
    for block in re.findall(r"^```\w*\n(.*?)^```", document, flags=re.M | re.S):
        code += block.splitlines()
    code += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", document)
    return [found[1] for line in code for found in re.finditer(r"(?:^|[ /(=])ivr ((?:[a-z]|--).*)", line)]


def _wrong(told: str) -> str:
    """What is wrong with the words after `ivr`, or ""."""
    words = re.split(r"[#|;)&]", told)[0].split()
    for length in (2, 1):
        command = " ".join(words[:length])
        if command in COMMANDS:
            unknown = [w for w in words[length:] if w.startswith("--") and w.partition("=")[0] not in COMMANDS[command]]
            return f"ivr {command} has no {unknown[0]}" if unknown else ""
    groups = {command.partition(" ")[0] for command in COMMANDS if " " in command}
    return "" if words and (words in ([g] for g in groups) or words[0] == "--help") else f"there is no ivr {told}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(REPO)))
def test_every_command_in_the_documents_exists(path: Path) -> None:
    assert [wrong for told in told_commands(text(path)) if (wrong := _wrong(told))] == []
    targets = set(re.findall(r"^([a-z]+):", text(REPO / "Makefile"), flags=re.M))
    code = " ".join(re.findall(r"`[^`\n]+`|^    .*$", text(path), flags=re.M))
    assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets


def test_commands_are_found_in_the_documents() -> None:
    assert {"run", "check", "try", "models install"} <= {
        command for path in documents() for told in told_commands(text(path)) for command in COMMANDS
        if told.startswith(command)
    }  # fmt: skip


# --- links -----------------------------------------------------------------------------------------------------------


def _anchors(document: str) -> set[str]:
    """The headings as GitHub names them in links."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", document, flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(REPO)))
def test_no_link_or_picture_is_dead(path: Path) -> None:
    document = text(path)
    links = re.findall(r"\]\(([^)\s]+)\)", document) + re.findall(r'(?:src|href)="([^"]+)"', document)
    shipped = set(tracked())
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        inside = target in shipped or any(file.is_relative_to(target) for file in shipped)
        assert inside, f"{path.name}: {link}: there is no such file"
        assert not anchor or anchor in _anchors(text(target)), f"{path.name}: {link}: there is no such heading"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(REPO)))
def test_every_row_of_a_table_has_the_cells_of_its_header(path: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", text(path), flags=re.M):
        rows = [re.sub(r"\\\|", "", row) for row in table.splitlines()]
        wrong = [row for row in rows if row.count("|") != rows[0].count("|")]
        assert not wrong, f"{path.name}: {wrong[0]}"


def test_pictures_are_small() -> None:
    for path in tracked("docs/images/*"):
        assert path.stat().st_size < 300_000, path.name


def test_every_document_is_reached_from_the_readme() -> None:
    for path in DOCS.glob("*.md"):
        for readme in ("README.md", "README.zh.md"):
            assert f"(docs/{path.name}" in text(REPO / readme), f"{readme}: no link to docs/{path.name}"


# --- nothing of one machine, and no registry -------------------------------------------------------------------------


def test_no_file_names_a_package_registry() -> None:
    for path in tracked():
        try:
            content = text(path)
        except UnicodeDecodeError:
            continue
        named = [host for host in REGISTRIES if host in content]
        assert not named, f"{path.relative_to(REPO)} names {', '.join(named)}"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(REPO)))
def test_no_document_names_a_path_of_one_machine(path: Path) -> None:
    assert HERE.findall(text(path)) == []
