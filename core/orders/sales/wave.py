"""Waves: which orders are picked in one walk, and in which order of bins.

`suggest` proposes (plan.py decides), `release` makes a wave of what somebody chose: one pick line
for every bin that promised something, numbered along the walk, and the task to walk it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from core import catalog, events
from core.catalog.tables import locations
from core.clock import to_datetime
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import rules as papers
from core.orders.cards import Goods
from core.orders.replay import run_once
from core.orders.sales import cards, rules, shortage_task
from core.orders.sales.book import (
    PickLine,
    Sale,
    SaleLine,
    Wave,
    sale,
    sales_by_id,
    wave,
    wave_head,
)
from core.orders.sales.order import SAVE
from core.orders.sales.plan import Limits, Planned, Waiting, plan
from core.orders.sales.promise import promise_line
from core.orders.sales.tables import pick_lines, sale_lines, sales, waves
from core.orders.sales.walk import Spot, spot, steps
from core.people import Actor, Thing, require
from core.quantity import Micro
from core.stock.tables import balances, reservation_parts, reservations
from core.tasks import board
from core.tasks.policies import policy_of

MOST_SALES = 200
_SAVE_WAVE = waves.update().where(waves.c.id == bindparam("wave_"))
_OF_CODE = select(waves.c.id).where(waves.c.code == bindparam("code_")).limit(1)
# What every order still has in bins: its promises, balance by balance.
_PROMISED = (
    select(
        sale_lines.c.sale_id,
        sale_lines.c.id.label("sale_line_id"),
        reservations.c.id.label("reservation_id"),
        reservation_parts.c.id.label("part_id"),
        reservation_parts.c.remaining,
        balances.c.item_id,
        balances.c.lot_id,
        balances.c.location_id,
        locations.c.code,
        locations.c.zone,
    )
    .join(reservations, reservations.c.for_doc == "sale_line:" + sale_lines.c.id)
    .join(reservation_parts, reservation_parts.c.reservation_id == reservations.c.id)
    .join(balances, balances.c.id == reservation_parts.c.balance_id)
    .join(locations, locations.c.id == balances.c.location_id)
    .where(
        sale_lines.c.sale_id.in_(bindparam("sales", expanding=True)),
        reservations.c.state == "open",
        reservation_parts.c.remaining > 0,
    )
    .order_by(sale_lines.c.sale_id, sale_lines.c.line_no, reservation_parts.c.id)
    .limit(5_000)
)
_OPEN = (
    select(sales.c.id)
    .where(sales.c.warehouse_id == bindparam("warehouse"), sales.c.state == "open")
    .order_by(sales.c.id)
    .limit(MOST_SALES)
)


@dataclass(frozen=True, slots=True)
class Release:
    """Pick these orders in one walk. `code` empty: one is made up."""

    op_id: str
    warehouse_id: int
    sale_ids: tuple[str, ...]
    code: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Promised:
    """What one bin promised to one line of an order (base units)."""

    sale_id: str
    sale_line_id: str
    reservation_id: int
    part_id: int
    quantity: Micro
    item_id: int
    lot_id: int
    location_id: int
    spot: Spot


def suggest(conn: Connection, warehouse_id: int, limits: Limits | None = None) -> list[Planned]:
    """The waves that should be walked now, the most urgent first; nothing is changed."""
    ids = list(conn.execute(_OPEN, {"warehouse": warehouse_id}).scalars())
    lying = promised_to(conn, ids)
    waiting = [
        Waiting(
            each.id,
            each.carrier,
            each.cut_off_at,
            each.urgent,
            tuple(one.spot for one in lying.get(each.id, ())),
        )
        for each in sales_by_id(conn, ids)
        if each.id in lying
    ]
    return plan(waiting, limits)


def promised_to(conn: Connection, sale_ids: Sequence[str]) -> dict[str, list[Promised]]:
    """Sale → the bins that promised it something; an order with nothing is left out."""
    found: dict[str, list[Promised]] = {}
    if not sale_ids:
        return found
    for row in conn.execute(_PROMISED, {"sales": list(sale_ids)}):
        each = Promised(
            row.sale_id,
            row.sale_line_id,
            row.reservation_id,
            row.part_id,
            row.remaining,
            row.item_id,
            row.lot_id,
            row.location_id,
            spot(row.code, row.zone),
        )
        found.setdefault(row.sale_id, []).append(each)
    return found


def release(tx: Tx, actor: Actor, ask: Release) -> Wave:
    """Make the wave and its task; goods that came meanwhile are promised first.

    Raises:
        AppError: forbidden, not_found, sale_state, nothing_to_pick, duplicate_code, invalid,
            key_reused.
    """
    thing = Thing("wave", warehouse_id=ask.warehouse_id)
    require(actor, "wave.write", thing)
    return run_once(tx, "wave.release", ask, Wave, lambda: release_now(tx, actor, ask))


def release_now(tx: Tx, actor: Actor, ask: Release) -> Wave:
    """`release` inside another command."""
    chosen = _chosen(tx, actor, ask)
    lying = promised_to(tx.conn, [each.id for each in chosen])
    chosen = [each for each in chosen if each.id in lying]
    if not chosen:
        raise AppError(rules.NOTHING_TO_PICK)
    wave_id = tx.new_id()
    code = _code(tx, ask.code.strip())
    departure = _departure(chosen)
    header = {
        "id": wave_id,
        "op_id": ask.op_id,
        "code": code,
        "warehouse_id": ask.warehouse_id,
        "carrier": departure.carrier,
        "cut_off": departure.at,
        "why": ask.why[:64],
        "state": "open",
        "made_by": actor.person_id,
        "made_at": tx.now,
    }
    tx.add(waves, header)
    add_stops(tx, wave_id, [stop for each in chosen for stop in lying[each.id]], 0)
    for each in chosen:
        tx.execute(SAVE, {"sale_": each.id, "state": "picking", "wave_id": wave_id})
    made = wave(tx.conn, wave_id)
    task = _open_task(tx, actor, made, chosen, departure)
    tx.execute(_SAVE_WAVE, {"wave_": wave_id, "task_id": task})
    payload = {
        "code": code,
        "warehouse_id": ask.warehouse_id,
        "sales": [each.id for each in chosen],
        "stops": len(made.lines),
    }
    events.append(tx, "wave.released", f"wave:{wave_id}", actor.label, payload)
    return wave(tx.conn, wave_id)


def _chosen(tx: Tx, actor: Actor, ask: Release) -> list[Sale]:
    if not 0 < len(set(ask.sale_ids)) <= MOST_SALES:
        raise AppError(INVALID, field="销售单", why=f"一个波次 1–{MOST_SALES} 单")
    found = sales_by_id(tx.conn, ask.sale_ids)
    if len(found) != len(set(ask.sale_ids)):
        raise AppError(INVALID, field="销售单", why="有一张不存在，刷新后重选")
    for each in found:
        if each.warehouse_id != ask.warehouse_id:
            raise AppError(INVALID, field="销售单", why=f"{each.code} 不在这个仓库发货")
        if each.state != "open":
            raise AppError(rules.SALE_STATE, code=each.code, state=each.state_zh, verb="排波次")
        for line in each.lines:
            if line.wanted.missing:  # what was lost and not counted as missing yet, too
                _promise_now(tx, actor, each, line, ask.op_id)
    return found


def _promise_now(tx: Tx, actor: Actor, made: Sale, line: SaleLine, op_id: str) -> None:
    """What came meanwhile; whoever was asked about it need not answer any more."""
    if promise_line(tx, actor, made, line, f"{op_id[:80]}:{line.id}"):
        after = sale(tx.conn, made.id)
        shortage_task.keep_task(tx, actor, after, after.line(line.id))


def _code(tx: Tx, typed: str) -> str:
    """What was typed, else 「W261126-3」: the third wave of the day, over all warehouses."""
    if len(typed) > rules.LONGEST_CODE:
        raise AppError(INVALID, field="波次号", why=f"最多 {rules.LONGEST_CODE} 个字")
    if typed and _is_taken(tx, typed):
        raise AppError(papers.DUPLICATE_CODE, what="波次", code=typed)
    if typed:
        return typed
    day = f"W{to_datetime(tx.now):%y%m%d}"
    query = select(func.count()).select_from(waves).where(waves.c.code.startswith(f"{day}-"))
    number = tx.execute(query).scalar_one() + 1
    return rules.free_code(day, number, lambda code: _is_taken(tx, code))


def _is_taken(tx: Tx, code: str) -> bool:
    return tx.execute(_OF_CODE, {"code_": code}).first() is not None


def _departure(chosen: Sequence[Sale]) -> cards.Departure:
    """The first lorry that any of them must catch."""
    times = [each.cut_off_at for each in chosen if each.cut_off_at is not None]
    names = {each.carrier for each in chosen}
    return cards.Departure(names.pop() if len(names) == 1 else "", min(times, default=None))


def walk_to_new(tx: Tx, stop: PickLine) -> None:
    """Walk to what was promised instead of a stop's goods too, unless its walk is over."""
    walk = wave(tx.conn, stop.wave_id)
    if walk.state != "open":
        return
    known = {each.part_id for each in walk.lines}
    fresh = [
        each
        for each in promised_to(tx.conn, [stop.sale_id]).get(stop.sale_id, [])
        if each.sale_line_id == stop.sale_line_id and each.part_id not in known
    ]
    add_stops(tx, walk.id, fresh, max(each.step for each in walk.lines))


