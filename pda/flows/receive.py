"""Receive + inspect + put away on one screen.

1. Scan the order number, or straight away a goods label: the line it belongs to opens. Several
   lines wait for it: tap one.
2. Scan every piece or box: +1 (or the pack, or the printed weight) per scan, from 0. Lot and expiry
   fill in from the label. Serial goods: each serial once.
3. Goods that need inspection: the checklist is on the same screen; fill accepted and rejected, a
   reason for what is rejected, photos if useful.
4. Scan the bin (or tap 入账): received, inspected and shelved in one go.

What may go wrong: goods that are not on the order count nothing; another item or lot while scans
are unconfirmed asks for the same scan again before dropping them; an expired label can only be
rejected; more than ordered needs a reason; a label without separators is repaired or asked about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import Item, Location, item, location_by_code, lot_by_code_or_none
from core.clock import to_datetime
from core.db import Tx
from core.errors import AppError
from core.orders.combined import ReceivedLineAll, ReceiveLineAll, receive_line
from core.orders.order_book import Order, OrderLine, open_lines, order
from core.orders.progress import line as receipt_line
from core.orders.rules import check_date
from core.orders.suggestion import suggest
from core.people import Actor, Thing, require
from core.quantity import Micro, check_positive, parse, plain, show
from core.tasks.board import task
from pda import messages as say
from pda.find import Goods, find, options_wire, warehouses_of
from pda.messages import Message
from pda.packs import MOST_LINES, bin_codes, bins_wire, line_wire, receive_lines
from pda.protocol import NO_LINE, VERDICT_SUM
from pda.steps import Answer, Ask, Context, load, refuse

FLOW = "receive"


class Memory(Context):
    """What this screen knows between scans; quantities are decimal strings of base units."""

    order_id: str = ""
    line_id: str = ""
    quantity: str = "0"
    scans: int = 0
    lot: str = ""
    made_on: str = ""
    expires_on: str = ""
    serials: list[str] = []  # noqa: RUF012  # pydantic copies defaults
    again: str = ""  # the code that must come again to mean yes
    asked: str = ""  # the label whose readings are on the screen
    symbology: str | None = None


class Form(BaseModel):
    """What the person typed or tapped on the screen; all optional, quantities in base units."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    task_id: str = ""
    order_id: str = ""
    line_id: str = ""
    choice: str = ""
    quantity: str = ""
    lot: str = ""
    made_on: str = ""
    expires_on: str = ""
    accepted: str = ""
    rejected: str = ""
    reason: str = ""
    over_reason: str = ""
    checks: dict[str, str] = {}
    photos: list[str] = []
    rejected_serials: list[str] = []
    serials: list[str] = []
    bin: str = ""


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """One pull of the trigger on this screen."""
    require(actor, "receive")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    return _scanned(tx, actor, ask, (memory, form))


