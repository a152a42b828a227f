"""`ivr deputies …` and `ivr elderly …`: the same three commands for each register of known callers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ivr import config, registers

out = Console(highlight=False, soft_wrap=True)
ConfigFile = Annotated[Path, typer.Option("--config", help="The configuration file.", envvar="IVR_CONFIG")]
CONFIG = Path("config.toml")


def group(register: str, people: str, what: str) -> typer.Typer:
    """The commands of one register."""
    commands = typer.Typer(help=f"{what[0].upper()}{what[1:]}: who they are by telephone.", no_args_is_help=True)

    @commands.command(name="import", help=f"Take a CSV or XLSX file into {what}: all of it, or nothing.")
    def import_file(
        path: Annotated[Path, typer.Argument(metavar="FILE", help="Its first line: 姓名, 层级, 电话, 密码.")],
        file: ConfigFile = CONFIG,
        replace: Annotated[bool, typer.Option("--replace", help="Remove who is not in the file.")] = False,
    ) -> None:
        done = asyncio.run(registers.import_file(config.load(file), register, path, replace=replace))
        out.print(f"{done.new} new, {done.changed} known, {done.removed} removed: {done.total} {people}.")

    @commands.command(name="list", help=f"Everybody in {what}. Numbers are not kept, only their hashes.")
    def list_entries(file: ConfigFile = CONFIG) -> None:
        found = asyncio.run(registers.entries(config.load(file), register))
        for entry in found:
            out.print("  ".join(filter(None, (entry.level, entry.name, entry.pin_hash and "PIN"))), markup=False)
        out.print(f"{len(found)} {people}.")

    @commands.command(name="remove", help=f"Remove a telephone number from {what}.")
    def remove(
        number: Annotated[str, typer.Argument(help="In any usual form.")] = "",
        file: ConfigFile = CONFIG,
        everybody: Annotated[bool, typer.Option("--all", help="Remove everybody.")] = False,
    ) -> None:
        if bool(number) == everybody:
            raise typer.BadParameter("give either a telephone number or --all")
        if everybody:
            removed = asyncio.run(registers.remove_all(config.load(file), register))
        else:
            asyncio.run(registers.remove(config.load(file), register, number))
            removed = 1
        out.print(f"{removed} removed.")

    return commands
