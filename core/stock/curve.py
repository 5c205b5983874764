"""How much of an item there was at the end of each of the last days, as the books said then.

Walks back from what stands now, so only the days' moves are read. Quantities in micro, base unit,
of goods of ours in places that are really there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select

from core.catalog import tables as catalog
from core.clock import DAY, Instant, to_datetime
from core.quantity import Micro
from core.stock.rules import VIRTUAL
from core.stock.tables import balances, moves

MOST_DAYS = 366

_PLACES = catalog.locations
_FROM, _TO = _PLACES.alias("from_place"), _PLACES.alias("to_place")
_ours = balances.c.owner_id == 0
_NOWHERE = VIRTUAL | {"scrap"}
_NOW = (
    select(func.coalesce(func.sum(balances.c.on_hand), 0))
    .join(_PLACES, _PLACES.c.id == balances.c.location_id)
    .where(balances.c.item_id == bindparam("item_"), balances.c.live, _ours)
    .where(_PLACES.c.kind.not_in(_NOWHERE))
)
_came = and_(_TO.c.kind.not_in(_NOWHERE), moves.c.to_owner_id == 0)
_left = and_(_FROM.c.kind.not_in(_NOWHERE), moves.c.owner_id == 0)
_change = case((_came, moves.c.quantity), else_=0) - case((_left, moves.c.quantity), else_=0)
_CHANGES = (
    select(moves.c.recorded_at, _change)
    .join(_FROM, _FROM.c.id == moves.c.from_location)
    .join(_TO, _TO.c.id == moves.c.to_location)
    .where(moves.c.item_id == bindparam("item_"), moves.c.recorded_at >= bindparam("since_"))
)


@dataclass(frozen=True, slots=True)
class DayEnd:
    """`day` is the date in Shanghai; `on_hand` what stood at its end (today: now)."""

    day: str
    on_hand: Micro


def day_ends(conn: Connection, item_id: int, now: Instant, days: int = 30) -> list[DayEnd]:
    """The last `days` days, oldest first, today included."""
    days = min(max(days, 1), MOST_DAYS)
    today = to_datetime(now)
    midnight = now - int(timedelta(hours=today.hour, minutes=today.minute).total_seconds()) * 10**6
    midnight -= (today.second * 10**6) + today.microsecond
    since = midnight - (days - 1) * DAY
    changes = [0] * days
    rows: Any = conn.execute(_CHANGES, {"item_": item_id, "since_": since})
    for recorded_at, change in rows:
        changes[min((recorded_at - since) // DAY, days - 1)] += int(change)
    level = int(conn.execute(_NOW, {"item_": item_id}).scalar_one())
    found: list[DayEnd] = []
    for back in range(days):
        day = today - timedelta(days=back)
        found.append(DayEnd(f"{day:%m-%d}", level))
        level -= changes[days - 1 - back]
    return found[::-1]
