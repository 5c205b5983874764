"""Goods that come back, and goods that go away: a customer's return, back to a supplier, scrap.

1. Scan the order that was shipped (or one of its boxes): what may come back appears.
   Or scan the bin where goods lie that nobody can sell.
2. Scan the goods: +1 per scan. Say in which condition they are, or where they go, and why; a photo.
3. Tap: the goods are booked. What came back unseen (待检查) becomes a task of its own.

What may go wrong: more than was shipped counts nothing; goods that do not lie in the bin count
nothing. A device that works by itself sends `customer`, `supplier` and `scrap` as facts.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import (
    item_by_code,
    items_by_id,
    location_by_code,
    lot,
    lot_by_code,
    partner_by_code,
    search_partners,
)
from core.db import Tx
from core.orders.sales.book import Sale, SaleLine, sale
from core.orders.sales.boxes import packages_of
from core.orders.sales.returns import (
    CONDITIONS,
    CustomerReturn,
    Scrap,
    SupplierReturn,
    customer_return,
    scrap,
    supplier_return,
)
from core.people import Actor, Thing, may, require
from core.quantity import Micro, parse, plain
from core.stock import BalanceRow, on_hand
from pda import messages as say
from pda import messages_back as back
from pda.find import Goods, find
from pda.messages import Message
from pda.packs import item_pack
from pda.steps import Answer, Ask, Context, load

FLOW = "back"
MOST_ROWS = 40
MOST_SUPPLIERS = 50


class Memory(Context):
    """Whose goods, or from which bin; how much of which of them is in the hands."""

    sale_id: str = ""
    place: str = ""
    item_code: str = ""
    lot: str = ""
    quantity: str = "0"
    serials: list[str] = []  # noqa: RUF012  # pydantic copies defaults


class Form(BaseModel):
    """What came back or goes away, and why; quantities in base units."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    sale_id: str = ""
    line_id: str = ""
    place: str = ""
    item_code: str = ""
    lot: str = ""
    status: str = "ok"
    quantity: str = ""
    serials: list[str] = []
    condition: str = "unknown"
    supplier: str = ""
    reason: str = ""
    photos: list[str] = []


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """An order, a box or a bin opens the screen; goods count."""
    require(actor, "return")
    memory = load(Memory, ask.context, "context")
    found = find(tx.conn, ask, tx.now)
    if found.sale is not None:
        return _sale(tx, actor, Memory(sale_id=found.sale.id))
    if found.package is not None:
        return _sale(tx, actor, Memory(sale_id=found.package.sale_id))
    if found.place is not None:
        return _place(tx, actor, Memory(place=found.place.code))
    if found.goods is not None and (memory.sale_id or memory.place):
        return _goods(tx, actor, memory, found.goods)
    message = found.unknown or back.scan_order_or_place()
    return _again(tx, actor, memory, message)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap or a fact: open · customer · supplier · scrap · drop (what is in the hands)."""
    require(actor, "return")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    where = Memory(
        sale_id=form.sale_id or memory.sale_id,
        place="" if form.sale_id else form.place or memory.place,
    )
    if ask.action == "customer" and where.sale_id:
        return _customer(tx, actor, ask.op_id, form, (where, memory))
    if ask.action in ("supplier", "scrap") and where.place:
        return _away(tx, actor, ask, form, (where, memory))
    return _again(tx, actor, where, None)


# -- facts ---------------------------------------------------------------------------------------
def _customer(
    tx: Tx, actor: Actor, op_id: str, form: Form, memory: tuple[Memory, Memory]
) -> Answer:
    where, hands = memory
    made = sale(tx.conn, where.sale_id)
    line_id = form.line_id or _line_of(made, hands.item_code)
    line = made.line(line_id)
    code = form.lot or hands.lot
    facts = CustomerReturn(
        op_id,
        made.id,
        line.id,
        parse(form.quantity or hands.quantity),
        form.reason,
        form.condition,
        lot_id=lot_by_code(tx.conn, line.item_id, code).id if code else 0,
        serials=tuple(form.serials or hands.serials),
        photos=tuple(form.photos),
    )
    done = customer_return(tx, actor, facts)
    return _sale(tx, actor, where, say.posted(done.sentence))


def _line_of(made: Sale, item_code: str) -> str:
    """The line the scanned goods were sold on: the first that may still give something back."""
    mine = [each for each in made.lines if each.item_code == item_code]
    open_now = [each for each in mine if each.shipped > each.returned]
    return next((each.id for each in [*open_now, *mine]), "")


def _away(tx: Tx, actor: Actor, ask: Ask, form: Form, memory: tuple[Memory, Memory]) -> Answer:
    where, hands = memory
    thing = item_by_code(tx.conn, form.item_code or hands.item_code)
    code = form.lot or hands.lot
    common: dict[str, Any] = {
        "op_id": ask.op_id,
        "item_id": thing.id,
        "quantity": parse(form.quantity or hands.quantity),
        "from_location": location_by_code(tx.conn, where.place).id,
        "reason": form.reason,
        "lot_id": lot_by_code(tx.conn, thing.id, code).id if code else 0,
        "status": form.status,
        "serials": tuple(form.serials or hands.serials),
        "photos": tuple(form.photos),
    }
    if ask.action == "scrap":
        done = scrap(tx, actor, Scrap(**common))
    else:
        supplier = partner_by_code(tx.conn, form.supplier)
        done = supplier_return(tx, actor, SupplierReturn(supplier_id=supplier.id, **common))
    return _place(tx, actor, where, say.posted(done.sentence))


# -- scans ---------------------------------------------------------------------------------------
def _goods(tx: Tx, actor: Actor, memory: Memory, goods: Goods) -> Answer:
    """One more in the hands; other goods, or another lot, begin anew."""
    same = (memory.item_code, memory.lot) == (goods.item.code, goods.lot)
    serials = list(memory.serials) if same else []
    if goods.item.tracking == "serial":
        if not goods.label.serial:
            return _again(tx, actor, memory, say.serial_missing(goods.item.name))
        if goods.label.serial in serials:
            return _again(tx, actor, memory, say.serial_again(goods.label.serial))
        serials.append(goods.label.serial)
    quantity = (parse(memory.quantity) if same else 0) + goods.per_scan
    left = _left(tx, memory, goods)
    if quantity > left:
        words = f"{plain(left)} {goods.item.unit}"
        return _again(tx, actor, memory, back.not_so_much(goods.item.name, words))
    fresh = {"item_code": goods.item.code, "lot": goods.lot, "quantity": plain(quantity)}
    after = memory.model_copy(update=fresh | {"serials": serials})
    words = f"{plain(quantity)} {goods.item.unit}"
    return _again(tx, actor, after, back.in_hands(goods.item.name, words))


def _left(tx: Tx, memory: Memory, goods: Goods) -> Micro:
    """How much of the goods could be meant at most."""
    if memory.sale_id:
        rows = _returnable(tx, sale(tx.conn, memory.sale_id))
        return sum(
            quantity
            for line, code, quantity in rows
            if line.item_id == goods.item.id and goods.lot in ("", code)
        )
    return sum(
        each.available
        for each in _rows(tx, memory.place)
        if each.item_id == goods.item.id and goods.lot in ("", each.lot_code)
    )


# -- the screens ---------------------------------------------------------------------------------
def _again(tx: Tx, actor: Actor, memory: Memory, message: Message | None) -> Answer:
    if memory.sale_id:
        return _sale(tx, actor, memory, message)
    if memory.place:
        return _place(tx, actor, memory, message)
    return Answer(FLOW, "start", message or back.scan_order_or_place(), {}, {})


def _sale(tx: Tx, actor: Actor, memory: Memory, message: Message | None = None) -> Answer:
    made = sale(tx.conn, memory.sale_id)
    require(actor, "return", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    rows = _returnable(tx, made)
    goods = items_by_id(tx.conn, {line.item_id for line, _, _ in rows})
    data = {
        "sale": {"id": made.id, "code": made.code, "customer": made.customer_name},
        "lines": [
            item_pack(tx.conn, goods[line.item_id])
            | {"id": line.id, "lot": code, "quantity": plain(quantity)}
            | {"version": plain(line.returned)}
            for line, code, quantity in rows
        ],
        "conditions": [{"key": key, "label": word} for key, word in CONDITIONS.items()],
    }
    message = message or back.may_come_back(made.code, made.customer_name, len(rows))
    return Answer(FLOW, "sale", message, data | _hands(memory), memory.model_dump())


def _returnable(tx: Tx, made: Sale) -> list[tuple[SaleLine, str, Micro]]:
    """What left and did not come back, by line and lot. What came back is not known by lot, so a
    line's rest bounds each of its lots."""
    left: dict[tuple[str, int], Micro] = {}
    for box in packages_of(tx.conn, made.id):
        for each in box.lines if box.state == "shipped" else ():
            key = (each.sale_line_id, each.lot_id)
            left[key] = left.get(key, 0) + each.quantity
    found = []
    for (line_id, lot_id), quantity in left.items():
        line = made.line(line_id)
        rest = min(quantity, line.shipped - line.returned)
        if rest > 0:
            found.append((line, lot(tx.conn, lot_id).code if lot_id else "", rest))
    return found


