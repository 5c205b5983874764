"""Scan anything: the screen it belongs to opens, with everything filled in.

1. An order number opens receiving.
2. Goods that wait on the dock can be put away with one tap; otherwise the stock by place shows.
   Not enough of it here: one tap asks another warehouse (紧急调拨).
3. A place shows what stands there, and can be the start of a transfer.

What may go wrong: a code nobody knows changes nothing and says so.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from core.catalog import Location
from core.db import Tx
from core.people import Actor, Thing, may, require
from core.quantity import plain, show
from core.stock import BalanceRow, on_hand
from pda import messages as say
from pda.find import Goods, find, options_wire, warehouses_of
from pda.flows import receive
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


def scan(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """One pull of the trigger on the first screen."""
    require(actor, "lookup")
    return _look(tx, actor, ask, "")


def submit(tx: Tx, actor: Actor, ask: Ask) -> Answer:
    """A tap: choose."""
    require(actor, "lookup")
    memory, form = load(Memory, ask.context, "context"), load(Form, ask.inputs, "inputs")
    again = Ask(ask.op_id, ask.state, memory.asked, memory.symbology)
    return _look(tx, actor, again, form.choice)


def _look(tx: Tx, actor: Actor, ask: Ask, choice: str) -> Answer:
    found = find(tx.conn, ask, tx.now, choice)
    if found.options:
        message, data = options_wire(found.options)
        asked = Memory(asked=ask.code, symbology=ask.symbology)
        return Answer(FLOW, "choose_label", message, data, asked.model_dump())
    if found.order is not None:
        return receive.scan(tx, actor, Ask(ask.op_id, code=ask.code))
    if found.place is not None:
        return _place(tx, actor, found.place)
    if found.goods is not None:
        return _goods(tx, actor, found.goods)
    message = found.unknown or say.unknown_code(ask.code, odd_keyboard=False)
    return Answer(FLOW, "start", message)


def _place(tx: Tx, actor: Actor, place: Location) -> Answer:
    thing = Thing("location", str(place.id), warehouse_id=place.warehouse_id)
    require(actor, "stock.read", thing)
    rows = on_hand(tx.conn, location_id=place.id, limit=MOST_ROWS)
    data = {"place": place.code, "rows": [_row(each) for each in rows]}
    data["actions"] = ["transfer"] if rows and may(actor, "transfer", thing) else []
    return Answer(FLOW, "place", say.found_place(place.code, len(rows)), data)


def _goods(tx: Tx, actor: Actor, goods: Goods) -> Answer:
    require(actor, "stock.read")
    known = set(warehouses_of(tx.conn, actor))
    rows = on_hand(tx.conn, goods.item.id, limit=MOST_ROWS)
    rows = [each for each in rows if each.warehouse_id is None or each.warehouse_id in known]
    if goods.lot:
        rows = [each for each in rows if each.lot_code == goods.lot] or rows
    free = sum(each.available for each in rows)
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
