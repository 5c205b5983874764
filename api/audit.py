"""Routes of the audit log and the event log: read only, newest first.

Each is one chain of the whole company, which cannot be shown in part and still be checked: who is
bound to warehouses does not read it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.requests import HTTPConnection

from api.deps import PAGE, App, Size, as_json
from api.doors import Door
from api.routers import json_router
from api.wire import Id, Moment, page_of, wire
from core import audit, events
from core.errors import AppError, define
from core.people import Actor

router = json_router("/api", tags=["audit"])

Word = Annotated[str, Query(max_length=160)]

WHOLE_LOG = define(
    "whole_log",
    403,
    "没有打开：日志是全公司的一条链，不能只看一个仓。请不限仓库的主管或管理员来查；"
    "自己仓里的事，看任务的经过和货品的流水。",
    "Not shown: the log is one chain of the whole company. Ask somebody who is bound to no "
    "warehouse; for your own, see the history of a task and the card of an item.",
)


class _LogDoor(Door):
    """The door of who may read a log, and is bound to no warehouse."""

    async def __call__(self, connection: HTTPConnection) -> Actor:
        actor = await super().__call__(connection)
        if actor.warehouse_ids:
            raise AppError(WHOLE_LOG)
        return actor


Auditor = Annotated[Actor, Depends(_LogDoor("audit.read"))]


@router.get("/audit", response_model=page_of(audit.Entry))
async def read_audit(
    *,
    _actor: Auditor,
    jieli: App,
    thing: Word = "",
    actor: Word = "",
    verb: Word = "",
    at_from: Annotated[Moment | None, Query()] = None,
    at_to: Annotated[Moment | None, Query()] = None,
    cursor: Id | None = None,
    limit: Size = PAGE,
) -> Response:
    """Who changed what, from what to what, why and from where."""
    wanted = audit.Filter(thing=thing, actor=actor, verb=verb, at_from=at_from, at_to=at_to)
    found = await jieli.db.read(
        lambda conn: audit.search(conn, wanted, before_id=cursor, limit=limit)
    )
    more = str(found[-1].id) if len(found) == limit else None
    return as_json({"items": wire(found), "next": more})


@router.get("/events")
async def read_events(
    *,
    _actor: Auditor,
    jieli: App,
    cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Size = PAGE,
) -> Response:
    """The sealed event log after `cursor`, in order, with its chain of hashes."""
    found = await jieli.db.read(lambda conn: events.read_after(conn, cursor, limit))
    more = str(found[-1].seq) if len(found) == limit else None
    return as_json({"items": wire(found), "next": more})


@router.get("/subjects/{subject}/events")
async def read_history(
    *, subject: str, _actor: Auditor, jieli: App, limit: Size = PAGE
) -> Response:
    """The history of one thing, e.g. `posting:17` or `task:…`, oldest first."""
    found = await jieli.db.read(lambda conn: events.of_subject(conn, subject, limit))
    return as_json({"items": wire(found), "next": None})
