"""The next rung now, because a person says so: 「升级」. What follows counts from now.

For whoever has the task, whoever asked for it, and those who oversee. Lateness is escalation.py.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import bindparam

from core.db import Tx
from core.errors import AppError, define
from core.people import Actor, require
from core.tasks.change import announce, load, refuse_late, update
from core.tasks.escalation import climb, ends_with_hold, mark, tell_missed
from core.tasks.hold import NO_HOLD
from core.tasks.policy import NATURAL
from core.tasks.rules import NOT_NOW, is_rung, level_of
from core.tasks.tables import timers
from core.tasks.task import Task
from core.tasks.timers import Timer, carry, pending
from core.tasks.words import STATES

AT_THE_TOP = define(
    "at_the_top",
    409,
    "没有再升级：「{title}」已经到最高一级，现在由 {names} 负责。请直接找他们。",
    "Not escalated: “{title}” is at its highest rung already; {names} have it.",
)

_NOW = (
    timers.update()
    .where(timers.c.id == bindparam("id_"))
    .values(
        clock=NATURAL,
        base_us=bindparam("now_"),
        span_us=0,
        planned_us=bindparam("now_"),
        due_us=bindparam("now_"),
    )
)


def escalate_now(tx: Tx, actor: Actor, task_id: str, why: str = "") -> Task:
    """Climb one rung at once; `why` is the first thing its people read.

    Raises:
        AppError(at_the_top): there is no higher rung. AppError(not_now): the clock is paused.
        AppError(already_done, forbidden).
    """
    task = load(tx.conn, task_id)
    if not task.is_live:
        refuse_late(tx, task)
    opener = {actor.person_id} if task.opened_by == actor.label else set()
    thing = replace(task.thing, people=task.thing.people | opener)
    require(actor, "task.escalate", thing)
    if task.state == "paused":
        raise AppError(NOT_NOW, state=STATES["paused"], verb="升级", verb_en="escalate")
    reason = why.strip()[:200]
    announce(tx, task, "raised", actor.label, name=actor.name, why=reason)
    said = f"{actor.name} 提前升级给你" + (f"：{reason}" if reason else "")
    held = task.state != "open"
    if held:
        task = _let_go(tx, task)
    while True:  # a rung behind which nobody stands is passed by
        timer = _next_rung(tx, task)
        if timer is None:
            raise AppError(AT_THE_TOP, title=task.title, names=task.holder_name or "多人")
        reached = climb(tx, task, timer, said=said)
        task = load(tx.conn, task_id)
        if reached:
            break
    if held:
        tell_missed(tx, task, timer)
    return task


def _let_go(tx: Tx, task: Task) -> Task:
    """From claimed or snoozed to open, with the whole ladder and nobody told: the next rung is.

    Once, before it is climbed: several rungs may be, and the moments of one generation are unique.
    """
    carry(tx, task, task.generation + 1, drop=ends_with_hold)
    values = NO_HOLD | {"state": "open", "snooze_until": None, "remaining": []}
    return update(tx, task, generation=task.generation + 1, **values)


def _next_rung(tx: Tx, task: Task) -> Timer | None:
    """The timer of the lowest rung that is still to come, due now and marked as acted on."""
    waits = [each for each in pending(tx.conn, task.id, task.generation) if is_rung(each.key)]
    if not waits:
        return None
    known = min(waits, key=lambda each: level_of(each.key))
    mark(tx, [each for each in waits if each.id != known.id], "stale", "")
    tx.execute(_NOW, {"id_": known.id, "now_": tx.now})
    mark(tx, [known], "fired", "acted")
    return replace(known, clock=NATURAL, base=tx.now, span=0, planned=tx.now, due=tx.now)
