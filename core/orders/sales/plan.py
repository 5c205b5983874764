"""Which orders are picked together: waves by carrier cut-off, then by what lies close. Pure.

A wave is what one person takes along in one walk. Urgent orders never wait for others; orders of
one line go together (each is done where it was picked); the rest is cut so that a cart can hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from core.clock import SHANGHAI, Instant, instant, to_datetime
from core.errors import INVALID, AppError
from core.orders.sales.walk import Spot

NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order that may be picked: where its goods lie, and by when its carrier leaves."""

    sale_id: str
    carrier: str
    cut_off: Instant | None
    urgent: bool
    spots: tuple[Spot, ...]

    @property
    def lines(self) -> int:
        return len(self.spots)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one walk can carry."""

    orders: int = 12
    lines: int = 60


@dataclass(frozen=True, slots=True)
class Planned:
    """One wave; `why` in a storekeeper's words."""

    carrier: str
    cut_off: Instant | None
    sale_ids: tuple[str, ...]
    lines: int
    why: str


def plan(waiting: Iterable[Waiting], limits: Limits | None = None) -> list[Planned]:
    """Waves in the order in which they should be walked."""
    bounds = limits or Limits()

    found: list[Planned] = []
    for (calm, _, _, several), group in groupby(sorted(waiting, key=_near), key=_kind):
        why = "急单先拣" if not calm else "多行订单，按走位合并" if several else "单品单行，一起拣"
        found += [_wave(part, why) for part in _cut(list(group), bounds)]
    return found


def _kind(each: Waiting) -> tuple[bool, Instant, str, bool]:
    """Orders that may go together are equal in this; the smallest goes first."""
    cut_off = NEVER if each.cut_off is None else each.cut_off
    return (not each.urgent, cut_off, each.carrier, each.lines != 1)


def _near(each: Waiting) -> tuple[tuple[bool, Instant, str, bool], list[Spot], str]:
    return _kind(each), sorted(each.spots)[:1], each.sale_id


def _cut(group: Sequence[Waiting], bounds: Limits) -> list[list[Waiting]]:
    """Neighbours together, at most as much as the limits say; one order is never cut."""
    parts: list[list[Waiting]] = []
    for each in group:
        last = parts[-1] if parts else None
        room = last is not None and len(last) < bounds.orders
        if last is None or not room or sum(one.lines for one in last) + each.lines > bounds.lines:
            parts.append([each])
        else:
            last.append(each)
    return parts


def _wave(part: Sequence[Waiting], why: str) -> Planned:
    first = part[0]
    ids = tuple(each.sale_id for each in part)
    return Planned(first.carrier, first.cut_off, ids, sum(each.lines for each in part), why)


# -- cut-offs ------------------------------------------------------------------------------------
def check_cut_offs(texts: Iterable[str]) -> tuple[str, ...]:
    """Times of day like "16:30", sorted, each once.

    Raises:
        AppError(invalid): one is no time of day.
    """
    return tuple(sorted({_time(text).strftime("%H:%M") for text in texts}))


def _time(text: str) -> time:
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007  # a wall's clock
    except ValueError:
        why = f"截单时间应写成 16:30，不是「{text[:20]}」"
        raise AppError(INVALID, field="截单时间", why=why) from None


def next_cut_off(cut_offs: Sequence[str], ship_on: str, now: Instant) -> Instant | None:
    """The first departure on or after `ship_on` that is still to come; None: no fixed times."""
    if not cut_offs:
        return None
    day = max(date.fromisoformat(ship_on), to_datetime(now).date())
    times = sorted(_time(text) for text in cut_offs)
    for each in times:
        found = instant(datetime.combine(day, each, SHANGHAI))
        if found > now:
            return found
    return instant(datetime.combine(day + timedelta(days=1), times[0], SHANGHAI))
