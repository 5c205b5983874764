"""What a client missed: the exact gap of numbered events, or "resync" and a fresh snapshot.

A cursor is (epoch, seq). It is honoured when the epoch is this history's, the seq is not from the
future, nothing after it was archived, and the gap is short enough to be cheaper than a snapshot.
Everything is read in one snapshot of the database, so events and head fit together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core import events
from core.clock import iso
from core.events import Event
from core.tasks.board import inbox
from pda.protocol import MAX_BYTES, encode, event_body

MOST_GAP = 2_000  # events of everybody between the cursor and the head
MOST_MISSED = 100  # events of one person; beyond that a snapshot is shorter
PART_BYTES = MAX_BYTES - 4096


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """`missed` are (seq, body) in order; `tasks` is a snapshot when the gap cannot be told."""

    epoch: str
    seq: int
    missed: tuple[tuple[int, str], ...] = ()
    tasks: tuple[dict[str, Any], ...] | None = None


def catch_up(conn: Connection, person_id: int, epoch: str | None, cursor: int | None) -> CaughtUp:
    """What `person_id` missed since (`epoch`, `cursor`); a snapshot of the inbox if unknown."""
    now_epoch, head = events.epoch(conn), events.head(conn)
    if cursor is None or epoch != now_epoch or not is_in_reach(conn, cursor, head):
        tasks = tuple(view.to_wire() for view in inbox(conn, person_id))
        return CaughtUp(now_epoch, head, tasks=tasks)
    missed = [
        (event.seq, body_of(event))
        for event in gap(conn, cursor, head)
        if concerns(event, person_id)
    ]
    if len(missed) > MOST_MISSED:
        return catch_up(conn, person_id, None, None)
    return CaughtUp(now_epoch, head, missed=tuple(missed))


def inbox_frames(found: CaughtUp) -> list[str]:
    """The snapshot as frames that keep to the size limit: parts 1..n of one inbox."""
    parts: list[list[str]] = [[]]
    size = 0
    for task in found.tasks or ():
        text = encode(task)
        if parts[-1] and size + len(text.encode()) > PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(text)
        size += len(text.encode()) + 1
    head = encode({"t": "inbox", "epoch": found.epoch, "seq": found.seq, "parts": len(parts)})
    return [
        f'{head[:-1]},"part":{number},"tasks":[{",".join(part)}]}}'
        for number, part in enumerate(parts, 1)
    ]


def is_in_reach(conn: Connection, cursor: int, head: int) -> bool:
    """Whether a client of this epoch at `cursor` can be given the exact gap."""
    return events.first_cursor(conn) <= cursor <= head and head - cursor <= MOST_GAP


def gap(conn: Connection, cursor: int, head: int) -> list[Event]:
    """Every event after `cursor` up to `head`."""
    found: list[Event] = []
    while cursor < head and (page := events.read_after(conn, cursor)):
        found += [each for each in page if each.seq <= head]
        cursor = page[-1].seq
    return found


def is_of_a_task(event: Event) -> bool:
    """Live clients hear of tasks only; everything else they ask for."""
    return event.kind.startswith("task.") and "task" in event.payload


def concerns(event: Event, person_id: int) -> bool:
    """Whether `event` changes what this person's inbox shows."""
    return is_of_a_task(event) and event.audience is not None and person_id in event.audience


def body_of(event: Event) -> str:
    """The event's frame without its `after`: serialised once, the same for everybody."""
    return event_body(
        {
            "seq": event.seq,
            "kind": event.kind,
            "at": iso(event.recorded_at),
            "task": event.payload["task"],
        }
    )
