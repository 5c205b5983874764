"""Calendars in the tables, rotas and substitutes: what supervisors set and escalation asks."""

from __future__ import annotations

from datetime import date
from functools import partial

import pytest

from core import audit, events
from core.calendar import (
    OFFICE_WEEK,
    Day,
    add_leave,
    add_rota,
    add_shift,
    days_of,
    end_leave,
    end_shift,
    load,
    on_duty,
    published,
    seed,
    set_day,
    set_days,
    set_windows,
    stand_in,
)
from core.clock import DAY, HOUR, ManualClock
from core.db import Database, Tx
from core.errors import INVALID, AppError
from core.people import Actor, NewPerson, add_person, deactivate

ADMIN = Actor(1, "管理员", frozenset({"admin"}))
BUYER = Actor(2, "采购", frozenset({"buyer"}))


def test_a_calendar_that_nobody_seeded_is_the_shipped_one(db: Database) -> None:
    unseeded = db.read_now(load)
    db.write_now(seed)
    seeded = db.read_now(load)
    assert dict(seeded.days) == dict(unseeded.days)
    assert seeded.windows == unseeded.windows == OFFICE_WEEK
    assert seeded.published_years == unseeded.published_years


def test_loading_twice_gives_the_same_object_until_something_changes(db: Database) -> None:
    db.write_now(seed)
    first = db.read_now(load)
    assert db.read_now(load) is first
    db.write_now(lambda tx: set_day(tx, ADMIN, "cn", date(2026, 3, 3), False, name="停电"))
    second = db.read_now(load)
    assert second.rev == first.rev + 1
    assert second.days[date(2026, 3, 3)] is False
    assert date(2026, 3, 3) not in first.days


def test_a_change_that_rolled_back_never_reaches_the_cache(db: Database) -> None:
    db.write_now(seed)

    def fails(tx: Tx) -> None:
        set_day(tx, ADMIN, "cn", date(2026, 3, 3), False)
        assert load(tx.conn).days[date(2026, 3, 3)] is False
        raise AppError(INVALID, field="日期", why="试试")

    with pytest.raises(AppError):
        db.write_now(fails)
    assert date(2026, 3, 3) not in db.read_now(load).days


def test_next_years_notice_is_entered_and_everybody_hears(db: Database) -> None:
    """The State Council announces 2027: the days and the year arrive in one revision."""
    days = [
        Day(date(2027, 1, 1), False, "元旦", "https://www.gov.cn/2027"),
        Day(date(2027, 1, 9), True, "元旦", "https://www.gov.cn/2027"),
    ]
    rev = db.write_now(lambda tx: set_days(tx, ADMIN, "cn", days, publish=(2027,)))
    cal = db.read_now(load)
    assert published(cal, 2027)
    assert not cal.is_workday(date(2027, 1, 1))
    assert cal.is_workday(date(2027, 1, 9))
    assert [each.name for each in db.read_now(lambda c: days_of(c, "cn", 2027))] == ["元旦", "元旦"]
    [event] = db.read_now(lambda c: events.of_subject(c, "calendar:cn"))
    assert event.kind == "calendar.changed"
    assert event.payload["rev"] == rev == cal.rev
    [line] = db.read_now(lambda c: audit.search(c, audit.Filter(thing="calendar:cn")))
    assert line.before is not None
    assert line.before["days"] == {"2027-01-01": True, "2027-01-09": False}


def test_a_day_is_corrected_by_saying_it_again(db: Database) -> None:
    day = date(2026, 3, 3)
    db.write_now(lambda tx: set_day(tx, ADMIN, "cn", day, False))
    db.write_now(lambda tx: set_day(tx, ADMIN, "cn", day, True))
    assert db.read_now(load).is_workday(day)


def test_hours_and_zone_change_only_to_something_sensible(db: Database) -> None:
    shifts = (((8 * 60, 20 * 60),),) * 6 + ((),)
    db.write_now(lambda tx: set_windows(tx, ADMIN, "cn", shifts, "Asia/Urumqi"))
    cal = db.read_now(load)
    assert (cal.windows, cal.tz_name) == (shifts, "Asia/Urumqi")
    for windows, zone in ((((),) * 7, ""), (shifts[:3], ""), (shifts, "Mars/Olympus")):
        attempt = partial(set_windows, actor=ADMIN, code="cn", windows=windows, tz_name=zone)
        with pytest.raises(AppError, match="工作时段"):
            db.write_now(attempt)


def test_only_calendar_writers_change_it_and_unknown_calendars_are_not_found(
    db: Database,
) -> None:
    with pytest.raises(AppError, match="forbidden"):
        db.write_now(lambda tx: set_day(tx, BUYER, "cn", date(2026, 3, 3), False))
    with pytest.raises(AppError, match="not_found"):
        db.read_now(lambda c: load(c, "../../etc/passwd"))
    with pytest.raises(AppError, match="invalid"):
        db.write_now(lambda tx: set_days(tx, ADMIN, "cn", []))


