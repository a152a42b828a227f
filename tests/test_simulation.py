"""`ivr simulate`: its files, its sentences, its output."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ivr import plans, simulation, simulation_table
from ivr.core.errors import SimulationError
from ivr.core.simulation import simulate as sim
from ivr.core.simulation.figures import Figures
from tests.test_cli import REPO, ivr

PLAN = plans.load(REPO, "zh")


def test_arrivals_in_seconds_and_in_times_are_the_same(tmp_path: Path) -> None:
    seconds, times = tmp_path / "seconds.csv", tmp_path / "times.csv"
    seconds.write_text("at,queue\n30600,general\n86460.5,deputies\n", "utf-8")
    times.write_text("queue,at\ngeneral,2026-11-23T08:30:00\ndeputies,2026-11-24 00:01:00.5+08:00\n", "utf-8-sig")
    wanted = [(30600.0, "general", "90000000000", "city"), (86460.5, "deputies", "90000000001", "city")]
    assert simulation.read_arrivals(seconds, PLAN, "city") == simulation.read_arrivals(times, PLAN, "city") == wanted


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("at,queue\n1,nowhere\n", "line 2: there is no queue 'nowhere'"),
        ("at,queue\n1,general\nsoon,general\n", "line 3: at is neither seconds nor an ISO time: 'soon'"),
        ("at,queue\n-5,general\n", "line 2: at is neither"),
        ("at,queue\n1,general\n2026-11-23T08:30,general\n", "mixes seconds and times"),
        ("when,queue\n1,general\n", "must name the columns at,queue"),
        ("at,queue\n", "there is no row"),
        ("at,queue\n1\n", "line 2: there is no queue ''"),
        ("", "must name the columns"),
        ("at,queue\n1,general\n" + "x" * 200_000 + ",general\n", "line 3: not readable as CSV"),
    ],
)
def test_a_wrong_arrival_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_text(content, "utf-8")
    with pytest.raises(SimulationError, match=sentence):
        simulation.read_arrivals(file, PLAN, "")


def test_gbk_and_a_missing_file_are_said(tmp_path: Path) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_bytes("at,queue\n1,综合\n".encode("gbk"))
    with pytest.raises(SimulationError, match="not UTF-8"):
        simulation.read_arrivals(file, PLAN, "")
    with pytest.raises(SimulationError, match="No such file"):
        simulation.read_roster(tmp_path / "none.csv")


def test_a_roster(tmp_path: Path) -> None:
    file = tmp_path / "roster.csv"
    file.write_text("agents,skills,from,to\n2,general enterprise,08:00,16:30\n1,general,22:00,06:00\n", "utf-8")
    made = simulation.read_roster(file)
    assert len({shift.agent_id for shift in made}) == 3
    assert [(s.begins_s, s.ends_s) for s in made] == [(28800, 59400)] * 2 + [(79200, 21600)]
    assert made[0].skills == ("general", "enterprise")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("two,general,08:00,16:00", "whole number"),
        ("2,general,8,16:00", "08:30: '8'"),
        ("2,general,08:00,25:00", "25"),
        (f"2,general,08:00,{'1' * 5000}:00", "line 2: not a time of day"),
        ("2,general:x,08:00,16:00", "line 2: 'general:x' is no skill"),
        ("999999,general,08:00,16:00", "line 2: these are more than 100000 agents"),
        (f"{'9' * 5000},general,08:00,16:00", "line 2: agents must be a whole number"),
    ],
)
def test_a_wrong_shift_is_one_sentence(tmp_path: Path, row: str, sentence: str) -> None:
    file = tmp_path / "roster.csv"
    file.write_text(f"agents,skills,from,to\n{row}\n", "utf-8")
    with pytest.raises(SimulationError, match=sentence):
        simulation.read_roster(file)


def test_shares() -> None:
    assert simulation.shares(["enterprise=8"], PLAN) == {"enterprise": 0.08, "general": 0.92}
    for words in (["nowhere=8"], ["enterprise=many"], ["enterprise=60", "deputies=60"]):
        with pytest.raises(SimulationError, match="--share"):
            simulation.shares(words, PLAN)


def test_the_command_shows_and_writes_the_day(tmp_path: Path) -> None:
    words = ("simulate", "--calls", "3000", "--agents", "34", "--patience", "120", "--csv", str(tmp_path / "day.csv"))
    run, again = ivr(tmp_path, *words), ivr(tmp_path, *words)
    assert run.returncode == 0, run.stderr
    assert run.stdout == again.stdout
    assert all(word in run.stdout for word in (" 15秒 ", " 20秒 ", " 接通率 ", "░", "增加一名坐席"))
    with (tmp_path / "day.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48 and rows[17]["begins"] == "08:30"
    assert sum(int(row["offered"]) for row in rows) == 3000
    for row in rows:
        assert int(row["offered"]) == sum(int(row[name]) for name in ("answered", "abandoned", "unanswered"))


@pytest.mark.parametrize("columns", [20, 80, 120])
def test_no_figure_is_cut_off_however_narrow_the_terminal(columns: int) -> None:
    part = Figures(123456, 65432, 9876, 8765, 7654, 6543, 50000, wait_s=65432 * 9876.5, longest_s=65432.1)
    parts = [part, *[Figures()] * 47]
    out = Console(file=StringIO(), width=columns)
    simulation_table.show(simulation.Result(sim.Day(parts, {}, 0, 0), None, None), out)
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]
    for begins in ("00:00", "合计"):
        (line,) = (line for line in lines if line.strip().startswith(begins))
        for figure in ("123,456", "65,432", "9,876", "8,765", "7,654", "6,543", "9876.5 秒", "65432.1 秒"):
            assert figure in line
    assert "░░░" in "".join(lines) and "…" not in "".join(lines)


def test_numbers_and_trunks_of_the_file_are_limited_and_a_trunk_that_there_is_not_is_said(tmp_path: Path) -> None:
    rows = [f"{36000 + n},general,{'1' if n % 2 else f'2{n}'},local" for n in range(40)]
    arrivals = tmp_path / "flood.csv"
    arrivals.write_text("at,queue,from,trunk\n" + "\n".join(rows), "utf-8")
    run = ivr(tmp_path, "simulate", "--arrivals", str(arrivals), "--agents", "3")
    assert run.returncode == 0, run.stderr
    assert "来电过多而退后 17。" in run.stdout.replace("\n", ""), (
        "20 from one number, of which 3 at once are within the limit"
    )
    run = ivr(tmp_path, "simulate", "--calls", "3", "--agents", "3", "--callback", "30")
    assert run.returncode == 1 and "--callback: nobody is called back" in run.stderr
    run = ivr(tmp_path, "simulate", "--calls", "3", "--agents", "3", "--trunk", "nowhere")
    assert run.returncode == 1 and "trunk 'nowhere': config.toml has no such [[trunk]]" in run.stderr


def test_arrivals_of_a_century_are_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "arrivals.csv"
    file.write_text("at,queue\n2026-01-01T00:00:00,general\n9999-12-31T23:59:59,general\n", "utf-8")
    run = ivr(tmp_path, "simulate", "--arrivals", str(file), "--agents", "3")
    assert (run.returncode, run.stderr) == (1, f"{file}: the calls span more than 31 days.\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--calls", "9", "--agents", "3", "--patience", "inf"), "--patience: write seconds, at most those of a day."),
        (("--calls", "9", "--agents", "3", "--talk", "inf"), "--patience: write seconds, at most those of a day."),
        (("--agents", "3"), "Give either --calls NUMBER or --arrivals FILE."),
        (("--calls", "3"), "Give either --agents NUMBER or --roster FILE."),
        (("--calls", "3", "--agents", "3", "--roster", "x"), "Give either --agents"),
        (("--calls", "3", "--agents", "3", "--csv", "/nowhere/x.csv"), "--csv /nowhere/x.csv: No such file"),
    ],
)
def test_a_wrong_command_is_one_sentence(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    run = ivr(tmp_path, "simulate", *words)
    assert run.returncode == 1
    assert sentence in run.stderr and len(run.stderr.splitlines()) == 1
