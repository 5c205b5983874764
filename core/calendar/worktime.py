"""Working time: pure arithmetic on instants, exact to the microsecond. No tables, no clock.

A window is half-open: at 18:00:00.000000 work has ended. Work done until 18:00 is nevertheless due
*at* 18:00, so `add_working` may answer the end of a window. Wall-clock windows are turned into
instants day by day in the calendar's zone and remembered; a local time that a clock change skips
becomes the moment of the change, one that comes twice is its first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from core.clock import SECOND, Instant, instant

Window: TypeAlias = tuple[int, int]  # minutes after local midnight, from and to
Open: TypeAlias = tuple[tuple[Instant, Instant], ...]

OFFICE: tuple[Window, ...] = ((9 * 60, 12 * 60), (13 * 60, 18 * 60))
OFFICE_WEEK: tuple[tuple[Window, ...], ...] = (OFFICE,) * 5 + ((), ())

_REMEMBERED_DAYS = 4000


@dataclass(frozen=True, slots=True)
class Calendar:
    """When people work. `windows` has seven entries from Monday; `days` holds the exceptions."""

    code: str
    tz_name: str
    windows: tuple[tuple[Window, ...], ...]
    days: Mapping[date, bool]  # True: a workday, False: a day off
    published_years: frozenset[int] = frozenset()
    rev: int = 0
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _make_up: tuple[Window, ...] = field(init=False, repr=False, compare=False)
    _opened: dict[int, Open] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.windows) == 7, "one entry per weekday, from Monday"
        assert any(self.windows), "a calendar without any window would never end"
        for windows in self.windows:
            ends = [0, *(minute for window in windows for minute in window), 24 * 60]
            assert ends == sorted(ends), "windows of a day stand in order and do not overlap"
        object.__setattr__(self, "_zone", ZoneInfo(self.tz_name))
        object.__setattr__(self, "_make_up", next(each for each in self.windows if each))

    def open_on(self, day: int) -> Open:
        """The working windows of one local day (proleptic ordinal) as instants."""
        found = self._opened.get(day)
        if found is None:
            if len(self._opened) >= _REMEMBERED_DAYS:
                self._opened.clear()
            found = self._opened[day] = self._open_windows(date.fromordinal(day))
        return found

    def day_of(self, at: Instant) -> int:
        """The local day of an instant (proleptic ordinal)."""
        return datetime.fromtimestamp(at // SECOND, self._zone).toordinal()

    def is_workday(self, day: date) -> bool:
        """By the announced exceptions, else by the weekday."""
        return self.days.get(day, bool(self.windows[day.weekday()]))

    def _open_windows(self, day: date) -> Open:
        if not self.is_workday(day):
            return ()
        # A make-up Saturday has no hours of its own: it is worked like the first working weekday.
        windows = self.windows[day.weekday()] or self._make_up
        spans = ((self._at(day, start), self._at(day, end)) for start, end in windows)
        return tuple((start, end) for start, end in spans if start < end)

    def _at(self, day: date, minute: int) -> Instant:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  # zone follows
        wall = (midnight + timedelta(minutes=minute)).replace(tzinfo=self._zone)
        before = instant(wall.astimezone(UTC))
        after = instant(wall.replace(fold=1).astimezone(UTC))
        return before if after >= before else self._change_between(after, before)

    def _change_between(self, low: Instant, high: Instant) -> Instant:
        """The first second of the new offset in (low, high]: where a skipped wall time lands."""
        low, high = low // SECOND, high // SECOND
        old = datetime.fromtimestamp(low, self._zone).utcoffset()
        while high - low > 1:
            middle = (low + high) // 2
            if datetime.fromtimestamp(middle, self._zone).utcoffset() == old:
                low = middle
            else:
                high = middle
        return high * SECOND


def add_working(cal: Calendar, start: Instant, duration: Instant) -> Instant:
    """The first instant at which `duration` µs of working time have passed since `start`.

    A start outside working time counts from the next opening, so zero gives that opening.
    """
    assert duration >= 0, "go back with sub_working"
    left = duration
    for opens, closes in _windows_from(cal, start):
        begin = max(opens, start)
        if left <= closes - begin:
            return begin + left
        left -= closes - begin
    raise AssertionError("a calendar always opens again")


def sub_working(cal: Calendar, end: Instant, duration: Instant) -> Instant:
    """The last instant from which `duration` µs of working time pass until `end`.

    An end outside working time counts from the last closing, so zero gives that closing.
    """
    assert duration >= 0, "go forward with add_working"
    left = duration
    for opens, closes in _windows_back(cal, end):
        finish = min(closes, end)
        if left <= finish - opens:
            return finish - left
        left -= finish - opens
    raise AssertionError("a calendar always opened before")


def working_between(cal: Calendar, a: Instant, b: Instant) -> Instant:
    """Working time from `a` to `b` in µs; negative when `b` lies before `a`."""
    if b < a:
        return -working_between(cal, b, a)
    total = 0
    for day in range(cal.day_of(a), cal.day_of(b) + 1):
        for opens, closes in cal.open_on(day):
            if closes > a and opens < b:
                total += min(closes, b) - max(opens, a)
    return total


def is_working(cal: Calendar, at: Instant) -> bool:
    """True inside a window; its first microsecond belongs to it, its end does not."""
    return any(opens <= at < closes for opens, closes in cal.open_on(cal.day_of(at)))


def next_open(cal: Calendar, at: Instant) -> Instant:
    """`at` itself in working time, else the next opening."""
    opens, _ = next(_windows_from(cal, at))
    return max(opens, at)


def published(cal: Calendar, year: int) -> bool:
    """False: nobody announced that year yet, Mon-Fri is assumed (「未公布，推算」)."""
    return year in cal.published_years


def is_estimate(cal: Calendar, a: Instant, b: Instant) -> bool:
    """True when the span between two instants touches a year that is not published."""
    first, last = (date.fromordinal(cal.day_of(each)).year for each in sorted((a, b)))
    return any(not published(cal, year) for year in range(first, last + 1))


def _windows_from(cal: Calendar, at: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Windows that end after `at`, in order, without end."""
    day = cal.day_of(at)
    while True:
        for window in cal.open_on(day):
            if window[1] > at:
                yield window
        day += 1


def _windows_back(cal: Calendar, at: Instant) -> Iterator[tuple[Instant, Instant]]:
    """Windows that begin at or before `at`, newest first."""
    day = cal.day_of(at)
    while True:
        for window in reversed(cal.open_on(day)):
            if window[0] <= at:
                yield window
        day -= 1
