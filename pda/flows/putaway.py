"""Put goods that wait on the dock into a bin.

1. Scan the goods (or open the task): item, lot, quantity and the suggested bin appear.
2. Carry them there and scan the bin: posted. Less than all: change the quantity first.

What may go wrong: another bin than the suggested one asks for the same scan again; goods still in
inspection or already shelved move nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import Item, Location, item, location_by_code, lots_by_id
from core.db import Tx
from core.orders.measure import dock_of
from core.orders.progress import ReceiptLine, line, waiting
from core.orders.putaway import PutAway, put_away
from core.orders.suggestion import Bin, suggest
from core.people import Actor, Thing, require
from core.quantity import Micro, check_positive, parse, plain, show
from core.tasks.board import task
from pda import messages as say
from pda.find import Found, find, options_wire, warehouses_of
from pda.messages import Message
from pda.packs import bin_codes, bins_wire, item_pack
from pda.steps import Answer, Ask, Context, load

FLOW = "putaway"


class Memory(Context):
    """Which received line is in the hands; `again` is the bin that must be scanned twice."""

    receipt_line_id: str = ""
    again: str = ""
    asked: str = ""
    symbology: str | None = None


class Form(BaseModel):
    """What is typed on the screen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    task_id: str = ""
    receipt_line_id: str = ""
    choice: str = ""
    quantity: str = ""
    bin: str = ""


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """Goods open the screen, a bin posts."""
    require(actor, "putaway")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    found = find(tx.conn, ask, tx.now)
    if found.place is not None and memory.receipt_line_id:
        return _to_bin(tx, actor, ask, (memory, form), found.place)
    return _goods(tx, actor, ask, memory, found)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: open · line · choose · confirm."""
    require(actor, "putaway")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    if ask.action == "open":
        about = task(tx.conn, form.task_id)
        return _opened(tx, actor, line(tx.conn, about.subject.partition(":")[2]))
    if ask.action == "line":
        return _screen(tx, actor, line(tx.conn, form.receipt_line_id))
    if ask.action == "choose" and memory.asked:
        again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
        return _goods(tx, actor, again, memory, find(tx.conn, again, tx.now, form.choice))
    if ask.action == "confirm" and form.bin and (memory.receipt_line_id or form.receipt_line_id):
        place = location_by_code(tx.conn, form.bin)
        line_id = memory.receipt_line_id or form.receipt_line_id
        sure = memory.model_copy(update={"again": place.code, "receipt_line_id": line_id})
        return _to_bin(tx, actor, ask, (sure, form), place)
    return _start(say.unexpected_scan("没有的按钮", "货品或库位"))


def _opened(tx: Tx, actor: Actor, row: ReceiptLine) -> Answer:
    """The screen with the pack: a device judges goods and bin by itself."""
    shown = _screen(tx, actor, row)
    if shown.next_state != "bin":
        return shown
    pack = item_pack(tx.conn, item(tx.conn, row.item_id))
    known = {"goods": pack, "all_bins": bin_codes(tx.conn, row.warehouse_id)}
    return replace(shown, data=shown.data | known | {"version": plain(row.stocked)})


def _goods(tx: Tx, actor: Actor, ask: Ask, memory: Memory, found: Found) -> Answer:
    if found.options:
        message, data = options_wire(found.options)
        asked = memory.model_copy(update={"asked": ask.code, "symbology": ask.symbology})
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if found.goods is None:
        if found.unknown is not None:
            return _stay(tx, actor, memory, found.unknown)
        return _stay(tx, actor, memory, say.unexpected_scan("单号或库位", "要上架的货"))
    goods = found.goods
    lines = [
        each
        for warehouse_id in warehouses_of(tx.conn, actor)
        for each in waiting(tx.conn, warehouse_id, goods.item.id)
        if each.to_stock
    ]
    if goods.lot:
        lots = lots_by_id(tx.conn, {each.lot_id for each in lines if each.lot_id})
        lines = [each for each in lines if each.lot_id and lots[each.lot_id].code == goods.lot]
    if not lines:
        return _stay(tx, actor, memory, say.nothing_to_put_away(goods.item.name))
    if len(lines) > 1:
        data = {"lines": [_line_wire(tx, each, goods.item) for each in lines[:20]]}
        message = say.choose_line(len(lines))
        return Answer(FLOW, "choose_line", message, data, Memory().model_dump())
    return _screen(tx, actor, lines[0])


def _to_bin(tx: Tx, actor: Actor, ask: Ask, known: tuple[Memory, Form], place: Location) -> Answer:
    memory, form = known
    row = line(tx.conn, memory.receipt_line_id)
    goods, left = item(tx.conn, row.item_id), row.to_stock
    quantity = check_positive(parse(form.quantity)) if form.quantity else left
    if left <= 0:
        return _start(say.nothing_to_put_away(goods.name))
    bins = _bins(tx, row, quantity)
    suggested = [each.code for each in bins]
    if suggested and place.code not in suggested and memory.again != place.code:
        asked = memory.model_copy(update={"again": place.code})
        message = say.other_bin(place.code, suggested[0])
        return _screen(tx, actor, row, asked, message)
    done = put_away(
        tx,
        actor,
        PutAway(
            op_id=ask.op_id,
            item_id=row.item_id,
            lot_id=row.lot_id,
            quantity=quantity,
            from_location=dock_of(tx.conn, row.warehouse_id),
            to_location=place.id,
            receipt_line_id=row.id,
        ),
    )
    words = f"{show(done.quantity)} {goods.unit}"
    return _start(say.moved(goods.name, words, done.to_code))


def _bins(tx: Tx, row: ReceiptLine, quantity: Micro) -> list[Bin]:
    return suggest(tx.conn, row.item_id, row.lot_id, quantity, row.warehouse_id)


def _start(message: Message) -> Answer:
    return Answer(FLOW, "start", message, {}, {})


def _stay(tx: Tx, actor: Actor, memory: Memory, message: Message) -> Answer:
    if not memory.receipt_line_id:
        return _start(message)
    return _screen(tx, actor, line(tx.conn, memory.receipt_line_id), memory, message)


def _screen(
    tx: Tx,
    actor: Actor,
    row: ReceiptLine,
    memory: Memory | None = None,
    message: Message | None = None,
) -> Answer:
    require(actor, "putaway", Thing("receipt_line", row.id, warehouse_id=row.warehouse_id))
    goods, left = item(tx.conn, row.item_id), row.to_stock
    if left <= 0:
        return _start(say.nothing_to_put_away(goods.name))
    bins = _bins(tx, row, left)
    words = f"{show(left)} {goods.unit}"
    data = _line_wire(tx, row, goods) | {"bins": bins_wire(bins)}
    message = message or say.to_bin(goods.name, words, bins[0].code if bins else "")
    memory = memory or Memory(receipt_line_id=row.id)
    return Answer(FLOW, "bin", message, data, memory.model_dump())


def _line_wire(tx: Tx, row: ReceiptLine, goods: Item) -> dict[str, Any]:
    known = lots_by_id(tx.conn, [row.lot_id]) if row.lot_id else {}
    lot = known.get(row.lot_id)
    return {
        "id": row.id,
        "item_code": goods.code,
        "item_name": goods.name,
        "unit": goods.unit,
        "lot": lot.code if lot else "",
        "expires_on": (lot.expires_on or "") if lot else "",
        "quantity": plain(row.to_stock),
    }
