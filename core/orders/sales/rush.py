"""The rush order: one command, three tasks at once on one board (mission B6).

The buyer confirms the stock within half an hour (and gets a card for each line that is short, with
what could go instead); the warehouse gets a walk of its own, before all others; finance sees what
the changed payment term does to the cash. They are siblings: one climbs, all are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from core import catalog, events
from core.clock import to_datetime
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import rules as papers
from core.orders.measure import goods_named, short_amount
from core.orders.replay import run_once
from core.orders.sales import cards, rules, shortage_task
from core.orders.sales.book import Sale, sale
from core.orders.sales.order import NewSale, NewSaleLine, create_now
from core.orders.sales.wave import Release, promised_to, release_now
from core.outbox.card import Fact
from core.people import Actor, Thing, require
from core.quantity import Micro, show
from core.tasks import board
from core.tasks.policies import policy_of

LONGEST_TERM = 366


@dataclass(frozen=True, slots=True)
class Rush:
    """As `NewSale`; `terms_before` and `terms_after` are days until the customer pays."""

    op_id: str
    code: str
    customer_id: int
    warehouse_id: int
    lines: tuple[NewSaleLine, ...]
    ship_on: str
    seller_id: int
    carrier: str = ""
    note: str = ""
    terms_before: int = 0
    terms_after: int = 0


@dataclass(frozen=True, slots=True)
class Rushed:
    """The order, its walk ("" when nothing is there to pick), and the tasks that were opened."""

    sale_id: str
    code: str
    wave_id: str
    tasks: tuple[str, ...]
    amount_micro: Micro
    sentence: str


def rush(tx: Tx, actor: Actor, ask: Rush) -> Rushed:
    """Take a rush order.

    Raises:
        AppError: invalid (a term), and whatever `create_sale` refuses.
    """
    require(actor, "sale.write", Thing("sale", warehouse_id=ask.warehouse_id))
    return run_once(tx, "sale.rush", ask, Rushed, lambda: _rush(tx, actor, ask))


def _rush(tx: Tx, actor: Actor, ask: Rush) -> Rushed:
    for term in (ask.terms_before, ask.terms_after):
        if not 0 <= term <= LONGEST_TERM:
            raise AppError(INVALID, field="账期", why=f"应在 0–{LONGEST_TERM} 天之间")
    made = create_now(tx, actor, _urgent(ask), ask_buyer=False)
    group = f"rush:{made.id}"
    tasks = [_ask_buyer(tx, actor, made, group)]
    tasks += _shortages(tx, actor, made)
    wave_id = _walk(tx, actor, made, ask.op_id)
    if wave_id:
        tasks.append(_task_of(tx, wave_id))
    tasks.append(_ask_finance(tx, actor, made, ask, group))
    payload = {"code": made.code, "tasks": tasks, "wave": wave_id}
    events.append(tx, "sale.rushed", f"sale:{made.id}", actor.label, payload)
    words = f"急单 {made.code} 已下，{len(tasks)} 件事同时在办"
    return Rushed(made.id, made.code, wave_id, tuple(tasks), amount_of(made), words)


def _urgent(ask: Rush) -> NewSale:
    return NewSale(
        ask.op_id,
        ask.code,
        ask.customer_id,
        ask.warehouse_id,
        ask.lines,
        ask.ship_on,
        ask.seller_id,
        carrier=ask.carrier,
        urgent=True,
        note=ask.note,
    )


def _ask_buyer(tx: Tx, actor: Actor, made: Sale, group: str) -> str:
    stock = tuple(_line_fact(tx, made, number) for number in range(min(4, len(made.lines))))
    new = cards.rush_stock_task(
        policy_of(tx.conn, "rush_stock"),
        goods_named(tx.conn, made.lines[0].item_id, made.lines[0].quantity, made.warehouse_id),
        sale=(made.id, made.code, made.customer_name),
        group=group,
        stock=stock,
    )
    return board.open_task(tx, actor, new).id


def _line_fact(tx: Tx, made: Sale, number: int) -> Fact:
    line = made.lines[number]
    item = catalog.item(tx.conn, line.item_id)
    if not line.missing:
        return Fact(line.item_name, f"有货，已预留 {short_amount(tx.conn, item, line.promised)}")
    gap = short_amount(tx.conn, item, line.missing)
    return Fact(line.item_name, f"差 {gap}（要 {short_amount(tx.conn, item, line.quantity)}）")


def _shortages(tx: Tx, actor: Actor, made: Sale) -> list[str]:
    opened = []
    for line in made.lines:
        shortage_task.keep_task(tx, actor, made, line)
        opened += [each.id for each in board.tasks_of(tx.conn, f"sale_line:{line.id}")]
    return opened


def _walk(tx: Tx, actor: Actor, made: Sale, op_id: str) -> str:
    if not promised_to(tx.conn, [made.id]):
        return ""
    ask = Release(f"{op_id[:80]}:rush", made.warehouse_id, (made.id,), why="急单先拣")
    return release_now(tx, actor, ask).id


def _task_of(tx: Tx, wave_id: str) -> str:
    return board.tasks_of(tx.conn, f"wave:{wave_id}")[0].id


def _ask_finance(tx: Tx, actor: Actor, made: Sale, ask: Rush, group: str) -> str:
    new = cards.rush_terms_task(
        policy_of(tx.conn, "rush_terms"),
        goods_named(tx.conn, made.lines[0].item_id, made.lines[0].quantity, made.warehouse_id),
        sale=(made.id, made.code, made.customer_name),
        group=group,
        cash=_cash(made, ask),
    )
    return board.open_task(tx, actor, new).id


def _cash(made: Sale, ask: Rush) -> tuple[Fact, ...]:
    """What finance must see: how much, when before, when now."""
    shipped = to_datetime(made.created_at).date()
    paid = [shipped + timedelta(days=days) for days in (ask.terms_before, ask.terms_after)]
    later = rules.cash_later_days(ask.terms_before, ask.terms_after)
    moved = f"晚 {later} 天" if later > 0 else f"早 {-later} 天" if later < 0 else "不变"
    return (
        Fact("货款", f"{show(amount_of(made))} 元"),
        Fact("账期", f"{ask.terms_before} 天 → {ask.terms_after} 天"),
        Fact("回款", f"{paid[0]} → {paid[1]}（{moved}）"),
    )


def amount_of(made: Sale) -> Micro:
    """Price × quantity over the lines, cut parts left out (money, Micro, rounded half up)."""
    total = sum((line.quantity - line.cut) * line.price_micro for line in made.lines)
    return (total + 500_000) // 1_000_000


def answer_stock(tx: Tx, actor: Actor, sale_id: str, *, can: bool, reason: str) -> str:
    """The buyer's word on a rush order; its words. Permission is the task's (core/actions)."""
    made = sale(tx.conn, sale_id)
    why = "" if can else papers.require_reason(reason, "供不上")
    payload = {"code": made.code, "can": can, "reason": why}
    events.append(tx, "sale.rush_stock", f"sale:{sale_id}", actor.label, payload)
    return f"{made.code} 库存已确认" if can else f"{made.code} 供不上：{why}"


def answer_terms(tx: Tx, actor: Actor, sale_id: str, *, agrees: bool, reason: str) -> str:
    """Finance's word on the payment term; its words. Permission is the task's."""
    made = sale(tx.conn, sale_id)
    why = "" if agrees else papers.require_reason(reason, "不同意账期")
    payload = {"code": made.code, "agrees": agrees, "reason": why}
    events.append(tx, "sale.rush_terms", f"sale:{sale_id}", actor.label, payload)
    return f"{made.code} 按新账期" if agrees else f"{made.code} 账期不同意：{why}"
