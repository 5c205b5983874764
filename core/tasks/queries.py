"""Reading tasks: one, a person's inbox, the board, a task's history. Changes nothing.

Who may see what is asked at the door; `Filters` narrows the board to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import ColumnElement, Connection, Engine, bindparam, exists, func, select

from core import events
from core.clock import Instant
from core.tasks.change import load
from core.tasks.tables import assignments, attachments, comments, files, tasks
from core.tasks.task import LIVE, Task, TaskView, from_row
from core.tasks.words import face_name, moment, rung_name

MOST_IN_INBOX = 500
MOST_PER_PAGE = 200
MOST_MADE = 4_096  # some two kilobytes each

_INBOX = (
    select(tasks)
    .where(tasks.c.state.in_(LIVE))
    .where(
        tasks.c.id.in_(
            select(assignments.c.task_id).where(
                assignments.c.person_id == bindparam("person_"), assignments.c.to_us.is_(None)
            )
        )
    )
    .order_by(tasks.c.id)
    .limit(MOST_IN_INBOX)
)
_INBOX_KEYS = _INBOX.with_only_columns(tasks.c.id, tasks.c.row_version)
_INBOX_HOUSES = (
    select(tasks.c.warehouse_id)
    .join(assignments, assignments.c.task_id == tasks.c.id)
    .where(assignments.c.person_id == bindparam("person_"), assignments.c.to_us.is_(None))
    .where(tasks.c.state.in_(LIVE), tasks.c.warehouse_id.is_not(None))
    .group_by(tasks.c.warehouse_id)
    .order_by(func.count().desc(), tasks.c.warehouse_id)
    .limit(20)
)
_BY_IDS = select(tasks).where(tasks.c.id.in_(bindparam("ids_", expanding=True)))
_ABOUT = (
    select(tasks)
    .where(
        tasks.c.subject == bindparam("subject_"),
        tasks.c.state.in_(bindparam("states_", expanding=True)),
    )
    .order_by(tasks.c.id)
    .limit(MOST_PER_PAGE)
)
_OLDEST_DUE = select(func.min(tasks.c.due_at)).where(
    tasks.c.state.in_([state for state in LIVE if state != "paused"])
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the board shows; empty fields do not narrow. `overdue_at`: due before that instant."""

    states: tuple[str, ...] = LIVE
    kinds: tuple[str, ...] = ()
    subject: str = ""
    group: str = ""
    person_id: int | None = None
    warehouse_ids: frozenset[int] = frozenset()
    partner_id: int | None = None
    opened_by: str = ""  # "person:12"
    overdue_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the board, newest first; `cursor` fetches the next, "" when this was the last."""

    tasks: tuple[TaskView, ...]
    cursor: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a task's history: when, who, and a Chinese sentence."""

    at: Instant
    kind: str
    actor: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Said:
    """A comment as shown under a task."""

    id: int
    person_id: int
    name: str
    face: str
    body: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that hangs on a task."""

    file_id: str
    name: str
    media_type: str
    bytes: int
    person_id: int
    note: str
    at: Instant


def task(conn: Connection, task_id: str) -> Task:
    """One task.

    Raises:
        AppError(not_found).
    """
    return load(conn, task_id)


def inbox(conn: Connection, person_id: int) -> list[TaskView]:
    """What waits for a person: his live tasks, oldest first, at most 500."""
    rows = conn.execute(_INBOX, {"person_": person_id}).mappings()
    return [TaskView(from_row(row)) for row in rows]


def warehouses_of_inbox(conn: Connection, person_id: int) -> tuple[int, ...]:
    """Where a person's live tasks are, the warehouse with the most of them first."""
    return tuple(conn.execute(_INBOX_HOUSES, {"person_": person_id}).scalars())


def inbox_json(conn: Connection, person_id: int) -> list[bytes]:
    """`inbox` as JSON, task by task. What did not change since somebody asked is not made again:
    everybody of a warehouse has the same tasks.
    """
    made = _made_of(conn)
    keys = [(row.id, row.row_version) for row in conn.execute(_INBOX_KEYS, {"person_": person_id})]
    found = {key[0]: made[key] for key in keys if key in made}
    missing = [key[0] for key in keys if key[0] not in found]
    rows = conn.execute(_BY_IDS, {"ids_": missing}).mappings() if missing else ()
    fresh = {(row["id"], row["row_version"]): TaskView(from_row(row)) for row in rows}
    lately = {key: orjson.dumps(view.to_wire()) for key, view in fresh.items()}
    found |= {key[0]: text for key, text in lately.items()}
    with _making:
        made.update(lately)
        while len(made) > MOST_MADE:
            made.pop(next(iter(made)))
    return [found[key[0]] for key in keys if key[0] in found]


_Made = dict[tuple[str, int], bytes]
_made: WeakKeyDictionary[Engine, _Made] = WeakKeyDictionary()
_making = Lock()


def _made_of(conn: Connection) -> _Made:
    """The tasks of one database that were made into JSON, by id and version."""
    with _making:
        return _made.setdefault(conn.engine, {})


def board(
    conn: Connection, filters: Filters | None = None, cursor: str = "", limit: int = 50
) -> Page:
    """One page of tasks, newest first."""
    wanted = _conditions(filters or Filters())
    if cursor:
        wanted.append(tasks.c.id < cursor)
    size = min(max(limit, 1), MOST_PER_PAGE)
    query = select(tasks).where(*wanted).order_by(tasks.c.id.desc()).limit(size + 1)
    found = [TaskView(from_row(row)) for row in conn.execute(query).mappings()]
    following = found[size - 1].task.id if len(found) > size else ""
    return Page(tuple(found[:size]), following)


