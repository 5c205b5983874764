"""Quantities of documents: packs to base units and back into words. No rounding, ever."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from core import catalog
from core.catalog import Item, Pack
from core.errors import AppError
from core.orders import rules
from core.orders.cards import Goods
from core.quantity import Factor, Micro, check_positive, show


def base_quantity(
    conn: Connection, item: Item, quantity: Micro, pack_id: int | None, *, zero: bool = False
) -> Micro:
    """`quantity` (in packs when `pack_id` is given) in the item's base unit, exactly.

    Raises:
        AppError(bad_quantity): not above zero (`zero`: below zero).
        AppError(wrong_pack): the pack is another item's.
        AppError(not_whole): the pack does not divide into millionths of the unit.
    """
    if not (zero and quantity == 0):
        check_positive(quantity)
    if pack_id is None:
        return quantity
    pack = catalog.pack(conn, pack_id)
    if pack.item_id != item.id:
        raise AppError(rules.WRONG_PACK, item=item.name)
    base = rules.in_base_units(quantity, pack.factor, pack=pack.name, unit=item.unit)
    return base if zero and base == 0 else check_positive(base)


def short_amount(conn: Connection, item: Item, quantity: Micro) -> str:
    """「24 箱」 if the biggest pack fits exactly, else 「285 件」."""
    return _amounts(conn, item, quantity)[0]


def full_amount(conn: Connection, item: Item, quantity: Micro) -> str:
    """「24 箱 = 288 件」 if a pack fits exactly, else 「285 件」."""
    return " = ".join(_amounts(conn, item, quantity))


def _amounts(conn: Connection, item: Item, quantity: Micro) -> list[str]:
    return amounts_in(item.unit, catalog.packs_of(conn, item.id), quantity)


def amounts_in(unit: str, packs: Iterable[Pack], quantity: Micro) -> list[str]:
    """The quantity in words, in the biggest pack that fits exactly first, in base units last."""
    in_base = f"{show(quantity)} {unit}"
    best: tuple[Factor, str, Micro] | None = None
    for pack in packs:
        factor = pack.factor
        fits, rest = divmod(quantity * factor.denominator, factor.numerator)
        if rest or fits == 0 or fits % 1_000_000:
            continue
        if best is None or _is_bigger(factor, best[0]):
            best = (factor, pack.name, fits)
    if best is None or best[1] == unit:
        return [in_base]
    return [f"{show(best[2])} {best[1]}", in_base]


def _is_bigger(one: Factor, other: Factor) -> bool:
    return one.numerator * other.denominator > other.numerator * one.denominator


def goods_named(
    conn: Connection, item_id: int, quantity: Micro, warehouse_id: int, lot_id: int = 0
) -> Goods:
    """The goods in a card's words."""
    item = catalog.item(conn, item_id)
    return Goods(
        item.name,
        short_amount(conn, item, quantity),
        full_amount(conn, item, quantity),
        catalog.warehouse(conn, warehouse_id).name,
        warehouse_id,
        catalog.lot(conn, lot_id).code if lot_id else "",
    )


def ask_for_dock(conn: Connection, warehouse_id: int) -> None:
    """`dock_of` will be wanted of a warehouse that is known by now."""
    catalog.ask_ahead(conn, (), (_dock_code(conn, warehouse_id),))


def dock_of(conn: Connection, warehouse_id: int) -> int:
    """The location id of the warehouse's dock."""
    return catalog.location_by_code(conn, _dock_code(conn, warehouse_id)).id


def _dock_code(conn: Connection, warehouse_id: int) -> str:
    return catalog.dock_code(catalog.warehouse(conn, warehouse_id).code)
