"""Pack an order and hand it over.

1. Scan the order's number or one of its boxes (or open the task): what was picked for it appears.
2. Scan every piece into the box: +1 per scan. 「关箱」 closes it; the label's code is shown.
3. All boxes closed: scan their labels when the carrier takes them, or tap 「交给承运商」.

What may go wrong: goods of another order or more than was picked count nothing.
A device that works by itself sends `close` and `ship` as facts and never scans here.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import items_by_id
from core.db import Tx
from core.orders.sales.book import PickLine, Sale, picks_of, sale
from core.orders.sales.boxes import Package, packages_of
from core.orders.sales.carriers import carriers
from core.orders.sales.pack import Box, BoxLine, Pack, loose, pack
from core.orders.sales.ship import Ship, ship
from core.people import Actor, Thing, require
from core.quantity import Micro, parse, plain, show
from core.tasks.board import task
from pda import messages as say
from pda import messages_out as out
from pda.find import Goods, find
from pda.messages import Message
from pda.packs import item_pack
from pda.steps import Answer, Ask, Context, load

FLOW = "pack"


class InBox(Context):
    """Goods that lie in the open box (base units)."""

    item_id: int
    lot: str = ""
    quantity: str = "0"
    serials: list[str] = []  # noqa: RUF012  # pydantic copies defaults


class Memory(Context):
    """Which order, what is in the open box, which closed boxes were scanned."""

    sale_id: str = ""
    box: list[InBox] = []  # noqa: RUF012
    boxes: list[str] = []  # noqa: RUF012


class Form(BaseModel):
    """What a device that judged the scans itself tells."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    task_id: str = ""
    sale_id: str = ""
    box: list[InBox] = []
    weight: str = ""
    boxes: list[str] = []
    tracking: str = ""


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """An order or a box opens the screen, goods go into the box, a label is handed over."""
    require(actor, "pack")
    memory = load(Memory, ask.context, "context")
    found = find(tx.conn, ask, tx.now)
    if found.sale is not None:
        return _screen(tx, actor, found.sale.id)
    if found.package is not None:
        return _label(tx, actor, memory, found.package)
    if not memory.sale_id:
        return Answer(FLOW, "start", found.unknown or out.scan_sale(), {}, {})
    if found.goods is not None:
        return _goods(tx, actor, memory, found.goods)
    message = found.unknown or say.unexpected_scan("库位", "货品或箱标")
    return _screen(tx, actor, memory.sale_id, memory, message)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap or a fact: open · close (a box) · ship · drop (what lies in the open box)."""
    require(actor, "pack")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    sale_id = form.sale_id or memory.sale_id
    if ask.action == "open":
        if form.task_id:
            sale_id = task(tx.conn, form.task_id).subject.partition(":")[2]
        return _screen(tx, actor, sale_id)
    if ask.action == "close" and sale_id:
        return _close(tx, actor, ask, sale_id, (form.box or memory.box, form.weight))
    if ask.action == "ship" and sale_id:
        codes = tuple(form.boxes or memory.boxes)
        done = ship(tx, actor, Ship(ask.op_id, sale_id, codes, form.tracking))
        return _screen(tx, actor, sale_id, None, out.shipped(done.boxes))
    if ask.action == "drop" and sale_id:
        return _screen(tx, actor, sale_id)
    return Answer(FLOW, "start", out.scan_sale(), {}, {})


def _goods(tx: Tx, actor: Actor, memory: Memory, goods: Goods) -> Answer:
    """One piece goes into the box."""
    waiting = [each for each in _waiting(tx, memory.sale_id) if each.item_id == goods.item.id]
    if goods.lot:
        waiting = [each for each in waiting if each.lot in ("", goods.lot)]
    lot = waiting[0].lot if waiting and waiting[0].lot_id else ""
    known = next((e for e in memory.box if (e.item_id, e.lot) == (goods.item.id, lot)), None)
    inside = parse(known.quantity) if known else 0
    left = sum(each.picked - each.packed for each in waiting if each.lot == lot)
    if not waiting or inside + goods.per_scan > left:
        words = f"{show(left)} {goods.item.unit}"
        message = out.not_for_this_box(goods.item.name, words)
        return _screen(tx, actor, memory.sale_id, memory, message)
    serials = list(known.serials) if known else []
    if goods.item.tracking == "serial":
        problem = _wrong_serial(tx, memory.sale_id, goods, serials)
        if problem is not None:
            return _screen(tx, actor, memory.sale_id, memory, problem)
        serials.append(goods.label.serial)
    row = InBox(
        item_id=goods.item.id, lot=lot, quantity=plain(inside + goods.per_scan), serials=serials
    )
    after = memory.model_copy(update={"box": [*(e for e in memory.box if e != known), row]})
    rest = f"{show(left - inside - goods.per_scan)} {goods.item.unit}"
    words = f"{show(inside + goods.per_scan)} {goods.item.unit}"
    message = out.in_box(goods.item.name, words, rest)
    return _screen(tx, actor, memory.sale_id, after, message)


def _wrong_serial(tx: Tx, sale_id: str, goods: Goods, inside: list[str]) -> Message | None:
    """Why this piece may not lie in the open box; None: it was picked for this order."""
    serial = goods.label.serial
    if not serial:
        return say.serial_missing(goods.item.name)
    if serial in inside:
        return say.serial_again(serial)
    stops = [each for each in loose(tx.conn, sale_id) if each.item_id == goods.item.id]
    if not any(serial in each.serials for each in stops):
        return out.serial_not_picked(goods.item.name, serial)
    return None


def _close(tx: Tx, actor: Actor, ask: Ask, sale_id: str, box: tuple[list[InBox], str]) -> Answer:
    rows, weight = box
    lots = {(each.item_id, each.lot): each.lot_id for each in picks_of(tx.conn, sale_id)}
    lines = tuple(
        BoxLine(
            each.item_id,
            parse(each.quantity),
            lots.get((each.item_id, each.lot), 0),
            tuple(each.serials),
        )
        for each in rows
    )
    closed = Box(lines, parse(weight) if weight else 0)
    done = pack(tx, actor, Pack(ask.op_id, sale_id, (closed,)))
    return _screen(tx, actor, sale_id, None, out.box_closed(done.boxes[-1].code))


def _label(tx: Tx, actor: Actor, memory: Memory, box: Package) -> Answer:
    """A closed box is handed over; the last one asks for nothing more than the tap."""
    if box.state == "void":
        return _screen(tx, actor, box.sale_id, None, out.box_open(box.code))
    if box.sale_id != memory.sale_id:
        return _screen(tx, actor, box.sale_id, Memory(sale_id=box.sale_id, boxes=[box.code]))
    if box.state == "shipped":
        return _screen(tx, actor, box.sale_id, memory, out.box_gone(box.code))
    boxes = [*(each for each in memory.boxes if each != box.code), box.code]
    after = memory.model_copy(update={"boxes": boxes})
    left = sum(each.state == "packed" for each in packages_of(tx.conn, box.sale_id)) - len(boxes)
    return _screen(tx, actor, box.sale_id, after, out.box_taken(box.code, left))


def _waiting(tx: Tx, sale_id: str) -> list[PickLine]:
    return [each for each in picks_of(tx.conn, sale_id) if each.picked > each.packed]


# -- the screen ----------------------------------------------------------------------------------
def _screen(
    tx: Tx,
    actor: Actor,
    sale_id: str,
    memory: Memory | None = None,
    message: Message | None = None,
) -> Answer:
    made = sale(tx.conn, sale_id)
    require(actor, "pack", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    waiting = _waiting(tx, sale_id)
    every = packages_of(tx.conn, sale_id)
    boxes = [each for each in every if each.state != "void"]
    memory = memory or Memory(sale_id=sale_id)
    if message is None:
        message = out.pack_begins(made.code, len(waiting), sum(e.state == "packed" for e in boxes))
    data = {
        "sale": _sale_wire(tx, made, every),
        "lines": _lines_wire(tx, waiting),
        "box": [each.model_dump() for each in memory.box],
        "scanned": list(memory.boxes),
        "boxes": [
            {"code": each.code, "state": each.state, "weight": plain(each.weight_micro)}
            for each in boxes
        ],
    }
    state = "box" if waiting else "ship" if any(e.state == "packed" for e in boxes) else "done"
    return Answer(FLOW, state, message, data, memory.model_dump())


def _sale_wire(tx: Tx, made: Sale, boxes: list[Package]) -> dict[str, Any]:
    """The version only grows: a box counts once when it is closed, once more when it has left or is
    opened again. What is packed and shipped would be the same again after a box was opened."""
    names = {each.code: each.name for each in carriers(tx.conn)}
    return {
        "id": made.id,
        "code": made.code,
        "customer": made.customer_name,
        "carrier": names.get(made.carrier, made.carrier),
        "state": made.state,
        "version": str(sum(1 if each.state == "packed" else 2 for each in boxes)),
        "note": made.note,
    }


def _lines_wire(tx: Tx, waiting: list[PickLine]) -> list[dict[str, Any]]:
    """What waits to be packed, by item and lot, and how it is recognised."""
    goods = items_by_id(tx.conn, {each.item_id for each in waiting})
    left: dict[tuple[int, str], Micro] = {}
    for each in waiting:
        key = (each.item_id, each.lot)
        left[key] = left.get(key, 0) + each.picked - each.packed
    return [
        item_pack(tx.conn, goods[item_id]) | {"lot": lot, "quantity": plain(quantity)}
        for (item_id, lot), quantity in left.items()
    ]
