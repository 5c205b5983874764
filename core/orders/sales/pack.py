"""Packing: what was picked for an order goes into boxes, counted once more by scanning.

Nothing moves: goods stay in `<warehouse>-OUT` until they leave (ship.py). A box never holds what
was not picked for its order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core import events
from core.db import Tx
from core.errors import INVALID, AppError
from core.orders import replay
from core.orders import rules as papers
from core.orders.replay import run_once
from core.orders.sales import rules
from core.orders.sales.book import PickLine, Sale, picks_of, sale
from core.orders.sales.boxes import Package, packages_of
from core.orders.sales.rules import LONGEST_CODE
from core.orders.sales.state import keep_state
from core.orders.sales.tables import package_lines, packages, pick_lines, sale_lines
from core.people import Actor, Thing, require
from core.quantity import ONE, Micro, check_positive, show

MOST_BOXES = 200
SHOWN_SERIALS = 5
_OF_CODE = select(packages.c.id).where(packages.c.code == bindparam("code_")).limit(1)


@dataclass(frozen=True, slots=True)
class BoxLine:
    """Goods that were put into a box (base units). `lot_id` 0: whichever lot was picked."""

    item_id: int
    quantity: Micro
    lot_id: int = 0
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """One box; `weight_micro` in kilograms. `code` empty: one is made up."""

    lines: tuple[BoxLine, ...]
    weight_micro: Micro = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """Boxes of one order that were closed."""

    op_id: str
    sale_id: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class PackRest:
    """Everything that was picked and is in no box goes into one box."""

    op_id: str
    sale_id: str


@dataclass(frozen=True, slots=True)
class Packed:
    """The boxes that were made, and whether anything is still unpacked (base units)."""

    sale_id: str
    state: str
    boxes: tuple[Package, ...]
    unpacked: Micro


def pack(tx: Tx, actor: Actor, ask: Pack) -> Packed:
    """Close boxes.

    Raises:
        AppError: forbidden, empty_document, not_what_was_picked, bad_quantity, duplicate_code,
            invalid, serial_not_picked, pack_serials, key_reused.
    """
    replay.ask_ahead(tx, "pack", ask)
    made = sale(tx.conn, ask.sale_id)
    require(actor, "pack", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    return run_once(tx, "pack", ask, Packed, lambda: _pack(tx, actor, ask, made))


def pack_rest(tx: Tx, actor: Actor, ask: PackRest) -> Packed:
    """Put all that waits into one box.

    Raises:
        AppError: forbidden, nothing_open, key_reused.
    """
    made = sale(tx.conn, ask.sale_id)
    require(actor, "pack", Thing("sale", made.id, warehouse_id=made.warehouse_id))

    def run() -> Packed:
        lines = tuple(
            BoxLine(each.item_id, each.picked - each.packed, each.lot_id, each.serials)
            for each in loose(tx.conn, made.id)
        )
        if not lines:
            raise AppError(papers.NOTHING_OPEN, what=f"销售单 {made.code} 的打包")
        return _pack(tx, actor, Pack(ask.op_id, made.id, (Box(lines),)), made)

    return run_once(tx, "pack.rest", ask, Packed, run)


def loose(conn: Connection, sale_id: str) -> list[PickLine]:
    """Stops of which something is in no box yet, each with the serials that are in none."""
    boxes = [each for each in packages_of(conn, sale_id) if each.state != "void"]
    lines = [line for box in boxes for line in box.lines]
    boxed = Counter((line.item_id, code) for line in lines for code in line.serials)
    found: list[PickLine] = []
    for stop in picks_of(conn, sale_id):
        mine = {code for code in stop.serials if boxed[stop.item_id, code]}
        boxed.subtract((stop.item_id, code) for code in mine)
        if stop.picked > stop.packed:
            rest = tuple(code for code in stop.serials if code not in mine)
            found.append(replace(stop, serials=rest))
    return found


def _pack(tx: Tx, actor: Actor, ask: Pack, made: Sale) -> Packed:
    if not ask.boxes or not all(box.lines for box in ask.boxes):
        raise AppError(papers.EMPTY_DOCUMENT, what="箱单")
    if len(ask.boxes) > MOST_BOXES:
        raise AppError(INVALID, field="箱数", why=f"一次最多 {MOST_BOXES} 箱")
    waiting = {each.id: each for each in loose(tx.conn, made.id)}
    left = {key: each.picked - each.packed for key, each in waiting.items()}
    before = len(packages_of(tx.conn, made.id))
    for number, box in enumerate(ask.boxes, before + 1):
        code = _code(tx, made, box, number)
        shares = _laid_out(box, waiting, left)
        _close(tx, actor, made, (f"{ask.op_id}:{number}", code, box.weight_micro), shares)
    after = keep_state(tx, actor, made.id)
    boxes = packages_of(tx.conn, made.id)
    payload = {"code": made.code, "boxes": [each.code for each in boxes[before:]]}
    events.append(tx, "sale.boxed", f"sale:{made.id}", actor.label, payload)
    return Packed(made.id, after.state, tuple(boxes[before:]), sum(left.values()))


def _code(tx: Tx, made: Sale, box: Box, number: int) -> str:
    """What stands on the label: what was typed, else the order's next free number."""
    typed = box.code.strip()
    if len(typed) > LONGEST_CODE:
        raise AppError(INVALID, field="箱号", why=f"最多 {LONGEST_CODE} 个字")
    if typed and _is_taken(tx, typed):
        raise AppError(papers.DUPLICATE_CODE, what="箱号", code=typed)
    return typed or rules.free_code(made.code, number, lambda code: _is_taken(tx, code))


