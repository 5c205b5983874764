"""Giving a count up: nothing more is posted, and nobody is asked any more.

What was applied before stays applied, and every line stays as it was found: it is evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import events
from core.db import Tx
from core.orders import count_rules, rules
from core.orders.count_book import Count, count
from core.orders.replay import run_once
from core.orders.tables import counts as table
from core.people import Actor, Thing, record, require
from core.tasks import board


@dataclass(frozen=True, slots=True)
class CancelCount:
    """Nobody counts this any more; everybody who was asked reads the reason."""

    op_id: str
    count_id: str
    reason: str


def cancel_count(tx: Tx, actor: Actor, ask: CancelCount) -> Count:
    """End an open count without posting anything, and its tasks with it.

    Raises:
        AppError: forbidden, wrong_state, reason_needed, not_found, key_reused.
    """
    found = count(tx.conn, ask.count_id)
    require(actor, "count", Thing("count", found.id, warehouse_id=found.warehouse_id))
    return run_once(tx, "count.cancel", ask, Count, lambda: _cancel(tx, actor, ask, found))


def _cancel(tx: Tx, actor: Actor, ask: CancelCount, found: Count) -> Count:
    count_rules.check_open(found.code, found.state, "再取消")
    reason = rules.require_reason(ask.reason, "取消盘点")
    tx.execute(table.update().where(table.c.id == found.id).values(state="cancelled"))
    why = f"盘点 {found.code} 取消：{reason}"[:400]
    for task_id in filter(None, (found.task_id, found.recount_task, found.approve_task)):
        board.cancel_task(tx, actor, task_id, why)
    payload = {"code": found.code, "warehouse_id": found.warehouse_id, "reason": reason}
    events.append(tx, "count.cancelled", f"count:{found.id}", actor.label, payload)
    before, after = {"state": found.state}, {"state": "cancelled"}
    record(tx, actor, "count", f"count:{found.id}", before=before, after=after, why=reason)
    return count(tx.conn, found.id)
