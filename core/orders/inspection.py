"""Inspection: part accepted, part rejected; a rejection holds the stock in the same transaction.

A wholly rejected line holds its lot everywhere and suspends the lot's inbound (mission B5). What
then becomes of the goods is the buyer's decision (decision.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core import catalog, events
from core.catalog import Item
from core.db import Tx
from core.errors import NOT_FOUND, AppError
from core.orders import dock, progress, qc_cards, replay, rules
from core.orders.lying import Goods, Part, ask_for, lying, parts_of, taken
from core.orders.measure import ask_for_dock, base_quantity, dock_of, goods_named, short_amount
from core.orders.order_book import Order, order, order_line
from core.orders.progress import ReceiptLine
from core.orders.purchase import supplier_people
from core.orders.replay import post_new, run_once
from core.orders.tables import inspections as table
from core.people import ENGINE, Actor, Thing, require
from core.quantity import ONE, Micro, check_positive, show
from core.stock import Line, Posting, hold_lot
from core.tasks import board, talk
from core.tasks.policies import policy_of


@dataclass(frozen=True, slots=True)
class Inspect:
    """`accepted` + `rejected` ≤ what waits on the line; `checks`: key → answer as a string."""

    op_id: str
    receipt_line_id: str
    accepted: Micro
    rejected: Micro
    reason: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    photos: tuple[str, ...] = ()
    rejected_serials: tuple[str, ...] = ()
    pack_id: int | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """`tasks` are the ids of the tasks a rejection opened, `whole_lot` if the lot was held."""

    id: str
    receipt_line_id: str
    order_id: str
    warehouse_id: int
    item_id: int
    lot_id: int
    supplier_id: int
    accepted: Micro
    rejected: Micro
    reason: str
    state: str  # passed failed decided
    whole_lot: bool
    decision: str = ""
    decision_reason: str = ""
    checks: dict[str, Any] = field(default_factory=dict)
    photos: tuple[str, ...] = ()
    rejected_serials: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()  # qc_decide, qc_legal, qc_claim


QC_POLICY = "qc_failed_natural"  # 48 hours on the wall clock, then the director, once

_ONE = select(table).where(table.c.id == bindparam("inspection")).limit(1)


def inspect(tx: Tx, actor: Actor, ask: Inspect) -> Inspection:
    """Judge what waits on one received line, wholly or in part.

    Raises:
        AppError: forbidden, too_much_inspected, reason_needed, check_missing, check_failed,
            serials_differ, bad_quantity, not_whole, key_reused, or a refusal of the ledger.
    """
    replay.ask_ahead(tx, "inspect", ask)
    line = progress.line(tx.conn, ask.receipt_line_id)
    require(actor, "inspect", Thing("receipt_line", line.id, warehouse_id=line.warehouse_id))
    return run_once(tx, "inspect", ask, Inspection, lambda: inspect_now(tx, actor, ask, line))


@dataclass(frozen=True, slots=True)
class _Judged:
    """The judgement in base units, checked, with what it is about."""

    id: str
    ask: Inspect
    order: Order
    line: ReceiptLine
    item: Item
    accepted: Micro
    rejected: Micro
    reason: str
    good_serials: tuple[str, ...]
    bad_serials: tuple[str, ...]


def inspect_now(
    tx: Tx, actor: Actor, ask: Inspect, line: ReceiptLine, *, open_tasks: bool = True
) -> Inspection:
    """`inspect` for a verb that is itself done once and has asked for permission.

    `line`: what it is about, as it stands now. `open_tasks` False: the caller sees to what then
    waits on the line.
    """
    catalog.ask_ahead(tx.conn, (line.item_id,), warehouse_id=line.warehouse_id)
    if open_tasks:
        progress.ask_ahead(tx.conn)
    goods = Goods(line.warehouse_id, line.item_id, line.lot_id)
    ask_for(tx.conn, goods)
    judged = _judge(tx, ask, line)
    aside = _post(tx, actor, judged, goods)
    after = progress.save(
        tx,
        line,
        to_inspect=line.to_inspect - judged.accepted - judged.rejected,
        accepted=line.accepted + judged.accepted,
        rejected=line.rejected + judged.rejected,
        held=line.held + judged.rejected,
    )
    whole = bool(line.lot_id) and judged.rejected > 0
    whole = whole and after.accepted == 0 and after.to_inspect == 0
    _write(tx, actor, judged, whole)
    if whole:
        hold_lot(tx, actor, line.lot_id, f"{ask.op_id}:hold", judged.reason)
        others = progress.lines_of_lot(tx.conn, line.item_id, line.lot_id)
        progress.hold_back(
            tx, actor, [each for each in others if each.id != line.id], "整个批次已冻结，等采购定"
        )
    if aside and judged.accepted:
        dock.settle(tx, actor, goods)
        after = progress.line(tx.conn, line.id)
    after = progress.settle_inspected(tx, actor, after, _sentence(tx, judged))
    if open_tasks:
        progress.open_due_tasks(tx, actor, after)
    if judged.rejected:
        _open_failure_tasks(tx, actor, judged, whole)
    _say(tx, actor, judged, whole)
    return inspection(tx.conn, judged.id)


def _judge(tx: Tx, ask: Inspect, line: ReceiptLine) -> _Judged:
    conn = tx.conn
    ordered = order_line(conn, line.order_line_id)
    ask_for_dock(conn, line.warehouse_id)
    made = order(conn, ordered.order_id)
    item = catalog.item(conn, line.item_id)
    accepted = base_quantity(conn, item, ask.accepted, ask.pack_id, zero=True)
    rejected = base_quantity(conn, item, ask.rejected, ask.pack_id, zero=True)
    check_positive(accepted + rejected)
    if accepted + rejected > line.to_inspect:
        raise AppError(
            rules.TOO_MUCH_INSPECTED,
            waiting=f"{show(line.to_inspect)} {item.unit}",
            asked=f"{show(accepted + rejected)} {item.unit}",
        )
    reason = rules.require_reason(ask.reason, "判不合格") if rejected else ask.reason.strip()[:400]
    if accepted:  # goods refused at first sight need no filled-in list
        failed = rules.failed_checks(item.checklist, ask.checks)
        if failed and not rejected:
            raise AppError(rules.CHECK_FAILED, label=failed[0][0], why=failed[0][1])
    whole = accepted + rejected == line.to_inspect
    here = _waiting_serials(tx, line)
    bad = _bad_serials(here, item, ask, rejected, whole=whole)
    good = tuple(code for code in here if code not in set(bad))
    return _Judged(tx.new_id(), ask, made, line, item, accepted, rejected, reason, good, bad)


def _waiting_serials(tx: Tx, line: ReceiptLine) -> tuple[str, ...]:
    """All that came, unless some of them were taken away before anybody looked."""
    if not line.serials or line.to_inspect == line.quantity:
        return line.serials
    goods = Goods(line.warehouse_id, line.item_id, line.lot_id)
    here = parts_of(tx.conn, goods, "inspect", line.serials)
    return tuple(code for _, _, named in here for code in named)


def _bad_serials(
    here: tuple[str, ...], item: Item, ask: Inspect, rejected: Micro, *, whole: bool
) -> tuple[str, ...]:
    """The rejected serials; an item kept by serial is judged whole, so the good ones are known."""
    if item.tracking != "serial":
        return ()
    bad = ask.rejected_serials
    if rejected == len(here) * ONE and not bad:
        bad = here
    differs = len(set(bad)) * ONE != rejected or not set(bad) <= set(here)
    if differs or not whole:
        raise AppError(rules.SERIALS_DIFFER, asked=show(rejected), given=len(bad))
    return bad


def _post(tx: Tx, actor: Actor, judged: _Judged, goods: Goods) -> bool:
    """Post the judgement where the goods lie; True when some of them were moved aside before."""
    dock_id = dock_of(tx.conn, goods.warehouse_id)
    lines: list[Line] = []
    rows = lying(tx.conn, goods)
    for quantity, status, serials in (
        (judged.accepted, "ok", judged.good_serials),
        (judged.rejected, "hold", judged.bad_serials),
    ):
        if not quantity:
            continue
        if serials:
            found = parts_of(tx.conn, goods, "inspect", serials)
        else:
            found, rows = taken(rows, "inspect", quantity)
        lacks = quantity - sum(much for _, much, _ in found)
        if lacks:  # for the ledger to refuse, with figures
            found.append((dock_id, lacks, ()))
        lines += [_became(judged.line, part, status) for part in found]
    op_id, doc = f"{judged.ask.op_id}:inspect", f"inspection:{judged.id}"
    post_new(tx, actor, Posting(op_id, "inspect", tuple(lines), doc=doc, reason=judged.reason))
    return any(line.from_location != dock_id for line in lines)


def _became(line: ReceiptLine, part: Part, status: str) -> Line:
    place, quantity, serials = part
    return Line(
        line.item_id,
        quantity,
        place,
        place,
        lot_id=line.lot_id,
        from_status="inspect",
        to_status=status,
        serials=serials,
    )


def _write(tx: Tx, actor: Actor, judged: _Judged, whole: bool) -> None:
    line, ask, made = judged.line, judged.ask, judged.order
    values = {
        "id": judged.id,
        "op_id": ask.op_id,
        "receipt_line_id": line.id,
        "order_id": made.id,
        "warehouse_id": line.warehouse_id,
        "item_id": line.item_id,
        "lot_id": line.lot_id,
        "supplier_id": made.supplier_id,
        "accepted": judged.accepted,
        "rejected": judged.rejected,
        "reason": judged.reason,
        "checks": dict(ask.checks),
        "photos": list(ask.photos),
        "rejected_serials": list(judged.bad_serials),
        "whole_lot": whole,
        "state": "failed" if judged.rejected else "passed",
        "inspected_by": actor.person_id,
        "inspected_at": tx.now,
    }
    tx.add(table, values)


def _sentence(tx: Tx, judged: _Judged) -> str:
    said = []
    if judged.accepted:
        said.append(f"合格 {short_amount(tx.conn, judged.item, judged.accepted)}")
    if judged.rejected:
        said.append(f"不合格 {short_amount(tx.conn, judged.item, judged.rejected)}")
    return "，".join(said)


def _open_failure_tasks(tx: Tx, actor: Actor, judged: _Judged, whole: bool) -> None:
    """Buyer, legal and the supplier each get a task, in one group, in this transaction."""
    line, made = judged.line, judged.order
    goods = goods_named(tx.conn, line.item_id, judged.rejected, line.warehouse_id, line.lot_id)
    failure = qc_cards.Failure(
        judged.id,
        goods,
        made.supplier_name,
        made.supplier_id,
        judged.reason,
        whole,
        made.code,
        judged.ask.photos,
    )
    policy = policy_of(tx.conn, QC_POLICY)
    supplier = supplier_people(tx.conn, made.supplier_id) or (f"person:{made.buyer_id}",)
    opened = [
        board.open_task(tx, actor, new).id
        for new in (
            qc_cards.decide_task(policy, failure, made.buyer_id),
            qc_cards.legal_task(policy, failure),
            qc_cards.claim_task(policy, failure, supplier),
        )
    ]
    for task_id in opened:
        for photo in failure.photos:
            talk.attach(tx, ENGINE, task_id, photo, note=judged.reason)
    tx.execute(table.update().where(table.c.id == judged.id).values(tasks=opened))


def _say(tx: Tx, actor: Actor, judged: _Judged, whole: bool) -> None:
    line, made = judged.line, judged.order
    events.append(
        tx,
        "inspection.failed" if judged.rejected else "inspection.passed",
        f"inspection:{judged.id}",
        actor.label,
        {
            "receipt_line": line.id,
            "order": made.id,
            "order_code": made.code,
            "supplier_id": made.supplier_id,
            "warehouse_id": line.warehouse_id,
            "item_id": line.item_id,
            "lot_id": line.lot_id,
            "accepted_micro": judged.accepted,
            "rejected_micro": judged.rejected,
            "reason": judged.reason,
            "whole_lot": whole,
        },
    )


def inspection(conn: Connection, inspection_id: str) -> Inspection:
    """One inspection as it stands. Raises AppError(not_found)."""
    row = conn.execute(_ONE, {"inspection": inspection_id}).first()
    if row is None:
        raise AppError(NOT_FOUND, what="质检单", name=inspection_id)
    return of_row(row)


def of_row(row: Any) -> Inspection:
    """An `Inspection` from one row of its table."""
    return Inspection(
        id=row.id,
        receipt_line_id=row.receipt_line_id,
        order_id=row.order_id,
        warehouse_id=row.warehouse_id,
        item_id=row.item_id,
        lot_id=row.lot_id,
        supplier_id=row.supplier_id,
        accepted=row.accepted,
        rejected=row.rejected,
        reason=row.reason,
        state=row.state,
        whole_lot=row.whole_lot,
        decision=row.decision,
        decision_reason=row.decision_reason,
        checks=row.checks,
        photos=tuple(row.photos),
        rejected_serials=tuple(row.rejected_serials),
        tasks=tuple(row.tasks),
    )
