"""What people say about a task: comments and files hang on the task they are about."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from core.db import Tx
from core.errors import INVALID, AppError
from core.people import Actor, require
from core.tasks.change import announce, load
from core.tasks.files import File, file
from core.tasks.tables import attachments, comments
from core.tasks.task import Task

LONGEST = 2000


def comment(tx: Tx, actor: Actor, task_id: str, body: str) -> Task:
    """Say something under a task, also after it is closed.

    Raises:
        AppError(invalid): empty or longer than 2,000 characters. AppError(not_found, forbidden).
    """
    task = load(tx.conn, task_id)
    require(actor, "task.comment", task.thing)
    text = body.strip()
    if not text or len(text) > LONGEST:
        raise AppError(INVALID, field="留言", why=f"应为 1 到 {LONGEST} 个字")
    tx.execute(
        comments.insert(),
        {
            "task_id": task.id,
            "person_id": actor.person_id,
            "name": actor.name,
            "face": actor.face,
            "body": text,
            "at": tx.now,
        },
    )
    announce(tx, task, "commented", actor.label, name=actor.name, body=text)
    return task


def attach(tx: Tx, actor: Actor, task_id: str, file_id: str, note: str = "") -> File:
    """Hang a registered file on a task; the same file twice is the same attachment.

    Besides the task's own people whoever's work opened it may: the proof follows the work.

    Raises:
        AppError(not_found): no such task or file. AppError(forbidden).
    """
    task = load(tx.conn, task_id)
    opener = {actor.person_id} if task.opened_by == actor.label else set()
    require(actor, "task.attach", replace(task.thing, people=task.thing.people | opener))
    found = file(tx.conn, file_id)
    same = (attachments.c.task_id == task.id) & (attachments.c.file_id == file_id)
    if tx.execute(select(attachments.c.id).where(same)).first() is not None:
        return found
    row = {"task_id": task.id, "file_id": file_id, "person_id": actor.person_id}
    tx.add(attachments, row | {"note": note[:400], "at": tx.now})
    announce(tx, task, "attached", actor.label, name=actor.name, file_name=found.name)
    return found
