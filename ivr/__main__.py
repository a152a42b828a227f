"""The command line `ivr`. Every command is a few lines here; what it does is elsewhere."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import MAXYEAR, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from ivr import (
    accounts,
    app,
    archive,
    config,
    doctor,
    plans,
    register_commands,
    registers,
    simulation,
    simulation_table,
)
from ivr.adapters import models, prompts, sound_card
from ivr.adapters.web.openapi import openapi as describe
from ivr.config import Config
from ivr.core.books import Books
from ivr.core.books import table as books_table
from ivr.core.dialplan import draw, hours
from ivr.core.dialplan.explain import explain, rank, reading, recognised
from ivr.core.dialplan.gaps import outward, untranslated
from ivr.core.dialplan.trial import Heard, Queued, Trial
from ivr.core.errors import HotlineError
from ivr.core.registers import DEPUTY, ELDERLY
from ivr.core.routing import staffing
from ivr.core.simulation.demand import Handling

cli = typer.Typer(
    help="12345 政务服务便民热线：来电、语音导航、派话、录音、通话笔录。\n\nThe server of a 12345 citizen hotline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_cli = typer.Typer(help="Speech models for the notes.", no_args_is_help=True)
prompts_cli = typer.Typer(help="The recorded texts that callers hear.", no_args_is_help=True)
user_cli = typer.Typer(help="Accounts of the console.", no_args_is_help=True)
cli.add_typer(models_cli, name="models")
cli.add_typer(prompts_cli, name="prompts")
cli.add_typer(user_cli, name="user")
cli.add_typer(register_commands.group(DEPUTY, "deputies", "the register of deputies (人大代表)"), name="deputies")
cli.add_typer(register_commands.group(ELDERLY, "elderly callers", "the register of elderly callers"), name="elderly")
out = Console(highlight=False, soft_wrap=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="The configuration file.", envvar="IVR_CONFIG")]
CONFIG = Path("config.toml")
CallerNumber = Annotated[str, typer.Option("--from", help="Calling number.")]
CalledNumber = Annotated[str, typer.Option("--to", help="Dialled number.")]
Moment = Annotated[str, typer.Option("--at", help='When, in the city\'s time, as "2026-10-01 09:00"; default now.')]
Role = Annotated[str, typer.Option(help="agent, supervisor or admin.")]


def _load(path: Path) -> tuple[Config, Path]:
    """The configuration, and the folder that dialplans/ and prompts/ are in."""
    return config.load(path), path.resolve().parent


def _moment(text: str, timezone: str, option: str = "--at") -> datetime:
    """The moment that a person wrote, or now."""
    zone = ZoneInfo(timezone)
    if not text:
        return datetime.now(zone)
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(zone)
    except (ValueError, OverflowError):
        moment = datetime.min.replace(tzinfo=zone)
    if not 1970 <= moment.year < MAXYEAR:
        raise HotlineError(f'{option}: {text!r} is no time; write "2026-10-01 09:00".')
    return moment


@cli.command()
def run(file: ConfigFile = CONFIG) -> None:
    """Start the whole system in the foreground; Ctrl-C stops it, with calls ended in order."""
    settings, root = _load(file)
    raise typer.Exit(asyncio.run(app.serve(settings, root, out.print)))


@cli.command()
def check(
    file: ConfigFile = CONFIG,
    deep: Annotated[bool, typer.Option("--deep", help="Also read every recording, and balance all books.")] = False,
) -> None:
    """Check config.toml, dialplans/ and prompts/, that database and recordings agree, and that the books balance."""
    settings, root = _load(file)
    plan = plans.load(root, settings.city.language, settings.skills)
    problems = list(staffing.gaps(plan.queues, settings.skills))
    if not settings.outside.trunk:
        problems += outward(plan)
    problems += asyncio.run(archive.audit(settings, deep=deep, now=time.time()))
    for code, lacking in untranslated(plan):
        out.print(f"prompts/{code}: callers hear these in {settings.city.language}: {', '.join(lacking)}.")
    for year in hours.unknown_years(plan.city.hours.values(), _moment("", plan.city.timezone)):
        out.print(
            f"city.toml: hours: the public holidays of {year} are not known: workdays are Monday to Friday there, save "
            "closed_on and open_on; a newer release of the Python package chinesecalendar may know them."
        )
    for problem in problems:
        out.print(problem)
    if problems:
        raise typer.Exit(1)
    out.print(f"{len(plan.city.menu)} menus, {len(plan.queues.queue)} queues, {len(plan.durations)} prompts: all good.")


@cli.command(name="try")
def try_call(
    file: ConfigFile = CONFIG,
    caller: CallerNumber = "13800138000",
    called: CalledNumber = "12345",
    at: Moment = "",
) -> None:
    """Dial the menu from the keyboard: type a key and Enter, or just Enter for silence."""
    settings, root = _load(file)
    plan = plans.load(root, settings.city.language)
    texts = plans.texts(root, settings.city.language)
    known = asyncio.run(registers.peek(settings))
    trial, key = Trial(plan, caller, called, _moment(at, plan.city.timezone).timestamp(), known), ""
    for line in recognised(trial):
        out.print(line, markup=False)
    while True:
        for event in trial.step(key):
            if isinstance(event, Queued):
                queue = plan.queues.queue[event.queue]
                if event.transfer:
                    out.print(f"→ 外线 {event.transfer}；对方没接时：")
                out.print(f"→ {queue.name}（{event.queue}），{rank(event, queue)}，原因：{reading(event.why, plan)}")
                return
            out.print("".join(f"♪ {texts[name]}\n" for name in event.prompts).rstrip())
            if isinstance(event, Heard) and event.asks:
                typed = sys.stdin.readline().strip()
                key = typed if event.pin else typed[:1]


@cli.command(name="explain")
def explain_call(
    file: ConfigFile = CONFIG,
    caller: CallerNumber = "13800138000",
    called: CalledNumber = "12345",
    at: Moment = "",
    keys: Annotated[str, typer.Option("--keys", help="Keys that the caller presses, one for each menu.")] = "",
) -> None:
    """Tell what would happen to a caller at that time, step by step, and why."""
    settings, root = _load(file)
    plan = plans.load(root, settings.city.language)
    texts = plans.texts(root, settings.city.language)
    moment, known = _moment(at, plan.city.timezone).timestamp(), asyncio.run(registers.peek(settings))
    marks = asyncio.run(registers.peek_marks(settings, moment))
    for line in explain(plan, texts, caller, called, moment, keys, known, marks):
        out.print(line, markup=False)


@cli.command(name="draw")
def draw_plan(file: ConfigFile = CONFIG) -> None:
    """Draw the dialplan as a Mermaid diagram, made from the data."""
    settings, root = _load(file)
    texts = plans.texts(root, settings.city.language)
    print(draw.mermaid(plans.load(root, settings.city.language), texts), end="")  # noqa: T201


@cli.command()
def simulate(
    file: ConfigFile = CONFIG,
    calls: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Calls of one day, spread by an hourly curve.")
    ] = None,
    arrivals: Annotated[Path | None, typer.Option(help="CSV instead: at (seconds or ISO time), queue.")] = None,
    agents: Annotated[
        int | None, typer.Option(min=1, max=simulation.MOST_AGENTS, help="Agents of one day, spread over usual shifts.")
    ] = None,
    roster: Annotated[Path | None, typer.Option(help="CSV instead: agents, skills, from, to.")] = None,
    talk: Annotated[float, typer.Option(min=1, help="Mean talk time in seconds.")] = 180,
    wrap_up: Annotated[float, typer.Option(min=0, help="Wrap-up in seconds.")] = 30,
    patience: Annotated[float | None, typer.Option(min=1, help="Mean patience in seconds; else endless.")] = None,
    callback: Annotated[int, typer.Option(min=0, max=100, help="Percent who take a callback that is offered.")] = 0,
    reached: Annotated[
        int, typer.Option(min=0, max=100, help="Percent of tries to call back that are answered.")
    ] = 100,
    trunk: Annotated[str, typer.Option(help="Trunk that the calls come over, whose limit is applied then.")] = "",
    share: Annotated[list[str] | None, typer.Option(help="Share of a queue in --calls, as enterprise=8.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 1,
    csv: Annotated[Path | None, typer.Option(help="Write the half hours to this file, too.")] = None,
) -> None:
    """Simulate a day with the hotline's own matcher: service level, waits, and what one more agent would change."""
    settings, root = _load(file)
    plan = plans.load(root, settings.city.language)
    handling = Handling(talk, wrap_up, patience, asks=callback / 100, reached=reached / 100)
    shares = simulation.shares(share or [], plan)
    day = simulation.Day(calls, arrivals, agents, roster, shares, handling, seed, trunk)
    result = simulation.simulate(day, plan, settings)
    simulation_table.show(result, out)
    if csv:
        simulation_table.write_csv(result, csv)


