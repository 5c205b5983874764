"""What people do to goods: order, receive, inspect, shelve, move, transfer, count, issue, promise.

Each errand looks at what a screen would show, decides, and asks once; refusals are everyday life.
"""

from __future__ import annotations

import asyncio
from typing import Any

from core import stock
from core.clock import HOUR
from core.orders.by_hand import fulfil_by_hand, reverse_by_hand
from core.orders.combined import ReceiveLineAll, receive_line
from core.orders.count import (
    CountedLine,
    FinishCount,
    OpenCount,
    RecordCount,
    approve,
    finish,
    open_count,
    record,
)
from core.orders.decision import Decide, decide
from core.orders.inspection import Inspect, inspect
from core.orders.lot_release import release_by_hand
from core.orders.move import Move, move
from core.orders.purchase import NewLine, NewPurchase, create_order
from core.orders.putaway import PutAway, put_away
from core.orders.quick import Issue, ReturnToStock, issue, return_to_stock
from core.orders.receipt import Receive, ReceiveLine, receive
from core.orders.transfer import (
    AskLine,
    AskTransfer,
    ReceiveTransfer,
    SendTransfer,
    ask_transfer,
    receive_transfer,
    send_transfer,
)
from core.quantity import ONE
from tests.simulation.company import CHECKS, EXPIRY, HOUSES
from tests.simulation.day import Day, Errand

LOTTED = {"J-001": ("L-1", "L-2", "L-3"), "M-001": ("M-1", "M-2")}
WAREHOUSE = ("li", "wang", "zhao")


async def order(day: Day, item: str = "") -> None:
    goods = [item] if item else day.rng.sample(list(day.shop.items), day.rng.randrange(1, 4))
    lines = tuple(NewLine(day.shop.items[each], day.rng.randrange(1, 60) * ONE) for each in goods)
    house = day.shop.houses[day.rng.choice(HOUSES)]
    chen, op = day.shop.actors["chen"], day.op()
    asks = day.rng.random() < 0.3
    ask = NewPurchase(op, f"PO-{op}", day.shop.supplier, house, lines, "2030-01-31",
                      chen.person_id, ask_supplier=asks)  # fmt: skip
    await day.ask(chen, "order", ask, lambda tx: create_order(tx, chen, ask))


def _open_line(day: Day, item: str = "") -> Any:
    rows = day.look(
        "SELECT l.id, l.order_id, l.item_id, l.quantity, l.received, o.warehouse_id FROM"
        " purchase_line l JOIN purchase_order o ON o.id = l.order_id WHERE l.state = 'open'"
        " ORDER BY l.id"
    )
    rows = [row for row in rows if not item or row.item_id == day.shop.items[item]]
    return day.rng.choice(rows) if rows else None


def _lot(day: Day, item_id: int) -> dict[str, Any]:
    for item, lots in LOTTED.items():
        if day.shop.items[item] == item_id:
            lot = day.rng.choice(lots)
            return {"lot_code": lot, "expires_on": EXPIRY.get(lot, "2031-12-31")}
    return {}


def _name(day: Day, table: dict[str, int], wanted: int) -> str:
    return next(name for name, each in table.items() if each == wanted)