def _is_taken(tx: Tx, code: str) -> bool:
    return tx.execute(_OF_CODE, {"code_": code}).first() is not None


@dataclass(frozen=True, slots=True)
class _Share:
    """What of one pick line goes into a box."""

    pick: PickLine
    quantity: Micro
    serials: tuple[str, ...]


def _laid_out(box: Box, waiting: dict[str, PickLine], left: dict[str, Micro]) -> list[_Share]:
    """Box lines → pick lines; `left` and the serials of `waiting` lose what the box takes."""
    found: list[_Share] = []
    for line in box.lines:
        check_positive(line.quantity)
        mine = [
            each
            for key, each in waiting.items()
            if each.item_id == line.item_id and line.lot_id in (0, each.lot_id) and left[key]
        ]
        most = [(each.id, left[each.id]) for each in mine]
        parts = rules.shares(line.quantity, most)
        if sum(part for _, part in parts) < line.quantity:
            _refuse(line, waiting, sum(much for _, much in most))
        shares = [_Share(waiting[key], part, ()) for key, part in parts]
        if any(each.tracking == "serial" for each in mine):
            shares = _named(line, mine) if line.serials else _first(line, shares)
        for share in shares:
            key, stop = share.pick.id, share.pick
            left[key] -= share.quantity
            rest = tuple(code for code in stop.serials if code not in share.serials)
            waiting[key] = replace(stop, serials=rest)
        found += shares
    return found


def _refuse(line: BoxLine, waiting: dict[str, PickLine], left: Micro) -> None:
    same = [each for each in waiting.values() if each.item_id == line.item_id]
    raise AppError(
        rules.NOT_WHAT_WAS_PICKED,
        item=same[0].item_name if same else "这一件",
        picked=show(sum(each.picked for each in same)),
        left=show(left),
        asked=show(line.quantity),
    )


def _named(line: BoxLine, mine: Sequence[PickLine]) -> list[_Share]:
    """The pieces that were scanned, each from the stop that it was picked at."""
    waits = [code for each in mine for code in each.serials]
    strange = sorted(set(line.serials) - set(waits))
    if strange:
        raise AppError(
            rules.SERIAL_NOT_PICKED,
            item=mine[0].item_name,
            serial=strange[0][:40],
            waiting="、".join(waits[:SHOWN_SERIALS]),
        )
    if len(line.serials) != len(set(line.serials)) or len(line.serials) * ONE != line.quantity:
        raise _unnamed(line, mine[0])
    named = [(each, tuple(code for code in each.serials if code in line.serials)) for each in mine]
    return [_Share(each, len(codes) * ONE, codes) for each, codes in named if codes]


def _first(line: BoxLine, shares: Sequence[_Share]) -> list[_Share]:
    """Nobody scanned any: the first that were picked go along."""
    named = [replace(each, serials=each.pick.serials[: each.quantity // ONE]) for each in shares]
    for each in named:
        if len(each.serials) * ONE != each.quantity:
            raise _unnamed(line, each.pick)
    return named


def _unnamed(line: BoxLine, stop: PickLine) -> AppError:
    given, asked = len(set(line.serials)), show(line.quantity)
    return AppError(rules.PACK_SERIALS, item=stop.item_name, asked=asked, given=given)


def _close(
    tx: Tx, actor: Actor, made: Sale, named: tuple[str, str, Micro], shares: Sequence[_Share]
) -> None:
    """Write a box: its op id, code and weight, and what goes into it."""
    op_id, code, weight = named
    package_id = tx.new_id()
    header: dict[str, Any] = {
        "id": package_id,
        "op_id": op_id,
        "code": code,
        "sale_id": made.id,
        "weight_micro": max(0, weight),
        "state": "packed",
        "packed_by": actor.person_id,
        "packed_at": tx.now,
    }
    tx.add(packages, header)
    rows = []
    for share in shares:
        rows.append(
            {
                "id": tx.new_id(),
                "package_id": package_id,
                "sale_line_id": share.pick.sale_line_id,
                "item_id": share.pick.item_id,
                "lot_id": share.pick.lot_id,
                "quantity": share.quantity,
                "serials": list(share.serials),
            }
        )
        _count_packed(tx, share)
    tx.add(package_lines, rows)


def _count_packed(tx: Tx, share: _Share) -> None:
    for table, key in ((pick_lines, share.pick.id), (sale_lines, share.pick.sale_line_id)):
        tx.execute(
            table.update().where(table.c.id == key).values(packed=table.c.packed + share.quantity)
        )
