"""Routes of tasks: my inbox, the board, and every verb a person can do to one task.

`act` lands in core.actions.perform, the same function that a chat button and a scanner reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from api.deps import PAGE, App, Once, Size, as_json
from api.doors import allow, writes
from api.portal import portal_link
from api.routers import json_router
from api.wire import Id, Loose, Moment, Text, Wire, wire
from core.actions import Press, perform
from core.db import Tx
from core.outbox.gates import closed_channels
from core.people import Actor, Thing, may, out_of_reach, person, require
from core.tasks import hold, pause, talk
from core.tasks.board import reopen
from core.tasks.early import escalate_now
from core.tasks.queries import (
    Filters,
    attachments_of,
    board,
    comments_of,
    history,
    inbox_json,
    task,
)
from core.tasks.task import LIVE, Task, TaskView

router = json_router("/api/tasks", tags=["tasks"])

Reader = Annotated[Actor, allow("task.read")]
State = Literal["open", "claimed", "snoozed", "paused", "done", "cancelled"]
Kind = Annotated[str, Field(max_length=32)]
Generation = Annotated[int, Field(ge=0, le=2**31)]


class Act(Wire):
    """A pressed button. `generation` is the one the person saw: an old card is refused."""

    action: Annotated[str, Field(min_length=1, max_length=64)]
    generation: Generation | None = None
    inputs: Annotated[dict[Annotated[str, Field(max_length=64)], Loose], Field(max_length=40)] = (
        Field(default_factory=dict)
    )


class Claim(Wire):
    """Say "I do it"."""

    generation: Generation | None = None


class HandOver(Wire):
    """Pass the baton to somebody by name."""

    to_person: Id
    note: Text = ""


class Snooze(Wire):
    """Remind me at `until`."""

    until: Moment


class Why(Wire):
    """The reason that everybody on the task will read."""

    why: Annotated[str, Field(min_length=1, max_length=400)]


class Sooner(Wire):
    """Why it cannot wait for its deadline; whoever gets it reads that first."""

    why: Annotated[str, Field(max_length=200)] = ""


class Words(Wire):
    """A comment."""

    body: Annotated[str, Field(min_length=1, max_length=2000)]


class Attachment(Wire):
    """A file that was uploaded before, and what it shows."""

    file_id: Annotated[str, Field(min_length=1, max_length=64)]
    note: Annotated[str, Field(max_length=400)] = ""


class LinkFor(Wire):
    """The supplier's person who may answer through the link."""

    person_id: Id


def _view(found: Task) -> dict[str, Any]:
    return TaskView(found).to_wire()


# -- reading -------------------------------------------------------------------------------------
@router.get("/inbox")
async def my_inbox(actor: Reader, jieli: App) -> Response:
    """What this person may act on now, most urgent first."""

    found = await jieli.db.read(lambda conn: inbox_json(conn, actor.person_id))
    body = b'{"items":[' + b",".join(found) + b'],"next":null}'
    return Response(body, media_type="application/json")


