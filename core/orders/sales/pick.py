"""Picking: from the bin to where orders are packed (`<warehouse>-OUT`), line by line of a walk.

A line is booked absolutely (this much of it), so a repeat or a late scan from an offline device
changes nothing twice. What was not found is `short.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam

from core import catalog, events
from core.db import Tx
from core.errors import AppError
from core.orders import dock, replay
from core.orders.measure import short_amount
from core.orders.replay import run_once
from core.orders.sales import faces, rules
from core.orders.sales.book import PickLine, pick_line, wave
from core.orders.sales.state import keep_state
from core.orders.sales.tables import pick_lines, sale_lines
from core.orders.sales.wave import end_wave
from core.people import Actor, Thing, require
from core.quantity import Micro, check_positive, show
from core.stock import PartOf, fulfil_part

SAVE_PICK = pick_lines.update().where(pick_lines.c.id == bindparam("pick_"))


@dataclass(frozen=True, slots=True)
class Pick:
    """`quantity` 0: all that is left. `place`: the bin that was scanned, when one was."""

    op_id: str
    pick_line_id: str
    quantity: Micro = 0
    serials: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class PickRest:
    """Everything that is still open of a wave was taken as the paper says."""

    op_id: str
    wave_id: str


@dataclass(frozen=True, slots=True)
class Picked:
    """What one stop gave (base units), and what is left to walk for."""

    pick_line_id: str
    quantity: Micro
    state: str
    stops_left: int
    sentence: str


def pick(tx: Tx, actor: Actor, ask: Pick) -> Picked:
    """Take goods out of a bin for an order.

    Raises:
        AppError: forbidden, already_picked, pick_too_much, pick_wrong_place, bad_quantity,
            key_reused, or a refusal of the ledger (serials_needed, lot_held …).
    """
    replay.ask_ahead(tx, "pick", ask)
    found = pick_line(tx.conn, ask.pick_line_id)
    require(actor, "pick", thing_of(found))
    return run_once(tx, "pick", ask, Picked, lambda: _pick(tx, actor, ask, found))


def _pick(tx: Tx, actor: Actor, ask: Pick, found: PickLine) -> Picked:
    check_open(found)
    if ask.place and ask.place != found.bin:
        raise AppError(rules.PICK_WRONG_PLACE, place=found.bin, scanned=ask.place[:40])
    quantity = check_positive(ask.quantity) if ask.quantity else found.left
    if quantity > found.left:
        raise AppError(
            rules.PICK_TOO_MUCH,
            place=found.bin,
            item=found.item_name,
            left=show(found.left),
            asked=show(quantity),
        )
    take(tx, actor, found, (quantity, ask.serials), f"{ask.op_id}:pick")
    item = catalog.item(tx.conn, found.item_id)
    left = after_pick(tx, actor, found)
    amount = short_amount(tx.conn, item, quantity)
    return Picked(
        found.id,
        quantity,
        pick_line(tx.conn, found.id).state,
        left,
        f"{item.name} {amount} 从 {found.bin} 拣出",
    )


def check_open(found: PickLine) -> None:
    """Refuse a stop that is done already.

    Raises:
        AppError(already_picked).
    """
    if found.state != "open":
        words = {"picked": "拣过", "short": "报过缺", "cancelled": "取消"}[found.state]
        raise AppError(
            rules.ALREADY_PICKED,
            place=found.bin,
            item=found.item_name,
            state=words,
            picked=f"{show(found.picked)} {found.unit}",
        )


def take(
    tx: Tx, actor: Actor, found: PickLine, taken: tuple[Micro, tuple[str, ...]], op_id: str
) -> None:
    """Post the goods (quantity, serials) out of the bin and write it on the papers."""
    quantity, serials = taken
    part = PartOf(found.reservation_id, found.part_id, quantity)
    house = catalog.warehouse(tx.conn, found.warehouse_id).code
    stage = catalog.location_by_code(tx.conn, f"{house}-OUT").id
    posted = fulfil_part(tx, actor, part, op_id, stage, serials=serials)
    named = [code for row in posted.moves for code in row.serials]
    picked = found.picked + quantity
    values = {
        "picked": picked,
        "serials": [*found.serials, *named],
        "state": "picked" if picked == found.quantity else "open",
        "picked_by": actor.person_id,
        "picked_at": tx.now,
    }
    tx.execute(SAVE_PICK, {"pick_": found.id, **values})
    tx.execute(
        sale_lines.update()
        .where(sale_lines.c.id == found.sale_line_id)
        .values(picked=sale_lines.c.picked + quantity)
    )
    payload = {
        "wave": found.wave_id,
        "sale": found.sale_id,
        "item": found.item_id,
        "lot": found.lot_id,
        "location": found.location_id,
        "quantity_micro": quantity,
    }
    events.append(tx, "sale.taken", f"sale:{found.sale_id}", actor.label, payload)
    if found.bin == catalog.dock_code(house):
        dock.left(tx, actor, posted.moves)
    faces.keep_full(tx, actor, found.location_id, found.item_id)


def after_pick(tx: Tx, actor: Actor, found: PickLine) -> int:
    """Go on with the order, and end the walk when its last stop is done; stops left in it."""
    keep_state(tx, actor, found.sale_id)
    return end_wave(tx, actor, found.wave_id)


def pick_rest(tx: Tx, actor: Actor, ask: PickRest) -> Picked:
    """Everything that is left of the walk, as written.

    Raises:
        AppError: forbidden, sale_state (nothing left), key_reused, or a refusal of the ledger;
            nothing is picked then.
    """
    made = wave(tx.conn, ask.wave_id)
    require(actor, "pick", Thing("wave", made.id, warehouse_id=made.warehouse_id))

    def run() -> Picked:
        open_now = [each for each in made.lines if each.state == "open"]
        if not open_now:
            raise AppError(rules.NOTHING_TO_PICK)
        for number, each in enumerate(open_now, 1):
            take(tx, actor, each, (each.left, ()), f"{ask.op_id}:rest{number}")
        for each in {one.sale_id: one for one in open_now}.values():
            after_pick(tx, actor, each)
        return Picked("", 0, "picked", 0, f"波次 {made.code} 已拣 {len(open_now)} 行")

    return run_once(tx, "pick.rest", ask, Picked, run)


def thing_of(found: PickLine) -> Thing:
    """What permission must know of a stop."""
    return Thing("pick_line", found.id, warehouse_id=found.warehouse_id)


def stage_of(conn: Connection, warehouse_id: int) -> int:
    """The location id of where picked goods stand until they leave."""
    return catalog.location_by_code(conn, f"{catalog.warehouse(conn, warehouse_id).code}-OUT").id
