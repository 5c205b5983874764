"""An order's state and its tasks follow from its lines: to pack, to hand over. No decisions."""

from __future__ import annotations

from dataclasses import replace

from core.db import Tx
from core.orders.cards import Goods
from core.orders.measure import goods_named
from core.orders.sales import cards, rules
from core.orders.sales.book import Sale, picks_of, sale
from core.orders.sales.boxes import packages_of
from core.orders.sales.order import SAVE, say
from core.people import Actor
from core.tasks import board
from core.tasks.policies import policy_of
from core.tasks.task import NewTask, Task

QUESTIONS = ("rush_stock", "rush_terms")
LOADING = cards.SLACK // 3  # what is packed needs only to be carried out


def load_of(tx: Tx, made: Sale) -> rules.Load:
    """What is left to do with an order."""
    stops = picks_of(tx.conn, made.id)
    return rules.Load(
        stops=sum(each.state == "open" for each in stops),
        unpacked=sum(each.picked - each.packed for each in stops),
        unshipped=sum(line.packed - line.shipped for line in made.lines),
        shipped=sum(line.shipped for line in made.lines),
        left=sum(line.wanted.left for line in made.lines),
    )


def keep_state(tx: Tx, actor: Actor, sale_id: str, *, gone: str = "已交接") -> Sale:
    """Bring state and tasks in step with the lines; the order as it stands then.

    `gone`: what became of the last box that waited to be handed over.
    """
    made = sale(tx.conn, sale_id)
    load = load_of(tx, made)
    state = rules.sale_state(load)
    if state != made.state:
        tx.execute(SAVE, {"sale_": sale_id, "state": state})
        made = replace(made, state=state)
        say(tx, actor, f"sale.{state}", made, {})
    if state == "cancelled":
        _end_questions(tx, actor, made)
    live = {each.kind: each for each in board.tasks_of(tx.conn, f"sale:{sale_id}")}
    if state == "picked":
        _open(tx, actor, live, _pack_task(tx, made))
    else:
        _settle(tx, actor, live.get("pack"), "已打包")
    if state == "packed":
        _open(tx, actor, live, _ship_task(tx, made))
    elif not load.unshipped:
        _settle(tx, actor, live.get("ship"), gone)
    return made


def _end_questions(tx: Tx, actor: Actor, made: Sale) -> None:
    """Nothing of the order is sent any more: nobody needs to say whether it can be."""
    for task in board.tasks_of(tx.conn, f"sale:{made.id}"):
        if task.kind in QUESTIONS:
            board.cancel_task(tx, actor, task.id, f"销售单 {made.code} 没有要发的货了")


def _open(tx: Tx, actor: Actor, live: dict[str, Task], new: NewTask) -> None:
    if new.kind not in live:
        board.open_task(tx, actor, new)


def _settle(tx: Tx, actor: Actor, task: Task | None, sentence: str) -> None:
    if task is not None:
        board.settle_task(tx, actor, task.id, outcome={}, sentence=sentence)


def _pack_task(tx: Tx, made: Sale) -> NewTask:
    departure = cards.Departure(made.carrier, made.cut_off_at)
    policy = cards.until(policy_of(tx.conn, "pack"), tx.now, departure, cards.SLACK // 2)
    return cards.pack_task(
        policy,
        sale_id=made.id,
        code=made.code,
        goods=goods_in(tx, made),
        customer=made.customer_name,
        departure=departure,
        urgent=made.urgent,
    )


def _ship_task(tx: Tx, made: Sale) -> NewTask:
    departure = cards.Departure(made.carrier, made.cut_off_at)
    policy = cards.until(policy_of(tx.conn, "ship"), tx.now, departure, LOADING)
    boxes = [each for each in packages_of(tx.conn, made.id) if each.state == "packed"]
    return cards.ship_task(
        policy,
        sale_id=made.id,
        code=made.code,
        goods=goods_in(tx, made),
        boxes=len(boxes),
        departure=departure,
        urgent=made.urgent,
    )


def goods_in(tx: Tx, made: Sale) -> Goods:
    """An order's goods in words: its first picked line, and how many more there are."""
    lines = [line for line in made.lines if line.picked > line.shipped] or list(made.lines)
    first = lines[0]
    quantity = (first.picked - first.shipped) or first.quantity
    goods = goods_named(tx.conn, first.item_id, quantity, made.warehouse_id)
    if len(lines) == 1:
        return goods
    more = f" 等 {len(lines)} 行"
    return replace(goods, amount=goods.amount + more, full=goods.full + more)
