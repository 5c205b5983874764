"""The tasks of a count follow from its lines: to count, to recount, to approve. No decisions."""

from __future__ import annotations

from core import catalog
from core.db import Tx
from core.orders.count_book import Count, count, gaps, lines_of
from core.orders.move_cards import count_task
from core.orders.tables import counts as table
from core.people import Actor
from core.tasks import board
from core.tasks.policies import policy_of

# kind → column that names its task, states of lines that need it, words when none is left
_KINDS = {
    "count": ("task_id", ("open", "counted", "conflict"), "已数完"),
    "recount": ("recount_task", ("recount",), "已复盘"),
    "count_approve": ("approve_task", ("recounted",), "差异已处理"),
}


def keep_tasks(tx: Tx, actor: Actor, count_id: str) -> None:
    """Open what is needed, settle what is not; a task that is answered stays answered."""
    found = count(tx.conn, count_id)
    states = [line.state for line in lines_of(tx.conn, count_id)]
    unfinished = any(state in ("open", "recount", "conflict") for state in states)
    for kind, (column, needed, words) in _KINDS.items():
        places = sum(state in needed for state in states)
        if kind == "count_approve" and unfinished:
            places = 0  # one request when everything else is counted, not one per place
        task_id: str = getattr(found, column)
        is_live = bool(task_id) and board.task(tx.conn, task_id).is_live
        if places and not is_live:
            new_id = _open(tx, actor, found, kind, places)
            tx.execute(table.update().where(table.c.id == count_id).values(**{column: new_id}))
        elif is_live and not places:
            outcome = {"count_id": count_id}
            board.settle_task(tx, actor, task_id, outcome=outcome, sentence=words)


def _open(tx: Tx, actor: Actor, found: Count, kind: str, places: int) -> str:
    warehouse = catalog.warehouse(tx.conn, found.warehouse_id)
    new = count_task(
        policy_of(tx.conn, "count"),
        kind=kind,
        count_id=found.id,
        code=found.code,
        places=places,
        where=(warehouse.id, warehouse.name),
        gaps=gaps(tx.conn, found.id) if kind == "count_approve" else (),
    )
    return board.open_task(tx, actor, new).id
