"""Scan anything: the screen it belongs to opens, with everything filled in.

1. An order number opens receiving.
2. Goods that wait on the dock can be put away with one tap; otherwise the stock by place shows.
   Not enough of it here: one tap asks another warehouse (紧急调拨).
3. A place shows what stands there, and can be the start of a transfer.
4. `resolve` says what a code is without opening anything: for a device that judges by itself.

What may go wrong: a code nobody knows changes nothing and says so.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import Location, items_by_id, lot_by_code_or_none
from core.db import Tx
from core.people import Actor, Thing, may, require
from core.quantity import plain, show
from core.stock import VIRTUAL, BalanceRow, in_reach, on_hand
from pda import messages as say
from pda.find import Found, Goods, find, options_wire
from pda.flows import back, pack, pick, receive
from pda.packs import item_pack
from pda.steps import Answer, Ask, Context, load

FLOW = "lookup"
MOST_ROWS = 40
_OFFERS = (("receive", "receive"), ("putaway", "putaway"), ("urgent", "transfer"))


class Memory(Context):
    """Only the label whose readings are on the screen."""

    asked: str = ""
    symbology: str | None = None


class Form(BaseModel):
    """Which reading was tapped."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, str_max_length=512)

    choice: str = ""
    code: str = ""
    symbology: str | None = None


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """One pull of the trigger on the first screen."""
    require(actor, "lookup")
    return _look(tx, actor, ask, "")


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: choose · resolve."""
    require(actor, "lookup")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    if ask.action == "resolve":
        asked = Ask(ask.op_id, code=form.code, symbology=form.symbology)
        return _resolve(tx, actor, asked, form.choice)
    again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
    return _look(tx, actor, again, form.choice)


def _resolve(tx: Tx, actor: Actor, ask: Ask, choice: str) -> Answer:
    """What `ask.code` is, with the pack of the goods or the stock of the place; changes nothing."""
    found = find(tx.conn, ask, tx.now, choice)
    if found.options:
        message, data = options_wire(found.options)
        return Answer(FLOW, "resolved", message, {"kind": "options"} | data)
    if found.goods is not None:
        label, shown = found.goods.label, _goods(tx, actor, found.goods)
        data = shown.data | {"kind": "goods", "goods": item_pack(tx.conn, found.goods.item)}
        data |= {"per_scan": plain(found.goods.per_scan), "lot": label.lot, "serial": label.serial}
        data |= {"made_on": label.made_on, "use_by": label.use_by}
        return Answer(FLOW, "resolved", shown.message, data)
    if found.place is not None:
        return _place_pack(tx, actor, found.place)
    if found.order is not None:
        known = found.order
        data = {"kind": "order", "order_id": known.id, "order_code": known.code}
        waiting = sum(each.open_quantity > 0 for each in known.lines)
        return Answer(FLOW, "resolved", say.order_opened(known.code, waiting), data)
    if found.wave is not None or found.sale is not None or found.package is not None:
        return Answer(FLOW, "resolved", say.scan_order_or_goods(), _going(found))
    message = found.unknown or say.unknown_code(ask.code, odd_keyboard=False)
    return Answer(FLOW, "resolved", message, {"kind": "unknown"})


def _going(found: Found) -> dict[str, Any]:
    """Which screen a paper of goods out belongs to, and what it opens there."""
    if found.wave is not None:
        return {"kind": "wave", "flow": pick.FLOW, "wave_id": found.wave.id}
    if found.sale is not None and found.sale.state == "picking":
        return {"kind": "wave", "flow": pick.FLOW, "wave_id": found.sale.wave_id}
    if found.sale is not None:
        flow = back.FLOW if found.sale.state == "shipped" else pack.FLOW
        paper = {"kind": "sale", "flow": flow, "sale_id": found.sale.id}
        return paper | {"state": found.sale.state}
    assert found.package is not None, "one of the three"
    box = found.package
    flow = back.FLOW if box.state == "shipped" else pack.FLOW
    return {"kind": "package", "flow": flow, "sale_id": box.sale_id, "package": box.code}


def _place_pack(tx: Tx, actor: Actor, place: Location) -> Answer:
    """A place with the goods that stand there, ready to be taken without asking again."""
    thing = Thing("location", str(place.id), warehouse_id=place.warehouse_id)
    require(actor, "stock.read", thing)
    rows = _there(tx, place)
    goods = items_by_id(tx.conn, {each.item_id for each in rows})
    data = {
        "kind": "place",
        "place": place.code,
        "rows": [_row(each) | {"item_id": each.item_id} for each in rows],
        "goods": [item_pack(tx.conn, each) for each in goods.values()],
    }
    return Answer(FLOW, "resolved", say.found_place(place.code, len(rows)), data)


def _look(tx: Tx, actor: Actor, ask: Ask, choice: str) -> Answer:
    found = find(tx.conn, ask, tx.now, choice)
    if found.options:
        message, data = options_wire(found.options)
        asked = Memory(asked=ask.code, symbology=ask.symbology)
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if found.order is not None:
        return receive.scan(tx, actor, Ask(ask.op_id, code=ask.code))
    if found.wave is not None:
        return pick.scan(tx, actor, Ask(ask.op_id, code=ask.code))
    if found.sale is not None and found.sale.state == "picking":
        opened = Ask(ask.op_id, action="open", inputs={"wave_id": found.sale.wave_id})
        return pick.submit(tx, actor, opened)
    if "shipped" in (found.sale and found.sale.state, found.package and found.package.state):
        return back.scan(tx, actor, Ask(ask.op_id, code=ask.code))
    if found.sale is not None or found.package is not None:
        return pack.scan(tx, actor, Ask(ask.op_id, code=ask.code))
    if found.place is not None:
        return _place(tx, actor, found.place)
    if found.goods is not None:
        return _goods(tx, actor, found.goods)
    message = found.unknown or say.unknown_code(ask.code, odd_keyboard=False)
    return Answer(FLOW, "start", message)


def _place(tx: Tx, actor: Actor, place: Location) -> Answer:
    thing = Thing("location", str(place.id), warehouse_id=place.warehouse_id)
    require(actor, "stock.read", thing)
    rows = _there(tx, place)
    data = {"place": place.code, "rows": [_row(each) for each in rows]}
    data["actions"] = ["transfer"] if rows and may(actor, "transfer", thing) else []
    return Answer(FLOW, "place", say.found_place(place.code, len(rows)), data)


def _there(tx: Tx, place: Location) -> list[BalanceRow]:
    is_virtual = place.kind in VIRTUAL
    return on_hand(tx.conn, location_id=place.id, limit=MOST_ROWS, virtual=is_virtual)


def _goods(tx: Tx, actor: Actor, goods: Goods) -> Answer:
    require(actor, "stock.read")
    item, his = goods.item.id, actor.warehouse_ids
    lot = lot_by_code_or_none(tx.conn, item, goods.lot) if goods.lot else None
    rows, free = in_reach(tx.conn, item, None if lot is None else lot.id, his, MOST_ROWS)
    if not rows and lot is not None:  # none of it is left: what there is of the others
        rows, free = in_reach(tx.conn, item, None, his, MOST_ROWS)
    data = {
        "item_code": goods.item.code,
        "item_name": goods.item.name,
        "unit": goods.item.unit,
        "lot": goods.lot,
        "available": plain(free),
        "rows": [_row(each) for each in rows],
        "actions": [flow for flow, verb in _OFFERS if may(actor, verb)],
    }
    message = say.found_item(goods.item.name, f"{show(free)} {goods.item.unit}")
    return Answer(FLOW, "item", message, data)


def _row(row: BalanceRow) -> dict[str, Any]:
    return {
        "item_name": row.item_name,
        "place": row.location_code,
        "lot": row.lot_code or "",
        "expires_on": row.expires_on or "",
        "status": row.status,
        "quantity": plain(row.on_hand),
        "available": plain(row.available),
        "unit": row.unit,
    }
