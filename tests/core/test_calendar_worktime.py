"""Working time is exact: the arithmetic, the State Council's days, other zones, years unknown."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.calendar import (
    OFFICE_WEEK,
    Calendar,
    add_working,
    is_estimate,
    is_working,
    next_open,
    published,
    sub_working,
    working_between,
)
from core.calendar.calendars import _shipped_calendar
from core.clock import DAY, HOUR, MINUTE, SHANGHAI, Instant, instant, perf, to_datetime

CN = _shipped_calendar("cn")
WEEK_WITH_NIGHTS = (((0, 360), (1320, 1440)),) * 6 + (((0, 1440),),)
CALENDARS = {
    "cn": CN,
    "urumqi": Calendar("urumqi", "Asia/Urumqi", OFFICE_WEEK, CN.days, CN.published_years),
    "berlin": Calendar("berlin", "Europe/Berlin", OFFICE_WEEK, {}),
    "nights": Calendar("nights", "America/New_York", WEEK_WITH_NIGHTS, {}),
    "lord_howe": Calendar("lord_howe", "Australia/Lord_Howe", WEEK_WITH_NIGHTS, {}),
}

calendars = st.sampled_from(sorted(CALENDARS)).map(CALENDARS.__getitem__)
instants = st.integers(
    instant(datetime(2022, 12, 1, tzinfo=SHANGHAI)), instant(datetime(2028, 3, 1, tzinfo=SHANGHAI))
)
durations = st.one_of(st.integers(0, 5), st.integers(0, 400 * HOUR))


def at(text: str, zone: str = "Asia/Shanghai") -> Instant:
    return instant(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def local(when: Instant, zone: str = "Asia/Shanghai") -> str:
    return to_datetime(when, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


@settings(max_examples=300, deadline=None)
@given(calendars, instants, durations)
def test_adding_then_subtracting_comes_back(cal: Calendar, start: Instant, d: Instant) -> None:
    start = next_open(cal, start)
    assert sub_working(cal, add_working(cal, start, d), d) == start


@settings(max_examples=300, deadline=None)
@given(calendars, instants, durations)
def test_between_measures_what_was_added(cal: Calendar, start: Instant, d: Instant) -> None:
    end = add_working(cal, start, d)
    assert end >= start
    assert working_between(cal, start, end) == d
    assert working_between(cal, end, start) == -d
    back = sub_working(cal, start, d)
    assert back <= start
    assert working_between(cal, back, start) == d


@settings(max_examples=300, deadline=None)
@given(calendars, instants, durations, durations, st.integers(0, 30 * DAY))
def test_later_start_or_more_work_never_ends_earlier(
    cal: Calendar, start: Instant, d: Instant, more: Instant, wait: Instant
) -> None:
    end = add_working(cal, start, d)
    assert add_working(cal, start, d + more) >= end
    assert add_working(cal, start + wait, d) >= end
    assert sub_working(cal, start + wait, d) >= sub_working(cal, start, d)


@settings(max_examples=200, deadline=None)
@given(calendars, instants, durations, st.integers(1, 100 * HOUR))
def test_work_in_two_steps_is_work_in_one(
    cal: Calendar, start: Instant, first: Instant, second: Instant
) -> None:
    assert add_working(cal, add_working(cal, start, first), second) == add_working(
        cal, start, first + second
    )


@settings(max_examples=200, deadline=None)
@given(calendars, instants, st.integers(0, 40 * DAY), st.integers(0, 40 * DAY))
def test_between_adds_up(cal: Calendar, a: Instant, b: Instant, c: Instant) -> None:
    middle, end = a + b, a + b + c
    assert working_between(cal, a, end) == working_between(cal, a, middle) + working_between(
        cal, middle, end
    )


@settings(max_examples=200, deadline=None)
@given(calendars, instants)
def test_next_open_is_the_first_working_instant(cal: Calendar, t: Instant) -> None:
    opening = next_open(cal, t)
    assert is_working(cal, opening)
    assert (opening == t) == is_working(cal, t)
    assert working_between(cal, t, opening) == 0


def test_every_announced_day_is_what_the_state_council_said() -> None:
    """The table of all exceptional days 2023-2026, written a second time, by hand and by range."""
    off = (
        "2022-12-31/2023-01-02 2023-01-21/2023-01-27 2023-04-05 2023-04-29/2023-05-03 "
        "2023-06-22/2023-06-24 2023-09-29/2023-10-06 "
        "2024-01-01 2024-02-10/2024-02-17 2024-04-04/2024-04-06 2024-05-01/2024-05-05 2024-06-10 "
        "2024-09-15/2024-09-17 2024-10-01/2024-10-07 "
        "2025-01-01 2025-01-28/2025-02-04 2025-04-04/2025-04-06 2025-05-01/2025-05-05 "
        "2025-05-31/2025-06-02 2025-10-01/2025-10-08 "
        "2026-01-01/2026-01-03 2026-02-15/2026-02-23 2026-04-04/2026-04-06 2026-05-01/2026-05-05 "
        "2026-06-19/2026-06-21 2026-09-25/2026-09-27 2026-10-01/2026-10-07"
    )
    make_up = (
        "2023-01-28 2023-01-29 2023-04-23 2023-05-06 2023-06-25 2023-10-07 2023-10-08 "
        "2024-02-04 2024-02-18 2024-04-07 2024-04-28 2024-05-11 2024-09-14 2024-09-29 2024-10-12 "
        "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 "
        "2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10"
    )
    expected = {date.fromisoformat(day): True for day in make_up.split()}
    for part in off.split():
        first, _, last = part.partition("/")
        days = range(
            date.fromisoformat(first).toordinal(), date.fromisoformat(last or first).toordinal() + 1
        )
        expected |= {date.fromordinal(day): False for day in days}
    assert dict(CN.days) == expected
    assert all(day.weekday() >= 5 for day, workday in expected.items() if workday)
    assert CN.published_years == {2023, 2024, 2025, 2026}


def test_a_make_up_saturday_is_worked_like_a_weekday() -> None:
    assert is_working(CN, at("2026-02-14 10:00"))
    assert not is_working(CN, at("2026-02-14 12:30"))
    assert not is_working(CN, at("2026-02-16 10:00"))
    # Four hours from Friday 16:00: two on Friday, two on the make-up Saturday.
    assert local(add_working(CN, at("2026-02-13 16:00"), 4 * HOUR)) == "2026-02-14 11:00"
    # And over the whole Spring Festival to the Tuesday after it.
    assert local(add_working(CN, at("2026-02-14 17:00"), 2 * HOUR)) == "2026-02-24 10:00"


def test_due_at_two_on_sunday_waits_for_monday_nine() -> None:
    """Museum: frappe #33197, where an alert due outside hours was lost."""
    sunday = at("2026-03-08 02:00")
    assert local(next_open(CN, sunday)) == "2026-03-09 09:00"
    assert local(add_working(CN, sunday, 0)) == "2026-03-09 09:00"
    assert local(add_working(CN, sunday, 30 * MINUTE)) == "2026-03-09 09:30"


