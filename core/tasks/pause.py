"""The task's clock: snooze (it runs on, quietly), pause (it stands still), resume.

A snooze is one person's wish and moves no deadline: the ladder still climbs. A pause keeps what was
left of every wait, on each wait's own clock, and ends by itself after `LONGEST_PAUSE`.
"""

from __future__ import annotations

from itertools import islice

from core.clock import DAY, Instant
from core.db import Tx
from core.errors import INVALID, AppError
from core.people import Actor
from core.tasks.change import admit, announce, update
from core.tasks.policy import NATURAL
from core.tasks.rules import Planned, kind_of, next_state
from core.tasks.task import Task
from core.tasks.tell import Message, refresh, tell
from core.tasks.timers import (
    carry,
    drawer_of,
    put_in_drawer,
    reckoner,
    repeats_after,
    taken_out,
    write,
)
from core.tasks.words import STATES, moment

LONGEST_PAUSE = 7 * DAY
LONGEST_SNOOZE = 30 * DAY


def snooze(tx: Tx, actor: Actor, task_id: str, until: Instant) -> Task:
    """「稍后」: no reminder before `until`, then everybody is told again. Deadlines do not move.

    Raises:
        AppError(invalid): `until` is past or too far. AppError(already_done, not_yours, not_now,
        forbidden).
    """
    before = admit(tx, actor, "task.snooze", task_id, None)
    state = next_state("snooze", before.state, STATES[before.state])
    if not tx.now < until <= tx.now + LONGEST_SNOOZE:
        raise AppError(INVALID, field="稍后到", why="应在现在之后、30 天以内")

    quiet: list[Planned] = []

    def drop(wait: Planned, due: Instant) -> bool:
        kind = kind_of(wait.key)
        if kind in ("remind", "repeat") and due < until:
            quiet.append(wait)
            return True
        return kind in ("claim", "snooze")

    carry(tx, before, before.generation + 1, drop=drop)
    task = update(
        tx,
        before,
        state=state,
        generation=before.generation + 1,
        snooze_until=until,
        claimed_at=None,
        remaining=[],
    )
    wake = Planned("snooze", NATURAL, tx.now, until - tx.now, until)
    write(tx, task, task.generation, [wake])
    for missed in quiet:
        if kind_of(missed.key) == "repeat":
            coming = repeats_after(tx.conn, task, missed)
            later = (each for each in coming if each.planned >= until)
            write(tx, task, task.generation, islice(later, 1))
    announce(tx, task, "snoozed", actor.label, name=actor.name, until_us=until)
    refresh(tx, task)
    return task


def pause(tx: Tx, actor: Actor, task_id: str, why: str) -> Task:
    """Stop the clock: nothing is reminded, nothing climbs, what was left stays left.

    Raises:
        AppError(invalid): no reason given. AppError(already_done, not_yours, not_now, forbidden).
    """
    before = admit(tx, actor, "task.pause", task_id, None)
    state = next_state("pause", before.state, STATES[before.state])
    reason = why.strip()[:400]
    if not reason:
        raise AppError(INVALID, field="暂停原因", why="写一句在等什么，别人才知道")
    drawer = put_in_drawer(tx, before)
    waits = any(kept.key == "due" for kept in drawer)
    task = update(
        tx,
        before,
        state=state,
        generation=before.generation + 1,
        due_at=None if waits else before.due_at,
        paused_at=tx.now,
        pause_why=reason,
        snooze_until=None,
        claimed_at=None,
        remaining=[each.to_json() for each in drawer],
    )
    until = tx.now + LONGEST_PAUSE
    write(tx, task, task.generation, [Planned("pause", NATURAL, tx.now, LONGEST_PAUSE, until)])
    announce(tx, task, "paused", actor.label, name=actor.name, why=reason)
    refresh(tx, task)
    return task


def resume(tx: Tx, actor: Actor, task_id: str) -> Task:
    """Let the clock run again with what was left.

    Raises:
        AppError(not_now): it is not paused. AppError(already_done, not_yours, forbidden).
    """
    before = admit(tx, actor, "task.pause", task_id, None)
    next_state("resume", before.state, STATES[before.state])
    return run_again(tx, before, actor.label, note=f"{actor.name} 恢复计时")


def run_again(tx: Tx, before: Task, by: str, *, note: str) -> Task:
    """From paused to open, by a person or because a pause has a longest length."""
    reckon = reckoner(tx.conn, before.calendar)
    moments = [taken_out(kept, tx.now, reckon) for kept in drawer_of(before)]
    due = next((each.planned for each in moments if each.key == "due"), before.due_at)
    write(tx, before, before.generation + 1, moments)
    task = update(
        tx,
        before,
        state="open",
        generation=before.generation + 1,
        due_at=due,
        paused_at=None,
        pause_why="",
        remaining=[],
    )
    announce(tx, task, "resumed", by)
    refresh(tx, task)
    until = f"，新的期限 {moment(due)}" if due is not None else ""
    tell(tx, task, task.people, Message("resume", "reminder", note=note + until))
    return task