def _place(tx: Tx, actor: Actor, memory: Memory, message: Message | None = None) -> Answer:
    place = location_by_code(tx.conn, memory.place)
    thing = Thing("location", place.code, warehouse_id=place.warehouse_id)
    require(actor, "return", thing)
    rows = _rows(tx, memory.place)
    goods = items_by_id(tx.conn, {each.item_id for each in rows})
    suppliers = [each for each in search_partners(tx.conn, "", MOST_SUPPLIERS) if each.supplies]
    data = {
        "place": place.code,
        "rows": [_row(each) for each in rows],
        "goods": [item_pack(tx.conn, each) for each in goods.values()],
        "suppliers": [{"key": each.code, "label": each.name} for each in suppliers],
        "actions": [key for key, verb in _AWAY if may(actor, verb, thing)],
    }
    message = message or back.lies_here(place.code, len(rows))
    return Answer(FLOW, "place", message, data | _hands(memory), memory.model_dump())


_AWAY = (("supplier", "return"), ("scrap", "issue"))


def _rows(tx: Tx, place: str) -> list[BalanceRow]:
    here = location_by_code(tx.conn, place).id
    return [each for each in on_hand(tx.conn, location_id=here, limit=MOST_ROWS) if each.available]


def _row(row: BalanceRow) -> dict[str, Any]:
    return {
        "item_id": row.item_id,
        "item_code": row.item_code,
        "item_name": row.item_name,
        "unit": row.unit,
        "lot": row.lot_code or "",
        "expires_on": row.expires_on or "",
        "status": row.status,
        "quantity": plain(row.available),
    }


def _hands(memory: Memory) -> dict[str, Any]:
    hands = {"item_code": memory.item_code, "lot": memory.lot, "quantity": memory.quantity}
    return {"hands": hands}
