"""What people do to sell: order, walk, pick, fall short, pack, hand over, cancel, take back.

As in errands_stock.py: each looks at what a screen would show, decides, and asks once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.clock import to_datetime
from core.orders.move import Move, move
from core.orders.sales.cancel import CancelSale, cancel_sale
from core.orders.sales.order import NewSale, NewSaleLine, create_sale
from core.orders.sales.pack import Box, BoxLine, Pack, PackRest, pack, pack_rest
from core.orders.sales.pick import Pick, PickRest, pick, pick_rest
from core.orders.sales.putback import PutBack, put_back
from core.orders.sales.returns import (
    CustomerReturn,
    Judge,
    Scrap,
    SupplierReturn,
    customer_return,
    judge_return,
    scrap,
    supplier_return,
)
from core.orders.sales.ship import Ship, ship
from core.orders.sales.short import ShortPick, short_pick
from core.orders.sales.shortage import CutLine, Replace, cut_line, replace
from core.orders.sales.unpack import Unpack, unpack
from core.orders.sales.unpick import Unpick, unpick
from core.orders.sales.wave import Release, release
from core.quantity import ONE
from tests.simulation.company import HOUSES
from tests.simulation.day import Day, Errand
from tests.simulation.errands_stock import WAREHOUSE, one_after_the_other, somewhere


async def sell(day: Day) -> None:
    goods = day.rng.sample(list(day.shop.items), day.rng.randrange(1, 3))
    lines = tuple(
        NewSaleLine(day.shop.items[each], day.rng.choice((1, 2, 5, 12, 25)) * ONE) for each in goods
    )
    ship_on = to_datetime(day.now).date() + timedelta(days=day.rng.randrange(4))
    actor, op = day.shop.actors["lin"], day.op()
    house = day.shop.houses[day.rng.choice((*HOUSES, "ZJ"))]
    ask = NewSale(
        op, f"SO-{op}", day.shop.customer, house, lines, ship_on.isoformat(), actor.person_id,
        carrier=day.rng.choice(("", "SF")), urgent=day.rng.random() < 0.2,
    )  # fmt: skip
    await day.ask(actor, "sell", ask, lambda tx: create_sale(tx, actor, ask))


async def _find(day: Day, sql: str, *before: Errand) -> Any:
    """One of the rows that a screen shows; if there is none, what leads there is done first."""
    for way in (before, ()):
        rows = day.look(sql)
        if rows:
            return day.rng.choice(rows)
        for step in way:
            await step(day)
    return None


async def release_walk(day: Day) -> None:
    """The supervisor sends somebody through the hall for a few orders."""
    orders = "SELECT id, warehouse_id FROM sale_order WHERE state = 'open' ORDER BY id"
    first = await _find(day, orders, sell)
    if first is None:
        return
    actor, rows = day.who(*WAREHOUSE), day.look(orders)
    near = [row.id for row in rows if row.warehouse_id == first.warehouse_id and row != first]
    also = day.rng.sample(near, min(len(near), day.rng.randrange(3)))
    ask = Release(day.op(), first.warehouse_id, (first.id, *also))
    await day.ask(actor, "release walk", ask, lambda tx: release(tx, actor, ask))


async def _stop(day: Day) -> Any:
    return await _find(
        day,
        "SELECT id, wave_id, quantity - picked AS left_ FROM pick_line WHERE state = 'open'"
        " ORDER BY wave_id, step",
        sell,
        release_walk,
    )


async def pick_stop(day: Day) -> None:
    stop = await _stop(day)
    if stop is None:
        return
    actor = day.who(*WAREHOUSE)
    quantity = day.rng.choice((0, 0, stop.left_, ONE, stop.left_ + ONE))
    ask = Pick(day.op(), stop.id, quantity)
    await day.ask(actor, "pick", ask, lambda tx: pick(tx, actor, ask))


async def fall_short(day: Day) -> None:
    stop = await _stop(day)
    if stop is None:
        return
    actor = day.who(*WAREHOUSE)
    reason = day.rng.choice(("missing", "damaged", "wrong", "blocked"))
    found = day.rng.choice((0, 0, ONE, stop.left_ // 2 // ONE * ONE))
    ask = ShortPick(day.op(), stop.id, found, reason)
    await day.ask(actor, "short", ask, lambda tx: short_pick(tx, actor, ask))


async def walk_on(day: Day) -> None:
    """Everything that is left of a walk was taken as written."""
    stop = await _stop(day)
    if stop is None:
        return
    actor, ask = day.who(*WAREHOUSE), PickRest(day.op(), stop.wave_id)
    await day.ask(actor, "pick rest", ask, lambda tx: pick_rest(tx, actor, ask))


async def pack_box(day: Day) -> None:
    """Some of what was picked goes into one box."""
    row = await _find(
        day,
        "SELECT sale_id, item_id, lot_id, picked - packed AS left_ FROM pick_line"
        " WHERE picked > packed ORDER BY id",
        walk_on,
    )
    if row is None:
        return
    actor = day.who(*WAREHOUSE)
    quantity = day.rng.choice((row.left_, row.left_, ONE, row.left_ + ONE))
    line = BoxLine(row.item_id, quantity, day.rng.choice((0, row.lot_id)))
    ask = Pack(day.op(), row.sale_id, (Box((line,)),))
    await day.ask(actor, "pack", ask, lambda tx: pack(tx, actor, ask))


async def pack_everything(day: Day) -> None:
    order = await _find(
        day,
        "SELECT id FROM sale_order WHERE state IN ('picked', 'picking') ORDER BY state DESC, id",
        walk_on,
    )
    if order is None:
        return
    actor, ask = day.who(*WAREHOUSE), PackRest(day.op(), order.id)
    await day.ask(actor, "pack rest", ask, lambda tx: pack_rest(tx, actor, ask))


async def hand_over(day: Day) -> None:
    boxes = "SELECT sale_id, code FROM package WHERE state = 'packed' ORDER BY id"
    row = await _find(day, boxes, walk_on, pack_everything)
    if row is None:
        return
    actor = day.who(*WAREHOUSE)
    ask = Ship(day.op(), row.sale_id, day.rng.choice(((), (row.code,))), "SF100")
    await day.ask(actor, "ship", ask, lambda tx: ship(tx, actor, ask))


async def cancel(day: Day) -> None:
    before = day.rng.choice(((sell,), (pick_stop,), (pack_box,), (pack_everything,)))
    order = await _find(
        day,
        "SELECT id FROM sale_order WHERE state NOT IN ('shipped', 'cancelled') ORDER BY id",
        *before,
    )
    if order is None:
        return
    actor, ask = day.who("lin", "chen", "zhao"), CancelSale(day.op(), order.id, "客户不要了")
    await day.ask(actor, "cancel sale", ask, lambda tx: cancel_sale(tx, actor, ask))


async def open_box(day: Day) -> None:
    """It was packed wrongly."""
    boxes = "SELECT sale_id, code FROM package WHERE state = 'packed' ORDER BY id"
    row = await _find(day, boxes, walk_on, pack_everything)
    if row is None:
        return
    actor, ask = day.who(*WAREHOUSE), Unpack(day.op(), row.sale_id, row.code)
    await day.ask(actor, "unpack", ask, lambda tx: unpack(tx, actor, ask))


async def take_out(day: Day) -> None:
    """Something that was picked is broken, or the wrong thing."""
    row = await _find(
        day,
        "SELECT id, picked - packed AS left_ FROM pick_line WHERE picked > packed ORDER BY id",
        walk_on,
    )
    if row is None:
        return
    actor, quantity = day.who(*WAREHOUSE), day.rng.choice((0, ONE, row.left_, row.left_ + ONE))
    ask = Unpick(day.op(), row.id, "压坏了", quantity)
    await day.ask(actor, "unpick", ask, lambda tx: unpick(tx, actor, ask))


async def carry_back(day: Day) -> None:
    """What was picked for nobody goes back into its bins: by the task, or some of it by hand."""
    row = await _find(
        day,
        "SELECT sale_id, item_id, lot_id, warehouse_id, quantity - done AS left_ FROM put_back"
        " WHERE done < quantity ORDER BY id",
        walk_on,
        cancel,
    )
    if row is None:
        return
    actor = day.who(*WAREHOUSE)
    if day.rng.random() < 0.5:
        back = PutBack(day.op(), row.sale_id)
        await day.ask(actor, "put back", back, lambda tx: put_back(tx, actor, back))
        return
    await _carry(day, row, day.rng.choice((row.left_, ONE, row.left_ + ONE)))


async def take_from_the_door(day: Day) -> None:
    """Somebody takes picked goods away, whoever they are for."""
    row = await _find(
        day,
        "SELECT b.item_id, b.lot_id, l.warehouse_id, b.on_hand AS left_ FROM balance b JOIN"
        " location l ON l.id = b.location_id WHERE l.kind = 'stage' AND b.on_hand > 0"
        " ORDER BY b.id",
        walk_on,
    )
    if row is not None:
        await _carry(day, row, day.rng.choice((row.left_, ONE)))


async def _carry(day: Day, row: Any, quantity: int) -> None:
    house = next(name for name, n in day.shop.houses.items() if n == row.warehouse_id)
    target = day.rng.choice([each for each in day.shop.bins if each.startswith(house)])
    places, actor = day.shop.places, day.who(*WAREHOUSE)
    ask = Move(day.op(), row.item_id, quantity, places[f"{house}-OUT"], places[target], row.lot_id)
    await day.ask(actor, "move", ask, lambda tx: move(tx, actor, ask))


async def answer_shortage(day: Day) -> None:
    """The buyer sends less, or something else."""
    row = await _find(
        day,
        "SELECT l.id, l.sale_id FROM sale_line l JOIN sale_order s ON s.id = l.sale_id"
        " WHERE l.missing > 0 AND s.state NOT IN ('shipped', 'cancelled') ORDER BY l.id",
        sell,
        fall_short,
    )
    if row is None:
        return
    actor = day.who("chen", "zhao")
    if day.rng.random() < 0.3:
        other = day.rng.choice(list(day.shop.items.values()))
        swap = Replace(day.op(), row.sale_id, row.id, other)
        await day.ask(actor, "replace", swap, lambda tx: replace(tx, actor, swap))
        return
    ask = CutLine(day.op(), row.sale_id, row.id, "客户同意少发")
    await day.ask(actor, "cut", ask, lambda tx: cut_line(tx, actor, ask))


async def come_back(day: Day) -> None:
    """A customer brings something back; sometimes more than he ever got."""
    row = await _find(
        day,
        "SELECT id, sale_id, item_id, shipped - returned AS left_ FROM sale_line"
        " WHERE shipped > returned ORDER BY id",
        hand_over,
    )
    if row is None:
        return
    actor = day.who("li", "zhao", "chen")
    quantity = day.rng.choice((row.left_, ONE, row.left_ + ONE))
    lots = day.look(
        "SELECT lot_id FROM package_line WHERE sale_line_id = :line ORDER BY id", line=row.id
    )
    lot = day.rng.choice(lots).lot_id if lots else 0
    condition = day.rng.choice(("good", "bad", "unknown"))
    ask = CustomerReturn(day.op(), row.sale_id, row.id, quantity, "不要了", condition, lot)
    await day.ask(actor, "customer return", ask, lambda tx: customer_return(tx, actor, ask))


async def look_at_returned(day: Day) -> None:
    row = await _find(
        day,
        "SELECT b.item_id, b.lot_id, b.location_id, b.on_hand FROM balance b JOIN location l"
        " ON l.id = b.location_id WHERE b.on_hand > 0 AND b.status = 'inspect' AND"
        " l.kind = 'dock' ORDER BY b.id",
        come_back,
    )
    if row is None:
        return
    actor = day.who("li", "zhao")
    quantity = day.rng.choice((row.on_hand, ONE))
    good = day.rng.random() < 0.5
    ask = Judge(day.op(), row.item_id, row.lot_id, row.location_id, quantity, good, "看过了")
    await day.ask(actor, "judge return", ask, lambda tx: judge_return(tx, actor, ask))


async def send_away(day: Day) -> None:
    """Back to the supplier, or onto the heap."""
    here = somewhere(day)
    if here is None:
        return
    actor = day.who("li", "zhao", "chen")
    quantity = day.rng.choice((ONE, here.on_hand, here.on_hand + ONE))
    what = (here.item_id, quantity, here.location_id, "坏了", here.lot_id, here.status)
    if day.rng.random() < 0.5:
        away = SupplierReturn(day.op(), day.shop.supplier, *what)
        await day.ask(actor, "supplier return", away, lambda tx: supplier_return(tx, actor, away))
        return
    ask = Scrap(day.op(), *what)
    await day.ask(actor, "scrap", ask, lambda tx: scrap(tx, actor, ask))


async def selling(day: Day) -> None:
    """An order's whole way, unless somebody is called away."""
    await one_after_the_other(
        day, sell, release_walk, day.rng.choice((pick_stop, walk_on)), pack_everything, hand_over
    )


SALES: dict[str, Errand] = {
    "sell": sell,
    "release walk": release_walk,
    "pick": pick_stop,
    "short": fall_short,
    "pick rest": walk_on,
    "pack": pack_box,
    "pack rest": pack_everything,
    "ship": hand_over,
    "cancel sale": cancel,
    "unpack": open_box,
    "unpick": take_out,
    "carry back": carry_back,
    "take from the door": take_from_the_door,
    "shortage": answer_shortage,
    "customer return": come_back,
    "judge return": look_at_returned,
    "send away": send_away,
    "selling": selling,
    "selling more": selling,
}
