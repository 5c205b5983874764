"""What a person bound to warehouses may touch, and which rows of an answer they see.

For things that stand in several places at once; what has one warehouse is a `Thing` of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from core.catalog import Location, locations_by_id
from core.people import Actor, Thing, may, require

_Row = TypeVar("_Row")
_MANY = 500


def check_reach(conn: Connection, actor: Actor, verb: str, location_ids: Iterable[int]) -> None:
    """Refuse places of a warehouse that the person is not bound to.

    Raises:
        AppError(forbidden): one of the places is out of reach.
    """
    if not actor.warehouse_ids:
        return
    for place in _places(conn, location_ids).values():
        require(actor, verb, _thing(place))


def in_reach(
    conn: Connection, actor: Actor, rows: Sequence[_Row], ends: Sequence[tuple[int, ...]]
) -> Sequence[_Row]:
    """The rows that touch a warehouse of the person, by the locations at their `ends`.

    A row between two warehouses is seen by both; one that touches none is everybody's.

    Raises:
        AppError(forbidden): there are rows, and not one of them is in reach.
    """
    if not actor.warehouse_ids or not rows:
        return rows
    places = _places(conn, (each for end in ends for each in end))
    seen = [row for row, end in zip(rows, ends, strict=True) if _touches(actor, end, places)]
    if not seen:
        check_reach(conn, actor, "stock.read", places)
    return seen


def _touches(actor: Actor, end: tuple[int, ...], places: dict[int, Location]) -> bool:
    here = [places[each] for each in end]
    inside = [each for each in here if each.warehouse_id is not None]
    return any(may(actor, "stock.read", _thing(each)) for each in inside or here)


def _thing(place: Location) -> Thing:
    return Thing("location", place.code, warehouse_id=place.warehouse_id)


def _places(conn: Connection, location_ids: Iterable[int]) -> dict[int, Location]:
    wanted = sorted(set(location_ids))
    found: dict[int, Location] = {}
    for start in range(0, len(wanted), _MANY):
        found |= locations_by_id(conn, wanted[start : start + _MANY])
    return found
