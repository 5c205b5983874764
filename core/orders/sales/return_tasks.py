"""The tasks to look at what customers sent back: which there are, what of their goods still waits,
and how they end. Judging itself is returns.py's.

Goods of receipts wait for their own inspection in the same quality status: they are not judged as
returns, whatever the lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from core.db import Tx
from core.orders import progress
from core.orders.lying import Goods, Part, amount, lying, parts_of, taken
from core.orders.measure import goods_named
from core.orders.sales import cards
from core.orders.sales.rules import shares
from core.people import Actor
from core.quantity import ONE, Micro, parse, plain
from core.tasks import board
from core.tasks.board import Filters
from core.tasks.policies import policy_of
from core.tasks.task import Task

KIND = "return_check"


@dataclass(frozen=True, slots=True)
class Look:
    """One live task, and what it asks to look at (base units)."""

    task: Task
    quantity: Micro
    serials: tuple[str, ...]


def looks(conn: Connection, goods: Goods, location_id: int) -> list[Look]:
    """The live tasks about these goods at this place, oldest first."""
    wanted = {"item_id": goods.item_id, "lot_id": goods.lot_id, "location_id": location_id}
    found: list[Look] = []
    cursor = ""
    while True:
        page = board.board(conn, Filters(kinds=(KIND,)), cursor, 200)
        found += [_look(view.task) for view in page.tasks if _is_about(view.task, wanted)]
        cursor = page.cursor
        if not cursor:
            return found[::-1]


def _is_about(task: Task, wanted: dict[str, int]) -> bool:
    return all(task.context[key] == value for key, value in wanted.items())


def _look(task: Task) -> Look:
    return Look(task, parse(str(task.context["quantity"])), tuple(task.context["serials"]))


def waiting(conn: Connection, goods: Goods) -> Micro:
    """How much of what waits in the warehouse to be looked at came back from customers."""
    inspected = sum(line.to_inspect for line in progress.open_lines(conn, goods))
    return max(0, amount(lying(conn, goods), "inspect") - inspected)


def parts(
    conn: Connection, goods: Goods, location_id: int, quantity: Micro, serials: tuple[str, ...]
) -> list[Part]:
    """Where to judge `quantity`: at its place first, then wherever it was moved aside to."""
    if serials:
        return parts_of(conn, goods, "inspect", serials)
    rows = sorted(lying(conn, goods), key=lambda each: each.location_id != location_id)
    return taken(rows, "inspect", quantity)[0]


def end(
    tx: Tx, actor: Actor, found: Sequence[Look], judged: tuple[Micro, tuple[str, ...]], said: str
) -> None:
    """`judged` (how much, which serials) of these was looked at: what is left is asked for anew."""
    quantity, serials = judged
    named = {each.task.id: tuple(c for c in serials if c in each.serials) for each in found}
    by_id = {each.task.id: each for each in found}
    mine = [(key, len(named[key]) * ONE if serials else by_id[key].quantity) for key in by_id]
    for key, part in shares(quantity, mine):
        look = by_id[key]
        board.settle_task(tx, actor, key, outcome={"judged_micro": part}, sentence=said)
        if part < look.quantity:
            rest = tuple(code for code in look.serials if code not in serials)
            _ask_for_rest(tx, actor, look.task, look.quantity - part, rest)


def _ask_for_rest(
    tx: Tx, actor: Actor, task: Task, quantity: Micro, serials: tuple[str, ...]
) -> None:
    about: dict[str, Any] = dict(task.context)
    context = about | {"quantity": plain(quantity), "serials": list(serials)}
    assert task.warehouse_id is not None, "goods come back to a warehouse"
    item_id, lot_id = int(about["item_id"]), int(about["lot_id"])
    goods = goods_named(tx.conn, item_id, quantity, task.warehouse_id, lot_id)
    key = task.subject.partition(":")[2]
    new = cards.return_task(policy_of(tx.conn, "inspect"), goods, key=key, context=context)
    sale_code = task.title.rpartition(" · ")[2]
    board.open_task(tx, actor, replace(new, title=f"{new.title} · {sale_code}"))
