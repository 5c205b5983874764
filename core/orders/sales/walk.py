"""How a picker walks: which bin comes after which, and how far that is. Pure.

A bin's code says where it stands: "A-03-12-2" is row A, aisle 3, bay 12, level 2; "A-03-2" is row
A, bay 3, level 2; "A-03" is row A, bay 3. What has no number stands at the front. Aisles lie side
by side and are open at both ends, so a walk goes up one and down the next. Lengths are centimetres
of an assumed hall (below); they compare two walks, they do not measure a real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple, TypeVar

AISLE_CM = 300  # from the middle of one aisle to the next
BAY_CM = 120
ZONE_AISLES = 1  # an empty aisle lies between two zones

_PARTS = re.compile(r"[0-9]+|[^\W\d_]+")
K = TypeVar("K")


class Spot(NamedTuple):
    """Where a bin stands. Sorting spots sorts them by zone, row, aisle, bay, level."""

    zone: str
    row: str
    aisle: int
    bay: int
    level: int
    code: str


def spot(code: str, zone: str = "") -> Spot:
    """Where the bin `code` of the zone `zone` stands."""
    parts = _PARTS.findall(code)
    letters = "".join(part for part in parts if not part[0].isdigit())
    numbers = [int(part[:9]) for part in parts if part[0].isdigit()]
    aisle, bay, level = numbers[:3] if len(numbers) > 2 else (0, *numbers, 0, 0)[:3]
    return Spot(zone, letters, aisle, bay, level, code)


def in_walking_order(spots: Iterable[Spot]) -> list[Spot]:
    """Every spot once, aisle after aisle, up the first and down the second."""
    ordered: list[Spot] = []
    aisles = groupby(sorted(set(spots)), key=lambda each: each[:3])
    for number, (_, inside) in enumerate(aisles):
        found = list(inside)
        ordered += reversed(found) if number % 2 else found
    return ordered


def steps(spots: Sequence[Spot]) -> dict[str, int]:
    """Bin code → its place on the walk, from 1."""
    return {each.code: number for number, each in enumerate(in_walking_order(spots), 1)}


class Hall:
    """The aisles of a warehouse, to measure walks in. `spots` are all its bins."""

    def __init__(self, spots: Iterable[Spot]) -> None:
        known = sorted(set(spots))
        self._aisle: dict[tuple[str, str, int], int] = {}
        zone, number = None, 0
        for key in sorted({each[:3] for each in known}):
            number += 1 if zone in (None, key[0]) else 1 + ZONE_AISLES
            zone = key[0]
            self._aisle[key] = number
        self._end = (max((each.bay for each in known), default=0) + 1) * BAY_CM

    def length_cm(self, walk: Sequence[Spot]) -> int:
        """How far it is from the near end of the hall's first aisle along `walk` and back there."""
        if not walk:
            return 0
        door = Spot(*min(self._aisle), 0, 0, "")
        return sum(self._between(one, other) for one, other in pairwise([door, *walk, door]))

    def _between(self, one: Spot, other: Spot) -> int:
        up, down = one.bay * BAY_CM, other.bay * BAY_CM
        across = abs(self._number(one) - self._number(other)) * AISLE_CM
        if not across:
            return abs(up - down)
        return across + min(up + down, 2 * self._end - up - down)

    def _number(self, each: Spot) -> int:
        return self._aisle[each[:3]]
