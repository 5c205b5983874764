"""The ledger's tables: postings and moves (append-only), balances, reservations, serials.

A move is a fact and never changes; a balance, a reservation and a serial's place are caches that
`prove.py` can derive again from the log. Item, lot and location ids are not foreign keys here: the
posting checks them in memory in the same transaction, and the catalog never deletes a row.
Not for prices or values.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnClause,
    Computed,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    literal_column,
    text,
)
from sqlalchemy.ext.compiler import compiles

from core.append_only import forbid_change
from core.db import Big, metadata, numbered

postings = Table(
    "posting",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("op_id", String(128), nullable=False, unique=True),
    Column("fingerprint", String(64), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("doc", String(96), nullable=False),
    Column("reason", String(400), nullable=False),
    Column("reverses", String(128)),
    Column("actor", String(64), nullable=False),
    Column("happened_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index(  # many postings reverse nothing, each is reversed once
        "uq_posting_reverses",
        "reverses",
        unique=True,
        sqlite_where=text("reverses IS NOT NULL"),
        postgresql_where=text("reverses IS NOT NULL"),
    ),
    Index(
        "ix_posting_doc", "doc", sqlite_where=text("doc <> ''"), postgresql_where=text("doc <> ''")
    ),
)

moves = Table(
    "move",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("posting_id", Big, nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("item_id", Big, nullable=False),
    Column("lot_id", Big, nullable=False),  # 0 = the item has no lots
    Column("from_location", Big, nullable=False),
    Column("to_location", Big, nullable=False),
    Column("from_status", String(8), nullable=False),
    Column("to_status", String(8), nullable=False),
    Column("owner_id", Big, nullable=False),  # 0 = ours
    Column("to_owner_id", Big, nullable=False),
    Column("quantity", BigInteger, nullable=False),  # micro, always above zero
    Column("happened_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    CheckConstraint("quantity > 0", name="quantity_positive"),
    Index("uq_move_posting_id_line_no", "posting_id", "line_no", unique=True),
    Index("ix_move_item_id_id", "item_id", "id"),
    Index(
        "ix_move_lot_id_id",
        "lot_id",
        "id",
        sqlite_where=text("lot_id <> 0"),
        postgresql_where=text("lot_id <> 0"),
    ),
)

move_serials = Table(
    "move_serial",
    metadata,
    Column("move_id", Big, primary_key=True, autoincrement=False),
    Column("serial_id", Big, primary_key=True, autoincrement=False),
    Index("ix_move_serial_serial_id", "serial_id"),
)

# A lot that is gone leaves balances behind: at nothing where it lay, and for ever what came from
# the supplier and went to the customer. Whoever asks what is there says `live` and reads only that,
# however many lots there were. A column of its own, because PostgreSQL writes every index of a row
# anew when a value changes that one of their conditions names. By id, as their pages are: else it
# may think that the first page of an item is found soonest among the balances of all.
LIVE = Computed("(on_hand <> 0 OR reserved <> 0) AND is_virtual = 0", persisted=True)
_LIVE: dict[str, Any] = {"sqlite_where": text("live = 1"), "postgresql_where": text("live")}
_LIVE_LOTS: dict[str, Any] = {
    "sqlite_where": text("live = 1 AND lot_id <> 0"),
    "postgresql_where": text("live AND lot_id <> 0"),
}

balances = Table(
    "balance",
    metadata,
    Column("id", Big, primary_key=True),
    # The five columns of the stock key in one string: one value to look up and to sort locks by.
    Column("key", String(112), nullable=False, unique=True),
    Column("item_id", Big, nullable=False),
    Column("lot_id", Big, nullable=False),
    Column("location_id", Big, nullable=False),
    Column("status", String(8), nullable=False),
    Column("owner_id", Big, nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    # 1 in a place of rules.VIRTUAL; what processes wrote that knew nothing of it has 0 there too.
    Column("is_virtual", SmallInteger, nullable=False, server_default="0"),
    Column("live", Boolean, LIVE),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
    Index("ix_balance_live_item_id", "item_id", "id", **_LIVE),
    Index("ix_balance_live_location_id", "location_id", "id", **_LIVE),
    Index("ix_balance_live_lot_id", "lot_id", "id", **_LIVE_LOTS),
)

ZERO: ColumnClause[int] = literal_column("0")  # in the text: an index whose condition has it fits
HAS_LOT = balances.c.lot_id != ZERO

serials = Table(
    "serial_place",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("item_id", Big, nullable=False),
    Column("code", String(64), nullable=False),
    Column("lot_id", Big, nullable=False),
    Column("location_id", Big, nullable=False),
    Column("status", String(8), nullable=False),
    Column("owner_id", Big, nullable=False),
    Column("reservation_id", Big),  # who may move it while this is set
    Index("uq_serial_place_item_id_code", "item_id", "code", unique=True),
    Index("ix_serial_place_reservation_id", "reservation_id"),
)

reservations = Table(
    "reservation",
    metadata,
    Column("id", Big, primary_key=True),
    Column("op_id", String(128), nullable=False, unique=True),
    Column("fingerprint", String(64), nullable=False),
    Column("item_id", Big, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("for_doc", String(96), nullable=False),
    Column("ship_on", String(10)),
    Column("expires_at", BigInteger),
    Column("state", String(12), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    CheckConstraint("remaining >= 0 AND remaining <= quantity", name="remaining_fits"),
    Index(
        "ix_reservation_due",
        "expires_at",
        "id",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_reservation_for_doc", "for_doc"),
    Index(
        "ix_reservation_broken",
        "id",
        sqlite_where=text("state = 'broken'"),
        postgresql_where=text("state = 'broken'"),
    ),
)

reservation_parts = Table(
    "reservation_part",
    metadata,
    Column("id", Big, primary_key=True),
    Column("reservation_id", Big, ForeignKey("reservation.id"), nullable=False),
    Column("balance_id", Big, ForeignKey("balance.id"), nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    CheckConstraint("remaining >= 0 AND remaining <= quantity", name="remaining_fits"),
    Index("ix_reservation_part_reservation_id", "reservation_id"),
    Index("ix_reservation_part_balance_id", "balance_id"),
)


@compiles(Computed, "sqlite")
def _virtual(made: Computed, _compiler: object, **_kw: object) -> str:
    """As the upgrade makes it: SQLite adds no stored column to a table that is there."""
    return f"GENERATED ALWAYS AS ({made.sqltext}) VIRTUAL"


for _facts in (postings, moves, move_serials):
    forbid_change(_facts)
for _numbered in (postings, moves, serials):
    numbered(_numbered)
