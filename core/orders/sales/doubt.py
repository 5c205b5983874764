"""A bin does not hold what the books say: its goods are promised to nobody until it is counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core import catalog
from core.db import Tx
from core.orders.count import OpenCount, open_count
from core.orders.replay import post_new
from core.people import ENGINE, Actor
from core.quantity import Micro
from core.stock import BalanceRow, Line, Posting


def hold(
    tx: Tx, actor: Actor, op_id: str, goods: Iterable[tuple[BalanceRow, Micro]], reason: str
) -> None:
    """So much of each row of good stock goes to hold; pieces with numbers stay as they are."""
    lines = tuple(
        Line(
            row.item_id,
            quantity,
            row.location_id,
            row.location_id,
            lot_id=row.lot_id,
            to_status="hold",
        )
        for row, quantity in goods
        if catalog.item(tx.conn, row.item_id).tracking != "serial"
    )
    if lines:
        posting = Posting(f"{op_id}:doubt", "hold", lines, reason=reason[:400])
        post_new(tx, actor, posting)


def count_bins(tx: Tx, op_id: str, warehouse_id: int, bins: Sequence[tuple[int, str]]) -> str:
    """Ask for a blind count of bins (id, code) of one warehouse; the count's id."""
    code = f"PD-{bins[0][1][:52]}-{tx.new_id()[-8:]}"
    places = tuple(location_id for location_id, _ in bins)
    return open_count(tx, ENGINE, OpenCount(f"{op_id[:80]}:count", code, warehouse_id, places))
