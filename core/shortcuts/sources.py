"""The table of sources: where a field's value may come from, each with its reason in words. Pure.

A source looks at the facts and at what is filled in already, and answers its choices, the best
first; the rest are the alternatives. Not knowing is an empty answer, never an invented value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.clock import iso
from core.quantity import ONE, plain, show
from core.shortcuts import amounts, rules
from core.shortcuts.facts import Facts, House
from core.tasks.words import due_text, rung_name, waiting

Filled = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A value, how it reads, and why it was chosen. `guess`: plausible, but nobody said so."""

    value: str
    text: str
    why: str
    why_en: str
    guess: bool = False


# -- what ------------------------------------------------------------------------------------------
def _scanned_item(facts: Facts, _filled: Filled) -> list[Choice]:
    item = facts.item
    if item is None or not facts.situation.item:
        return []
    return [Choice(item.code, item.name, "你扫的就是它", "it is what you scanned")]


def _task_item(facts: Facts, _filled: Filled) -> list[Choice]:
    item, looking = facts.item, facts.looking
    if item is None or looking is None or looking.item_id != item.id:
        return []
    why = f"你在看的任务「{looking.title}」缺它"
    return [Choice(item.code, item.name, why, "the task on your screen lacks it")]


# -- where -----------------------------------------------------------------------------------------
def _house(house: House, why: str, why_en: str, *, guess: bool = False) -> Choice:
    return Choice(house.code, house.name, why, why_en, guess)


def _scanned_place(facts: Facts, _filled: Filled) -> list[Choice]:
    if facts.place is not None:
        house = facts.house_by_id(facts.place.warehouse_id)
        why, why_en = f"你站在 {facts.place.code}", f"you stand at {facts.place.code}"
        return [_house(house, why, why_en)] if house else []
    house = facts.house(facts.situation.warehouse)
    return [_house(house, "你从这个仓打开的", "you opened it there")] if house else []


def _task_warehouse(facts: Facts, _filled: Filled) -> list[Choice]:
    house = facts.house_by_id(facts.looking.warehouse_id) if facts.looking is not None else None
    return [_house(house, "你在看的任务是这个仓的", "your task is there")] if house else []


def _own_warehouse(facts: Facts, _filled: Filled) -> list[Choice]:
    own = [each for each in facts.houses if each.id in facts.actor.warehouse_ids]
    several = len(own) > 1
    why = "你管的仓之一" if several else "你就在这个仓"
    why_en = "one of your warehouses" if several else "it is your warehouse"
    return [_house(each, why, why_en, guess=several) for each in own]


def _can_be_helped(facts: Facts, house: House) -> bool:
    """Whether a guess makes sense: goods cannot come to the only warehouse that has any."""
    if facts.item is None or all(rule.key != "from" for rule in facts.shortcut.fields):
        return True
    return any(each.free > 0 for each in facts.houses if each.code != house.code)


def _inbox_warehouse(facts: Facts, _filled: Filled) -> list[Choice]:
    found = [facts.house_by_id(each) for each in facts.inbox_houses]
    why, why_en = "你手上的任务多在这个仓", "most of your tasks are there"
    return [
        _house(each, why, why_en, guess=True)
        for each in found
        if each is not None and _can_be_helped(facts, each)
    ]


def _emptiest_warehouse(facts: Facts, _filled: Filled) -> list[Choice]:
    if facts.item is None or len(facts.houses) < 2:
        return []
    found = sorted(facts.houses, key=lambda each: (each.available, each.code))
    return [
        _house(
            each,
            f"这里最缺，可用 {show(each.available)} {facts.item.unit}",
            f"it has least: {show(each.available)}",
            guess=True,
        )
        for each in found
    ]


def _scanned_bin(facts: Facts, _filled: Filled) -> list[Choice]:
    place = facts.place
    if place is None or not place.is_internal:
        return []
    return [Choice(place.code, place.code, "你扫的库位", "the place you scanned")]


