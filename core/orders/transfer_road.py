"""What really stands on the road to a warehouse, and which of it a load means.

The loads of all transfers to a warehouse stand in one place, one beside the other: whose a piece
is says the paper, in which status it stands says the ledger. A lot that is held while it travels
turns to hold on the road and arrives held. Only reads; the verbs post (transfer_take.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from core.bulk import Lookup
from core.catalog.tables import lots
from core.orders import rules
from core.orders.sales.rules import shares
from core.orders.transfer_book import Load
from core.quantity import ONE, Micro
from core.stock import Line
from core.stock.tables import ZERO, balances, serials

_MANY: BindParameter[Any] = bindparam("many", expanding=True)
_STANDS = Lookup(
    select(
        balances.c.item_id, balances.c.lot_id, balances.c.status, balances.c.on_hand, lots.c.state
    )
    .outerjoin(lots, lots.c.id == balances.c.lot_id)
    .where(
        balances.c.location_id == bindparam("place"),
        balances.c.live,
        balances.c.item_id.in_(_MANY),
        balances.c.owner_id == ZERO,
        balances.c.on_hand > ZERO,
    )
)
_SERIALS = Lookup(
    select(serials.c.code, serials.c.status).where(
        serials.c.item_id == bindparam("item"),
        serials.c.location_id == bindparam("place"),
        serials.c.owner_id == ZERO,
        serials.c.code.in_(_MANY),
    )
)
Goods = tuple[int, int]  # item id, lot id
Shares = list[tuple[Load, Micro, tuple[str, ...]]]
_NOTHING: Mapping[Goods, Micro] = {}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a load in one status (base units)."""

    load: Load
    status: str
    quantity: Micro
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Road:
    """Goods on their way to one warehouse: by item and lot, what stands in which status."""

    place: int
    stands: dict[Goods, list[tuple[str, Micro]]]
    lot_states: Mapping[int, str]
    statuses: Mapping[tuple[int, str], str]  # of the serials that stand there, by item id and code

    def serials_of(self, load: Load) -> tuple[str, ...]:
        """The serials of a load that are still to come."""
        if len(load.serials) * ONE == load.left:
            return load.serials
        # Older rows name what came already, too.
        return tuple(code for code in load.serials if (load.item_id, code) in self.statuses)

    def there(self, loads: Sequence[Load], spoken_for: Mapping[Goods, Micro] = _NOTHING) -> Shares:
        """What really stands there of each of `loads` beside what is `spoken_for`: how much, which
        serials. Loads of which nothing is there are left out.
        """
        free = {
            goods: sum(much for _, much in here) - spoken_for.get(goods, 0)
            for goods, here in self.stands.items()
        }
        found: Shares = []
        for load in loads:
            goods = (load.item_id, load.lot_id)
            codes = tuple(code for code in load.serials if (load.item_id, code) in self.statuses)
            most = len(codes) * ONE if load.serials else free.get(goods, 0)
            much = min(load.left, most)
            if much > 0:
                free[goods] -= much
                found.append((load, much, codes))
        return found

    def take(self, load: Load, quantity: Micro, codes: tuple[str, ...] = ()) -> list[Part]:
        """What `quantity` of a load means, taken off the road: what is held before what is good.

        What does not stand there is asked of the good stock, for the ledger to refuse with figures.
        """
        if codes:
            return self._by_serial(load, quantity, codes)
        goods = (load.item_id, load.lot_id)
        here = self.stands.get(goods, [])
        found = shares(quantity, here)
        taken = dict(found)
        self.stands[goods] = [(status, much - taken.get(status, 0)) for status, much in here]
        lacks = quantity - sum(taken.values())
        return [Part(load, *each) for each in found + ([("ok", lacks)] if lacks else [])]

    def _by_serial(self, load: Load, quantity: Micro, codes: tuple[str, ...]) -> list[Part]:
        if len(codes) * ONE != quantity:
            return [Part(load, "ok", quantity, codes)]  # for the ledger to refuse
        named: dict[str, list[str]] = {}
        for code in codes:
            named.setdefault(self.statuses.get((load.item_id, code), "ok"), []).append(code)
        return [Part(load, each, len(mine) * ONE, tuple(mine)) for each, mine in named.items()]

    def line(self, part: Part, to_location: int) -> Line:
        """The posting's line that carries `part` to a place of ours: bad goods stay bad."""
        lot_state = self.lot_states.get(part.load.lot_id, "ok")
        good = rules.status_on_arrival(lot_state, needs_inspection=False)
        return Line(
            part.load.item_id,
            part.quantity,
            self.place,
            to_location,
            lot_id=part.load.lot_id,
            from_status=part.status,
            to_status=good if part.status == "ok" else part.status,
            serials=part.serials,
        )


def road_of(conn: Connection, place: int, loads: Sequence[Load]) -> Road:
    """The road as it stands for the goods of `loads`; `place` is the transit's location id."""
    rows = _STANDS.rows(conn, {load.item_id for load in loads}, place=place)
    stands: dict[Goods, list[tuple[str, Micro]]] = {}
    for row in sorted(rows, key=lambda each: (each.status == "ok", each.status)):
        stands.setdefault((row.item_id, row.lot_id), []).append((row.status, row.on_hand))
    lot_states = {row.lot_id: row.state or "ok" for row in rows}
    return Road(place, stands, lot_states, _statuses(conn, place, loads))


def _statuses(conn: Connection, place: int, loads: Sequence[Load]) -> dict[tuple[int, str], str]:
    named: dict[int, set[str]] = {}
    for load in loads:
        if load.serials:
            named.setdefault(load.item_id, set()).update(load.serials)
    return {
        (item_id, row.code): row.status
        for item_id, codes in named.items()
        for row in _SERIALS.rows(conn, codes, place=place, item=item_id)
    }
