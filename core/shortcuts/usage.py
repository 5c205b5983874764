"""Did the forms arrive filled? By shortcut and month: opened, launched, fields filled and touched.

Two ratios, because a high one is easy to have with fields that nobody may change: `fields` counts
all that the form shows, `changeable` only what a person would otherwise have had to fill in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select

from core.clock import SHANGHAI, Instant, instant
from core.errors import INVALID, AppError
from core.shortcuts.tables import runs, values

MOST = 500
MOST_RUNS = 20_000


@dataclass(frozen=True, slots=True)
class FieldUsage:
    """One field of one shortcut in a month: which source filled it, how often it was changed."""

    shortcut: str
    field: str
    source: str
    changeable: bool
    launched: int
    filled: int
    untouched: int


@dataclass(frozen=True, slots=True)
class Usage:
    """One shortcut in one month. `percent` = arrived filled and stayed so, of all fields shown.

    Seconds are from opening to launching.
    """

    shortcut: str
    month: str
    opened: int
    launched: int
    fields: int
    untouched: int
    percent: int
    changeable: int
    changeable_untouched: int
    changeable_percent: int
    median_seconds: int
    p90_seconds: int
    by_field: tuple[FieldUsage, ...]


_IN_MONTH = (runs.c.opened_at >= bindparam("from_"), runs.c.opened_at < bindparam("to_"))
_OPENED = (
    select(runs.c.key, func.count(), func.count(runs.c.launched_at))
    .where(*_IN_MONTH)
    .group_by(runs.c.key)
    .order_by(runs.c.key)
    .limit(MOST)
)
_WAITED = (
    select(runs.c.key, runs.c.launched_at - runs.c.opened_at)
    .where(*_IN_MONTH, runs.c.launched_at.is_not(None))
    .order_by(runs.c.id)
    .limit(MOST_RUNS)
)
_FILLED = values.c.offered != ""


def _times(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_FIELDS = (
    select(
        values.c.key,
        values.c.field,
        values.c.source,
        values.c.changeable,
        func.count(),
        _times(_FILLED),
        _times(_FILLED & values.c.touched.is_(False)),
    )
    .join(runs, runs.c.id == values.c.run_id)
    .where(*_IN_MONTH)
    .group_by(values.c.key, values.c.field, values.c.source, values.c.changeable)
    .order_by(values.c.key, values.c.field, values.c.source)
    .limit(MOST)
)


def usage(conn: Connection, month: str) -> list[Usage]:
    """Every shortcut that was opened in `month` ("2026-03", Shanghai), by key.

    Raises:
        AppError(invalid): not a month.
    """
    start, end = month_of(month)
    within = {"from_": start, "to_": end}
    waited: dict[str, list[int]] = {}
    for key, duration in conn.execute(_WAITED, within):
        waited.setdefault(key, []).append(int(duration))
    rows = [
        FieldUsage(*row[:4], *(int(each) for each in row[4:]))
        for row in conn.execute(_FIELDS, within)
    ]
    return [
        _one(
            (key, month),
            (opened, launched),
            [each for each in rows if each.shortcut == key],
            waited.get(key, []),
        )
        for key, opened, launched in conn.execute(_OPENED, within)
    ]


def _one(
    which: tuple[str, str], times: tuple[int, int], rows: list[FieldUsage], waited: list[int]
) -> Usage:
    own = [each for each in rows if each.changeable]
    fields, untouched = _sums(rows)
    may_change, stayed = _sums(own)
    return Usage(
        *which,
        *times,
        fields,
        untouched,
        percent(untouched, fields),
        may_change,
        stayed,
        percent(stayed, may_change),
        _seconds(waited, 50),
        _seconds(waited, 90),
        tuple(rows),
    )


def _sums(rows: list[FieldUsage]) -> tuple[int, int]:
    return sum(each.launched for each in rows), sum(each.untouched for each in rows)


def percent(part: int, whole: int) -> int:
    """Rounded down: 89.9 is not 90."""
    return 100 * part // whole if whole else 0


def _seconds(waited: list[int], hundredth: int) -> int:
    """The wait that `hundredth` of a hundred were not longer than; 0 when nobody launched."""
    if not waited:
        return 0
    place = -(-len(waited) * hundredth // 100) - 1
    return sorted(waited)[place] // 1_000_000


def month_of(month: str) -> tuple[Instant, Instant]:
    """When a month begins, and when the next one does. Raises AppError(invalid)."""
    try:
        start = datetime.strptime(month, "%Y-%m").replace(tzinfo=SHANGHAI)
    except ValueError:
        raise AppError(INVALID, field="月份", why="应写成 2026-03") from None
    later = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return instant(start), instant(later)