def oldest_overdue(conn: Connection, now: Instant) -> Instant:
    """For how long (µs) the oldest deadline of a live task has passed; a paused clock stands."""
    due: Instant | None = conn.execute(_OLDEST_DUE).scalar()
    return 0 if due is None else max(0, now - due)


def tasks_of(conn: Connection, subject: str, states: Iterable[str] = LIVE) -> list[Task]:
    """The tasks about one thing ("inspection:ID"), oldest first, at most 200."""
    values = {"subject_": subject, "states_": tuple(states)}
    return [from_row(row) for row in conn.execute(_ABOUT, values).mappings()]


def history(conn: Connection, task_id: str) -> list[Entry]:
    """What happened to a task, oldest first, at most 500 lines."""
    found = events.of_subject(conn, f"task:{task_id}")
    return [
        Entry(each.recorded_at, each.kind, each.actor, sentence_of(each.kind, each.payload))
        for each in found
    ]


def comments_of(conn: Connection, task_id: str) -> list[Said]:
    """The conversation under a task, oldest first, at most 200."""
    named = (comments.c.id, comments.c.person_id, comments.c.name, comments.c.face)
    query = select(*named, comments.c.body, comments.c.at).where(comments.c.task_id == task_id)
    rows = conn.execute(query.order_by(comments.c.id).limit(MOST_PER_PAGE)).mappings()
    return [Said(**row) for row in rows]


def attachments_of(conn: Connection, task_id: str) -> list[Attached]:
    """The files of a task, oldest first, at most 200."""
    query = (
        select(
            files.c.id.label("file_id"),
            files.c.name,
            files.c.media_type,
            files.c.bytes,
            attachments.c.person_id,
            attachments.c.note,
            attachments.c.at,
        )
        .join(attachments, attachments.c.file_id == files.c.id)
        .where(attachments.c.task_id == task_id)
        .order_by(attachments.c.id)
        .limit(MOST_PER_PAGE)
    )
    return [Attached(**row) for row in conn.execute(query).mappings()]


def sentence_of(kind: str, payload: dict[str, Any]) -> str:
    """The Chinese line for one `task.*` event; a kind without words shows its name."""
    task = payload["task"]
    name, note = payload.get("name", ""), payload.get("note", "")
    words: dict[str, str] = {
        "task.opened": "任务打开",
        "task.repeated": f"同一原因又发生（第 {task['repeat_count']} 次）",
        "task.claimed": f"{name} 在{face_name(payload.get('face', ''))}认领",
        "task.put_back": "放回，大家都可处理",
        "task.claim_expired": "认领后没有下文，任务放回",
        "task.handed_over": f"{name} 转交" + (f"：{note}" if note else ""),
        "task.snoozed": f"{name} 稍后处理，{moment(payload.get('until_us', 0))} 再提醒",
        "task.woken": "到了稍后提醒的时间",
        "task.paused": f"{name} 暂停计时：{task['pause_why']}",
        "task.resumed": "恢复计时",
        "task.reminded": "提醒一次",
        "task.raised": f"{name} 要求提前升级"
        + (f"：{payload['why']}" if payload.get("why") else ""),
        "task.overdue": "到期还没有处理",
        "task.nobody": f"{rung_name(payload.get('level', 0))}没有找到人",
        "task.unwatched": "后面没有任何提醒和升级，已通知管理员",
        "task.replanned": "日历有更新，期限重新推算",
        "task.done": task["result"],
        "task.cancelled": task["result"],
        "task.reopened": f"{name} 重开：{payload.get('why', '')}",
        "task.commented": f"{name}：{payload.get('body', '')}",
        "task.attached": f"{name} 添加附件：{payload.get('file_name', '')}",
    }
    if kind == "task.escalated":
        return f"升级到{rung_name(payload['level'])}：{'、'.join(payload['names'])}"
    return words.get(kind, kind)


def _in_states(states: tuple[str, ...]) -> list[ColumnElement[bool]]:
    """By an index that is in the board's order, live tasks or all: a page costs a page."""
    if not states:
        return []
    only = tasks.c.state.concat("").in_(states)  # as it is, SQLite would sort all of a state
    return [tasks.c.closed_at.is_(None), only] if set(states) <= set(LIVE) else [only]


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    wanted += _in_states(filters.states)
    if filters.kinds:
        wanted.append(tasks.c.kind.in_(filters.kinds))
    if filters.subject:
        wanted.append(tasks.c.subject == filters.subject)
    if filters.group:
        wanted.append(tasks.c.group_key == filters.group)
    if filters.person_id is not None:
        his = assignments.c.person_id == filters.person_id
        # Asked of each task on the page: not of all that he ever had.
        wanted.append(exists().where(assignments.c.task_id == tasks.c.id, his))
    if filters.warehouse_ids:
        here = tasks.c.warehouse_id.in_(filters.warehouse_ids)
        wanted.append(here | tasks.c.warehouse_id.is_(None))
    if filters.partner_id is not None:
        wanted.append(tasks.c.partner_id == filters.partner_id)
    if filters.opened_by:
        wanted.append(tasks.c.opened_by == filters.opened_by)
    if filters.overdue_at is not None:
        wanted.append(tasks.c.due_at < filters.overdue_at)
    return wanted
