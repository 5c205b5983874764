"""What every step of a transfer keeps in step: its state, its tasks at both sides, its event."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, bindparam

from core import catalog, events
from core.db import Tx
from core.orders.tables import transfers as table
from core.orders.transfer_book import Transfer, transfer
from core.orders.transfer_task import task_of
from core.people import Actor
from core.quantity import Micro
from core.tasks import board

_SAVE = table.update().where(table.c.id == bindparam("transfer_"))


def transit_of(conn: Connection, made: Transfer) -> int:
    """The location id where goods on the way to the receiving warehouse stand."""
    code = catalog.warehouse(conn, made.to_warehouse).code
    return catalog.location_by_code(conn, f"{code}-TRANSIT").id


def state_of(made: Transfer, *, no_more: bool, over: bool = False) -> str:
    """Where a transfer stands by its lines and loads.

    `no_more`: the rest is not sent; `over`: nor does anything come that is on the road.
    """
    if not no_more and any(line.sent < line.quantity for line in made.lines):
        return "asked"
    if not made.loads:
        return "cancelled"
    if over:
        return "closed"
    return "sent" if made.is_on_the_road else "done"


def keep(
    tx: Tx,
    actor: Actor,
    before: Transfer,
    *,
    no_more: bool = False,
    over: bool = False,
    words: str = "",
) -> Transfer:
    """Bring state and tasks in step with lines and loads; the transfer as it stands then.

    `no_more`: the rest is not sent; `over`: nor does anything come that is on the road.
    Opens the task that is needed, settles the one that is not (`words`: why): who took the first
    lorry has answered, and the second one asks again.
    """
    now = transfer(tx.conn, before.id)
    state = state_of(now, no_more=no_more or before.state != "asked", over=over)
    after = replace(now, state=state)
    if before.state == "asked":
        task_id = _task(tx, actor, after, "send", words or "已发出")
        after = replace(after, send_task=task_id)
    task_id = _task(tx, actor, after, "receive", words or "已全部收到")
    after = replace(after, receive_task=task_id)
    if after != now:
        values = {name: getattr(after, name) for name in ("state", "send_task", "receive_task")}
        tx.execute(_SAVE, {"transfer_": after.id, **values})
    return after


def _task(tx: Tx, actor: Actor, made: Transfer, step: str, words: str) -> str:
    """The id of the task that asks for `step`, a new one where none lives but one is needed."""
    sending = step == "send"
    task_id = made.send_task if sending else made.receive_task
    needed = made.state == "asked" if sending else made.is_on_the_road
    if needed and not (task_id and board.task(tx.conn, task_id).is_live):
        return board.open_task(tx, actor, task_of(tx.conn, made, step)).id
    if task_id and not needed:
        outcome = {"state": made.state}
        board.settle_task(tx, actor, task_id, outcome=outcome, sentence=words)
    return task_id


def say(tx: Tx, actor: Actor, made: Transfer, verb: str, lines: list[tuple[int, Micro]]) -> None:
    """Note a step in the log: `lines` are (item id, micro)."""
    payload = {
        "code": made.code,
        "from_warehouse": made.from_warehouse,
        "to_warehouse": made.to_warehouse,
        "urgent": made.urgent,
        "lines": [list(line) for line in lines],
    }
    events.append(tx, f"transfer.{verb}", f"transfer:{made.id}", actor.label, payload)
