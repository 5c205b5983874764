"""The append-only event log: `append` inside a command, `read_after` a cursor, `verify` the chain.

Events are sealed at the end of their command: each gets its dense `seq` and its link in the chain
of hashes, under a lock that lasts until the commit, so the log never shows a gap. An event says who
may see it (`audience`): ids of persons, or None for everybody who may read its subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Dialect,
    Index,
    Row,
    String,
    Table,
    or_,
    select,
)

from core.anchor import anchored
from core.append_only import forbid_change
from core.bulk import Bulk
from core.chain import GENESIS, Ready, canonical, link
from core.clock import Instant
from core.db import Big, Tx, metadata
from core.trip import Trip

events = Table(
    "event",
    metadata,
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("kind", String(64), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("happened_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("audience", JSON(none_as_null=True)),
    Column("payload", JSON, nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "subject", "seq"),
)
forbid_change(events, archived_by="seq")

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", String(256), nullable=False),
)

PAGE = 500


@dataclass(slots=True)  # not frozen: thousands a second are made, a frozen one costs threefold
class Event:
    """One sealed fact. `audience` holds person ids; None means no live listener is named."""

    seq: int
    kind: str
    subject: str
    actor: str
    happened_at: Instant
    recorded_at: Instant
    audience: tuple[int, ...] | None
    payload: dict[str, Any]
    hash: str


_HEAD = select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)
_EPOCH = select(meta.c.value).where(meta.c.key == "epoch")
_INSERT = Bulk(events.insert(), tuple(events.c.keys()), as_json=("audience", "payload"))


@dataclass(slots=True)
class Draft:
    """An event not yet written; the fields mean what they mean in `append`."""

    kind: str
    subject: str
    actor: str
    payload: dict[str, Any]
    audience: tuple[int, ...] | None = None
    happened_at: Instant | None = None


def append(
    tx: Tx,
    kind: str,
    subject: str,
    actor: str,
    payload: dict[str, Any],
    *,
    audience: tuple[int, ...] | None = None,
    happened_at: Instant | None = None,
) -> None:
    """Write one event with the command's transaction and tell the live listeners after commit.

    `subject` is `<type>:<id>`, `actor` is `person:<id>`, `engine` or `system`.
    """
    tx.late(_seal, Draft(kind, subject, actor, payload, audience, happened_at))


def append_many(tx: Tx, drafts: Sequence[Draft]) -> None:
    """`append` for several events, in order."""
    for draft in drafts:
        tx.late(_seal, draft)


def _seal(tx: Tx, drafts: Sequence[Draft]) -> None:
    """Number and chain the events of a command, with one statement."""
    if not drafts:
        return
    seq, previous = _open_head(tx)
    now = tx.now
    rows = []
    for draft in drafts:
        seq += 1
        happened_at = now if draft.happened_at is None else draft.happened_at
        audience = None if draft.audience is None else list(draft.audience)
        payload = canonical(draft.payload)
        content = {
            "seq": seq,
            "kind": draft.kind,
            "subject": draft.subject,
            "actor": draft.actor,
            "happened_at": happened_at,
            "recorded_at": now,
            "audience": audience,
            "payload": Ready(payload),
        }
        previous = link(previous, content)
        front = (seq, draft.kind, draft.subject, draft.actor, happened_at, now)
        seen_by = None if audience is None else canonical(audience).decode()
        rows.append((*front, seen_by, payload.decode(), previous))
        tx.tell(Event(*front, draft.audience, draft.payload, previous))
    _INSERT.run(tx, rows)
    tx.shared["event_head"] = (seq, previous)


def ahead(tx: Tx) -> tuple[Trip[None], ...]:
    """Take the log's place in a round trip that is the last of its command, where that helps."""
    trip = None if "event_head" in tx.shared else tx.newest_of(_HEAD)
    return () if trip is None else (_Ahead(tx, trip),)