@cli.command(name="books")
def show_books(
    file: ConfigFile = CONFIG,
    since: Annotated[str, typer.Option("--from", help='First day or moment, as "2026-10-01"; default today.')] = "",
    until: Annotated[str, typer.Option("--to", help="The day or moment after the last; default a day later.")] = "",
    interval: Annotated[str, typer.Option(help="15, 30 or 60 minutes, or day.")] = "day",
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table to this file, for Excel.")] = None,
) -> None:
    """The books: calls by interval and queue, every call with its one outcome."""
    settings, root = _load(file)
    plan = plans.load(root, settings.city.language)
    zone = ZoneInfo(plan.city.timezone)
    begin = _moment(since, plan.city.timezone, "--from")
    if not since:
        begin = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    end = _moment(until, plan.city.timezone, "--to") if until else begin + timedelta(days=1)
    counted = Books(begin.timestamp(), end.timestamp(), interval, zone, settings.books.service_level_s, queue)
    asyncio.run(archive.count(settings, counted))
    names = {name: queue.name for name, queue in plan.queues.queue.items()}
    if csv:
        archive.write_csv(csv, books_table.to_csv(counted, names))
    else:
        columns = books_table.columns(counted, names)
        table = Table(*(heading for heading, _ in columns))
        for row in zip(*(cells for _, cells in columns), strict=True):
            table.add_row(*row)
        out.print(table, width=400, crop=False)


