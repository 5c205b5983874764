"""What the demo company sells today: carriers, customers' orders, one wave that waits to be walked.

Through the public verbs, on top of `company.seed`. Not part of that seed: tests that only receive
need no orders.
"""

from __future__ import annotations

from dataclasses import replace

from api.demo.data import ITEMS
from core import catalog
from core.clock import to_datetime
from core.db import Tx
from core.orders.sales.carriers import Carrier, save_carrier
from core.orders.sales.faces import Face, save_face
from core.orders.sales.order import NewSale, NewSaleLine, create_sale
from core.orders.sales.substitutes import Substitute, save_substitute
from core.orders.sales.wave import Release, release, suggest
from core.people import ENGINE, person_by_login
from core.quantity import ONE, parse

CARRIERS = (
    Carrier("SF", "顺丰速运", ("11:30", "16:30", "20:00")),
    Carrier("JD", "京东快递", ("18:00",)),
    Carrier("LH", "冷链专车", ("14:00",)),
)
# Number, customer, carrier; then what of which item, in pieces.
ORDERS = (
    ("XS-0301", "C-QINGHE", "SF", (("JL-201", 500), ("JL-203", 200))),
    ("XS-0302", "C-MUXI", "SF", (("JL-001", 12), ("JL-201", 300))),
    ("XS-0303", "C-QINGHE", "JD", (("JL-002", 6),)),
)


def open_sales(tx: Tx) -> None:
    """Register the carriers, take the orders, release the first wave that is proposed."""
    for each in CARRIERS:
        save_carrier(tx, ENGINE, each)
    house = catalog.warehouse_by_code(tx.conn, "ZJ").id
    seller = person_by_login(tx.conn, "wangmin")
    assert seller is not None, "the demo's buyer sells too: it is a small firm"
    today = to_datetime(tx.now).date().isoformat()
    prices = {each.code: parse(each.price) for each in ITEMS}
    for code, customer, carrier, wanted in ORDERS:
        lines = tuple(
            NewSaleLine(
                catalog.item_by_code(tx.conn, item).id, pieces * ONE, price_micro=2 * prices[item]
            )
            for item, pieces in wanted
        )
        buyer = catalog.partner_by_code(tx.conn, customer).id
        new = NewSale(f"demo:sale:{code}", code, buyer, house, lines, today, seller.id)
        create_sale(tx, ENGINE, replace(new, carrier=carrier))
    _alternatives(tx)
    planned = suggest(tx.conn, house)
    if planned:
        ask = Release("demo:wave:1", house, planned[0].sale_ids, why=planned[0].why)
        release(tx, ENGINE, ask)


def _alternatives(tx: Tx) -> None:
    """One item may stand in for another; one bin is picked from and kept full."""
    item, other, lids = (
        catalog.item_by_code(tx.conn, code).id for code in ("JL-001", "JL-002", "JL-201")
    )
    save_substitute(tx, ENGINE, Substitute(item, other, note="口味相近"))
    shelf = catalog.location_by_code(tx.conn, "ZJ-D-01-1")
    save_face(tx, ENGINE, Face(shelf.id, lids, 500 * ONE, 2_000 * ONE))
