"""Timer rows: written in the task's transaction, fenced by its generation, never deleted.

Every exit from a state raises the generation; what must still happen is carried over to the new
one (`carry`), what waits until a claim or a pause ends lies in the task's drawer (`Kept`). Firing
is in escalation.py; the arithmetic of a policy in rules.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core import calendar
from core.bus import TIMER
from core.clock import Instant
from core.db import Tx
from core.tasks.policy import WORKING
from core.tasks.rules import (
    Planned,
    Reckon,
    is_rung,
    kind_of,
    level_of,
    next_rung,
    number_of,
    repeats,
    rung_of,
    stops_on_claim,
)
from core.tasks.tables import PENDING, timers
from core.tasks.task import Task

MOST = 500  # pending timers of one task; a policy allows far fewer


@dataclass(frozen=True, slots=True)
class Timer:
    """One pending row. Never fires before `due`; what follows it counts from `planned`."""

    id: int
    task_id: str
    generation: int
    key: str
    clock: str
    base: Instant
    span: Instant
    planned: Instant
    due: Instant


@dataclass(frozen=True, slots=True)
class Kept:
    """A timer in the drawer. With a `base` it keeps its moment, without one only what was left."""

    key: str
    clock: str
    span: Instant
    base: Instant | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


COLUMNS = (
    timers.c.id,
    timers.c.task_id,
    timers.c.generation,
    timers.c.key,
    timers.c.clock,
    timers.c.base_us.label("base"),
    timers.c.span_us.label("span"),
    timers.c.planned_us.label("planned"),
    timers.c.due_us.label("due"),
)
_PENDING = (
    select(*COLUMNS)
    .where(timers.c.task_id == bindparam("task_"))
    .where(timers.c.generation == bindparam("generation_"))
    .where(PENDING)
    .order_by(timers.c.due_us, timers.c.id)
    .limit(MOST)
)
_INSERT = timers.insert()


def reckoner(conn: Connection, code: str) -> Reckon:
    """How the calendar `code` adds durations; natural time needs no calendar and loads none.

    The calendar is read once: use a reckoner inside one verb, never keep it.
    """
    loaded: list[calendar.Calendar] = []

    def reckon(clock: str, start: Instant, duration: Instant) -> Instant:
        if clock != WORKING:
            return start + duration
        if not loaded:
            loaded.append(calendar.load(conn, code))
        cal = loaded[0]
        if duration < 0:
            return calendar.sub_working(cal, start, -duration)
        return calendar.add_working(cal, start, duration)

    return reckon


def left_until(conn: Connection, code: str, clock: str, now: Instant, planned: Instant) -> Instant:
    """What is left of a timer's wait on its own clock; 0 when its moment has passed."""
    if planned <= now:
        return 0
    if clock != WORKING:
        return planned - now
    return calendar.working_between(calendar.load(conn, code), now, planned)


def pending(conn: Connection, task_id: str, generation: int) -> list[Timer]:
    """What is still to come in this generation, soonest first."""
    rows = conn.execute(_PENDING, {"task_": task_id, "generation_": generation}).mappings()
    return [Timer(**row) for row in rows]


def write(
    tx: Tx,
    task: Task,
    generation: int,
    moments: Iterable[Planned],
    *,
    dues: Mapping[str, Instant] | None = None,
    collapsed: bool = False,
) -> None:
    """Add timers to `generation`. `dues` delays some; `collapsed` ones are history at once."""
    later = dues or {}
    rows = []
    rev: int | None = None
    for moment in moments:
        on_calendar = moment.clock == WORKING
        if on_calendar and rev is None:
            rev = calendar.load(tx.conn, task.calendar).rev
        rows.append(
            {
                "task_id": task.id,
                "generation": generation,
                "key": moment.key,
                "clock": moment.clock,
                "base_us": moment.base,
                "span_us": moment.span,
                "planned_us": moment.planned,
                "due_us": max(moment.planned, later.get(moment.key, 0)),
                "calendar": task.calendar,
                "calendar_rev": (rev or 0) if on_calendar else 0,
                "state": "fired" if collapsed else "pending",
                "outcome": "collapsed" if collapsed else "",
                "fired_us": tx.now if collapsed else None,
            }
        )
    if rows:
        tx.execute(_INSERT, rows)
        tx.wake(TIMER)


