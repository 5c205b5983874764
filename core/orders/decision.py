"""The buyer's decision on a failed inspection: return to the supplier, accept anyway, or scrap.

A decision about a wholly held lot covers all of it: stock in bins, later arrivals that landed in
hold, and other failed inspections of the same lot. A decision about part of a line finds its goods
in their warehouse, wherever they were moved aside to; what was taken away is decided all the same.
Legal's and the supplier's answers are only recorded here; they decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from core import catalog, events
from core.db import Tx
from core.errors import AppError
from core.orders import dock, progress, rules
from core.orders.inspection import Inspection, inspection, of_row
from core.orders.lying import Goods, Part, lying, parts_of, taken
from core.orders.measure import dock_of, short_amount
from core.orders.progress import ReceiptLine
from core.orders.qc_cards import CLAIM_ANSWERS, DECISIONS, LEGAL_ANSWERS
from core.orders.replay import post_new, run_once
from core.orders.tables import inspections as table
from core.people import ENGINE, Actor, Thing, record, require
from core.quantity import Micro
from core.stock import BalanceRow, Line, Posting, on_hand, release_lot, serials_of
from core.tasks import board, talk

MOST_PLACES = 2_001  # one more than a posting takes: too many are refused, never cut off
MOST_SERIALS = 5_000
# Goods that a sale or a transfer answers for: gone from there, its paper would be wrong for ever.
SPOKEN_FOR = frozenset({"stage", "transit"})


@dataclass(frozen=True, slots=True)
class Decide:
    """`decision`: return, concession or scrap; a reason is required for each."""

    op_id: str
    inspection_id: str
    decision: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided and how much moved (base units)."""

    inspection_id: str
    decision: str
    quantity: Micro
    sentence: str


def decide(tx: Tx, actor: Actor, ask: Decide) -> Decided:
    """Decide a failed inspection once and for all, and move the goods accordingly.

    Raises:
        AppError: forbidden, unknown_choice, reason_needed, already_decided, held_elsewhere,
            key_reused, or a refusal of the ledger.
    """
    failed = inspection(tx.conn, ask.inspection_id)
    require(actor, "decide", Thing("inspection", failed.id, warehouse_id=failed.warehouse_id))
    return run_once(tx, "decide", ask, Decided, lambda: _decide(tx, actor, ask, failed))


def _decide(tx: Tx, actor: Actor, ask: Decide, failed: Inspection) -> Decided:
    word = DECISIONS.get(ask.decision)
    if word is None:
        choices = "、".join(DECISIONS.values())
        raise AppError(
            rules.UNKNOWN_CHOICE, given=ask.decision[:40], what="处理方式", choices=choices
        )
    reason = rules.require_reason(ask.reason, word)
    if failed.state != "failed":
        raise AppError(rules.ALREADY_DECIDED, decision=DECISIONS.get(failed.decision, "合格"))
    covered = _covered(tx.conn, failed)
    held = _held(tx.conn, failed)
    quantity = _move(tx, actor, replace(ask, reason=reason), failed, held)
    _keep_paper(tx, actor, ask.decision, failed, quantity)
    values = {
        "state": "decided",
        "decision": ask.decision,
        "decision_reason": reason,
        "decided_by": actor.person_id,
        "decided_at": tx.now,
    }
    tx.execute(table.update().where(table.c.id.in_([each.id for each in covered])), values)
    item = catalog.item(tx.conn, failed.item_id)
    sentence = f"{word} · {item.name} {short_amount(tx.conn, item, quantity)}"
    gone = 0 if failed.whole_lot else failed.rejected - quantity
    if gone:
        sentence += f"，另有 {short_amount(tx.conn, item, gone)} 已不在库"
    stays = sum(row.on_hand for row in held if row.location_kind in SPOKEN_FOR)
    if stays and ask.decision != "concession":
        amount = short_amount(tx.conn, item, stays)
        sentence += f"，另有 {amount} 在出货区或在途，仍冻结"
    _end_tasks(tx, actor, covered, ask.decision, sentence)
    _say(tx, actor, ask, failed, quantity)
    return Decided(failed.id, ask.decision, quantity, sentence)


