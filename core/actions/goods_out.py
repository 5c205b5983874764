"""The buttons of goods out: one function each."""

from __future__ import annotations

from core import catalog
from core.actions.doing import Doing
from core.db import Tx
from core.orders import rules
from core.orders.sales import (
    book,
    faces,
    no_refill,
    pack,
    pick,
    putback,
    returns,
    rush,
    ship,
    shortage,
)
from core.quantity import parse


def pick_rest(tx: Tx, doing: Doing) -> str:
    return pick.pick_rest(
        tx, doing.actor, pick.PickRest(doing.op_id, doing.about("wave_id"))
    ).sentence


def pack_rest(tx: Tx, doing: Doing) -> str:
    done = pack.pack_rest(tx, doing.actor, pack.PackRest(doing.op_id, doing.about("sale_id")))
    return f"装好 {len(done.boxes)} 箱：" + "、".join(box.code for box in done.boxes)


def hand_over(tx: Tx, doing: Doing) -> str:
    ask = ship.Ship(doing.op_id, doing.about("sale_id"), tracking=doing.text("tracking"))
    return f"{ship.ship(tx, doing.actor, ask).boxes} 箱已交接"


def cut(tx: Tx, doing: Doing) -> str:
    line = book.line_of(tx.conn, doing.about("sale_line_id"))
    reason = doing.text("reason") or "客户同意少发"
    ask = shortage.CutLine(doing.op_id, line.sale_id, line.id, reason)
    return shortage.cut_line(tx, doing.actor, ask).sentence


def substitute(tx: Tx, doing: Doing) -> str:
    line = book.line_of(tx.conn, doing.about("sale_line_id"))
    other = catalog.item_by_code(tx.conn, doing.text("other"))
    ask = shortage.Replace(doing.op_id, line.sale_id, line.id, other.id)
    return shortage.replace(tx, doing.actor, ask).sentence


def wait(_tx: Tx, doing: Doing) -> str:
    when = doing.text("date")
    return f"等到货再发，预计 {rules.check_date(when, '预计到货日')}" if when else "等到货再发"


def replenish(tx: Tx, doing: Doing) -> str:
    ask = faces.Replenish(doing.op_id, *_promise(doing))
    return faces.replenish(tx, doing.actor, ask).sentence


def none_left(tx: Tx, doing: Doing) -> str:
    ask = no_refill.NotRefilled(doing.op_id, *_promise(doing), doing.text("reason"))
    return no_refill.not_refilled(tx, doing.actor, ask).sentence


def _promise(doing: Doing) -> tuple[int, int, int]:
    """The face, its item, and what was promised to it."""
    about = doing.about
    return int(about("location_id")), int(about("item_id")), int(about("reservation_id"))


def put_back(tx: Tx, doing: Doing) -> str:
    ask = putback.PutBack(doing.op_id, doing.about("sale_id"))
    return putback.put_back(tx, doing.actor, ask).sentence


def judge_return(tx: Tx, doing: Doing) -> str:
    about = doing.task.context
    ask = returns.Judge(
        doing.op_id,
        int(about["item_id"]),
        int(about["lot_id"]),
        int(about["location_id"]),
        parse(str(about["quantity"])),
        doing.action == "good",
        doing.text("reason"),
        tuple(about["serials"]),
    )
    return returns.judge_task(tx, doing.actor, ask)


def rush_stock(tx: Tx, doing: Doing) -> str:
    can = doing.action == "confirm"
    why = doing.text("reason")
    return rush.answer_stock(tx, doing.actor, doing.about("sale_id"), can=can, reason=why)


def rush_terms(tx: Tx, doing: Doing) -> str:
    agrees = doing.action == "agree"
    why = doing.text("reason")
    return rush.answer_terms(tx, doing.actor, doing.about("sale_id"), agrees=agrees, reason=why)
