"""What `ivr simulate` was given, made into callers and a roster; the simulation itself is `ivr.core.simulate`."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from ivr.core import demand
from ivr.core import roster as rosters
from ivr.core import simulate as sim
from ivr.core.demand import Caller, Handling
from ivr.core.dialplan import Plan
from ivr.core.errors import SimulationError
from ivr.core.roster import Shift
from ivr.core.simulate import Figures


@dataclass(frozen=True, slots=True)
class Day:
    """What to simulate: `calls` or a file of arrivals, `agents` or a file of shifts."""

    calls: int | None
    arrivals: Path | None
    agents: int | None
    roster: Path | None
    shares: dict[str, float]
    handling: Handling
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """The half hours, and the same ones again with one more agent (None when nobody could be added with any effect)."""

    parts: list[Figures]
    extra: Shift | None
    more: list[Figures] | None


def simulate(day: Day, plan: Plan) -> Result:
    """Run the day twice, the second time with one more agent and the same callers. Raises SimulationError."""
    rules = plan.queues.queue, plan.queues.order
    calls = _callers(day, plan)
    shifts = _shifts(day, [word for queue in plan.queues.queue.values() for word in queue.words], sim.days_of(calls))
    parts = sim.run(calls, shifts, *rules)
    extra = sim.one_more(calls, shifts, parts)
    return Result(parts, extra, sim.run(calls, [*shifts, extra], *rules) if extra else None)


def shares(words: Sequence[str], plan: Plan) -> dict[str, float]:
    """`["enterprise=8"]` as parts of one; what is left of 100 goes to the queue that silence leads to now."""
    found: dict[str, float] = {}
    for word in words:
        queue, _, percent = word.partition("=")
        if queue not in plan.queues.queue:
            raise SimulationError(f"--share {word}: there is no queue {queue!r} in queues.toml.")
        if not percent.isdecimal():
            raise SimulationError(f"--share {word}: write it as {queue}=8 for 8 percent.")
        found[queue] = int(percent) / 100
    rest = 1 - sum(found.values())
    if rest < 0:
        raise SimulationError("--share: together these are more than 100 percent.")
    default = plan.default_queue(datetime.now(UTC).timestamp())
    found[default] = found.get(default, 0.0) + rest
    return found


def _callers(day: Day, plan: Plan) -> list[Caller]:
    rng = random.Random(day.seed)
    if day.arrivals and not day.calls:
        return demand.callers(read_arrivals(day.arrivals, plan), day.handling, rng)
    if day.calls and not day.arrivals:
        return demand.callers(demand.profile(day.calls, day.shares, rng), day.handling, rng)
    raise SimulationError("Give either --calls NUMBER or --arrivals FILE.")


def _shifts(day: Day, skills: list[str], days: int) -> list[Shift]:
    if day.roster and not day.agents:
        return rosters.repeated(read_roster(day.roster), days)
    if day.agents and not day.roster:
        return rosters.repeated(rosters.default(day.agents, dict.fromkeys(skills)), days)
    raise SimulationError("Give either --agents NUMBER or --roster FILE.")


def read_arrivals(path: Path, plan: Plan) -> list[tuple[float, str]]:
    """Seconds since the first day's midnight, and queue. `at`: seconds, or ISO times (their time zone is ignored)."""
    seconds: list[tuple[float, str]] = []
    times: list[tuple[datetime, str]] = []
    for where, row in _rows(path, ("at", "queue")):
        if row["queue"] not in plan.queues.queue:
            raise SimulationError(f"{where}: there is no queue {row['queue']!r} in queues.toml.")
        at = _moment(row["at"], where)
        if isinstance(at, datetime):
            times.append((at, row["queue"]))
        else:
            seconds.append((at, row["queue"]))
    if seconds and times:
        raise SimulationError(f"{path}: column at mixes seconds and times; use one of them.")
    if seconds:
        return seconds
    midnight = datetime.combine(min(times)[0], time())
    return [((at - midnight).total_seconds(), queue) for at, queue in times]


def read_roster(path: Path) -> list[Shift]:
    """`agents` people with `skills` (separated by spaces) who work daily `from` – `to` (HH:MM), also over midnight."""
    found: list[Shift] = []
    for where, row in _rows(path, ("agents", "skills", "from", "to")):
        if not row["agents"].isdecimal():
            raise SimulationError(f"{where}: agents must be a whole number, not {row['agents']!r}.")
        begins_s, ends_s = _time_of_day_s(row["from"], where), _time_of_day_s(row["to"], where)
        skills = tuple(row["skills"].split())
        numbers = range(len(found), len(found) + int(row["agents"]))
        found += (Shift(f"A{n:05}", skills, begins_s, ends_s) for n in numbers)
    return found


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with the words that name its place."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise SimulationError(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SimulationError(f"{path}: this is not UTF-8 text; save it again as CSV UTF-8.") from None
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise SimulationError(f"{path}: the first line must name the columns {','.join(columns)}.")
    empty = True
    for row in reader:
        empty = False
        yield f"{path}: line {reader.line_num}", {name: (row[name] or "").strip() for name in columns}
    if empty:
        raise SimulationError(f"{path}: there is no row below the names of the columns.")


def _moment(written: str, where: str) -> float | datetime:
    try:
        if not written.replace(".", "", 1).isdecimal():
            return datetime.fromisoformat(written).replace(tzinfo=None)
        return float(written)
    except ValueError:
        raise SimulationError(f"{where}: at is neither seconds nor an ISO time: {written!r}.") from None


def _time_of_day_s(written: str, where: str) -> float:
    hours, _, minutes = written.partition(":")
    if hours.isdecimal() and minutes.isdecimal() and int(minutes) < 60:
        seconds = int(hours) * 3600.0 + int(minutes) * 60.0
        if seconds <= demand.DAY_S:
            return seconds
    raise SimulationError(f"{where}: not a time of day as 08:30: {written!r}.")