@router.get("")
async def task_board(
    *,
    actor: Annotated[Actor, allow("board.read")],
    jieli: App,
    state: Annotated[list[State] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    subject: Annotated[str, Query(max_length=96)] = "",
    cursor: Annotated[str, Query(max_length=128)] = "",
    limit: Size = PAGE,
) -> Response:
    """Everybody's tasks that this person may see; `out_of_reach`: who has some of them and gets no
    card, neither in a chat nor on a scanner; `stopped`: the chat apps that refuse everything now.
    """

    def ask(conn: Connection) -> dict[str, Any]:
        wanted = Filters(
            states=tuple(state or LIVE),
            kinds=tuple(kind or ()),
            subject=subject,
            warehouse_ids=actor.warehouse_ids,
        )
        page = board(conn, wanted, cursor, limit)
        seen = [view for view in page.tasks if may(actor, "task.read", view.task.thing)]
        return {
            "items": [view.to_wire() for view in seen],
            "next": page.cursor or None,
            "out_of_reach": _missed(conn, seen),
            "stopped": [wire(each) for each in closed_channels(conn, jieli.clock.now())],
        }

    return as_json(await jieli.db.read(ask))


def _missed(conn: Connection, seen: Sequence[TaskView]) -> list[dict[str, Any]]:
    waiting = {each for view in seen if view.task.is_live for each in view.task.people}
    return [{"id": each.id, "name": each.name} for each in out_of_reach(conn, waiting)]


@router.get("/{task_id}")
async def one_task(task_id: str, actor: Reader, jieli: App) -> Response:
    """One task with its history, comments and attachments."""

    def ask(conn: Connection) -> dict[str, Any]:
        found = task(conn, task_id)
        require(actor, "task.read", found.thing)
        return {
            **TaskView(found).to_wire(),
            "history": wire(history(conn, task_id)),
            "comments": wire(comments_of(conn, task_id)),
            "attachments": wire(attachments_of(conn, task_id)),
        }

    return as_json(await jieli.db.read(ask))


# -- acting --------------------------------------------------------------------------------------
@router.post("/{task_id}/act")
async def act(task_id: str, body: Act, by: Annotated[Once, writes("task.act")]) -> Response:
    """Press a button of the task."""
    press = Press(task_id, body.generation, body.action, by.key, dict(body.inputs))

    def run(tx: Tx) -> object:
        require(by.actor, "task.act", task(tx.conn, task_id).thing)
        return perform(tx, by.actor, press)

    return await by.answer(f"act:{task_id}", body, run)


@router.post("/{task_id}/claim")
async def claim(task_id: str, body: Claim, by: Annotated[Once, writes("task.claim")]) -> Response:
    """I do it: everybody sees who holds the task."""

    def run(tx: Tx) -> object:
        return _view(hold.claim(tx, by.actor, task_id, body.generation))

    return await by.answer(f"claim:{task_id}", body, run)


@router.post("/{task_id}/put-back")
async def put_back(task_id: str, by: Annotated[Once, writes("task.claim")]) -> Response:
    """I do not do it after all."""

    def run(tx: Tx) -> object:
        return _view(hold.put_back(tx, by.actor, task_id))

    return await by.answer(f"put-back:{task_id}", None, run)


@router.post("/{task_id}/hand-over")
async def hand_over(
    task_id: str, body: HandOver, by: Annotated[Once, writes("task.hand_over")]
) -> Response:
    """Pass the baton to somebody else."""

    def run(tx: Tx) -> object:
        return _view(hold.hand_over(tx, by.actor, task_id, body.to_person, body.note))

    return await by.answer(f"hand-over:{task_id}", body, run)


@router.post("/{task_id}/snooze")
async def snooze(
    task_id: str, body: Snooze, by: Annotated[Once, writes("task.snooze")]
) -> Response:
    """Not now; the deadline of others is not moved by it."""

    def run(tx: Tx) -> object:
        return _view(pause.snooze(tx, by.actor, task_id, body.until))

    return await by.answer(f"snooze:{task_id}", body, run)


@router.post("/{task_id}/escalate")
async def escalate(
    task_id: str, body: Sooner, by: Annotated[Once, writes("task.escalate")]
) -> Response:
    """The next rung now, without waiting for the deadline."""

    def run(tx: Tx) -> object:
        return _view(escalate_now(tx, by.actor, task_id, body.why))

    return await by.answer(f"escalate:{task_id}", body, run)


@router.post("/{task_id}/pause")
async def pause_task(
    task_id: str, body: Why, by: Annotated[Once, writes("task.pause")]
) -> Response:
    """Stop the clock, with a reason."""

    def run(tx: Tx) -> object:
        return _view(pause.pause(tx, by.actor, task_id, body.why))

    return await by.answer(f"pause:{task_id}", body, run)


@router.post("/{task_id}/resume")
async def resume(task_id: str, by: Annotated[Once, writes("task.pause")]) -> Response:
    """Start the clock again where it stood."""

    def run(tx: Tx) -> object:
        return _view(pause.resume(tx, by.actor, task_id))

    return await by.answer(f"resume:{task_id}", None, run)


@router.post("/{task_id}/reopen")
async def open_again(
    task_id: str, body: Why, by: Annotated[Once, writes("task.reopen")]
) -> Response:
    """It was not done after all."""

    def run(tx: Tx) -> object:
        return _view(reopen(tx, by.actor, task_id, body.why))

    return await by.answer(f"reopen:{task_id}", body, run)


@router.post("/{task_id}/comments", status_code=201)
async def comment(
    task_id: str, body: Words, by: Annotated[Once, writes("task.comment")]
) -> Response:
    """Say something to everybody on the task."""

    def run(tx: Tx) -> object:
        return _view(talk.comment(tx, by.actor, task_id, body.body))

    return await by.answer(f"comment:{task_id}", body, run, 201)


@router.post("/{task_id}/attachments", status_code=201)
async def attach(
    task_id: str, body: Attachment, by: Annotated[Once, writes("task.attach")]
) -> Response:
    """Hang an uploaded file on the task."""

    def run(tx: Tx) -> object:
        talk.attach(tx, by.actor, task_id, body.file_id, body.note)
        return _view(task(tx.conn, task_id))

    return await by.answer(f"attach:{task_id}", body, run, 201)


@router.post("/{task_id}/portal-link", status_code=201)
async def make_portal_link(
    task_id: str, body: LinkFor, actor: Annotated[Actor, allow("task.hand_over")], jieli: App
) -> Response:
    """A signed link for one supplier's person and this task only. Shown once, audited."""

    def run(tx: Tx) -> dict[str, Any]:
        found = task(tx.conn, task_id)
        require(actor, "task.hand_over", Thing("task", task_id, frozenset({actor.person_id})))
        return portal_link(tx, actor, jieli.settings, found, person(tx.conn, body.person_id))

    return as_json(await jieli.db.write(run), 201)
