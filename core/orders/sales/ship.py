"""Handing over: boxes leave `<warehouse>-OUT` for the customer. From here on it is not our stock.

Only what is in a box leaves; what is still missing keeps the order open for another time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam

from core import catalog
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.orders import replay
from core.orders import rules as papers
from core.orders.replay import post_new, run_once
from core.orders.sales.book import Sale, sale
from core.orders.sales.boxes import Package, packages_of
from core.orders.sales.order import say
from core.orders.sales.pick import stage_of
from core.orders.sales.state import keep_state
from core.orders.sales.tables import packages, sale_lines
from core.people import Actor, Thing, require
from core.quantity import Micro
from core.stock import Line, Posting

_SHIP = packages.update().where(packages.c.id == bindparam("package_"))


@dataclass(frozen=True, slots=True)
class Ship:
    """`packages` empty: every box that is closed. `tracking`: the carrier's number."""

    op_id: str
    sale_id: str
    packages: tuple[str, ...] = ()
    tracking: str = ""


@dataclass(frozen=True, slots=True)
class Shipped:
    """What left (base units) and in how many boxes; `state` of the order afterwards."""

    sale_id: str
    boxes: int
    quantity: Micro
    state: str


def ship(tx: Tx, actor: Actor, ask: Ship) -> Shipped:
    """Let boxes go.

    Raises:
        AppError: forbidden, not_found (a box of another order), nothing_open, key_reused, or a
            refusal of the ledger (lot_held, lot_expired: it was recalled while it stood there).
    """
    replay.ask_ahead(tx, "ship", ask)
    made = sale(tx.conn, ask.sale_id)
    require(actor, "ship", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    return run_once(tx, "ship", ask, Shipped, lambda: _ship(tx, actor, ask, made))


def _ship(tx: Tx, actor: Actor, ask: Ship, made: Sale) -> Shipped:
    waiting = [each for each in packages_of(tx.conn, made.id) if each.state == "packed"]
    unknown = set(ask.packages) - {each.code for each in waiting}
    if unknown:
        raise AppError(NOT_FOUND, what=f"销售单 {made.code} 待交接的箱子", name=min(unknown)[:40])
    going = [each for each in waiting if not ask.packages or each.code in ask.packages]
    if not going:
        raise AppError(papers.NOTHING_OPEN, what=f"销售单 {made.code} 的交接")
    lines = _lines(tx, made, going)
    doc = f"sale:{made.id}"
    post_new(tx, actor, Posting(f"{ask.op_id}:ship", "ship", lines, doc=doc))
    for each in going:
        values = {"state": "shipped", "tracking": ask.tracking.strip()[:64], "shipped_at": tx.now}
        tx.execute(_SHIP, {"package_": each.id, **values})
        for line in each.lines:
            tx.execute(
                sale_lines.update()
                .where(sale_lines.c.id == line.sale_line_id)
                .values(shipped=sale_lines.c.shipped + line.quantity)
            )
    after = keep_state(tx, actor, made.id)
    total = sum(line.quantity for line in lines)
    say(tx, actor, "sale.left", after, {"boxes": [each.code for each in going]})
    return Shipped(made.id, len(going), total, after.state)


def _lines(tx: Tx, made: Sale, going: Sequence[Package]) -> tuple[Line, ...]:
    """One line a stock key: the same goods in two boxes leave together."""
    stage = stage_of(tx.conn, made.warehouse_id)
    customer = catalog.location_by_code(tx.conn, "CUSTOMER").id
    merged: dict[tuple[int, int], Line] = {}
    for package in going:
        for each in package.lines:
            key = (each.item_id, each.lot_id)
            known = merged.get(key)
            if known is None:
                merged[key] = Line(
                    each.item_id,
                    each.quantity,
                    stage,
                    customer,
                    lot_id=each.lot_id,
                    serials=tuple(each.serials),
                )
            else:
                known.quantity += each.quantity
                known.serials += tuple(each.serials)
    return tuple(merged[key] for key in sorted(merged))