def _covered(conn: Connection, failed: Inspection) -> list[Inspection]:
    """This inspection, and every undecided one of the same lot when the whole lot is held."""
    if not failed.whole_lot:
        return [failed]
    query = (
        select(table)
        .where(
            table.c.item_id == failed.item_id,
            table.c.lot_id == failed.lot_id,
            table.c.state == "failed",
        )
        .order_by(table.c.id)
        .limit(500)
    )
    return [of_row(row) for row in conn.execute(query)]


def _held(conn: Connection, failed: Inspection) -> list[BalanceRow]:
    """Where a lot lies that is held as a whole."""
    if not failed.whole_lot:
        return []
    rows = on_hand(conn, failed.item_id, lot_id=failed.lot_id, limit=MOST_PLACES)
    return [r for r in rows if r.status == "hold" and r.location_kind != "scrap" and r.on_hand > 0]


def _move(
    tx: Tx, actor: Actor, ask: Decide, failed: Inspection, held: Sequence[BalanceRow]
) -> Micro:
    """Post the goods away from hold; how much moved (0: none of them is there any more)."""
    if ask.decision == "concession" and failed.whole_lot:
        return release_lot(tx, actor, failed.lot_id, f"{ask.op_id}:release", ask.reason).quantity
    lines = tuple(_lines(tx.conn, ask.decision, failed, held))
    if not lines and held:
        places = "、".join(sorted({row.location_code for row in held}))
        raise AppError(rules.HELD_ELSEWHERE, places=places[:100])
    if not lines:
        return 0
    kind = {"return": "return", "scrap": "scrap", "concession": "release"}[ask.decision]
    doc = f"inspection:{failed.id}"
    post_new(tx, actor, Posting(f"{ask.op_id}:{kind}", kind, lines, doc=doc, reason=ask.reason))
    return sum(line.quantity for line in lines)


def _lines(
    conn: Connection, decision: str, failed: Inspection, held: Sequence[BalanceRow]
) -> Iterable[Line]:
    if not failed.whole_lot:
        for place, quantity, named in _rejected(conn, failed):
            target, status = _target(conn, decision, place)
            yield Line(
                failed.item_id,
                quantity,
                place,
                target,
                lot_id=failed.lot_id,
                from_status="hold",
                to_status=status,
                serials=named,
            )
        return
    for row in held:
        if row.location_kind not in SPOKEN_FOR:
            target, status = _target(conn, decision, row.location_id)
            yield Line(
                row.item_id,
                row.on_hand,
                row.location_id,
                target,
                lot_id=row.lot_id,
                from_status="hold",
                to_status=status,
                owner_id=row.owner_id,
                serials=_serials_in(conn, row),
            )


def _rejected(conn: Connection, failed: Inspection) -> list[Part]:
    """Where the rejected goods of one inspection lie: on the dock, or moved aside."""
    goods = Goods(failed.warehouse_id, failed.item_id, failed.lot_id)
    left = min(failed.rejected, progress.line(conn, failed.receipt_line_id).held)
    if failed.rejected_serials:
        found = parts_of(conn, goods, "hold", failed.rejected_serials)
    else:
        found, _ = taken(lying(conn, goods), "hold", left)
    lacks = left - sum(quantity for _, quantity, _ in found)
    if lacks > 0:  # the paper knows nothing of it: for the ledger to refuse, with figures
        found.append((dock_of(conn, failed.warehouse_id), lacks, ()))
    return found


def _target(conn: Connection, decision: str, here: int) -> tuple[int, str]:
    """(location, status) where goods in hold at `here` go."""
    if decision == "return":
        return catalog.location_by_code(conn, "SUPPLIER").id, "ok"
    if decision == "scrap":
        return catalog.location_by_code(conn, "SCRAP").id, "rejected"
    return here, "ok"


def _serials_in(conn: Connection, row: BalanceRow) -> tuple[str, ...]:
    found = serials_of(conn, row.item_id, row.location_id, limit=MOST_SERIALS)
    same = (row.lot_id, row.status, row.owner_id)
    return tuple(each.code for each in found if (each.lot_id, each.status, each.owner_id) == same)


