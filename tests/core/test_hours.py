"""Open hours against days that everybody remembers: holidays, swapped workdays, midnight, the last minute."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.core.dialplan.hours import Hours, is_open, last_known_year, unknown_years

CHINA = "Asia/Shanghai"


def _is_open(hours: dict[str, Any], at: str, timezone: str = CHINA) -> tuple[bool, str]:
    moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(timezone))
    return is_open(Hours.model_validate(hours), moment.timestamp(), timezone)


OFFICE = {"workdays": ["14:30-17:30", "08:30-12:00"]}


@pytest.mark.parametrize(
    ("day", "opens", "reason"),
    [
        ("2025-09-27", False, "星期六，休息日"),
        ("2025-09-28", True, "国庆节调休上班"),
        ("2025-09-30", True, "星期二，工作日"),
        ("2025-10-01", False, "国庆节假期"),
        ("2025-10-06", False, "中秋假期"),
        ("2025-10-08", False, "国庆节假期"),
        ("2025-10-09", True, "星期四，工作日"),
        ("2025-10-11", True, "国庆节调休上班"),
        ("2025-10-12", False, "星期日，休息日"),
        ("2026-02-14", True, "春节调休上班"),
        ("2026-02-15", False, "春节假期"),
        ("2026-02-23", False, "春节假期"),
        ("2026-02-24", True, "星期二，工作日"),
        ("2026-02-28", True, "春节调休上班"),
    ],
)
def test_the_chinese_calendar(day: str, opens: bool, reason: str) -> None:
    came, why = _is_open(OFFICE, f"{day} 09:00")
    assert (came, why.rpartition("，")[0]) == (opens, reason)


@pytest.mark.parametrize(
    ("time", "opens"),
    [
        ("08:29:59", False),
        ("08:30:00", True),
        ("11:59:59.999", True),
        ("12:00:00", False),
        ("14:30:00", True),
        ("17:29:59", True),
        ("17:30:00", False),
    ],
)
def test_the_first_and_the_last_minute(time: str, opens: bool) -> None:
    came, why = _is_open(OFFICE, f"2026-11-23 {time}")
    assert came is opens
    assert opens or why == "星期一，工作日，只在 08:30-12:00、14:30-17:30 开放"


@pytest.mark.parametrize(
    ("hours", "at", "opens", "reason"),
    [
        ({"monday": ["22:00-06:00"]}, "2026-11-23 21:59", False, "星期一，工作日，只在 22:00-06:00 开放"),
        ({"monday": ["22:00-06:00"]}, "2026-11-23 23:59", True, "星期一，工作日，22:00-06:00"),
        ({"monday": ["22:00-06:00"]}, "2026-11-24 00:00", True, "前一日的 22:00-06:00"),
        ({"monday": ["22:00-06:00"]}, "2026-11-24 05:59", True, "前一日的 22:00-06:00"),
        ({"monday": ["22:00-06:00"]}, "2026-11-24 06:00", False, "星期二，工作日，全天不开放"),
        ({"monday": ["22:00-06:00"]}, "2026-11-23 05:00", False, "星期一，工作日，只在 22:00-06:00 开放"),
        ({"monday": ["08:00-24:00"]}, "2026-11-23 23:59:59", True, "星期一，工作日，08:00-24:00"),
        ({"monday": ["08:00-24:00"]}, "2026-11-24 00:00", False, "星期二，工作日，全天不开放"),
        ({"monday": ["18:00-00:00"]}, "2026-11-23 23:59:59", True, "星期一，工作日，18:00-24:00"),
    ],
)
def test_midnight(hours: dict[str, Any], at: str, opens: bool, reason: str) -> None:
    assert _is_open(hours, at) == (opens, reason)


@pytest.mark.parametrize(
    ("hours", "at", "opens", "reason"),
    [
        (
            OFFICE | {"closed_on": ["2026-12-31"]},
            "2026-12-31 09:00",
            False,
            "closed_on 列有 2026-12-31，全天不开放",
        ),
        (
            OFFICE | {"open_on": {"2026-10-01": ["09:00-11:00"]}},
            "2026-10-01 10:59",
            True,
            "open_on 列有 2026-10-01，09:00-11:00",
        ),
        (OFFICE | {"restdays": ["09:00-12:00"]}, "2026-10-01 09:00", True, "国庆节假期，09:00-12:00"),
        (OFFICE | {"monday": []}, "2026-11-23 09:00", False, "星期一，工作日，全天不开放"),
        (OFFICE | {"saturday": ["09:00-12:00"]}, "2026-11-21 09:00", True, "星期六，休息日，09:00-12:00"),
        # A swapped workday is a workday, whatever its name; without workdays its name counts.
        (OFFICE | {"saturday": []}, "2026-02-14 09:00", True, "春节调休上班，08:30-12:00"),
        ({"saturday": ["09:00-12:00"]}, "2026-02-14 09:00", True, "春节调休上班，09:00-12:00"),
        ({"thursday": ["09:00-12:00"]}, "2026-10-01 09:00", False, "国庆节假期，全天不开放"),
    ],
)
def test_the_citys_own_days_and_what_comes_first(hours: dict[str, Any], at: str, opens: bool, reason: str) -> None:
    assert _is_open(hours, at) == (opens, reason)


def test_a_year_that_nobody_knows_has_weeks_and_says_so() -> None:
    year = last_known_year() + 1
    opens, reason = _is_open({"workdays": ["00:00-24:00"]}, f"{year}-01-01 12:00")
    assert opens is (datetime(year, 1, 1).weekday() < 5)  # noqa: DTZ001
    assert f"{year} 年的放假安排未知" in reason


def test_who_relies_on_an_unknown_year_is_told_two_months_before() -> None:
    year, hours = last_known_year(), [Hours.model_validate(OFFICE)]
    zone = ZoneInfo(CHINA)
    assert unknown_years(hours, datetime(year, 6, 1, tzinfo=zone)) == []
    assert unknown_years(hours, datetime(year, 12, 1, tzinfo=zone)) == [year + 1]
    assert unknown_years(hours, datetime(year + 1, 12, 1, tzinfo=zone)) == [year + 1, year + 2]
    assert unknown_years([], datetime(year, 12, 1, tzinfo=zone)) == []


@pytest.mark.parametrize("timezone", ["Asia/Urumqi", "Europe/Berlin"])
def test_the_time_is_that_of_the_citys_clock(timezone: str) -> None:
    """Also where clocks are turned: 2026-03-29 in Berlin has 23 hours."""
    office = {"monday": ["08:30-12:00"], "sunday": ["08:30-12:00"]}
    for day in ("2026-03-29", "2026-11-23"):
        assert [_is_open(office, f"{day} {time}", timezone)[0] for time in ("08:29", "08:30", "11:59", "12:00")] == [
            False, True, True, False,
        ]  # fmt: skip
