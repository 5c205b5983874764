"""Which balances to take from: first expired, first out, skipping what would expire too soon. Pure.

Same discipline as `rules.py` (which it would make too long): no SQL, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.quantity import Micro
from core.stock.rules import SELLABLE, is_expired

FAR = "9999-99-99"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A balance that could serve a reservation; `free` = on hand − reserved, in micro."""

    balance_id: int
    item_id: int
    lot_id: int
    location_id: int
    location_code: str
    location_kind: str
    status: str
    owner_id: int
    free: Micro
    expires_on: str | None = None
    lot_state: str = "ok"


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of one candidate is taken."""

    candidate: Candidate
    quantity: Micro


def usable(candidate: Candidate, ship_on: str) -> bool:
    """True if it may be promised for the ISO date `ship_on`."""
    return (
        candidate.free > 0
        and candidate.status == "ok"
        and candidate.owner_id == 0
        and candidate.lot_state == "ok"
        and candidate.location_kind in SELLABLE
        and not is_expired(candidate.expires_on, ship_on)
    )


def pick_order(candidates: Iterable[Candidate], ship_on: str) -> list[Candidate]:
    """The usable ones: earliest expiry first, bins before docks, then a fixed order."""
    return sorted(
        (each for each in candidates if usable(each, ship_on)),
        key=lambda each: (
            each.expires_on or FAR,
            each.location_kind != "bin",
            each.lot_id,
            each.location_code,
            each.balance_id,
        ),
    )


def take(ordered: Sequence[Candidate], quantity: Micro) -> list[Taken]:
    """Fill `quantity` from the front; what is missing shows as a smaller sum."""
    taken: list[Taken] = []
    left = quantity
    for candidate in ordered:
        if left <= 0:
            break
        part = min(left, candidate.free)
        taken.append(Taken(candidate, part))
        left -= part
    return taken
