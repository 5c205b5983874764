"""What an offline operation did, in words and places, when the books refuse it.

What becomes of it: core/orders/conflict.py. Reads only what the device told; a form that names
nothing known is no conflict but a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core import catalog
from core.db import Tx
from core.errors import AppError
from core.orders.combined import ReceiveLineAll
from core.orders.conflict import Conflict
from core.orders.count_book import count as count_of
from core.orders.order_book import order, order_line
from core.orders.progress import line as receipt_line
from core.orders.sales.book import pick_line, sale
from core.quantity import parse, plain
from pda.messages import Message
from pda.protocol import Submit

Inputs = Mapping[str, Any]


def conflict_of(tx: Tx, op_id: str, operation: Submit, problem: AppError) -> Conflict | None:
    """The conflict that a refused operation is; None when it cannot even be read."""
    reader = _READERS.get((operation.flow, operation.action))
    if reader is None:
        return None
    try:
        found = reader(tx, operation.inputs | {"op_id": op_id})
    except (AppError, KeyError, TypeError, ValueError):
        return None
    return Conflict(
        op_id,
        found["mine"][:200],
        problem.say("zh")[:400],
        problem.code,
        operation.at,
        found["warehouse_id"],
        tuple(found.get("places", ())),
        tuple(found.get("items", ())),
        found.get("arrived"),
    )


def _received(tx: Tx, told: Inputs) -> dict[str, Any]:
    line = order_line(tx.conn, told["line_id"])
    item = catalog.item(tx.conn, line.item_id)
    quantity = parse(told["quantity"])
    judged = bool(told.get("accepted") or told.get("rejected"))
    rejected = parse(told["rejected"]) if told.get("rejected") else 0
    shelf = catalog.location_by_code_or_none(tx.conn, told.get("bin", ""))
    arrived = ReceiveLineAll(
        told["op_id"],
        line.id,
        quantity,
        lot_code=told.get("lot", ""),
        made_on=told.get("made_on") or None,
        expires_on=told.get("expires_on") or None,
        serials=tuple(told.get("serials", ())),
        accepted=quantity - rejected if judged else None,
        rejected=rejected if judged else None,
        reason=told.get("reason", ""),
        checks=dict(told.get("checks", {})),
        photos=tuple(told.get("photos", ())),
        rejected_serials=tuple(told.get("rejected_serials", ())),
        bin_id=shelf.id if shelf is not None and quantity > rejected else None,
    )
    words = f"收 {item.name} {plain(quantity)} {item.unit}（{line.order_code}）"
    warehouse_id = order(tx.conn, line.order_id).warehouse_id
    return {"mine": words, "warehouse_id": warehouse_id, "arrived": arrived}


def _shelved(tx: Tx, told: Inputs) -> dict[str, Any]:
    row = receipt_line(tx.conn, told["receipt_line_id"])
    item = catalog.item(tx.conn, row.item_id)
    place = catalog.location_by_code(tx.conn, told["bin"])
    words = f"{item.name} 上架到 {place.code}"
    return {
        "mine": words,
        "warehouse_id": row.warehouse_id,
        "places": [place.id],
        "items": [item.id],
    }


def _moved(tx: Tx, told: Inputs) -> dict[str, Any]:
    source = catalog.location_by_code(tx.conn, told["from"])
    target = catalog.location_by_code(tx.conn, told["to"])
    item = catalog.item_by_code(tx.conn, told["item_code"])
    words = f"{item.name} {told['quantity']} {item.unit} 从 {source.code} 到 {target.code}"
    return {
        "mine": words,
        "warehouse_id": source.warehouse_id,
        "places": [source.id, target.id],
        "items": [item.id],
    }


def _counted(tx: Tx, told: Inputs) -> dict[str, Any]:
    made = count_of(tx.conn, told["count_id"])
    place = catalog.location_by_code(tx.conn, told["place"])
    seen = "、".join(f"{each['item_code']} {each['quantity']}" for each in told["seen"]) or "空的"
    words = f"盘 {place.code}：{seen}"
    return {"mine": words, "warehouse_id": made.warehouse_id, "places": [place.id]}


def _picked(tx: Tx, told: Inputs) -> dict[str, Any]:
    stop = pick_line(tx.conn, told["line_id"])
    words = f"从 {stop.bin} 拣 {stop.item_name} {told['quantity']} {stop.unit}（{stop.sale_code}）"
    return {
        "mine": words,
        "warehouse_id": stop.warehouse_id,
        "places": [stop.location_id],
        "items": [stop.item_id],
    }


def _packed(tx: Tx, told: Inputs) -> dict[str, Any]:
    made = sale(tx.conn, told["sale_id"])
    stage = f"{catalog.warehouse(tx.conn, made.warehouse_id).code}-OUT"
    place = catalog.location_by_code(tx.conn, stage)
    words = f"{made.code} 装箱交接"
    return {"mine": words, "warehouse_id": made.warehouse_id, "places": [place.id]}


def _came_back(tx: Tx, told: Inputs) -> dict[str, Any]:
    made = sale(tx.conn, told["sale_id"])
    line = made.line(told["line_id"])
    words = f"{made.code} 客户退回 {line.item_name} {told['quantity']} {line.unit}"
    return {"mine": words, "warehouse_id": made.warehouse_id, "items": [line.item_id]}


def _went_away(tx: Tx, told: Inputs) -> dict[str, Any]:
    place = catalog.location_by_code(tx.conn, told["place"])
    item = catalog.item_by_code(tx.conn, told["item_code"])
    where = "退供应商" if told.get("supplier") else "报废"
    words = f"{place.code} {item.name} {told['quantity']} {item.unit} {where}：{told['reason']}"
    return {
        "mine": words,
        "warehouse_id": place.warehouse_id,
        "places": [place.id],
        "items": [item.id],
    }


def asked_boss(problem: AppError) -> Message:
    """The hands did it offline and the books say no."""
    zh, en = problem.say("zh"), problem.say("en")
    return Message("warn", f"已转主管判断：{zh}", f"A supervisor decides: {en}", problem.code)


_READERS: dict[tuple[str, str], Callable[[Tx, Inputs], dict[str, Any]]] = {
    ("receive", "confirm"): _received,
    ("receive", "later"): _received,
    ("putaway", "confirm"): _shelved,
    ("transfer", "move"): _moved,
    ("count", "place"): _counted,
    ("pick", "pick"): _picked,
    ("pick", "short"): _picked,
    ("pack", "close"): _packed,
    ("pack", "ship"): _packed,
    ("back", "customer"): _came_back,
    ("back", "supplier"): _went_away,
    ("back", "scrap"): _went_away,
}
