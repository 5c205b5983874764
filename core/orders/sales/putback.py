"""Putting back: what was picked and is not wanted by its order any more goes back into its bins.

Each row is goods that still stand in `<warehouse>-OUT` and belong to no order any more. The task
asks for all of an order's rows at once; who carries some of them by hand (stage.py) empties the
rows too. An order's task ends with its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from core import catalog, events
from core.catalog import tables as catalogs
from core.db import Tx
from core.errors import AppError
from core.orders import dock
from core.orders import rules as papers
from core.orders.measure import goods_named, short_amount
from core.orders.replay import post_new, run_once
from core.orders.sales import cards, rules
from core.orders.sales.book import PickLine, Sale, sale
from core.orders.sales.pick import stage_of
from core.orders.sales.tables import put_backs, sales
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro
from core.stock import Line, Posting, on_hand
from core.stock.tables import serials as serial_places
from core.tasks import board
from core.tasks.policies import policy_of

MOST = 2_000
_SAVE = put_backs.update().where(put_backs.c.id == bindparam("row_"))
_ROWS = (
    select(
        put_backs,
        sales.c.code.label("sale_code"),
        catalogs.locations.c.code.label("bin"),
        catalogs.items.c.name.label("item_name"),
        catalogs.items.c.unit,
        func.coalesce(catalogs.lots.c.code, "").label("lot"),
    )
    .join(sales, sales.c.id == put_backs.c.sale_id)
    .join(catalogs.locations, catalogs.locations.c.id == put_backs.c.location_id)
    .join(catalogs.items, catalogs.items.c.id == put_backs.c.item_id)
    .outerjoin(catalogs.lots, catalogs.lots.c.id == put_backs.c.lot_id)
    .order_by(put_backs.c.id)
    .limit(MOST)
)
_OF_SALE = _ROWS.where(put_backs.c.sale_id == bindparam("sale"))
_WAITING = _ROWS.where(
    put_backs.c.warehouse_id == bindparam("warehouse"),
    put_backs.c.item_id == bindparam("item"),
    put_backs.c.lot_id == bindparam("lot"),
    put_backs.c.done < put_backs.c.quantity,
)
_STATUS_OF = select(serial_places.c.code, serial_places.c.status).where(
    serial_places.c.item_id == bindparam("item"),
    serial_places.c.code.in_(bindparam("codes", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Goods that wait in the stage for the bin they came from (base units).

    `serials`: those that still wait, of goods that are kept by serial number.
    """

    id: str
    sale_id: str
    sale_code: str
    warehouse_id: int
    item_id: int
    item_name: str
    unit: str
    lot_id: int
    lot: str
    location_id: int
    bin: str
    quantity: Micro
    done: Micro
    serials: tuple[str, ...]

    @property
    def left(self) -> Micro:
        return self.quantity - self.done


@dataclass(frozen=True, slots=True)
class Left:
    """What one stop of a walk leaves behind in the stage when its order is given up."""

    stop: PickLine
    quantity: Micro
    serials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PutBack:
    """Everything of an order that waits was carried into the bins it came from."""

    op_id: str
    sale_id: str


@dataclass(frozen=True, slots=True)
class PutDone:
    """What lies in bins again (base units, over all goods), in words too."""

    sale_id: str
    quantity: Micro
    sentence: str


def rows_of(conn: Connection, sale_id: str) -> list[Waiting]:
    """All that an order ever left in the stage, the oldest first; `left` 0: it is back."""
    return _load(conn, _OF_SALE, {"sale": sale_id})


def waiting(conn: Connection, warehouse_id: int, item_id: int, lot_id: int) -> list[Waiting]:
    """What may leave the stage by hand of one item and lot, the oldest first."""
    wanted = {"warehouse": warehouse_id, "item": item_id, "lot": lot_id}
    return _load(conn, _WAITING, wanted)


def _load(conn: Connection, query: Select[Any], values: dict[str, Any]) -> list[Waiting]:
    names = [each for each in Waiting.__dataclass_fields__ if each != "serials"]
    return [
        Waiting(**{name: getattr(row, name) for name in names}, serials=tuple(row.serials))
        for row in conn.execute(query, values)
    ]


# -- it waits ------------------------------------------------------------------------------------
def leave_in_stage(
    tx: Tx, actor: Actor, made: Sale, left: Sequence[Left], *, why: str = "取消了"
) -> None:
    """Note what an order leaves in the stage, and ask for it to be put back; `why` it does."""
    if not left:
        return
    rows = [
        {
            "id": tx.new_id(),
            "sale_id": made.id,
            "warehouse_id": made.warehouse_id,
            "item_id": each.stop.item_id,
            "lot_id": each.stop.lot_id,
            "location_id": each.stop.location_id,
            "quantity": each.quantity,
            "serials": list(each.serials),
        }
        for each in left
    ]
    tx.add(put_backs, rows)
    first = left[0]
    new = cards.put_back_task(
        policy_of(tx.conn, "putaway"),
        goods_named(tx.conn, first.stop.item_id, first.quantity, made.warehouse_id),
        sale=(made.id, made.code, made.customer_name),
        bins=[(each.stop.bin, _words(tx.conn, each)) for each in left],
        why=why,
    )
    board.open_task(tx, actor, new)


