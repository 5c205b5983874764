"""A bin does not hold what the books say: its goods are promised to nobody until it is counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core import catalog
from core.db import Tx
from core.orders.count import OpenCount, open_count
from core.orders.replay import post_new
from core.people import ENGINE, Actor
from core.stock import BalanceRow, Line, Posting


def hold_free(tx: Tx, actor: Actor, op_id: str, rows: Iterable[BalanceRow], reason: str) -> None:
    """What the books hold free in `rows` (good stock) goes to hold; pieces with numbers stay."""
    lines = tuple(
        Line(
            each.item_id,
            each.available,
            each.location_id,
            each.location_id,
            lot_id=each.lot_id,
            to_status="hold",
        )
        for each in rows
        if catalog.item(tx.conn, each.item_id).tracking != "serial"
    )
    if lines:
        posting = Posting(f"{op_id}:doubt", "hold", lines, reason=reason[:400])
        post_new(tx, actor, posting)


def count_bins(tx: Tx, op_id: str, warehouse_id: int, bins: Sequence[tuple[int, str]]) -> str:
    """Ask for a blind count of bins (id, code) of one warehouse; the count's id."""
    code = f"PD-{bins[0][1][:52]}-{tx.new_id()[-8:]}"
    places = tuple(location_id for location_id, _ in bins)
    return open_count(tx, ENGINE, OpenCount(f"{op_id[:80]}:count", code, warehouse_id, places))
