"""Receiving a transfer: goods come off the road, to wherever they are put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam

from core import catalog
from core.db import Tx
from core.errors import AppError, define
from core.orders import replay, rules
from core.orders.measure import dock_of
from core.orders.replay import post_new, run_once
from core.orders.sales import stage
from core.orders.tables import transfer_loads
from core.orders.transfer_book import LIVE, Load, Transfer, transfer
from core.orders.transfer_keep import keep, say, transit_of
from core.orders.transfer_road import Road, road_of
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro, check_positive, show
from core.stock import Line, Posting

SERIAL_NOT_LOADED = define(
    "serial_not_loaded",
    409,
    "没收进来：序列号 {serial} 不在这一车还没收的 {item} 里。核对标签，扫这一车的再收。",
    "Not received: serial {serial} is not among the {item} of this load that are still to come.",
)
_SAVE_LOAD = transfer_loads.update().where(transfer_loads.c.id == bindparam("load_"))


@dataclass(frozen=True, slots=True)
class TakeLoad:
    """What came of one load, and where it was put (base units)."""

    load_id: str
    quantity: Micro
    to_location: int
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiveTransfer:
    """`loads` empty: everything that stands in transit, to the warehouse's dock."""

    op_id: str
    transfer_id: str
    loads: tuple[TakeLoad, ...] = ()


def receive_transfer(tx: Tx, actor: Actor, ask: ReceiveTransfer) -> Transfer:
    """Take goods out of transit; what is missing stays there, with the task still open.

    Raises:
        AppError: forbidden, wrong_state, nothing_open, bad_quantity, too_much_taken,
            serial_not_loaded, stage_by_hand, key_reused, or a refusal of the ledger.
    """
    replay.ask_ahead(tx, "transfer.receive", ask)
    made = transfer(tx.conn, ask.transfer_id)
    require(actor, "transfer", Thing("transfer", made.id, warehouse_id=made.to_warehouse))
    return run_once(tx, "transfer.receive", ask, Transfer, lambda: _take(tx, actor, ask, made))


def _take(tx: Tx, actor: Actor, ask: ReceiveTransfer, made: Transfer) -> Transfer:
    if made.state not in LIVE:
        raise AppError(
            rules.WRONG_STATE, what="调拨单", code=made.code, state=made.state_zh, verb="再收"
        )
    if not made.is_on_the_road:
        raise AppError(rules.NOTHING_OPEN, what=f"调拨单 {made.code}")
    road = road_of(tx.conn, transit_of(tx.conn, made), made.loads)
    takes = ask.loads or _everything(tx, made, road)
    rests = {load.id: _Rest(load, load.left, road.serials_of(load)) for load in made.loads}
    lines = tuple(line for take in takes for line in _lines(tx, made, take, rests, road))
    doc = f"transfer:{made.id}"
    post_new(tx, actor, Posting(f"{ask.op_id}:take", "transfer", lines, doc=doc))
    for load_id in dict.fromkeys(take.load_id for take in takes):
        rest = rests[load_id]
        values = {"received": rest.load.quantity - rest.left, "serials": list(rest.serials)}
        tx.execute(_SAVE_LOAD, {"load_": load_id, **values})
    after = keep(tx, actor, made)
    say(tx, actor, after, "received", [(line.item_id, line.quantity) for line in lines])
    return after


def _everything(tx: Tx, made: Transfer, road: Road) -> tuple[TakeLoad, ...]:
    """All that stands on the road; what was counted away there does not hold up the rest."""
    dock = dock_of(tx.conn, made.to_warehouse)
    takes = [TakeLoad(load.id, much, dock, codes) for load, much, codes in road.there(made.loads)]
    if not takes:
        load = next(each for each in made.loads if each.left)
        item = catalog.item(tx.conn, load.item_id).name
        raise AppError(rules.TOO_MUCH_TAKEN, item=item, left="0", asked=show(load.left))
    return tuple(takes)


@dataclass(slots=True)
class _Rest:
    """What of a load is still to come while one command takes of it, maybe to several places."""

    load: Load
    left: Micro
    serials: tuple[str, ...]


def _lines(
    tx: Tx, made: Transfer, take: TakeLoad, rests: Mapping[str, _Rest], road: Road
) -> list[Line]:
    """What is posted of `take`; it goes off the rest of its load and off `road`."""
    rest = rests.get(take.load_id)
    if rest is None or check_positive(take.quantity) > rest.left:
        item = catalog.item(tx.conn, rest.load.item_id).name if rest else "这一件"
        left = show(rest.left) if rest else "0"
        raise AppError(rules.TOO_MUCH_TAKEN, item=item, left=left, asked=show(take.quantity))
    place = catalog.location(tx.conn, take.to_location)
    if place.warehouse_id != made.to_warehouse:
        here = catalog.warehouse(tx.conn, made.to_warehouse).code
        raise AppError(rules.OTHER_WAREHOUSE, from_code=here, to_code=place.code)
    stage.entering(place)
    serials = _serials(tx, take, rest)
    rest.left -= take.quantity
    rest.serials = tuple(code for code in rest.serials if code not in serials)
    parts = road.take(rest.load, take.quantity, serials)
    return [road.line(part, place.id) for part in parts]


def _serials(tx: Tx, take: TakeLoad, rest: _Rest) -> tuple[str, ...]:
    """The serials given, or all that are left when the rest comes whole."""
    if not take.serials:
        return rest.serials if len(rest.serials) * ONE == take.quantity else ()
    for code in take.serials if rest.load.serials else ():
        if code not in rest.serials:
            item = catalog.item(tx.conn, rest.load.item_id).name
            raise AppError(SERIAL_NOT_LOADED, item=item, serial=code[:64])
    return take.serials
