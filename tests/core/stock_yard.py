"""A small warehouse for the tests of the ledger: places, items and short words for moving stock.

Rows of the catalog are written directly, because who may write them is not the subject here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from core import stock
from core.catalog import tables as catalog
from core.clock import Instant
from core.db import Database, Tx
from core.people import ENGINE
from core.quantity import Micro, parse
from core.stock import Line, Posted, Posting, Proof, Reserve, Reserved

T = TypeVar("T")

PLACES = {
    "SUPPLIER": "supplier",
    "CUSTOMER": "customer",
    "PRODUCTION": "production",
    "COUNT": "count",
    "SCRAP": "scrap",
    "DOCK": "dock",
    "TRANSIT": "transit",
    "A-1": "bin",
    "A-2": "bin",
    "A-3": "bin",
}


@dataclass
class Yard:
    """One warehouse WH with a dock, a transit place and three bins; verbs by name."""

    db: Database
    places: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    ops: int = 0

    def __post_init__(self) -> None:
        def fill(tx: Tx) -> None:
            tx.execute(catalog.warehouses.insert(), {"id": 1, "code": "WH", "name": "张江仓"})
            for number, (code, kind) in enumerate(PLACES.items(), 1):
                home = 1 if kind in {"dock", "transit", "bin"} else None
                row = {"id": number, "code": code, "kind": kind, "warehouse_id": home}
                tx.execute(catalog.locations.insert(), row)
                self.places[code], self.names[number] = number, code

        self.db.write_now(fill)

    def item(self, code: str, tracking: str = "none", *, allow_negative: bool = False) -> int:
        row = {
            "code": code,
            "name": code,
            "tracking": tracking,
            "allow_negative": allow_negative,
        }
        return self._add(catalog.items, row)

    def lot(self, item_id: int, code: str, expires_on: str | None = None) -> int:
        return self._add(catalog.lots, {"item_id": item_id, "code": code, "expires_on": expires_on})

    def _add(self, table: object, row: dict[str, object]) -> int:
        def insert(tx: Tx) -> int:
            key = tx.execute(table.insert(), row).inserted_primary_key  # type: ignore[attr-defined]
            assert key is not None
            return int(key[0])

        return self.db.write_now(insert)

    def op(self) -> str:
        """A fresh operation id."""
        self.ops += 1
        return f"op-{self.ops:08d}"

    def line(
        self,
        item_id: int,
        quantity: str | Micro,
        way: str,
        *,
        lot: int = 0,
        status: tuple[str, str] = ("ok", "ok"),
        serials: tuple[str, ...] = (),
    ) -> Line:
        """`way` is `FROM>TO`; a string quantity is in units, an int in micro."""
        source, target = way.split(">")
        return Line(
            item_id,
            parse(quantity) if isinstance(quantity, str) else quantity,
            self.places[source],
            self.places[target],
            lot_id=lot,
            from_status=status[0],
            to_status=status[1],
            serials=serials,
        )

    def move(
        self,
        item_id: int,
        quantity: str | Micro,
        way: str,
        *,
        op: str = "",
        kind: str = "",
        lot: int = 0,
        status: tuple[str, str] = ("ok", "ok"),
        serials: tuple[str, ...] = (),
        reason: str = "",
        at: Instant | None = None,
    ) -> Posted:
        line = self.line(item_id, quantity, way, lot=lot, status=status, serials=serials)
        usual = "issue" if way.endswith(">CUSTOMER") else "transfer"
        kind = kind or ("receive" if way.startswith("SUPPLIER>") else usual)
        posting = Posting(op or self.op(), kind, (line,), happened_at=at, reason=reason)
        return self.do(lambda tx: stock.post(tx, ENGINE, posting))

    def do(self, command: Callable[[Tx], T]) -> T:
        return self.db.write_now(command)

    def reserve(
        self,
        item_id: int,
        quantity: str,
        *,
        op: str = "",
        lot: int = 0,
        ship_on: str | None = None,
        expires_at: Instant | None = None,
        partial: bool = False,
        serials: tuple[str, ...] = (),
    ) -> Reserved:
        wish = Reserve(
            op or self.op(),
            item_id,
            parse(quantity),
            lot_id=lot,
            ship_on=ship_on,
            expires_at=expires_at,
            partial=partial,
            serials=serials,
        )
        return self.do(lambda tx: stock.reserve(tx, ENGINE, wish))

    def fulfil(
        self, reservation_id: int, to: str = "CUSTOMER", quantity: str | None = None
    ) -> Posted:
        op, place = self.op(), self.places[to]
        micro = None if quantity is None else parse(quantity)
        return self.do(
            lambda tx: stock.fulfil(tx, ENGINE, reservation_id, op, place, quantity=micro)
        )

    def here(self, item_id: int, place: str, status: str = "ok") -> Micro:
        """On hand at a place in one status, all lots and owners."""
        rows = self.db.read_now(
            lambda conn: stock.on_hand(
                conn, item_id, self.places[place], virtual=PLACES[place] in stock.VIRTUAL
            )
        )
        return sum(row.on_hand for row in rows if row.status == status)

    def available(self, item_id: int) -> Micro:
        return self.db.read_now(lambda conn: stock.available(conn, item_id))

    def prove(self) -> Proof:
        return self.db.read_now(stock.prove)

    def assert_proven(self) -> None:
        assert self.prove().problems == ()
