"""Routes of message delivery: what could not be delivered, and what a person decides about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field
from sqlalchemy import Connection

from api.deps import PAGE, App, Once, Size, as_json
from api.doors import allow, writes
from api.routers import json_router
from api.wire import Id, Wire
from core.clock import iso
from core.db import Tx
from core.outbox import letters
from core.outbox.messages import Message
from core.people import Actor, may
from core.tasks import again
from core.tasks.queries import task

router = json_router("/api/outbox", tags=["outbox"])

Resender = Annotated[Once, writes("outbox.resend")]


class Reassign(Wire):
    """Who gets the card instead."""

    person_id: Id


class Drop(Wire):
    """Why nobody needs the card any more."""

    why: Annotated[str, Field(min_length=1, max_length=200)]


def _wire(message: Message) -> dict[str, Any]:
    """A dead letter without its action tokens and vendor handles."""
    return {
        "id": message.id,
        "task_id": message.task_id,
        "person_id": message.person_id,
        "channel": message.channel,
        "title": str(message.card["title"]),
        "tries": message.tries,
        "code": message.code,
        "reason": message.reason,
        "finished_at": iso(message.finished_at) if message.finished_at else None,
    }


def _is_seen(conn: Connection, actor: Actor, letter: Message) -> bool:
    """Its title is that of a task; a card of no task stands in no warehouse."""
    if not actor.warehouse_ids or not letter.task_id:
        return True
    return may(actor, "outbox.read", task(conn, letter.task_id).thing)


@router.get("/dead")
async def dead_letters(
    actor: Annotated[Actor, allow("outbox.read")],
    jieli: App,
    cursor: Id | None = None,
    limit: Size = PAGE,
) -> Response:
    """Cards that were given up, newest first, with the vendor's own reason."""

    def ask(conn: Connection) -> dict[str, Any]:
        found = letters.dead_letters(conn, limit, cursor)
        seen = [_wire(each) for each in found if _is_seen(conn, actor, each)]
        return {"items": seen, "next": str(found[-1].seq) if len(found) == limit else None}

    return as_json(await jieli.db.read(ask))


@router.post("/dead/{message_id}/resend")
async def resend(message_id: str, by: Resender) -> Response:
    """Try again, from the first channel on; `superseded`: the task ended, or is not his now."""

    def run(tx: Tx) -> object:
        goes = again.resend(tx, by.actor, message_id)
        return {"id": message_id, "state": "pending" if goes else "superseded"}

    return await by.answer(f"resend:{message_id}", None, run)


@router.post("/dead/{message_id}/reassign")
async def reassign(message_id: str, body: Reassign, by: Resender) -> Response:
    """Send the card to somebody else."""

    def run(tx: Tx) -> object:
        goes = again.reassign(tx, by.actor, message_id, body.person_id)
        state = "pending" if goes else "superseded"
        return {"id": message_id, "state": state, "person_id": body.person_id}

    return await by.answer(f"reassign:{message_id}", body, run)


@router.post("/dead/{message_id}/drop")
async def drop(message_id: str, body: Drop, by: Resender) -> Response:
    """Nobody needs it any more."""

    def run(tx: Tx) -> object:
        again.drop(tx, by.actor, message_id, body.why)
        return {"id": message_id, "state": "dropped"}

    return await by.answer(f"drop:{message_id}", body, run)