async def receive_one(day: Day) -> None:
    """Lorry to shelf in one command."""
    line = _open_line(day)
    if line is None:
        await order(day)
        return
    actor, rng = day.who(*WAREHOUSE), day.rng
    left = max(ONE, line.quantity - line.received)
    quantity = rng.choice((left, left // 2 // ONE * ONE or ONE, ONE, left + 2 * ONE))
    more: dict[str, Any] = _lot(day, line.item_id)
    if line.item_id == day.shop.items["J-001"] and rng.random() < 0.8:
        bad = rng.choice((0, 0, quantity, quantity // 2 // ONE * ONE))
        more |= {"accepted": quantity - bad, "rejected": bad, "checks": CHECKS, "reason": "破损"}
    if rng.random() < 0.6:
        house = _name(day, day.shop.houses, line.warehouse_id)
        bins = [each for each in day.shop.bins if each.startswith(house)]
        more["bin_id"] = day.shop.places[rng.choice(bins)]
    ask = ReceiveLineAll(day.op(), line.id, quantity, **more)
    await day.ask(actor, "receive line", ask, lambda tx: receive_line(tx, actor, ask))


async def receive_some(day: Day, item: str = "") -> None:
    line = _open_line(day, item)
    if line is None:
        await order(day, item)
        return
    actor = day.who(*WAREHOUSE)
    quantity = day.rng.randrange(1, 30) * ONE
    one = ReceiveLine(line.id, quantity, **_lot(day, line.item_id))
    ask = Receive(day.op(), line.order_id, (one,))
    await day.ask(actor, "receive", ask, lambda tx: receive(tx, actor, ask))


async def judge(day: Day) -> None:
    waiting = "SELECT id, to_inspect FROM receipt_line WHERE to_inspect > 0 ORDER BY id"
    rows = day.look(waiting)
    if not rows:
        await receive_some(day, "J-001")
        rows = day.look(waiting)
    if not rows:  # only ordered so far, or refused, or the machine went down with it
        return
    line, actor, rng = day.rng.choice(rows), day.who(*WAREHOUSE), day.rng
    whole = line.to_inspect if rng.random() < 0.7 else ONE
    bad = rng.choice((0, whole, whole, whole // 2 // ONE * ONE))
    ask = Inspect(day.op(), line.id, whole - bad, bad, "有异味" if bad else "", dict(CHECKS))
    await day.ask(actor, "inspect", ask, lambda tx: inspect(tx, actor, ask))


async def shelve(day: Day) -> None:
    rows = day.look(
        "SELECT id, item_id, lot_id, warehouse_id, accepted - stocked AS left_ FROM receipt_line"
        " WHERE accepted > stocked ORDER BY id"
    )
    if not rows:
        await receive_one(day)
        return
    line, actor = day.rng.choice(rows), day.who(*WAREHOUSE)
    house = _name(day, day.shop.houses, line.warehouse_id)
    target = day.rng.choice([each for each in day.shop.bins if each.startswith(house)])
    quantity = line.left_ if day.rng.random() < 0.7 else ONE
    ask = PutAway(day.op(), line.item_id, line.lot_id, quantity, day.shop.places[f"{house}-DOCK"],
                  day.shop.places[target], receipt_line_id=line.id)  # fmt: skip
    await day.ask(actor, "put away", ask, lambda tx: put_away(tx, actor, ask))


async def decide_failed(day: Day) -> None:
    rows = day.look("SELECT id FROM inspection WHERE state = 'failed' ORDER BY id")
    if not rows:
        await judge(day)
        return
    actor = day.who("chen", "zhao", "sun")
    way = day.rng.choice(("return", "concession", "scrap"))
    ask = Decide(day.op(), day.rng.choice(rows).id, way, "供应商同意")
    await day.ask(actor, "decide", ask, lambda tx: decide(tx, actor, ask))


def somewhere(day: Day) -> Any:
    """A place with something in it."""
    rows = day.look(
        "SELECT b.item_id, b.lot_id, b.location_id, b.status, b.on_hand FROM balance b JOIN"
        " location l ON l.id = b.location_id WHERE b.on_hand > 0 AND l.kind = 'bin' ORDER BY b.id"
    )
    return day.rng.choice(rows) if rows else None


async def move_goods(day: Day) -> None:
    here = somewhere(day)
    if here is None:
        return
    actor = day.who(*WAREHOUSE)
    target = day.shop.places[day.rng.choice(day.shop.bins)]
    quantity = day.rng.choice((here.on_hand, ONE, ONE // 2, here.on_hand + ONE))
    ask = Move(day.op(), here.item_id, quantity, here.location_id, target, here.lot_id,
               status=here.status)  # fmt: skip
    await day.ask(actor, "move", ask, lambda tx: move(tx, actor, ask))


async def issue_goods(day: Day) -> None:
    here = somewhere(day)
    if here is None:
        return
    actor = day.who(*WAREHOUSE)
    quantity = day.rng.choice((here.on_hand, ONE, 3 * ONE, here.on_hand + ONE))
    lot = here.lot_id if day.rng.random() < 0.5 else 0
    to = day.rng.choice(("customer", "customer", "production", "scrap"))
    if to == "scrap":
        lot = here.lot_id
    ask = Issue(day.op(), here.item_id, quantity, here.location_id, to, lot, reason="坏了")
    await day.ask(actor, "issue", ask, lambda tx: issue(tx, actor, ask))


async def take_back(day: Day) -> None:
    here = somewhere(day)
    if here is None:
        return
    actor = day.who("li", "zhao", "chen")
    ask = ReturnToStock(day.op(), here.item_id, day.rng.randrange(1, 5) * ONE, here.location_id,
                        "客户退回", lot_id=here.lot_id, good=day.rng.random() < 0.6)  # fmt: skip
    await day.ask(actor, "return", ask, lambda tx: return_to_stock(tx, actor, ask))


async def reserve_goods(day: Day) -> None:
    actor, item = day.who("chen", "li"), day.rng.choice(list(day.shop.items.values()))
    until = day.now + day.rng.choice((HOUR // 2, 3 * HOUR, 40 * HOUR))
    expires = until if day.rng.random() < 0.8 else None
    ask = stock.Reserve(day.op(), item, day.rng.randrange(1, 25) * ONE, expires_at=expires,
                        partial=day.rng.random() < 0.3)  # fmt: skip
    await day.ask(actor, "reserve", ask, lambda tx: stock.reserve_by_hand(tx, actor, ask))


def _promised(day: Day) -> Any:
    """A reservation, now and then one that a paper made: nobody may touch that by hand."""
    of = "%" if day.rng.random() < 0.2 else ""
    rows = day.look(
        "SELECT id, remaining FROM reservation WHERE state = 'open' AND for_doc LIKE :of"
        " ORDER BY id",
        of=of,
    )
    return day.rng.choice(rows) if rows else None


async def fulfil_promise(day: Day) -> None:
    promised = _promised(day)
    if promised is None:
        await reserve_goods(day)
        return
    actor, op, to = day.who("li", "wang"), day.op(), day.shop.places["CUSTOMER"]
    quantity = promised.remaining if day.rng.random() < 0.6 else ONE
    ask = {"reservation": promised.id, "quantity": quantity}
    await day.ask(
        actor,
        "fulfil",
        Asked(op, ask),
        lambda tx: fulfil_by_hand(tx, actor, promised.id, op, to, quantity=quantity),
    )


async def release_promise(day: Day) -> None:
    promised = _promised(day)
    if promised is None:
        await reserve_goods(day)
        return
    actor = day.who("chen", "li")
    ask = {"reservation": promised.id}
    await day.ask(
        actor,
        "release",
        ask,
        lambda tx: stock.release_by_hand(tx, actor, promised.id),
        repeats=False,
    )


async def undo(day: Day) -> None:
    """Somebody finds that a posting was wrong."""
    rows = day.look("SELECT op_id FROM posting WHERE reverses IS NULL ORDER BY id")
    if not rows:
        await issue_goods(day)
        return
    actor, op, wrong = day.who("zhao", "chen"), day.op(), day.rng.choice(rows).op_id
    await day.ask(
        actor,
        "reverse",
        Asked(op, {"posting": wrong}),
        lambda tx: reverse_by_hand(tx, actor, wrong, op, "记错了"),
    )


async def ask_for_goods(day: Day) -> None:
    """The other warehouse should send something."""
    source, target = day.rng.sample(list(day.shop.houses.values()), 2)
    actor, op = day.who(*WAREHOUSE), day.op()
    item = day.rng.choice(list(day.shop.items.values()))
    line = AskLine(item, day.rng.randrange(1, 15) * ONE)
    ask = AskTransfer(op, f"TR-{op}", source, target, (line,), urgent=day.rng.random() < 0.3)
    await day.ask(actor, "ask transfer", ask, lambda tx: ask_transfer(tx, actor, ask))


async def send_goods(day: Day) -> None:
    rows = day.look("SELECT id FROM transfer WHERE state = 'asked' ORDER BY id")
    if not rows:
        await ask_for_goods(day)
        return
    actor = day.who(*WAREHOUSE)
    ask = SendTransfer(day.op(), day.rng.choice(rows).id)
    await day.ask(actor, "send transfer", ask, lambda tx: send_transfer(tx, actor, ask))


async def take_goods(day: Day) -> None:
    rows = day.look("SELECT id FROM transfer WHERE state = 'sent' ORDER BY id")
    if not rows:
        await send_goods(day)
        return
    actor = day.who(*WAREHOUSE)
    ask = ReceiveTransfer(day.op(), day.rng.choice(rows).id)
    await day.ask(actor, "receive transfer", ask, lambda tx: receive_transfer(tx, actor, ask))


async def count_goods(day: Day) -> None:
    """Open a count, write down some of it, finish or approve one."""
    rows = day.look("SELECT id FROM stock_count WHERE state = 'open' ORDER BY id")
    if not rows:
        actor, op = day.who(*WAREHOUSE), day.op()
        place = day.shop.places[day.rng.choice(day.shop.bins)]
        house = day.shop.houses[_name(day, day.shop.places, place)[:2]]
        new = OpenCount(op, f"CT-{op}", house, (place,))
        await day.ask(actor, "open count", new, lambda tx: open_count(tx, actor, new))
        return
    count_id = day.rng.choice(rows).id
    waiting = day.look(
        "SELECT location_id, item_id, lot_id, status FROM stock_count_line WHERE count_id = :id"
        " AND state IN ('open', 'recount') ORDER BY line_no", id=count_id
    )  # fmt: skip
    actor = day.who(*WAREHOUSE)
    if waiting:
        seen = tuple(
            CountedLine(row.location_id, row.item_id, day.rng.choice((0, 10, 30, 40)) * ONE,
                        row.lot_id, row.status)
            for row in waiting[: day.rng.randrange(1, 4)]
        )  # fmt: skip
        counted = RecordCount(day.op(), count_id, seen)
        await day.ask(actor, "record count", counted, lambda tx: record(tx, actor, counted))
        return
    ask = FinishCount(day.op(), count_id, "已复盘")
    if day.rng.random() < 0.5:
        await day.ask(actor, "finish count", ask, lambda tx: finish(tx, actor, ask))
    else:
        boss = day.who("zhao", "sun")
        await day.ask(boss, "finish count", ask, lambda tx: approve(tx, boss, ask))


async def hold(day: Day) -> None:
    """Somebody hears that a lot is bad, or good again."""
    rows = day.look("SELECT id, state FROM lot ORDER BY id")
    if not rows:  # the machine is down
        return
    lot, actor, op = day.rng.choice(rows), day.who("zhou", "zhao"), day.op()
    verb = release_by_hand if lot.state != "ok" else stock.hold_lot_by_hand
    await day.ask(
        actor,
        "hold",
        Asked(op, {"lot": lot.id}),
        lambda tx: verb(tx, actor, lot.id, op, "通知"),
    )


async def delivery(day: Day) -> None:
    """A lorry from the order to what becomes of it, unless somebody is called away."""
    await one_after_the_other(
        day, order, receive_some, judge, day.rng.choice((shelve, decide_failed))
    )


async def lorry(day: Day) -> None:
    """From one warehouse to the other."""
    await one_after_the_other(day, ask_for_goods, send_goods, take_goods)


async def one_after_the_other(day: Day, *steps: Errand) -> None:
    for step in steps:
        if day.rng.random() < 0.1:
            return
        await step(day)
        await asyncio.sleep(day.rng.choice((0.0, 60.0)))


class Asked(dict[str, Any]):
    """What was asked by a verb that takes its id as an argument."""

    def __init__(self, op_id: str, ask: dict[str, Any]) -> None:
        super().__init__(ask)
        self.op_id = op_id


STOCK: dict[str, Errand] = {
    "order": order,
    "receive line": receive_one,
    "receive": receive_some,
    "inspect": judge,
    "put away": shelve,
    "decide": decide_failed,
    "move": move_goods,
    "issue": issue_goods,
    "return": take_back,
    "reserve": reserve_goods,
    "fulfil": fulfil_promise,
    "release": release_promise,
    "reverse": undo,
    "ask transfer": ask_for_goods,
    "send transfer": send_goods,
    "receive transfer": take_goods,
    "count": count_goods,
    "hold": hold,
    "delivery": delivery,
    "lorry": lorry,
}
