"""The form as it is shown: every field with its value, where that came from, and what will follow.

`propose` only reads; whatever a person has set already is kept (also as empty), and the rest is
filled around it. Not for remembering that a form was opened (launch.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from core.clock import Instant, iso
from core.errors import INVALID, AppError
from core.people import Actor
from core.quantity import check_positive, parse, plain
from core.shortcuts import amounts
from core.shortcuts.book import shortcut_of
from core.shortcuts.definition import LONGEST, FieldRule, Shortcut
from core.shortcuts.facts import Facts, Situation, load
from core.shortcuts.sources import SOURCES, Choice
from core.shortcuts.verbs import VERBS, Filling, permit
from core.tasks.foresee import Foreseen, foresee

MOST_ALTERNATIVES = 3
PERSON = "person"  # the source of what somebody set by hand


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another value that one tap would choose."""

    value: str
    text: str
    why: str
    why_en: str


@dataclass(frozen=True, slots=True)
class Offered:
    """One field as shown. `value` "" and no source: nothing could fill it.

    `changeable` false: shown only, because a rule decides it. `guess`: nobody said so.
    """

    key: str
    kind: str
    label: str
    label_en: str
    required: bool
    changeable: bool
    value: str = ""
    text: str = ""
    source: str = ""
    why: str = ""
    why_en: str = ""
    guess: bool = False
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Climb:
    """One rung that will be climbed if nobody acts; `at` is ISO 8601."""

    at: str
    sentence: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A form ready to be launched, or with what is still missing named in `sentence`.

    `told` says who will be pushed and on which surface, `climbs` when it escalates to whom.
    """

    run_id: str
    shortcut: str
    version: int
    title: str
    title_en: str
    fields: tuple[Offered, ...]
    ready: bool
    sentence: str
    sentence_en: str
    told: tuple[str, ...] = ()
    climbs: tuple[Climb, ...] = ()

    def value(self, key: str) -> str:
        """What stands in a field; empty when the form has no such field."""
        return next((each.value for each in self.fields if each.key == key), "")

    def changeable(self) -> dict[str, str]:
        """The values that a person may change."""
        return {each.key: each.value for each in self.fields if each.changeable}


def propose(
    conn: Connection,
    actor: Actor,
    key: str,
    situation: Situation,
    now: Instant,
    *,
    given: Mapping[str, str] | None = None,
) -> Proposal:
    """The form of shortcut `key`, filled as far as anything is known.

    Raises:
        AppError(not_found): no such shortcut, item, place or task. AppError(forbidden).
        AppError(invalid): a given value makes no sense; says which.
    """
    shortcut = shortcut_of(conn, key)
    permit(actor, shortcut)
    if not shortcut.active:
        raise AppError(INVALID, field="快捷单", why=f"「{shortcut.title}」已停用")
    kept = {name: text.strip() for name, text in (given or {}).items()}
    _check_given(shortcut, kept)
    facts = load(conn, actor, shortcut, situation, now, given=kept)
    fields = _fill(facts)
    seen = _foreseen(conn, facts, fields)
    if seen is not None:
        fields = _fill(replace(facts, foreseen=seen))
    return _shown(shortcut, fields, seen)


def _check_given(shortcut: Shortcut, given: Mapping[str, str]) -> None:
    mine = {each.key for each in shortcut.fields} & set(VERBS[shortcut.verb].params)
    for key, text in given.items():
        if key not in mine:
            raise AppError(INVALID, field=key[:32], why="这一栏没有，或不能改")
        if len(text) > LONGEST or "\x00" in text:
            raise AppError(INVALID, field=key, why=f"最多 {LONGEST} 个字")


def _fill(facts: Facts) -> tuple[Offered, ...]:
    """Field by field, each source seeing what stands before it and what the person set."""
    shortcut, filled = facts.shortcut, dict(facts.given)
    shown = []
    for rule in shortcut.fields:
        choices = _choices(facts, filled, rule)
        field = Offered(
            rule.key,
            rule.kind,
            rule.label,
            rule.label_en,
            rule.required,
            rule.key in VERBS[shortcut.verb].params,
        )
        if rule.key in facts.given:
            text = _read(facts, filled, rule)
            others = _others([each for _, each in choices], facts.given[rule.key])
            field = replace(
                field,
                value=facts.given[rule.key],
                text=text,
                source=PERSON,
                why="你填的",
                why_en="you set it",
                alternatives=others,
            )
        elif choices:
            field = _offered(field, choices)
            filled[rule.key] = field.value
        shown.append(field)
    return tuple(shown)


def _choices(facts: Facts, filled: Mapping[str, str], rule: FieldRule) -> list[tuple[str, Choice]]:
    return [(name, each) for name in rule.sources for each in SOURCES[name][1](facts, filled)]


def _offered(field: Offered, choices: list[tuple[str, Choice]]) -> Offered:
    source, best = choices[0]
    return replace(
        field,
        value=best.value[:LONGEST],
        text=best.text,
        source=source,
        why=best.why,
        why_en=best.why_en,
        guess=best.guess,
        alternatives=_others([each for _, each in choices], best.value),
    )


def _others(choices: list[Choice], chosen: str) -> tuple[Alternative, ...]:
    """What else one might choose, each value once."""
    found: dict[str, Alternative] = {}
    for each in choices:
        if each.value != chosen and each.value not in found:
            found[each.value] = Alternative(each.value, each.text, each.why, each.why_en)
    return tuple(found.values())[:MOST_ALTERNATIVES]


def _read(facts: Facts, filled: dict[str, str], rule: FieldRule) -> str:
    """How a value that somebody set reads; canonical in `filled`.

    Raises:
        AppError(invalid, bad_quantity).
    """
    text = filled[rule.key]
    if not text:
        return ""
    if rule.kind == "item":
        return facts.item.name if facts.item is not None else text
    if rule.kind == "warehouse":
        house = facts.house(text)
        if house is None:
            raise AppError(INVALID, field=rule.label, why=f"没有仓库 {text[:40]}")
        return house.name
    if rule.kind == "unit":
        if not amounts.step_of_unit(facts, text):
            raise AppError(INVALID, field=rule.label, why=f"这个货品没有单位「{text[:20]}」")
        return text
    if rule.kind == "quantity":
        filled[rule.key] = plain(check_positive(parse(text)))
        base = amounts.base_of(facts, filled)
        return text if base is None or facts.item is None else amounts.words(facts, base)
    return text


def _foreseen(conn: Connection, facts: Facts, fields: tuple[Offered, ...]) -> Foreseen | None:
    """What the task will do; nothing while a field that it needs is empty."""
    verb = VERBS[facts.shortcut.verb]
    values = {each.key: each.value for each in fields}
    if any(needed and not values.get(key) for key, (_, needed) in verb.params.items()):
        return None
    filling = Filling(facts.shortcut, "", "", values)
    return foresee(conn, verb.new_task(conn, filling), facts.now)


def _shown(shortcut: Shortcut, fields: tuple[Offered, ...], seen: Foreseen | None) -> Proposal:
    lacking = [each for each in fields if each.required and each.changeable and not each.value]
    bare = Proposal(
        "",
        shortcut.key,
        shortcut.version,
        shortcut.title,
        shortcut.title_en,
        fields,
        ready=not lacking and seen is not None,
        sentence=f"还差：{'、'.join(each.label for each in lacking)}。",
        sentence_en=f"Still to fill: {', '.join(each.label_en for each in lacking)}.",
    )
    if lacking or seen is None:
        return bare
    told = tuple(each.words for each in seen.told)
    climbs = tuple(Climb(iso(each.at), each.sentence, each.estimated) for each in seen.climbs)
    shown = replace(bare, told=told, climbs=climbs)
    return replace(
        shown,
        sentence=follows(shown, "会推送给"),
        sentence_en=f"{len(told)} people will be told; it escalates if nobody acts.",
    )


def follows(shown: Proposal, verb: str) -> str:
    """Who is told, and what comes first if nobody acts: 「会推送给 赵刚（扫码枪）；…」"""
    first = f"；{shown.climbs[0].sentence}" if shown.climbs else ""
    return f"{verb} {'、'.join(shown.told)}{first}。"
