"""The buttons of goods in, of failed inspections, of transfers and counts: one function each."""

from __future__ import annotations

from core import catalog
from core.actions.doing import Doing
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import (
    closing,
    conflict,
    count,
    decision,
    inspection,
    progress,
    purchase,
    putaway,
    receipt,
    transfer,
)
from core.orders.measure import short_amount
from core.orders.transfer_serials import send_lines
from core.people import require
from core.quantity import Micro


def receive_rest(tx: Tx, doing: Doing) -> str:
    lots = {key.removeprefix("lot."): doing.text(key) for key in doing.inputs if key[:4] == "lot."}
    expiries = {
        key.removeprefix("expires."): doing.text(key)
        for key in doing.inputs
        if key.startswith("expires.")
    }
    ask = receipt.ReceiveRest(doing.op_id, doing.about("order_id"), lots, expiries)
    made = receipt.receive_rest(tx, doing.actor, ask)
    return f"已全部收货：{made.order_code} 共 {len(made.lines)} 行"


def close_short(tx: Tx, doing: Doing) -> str:
    reason = doing.text("reason") or "供应商不再交货"
    ask = closing.CloseShort(doing.op_id, doing.about("order_id"), reason)
    closing.close_short(tx, doing.actor, ask)
    return "剩下的不再收，已结案"


def confirm(tx: Tx, doing: Doing) -> str:
    promised = purchase.confirm(tx, doing.actor, doing.about("order_id"), doing.about("due_on"))
    return f"已确认 {promised.promised_on} 交货"


def propose(tx: Tx, doing: Doing) -> str:
    promised = purchase.confirm(tx, doing.actor, doing.about("order_id"), doing.text("date"))
    return f"已提出 {promised.promised_on} 交货，采购会看到"


def accept(tx: Tx, doing: Doing) -> str:
    line = progress.line(tx.conn, doing.about("receipt_line_id"))
    return _judge(tx, doing, line.to_inspect, 0)


def reject(tx: Tx, doing: Doing) -> str:
    line = progress.line(tx.conn, doing.about("receipt_line_id"))
    rejected = doing.quantity("rejected")
    if rejected is None:
        rejected = line.to_inspect
    return _judge(tx, doing, max(0, line.to_inspect - rejected), rejected)


def _judge(tx: Tx, doing: Doing, accepted: Micro, rejected: Micro) -> str:
    ask = inspection.Inspect(
        doing.op_id,
        doing.about("receipt_line_id"),
        accepted,
        rejected,
        reason=doing.text("reason"),
        checks=doing.checks(),
        photos=doing.photos(),
    )
    done = inspection.inspect(tx, doing.actor, ask)
    item = catalog.item(tx.conn, done.item_id)
    words = [
        f"{name} {short_amount(tx.conn, item, quantity)}"
        for name, quantity in (("合格", done.accepted), ("不合格", done.rejected))
        if quantity
    ]
    return f"{item.name} " + "，".join(words)


def put_away(tx: Tx, doing: Doing) -> str:
    line = progress.line(tx.conn, doing.about("receipt_line_id"))
    code = doing.text("bin") or doing.about("bin")
    if not code:
        raise AppError(INVALID, field="库位", why="没有建议库位，请填一个")
    to = catalog.location_by_code(tx.conn, code).id
    return putaway.put_away_rest(tx, doing.actor, doing.op_id, line, to)


# -- failed inspections ------------------------------------------------------------------------
def decide(tx: Tx, doing: Doing) -> str:
    failed = doing.about("inspection_id")
    # One tap in chat is a decision on what the inspection found.
    found = inspection.inspection(tx.conn, failed).reason
    reason = doing.text("reason") or f"依据质检结论：{found}"
    ask = decision.Decide(doing.op_id, failed, doing.action, reason)
    return decision.decide(tx, doing.actor, ask).sentence


def answer(tx: Tx, doing: Doing) -> str:
    if "supplier" in doing.actor.roles:
        require(doing.actor, "portal.answer", doing.task.thing)
    said = decision.Answer(
        doing.about("inspection_id"), doing.action, doing.text("reason"), doing.photos()
    )
    return decision.answer(tx, doing.actor, said)


# -- transfers and counts ----------------------------------------------------------------------
def send(tx: Tx, doing: Doing) -> str:
    made = transfer.transfer(tx.conn, doing.about("transfer_id"))
    lines = send_lines(tx.conn, made, doing.text("serials").split())
    if lines:  # the pieces that are named one by one, then whatever else is wanted
        named = transfer.SendTransfer(f"{doing.op_id}:serials", made.id, lines)
        made = transfer.send_transfer(tx, doing.actor, named)
    if made.state == "asked" or not lines:
        rest = transfer.SendTransfer(doing.op_id, made.id)
        made = transfer.send_transfer(tx, doing.actor, rest)
    return f"{made.code} 已发出，对方等收"


def take(tx: Tx, doing: Doing) -> str:
    ask = transfer.ReceiveTransfer(doing.op_id, doing.about("transfer_id"))
    made = transfer.receive_transfer(tx, doing.actor, ask)
    if made.is_on_the_road:
        return f"{made.code} 在途账上有的已收下，还有没到的：到了再收，不会来了就结案"
    return f"{made.code} 已全部收到"


def send_no_more(tx: Tx, doing: Doing) -> str:
    return _give_up(tx, doing, lost=False)


def will_not_come(tx: Tx, doing: Doing) -> str:
    return _give_up(tx, doing, lost=True)


def _give_up(tx: Tx, doing: Doing, *, lost: bool) -> str:
    about, reason = doing.about("transfer_id"), doing.text("reason")
    ask = transfer.CloseTransfer(doing.op_id, about, reason, lost=lost)
    closed = transfer.close_transfer(tx, doing.actor, ask)
    words = [f"{closed.code} 剩下的{'不来了' if lost else '不发了'}，已结案"]
    words += ["丢的已核销"] if closed.written_off else []
    words += ["路上的到了再收"] if closed.state == "sent" else []
    return "，".join(words)


def finish(tx: Tx, doing: Doing) -> str:
    done = count.finish(tx, doing.actor, count.FinishCount(doing.op_id, doing.about("count_id")))
    return _counted(done)


def approve(tx: Tx, doing: Doing) -> str:
    reason = doing.text("reason") or "已换人复盘"
    ask = count.FinishCount(doing.op_id, doing.about("count_id"), reason)
    return _counted(count.approve(tx, doing.actor, ask))


def _counted(done: count.Finished) -> str:
    words = f"入账 {done.applied} 格，相符 {done.same} 格"
    if done.waiting_approval:
        words += f"，{done.waiting_approval} 格等批准"
    return words + "".join(f"。{each.rstrip('。')}" for each in done.conflicts)


def send_back(tx: Tx, doing: Doing) -> str:
    reason = doing.text("reason") or "请再数一遍"
    ask = count.SendBack(doing.op_id, doing.about("count_id"), reason)
    return f"{count.send_back(tx, doing.actor, ask).recount} 格退回重盘"


def cancel_count(tx: Tx, doing: Doing) -> str:
    ask = count.CancelCount(doing.op_id, doing.about("count_id"), doing.text("reason"))
    return f"盘点 {count.cancel_count(tx, doing.actor, ask).code} 已取消，账没有动"


def settle_conflict(tx: Tx, doing: Doing) -> str:
    mine, about = doing.action == "mine", doing.task.context
    return conflict.settle_conflict(tx, doing.actor, doing.op_id, about, mine=mine)