@cli.command(name="doctor")
def examine(file: ConfigFile = CONFIG) -> None:
    """Say what is missing on this machine, and the command that mends it."""
    settings, root = _load(file)
    findings = doctor.examine(settings, root)
    for finding in findings:
        out.print(f"{'✓' if finding.ok else '✗' if finding.needed else '!'} {finding.sentence}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(1)


@cli.command()
def token(
    file: ConfigFile = CONFIG,
    role: Role = "supervisor",
    name: Annotated[str, typer.Option(help="What the token is for.")] = "program",
    everything: Annotated[bool, typer.Option("--list", help="Instead, say which tokens there are.")] = False,
    remove: Annotated[str, typer.Option(help="Instead, remove the tokens of this name; they end at once.")] = "",
) -> None:
    """Print a new bearer token for a program; it is shown once."""
    settings, _ = _load(file)
    if everything:
        for known in asyncio.run(accounts.tokens(settings)):
            made = datetime.fromtimestamp(known.created_at).astimezone()
            out.print(f"{made:%Y-%m-%d %H:%M}  {known.role:10}  {known.name}", markup=False)
        return
    if remove:
        out.print(f"{asyncio.run(accounts.remove_tokens(settings, remove))} removed.")
        return
    print(asyncio.run(accounts.new_token(settings, name, role)))  # noqa: T201


@models_cli.command(name="install")
def install_model(
    name: Annotated[str | None, typer.Argument(help="Model; by default the small Chinese one.")] = None,
    from_file: Annotated[Path | None, typer.Option("--from", help="A zip file that you downloaded yourself.")] = None,
    file: ConfigFile = CONFIG,
) -> None:
    """Fetch a Vosk model, or install one from a zip file."""
    settings, _ = _load(file)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=out) as bar:
        task = bar.add_task(name or (from_file.name if from_file else models.DEFAULT), total=None)
        path = asyncio.run(
            models.install(
                settings.models,
                name,
                from_file,
                progress=lambda done, total: bar.update(task, completed=done, total=total or None),
            )
        )
    out.print(f"Installed: {path}")


