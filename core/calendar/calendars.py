"""Calendars in the tables: load one, change a day, publish a year, seed what we ship.

The shipped days are facts of the State Council's yearly notices (days/cn.json). No library is asked
at run time: those refuse, or invent, a year that is not announced yet (museum: chinese-calendar
#66). A calendar that nobody seeded is read from the shipped file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult, bindparam, select

from core import events
from core.calendar.tables import calendar_days, calendar_years, calendars
from core.calendar.worktime import OFFICE_WEEK, Calendar, Window
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.people import Actor, Thing, record, require

DEFAULT = "cn"
MOST_DAYS = 20_000  # 50 years in which every day is an exception

_STAMP = select(calendars.c.stamp).where(calendars.c.code == bindparam("code_"))
_WHOLE = select(calendars).where(calendars.c.code == bindparam("code_"))
_DAYS = (
    select(calendar_days.c.day, calendar_days.c.workday)
    .where(calendar_days.c.calendar_code == bindparam("code_"))
    .limit(MOST_DAYS)
)
_YEARS = (
    select(calendar_years.c.year)
    .where(calendar_years.c.calendar_code == bindparam("code_"))
    .limit(1000)
)

# The stamp is unique over all databases and times, so a wrong answer cannot come from here.
_loaded: dict[str, tuple[str, Calendar]] = {}


@dataclass(frozen=True, slots=True)
class Day:
    """One announced exception: a day off, or a weekend day that is worked."""

    day: date
    workday: bool
    name: str
    source: str


def ask_for(conn: Connection, code: str) -> CursorResult[Any]:
    """What `load` looks at first, which need not have arrived yet."""
    return conn.execute(_STAMP, {"code_": code})


def load(conn: Connection, code: str = DEFAULT) -> Calendar:
    """The calendar as it stands in this transaction; cheap when it did not change.

    Raises:
        AppError(not_found): neither in the tables nor shipped.
    """
    stamp = ask_for(conn, code).scalar()
    if stamp is None:
        return _shipped_calendar(code)
    known = _loaded.get(code)
    if known is not None and known[0] == stamp:
        return known[1]
    row = conn.execute(_WHOLE, {"code_": code}).one()
    days = conn.execute(_DAYS, {"code_": code})
    calendar = Calendar(
        code=code,
        tz_name=row.tz_name,
        windows=_windows(row.windows),
        days={date.fromisoformat(each.day): each.workday for each in days},
        published_years=frozenset(conn.execute(_YEARS, {"code_": code}).scalars()),
        rev=row.rev,
    )
    _loaded[code] = (row.stamp, calendar)
    return calendar


def days_of(conn: Connection, code: str, year: int) -> list[Day]:
    """The exceptions of one year in order, for showing."""
    query = (
        select(calendar_days)
        .where(calendar_days.c.calendar_code == code)
        .where(calendar_days.c.day.between(f"{year:04d}-01-01", f"{year:04d}-12-31"))
        .order_by(calendar_days.c.day)
        .limit(366)
    )
    return [
        Day(date.fromisoformat(row.day), row.workday, row.name, row.source)
        for row in conn.execute(query)
    ]


def set_day(
    tx: Tx, actor: Actor, code: str, day: date, workday: bool, *, name: str = "", source: str = ""
) -> int:
    """Declare one day worked or off; answers the new revision of the calendar.

    Raises:
        AppError(forbidden): without calendar.write.
    """
    return set_days(tx, actor, code, [Day(day, workday, name, source)])


def set_days(
    tx: Tx, actor: Actor, code: str, days: list[Day], *, publish: tuple[int, ...] = ()
) -> int:
    """Declare many days at once, and the years in `publish` as announced; one new revision.

    Whoever planned by this calendar hears the event `calendar.changed` and re-plans.
    """
    require(actor, "calendar.write", Thing("calendar", code))
    if not days and not publish:
        raise AppError(INVALID, field="日期", why="一天也没有给出")
    if any(len(day.name) > 64 or len(day.source) > 256 for day in days):
        raise AppError(INVALID, field="假日名称", why="名称最多 64 个字，来源最多 256 个字")
    before = _ensure(tx, code)
    rev = before.rev + 1
    for day in days:
        _put_day(tx, code, day, rev)
    for year in publish:
        if year not in before.published_years:
            source = days[0].source if days else ""
            tx.execute(
                calendar_years.insert(), {"calendar_code": code, "year": year, "source": source}
            )
    _set_rev(tx, code, rev)
    changed = {day.day.isoformat(): day.workday for day in days}
    old = {day.day.isoformat(): before.is_workday(day.day) for day in days}
    record(
        tx,
        actor,
        "calendar.write",
        f"calendar:{code}",
        before={"days": old, "rev": before.rev},
        after={"days": changed, "published": list(publish), "rev": rev},
        why=days[0].source if days else "",
    )
    events.append(
        tx,
        "calendar.changed",
        f"calendar:{code}",
        actor.label,
        {"code": code, "rev": rev, "days": changed, "published": list(publish)},
    )
    return rev


def set_windows(
    tx: Tx, actor: Actor, code: str, windows: tuple[tuple[Window, ...], ...], tz_name: str = ""
) -> int:
    """Change the weekly hours (seven entries from Monday) and, if given, the zone.

    Raises:
        AppError(invalid): hours overlap, a day is missing, or nobody ever works.
    """
    require(actor, "calendar.write", Thing("calendar", code))
    before = _ensure(tx, code)
    zone = tz_name or before.tz_name
    try:
        Calendar(code, zone, windows, {})
    except (AssertionError, KeyError, ValueError) as problem:  # the same checks, for a person
        raise AppError(INVALID, field="工作时段", why=str(problem)) from problem
    rev = before.rev + 1
    tx.execute(
        calendars.update().where(calendars.c.code == code),
        {"windows": windows, "tz_name": zone},
    )
    _set_rev(tx, code, rev)
    record(
        tx,
        actor,
        "calendar.write",
        f"calendar:{code}",
        before={"windows": before.windows, "tz_name": before.tz_name, "rev": before.rev},
        after={"windows": windows, "tz_name": zone, "rev": rev},
    )
    payload = {"code": code, "rev": rev, "days": {}, "published": []}
    events.append(tx, "calendar.changed", f"calendar:{code}", actor.label, payload)
    return rev


def seed(tx: Tx, tz_name: str = "Asia/Shanghai") -> None:
    """Put the shipped calendar into the tables, once; a later change is never overwritten."""
    if tx.execute(_STAMP, {"code_": DEFAULT}).first() is None:
        _create(tx, DEFAULT, tz_name)


def _ensure(tx: Tx, code: str) -> Calendar:
    """The calendar, written to the tables if it was only shipped until now."""
    if tx.execute(_STAMP, {"code_": code}).first() is None:
        _create(tx, code, _shipped_calendar(code).tz_name)
    return load(tx.conn, code)


def _create(tx: Tx, code: str, tz_name: str) -> None:
    body = _shipped(code)
    assert body is not None, "only a shipped calendar is created"
    tx.execute(
        calendars.insert(),
        {"code": code, "tz_name": tz_name, "windows": OFFICE_WEEK, "rev": 1, "stamp": tx.new_id()},
    )
    rows = [
        {
            "calendar_code": code,
            "day": day.day.isoformat(),
            "workday": day.workday,
            "name": day.name,
            "source": day.source,
            "rev": 1,
        }
        for day in _days_in(body)
    ]
    tx.add(calendar_days, rows)
    years = [
        {"calendar_code": code, "year": int(year), "source": facts["source"]}
        for year, facts in body["years"].items()
    ]
    tx.add(calendar_years, years)


def _put_day(tx: Tx, code: str, day: Day, rev: int) -> None:
    values = {"workday": day.workday, "name": day.name, "source": day.source, "rev": rev}
    same = (calendar_days.c.calendar_code == code) & (calendar_days.c.day == day.day.isoformat())
    if tx.execute(calendar_days.update().where(same), values).rowcount == 0:
        key = {"calendar_code": code, "day": day.day.isoformat()}
        tx.add(calendar_days, key | values)


def _set_rev(tx: Tx, code: str, rev: int) -> None:
    same = calendars.c.code == code
    tx.execute(calendars.update().where(same), {"rev": rev, "stamp": tx.new_id()})


@cache
def _shipped(code: str) -> Mapping[str, Any] | None:
    """The shipped file of a calendar, or None; the code never becomes part of a path."""
    if code != DEFAULT:
        return None
    text = files("core.calendar").joinpath("days", "cn.json").read_bytes()
    body: dict[str, Any] = orjson.loads(text)
    return body


@cache
def _shipped_calendar(code: str) -> Calendar:
    body = _shipped(code)
    if body is None:
        raise AppError(NOT_FOUND, what="日历", name=code)
    days = {day.day: day.workday for day in _days_in(body)}
    years = frozenset(int(year) for year in body["years"])
    return Calendar(code, body["zone"], OFFICE_WEEK, days, years)


def _days_in(body: Mapping[str, Any]) -> Iterator[Day]:
    for facts in body["years"].values():
        for name, kinds in facts["days"].items():
            for kind, workday in (("off", False), ("on", True)):
                for text in kinds[kind]:
                    yield Day(date.fromisoformat(text), workday, name, facts["source"])


def _windows(rows: list[list[list[int]]]) -> tuple[tuple[Window, ...], ...]:
    return tuple(tuple((start, end) for start, end in day) for day in rows)