def _scanned(
    tx: Tx, actor: Actor, ask: Ask, known: tuple[Memory, Form], choice: str = ""
) -> Answer:
    memory, form = known
    found = find(tx.conn, ask, tx.now, choice)
    if found.options:
        message, data = options_wire(found.options)
        asked = memory.model_copy(update={"asked": ask.code, "symbology": ask.symbology})
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if found.order is not None:
        return _open_order(tx, actor, found.order, ask.code, memory)
    if found.place is not None:
        return _shelve(tx, actor, ask, memory, (form, found.place))
    if found.goods is None:
        return _same(tx, memory, found.unknown or say.unknown_code(ask.code, odd_keyboard=False))
    return _goods(tx, actor, ask.code, memory, found.goods)


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: open · choose · line · confirm · later · drop."""
    require(actor, "receive")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    if ask.action == "open":
        wanted = order(tx.conn, _order_of(tx, form))
        opened = _open_order(tx, actor, wanted, "", memory)
        return replace(opened, data=opened.data | _pack(tx, wanted))
    if ask.action == "line":
        chosen = _line(order(tx.conn, form.order_id or memory.order_id), form.line_id)
        return _fresh_line(tx, actor, chosen, None)
    if ask.action == "choose" and memory.asked:
        again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
        return _scanned(tx, actor, again, (memory, form), form.choice)
    if ask.action in ("confirm", "later"):
        return _confirm(tx, actor, ask, memory, form)
    if ask.action == "drop":
        return _order_screen(order(tx.conn, memory.order_id)) if memory.order_id else _start()
    return _same(tx, memory, say.unexpected_scan("没有的按钮", "货品或库位"))


# -- finding the line ----------------------------------------------------------------------------
def _order_of(tx: Tx, form: Form) -> str:
    if form.task_id:
        return task(tx.conn, form.task_id).subject.partition(":")[2]
    return form.order_id


def _line(found: Order, line_id: str) -> OrderLine:
    for each in found.lines:
        if each.id == line_id:
            return each
    raise AppError(NO_LINE, order=found.code)


def _open_order(tx: Tx, actor: Actor, found: Order, code: str, memory: Memory) -> Answer:
    require(actor, "receive", Thing("order", found.id, warehouse_id=found.warehouse_id))
    if memory.scans and found.id != memory.order_id and memory.again != code:
        return _ask_to_drop(tx, memory, code)
    return _order_screen(found)


def _order_screen(found: Order, message: Message | None = None) -> Answer:
    waiting = [each for each in found.lines if each.open_quantity > 0]
    if not waiting:
        return _start(message or say.order_complete(found.code))
    message = message or say.order_opened(found.code, len(waiting))
    data = {
        "order": _order_wire(found),
        "lines": [line_wire(each) for each in waiting[:MOST_LINES]],
    }
    return Answer(FLOW, "order", message, data, Memory(order_id=found.id).model_dump())


def _pack(tx: Tx, found: Order) -> dict[str, Any]:
    """The order with everything a device needs to judge its goods by itself."""
    waiting = [each for each in found.lines if each.open_quantity > 0]
    return {
        "order": _order_wire(found),
        "lines": receive_lines(tx.conn, waiting, found.warehouse_id),
        "bins": bin_codes(tx.conn, found.warehouse_id),
        "today": to_datetime(tx.now).date().isoformat(),
    }


def _start(message: Message | None = None) -> Answer:
    return Answer(FLOW, "start", message or say.scan_order_or_goods(), {}, {})


def _goods(tx: Tx, actor: Actor, code: str, memory: Memory, goods: Goods) -> Answer:
    if memory.order_id:
        found = order(tx.conn, memory.order_id)
        lines = [each for each in found.lines if each.item_id == goods.item.id]
        lines = [each for each in lines if each.open_quantity > 0] or lines[:1]
        if not lines:
            return _same(tx, memory, say.not_on_order(goods.item.name, found.code))
    else:
        lines = []
        for warehouse_id in warehouses_of(tx.conn, actor):
            lines += open_lines(tx.conn, warehouse_id, goods.item.id)
        if not lines:
            return _same(tx, memory, say.nothing_open(goods.item.name))
    if memory.line_id:
        current = _line(order(tx.conn, memory.order_id), memory.line_id)
        if current.item_id == goods.item.id and goods.lot in ("", memory.lot or goods.lot):
            return _count(tx, current, memory, goods)
        if memory.scans and memory.again != code:
            return _ask_to_drop(tx, memory, code)
    if len(lines) > 1:
        data = {"lines": [line_wire(each) for each in lines[:20]]}
        return Answer(FLOW, "choose_line", say.choose_line(len(lines)), data, memory.model_dump())
    return _fresh_line(tx, actor, lines[0], goods)


def _fresh_line(tx: Tx, actor: Actor, line: OrderLine, goods: Goods | None) -> Answer:
    found = order(tx.conn, line.order_id)
    require(actor, "receive", Thing("order", found.id, warehouse_id=found.warehouse_id))
    memory = Memory(order_id=line.order_id, line_id=line.id)
    if goods is not None:
        return _count(tx, line, memory, goods)
    waiting = f"{show(line.open_quantity)} {line.unit}"
    return _line_screen(tx, memory, say.line_opened(line.item_name, waiting))


# -- counting ------------------------------------------------------------------------------------
def _count(tx: Tx, line: OrderLine, memory: Memory, goods: Goods) -> Answer:
    """One scan of the right goods: +1 from 0, lot and dates from the label."""
    label = goods.label
    serials = list(memory.serials)
    if goods.item.tracking == "serial":
        if not label.serial:
            return _same(tx, memory, say.serial_missing(goods.item.name))
        if label.serial in serials:
            return _same(tx, memory, say.serial_again(label.serial))
        serials.append(label.serial)
    quantity = check_positive(parse(memory.quantity) + goods.per_scan)
    known = lot_by_code_or_none(tx.conn, goods.item.id, label.lot) if label.lot else None
    after = memory.model_copy(
        update={
            "quantity": plain(quantity),
            "scans": memory.scans + 1,
            "lot": label.lot or memory.lot,
            "made_on": label.made_on or (known and known.made_on) or memory.made_on,
            "expires_on": label.use_by or (known and known.expires_on) or memory.expires_on,
            "serials": serials,
            "again": "",
            "asked": "",
        }
    )
    return _line_screen(tx, after, _counted(tx, line, after, goods))


def _counted(tx: Tx, line: OrderLine, memory: Memory, goods: Goods) -> Message:
    quantity, name = parse(memory.quantity), line.item_name
    words = f"{show(quantity)} {line.unit}"
    if _expired(tx, memory.expires_on):
        return say.expired_label(name, memory.expires_on)
    if quantity > line.open_quantity:
        return say.over_order(name, words, f"{show(quantity - line.open_quantity)} {line.unit}")
    if goods.label.repaired:
        return say.repaired(name, memory.lot, words)
    if goods.label.gtin and not goods.label.gtin_valid:
        return say.gtin_doubtful(goods.label.gtin)
    return say.counted(name, words, f"{show(line.open_quantity - quantity)} {line.unit}")


def _expired(tx: Tx, day: str) -> bool:
    return bool(day) and day < to_datetime(tx.now).date().isoformat()


def _ask_to_drop(tx: Tx, memory: Memory, code: str) -> Answer:
    line = _line(order(tx.conn, memory.order_id), memory.line_id)
    words = f"{memory.quantity} {line.unit}"
    asked = memory.model_copy(update={"again": code})
    return _line_screen(tx, asked, say.switch_line(line.item_name, words))


# -- posting -------------------------------------------------------------------------------------
def _shelve(
    tx: Tx, actor: Actor, ask: Ask, memory: Memory, chosen: tuple[Form, Location]
) -> Answer:
    form, place = chosen
    if not memory.line_id:
        return _same(tx, memory, say.unexpected_scan(f"库位 {place.code}", "采购单号或货品"))
    return _confirm(tx, actor, ask, memory, form.model_copy(update={"bin": place.code}))


def _confirm(tx: Tx, actor: Actor, ask: Ask, memory: Memory, form: Form) -> Answer:
    """Everything of this line in one transaction of the core."""
    found = order(tx.conn, memory.order_id or form.order_id)
    line = _line(found, memory.line_id or form.line_id)
    goods = item(tx.conn, line.item_id)
    quantity = parse(form.quantity or memory.quantity)
    if quantity == 0:
        return _ask_back(tx, memory, say.nothing_counted(goods.name))
    check_positive(quantity)
    day = form.expires_on or memory.expires_on
    expires_on = check_date(day, "到期日") if day else ""
    accepted, rejected = _verdict(goods, form, quantity)
    judged = rejected is not None and accepted is not None
    if _expired(tx, expires_on) and rejected != quantity:
        late = say.expired_label(goods.name, expires_on)
        return _ask_back(tx, memory, replace(late, level="error"))
    if goods.needs_inspection and not judged and ask.action != "later":
        return _ask_back(tx, memory, say.needs_verdict(goods.name))
    shelf = location_by_code(tx.conn, form.bin) if form.bin and accepted != 0 else None
    done = receive_line(
        tx,
        actor,
        ReceiveLineAll(
            op_id=ask.op_id,
            order_line_id=line.id,
            quantity=quantity,
            lot_code=form.lot or memory.lot,
            made_on=(form.made_on or memory.made_on) or None,
            expires_on=expires_on or None,
            serials=tuple(form.serials or memory.serials),
            accepted=accepted if judged else None,
            rejected=rejected if judged else None,
            reason=form.reason,
            checks=dict(form.checks),
            photos=tuple(form.photos),
            rejected_serials=tuple(form.rejected_serials),
            bin_id=None if shelf is None else shelf.id,
            over_reason=form.over_reason,
        ),
    )
    screen = _order_screen(order(tx.conn, found.id), say.posted(done.sentence))
    task_id = _task_of(tx, done)
    return replace(screen, data=screen.data | {"task_id": task_id}) if task_id else screen


def _task_of(tx: Tx, done: ReceivedLineAll) -> str:
    """The task that photos of these goods belong to: they may come after the text."""
    if done.inspection is not None and done.inspection.tasks:
        return done.inspection.tasks[0]
    row = receipt_line(tx.conn, done.receipt.lines[0].id)
    return row.inspect_task or row.putaway_task


def _ask_back(tx: Tx, memory: Memory, message: Message) -> Answer:
    """The screen with what is missing on it; work that comes without a screen is refused."""
    if not memory.line_id:
        refuse(message)
    return _line_screen(tx, memory, message)


def _verdict(goods: Item, form: Form, quantity: Micro) -> tuple[Micro | None, Micro | None]:
    """Accepted and rejected; one of the two is enough, the other is the rest."""
    if not form.accepted and not form.rejected:
        return None, None
    accepted = parse(form.accepted) if form.accepted else quantity - parse(form.rejected)
    rejected = parse(form.rejected) if form.rejected else quantity - accepted
    if min(accepted, rejected) < 0 or accepted + rejected != quantity:
        raise AppError(
            VERDICT_SUM,
            item=goods.name,
            quantity=show(quantity),
            accepted=show(accepted),
            rejected=show(rejected),
        )
    return accepted, rejected


# -- the screen ----------------------------------------------------------------------------------
def _same(tx: Tx, memory: Memory, message: Message) -> Answer:
    """The same screen with a sentence on it; nothing was counted."""
    if memory.line_id:
        return _line_screen(tx, memory, message)
    if memory.order_id:
        return _order_screen(order(tx.conn, memory.order_id), message)
    return _start(message)


def _line_screen(tx: Tx, memory: Memory, message: Message) -> Answer:
    found = order(tx.conn, memory.order_id)
    line = _line(found, memory.line_id)
    goods = item(tx.conn, line.item_id)
    lot = lot_by_code_or_none(tx.conn, goods.id, memory.lot) if memory.lot else None
    wanted = max(parse(memory.quantity), 1_000_000)
    bins = suggest(tx.conn, goods.id, lot.id if lot else 0, wanted, found.warehouse_id)
    data: dict[str, Any] = {
        "order": _order_wire(found),
        "line": line_wire(line),
        "quantity": memory.quantity,
        "scans": memory.scans,
        "over": plain(max(0, parse(memory.quantity) - line.open_quantity)),
        "lot": memory.lot,
        "made_on": memory.made_on,
        "expires_on": memory.expires_on,
        "serials": memory.serials,
        "tracking": goods.tracking,
        "needs_expiry": goods.shelf_life_days > 0,
        "needs_inspection": goods.needs_inspection,
        "checklist": list(goods.checklist) if goods.needs_inspection else [],
        "expired": _expired(tx, memory.expires_on),
        "bins": bins_wire(bins),
    }
    return Answer(FLOW, "line", message, data, memory.model_dump())


def _order_wire(found: Order) -> dict[str, Any]:
    return {
        "id": found.id,
        "code": found.code,
        "supplier": found.supplier_name,
        "warehouse": found.warehouse_name,
        "due_on": found.due_on,
    }