def add_stops(tx: Tx, wave_id: str, stops: Sequence[Promised], after: int) -> None:
    """Pick lines for what bins promised, numbered along the walk behind step `after`."""
    order = steps([each.spot for each in stops])
    rows = [
        {
            "id": tx.new_id(),
            "wave_id": wave_id,
            "step": after + order[each.spot.code],
            "sale_id": each.sale_id,
            "sale_line_id": each.sale_line_id,
            "reservation_id": each.reservation_id,
            "part_id": each.part_id,
            "location_id": each.location_id,
            "item_id": each.item_id,
            "lot_id": each.lot_id,
            "quantity": each.quantity,
            "serials": [],
            "state": "open",
        }
        for each in stops
    ]
    tx.add(pick_lines, rows)


def _open_task(
    tx: Tx, actor: Actor, made: Wave, chosen: Sequence[Sale], departure: cards.Departure
) -> str:
    urgent = any(each.urgent for each in chosen)
    policy = policy_of(tx.conn, "pick")
    warehouse = catalog.warehouse(tx.conn, made.warehouse_id)
    amount = f"{len(made.lines)} 行"
    new = cards.pick_task(
        cards.until(policy, tx.now, departure, cards.SLACK),
        wave_id=made.id,
        code=made.code,
        goods=Goods(warehouse.name, amount, amount, warehouse.name, warehouse.id),
        orders=len(chosen),
        departure=departure,
        urgent=urgent,
    )
    return board.open_task(tx, actor, new).id


def end_wave(tx: Tx, actor: Actor, wave_id: str, sentence: str = "已全部拣完") -> int:
    """Close the wave and its task when no stop is open any more; how many still are."""
    made = wave_head(tx.conn, wave_id)
    left = made.stops - made.done
    if left or made.state != "open":
        return left
    tx.execute(_SAVE_WAVE, {"wave_": wave_id, "state": "done"})
    if made.task_id:
        outcome = {"wave_id": wave_id}
        board.settle_task(tx, actor, made.task_id, outcome=outcome, sentence=sentence)
    events.append(tx, "wave.done", f"wave:{wave_id}", actor.label, {"code": made.code})
    return 0
