"""When a desk is open: periods by day, the public holidays and swapped workdays of China, and the city's own days.

The holidays are those that the State Council announces each November for the year to come, as the library
`chinese_calendar` has them. In a year that it does not know yet people work from Monday to Friday; the reason says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import chinese_calendar
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, model_validator

_DAY = 24 * 60
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CHINESE_DAYS = "一二三四五六日"
_PERIOD = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)


class Period(NamedTuple):
    """Minutes since midnight, the end excluded; an end beyond 24:00 lies on the next day."""

    start: int
    end: int

    def __str__(self) -> str:
        end = self.end if self.end <= _DAY else self.end - _DAY
        return f"{self.start // 60:02}:{self.start % 60:02}-{end // 60:02}:{end % 60:02}"


def period(text: Any) -> Period:
    """From "08:30-17:30"; raises ValueError with a sentence."""
    found = _PERIOD.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise ValueError(f'{text!r} is no period; write "08:30-17:30"')
    h1, m1, h2, m2 = map(int, found.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or start >= _DAY or end > _DAY:
        raise ValueError(f"{text!r}: there is no such time of day; the last one is 24:00, as an end")
    if start == end:
        raise ValueError(f'{text!r} is empty; the whole day is "00:00-24:00"')
    return Period(start, end if end > start else end + _DAY)


def _apart(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    ordered = tuple(sorted(periods))
    for first, second in pairwise(ordered):
        if second.start < first.end:
            raise ValueError(f"{first} and {second} overlap")
    return ordered


def _some(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    if not periods:
        raise ValueError("no period is given; a day without one belongs in closed_on")
    return periods


Periods = Annotated[tuple[Annotated[Period, PlainValidator(period)], ...], AfterValidator(_apart)]


class Hours(BaseModel):
    """When a desk is open. A period belongs to the day on which it begins.

    What counts for a day, the first that is written: `closed_on` or `open_on`; on a public holiday `restdays`, on a
    swapped workday `workdays`; the day's name; `workdays` or `restdays`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    workdays: Periods | None = None
    restdays: Periods | None = None
    monday: Periods | None = None
    tuesday: Periods | None = None
    wednesday: Periods | None = None
    thursday: Periods | None = None
    friday: Periods | None = None
    saturday: Periods | None = None
    sunday: Periods | None = None
    closed_on: tuple[date, ...] = ()
    open_on: dict[date, Annotated[Periods, AfterValidator(_some)]] = {}

    @model_validator(mode="after")
    def _sane(self) -> Hours:
        twice = sorted(set(self.closed_on) & set(self.open_on))
        if twice:
            raise ValueError(f"{twice[0]} stands in closed_on and in open_on")
        if not (self.open_on or any(getattr(self, name) for name in ("workdays", "restdays", *_DAYS))):
            raise ValueError("is never open: no period is given")
        return self


def is_open(hours: Hours, at: float, timezone: str) -> tuple[bool, str]:
    """Whether the desk is open at `at` (seconds since the epoch), and the reason in Chinese words."""
    moment = datetime.fromtimestamp(at, ZoneInfo(timezone))
    today, minute = moment.date(), moment.hour * 60 + moment.minute
    yesterday = today - timedelta(days=1)
    for period in _periods(hours, yesterday)[0]:
        if minute + _DAY < period.end:
            return True, f"前一日的 {period}"
    periods, reason = _periods(hours, today)
    for period in periods:
        if period.start <= minute < period.end:
            return True, f"{reason}，{period}"
    return False, f"{reason}，{'只在 ' + '、'.join(map(str, periods)) + ' 开放' if periods else '全天不开放'}"


def day_name(day: date) -> str:
    """As 星期四."""
    return f"星期{_CHINESE_DAYS[day.weekday()]}"


def last_known_year() -> int:
    """The last year whose public holidays and swapped workdays are known."""
    return int(max(chinese_calendar.holidays).year)


def unknown_years(all_hours: Iterable[Hours], now: datetime) -> list[int]:
    """The years within the next two months whose holidays somebody here relies on, and nobody knows."""
    if not list(all_hours):
        return []
    return sorted({day.year for day in (now, now + timedelta(days=60)) if day.year > last_known_year()})


def _periods(hours: Hours, day: date) -> tuple[tuple[Period, ...], str]:
    """The periods that begin on this day, and what kind of day it is in Chinese."""
    if day in hours.closed_on:
        return (), f"closed_on 列有 {day}"
    if day in hours.open_on:
        return hours.open_on[day], f"open_on 列有 {day}"
    works, feast, known = _calendar(day)
    named: tuple[Period, ...] | None = getattr(hours, _DAYS[day.weekday()])
    if feast and not works:
        return hours.restdays or (), f"{feast}假期"
    if feast:
        return (hours.workdays if hours.workdays is not None else named) or (), f"{feast}调休上班"
    usual = hours.workdays if works else hours.restdays
    reason = f"{day_name(day)}，{'工作日' if works else '休息日'}"
    if not known:
        reason += f"（{day.year} 年的放假安排未知，按周一至周五上班）"
    return (named if named is not None else usual) or (), reason


@lru_cache(maxsize=8)
def _calendar(day: date) -> tuple[bool, str, bool]:
    """Whether people work, the holiday behind it in Chinese or "", and whether the calendar knows the year."""
    try:
        rests, feast = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return day.weekday() < 5, "", False
    return not rests, chinese_calendar.Holiday(feast).chinese if feast else "", True
