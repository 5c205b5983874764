"""Customers' orders for the tests of the page, taken and released through the verbs they are."""

from __future__ import annotations

from typing import Any

from core import catalog, events
from core.db import Tx
from core.orders.sales.book import Sale, Wave, sale, sale_by_code_or_none
from core.orders.sales.order import NewSale, NewSaleLine, create_sale
from core.orders.sales.wave import Release, release
from core.quantity import ONE
from core.stock import on_hand, prove
from tests.web.house import Gun, House


def sold(house: House, code: str, *wanted: tuple[str, int]) -> Wave:
    """A customer's order (item code, pieces), released to be picked."""
    boss = house.boss()

    def command(tx: Tx) -> Wave:
        warehouse = catalog.warehouse_by_code(tx.conn, "ZJ").id
        customer = catalog.partner_by_code(tx.conn, "C-MUXI").id
        lines = tuple(
            NewSaleLine(catalog.item_by_code(tx.conn, item).id, pieces * ONE)
            for item, pieces in wanted
        )
        new = NewSale(
            f"sale-{code}", code, customer, warehouse, lines, "2026-03-02", boss.person_id
        )
        made = create_sale(tx, boss, new)
        return release(tx, boss, Release(f"wave-{code}", warehouse, (made.id,)))

    return house.db.write_now(command)


def order(house: House, code: str) -> Sale:
    """The order as the books have it now."""
    found = house.db.read_now(lambda conn: sale_by_code_or_none(conn, code))
    assert found is not None
    return house.db.read_now(lambda conn: sale(conn, found.id))


def total(house: House, item: str, place: str) -> int:
    """Whole units of an item at a place, in whatever lot and status."""
    rows = house.db.read_now(lambda conn: on_hand(conn, limit=500))
    here = (row for row in rows if (row.item_code, row.location_code) == (item, place))
    return sum(row.on_hand for row in here) // ONE


def told(house: House, kind: str) -> list[dict[str, Any]]:
    """What the log says happened."""
    found = house.db.read_now(lambda conn: events.read_after(conn, 0, limit=500))
    return [dict(each.payload) for each in found if each.kind == kind]


def books_are_right(house: House) -> None:
    """The ledger proves itself."""
    assert house.db.read_now(prove).problems == ()


def home(gun: Gun) -> None:
    """Back to the first screen."""
    gun.tap("更多")
    gun.tap("任务")
    gun.sees("扫任意码开始")