def _keep_paper(tx: Tx, actor: Actor, decision: str, failed: Inspection, moved: Micro) -> None:
    """Bring the received lines in step: what was held is decided now."""
    if failed.whole_lot:
        lines = progress.lines_of_lot(tx.conn, failed.item_id, failed.lot_id)
        freed = [(line, line.held, line.held) for line in lines if line.held]
    else:
        line = progress.line(tx.conn, failed.receipt_line_id)
        freed = [(line, min(line.held, failed.rejected), min(line.held, moved))]
    for line, quantity, good in freed:
        if decision != "concession":
            progress.save(tx, line, held=line.held - quantity)
            continue
        after = progress.save(
            tx,
            line,
            held=line.held - quantity,
            rejected=line.rejected - good,
            accepted=line.accepted + good,
        )
        progress.settle_inspected(tx, actor, after, "让步接收")
    if decision == "concession":
        _shelve_the_rest(tx, actor, [line for line, *_ in freed])


def _shelve_the_rest(tx: Tx, actor: Actor, lines: Sequence[ReceiptLine]) -> None:
    """What was moved aside is on a shelf already; what is on the dock waits for one."""
    touched = [Goods(each.warehouse_id, each.item_id, each.lot_id) for each in lines]
    for goods in dict.fromkeys(touched):
        dock.settle(tx, actor, goods)
    for each in lines:
        progress.open_due_tasks(tx, actor, progress.line(tx.conn, each.id))


def _end_tasks(
    tx: Tx, actor: Actor, covered: list[Inspection], decision: str, sentence: str
) -> None:
    """The buyer's task is done; after a concession nobody needs legal or the supplier any more."""
    for each in covered:
        mine, *siblings = each.tasks
        outcome = {"decision": decision}
        board.settle_task(tx, actor, mine, outcome=outcome, sentence=sentence)
        if decision == "concession":
            for task_id in siblings:
                board.cancel_task(tx, actor, task_id, "已让步接收，不再追究")


def _say(tx: Tx, actor: Actor, ask: Decide, failed: Inspection, quantity: Micro) -> None:
    payload = {
        "decision": ask.decision,
        "reason": ask.reason,
        "item_id": failed.item_id,
        "lot_id": failed.lot_id,
        "supplier_id": failed.supplier_id,
        "warehouse_id": failed.warehouse_id,
        "quantity_micro": quantity,
        "whole_lot": failed.whole_lot,
    }
    events.append(tx, "inspection.decided", f"inspection:{failed.id}", actor.label, payload)
    after = {"decision": ask.decision, "whole_lot": failed.whole_lot}
    record(tx, actor, "decide", f"inspection:{failed.id}", after=after, why=ask.reason)


@dataclass(frozen=True, slots=True)
class Answer:
    """What legal (`keep_claim`, `no_claim`) or the supplier (`accept`, `dispute`) says."""

    inspection_id: str
    answer: str
    reason: str
    photos: tuple[str, ...] = ()


def answer(tx: Tx, actor: Actor, said: Answer) -> str:
    """Record an answer beside the inspection, under the task of whoever decides; its words.

    Permission is the task's: only the people it was given to reach this verb (core/actions).
    """
    failed = inspection(tx.conn, said.inspection_id)
    word = (LEGAL_ANSWERS | CLAIM_ANSWERS)[said.answer]
    payload = {
        "answer": said.answer,
        "reason": said.reason,
        "photos": list(said.photos),
        "supplier_id": failed.supplier_id,
        "name": actor.name,
    }
    events.append(tx, "inspection.answered", f"inspection:{failed.id}", actor.label, payload)
    sentence = f"{word}：{said.reason}" if said.reason else word
    talk.comment(tx, ENGINE, failed.tasks[0], f"{actor.name} {sentence}"[: talk.LONGEST])
    for photo in said.photos:
        talk.attach(tx, ENGINE, failed.tasks[0], photo, note=word)
    return sentence