class _Ahead:
    def __init__(self, tx: Tx, trip: Trip[Row[Any] | None]) -> None:
        self._tx, self._trip = tx, trip

    def send(self, driver: Any, dialect: Dialect) -> list[Any]:
        return self._trip.send(driver, dialect)

    def made(self, sent: list[Any]) -> None:
        self._tx.shared["event_head"] = _place(self._trip.made(sent))


def _open_head(tx: Tx) -> tuple[int, str]:
    if "event_head" not in tx.shared:
        tx.shared["event_head"] = _place(tx.newest(_HEAD))
    known: tuple[int, str] = tx.shared["event_head"]
    return known


def _place(row: Any) -> tuple[int, str]:
    return (0, GENESIS) if row is None else (row[0], row[1])


def head(conn: Connection) -> int:
    """The newest sealed seq, 0 when nothing has happened."""
    return _place(conn.execute(_HEAD).first())[0]


def read_after(conn: Connection, cursor: int, limit: int = PAGE) -> list[Event]:
    """The next `limit` sealed events after `cursor`, in order."""
    query = select(events).where(events.c.seq > cursor).order_by(events.c.seq).limit(limit)
    return [_event(dict(row)) for row in conn.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class News:
    """`news` are all of the asked kinds up to `upto`; the log ended at `head`."""

    news: list[Event]
    upto: int
    head: int


def news_after(conn: Connection, cursor: int, prefixes: tuple[str, ...]) -> News:
    """The next events after `cursor` whose kind begins with one of `prefixes`, in order."""
    newest = head(conn)
    wanted = or_(*(events.c.kind.startswith(each, autoescape=True) for each in prefixes))
    query = select(events).where(events.c.seq > cursor, events.c.seq <= newest, wanted)
    rows = conn.execute(query.order_by(events.c.seq).limit(PAGE)).mappings()
    found = [_event(dict(row)) for row in rows]
    upto = found[-1].seq if len(found) == PAGE else newest
    return News(found, upto, newest)


def of_subject(conn: Connection, subject: str, limit: int = PAGE) -> list[Event]:
    """The history of one thing, oldest first."""
    query = select(events).where(events.c.subject == subject).order_by(events.c.seq).limit(limit)
    return [_event(dict(row)) for row in conn.execute(query).mappings()]


def first_cursor(conn: Connection) -> int:
    """The least cursor from which `read_after` leaves nothing out: the anchor of the archive."""
    return anchored(conn, events.name)[0]


def newest_of(conn: Connection, subject: str) -> Event | None:
    """The last thing that happened to `subject`, as far as the live log knows."""
    query = select(events).where(events.c.subject == subject).order_by(events.c.seq.desc())
    row = conn.execute(query.limit(1)).mappings().first()
    return None if row is None else _event(dict(row))


def epoch(conn: Connection) -> str:
    """Changes when history was replaced (restore): every cursor from before is then void."""
    value = conn.execute(_EPOCH).scalar()
    return value or "1"


def begin_epoch(tx: Tx, epoch: str) -> None:
    """History was replaced by an older one: cursors of the history before must not fit any more."""
    same = meta.c.key == "epoch"
    if tx.execute(meta.update().where(same), {"value": epoch}).rowcount == 0:
        tx.add(meta, {"key": "epoch", "value": epoch})


def verify(conn: Connection) -> Iterator[str]:
    """Walk the live chain; yield one sentence naming the first event that does not fit.

    It begins at the anchor; what lies before is checked with the files (core/archive.py).
    """
    cursor, previous = anchored(conn, events.name)
    while page := read_after(conn, cursor):
        for event in page:
            content = asdict(event)
            claimed = content.pop("hash")
            content["audience"] = None if event.audience is None else list(event.audience)
            if event.seq != cursor + 1:
                yield f"event {cursor + 1} is missing (next found: {event.seq})"
                return
            if link(previous, content) != claimed:
                yield f"event {event.seq} ({event.kind} {event.subject}) was changed"
                return
            cursor, previous = event.seq, claimed


def _event(row: dict[str, Any]) -> Event:
    audience = row["audience"]
    return Event(**(row | {"audience": None if audience is None else tuple(audience)}))