def test_a_year_without_data_is_monday_to_friday_and_never_raises() -> None:
    """Museum: chinese-calendar #66, where a project crashed on New Year's Day."""
    for year in (2027, 2030, 2099, 1999):
        assert not published(CN, year)
        monday = next(d for d in range(1, 8) if date(year, 3, d).weekday() == 0)
        assert is_working(CN, at(f"{year}-03-{monday:02d} 10:00"))
        assert not is_working(CN, at(f"{year}-03-{monday + 5:02d} 10:00"))
    assert published(CN, 2026)
    assert local(add_working(CN, at("2026-12-31 17:00"), 2 * HOUR)) == "2027-01-01 10:00"
    assert is_estimate(CN, at("2026-12-31 17:00"), at("2027-01-01 10:00"))
    assert not is_estimate(CN, at("2026-12-30 17:00"), at("2026-12-31 10:00"))


def test_work_that_ends_with_the_window_is_due_at_its_end() -> None:
    friday = at("2026-03-06 17:00")
    assert local(add_working(CN, friday, HOUR)) == "2026-03-06 18:00"
    assert not is_working(CN, at("2026-03-06 18:00"))
    assert local(add_working(CN, friday, HOUR + 1)) == "2026-03-09 09:00"
    assert add_working(CN, friday, HOUR + 1) == at("2026-03-09 09:00") + 1
    assert local(sub_working(CN, at("2026-03-09 09:00"), HOUR)) == "2026-03-06 17:00"


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        # 2026-03-29: 02:00 becomes 03:00; the night shift 22-06 is an hour shorter.
        ("2026-03-28 22:00", 7 * HOUR, "2026-03-29 06:00"),
        # 2026-10-25: 03:00 becomes 02:00 again; an hour longer.
        ("2026-10-24 22:00", 9 * HOUR, "2026-10-25 06:00"),
    ],
)
def test_a_clock_change_makes_the_night_shift_shorter_or_longer(
    start: str, duration: Instant, end: str
) -> None:
    berlin = Calendar("berlin", "Europe/Berlin", (((0, 360), (1320, 1440)),) * 7, {})
    assert local(add_working(berlin, at(start, "Europe/Berlin"), duration), "Europe/Berlin") == end