def three(tx: Tx) -> tuple[int, int, int]:
    """张三, 李四, 王五."""
    names = ("zhang", "li", "wang")
    made = [add_person(tx, ADMIN, NewPerson(name, name, ("warehouse",))) for name in names]
    return made[0], made[1], made[2]


def test_the_night_shift_is_on_duty_only_at_night(db: Database, clock: ManualClock) -> None:
    zhang, li, wang = db.write_now(three)
    now = clock.now()

    def plan(tx: Tx) -> int:
        add_rota(tx, ADMIN, "night", "夜班")
        add_shift(tx, ADMIN, "night", li, from_us=now + HOUR, to_us=now + 3 * HOUR)
        add_shift(tx, ADMIN, "night", li, from_us=now + HOUR, to_us=now + 2 * HOUR)
        add_shift(tx, ADMIN, "night", zhang, from_us=now, to_us=now + 2 * HOUR)
        return add_shift(tx, ADMIN, "night", wang, from_us=now + HOUR, to_us=now + 2 * HOUR)

    last = db.write_now(plan)
    assert db.read_now(lambda c: on_duty(c, "night", now - 1)) == []
    assert db.read_now(lambda c: on_duty(c, "night", now)) == [zhang]
    assert db.read_now(lambda c: on_duty(c, "night", now + HOUR)) == [zhang, li, wang]
    assert db.read_now(lambda c: on_duty(c, "night", now + 2 * HOUR)) == [li]
    db.write_now(lambda tx: end_shift(tx, ADMIN, last))
    db.write_now(lambda tx: deactivate(tx, ADMIN, zhang))
    assert db.read_now(lambda c: on_duty(c, "night", now + HOUR)) == [li]
    assert db.read_now(lambda c: on_duty(c, "nobody", now)) == []


def test_substitutes_stand_in_along_a_chain(db: Database, clock: ManualClock) -> None:
    zhang, li, wang = db.write_now(three)
    now = clock.now()

    def away(person: int, substitute: int | None) -> int:
        return db.write_now(
            lambda tx: add_leave(
                tx, ADMIN, person, from_us=now, to_us=now + DAY, substitute_id=substitute
            )
        )

    def who(person: int) -> int:
        return db.read_now(lambda c: stand_in(c, person, now))

    assert who(zhang) == zhang
    away(zhang, li)
    assert who(zhang) == li
    back_early = away(li, wang)
    assert who(zhang) == wang
    assert db.read_now(lambda c: stand_in(c, zhang, now + DAY)) == zhang
    away(wang, zhang)
    assert who(zhang) == zhang, "a circle ends with the person himself"
    assert who(li) == li
    db.write_now(lambda tx: end_leave(tx, ADMIN, back_early))
    assert who(zhang) == li
    away(li, None)
    assert who(zhang) == zhang, "nobody was named: the card waits with its owner"


def test_a_substitute_who_left_the_company_does_not_stand_in(
    db: Database, clock: ManualClock
) -> None:
    zhang, li, _ = db.write_now(three)
    now = clock.now()
    db.write_now(
        lambda tx: add_leave(tx, ADMIN, zhang, from_us=now, to_us=now + DAY, substitute_id=li)
    )
    db.write_now(lambda tx: deactivate(tx, ADMIN, li))
    assert db.read_now(lambda c: stand_in(c, zhang, now)) == zhang


def test_shifts_and_leave_that_make_no_sense_are_refused(db: Database, clock: ManualClock) -> None:
    zhang, _, _ = db.write_now(three)
    now = clock.now()
    db.write_now(lambda tx: add_rota(tx, ADMIN, "day", "白班"))
    attempts = {
        "invalid": lambda tx: add_rota(tx, ADMIN, "day", "又一个"),
        "invalid ": lambda tx: add_rota(tx, ADMIN, " ", "空"),
        "invalid  ": lambda tx: add_shift(tx, ADMIN, "day", zhang, from_us=now, to_us=now),
        "not_found": lambda tx: add_shift(tx, ADMIN, "x", zhang, from_us=now, to_us=now + 1),
        "not_found ": lambda tx: add_shift(tx, ADMIN, "day", 999, from_us=now, to_us=now + 1),
        "not_found  ": lambda tx: end_shift(tx, ADMIN, 999),
        "not_found   ": lambda tx: end_leave(tx, ADMIN, 999),
        "invalid   ": lambda tx: add_leave(
            tx, ADMIN, zhang, from_us=now, to_us=now + 1, substitute_id=zhang
        ),
        "forbidden": lambda tx: add_leave(tx, BUYER, zhang, from_us=now, to_us=now + 1),
    }
    for code, attempt in attempts.items():
        with pytest.raises(AppError) as refusal:
            db.write_now(attempt)
        assert refusal.value.code == code.strip()
