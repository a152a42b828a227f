"""What `ivr simulate` was given, made into callers and a roster; the simulation itself is `ivr.core.simulation`."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from ivr.config import Config
from ivr.core.dialplan import Plan
from ivr.core.errors import SimulationError
from ivr.core.simulation import demand
from ivr.core.simulation import roster as rosters
from ivr.core.simulation import simulate as sim
from ivr.core.simulation.demand import Arrival, Caller, Handling
from ivr.core.simulation.figures import Figures
from ivr.core.simulation.roster import Shift
from ivr.core.skills import WRITTEN

MOST_DAYS = 31
"""That a file of arrivals may span."""
MOST_AGENTS = 100_000


@dataclass(frozen=True, slots=True)
class Day:
    """What to simulate: `calls` or a file of arrivals, `agents` or a file of shifts.

    `trunk`: over which those calls come of which nothing else is said; "" for none, and no limit.
    """

    calls: int | None
    arrivals: Path | None
    agents: int | None
    roster: Path | None
    shares: dict[str, float]
    handling: Handling
    seed: int
    trunk: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The half hours, and the same ones again with one more agent (None when nobody could be added with any effect)."""

    day: sim.Day
    extra: Shift | None
    more: list[Figures] | None


def simulate(day: Day, plan: Plan, settings: Config) -> Result:
    """Run the day twice, the second time with one more agent and the same callers. Raises SimulationError."""
    if day.handling.asks and not settings.dialling.possible:
        raise SimulationError("--callback: nobody is called back without `trunk` of [outside] in config.toml.")
    rules = plan.queues.queue, plan.queues.order, _rules(plan, settings)
    calls = _callers(day, plan, settings)
    shifts = _shifts(day, [word for queue in plan.queues.queue.values() for word in queue.words], sim.days_of(calls))
    once = sim.run(calls, shifts, *rules)
    extra = sim.one_more(shifts, once.parts)
    return Result(once, extra, sim.run(calls, [*shifts, extra], *rules).parts if extra else None)


def _rules(plan: Plan, settings: Config) -> sim.Rules:
    announced_s = plan.durations.get(plan.queues.announce.next, 0.0)
    offers_s = {
        name: announced_s + sum(plan.durations.get(prompt, 0.0) for prompt in queue.prompt)
        for name, queue in plan.queues.queue.items()
        if any(target.callback for target in queue.key.values())
    }
    return sim.Rules(
        plan.pacing, settings.channels, lambda ani: plan.listed(ani) is not None, settings.dialling, offers_s
    )


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


def _callers(day: Day, plan: Plan, settings: Config) -> list[Caller]:
    rng = random.Random(day.seed)
    times = (day.handling.talk_s, day.handling.wrap_up_s, day.handling.patience_s or 1.0)
    if not all(0 <= time_s <= demand.DAY_S for time_s in times):
        raise SimulationError("--talk, --wrap-up and --patience: write seconds, at most those of a day.")
    if bool(day.arrivals) == bool(day.calls):
        raise SimulationError("Give either --calls NUMBER or --arrivals FILE.")
    arrivals = (
        read_arrivals(day.arrivals, plan, day.trunk)
        if day.arrivals
        else demand.profile(day.calls or 0, day.shares, rng, trunk=day.trunk)
    )
    unknown = {arrival.trunk for arrival in arrivals} - {"", *settings.channels}
    if unknown:
        raise SimulationError(f"trunk {min(unknown)!r}: config.toml has no such [[trunk]].")
    if max(arrival.at_s for arrival in arrivals) >= MOST_DAYS * demand.DAY_S:
        raise SimulationError(f"{day.arrivals}: the calls span more than {MOST_DAYS} days.")
    return demand.callers(arrivals, day.handling, rng)


def _shifts(day: Day, skills: list[str], days: int) -> list[Shift]:
    if day.roster and not day.agents:
        return rosters.repeated(read_roster(day.roster), days)
    if day.agents and not day.roster:
        return rosters.repeated(rosters.default(day.agents, dict.fromkeys(skills)), days)
    raise SimulationError("Give either --agents NUMBER or --roster FILE.")


def read_arrivals(path: Path, plan: Plan, trunk: str) -> list[Arrival]:
    """The calls of the file. `at`: seconds, or ISO times (their time zone is ignored).

    Optional: `from`, the calling number (without the column each call has its own), and `trunk`.
    """
    seconds: list[Arrival] = []
    times: list[tuple[datetime, Arrival]] = []
    for n, (where, row) in enumerate(_rows(path, ("at", "queue"))):
        if row["queue"] not in plan.queues.queue:
            raise SimulationError(f"{where}: there is no queue {row['queue']!r} in queues.toml.")
        at = _moment(row["at"], where)
        arrival = Arrival(0.0, row["queue"], row.get("from", demand.own_number(n)), row.get("trunk", trunk))
        if isinstance(at, datetime):
            times.append((at, arrival))
        else:
            seconds.append(arrival._replace(at_s=at))
    if seconds and times:
        raise SimulationError(f"{path}: column at mixes seconds and times; use one of them.")
    if seconds:
        return seconds
    midnight = datetime.combine(min(at for at, _ in times), time())
    return [arrival._replace(at_s=(at - midnight).total_seconds()) for at, arrival in times]


def read_roster(path: Path) -> list[Shift]:
    """`agents` people with `skills` (separated by spaces) who work daily `from` – `to` (HH:MM), also over midnight."""
    found: list[Shift] = []
    for where, row in _rows(path, ("agents", "skills", "from", "to")):
        if not (row["agents"].isdecimal() and len(row["agents"]) <= 6):
            raise SimulationError(f"{where}: agents must be a whole number, not {row['agents']!r}.")
        begins_s, ends_s = _time_of_day_s(row["from"], where), _time_of_day_s(row["to"], where)
        skills = tuple(row["skills"].split())
        if wrong := [word for word in skills if not re.fullmatch(WRITTEN, word)]:
            raise SimulationError(f"{where}: {wrong[0]!r} is no skill; write as enterprise or enterprise:2.")
        numbers = range(len(found), len(found) + int(row["agents"]))
        if numbers.stop > MOST_AGENTS:
            raise SimulationError(f"{where}: these are more than {MOST_AGENTS} agents.")
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
    empty = True
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise SimulationError(f"{path}: the first line must name the columns {','.join(columns)}.")
        for row in reader:
            empty = False
            cells = {name: (row[name] or "").strip() for name in reader.fieldnames or ()}
            yield f"{path}: line {reader.line_num}", cells
    except csv.Error as error:
        raise SimulationError(f"{path}: line {reader.line_num + 1}: not readable as CSV: {error}.") from None
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
    if len(written) <= 5 and hours.isdecimal() and minutes.isdecimal() and int(minutes) < 60:
        seconds = int(hours) * 3600.0 + int(minutes) * 60.0
        if seconds <= demand.DAY_S:
            return seconds
    raise SimulationError(f"{where}: not a time of day as 08:30: {written!r}.")
