"""Rules of what a shortcut proposes: who gives the goods, and how much. Pure; facts.py loads.

All quantities are base units. `step` is how much one pack holds, 0 when the item has no pack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.quantity import ONE, Factor, Micro

NEAREST, RICHEST, PART = "nearest", "richest", "part"


@dataclass(frozen=True, slots=True)
class Donor:
    """A warehouse that could give, and how much of the item it has free to give."""

    code: str
    free: Micro


@dataclass(frozen=True, slots=True)
class Ranked:
    """A donor and why it stands there: nearest, richest, or only part of what is wanted."""

    donor: Donor
    why: str


def rank_donors(donors: Sequence[Donor], wanted: Micro, near: Sequence[str]) -> list[Ranked]:
    """Whoever has anything, the best first.

    Those with enough come first: in the order of `near`, then by what they have. Then whoever has
    only a part, most first, because one lorry with most of it is better than none.
    """
    place = {code: number for number, code in enumerate(near)}

    def by_distance(donor: Donor) -> tuple[int, Micro, str]:
        return place.get(donor.code, len(place)), -donor.free, donor.code

    giving = [each for each in donors if each.free > 0]
    enough = sorted((each for each in giving if each.free >= wanted), key=by_distance)
    part = sorted(
        (each for each in giving if each.free < wanted), key=lambda each: (-each.free, each.code)
    )
    ranked = [Ranked(each, NEAREST if each.code in place else RICHEST) for each in enough]
    return ranked + [Ranked(each, PART) for each in part]


def step_of(factor: Factor) -> Micro:
    """How much one pack holds; 0 when it is no whole number of base units above one."""
    whole, rest = divmod(ONE * factor.numerator, factor.denominator)
    return 0 if rest or whole % ONE or whole <= ONE else whole


def rounding_step(factors: Sequence[Factor]) -> Micro:
    """The smallest pack: rounding up to it wastes least; 0 when there is none."""
    return min((step for each in factors if (step := step_of(each))), default=0)


def amount(missing: Micro, step: Micro, free: Micro | None) -> Micro:
    """What to ask for: `missing` rounded up to whole packs, never more than `free`.

    When a whole pack more is not there, exactly what is missing; when not even that is there, the
    whole packs that are, or the loose rest. `free` None: nobody knows who gives.
    """
    up = -(-missing // step) * step if step else missing
    if free is None or up <= free:
        return up
    if missing <= free:
        return missing
    whole = free // step * step if step else free
    return max(whole or free, 0)


def in_packs(quantity: Micro, step: Micro, free: Micro | None) -> Micro:
    """`quantity` as a number of packs of `step` base units: rounded up, or down to what is free."""
    up = -(-quantity // step)
    if free is not None and up * step > free:
        up = free // step
    return up * ONE


def biggest_that_fits(quantity: Micro, steps: Sequence[tuple[str, Micro]]) -> str:
    """The name of the biggest pack of which `quantity` is a whole number; empty when none is."""
    fitting = [(step, name) for name, step in steps if step and quantity and quantity % step == 0]
    return max(fitting, default=(0, ""))[1]
