"""Loads everything a batch of postings touches into a `Book`, with few sorted statements.

The only file that knows how the pure `rules` meet the tables. Not for writing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, select

from core.bulk import Lookup
from core.catalog import tables as catalog
from core.clock import Instant
from core.db import Tx
from core.stock.rules import (
    Book,
    ItemFacts,
    Key,
    Line,
    LotFacts,
    PlaceFacts,
    Posting,
    SerialAt,
    Stand,
    key_text,
    keys_of,
)
from core.stock.tables import balances, move_serials, moves, postings, serials
from core.trip import one_trip

_MANY: BindParameter[Any] = bindparam("many", expanding=True)
_ITEMS = Lookup(
    select(
        catalog.items.c.id,
        catalog.items.c.code,
        catalog.items.c.unit,
        catalog.items.c.tracking,
        catalog.items.c.allow_negative,
    ).where(catalog.items.c.id.in_(_MANY)),
    ItemFacts._make,
)
_LOTS = Lookup(
    select(
        catalog.lots.c.id,
        catalog.lots.c.item_id,
        catalog.lots.c.code,
        catalog.lots.c.expires_on,
        catalog.lots.c.state,
    ).where(catalog.lots.c.id.in_(_MANY)),
    LotFacts._make,
)
_PLACES = Lookup(
    select(
        catalog.locations.c.id,
        catalog.locations.c.code,
        catalog.locations.c.kind,
        catalog.locations.c.active,
    ).where(catalog.locations.c.id.in_(_MANY)),
    PlaceFacts._make,
)
_BALANCES = Lookup(
    select(
        balances.c.item_id,
        balances.c.lot_id,
        balances.c.location_id,
        balances.c.status,
        balances.c.owner_id,
        balances.c.id,
        balances.c.on_hand,
        balances.c.reserved,
    )
    .where(balances.c.key.in_(_MANY))
    .order_by(balances.c.key)
    .with_for_update(),
    tuple,
)
_SERIALS = Lookup(
    select(
        serials.c.id,
        serials.c.code,
        serials.c.lot_id,
        serials.c.location_id,
        serials.c.status,
        serials.c.owner_id,
        serials.c.reservation_id,
    )
    .where(serials.c.item_id == bindparam("item"), serials.c.code.in_(_MANY))
    .order_by(serials.c.code)
    .with_for_update()
)
_POSTINGS = Lookup(select(postings).where(postings.c.op_id.in_(_MANY)))
_REVERSERS = Lookup(
    select(postings.c.reverses, postings.c.op_id).where(postings.c.reverses.in_(_MANY))
)
_MOVES = Lookup(select(moves).where(moves.c.posting_id.in_(_MANY)).order_by(moves.c.id))
_MOVE_SERIALS = Lookup(
    select(move_serials.c.move_id, serials.c.code)
    .join(serials, serials.c.id == move_serials.c.serial_id)
    .where(move_serials.c.move_id.in_(_MANY))
    .order_by(move_serials.c.move_id, move_serials.c.serial_id)
)


class MoveRow(NamedTuple):
    """One posted line. Quantity in micro."""

    id: int
    line_no: int
    item_id: int
    lot_id: int
    from_location: int
    to_location: int
    from_status: str
    to_status: str
    owner_id: int
    to_owner_id: int
    quantity: int
    serials: tuple[str, ...] = ()

    def line(self) -> Line:
        """The line as it was asked for."""
        return Line(
            self.item_id,
            self.quantity,
            self.from_location,
            self.to_location,
            lot_id=self.lot_id,
            from_status=self.from_status,
            to_status=self.to_status,
            owner_id=self.owner_id,
            to_owner_id=self.to_owner_id,
            serials=self.serials,
        )


@dataclass(slots=True)  # not frozen, as core.events.Event
class Posted:
    """What was posted; a replay of the same operation gets an equal answer."""

    posting_id: int
    op_id: str
    kind: str
    doc: str
    happened_at: Instant
    recorded_at: Instant
    moves: tuple[MoveRow, ...]
    fingerprint: str = field(repr=False)
    replayed: bool = field(default=False, compare=False)


@dataclass(slots=True)
class Loaded:
    """The book and the row ids behind it."""

    book: Book
    balance_ids: dict[Key, int]
    serial_ids: dict[tuple[int, str], int]
    headers: list[Any] = field(default_factory=list)  # of the postings that were asked for
    posting_numbers: Iterator[int] = field(default_factory=lambda: iter(()))
    move_numbers: Iterator[int] = field(default_factory=lambda: iter(()))

    def take(self, numbers: list[list[int]]) -> None:
        """Fresh numbers for postings and moves."""
        self.posting_numbers, self.move_numbers = map(iter, numbers)


def load(tx: Tx, wanted: Sequence[Posting], op_ids: Iterable[str]) -> Loaded:
    """The book for these postings: their items, lots, places, balances and serials.

    With it, in the same round trip, what was posted before under `op_ids` and fresh numbers.
    """
    conn = tx.conn
    items: set[int] = set()
    lots: set[int] = set()
    places: set[int] = set()
    keys: set[Key] = set()
    codes: dict[int, set[str]] = defaultdict(set)
    for posting in wanted:
        for line in posting.lines:
            items.add(line.item_id)
            lots.add(line.lot_id)
            places.add(line.from_location)
            places.add(line.to_location)
            keys.update(keys_of(line))
            if line.serials:
                codes[line.item_id].update(line.serials)
    lots.discard(0)
    loaded = Loaded(Book(), {}, {})
    # Numbers come first: with them a set-based posting gets its turn, and only then locks rows.
    numbers = tx.numbers_of((postings, len(wanted)), (moves, sum(len(p.lines) for p in wanted)))
    if codes:
        loaded.take(one_trip(conn, numbers)[0])
    for item_id, wanted_codes in codes.items():
        _load_serials(conn, loaded, item_id, wanted_codes)
    book = loaded.book
    places.update(at.key.location_id for at in book.serials.values())
    trips = (
        _POSTINGS.of(op_ids),
        _ITEMS.of(items),
        _LOTS.of(lots),
        _PLACES.of(places),
        _BALANCES.of(map(key_text, keys)),
    )
    if codes:
        found = one_trip(conn, *trips)
    else:
        fresh, *found = one_trip(conn, numbers, *trips)
        loaded.take(fresh)
    loaded.headers, found_items, found_lots, found_places, stands = found
    book.items = {row.id: row for row in found_items}
    book.lots = {row.id: row for row in found_lots}
    book.places = {row.id: row for row in found_places}
    for row in stands:
        key = Key._make(row[:5])
        loaded.balance_ids[key] = row[5]
        book.stands[key] = Stand(row[6], row[7])
    return loaded


def _load_serials(conn: Connection, loaded: Loaded, item_id: int, codes: Iterable[str]) -> None:
    for row in _SERIALS.rows(conn, codes, item=item_id):
        name = (item_id, row.code)
        key = Key(item_id, row.lot_id, row.location_id, row.status, row.owner_id)
        loaded.book.serials[name] = SerialAt(key, row.reservation_id)
        loaded.serial_ids[name] = row.id


def serials_at(conn: Connection, item_id: int, codes: Iterable[str]) -> Loaded:
    """Only the serials with these codes, for a reservation that names them."""
    loaded = Loaded(Book(), {}, {})
    _load_serials(conn, loaded, item_id, codes)
    return loaded


def posted_by_op(conn: Connection, op_ids: Iterable[str]) -> dict[str, Posted]:
    """What was posted under these operation ids."""
    return posted_of(conn, _POSTINGS.rows(conn, op_ids))


def posted_of(conn: Connection, headers: Sequence[Any]) -> dict[str, Posted]:
    """The postings with these headers, by operation id."""
    if not headers:
        return {}
    rows = list(_MOVES.rows(conn, (header.id for header in headers)))
    named: dict[int, list[str]] = defaultdict(list)
    for move_id, code in _MOVE_SERIALS.rows(conn, (row.id for row in rows)):
        named[move_id].append(code)
    lines: dict[int, list[MoveRow]] = defaultdict(list)
    for row in rows:
        lines[row.posting_id].append(_move_row(row, tuple(named[row.id])))
    return {
        header.op_id: Posted(
            header.id,
            header.op_id,
            header.kind,
            header.doc,
            header.happened_at,
            header.recorded_at,
            tuple(lines[header.id]),
            header.fingerprint,
        )
        for header in headers
    }


def _move_row(row: Any, codes: tuple[str, ...]) -> MoveRow:
    return MoveRow(
        row.id,
        row.line_no,
        row.item_id,
        row.lot_id,
        row.from_location,
        row.to_location,
        row.from_status,
        row.to_status,
        row.owner_id,
        row.to_owner_id,
        row.quantity,
        codes,
    )


def reversers(conn: Connection, op_ids: Iterable[str]) -> dict[str, str]:
    """Original operation id → the operation id that reversed it."""
    return {row.reverses: row.op_id for row in _REVERSERS.rows(conn, op_ids)}
