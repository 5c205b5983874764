"""Move goods from one place to another, no papers.

1. Scan the place they are taken from.
2. Scan every piece or box: +1 per scan. Several lots stand there: scan the lot label or tap one.
3. Scan the place they go to: posted.

What may go wrong: a scan beyond what is free there counts nothing; goods that are not there count
nothing; expired or held stock is refused by the ledger with its own sentence.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.catalog import (
    Location,
    item,
    item_by_code,
    location,
    location_by_code,
    lot_by_code,
)
from core.db import Tx
from core.orders.transfer import Move, move
from core.people import Actor, Thing, require
from core.quantity import check_positive, parse, plain, show
from core.stock import BalanceRow, on_hand
from pda import messages as say
from pda.find import Goods, find, options_wire
from pda.messages import Message
from pda.steps import Answer, Ask, Context, load

FLOW = "transfer"


class Memory(Context):
    """From where, what, how many so far."""

    from_id: int = 0
    item_id: int = 0
    lot_id: int = 0
    quantity: str = "0"
    serials: list[str] = []  # noqa: RUF012  # pydantic copies defaults
    asked: str = ""
    symbology: str | None = None


class Form(BaseModel):
    """What is typed on the screen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    choice: str = ""
    lot_id: int = 0
    quantity: str = ""
    to: str = ""
    # the whole move as facts, for `move`
    from_: str = Field("", alias="from")
    item_code: str = ""
    lot: str = ""
    serials: list[str] = []


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """Place, goods, place."""
    require(actor, "transfer")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    found = find(tx.conn, ask, tx.now)
    if found.options:
        message, data = options_wire(found.options)
        asked = memory.model_copy(update={"asked": ask.code, "symbology": ask.symbology})
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if found.place is not None:
        return _place(tx, actor, ask, (memory, form), found.place)
    if found.goods is None:
        wanted = "货品或目标库位" if memory.from_id else "拿货的库位"
        message = found.unknown or say.unexpected_scan("单号", wanted)
        return _screen(tx, memory, message)
    if not memory.from_id:
        return _screen(tx, memory, say.unexpected_scan("货品", "拿货的库位"))
    return _goods(tx, memory, found.goods)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: choose · lot · confirm · drop · move (all of it as facts that a device collected)."""
    require(actor, "transfer")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    if ask.action == "choose" and memory.asked:
        again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
        found = find(tx.conn, again, tx.now, form.choice)
        if found.goods is not None and memory.from_id:
            return _goods(tx, memory, found.goods)
    if ask.action == "lot" and memory.item_id:
        chosen = memory.model_copy(update={"lot_id": form.lot_id})
        return _take(tx, chosen, Goods(item(tx.conn, memory.item_id), 1_000_000))
    if ask.action == "confirm" and form.to:
        return _place(tx, actor, ask, (memory, form), location_by_code(tx.conn, form.to))
    if ask.action == "move":
        return _facts(tx, actor, ask, form)
    if ask.action == "drop":
        return _screen(tx, Memory(), say.scan_from_place())
    return _screen(tx, memory, say.unexpected_scan("没有的按钮", "货品或库位"))


def _place(tx: Tx, actor: Actor, ask: Ask, known: tuple[Memory, Form], place: Location) -> Answer:
    memory, form = known
    require(actor, "transfer", Thing("location", str(place.id), warehouse_id=place.warehouse_id))
    taken = parse(form.quantity or memory.quantity)
    if not memory.item_id or taken == 0:
        return _screen(tx, Memory(from_id=place.id), say.from_place(place.code))
    goods = item(tx.conn, memory.item_id)
    done = move(
        tx,
        actor,
        Move(
            op_id=ask.op_id,
            item_id=goods.id,
            quantity=check_positive(taken),
            from_location=memory.from_id,
            to_location=place.id,
            lot_id=memory.lot_id,
            serials=tuple(memory.serials),
        ),
    )
    words = f"{show(done.quantity)} {goods.unit}"
    message = say.moved(goods.name, words, place.code)
    return _screen(tx, Memory(from_id=memory.from_id), message)


def _facts(tx: Tx, actor: Actor, ask: Ask, form: Form) -> Answer:
    """From where, what, how many, to where: nothing of it was asked of the server before."""
    goods = item_by_code(tx.conn, form.item_code)
    lot = lot_by_code(tx.conn, goods.id, form.lot).id if form.lot else 0
    memory = Memory(
        from_id=location_by_code(tx.conn, form.from_).id,
        item_id=goods.id,
        lot_id=lot,
        quantity=form.quantity,
        serials=form.serials,
    )
    check_positive(parse(form.quantity))
    return _place(tx, actor, ask, (memory, form), location_by_code(tx.conn, form.to))


def _goods(tx: Tx, memory: Memory, goods: Goods) -> Answer:
    """One scan of goods at the place they are taken from."""
    rows = _free(tx, memory.from_id, goods.item.id)
    if goods.lot:
        rows = [each for each in rows if each.lot_code == goods.lot]
    if memory.item_id == goods.item.id and memory.lot_id:
        kept = [each for each in rows if each.lot_id == memory.lot_id]
        rows = kept or rows
    if not rows:
        place = location(tx.conn, memory.from_id).code
        return _screen(tx, memory, say.nothing_here(goods.item.name, place))
    if parse(memory.quantity) and (memory.item_id, memory.lot_id) != (
        goods.item.id,
        rows[0].lot_id,
    ):
        current = item(tx.conn, memory.item_id).name
        return _screen(tx, memory, say.one_at_a_time(current, memory.quantity))
    chosen = memory.model_copy(update={"item_id": goods.item.id, "lot_id": rows[0].lot_id})
    if len({each.lot_id for each in rows}) > 1:
        lots = [
            {"lot_id": each.lot_id, "lot": each.lot_code, "expires_on": each.expires_on}
            | {"quantity": plain(each.available), "unit": each.unit}
            for each in rows[:20]
        ]
        message = say.choose_lot(len(lots))
        return Answer(FLOW, "choose_lot", message, {"lots": lots}, chosen.model_dump())
    return _take(tx, chosen, goods)


def _free(tx: Tx, location_id: int, item_id: int) -> list[BalanceRow]:
    rows = on_hand(tx.conn, item_id, location_id, limit=100)
    return [each for each in rows if each.status == "ok" and each.available > 0]


def _take(tx: Tx, memory: Memory, goods: Goods) -> Answer:
    left = sum(
        each.available
        for each in _free(tx, memory.from_id, goods.item.id)
        if each.lot_id == memory.lot_id
    )
    serials = list(memory.serials)
    if goods.item.tracking == "serial":
        if not goods.label.serial:
            return _screen(tx, memory, say.serial_missing(goods.item.name))
        if goods.label.serial in serials:
            return _screen(tx, memory, say.serial_again(goods.label.serial))
        serials.append(goods.label.serial)
    quantity, free = parse(memory.quantity) + goods.per_scan, f"{show(left)} {goods.item.unit}"
    if quantity > left:
        words = f"{memory.quantity} {goods.item.unit}"
        return _screen(tx, memory, say.too_much_here(goods.item.name, words, free))
    after = memory.model_copy(update={"quantity": plain(quantity), "serials": serials})
    words = f"{show(quantity)} {goods.item.unit}"
    return _screen(tx, after, say.put_on_hand(goods.item.name, words, free))


def _screen(tx: Tx, memory: Memory, message: Message) -> Answer:
    if not memory.from_id:
        return Answer(FLOW, "start", message, {}, {})
    data: dict[str, Any] = {
        "from": location(tx.conn, memory.from_id).code,
        "quantity": memory.quantity,
        "serials": memory.serials,
    }
    if memory.item_id:
        goods = item(tx.conn, memory.item_id)
        data |= {"item_code": goods.code, "item_name": goods.name, "unit": goods.unit}
    return Answer(FLOW, "item", message, data, memory.model_dump())
