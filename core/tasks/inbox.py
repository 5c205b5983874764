"""The reference client: how an inbox changes from events alone, without asking again.

Every live client (desk, scanner) does the same in its own language. Promise, tested with random
histories: `apply_event` over the events after a snapshot gives the snapshot of today.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from core.events import Event
from core.tasks.queries import inbox
from core.tasks.task import LIVE

Inbox = dict[str, dict[str, Any]]


def snapshot(conn: Connection, person_id: int) -> Inbox:
    """The inbox of a person now: task id → wire form."""
    return {view.task.id: view.to_wire() for view in inbox(conn, person_id)}


def apply_event(inbox: Inbox, event: Event, person_id: int) -> Inbox:
    """The inbox after `event`; the same one when the event is not about a task of this person."""
    if not event.kind.startswith("task.") or "task" not in event.payload:
        return inbox
    task = event.payload["task"]
    known = inbox.get(task["id"])
    if known is not None and known["version"] > task["version"]:
        return inbox  # a repeat of something older
    rest = {key: value for key, value in inbox.items() if key != task["id"]}
    if task["state"] in LIVE and person_id in task["people"]:
        rest[task["id"]] = task
    return rest