# -- from whom, how much ---------------------------------------------------------------------------
_DONOR_WORDS = {
    rules.NEAREST: ("离这里最近且够发", "nearest that has enough"),
    rules.RICHEST: ("够发，各仓里最多", "enough, and the most of all"),
    rules.PART: ("只够一部分", "only a part of it"),
}


def _nearest_donor(facts: Facts, filled: Filled) -> list[Choice]:
    target = amounts.target_of(filled)
    if facts.item is None or not target:
        return []
    donors = [rules.Donor(each.code, each.free) for each in facts.houses if each.code != target]
    wanted = amounts.wanted(facts, filled)
    near = facts.shortcut.settings.near.get(target, ())
    return [_donor(facts, each) for each in rules.rank_donors(donors, wanted, near)]


def _donor(facts: Facts, ranked: rules.Ranked) -> Choice:
    house = facts.house(ranked.donor.code)
    assert house is not None, "donors are warehouses we know"
    zh, en = _DONOR_WORDS[ranked.why]
    has = amounts.short_words(facts, house.free)
    why, why_en = f"{house.name}可用 {has}，{zh}", f"{house.name} has {has}: {en}"
    return _house(house, why, why_en, guess=ranked.why == rules.PART)


def _fitting_pack(facts: Facts, filled: Filled) -> list[Choice]:
    """The biggest pack in which the amount is whole; the item's own unit and packs besides."""
    steps = [(each.name, rules.step_of(each.factor)) for each in facts.packs]
    wanted = amounts.proposed(facts, filled, amounts.need(facts, filled))
    best = rules.biggest_that_fits(wanted, steps)
    if not best or facts.item is None:
        return []
    why, why_en = f"正好是整{best}", f"a whole number of {best}"
    others = [name for name, step in steps if step and name != best] + [facts.item.unit]
    more = [Choice(each, each, "也有这个单位", "another unit of it") for each in others]
    return [Choice(best, best, why, why_en), *more]


def _own_unit(facts: Facts, _filled: Filled) -> list[Choice]:
    if facts.item is None:
        return []
    own, steps = facts.item.unit, [(each, rules.step_of(each.factor)) for each in facts.packs]
    more = [
        Choice(p.name, p.name, "也有这个单位", "another unit of it") for p, step in steps if step
    ]
    return [Choice(own, own, "这个货品自己的单位", "the item's own unit"), *more]


_NEED_WORDS = {
    amounts.MISSING: ("缺 {need}", "{need} is missing"),
    amounts.LAST: ("上次要了 {need}，照旧", "as much as the last time: {need}"),
    amounts.PACK: ("没有说缺多少，先按 {need}", "nobody said how much: {need} to begin with"),
}


def _quantity(source: str) -> Callable[[Facts, Filled], list[Choice]]:
    def choose(facts: Facts, filled: Filled) -> list[Choice]:
        known = amounts.need_by(facts, filled, source)
        step = amounts.step_of_unit(facts, filled.get("unit", ""))
        if known is None or not step:
            return []
        free = amounts.free_of(facts, filled)
        number = rules.in_packs(amounts.proposed(facts, filled, known), step, free)
        if number <= 0:
            return []
        base = number * step // ONE
        zh, en = _NEED_WORDS[source]
        asked = amounts.short_words(facts, known.quantity)
        tail, tail_en = _changed(base, known.quantity, free)
        why, why_en = zh.format(need=asked) + tail, en.format(need=asked) + tail_en
        return [Choice(plain(number), amounts.words(facts, base), why, why_en, known.guess)]

    return choose


def _changed(base: int, wanted: int, free: int | None) -> tuple[str, str]:
    """What was done to the wanted amount, in words."""
    if base > wanted:
        return "，凑成整包", ", rounded up to a whole pack"
    if free is not None and base < wanted:
        return "，对方只发得出这些", ", all that the other warehouse can give"
    return "", ""


