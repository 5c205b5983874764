"""When a calendar changes, pending timers on working time are worked out anew, in place.

In place, because a published holiday must not make the buttons on people's cards stale: the
generation stays, the move is an event (`task.replanned`). Fired timers are history and stay.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from core.bus import TIMER
from core.calendar.tables import calendars
from core.clock import Instant
from core.db import Database, Tx
from core.engine import Step, command_step
from core.tasks.change import announce, load, update
from core.tasks.rules import is_rung, kind_of
from core.tasks.tables import PENDING_WORKING, timers
from core.tasks.task import Task
from core.tasks.tell import refresh
from core.tasks.timers import Timer, pending, reckoner

BATCH = 50
MOST_CALENDARS = 100

_CALENDARS = select(calendars.c.code, calendars.c.rev).limit(MOST_CALENDARS)
_OUTDATED = (
    select(timers.c.task_id)
    .distinct()
    .where(PENDING_WORKING)
    .where(timers.c.calendar == bindparam("code_"), timers.c.calendar_rev < bindparam("rev_"))
    .limit(bindparam("limit_"))
)
_MOVE = (
    timers.update()
    .where(timers.c.id == bindparam("id_"))
    .values(base_us=bindparam("base_"), planned_us=bindparam("at_"), due_us=bindparam("due_"))
)
_SEEN = (
    timers.update()
    .where(timers.c.task_id == bindparam("task_"))
    .where(PENDING_WORKING)
    .values(calendar_rev=bindparam("rev_"))
)


def replan_step(db: Database) -> Step:
    """The engine step that follows calendar changes; the sweep is soon enough for it."""
    return command_step(db, "replan", replan, next_due)


def next_due(conn: Connection) -> Instant | None:
    """0 (at once) when a calendar is newer than a pending timer, else None."""
    return 0 if _outdated(conn, 1) else None


def replan(tx: Tx, limit: int = BATCH) -> int:
    """Work out up to `limit` tasks anew; how many were touched."""
    outdated = _outdated(tx.conn, limit)
    for task_id, rev in outdated:
        _replan_task(tx, load(tx.conn, task_id))
        tx.execute(_SEEN, {"task_": task_id, "rev_": rev})
    return len(outdated)


def _outdated(conn: Connection, limit: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for code, rev in conn.execute(_CALENDARS).all():
        values = {"code_": code, "rev_": rev, "limit_": limit - len(found)}
        found += [(task_id, rev) for task_id in conn.execute(_OUTDATED, values).scalars()]
        if len(found) >= limit:
            break
    return found


def _replan_task(tx: Tx, task: Task) -> None:
    waiting = pending(tx.conn, task.id, task.generation)
    reckon = reckoner(tx.conn, task.calendar)
    due_at = task.due_at
    for timer in sorted(waiting, key=lambda each: each.key != "due"):  # reminders hang on due
        base = timer.base
        if kind_of(timer.key) == "remind" and timer.span < 0 and due_at is not None:
            base = due_at
        moment = reckon(timer.clock, base, timer.span)
        if timer.key == "due":
            due_at = moment
        if (base, moment) != (timer.base, timer.planned):
            _move(tx, task, timer, base, moment)
    if due_at != task.due_at:
        moved = update(tx, task, due_at=due_at)
        announce(tx, moved, "replanned", "engine")
        refresh(tx, moved)


def _move(tx: Tx, task: Task, timer: Timer, base: Instant, moment: Instant) -> None:
    """A moment that lies behind us now is due now: nobody was late, nothing stood still.

    A rung waits `min_gap` more: whoever has the task gets a chance before the next is called.
    """
    due = moment
    if moment < tx.now:
        due = tx.now + (task.policy.min_gap if is_rung(timer.key) else 0)
    tx.execute(_MOVE, {"id_": timer.id, "base_": base, "at_": moment, "due_": due})
    tx.wake(TIMER)
