"""Working time, rotas and leave. The package is the public face; `worktime` is pure."""

from __future__ import annotations

from core.calendar.calendars import (
    DEFAULT,
    Day,
    ask_for,
    days_of,
    load,
    seed,
    set_day,
    set_days,
    set_windows,
)
from core.calendar.duty import (
    add_leave,
    add_rota,
    add_shift,
    away,
    end_leave,
    end_shift,
    on_duty,
    stand_in,
)
from core.calendar.worktime import (
    OFFICE_WEEK,
    Calendar,
    Window,
    add_working,
    is_estimate,
    is_working,
    next_open,
    published,
    sub_working,
    working_between,
)

__all__ = [
    "DEFAULT",
    "OFFICE_WEEK",
    "Calendar",
    "Day",
    "Window",
    "add_leave",
    "add_rota",
    "add_shift",
    "add_working",
    "ask_for",
    "away",
    "days_of",
    "end_leave",
    "end_shift",
    "is_estimate",
    "is_working",
    "load",
    "next_open",
    "on_duty",
    "published",
    "seed",
    "set_day",
    "set_days",
    "set_windows",
    "stand_in",
    "sub_working",
    "working_between",
]