# -- why, who, until when --------------------------------------------------------------------------
def _what_was_seen(facts: Facts, filled: Filled) -> list[Choice]:
    note = facts.situation.note.strip()[:200]
    if note:
        return [Choice(note, note, "你说的", "what you said")]
    missing = facts.situation.missing
    if not missing or facts.item is None or amounts.other_item(facts):
        return []
    house = facts.house(amounts.target_of(filled))
    where = facts.place.code if facts.place else house.name if house else ""
    words = f"现场{where and f'（{where}）'}缺 {amounts.short_words(facts, missing)}"
    return [Choice(words, words, "按你刚看到的写", "from what you just saw")]


def _task_title(facts: Facts, _filled: Filled) -> list[Choice]:
    if facts.looking is None:
        return []
    words = f"{facts.looking.title[:80]}：不够"
    return [Choice(words, words, "按你在看的任务写", "from the task on your screen")]


def _stock_left(facts: Facts, filled: Filled) -> list[Choice]:
    house = facts.house(amounts.target_of(filled))
    if facts.item is None or house is None:
        return []
    words = f"{house.name}可用只剩 {amounts.short_words(facts, house.available)}"
    return [Choice(words, words, "按现在的库存写", "from the stock as it is")]


def _asking_person(facts: Facts, _filled: Filled) -> list[Choice]:
    return [Choice(str(facts.actor.person_id), facts.actor.name, "就是你", "it is you")]


def _policy_deadline(facts: Facts, _filled: Filled) -> list[Choice]:
    if facts.foreseen is None:
        return []
    policy, due = facts.foreseen.policy, facts.foreseen.due_at
    why = f"升级规则：{waiting(policy.respond_within, policy.clock)}内要处理"
    return [Choice(iso(due), due_text(due, policy.clock), why, "by the escalation policy")]


def _policy_approver(facts: Facts, _filled: Filled) -> list[Choice]:
    """Who must agree, when the policy asks for a second person; else who follows up first."""
    seen = facts.foreseen
    if seen is None:
        return []
    names, why, why_en = seen.confirms, "规则要第二人确认", "the policy asks for a second person"
    if not names and seen.first_above:
        rung = seen.policy.rungs[0]
        wait = waiting(rung.after, rung.clock)
        why = f"不用另批；{wait}没人处理就找{rung_name(1)}"
        names, why_en = seen.first_above, "no approval needed; called first if nobody acts"
    words = "、".join(names)[:200]
    return [Choice(words, words, why, why_en)] if names else []


SOURCES: dict[str, tuple[str, Callable[[Facts, Filled], list[Choice]]]] = {
    "scanned_item": ("item", _scanned_item),
    "task_item": ("item", _task_item),
    "scanned_place": ("warehouse", _scanned_place),
    "task_warehouse": ("warehouse", _task_warehouse),
    "own_warehouse": ("warehouse", _own_warehouse),
    "inbox_warehouse": ("warehouse", _inbox_warehouse),
    "emptiest_warehouse": ("warehouse", _emptiest_warehouse),
    "scanned_bin": ("place", _scanned_bin),
    "nearest_donor": ("warehouse", _nearest_donor),
    "fitting_pack": ("unit", _fitting_pack),
    "own_unit": ("unit", _own_unit),
    amounts.MISSING: ("quantity", _quantity(amounts.MISSING)),
    amounts.LAST: ("quantity", _quantity(amounts.LAST)),
    amounts.PACK: ("quantity", _quantity(amounts.PACK)),
    "what_was_seen": ("text", _what_was_seen),
    "task_title": ("text", _task_title),
    "stock_left": ("text", _stock_left),
    "asking_person": ("person", _asking_person),
    "policy_deadline": ("moment", _policy_deadline),
    "policy_approver": ("person", _policy_approver),
}
