"""Photos sent into a chat: hung on the task they answer; where that is not clear, one asks.

A photo that answers nothing yet waits for a day, until its sender says which task it is about. Not
for getting or checking the picture (api/callbacks/photos.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from core.clock import DAY
from core.db import Tx
from core.errors import AppError, define
from core.outbox.surfaces import on_phone
from core.people import Actor
from core.tasks import files
from core.tasks.queries import inbox
from core.tasks.tables import sent_photos
from core.tasks.talk import attach
from core.tasks.task import Task

WAITS = DAY
MOST_AT_ONCE = 20
LISTED = 8

WHICH_PHOTO = define(
    "photo_for_which",
    422,
    "没附上：〔{which}〕不是等你处理的事。等你处理的有：\n{found}",
    "Not attached: 〔{which}〕 is not one of your open tasks. These are:\n{found}",
)
NO_PHOTO = define(
    "no_photo_waits",
    422,
    "没附上：最近一天没有还没归处的照片。先发照片，再说附到哪件事。",
    "Not attached: no photo of the last day waits. Send the photo first, then say for which task.",
)

_WAITING = (
    select(sent_photos.c.file_id)
    .where(
        sent_photos.c.person_id == bindparam("person_"),
        sent_photos.c.placed_at.is_(None),
        sent_photos.c.at > bindparam("since_"),
    )
    .order_by(sent_photos.c.at, sent_photos.c.file_id)
    .limit(MOST_AT_ONCE)
)
_PLACE = (
    update(sent_photos)
    .where(sent_photos.c.file_id.in_(bindparam("files_", expanding=True)))
    .values(placed_at=bindparam("now_"))
)
_MARKED = re.compile(r"〔([0-9a-fA-F]{4,32})〕|(?<![0-9a-zA-Z])([0-9a-fA-F]{4})(?![0-9a-zA-Z])")


@dataclass(frozen=True, slots=True)
class Hint:
    """What came with a photo: the channel, the vendor's id of the message it answers, its words."""

    channel: str
    reply_to: str = ""
    caption: str = ""


def place_photo(tx: Tx, actor: Actor, kept: files.NewFile, hint: Hint) -> str:
    """Hang a photo on the open task it answers, or keep it and ask which; the sentence to say.

    It answers the task whose card was replied to, the task that its words name (〔1a2b〕), or the
    only one that waits for this person.
    """
    found = files.register(tx, actor, kept)
    mine = [view.task for view in inbox(tx.conn, actor.person_id)]
    task = _replied_to(tx, actor, mine, hint) or _named(mine, hint.caption)
    if task is None and len(mine) == 1:
        task = mine[0]
    if task is not None:
        attach(tx, actor, task.id, found.id, hint.caption)
        return f"照片已附到「{task.title[:40]}」。"
    row = {"file_id": found.id, "person_id": actor.person_id, "at": tx.now, "placed_at": None}
    tx.add(sent_photos, row)
    if not mine:
        return "照片收到了。现在没有等你处理的事，先替你留一天：有事之后发「照片 编号」附上去。"
    example = mine[0].id[-4:]
    return f"照片收到了，附到哪件事？发「照片 {example}」这样告诉我：\n{listed(mine)}"


def place_waiting(tx: Tx, actor: Actor, which: str) -> str:
    """「照片 1a2b」: hang what this person sent in the last day on that task.

    Raises:
        AppError(photo_for_which, no_photo_waits): with what to say instead.
    """
    mine = [view.task for view in inbox(tx.conn, actor.person_id)]
    meant = [each for each in mine if each.id.endswith(which.lower())]
    if len(meant) != 1:
        raise AppError(WHICH_PHOTO, which=which, found=listed(mine) or "（现在没有）")
    values = {"person_": actor.person_id, "since_": tx.now - WAITS}
    waiting = [str(each) for each in tx.execute(_WAITING, values).scalars()]
    if not waiting:
        raise AppError(NO_PHOTO)
    for file_id in waiting:
        attach(tx, actor, meant[0].id, file_id)
    tx.execute(_PLACE, {"files_": waiting, "now_": tx.now})
    return f"{len(waiting)} 张照片已附到「{meant[0].title[:40]}」。"


def listed(found: Sequence[Task]) -> str:
    """Tasks as lines that a person can name one of."""
    lines = [f"·〔{each.id[-4:]}〕{each.title[:40]}" for each in found[:LISTED]]
    return "\n".join([*lines, "……"] if len(found) > LISTED else lines)


def _replied_to(tx: Tx, actor: Actor, mine: Sequence[Task], hint: Hint) -> Task | None:
    if not hint.reply_to:
        return None
    for task in mine:
        cards = on_phone(tx.conn, task.id, actor.person_id, hint.channel)
        if any(str(each.handle.get("ref")) == hint.reply_to for each in cards):
            return task
    return None


def _named(mine: Sequence[Task], words: str) -> Task | None:
    marks = [(one or other).lower() for one, other in _MARKED.findall(words)]
    found = [each for each in mine if any(each.id.endswith(mark) for mark in marks)]
    return found[0] if len(found) == 1 else None