def moment_of(timer: Timer) -> Planned:
    return Planned(timer.key, timer.clock, timer.base, timer.span, timer.planned)


def repeats_after(conn: Connection, task: Task, moment: Planned) -> Iterator[Planned]:
    """What follows one repeat of a rung, up to the next rung as it is pending now."""
    ladder = [each for each in pending(conn, task.id, task.generation) if is_rung(each.key)]
    return repeats(
        rung_of(task.policy, moment.key),
        level_of(moment.key),
        number_of(moment.key),
        anchor=moment.planned,
        until=ladder[0].planned if ladder else None,
        reckon=reckoner(conn, task.calendar),
    )


def carry(
    tx: Tx,
    task: Task,
    generation: int,
    *,
    drop: Callable[[Planned, Instant], bool],
    restore: bool = True,
) -> None:
    """Copy what is pending in the task's present generation to `generation`, drawer included.

    `drop` is asked for each with the instant at which it would act. What comes late out of the
    drawer waits `min_gap` more: whoever the task returns to gets a chance before the next person
    is called.
    """
    drawer = drawer_of(task) if restore else []
    laddered = any(is_rung(kept.key) for kept in drawer)
    reckon = reckoner(tx.conn, task.calendar)
    waits = [
        (moment_of(timer), timer.due)
        for timer in pending(tx.conn, task.id, task.generation)
        if not (laddered and is_rung(timer.key))
    ]
    for kept in drawer:
        moment = taken_out(kept, tx.now, reckon)
        is_late = moment.planned < tx.now
        waits.append((moment, tx.now + task.policy.min_gap if is_late else moment.planned))
    kept_on = [(moment, due) for moment, due in waits if not drop(moment, due)]
    dues = {moment.key: due for moment, due in kept_on}
    write(tx, task, generation, [moment for moment, _ in kept_on], dues=dues)


def drawer_of(task: Task) -> list[Kept]:
    return [Kept(**each) for each in task.remaining]


def taken_out(kept: Kept, now: Instant, reckon: Reckon) -> Planned:
    """The timer a drawer entry becomes when its clock runs again at `now`."""
    base = now if kept.base is None else kept.base
    return Planned(kept.key, kept.clock, base, kept.span, reckon(kept.clock, base, kept.span))


def carry_while_claimed(tx: Tx, task: Task, generation: int) -> list[Kept]:
    """Carry over what a claim does not stop; answers the drawer with what it does stop.

    Rungs behind a stopped one that climb regardless of a claim keep their moments.
    """
    drawer = drawer_of(task)
    moments, dues = [], {}
    reckon = reckoner(tx.conn, task.calendar)
    for timer in pending(tx.conn, task.id, task.generation):
        if kind_of(timer.key) == "snooze":
            continue
        if not stops_on_claim(task.policy, timer.key):
            moments.append(moment_of(timer))
            dues[timer.key] = timer.due
            continue
        drawer.append(Kept(timer.key, timer.clock, timer.span, timer.base))
        if is_rung(timer.key):
            level = level_of(timer.key)
            behind = next_rung(task.policy, level, timer.planned, reckon, claimed=True)
            moments += [behind] if behind is not None else []
    write(tx, task, generation, moments, dues=dues)
    return drawer


def put_in_drawer(tx: Tx, task: Task) -> list[Kept]:
    """What is left of every wait, for the time the clock stands still (pause)."""
    drawer = drawer_of(task)
    laddered = any(is_rung(kept.key) for kept in drawer)
    reckon = reckoner(tx.conn, task.calendar)
    moments = [taken_out(kept, tx.now, reckon) for kept in drawer]
    for timer in pending(tx.conn, task.id, task.generation):
        ends_now = kind_of(timer.key) in ("claim", "snooze")
        if not ends_now and not (laddered and is_rung(timer.key)):
            moments.append(moment_of(timer))
    return [
        Kept(
            each.key,
            each.clock,
            left_until(tx.conn, task.calendar, each.clock, tx.now, each.planned),
            None,
        )
        for each in moments
    ]