def _words(conn: Connection, each: Left) -> str:
    """「燕麦奶 24 瓶（批次 M-1）」."""
    stop = each.stop
    amount = short_amount(conn, catalog.item(conn, stop.item_id), each.quantity)
    return f"{stop.item_name} {amount}" + (f"（批次 {stop.lot}）" if stop.lot else "")


# -- it goes back --------------------------------------------------------------------------------
def put_back(tx: Tx, actor: Actor, ask: PutBack) -> PutDone:
    """Book everything of an order that waits from the stage into the bins it was picked from.

    Raises:
        AppError: forbidden, not_found, nothing_open, key_reused, or a refusal of the ledger
            (place_closed: move it to another bin by hand instead).
    """
    made = sale(tx.conn, ask.sale_id)
    require(actor, "putaway", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    return run_once(tx, "put_back", ask, PutDone, lambda: _put_back(tx, actor, ask, made))


def _put_back(tx: Tx, actor: Actor, ask: PutBack, made: Sale) -> PutDone:
    rows = [each for each in rows_of(tx.conn, made.id) if each.left]
    if not rows:
        raise AppError(papers.NOTHING_OPEN, what=f"销售单 {made.code} 的退拣放回")
    lines = _lines(tx, stage_of(tx.conn, made.warehouse_id), rows)
    posting = Posting(f"{ask.op_id}:back", "put_back", lines, doc=f"sale:{made.id}")
    dock.back(tx, actor, post_new(tx, actor, posting).moves)
    draw(tx, actor, [(each, each.left, each.serials, each.location_id) for each in rows])
    bins = "、".join(dict.fromkeys(each.bin for each in rows))
    words = f"{made.code} 退拣的 {len(rows)} 行已放回 {bins}"
    return PutDone(made.id, sum(each.left for each in rows), words[:200])


Drawn = tuple[Waiting, Micro, tuple[str, ...], int]  # of which row, how much, serials, whereto


def draw(tx: Tx, actor: Actor, drawn: Sequence[Drawn]) -> None:
    """Goods of these rows left the stage: lower the rows, end the tasks of orders done with."""
    for row, quantity, named, _ in drawn:
        rest = [code for code in row.serials if code not in named]
        values = {"done": row.done + quantity, "serials": rest}
        tx.execute(_SAVE, {"row_": row.id, **values})
    for sale_id, code in {row.sale_id: row.sale_code for row, *_ in drawn}.items():
        mine = [each for each in drawn if each[0].sale_id == sale_id]
        gone = [[row.item_id, row.lot_id, much, to] for row, much, _, to in mine]
        payload = {"code": code, "lines": gone}
        events.append(tx, "sale.put_back", f"sale:{sale_id}", actor.label, payload)
        if not any(each.left for each in rows_of(tx.conn, sale_id)):
            for task in board.tasks_of(tx.conn, f"sale:{sale_id}"):
                if task.kind == "put_back":
                    board.settle_task(tx, actor, task.id, outcome={}, sentence="已全部移走")


def _lines(tx: Tx, stage: int, rows: Sequence[Waiting]) -> tuple[Line, ...]:
    """What is posted: whoever was held while it stood there goes back held, before good stock."""
    standing: dict[tuple[int, int], list[tuple[str, Micro]]] = {}
    found: list[Line] = []
    for row in rows:
        key = (row.item_id, row.lot_id)
        if key not in standing:
            standing[key] = _standing(tx.conn, stage, *key)
        if row.serials:
            parts = _by_serial(tx.conn, row)
        else:
            shares = rules.shares(row.left, standing[key])
            taken = dict(shares)
            standing[key] = [(each, much - taken.get(each, 0)) for each, much in standing[key]]
            parts = [(each, much, ()) for each, much in shares]
            lacks = row.left - sum(much for _, much in shares)
            parts += [("ok", lacks, ())] if lacks else []  # for the ledger to refuse, with figures
        found += [
            Line(
                row.item_id,
                much,
                stage,
                row.location_id,
                lot_id=row.lot_id,
                from_status=status,
                to_status=status,
                serials=named,
            )
            for status, much, named in parts
        ]
    return tuple(found)


def _standing(conn: Connection, stage: int, item_id: int, lot_id: int) -> list[tuple[str, Micro]]:
    rows = on_hand(conn, item_id, stage, lot_id, limit=50)
    mine = [each for each in rows if each.owner_id == 0 and each.on_hand > 0]
    return [(e.status, e.on_hand) for e in sorted(mine, key=lambda each: each.status == "ok")]


def _by_serial(conn: Connection, row: Waiting) -> list[tuple[str, Micro, tuple[str, ...]]]:
    """The row's serials by the status they stand in."""
    asked = {"item": row.item_id, "codes": list(row.serials)}
    status = {each.code: each.status for each in conn.execute(_STATUS_OF, asked)}
    named: dict[str, list[str]] = {}
    for code in row.serials:
        named.setdefault(status.get(code, "ok"), []).append(code)
    return [(each, len(codes) * ONE, tuple(codes)) for each, codes in named.items()]
