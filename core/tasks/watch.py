"""The watcher: every live task has something to come, or an administrator hears of it.

A task is unwatched when no timer of its generation is pending and its deadline has passed: its
ladder ended and nobody answered. Each generation is reported once. The engine's own lateness is
`escalation.lag`.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, bindparam, exists, func, or_, select

from core.clock import Instant
from core.db import Database, Tx
from core.engine import Step, command_step
from core.outbox.card import Button, Card, Fact
from core.people import ENGINE
from core.tasks.board import open_task
from core.tasks.change import announce, load
from core.tasks.policies import policy_of
from core.tasks.tables import tasks, timers
from core.tasks.task import LIVE, NewTask, Task
from core.tasks.words import STATES, span

BATCH = 20
KIND = "unwatched"

_COMING = exists().where(
    timers.c.task_id == tasks.c.id,
    timers.c.generation == tasks.c.generation,
    timers.c.state == "pending",
)
_FORGOTTEN = (
    tasks.c.state.in_(LIVE),
    tasks.c.kind != KIND,  # a forgotten report must not report itself for ever
    tasks.c.reported_generation != tasks.c.generation,
    ~_COMING,
)
_NEXT = select(func.min(func.coalesce(tasks.c.due_at, 0))).where(*_FORGOTTEN)
_FOUND = (
    select(tasks.c.id)
    .where(*_FORGOTTEN)
    .where(or_(tasks.c.due_at.is_(None), tasks.c.due_at <= bindparam("now_")))
    .order_by(tasks.c.id)
    .limit(bindparam("limit_"))
)


def watch_step(db: Database) -> Step:
    """The engine step that looks for forgotten tasks, once a sweep.

    It looks at every live task, so it looks as a reader, and takes the writer's turn for what it
    found: of thirteen thousand, 45 ms in which nobody else would have written.
    """
    step = command_step(db, "watch", watch, next_due)

    async def run() -> int:
        due = await db.read(next_due)
        return 0 if due is None or due > db.clock.now() else await step.run()

    return replace(step, run=run)


def next_due(conn: Connection) -> Instant | None:
    """When the next task would become unwatched, None when every one is looked after."""
    due: Instant | None = conn.execute(_NEXT).scalar()
    return due


def watch(tx: Tx, limit: int = BATCH) -> int:
    """Report up to `limit` forgotten tasks; how many were found."""
    found = tx.execute(_FOUND, {"now_": tx.now, "limit_": limit}).scalars().all()
    for task_id in found:
        _report(tx, load(tx.conn, task_id))
    return len(found)


def _report(tx: Tx, task: Task) -> None:
    same = tasks.c.id == task.id
    tx.execute(tasks.update().where(same), {"reported_generation": task.generation})
    announce(tx, task, "unwatched", "engine")
    card = Card(
        title=f"没人跟进：{task.title}"[:200],
        lead="升级已经走完，后面没有任何提醒。指定一个人，或直接处理",
        facts=(
            Fact("状态", STATES[task.state]),
            Fact("打开了", span(tx.now - task.opened_at)),
            Fact("负责", task.holder_name or "没有人认领"),
        ),
        buttons=(Button("seen", "我来跟进", "primary"),),
    )
    new = NewTask(
        kind=KIND,
        title=card.title,
        subject=f"task:{task.id}",
        to=("role:admin",),
        policy=policy_of(tx.conn, KIND),
        card=card,
        context={"task_id": task.id},
        dedupe_key=f"{KIND}:{task.id}",
        calendar=task.calendar,
    )
    open_task(tx, ENGINE, new)
