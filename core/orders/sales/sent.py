"""What of an order its customer still has: by lot, and piece by piece. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from core.errors import AppError
from core.orders.sales import rules
from core.orders.sales.book import Sale, SaleLine, sale
from core.orders.sales.tables import package_lines, packages
from core.quantity import Micro
from core.stock.tables import move_serials, moves, postings
from core.stock.tables import serials as serial_places

_LATER = move_serials.alias()
_LAST_MOVE = (
    select(serial_places.c.code, postings.c.kind, postings.c.doc)
    .join(move_serials, move_serials.c.serial_id == serial_places.c.id)
    .join(moves, moves.c.id == move_serials.c.move_id)
    .join(postings, postings.c.id == moves.c.posting_id)
    .where(
        serial_places.c.item_id == bindparam("item"),
        serial_places.c.code.in_(bindparam("codes", expanding=True)),
        move_serials.c.move_id
        == select(func.max(_LATER.c.move_id))
        .where(_LATER.c.serial_id == serial_places.c.id)
        .scalar_subquery(),
    )
)


def only_lot(conn: Connection, line: SaleLine) -> int:
    """The lot that was shipped when it was just one; 0 leaves it to the ledger to refuse."""
    query = (
        select(package_lines.c.lot_id)
        .join(packages, packages.c.id == package_lines.c.package_id)
        .where(package_lines.c.sale_line_id == line.id, packages.c.state == "shipped")
        .distinct()
        .limit(2)
    )
    found = list(conn.execute(query).scalars())
    return int(found[0]) if len(found) == 1 else 0


def out_of_lot(conn: Connection, line: SaleLine, lot_id: int) -> Micro:
    """How much of one lot the order's customer still has: what the ledger sent and took back."""
    out = case((postings.c.kind == "ship", moves.c.quantity), else_=-moves.c.quantity)
    query = (
        select(func.coalesce(func.sum(out), 0))
        .join(postings, postings.c.id == moves.c.posting_id)
        .where(
            postings.c.doc == f"sale:{line.sale_id}",
            postings.c.kind.in_(("ship", "return")),
            moves.c.item_id == line.item_id,
            moves.c.lot_id == lot_id,
        )
    )
    return int(conn.execute(query).scalar_one())


def check_serials(conn: Connection, made: Sale, line: SaleLine, codes: Sequence[str]) -> None:
    """Each piece left with this order, and has not been anywhere else since.

    Raises:
        AppError(serial_not_sent)
    """
    if not codes:
        return
    rows = conn.execute(_LAST_MOVE, {"item": line.item_id, "codes": list(codes)})
    last = {row.code: row for row in rows}
    mine = {code for code, row in last.items() if row.doc == f"sale:{made.id}"}
    strange = sorted(set(codes) - mine)
    if strange:
        owner = _owner(conn, last.get(strange[0]))
        raise AppError(
            rules.SERIAL_NOT_SENT,
            item=line.item_name,
            serial=strange[0][:40],
            code=made.code,
            owner=f"，是 {owner} 发的" if owner else "",
            owner_en=f" but with {owner}" if owner else "",
        )


def _owner(conn: Connection, row: Any) -> str:
    """The number of the order that a piece left with; nothing when no customer has it."""
    if row is None or row.kind != "ship" or not row.doc.startswith("sale:"):
        return ""
    return sale(conn, row.doc.partition(":")[2]).code
