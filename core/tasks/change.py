"""The one way a task row changes: fenced by its version, followed by its event.

Used by the verbs of this folder only. No message leaves here (tell.py) and no state is decided here
(rules.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from sqlalchemy import Connection, bindparam, select

from core import events
from core.ahead import ask_ahead
from core.clock import HOUR
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.people import Actor, Thing, require
from core.tasks.recipients import Recipient
from core.tasks.rules import ALREADY_DONE, NOT_YOURS, STALE_CARD
from core.tasks.tables import assignments, tasks
from core.tasks.task import Task, TaskView, from_row
from core.tasks.words import STATES, clock_text, face_name, moment, won_sentence

_ONE = select(tasks).where(tasks.c.id == bindparam("id_"))
_UPDATE = (
    tasks.update()
    .where(tasks.c.id == bindparam("id_"), tasks.c.row_version == bindparam("version_"))
    .returning(*tasks.c)
)
_END = (
    assignments.update()
    .where(assignments.c.task_id == bindparam("task_"), assignments.c.to_us.is_(None))
    .values(to_us=bindparam("now_"), ended_reason=bindparam("reason_"))
)


def ask_for(conn: Connection, task_id: str) -> None:
    """`load` will be wanted."""
    ask_ahead(conn, _ONE, {"id_": task_id})


def load(conn: Connection, task_id: str) -> Task:
    """The task as it is now.

    Raises:
        AppError(not_found): no such task.
    """
    row = conn.execute(_ONE, {"id_": task_id}).mappings().first()
    if row is None:
        raise AppError(NOT_FOUND, what="任务", name=task_id[:12])
    return from_row(row)


def update(tx: Tx, task: Task, **values: Any) -> Task:
    """Write `values` if the task is still as we read it, one version further.

    Raises:
        AppError(already_done, stale_card): somebody was faster.
    """
    same = {"id_": task.id, "version_": task.row_version}
    fields = values | {"row_version": task.row_version + 1}
    row = tx.execute(_UPDATE, fields | same).mappings().first()
    if row is None:
        refuse_late(tx, load(tx.conn, task.id))
    return from_row(row)


def refuse_late(tx: Tx, task: Task) -> NoReturn:
    """Tell the one who came second who was first.

    Raises:
        AppError(already_done): the task is closed. AppError(stale_card): it moved on.
    """
    if task.is_live:
        raise AppError(STALE_CARD, now=standing(task))
    assert task.closed_at is not None
    result = task.result
    if task.state == "done" and tx.now - task.closed_at > 12 * HOUR:
        when = moment(task.closed_at)
        said = won_sentence(task.closed_name, task.closed_face, task.sentence, task.closed_at)
        result = said.replace(f"（{clock_text(task.closed_at)}）", f"（{when}）")
    raise AppError(
        ALREADY_DONE,
        result=result,
        name=task.closed_name,
        face=face_name(task.closed_face),
        task_id=task.id,
    )


def standing(task: Task) -> str:
    """Where a live task stands, in a few words: 「李某 正在处理(10:42 认领)」."""
    if task.state == "claimed":
        assert task.claimed_at is not None
        return f"{task.holder_name} 正在处理（{clock_text(task.claimed_at)} 认领）"
    if task.state == "paused":
        return f"计时已暂停：{task.pause_why}"
    if task.holder_name:
        return f"现在由 {task.holder_name} 负责"
    return STATES[task.state]


def admit(tx: Tx, actor: Actor, verb: str, task_id: str, generation: int | None) -> Task:
    """The live task, if `actor` may do `verb` to it and presses a button of this generation.

    Raises:
        AppError(already_done): closed; says who won. AppError(not_yours): handed on to somebody.
        AppError(forbidden). AppError(stale_card): an old button.
    """
    task = load(tx.conn, task_id)
    known = frozenset((*task.people, *task.audience))
    if not task.is_live:
        require(actor, verb, _thing(task, known))
        refuse_late(tx, task)
    if actor.person_id in known - set(task.people):
        raise AppError(NOT_YOURS, now=standing(task))
    require(actor, verb, task.thing)
    fence(task, generation)
    return task


def fence(task: Task, generation: int | None) -> None:
    """Refuse a button made for another generation; None is a door that just read the task.

    Raises:
        AppError(stale_card): says where the task stands now.
    """
    if generation is not None and generation != task.generation:
        raise AppError(STALE_CARD, now=standing(task))


def _thing(task: Task, people: frozenset[int]) -> Thing:
    return Thing("task", task.id, people, task.partner_id, task.warehouse_id)


def announce(tx: Tx, task: Task, verb: str, actor: str, **more: Any) -> None:
    """Append `task.<verb>` with the task as clients see it; heard by everybody ever assigned."""
    events.append(
        tx,
        f"task.{verb}",
        f"task:{task.id}",
        actor,
        {"task": TaskView(task).to_wire()} | more,
        audience=task.audience,
    )


def assign(
    tx: Tx,
    task: Task,
    recipients: Iterable[Recipient],
    *,
    level: int,
    generation: int,
    card_on: str = "",
) -> None:
    """Write who was given the task and why. The task row is the caller's to change.

    `card_on`: the task of the group whose card speaks for it; its own by default.
    """
    rows = [
        {
            "task_id": task.id,
            "generation": generation,
            "level": level,
            "person_id": each.person_id,
            "via": each.via,
            "group_key": task.group,
            "card_on": card_on or task.id,
            "from_us": tx.now,
        }
        for each in recipients
    ]
    if rows:
        tx.add(assignments, rows)


def end_assignments(tx: Tx, task_id: str, reason: str) -> None:
    """Everybody's turn ends now."""
    tx.execute(_END, {"task_": task_id, "now_": tx.now, "reason_": reason})


def joined(known: Iterable[int], more: Iterable[int]) -> list[int]:
    """Both, each once, in order of arrival."""
    return list(dict.fromkeys((*known, *more)))
