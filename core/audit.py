"""Audit: who changed what, before and after, why and from where; chained so that tampering shows.

For changes of master data, rights, rules and approvals. Not the event log: stock moves and tasks
are events already. It lies below people, so it takes plain strings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Connection, Index, String, Table, select

from core.anchor import anchored
from core.append_only import forbid_change
from core.chain import GENESIS, link
from core.clock import Instant
from core.db import Big, Tx, metadata

PAGE = 500

audits = Table(
    "audit",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("face", String(16), nullable=False),
    Column("device_id", BigInteger),
    Column("verb", String(64), nullable=False),
    Column("thing", String(96), nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    Column("why", String(512), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "thing", "id"),
    Index(None, "actor", "id"),
)
forbid_change(audits, archived_by="id")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit log; `id` is dense, `hash` links it to the line before."""

    id: int
    at: Instant
    actor: str
    face: str
    device_id: int | None
    verb: str
    thing: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    why: str
    hash: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; empty fields do not narrow. `at_from <= at < at_to`."""

    thing: str = ""
    actor: str = ""
    verb: str = ""
    at_from: Instant | None = None
    at_to: Instant | None = None


_HEAD = select(audits.c.id, audits.c.hash).order_by(audits.c.id.desc()).limit(1)
_INSERT = audits.insert()


def record(  # noqa: PLR0913  # who, where, what, which, before, after, why: each is asked for
    tx: Tx,
    actor_label: str,
    face: str,
    verb: str,
    thing: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    why: str = "",
    device_id: int | None = None,
) -> None:
    """Write one line with the command's transaction.

    `thing` is `<kind>:<id>`. `before` and `after` are JSON-like and hold changed fields only, never
    a secret or its hash. `why` is cut at 512 characters.
    """
    line = {
        "at": tx.now,
        "actor": actor_label,
        "face": face,
        "device_id": device_id,
        "verb": verb,
        "thing": thing,
        "before": before,
        "after": after,
        "why": why[:512],
    }
    tx.late(_seal, line)


def _seal(tx: Tx, lines: list[dict[str, Any]]) -> None:
    """Number and chain the lines of a command."""
    if not lines:
        return
    last, previous = tx.shared.get("audit_head") or _place(tx.newest(_HEAD))
    rows = []
    for line in lines:
        last += 1
        content = {"id": last} | line
        previous = link(previous, content)
        rows.append(content | {"hash": previous})
    tx.execute(_INSERT, rows)
    tx.shared["audit_head"] = (last, previous)


def _place(row: Any) -> tuple[int, str]:
    return (0, GENESIS) if row is None else (row[0], row[1])


def head(conn: Connection) -> tuple[int, str]:
    """The newest id and hash: kept outside the database, they also show a rewritten log."""
    return _place(conn.execute(_HEAD).first())


def search(
    conn: Connection, what: Filter | None = None, *, before_id: int | None = None, limit: int = 50
) -> list[Entry]:
    """The newest lines that match, newest first; page on with the last id as `before_id`."""
    wanted = what or Filter()
    query = select(audits).order_by(audits.c.id.desc()).limit(min(limit, PAGE))
    for column, value in (
        (audits.c.thing, wanted.thing),
        (audits.c.actor, wanted.actor),
        (audits.c.verb, wanted.verb),
    ):
        if value:
            query = query.where(column == value)
    if wanted.at_from is not None:
        query = query.where(audits.c.at >= wanted.at_from)
    if wanted.at_to is not None:
        query = query.where(audits.c.at < wanted.at_to)
    if before_id is not None:
        query = query.where(audits.c.id < before_id)
    return [Entry(**dict(row)) for row in conn.execute(query).mappings()]


def verify(conn: Connection) -> Iterator[str]:
    """Walk the live chain; yield one sentence naming the first line that does not fit."""
    cursor, previous = anchored(conn, audits.name)
    page = select(audits).order_by(audits.c.id).limit(PAGE)
    while rows := conn.execute(page.where(audits.c.id > cursor)).mappings().all():
        for row in rows:
            entry = Entry(**dict(row))
            content = asdict(entry)
            content.pop("hash")
            if entry.id != cursor + 1:
                yield f"audit {cursor + 1} is missing (next found: {entry.id})"
                return
            if link(previous, content) != entry.hash:
                yield f"audit {entry.id} ({entry.verb} {entry.thing}) was changed"
                return
            cursor, previous = entry.id, entry.hash
