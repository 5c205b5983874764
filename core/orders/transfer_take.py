"""Receiving a transfer: goods come off the road, to wherever they are put."""

from __future__ import annotations

from dataclasses import dataclass

from core import catalog
from core.db import Tx
from core.errors import AppError
from core.orders import replay, rules
from core.orders.measure import dock_of
from core.orders.replay import post_new, run_once
from core.orders.sales import stage
from core.orders.tables import transfer_loads
from core.orders.transfer_book import Transfer, transfer
from core.orders.transfer_keep import keep, say, transit_of
from core.orders.transfer_road import Road, road_of
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro, show
from core.stock import Line, Posting


@dataclass(frozen=True, slots=True)
class TakeLoad:
    """What came of one load, and where it was put (base units)."""

    load_id: str
    quantity: Micro
    to_location: int
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """`loads` empty: everything in transit, to the warehouse's dock."""

    op_id: str
    transfer_id: str
    loads: tuple[TakeLoad, ...] = ()


def receive_transfer(tx: Tx, actor: Actor, ask: ReceiveTransfer) -> Transfer:
    """Take goods out of transit; what is missing stays there, with the task still open.

    Raises:
        AppError: forbidden, wrong_state, nothing_open, too_much_taken, stage_by_hand, key_reused,
            or a refusal of the ledger.
    """
    replay.ask_ahead(tx, "transfer.receive", ask)
    made = transfer(tx.conn, ask.transfer_id)
    require(actor, "transfer", Thing("transfer", made.id, warehouse_id=made.to_warehouse))
    return run_once(tx, "transfer.receive", ask, Transfer, lambda: _take(tx, actor, ask, made))


def _take(tx: Tx, actor: Actor, ask: ReceiveTransfer, made: Transfer) -> Transfer:
    dock = dock_of(tx.conn, made.to_warehouse)
    takes = ask.loads or tuple(
        TakeLoad(load.id, load.left, dock, load.serials) for load in made.loads if load.left
    )
    if not takes:
        raise AppError(rules.NOTHING_OPEN, what=f"调拨单 {made.code}")
    left = {load.id: load.left for load in made.loads}  # a load may be laid into several places
    road = road_of(tx.conn, transit_of(tx.conn, made), made.loads)
    lines = tuple(line for take in takes for line in _lines(tx, made, take, left, road))
    doc = f"transfer:{made.id}"
    post_new(tx, actor, Posting(f"{ask.op_id}:take", "transfer", lines, doc=doc))
    for take in takes:
        tx.execute(
            transfer_loads.update()
            .where(transfer_loads.c.id == take.load_id)
            .values(received=transfer_loads.c.received + take.quantity)
        )
    after = keep(tx, actor, made)
    say(tx, actor, after, "received", [(line.item_id, line.quantity) for line in lines])
    return after


def _lines(
    tx: Tx, made: Transfer, take: TakeLoad, left: dict[str, Micro], road: Road
) -> list[Line]:
    """What is posted of `take`; it goes off `left` and `road`."""
    load = next((each for each in made.loads if each.id == take.load_id), None)
    rest = left.get(take.load_id, 0)
    if load is None or take.quantity > rest:
        item = catalog.item(tx.conn, load.item_id).name if load else "这一件"
        asked = show(take.quantity)
        raise AppError(rules.TOO_MUCH_TAKEN, item=item, left=show(rest), asked=asked)
    left[load.id] = rest - take.quantity
    place = catalog.location(tx.conn, take.to_location)
    if place.warehouse_id != made.to_warehouse:
        here = catalog.warehouse(tx.conn, made.to_warehouse).code
        raise AppError(rules.OTHER_WAREHOUSE, from_code=here, to_code=place.code)
    stage.entering(place)
    whole = len(load.serials) * ONE == take.quantity
    serials = take.serials or (load.serials if whole else ())
    return [road.line(part, place.id) for part in road.take(load, take.quantity, serials)]
