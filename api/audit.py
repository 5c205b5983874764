"""Routes of the audit log and the event log: read only, newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.deps import PAGE, App, Size, as_json
from api.doors import allow
from api.wire import Id, Moment, page_of, wire
from core import audit, events
from core.people import Actor

router = APIRouter(prefix="/api", tags=["audit"])

Auditor = Annotated[Actor, allow("audit.read")]
Word = Annotated[str, Query(max_length=160)]


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
