"""The proof: the books follow from the sealed log, row by row, on any database.

1. The event log's chain is unbroken. 2. Every posting, move and serial is exactly what its event
says, and none is missing or extra. 3. Balances and serial places are the sums of the log.
4. Σ per item over all places = 0. 5. `reserved` = Σ open parts ≤ on hand. 6. Nothing went below
zero without a reason. Each part names the first row that is wrong. Only reads; changes nothing.
Where the log was archived, 1. and 2. hold from the anchor on, or whole with the folder of files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from core import events
from core.anchor import anchored
from core.archive import EVENTS, check_anchor, check_archive
from core.catalog import tables as catalog
from core.chain import GENESIS
from core.quantity import show
from core.stock.prove_log import (
    Progress,
    Told,
    archived_postings,
    check_log,
    live_postings,
    take_archived,
)
from core.stock.rules import VIRTUAL, Key, key_text
from core.stock.tables import (
    balances,
    reservation_parts,
    reservations,
    serials,
)

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked and the first wrong row of each part; no problems = the books are right."""

    problems: tuple[str, ...]
    postings: int
    moves: int
    balances: int
    events: int
    head_hash: str
    archived: int = 0  # events that lie in files
    archive_read: bool = False  # and were compared

    @property
    def ok(self) -> bool:
        return not self.problems


def prove(conn: Connection, progress: Progress | None = None, archive: Path | None = None) -> Proof:
    """Check everything; `progress(events done, events in all)` is called now and then.

    `archive` is the folder with the log's files; without it what they hold is taken from the moves.
    """
    say = progress or (lambda _done, _all: None)
    places = select(catalog.locations.c.id).where(catalog.locations.c.kind.in_(VIRTUAL))
    told = Told(virtual=frozenset(conn.execute(places.limit(100_000)).scalars()))
    head = conn.execute(
        select(events.events.c.seq, events.events.c.hash)
        .order_by(events.events.c.seq.desc())
        .limit(1)
    ).first()
    last, head_hash = (head.seq, head.hash) if head else (0, GENESIS)
    problems = [*events.verify(conn), *check_anchor(conn)]
    archived, _ = anchored(conn, events.events.name)
    facts = (last, head_hash, archived, archive is not None)
    pages = live_postings(conn)
    if archive is None:
        take_archived(conn, told)
    elif broken := list(check_archive(conn, archive, EVENTS)):
        return Proof((*broken, *problems), 0, 0, 0, *facts)
    else:
        pages = chain(archived_postings(conn, archive), pages)
    parts: tuple[Iterator[str], ...] = (
        check_log(conn, told, pages, last, say),
        _check_balances(conn, told),
        _check_serials(conn, told),
        _check_conservation(conn),
        _check_reserved(conn),
        _check_reservations(conn),
    )
    for part in parts:
        problems += [sentence for _, sentence in zip(range(1), part, strict=False)]
    counted = conn.execute(select(func.count()).select_from(balances)).scalar() or 0
    return Proof(tuple(problems), told.postings, told.moves, counted, *facts)


def _walk(conn: Connection, query: Any, key: str) -> Iterator[Any]:
    """The rows of `query` (`:after`, ordered by `key`), page by page."""
    after = 0
    while page := list(conn.execute(query, {"after": after})):
        yield from page
        after = getattr(page[-1], key)


# -- 3. to 6. caches against the log -------------------------------------------------------------
def _check_balances(conn: Connection, told: Told) -> Iterator[str]:
    query = (
        select(balances)
        .where(balances.c.id > bindparam("after"))
        .order_by(balances.c.id)
        .limit(PAGE)
    )
    left = dict(told.stands)
    for row in _walk(conn, query, "id"):
        key = Key(row.item_id, row.lot_id, row.location_id, row.status, row.owner_id)
        want = left.pop(key, 0)
        if row.key != key_text(key):
            yield f"balance {row.id} carries the key {row.key}, its columns say {key_text(key)}"
        if row.is_virtual and row.location_id not in told.virtual:
            yield f"balance {row.id} ({row.key}) is told to be in no real place"
        if row.on_hand != want:
            yield (
                f"balance {row.id} ({row.key}) is {show(row.on_hand)}, "
                f"its moves add up to {show(want)}"
            )
    for key, want in left.items():
        if want:
            yield f"balance {key_text(key)} is missing; its moves add up to {show(want)}"


def _check_serials(conn: Connection, told: Told) -> Iterator[str]:
    query = (
        select(serials).where(serials.c.id > bindparam("after")).order_by(serials.c.id).limit(PAGE)
    )
    left = dict(told.places)
    for row in _walk(conn, query, "id"):
        key = Key(row.item_id, row.lot_id, row.location_id, row.status, row.owner_id)
        want = left.pop((row.item_id, row.code), None)
        if want is None and told.taken:
            continue  # it has not moved since the log was archived
        if want != key:
            says = "nothing of it" if want is None else key_text(want)
            yield f"serial {row.code} stands at {key_text(key)}, its moves say {says}"
    for item_id, code in left:
        yield f"serial {code} of item {item_id} is missing"


def _check_conservation(conn: Connection) -> Iterator[str]:
    total = func.sum(balances.c.on_hand)
    query = (
        select(balances.c.item_id, total)
        .group_by(balances.c.item_id)
        .having(total != 0)
        .order_by(balances.c.item_id)
        .limit(1)
    )
    for item_id, off in conn.execute(query):
        yield f"item {item_id} does not add up to zero over all places: {show(int(off))}"


def _check_reserved(conn: Connection) -> Iterator[str]:
    promised = (
        select(
            reservation_parts.c.balance_id, func.sum(reservation_parts.c.remaining).label("parts")
        )
        .join(reservations, reservations.c.id == reservation_parts.c.reservation_id)
        .where(reservations.c.state == "open")
        .group_by(reservation_parts.c.balance_id)
        .subquery()
    )
    parts = func.coalesce(promised.c.parts, 0)
    on_hand = balances.c.on_hand
    query = (
        select(balances.c.id, balances.c.key, balances.c.reserved, parts, on_hand)
        .outerjoin(promised, promised.c.balance_id == balances.c.id)
        .where(
            (balances.c.reserved != parts)
            | ((balances.c.reserved > 0) & (balances.c.reserved > on_hand))
        )
        .order_by(balances.c.id)
        .limit(1)
    )
    for row in conn.execute(query):
        name = f"balance {row[0]} ({row[1]})"
        if row[2] != row[3]:
            yield f"{name} has {show(row[2])} reserved, its open reservations say {show(row[3])}"
        else:
            yield f"{name} has {show(row[2])} reserved but only {show(row[4])} on hand"


def _check_reservations(conn: Connection) -> Iterator[str]:
    left = func.coalesce(func.sum(reservation_parts.c.remaining), 0)
    query = (
        select(reservations.c.id, reservations.c.remaining, left)
        .outerjoin(reservation_parts, reservation_parts.c.reservation_id == reservations.c.id)
        .group_by(reservations.c.id, reservations.c.remaining)
        .having(reservations.c.remaining != left)
        .order_by(reservations.c.id)
        .limit(1)
    )
    for number, remaining, parts in conn.execute(query):
        yield f"reservation {number} has {show(remaining)} left, its parts say {show(int(parts))}"
