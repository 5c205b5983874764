"""How much a shortcut asks for, and in which unit: from what is known to what the form shows. Pure.

The arithmetic is in rules.py; here it meets packs, what was filled in already and what a donor has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.orders.measure import amounts_in
from core.quantity import ONE, Micro, parse
from core.shortcuts import rules
from core.shortcuts.facts import Facts

MISSING, LAST, PACK = "missing", "last_transfer", "one_pack"


@dataclass(frozen=True, slots=True)
class Need:
    """What is wanted (base units) and the source that knows it; `guess`: nobody said so."""

    quantity: Micro
    source: str
    guess: bool


def target_of(filled: Mapping[str, str]) -> str:
    """The warehouse that wants the goods: `to` of a transfer, `warehouse` of a request."""
    return filled.get("to") or filled.get("warehouse", "")


def need(facts: Facts, filled: Mapping[str, str]) -> Need | None:
    """How much is wanted, as well as it is known: said, worked out from a task, or guessed."""
    known = (need_by(facts, filled, source) for source in (MISSING, LAST, PACK))
    return next((each for each in known if each is not None), None)


def need_by(facts: Facts, filled: Mapping[str, str], source: str) -> Need | None:
    """How much is wanted as one source knows it; None when it does not."""
    if facts.item is None:
        return None
    if source == MISSING:
        missing = _missing(facts, facts.item.id)
        return Need(missing, MISSING, guess=False) if missing else None
    if source == LAST:
        house = facts.house(target_of(filled))
        last = 0 if house is None else house.last_asked
        return Need(last, LAST, guess=True) if last else None
    return Need(rules.rounding_step([each.factor for each in facts.packs]) or ONE, PACK, guess=True)


def _missing(facts: Facts, item_id: int) -> Micro:
    if facts.situation.missing and not other_item(facts):
        return facts.situation.missing
    looking = facts.looking
    return looking.quantity if looking is not None and looking.item_id == item_id else 0


def other_item(facts: Facts) -> bool:
    """Whether the person chose another item than the one the situation speaks of."""
    spoken, chosen = facts.situation.item, facts.given.get("item", "")
    return bool(spoken and chosen and spoken != chosen)


def free_of(facts: Facts, filled: Mapping[str, str]) -> Micro | None:
    """What the chosen donor is free to give; None when the form has no donor."""
    donor = facts.house(filled.get("from", ""))
    return None if donor is None else donor.free


def step_of_unit(facts: Facts, unit: str) -> Micro:
    """Base units in one `unit`; 0 for a unit that the item does not have."""
    if facts.item is not None and unit == facts.item.unit:
        return ONE
    factors = {each.name: each.factor for each in facts.packs}
    return rules.step_of(factors[unit]) if unit in factors else 0


def base_of(facts: Facts, filled: Mapping[str, str]) -> Micro | None:
    """The quantity that stands in the form, in base units; None while it or its unit is missing."""
    step, text = step_of_unit(facts, filled.get("unit", "")), filled.get("quantity", "")
    return parse(text) * step // ONE if step and text else None


def wanted(facts: Facts, filled: Mapping[str, str]) -> Micro:
    """What a donor should have: what the person set, else what is needed, else anything."""
    said = base_of(facts, facts.given)
    if said is not None:
        return said
    known = need(facts, filled)
    return known.quantity if known is not None else 0


def proposed(facts: Facts, filled: Mapping[str, str], known: Need | None) -> Micro:
    """What to ask for (base units): the need in whole packs, as far as the donor has it."""
    if known is None:
        return 0
    step = rules.rounding_step([each.factor for each in facts.packs])
    return rules.amount(known.quantity, step, free_of(facts, filled))


def words(facts: Facts, quantity: Micro) -> str:
    """「4 箱 = 48 件」"""
    assert facts.item is not None, "amounts are of an item"
    return " = ".join(amounts_in(facts.item.unit, facts.packs, quantity))


def short_words(facts: Facts, quantity: Micro) -> str:
    """「4 箱」"""
    assert facts.item is not None, "amounts are of an item"
    return amounts_in(facts.item.unit, facts.packs, quantity)[0]