def test_a_window_inside_the_skipped_hour_begins_when_the_clock_jumps() -> None:
    berlin = Calendar("berlin", "Europe/Berlin", (((150, 240),),) * 7, {})
    jump = at("2026-03-29 03:00", "Europe/Berlin")
    assert next_open(berlin, jump - HOUR) == jump
    assert working_between(berlin, jump - HOUR, jump + 3 * HOUR) == HOUR  # 03:00 to 04:00 is left
    skipped = Calendar("berlin", "Europe/Berlin", (((125, 175),),) * 7, {})
    assert working_between(skipped, jump - 12 * HOUR, jump + 12 * HOUR) == 0


def test_urumqi_works_two_hours_after_shanghai() -> None:
    there = CALENDARS["urumqi"]
    assert is_working(CN, at("2026-03-02 09:30"))
    assert not is_working(there, at("2026-03-02 09:30"))
    assert is_working(there, at("2026-03-02 11:30"))


@pytest.mark.parametrize(
    "windows",
    [
        OFFICE_WEEK[:6],
        ((),) * 7,
        (((600, 500),),) * 7,
        (((0, 600), (500, 700)),) * 7,
        (((0, 1500),),) * 7,
    ],
)
def test_a_week_that_makes_no_sense_is_refused(
    windows: tuple[tuple[tuple[int, int], ...], ...],
) -> None:
    with pytest.raises(AssertionError):
        Calendar("x", "Asia/Shanghai", windows, {})


def test_48_working_hours_cost_microseconds() -> None:
    """The engine plans thousands of timers; the budget is 50 µs, allowed 4 times on a busy box."""
    start = at("2026-03-02 09:00")
    add_working(CN, start, 48 * HOUR)
    best = float("inf")
    for _ in range(20):
        began = perf()
        for _ in range(100):
            add_working(CN, start, 48 * HOUR)
        best = min(best, (perf() - began) / 100)
    assert best < 200e-6, f"{best * 1e6:.0f} µs"


def test_a_calendar_forgets_days_it_remembered_too_many_of() -> None:
    cal = Calendar("x", "Asia/Shanghai", OFFICE_WEEK, {})
    century = working_between(cal, at("2000-01-01 00:00"), at("2026-01-01 00:00"))
    assert century > 0
    assert len(cal._opened) <= 4001


def test_the_shipped_file_says_where_it_is_from() -> None:
    from importlib.resources import files

    body = orjson.loads(files("core.calendar").joinpath("days", "cn.json").read_bytes())
    assert all(facts["source"].startswith("http") for facts in body["years"].values())