@models_cli.command(name="list")
def list_models(file: ConfigFile = CONFIG) -> None:
    """The models that are installed."""
    settings, _ = _load(file)
    found = models.installed(settings.models)
    for model in found:
        known = "hash checked" if model.origin and model.origin.checked else "hash not known beforehand"
        out.print(f"{model.name:30} {known if model.origin else 'put there by hand':26} {model.path}")
    if not found:
        out.print("No model is installed; `ivr models install` fetches one.")


@prompts_cli.command(name="check")
def check_prompts(file: ConfigFile = CONFIG) -> None:
    """Check that every text has its sound, and that neither changed without the other."""
    settings, root = _load(file)
    problems = prompts.check(root / "prompts" / settings.city.language)
    for problem in problems:
        out.print(problem)
    if problems:
        raise typer.Exit(1)
    out.print("All prompts are there, and belong to their texts.")


@prompts_cli.command(name="list")
def list_prompts(file: ConfigFile = CONFIG) -> None:
    """All prompts with their length and text."""
    settings, root = _load(file)
    for prompt in prompts.load(root / "prompts" / settings.city.language).values():
        out.print(f"{prompt.name:20} {prompt.duration_s:5.1f} s  {prompt.text}")


@prompts_cli.command(name="record")
def record_prompt(
    name: str,
    from_file: Annotated[Path | None, typer.Option("--from", help="A WAV of 16 kHz, mono, 16 bit.")] = None,
    file: ConfigFile = CONFIG,
) -> None:
    """Record a prompt with the city's own speaker: from the microphone, or from a file."""
    settings, root = _load(file)
    folder = root / "prompts" / settings.city.language
    if from_file:
        prompts.record(folder, name, from_file)
    else:
        out.print(prompts.texts(folder).get(name, ""))
        sound = sound_card.record(lambda: input("Speak now; Enter ends the recording. "))
        prompts.save(folder, name, sound, prompts.RECORDED)
    out.print(f"{name} is recorded.")


@user_cli.command(name="add")
def add_user(
    user: str,
    file: ConfigFile = CONFIG,
    role: Role = "agent",
    agent: Annotated[str, typer.Option(help="Work number that the account answers calls as.")] = "",
) -> None:
    """Add an account, or give it a new password, which is asked for."""
    settings, _ = _load(file)
    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    asyncio.run(accounts.add(settings, user, password, role, agent))
    out.print(f"{user} can sign in as {role}.")


@user_cli.command(name="remove")
def remove_user(user: str, file: ConfigFile = CONFIG) -> None:
    """Remove an account; its sessions end at once."""
    settings, _ = _load(file)
    asyncio.run(accounts.remove(settings, user))
    out.print(f"{user} is gone.")


@cli.command()
def openapi() -> None:
    """Print the description of the HTTP interface, from which the console's types are made."""
    print(json.dumps(describe(), ensure_ascii=False, indent=2))  # noqa: T201


def main() -> None:
    """Run the command line. A mistake of the user is a sentence and exit code 1, never a traceback."""
    try:
        cli()
    except HotlineError as error:
        said = str(error)
    except OSError as error:
        said = f"{error.filename or 'ivr'}: {error.strerror or error}."
    Console(stderr=True, highlight=False).print(said, markup=False, soft_wrap=True)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
