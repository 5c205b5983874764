"""What is written in a barcode: GS1 element strings read, and repaired where a printer cheated.

Never raises on what a scanner may send. A label whose printer left out the separator (FNC1) after a
variable-length field is cut again: every cut with a valid check digit and valid dates is a
candidate, ranked by what the open purchase orders expect. One that fits is used, several are asked.
Our own codes (core/catalog/printed.py) become the same kind of Label.
Not for finding items or orders (pda/find.py). Sources: biip #137; odoo PR 187875, 163404, #118144.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from biip import ParseConfig, ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from biip.gs1_messages import GS1Message

from core.catalog import read_own
from core.quantity import ONE, Micro

FNC1 = "\x1d"
MAX_CANDIDATES = 6
MAX_STEPS = 20_000  # cuts tried before a hostile string is given up

# Fields a warehouse label carries, as (least, most) characters; fixed where both are equal.
_CUT: dict[str, tuple[int, int]] = {
    "00": (18, 18),
    "01": (14, 14),
    "02": (14, 14),
    "10": (1, 20),
    "11": (6, 6),
    "13": (6, 6),
    "15": (6, 6),
    "17": (6, 6),
    "21": (1, 20),
    "30": (1, 8),
    "37": (1, 8),
    **{f"310{n}": (6, 6) for n in range(6)},
}
_DATES = ("11", "13", "15", "17")
_GS1_SYMBOLOGY = ("]C1", "]d2", "]e0", "]e1", "]e2", "]Q3", "]J1")
_PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20}
_STRICT = ParseConfig()
_LAX = ParseConfig(gs1_element_strings_verify_date=False)


@dataclass(frozen=True, slots=True)
class Label:
    """One reading of a label. Dates are ISO days, quantities millionths, "" is absent."""

    gtin: str = ""  # always 14 digits
    item: str = ""  # our own item code, instead of a GTIN
    place: str = ""  # our own place code: then nothing else is set
    lot: str = ""
    serial: str = ""
    made_on: str = ""
    expires_on: str = ""
    best_before: str = ""
    count: Micro | None = None
    weight_kg: Micro | None = None
    sscc: str = ""
    text: str = ""  # the human-readable form: (01)…(10)…
    repaired: bool = False  # cut again because a separator was missing
    gtin_valid: bool = True

    @property
    def use_by(self) -> str:
        """The day after which it must not go out: expiry, else best before."""
        return self.expires_on or self.best_before


@dataclass(frozen=True, slots=True)
class Expected:
    """What the open order lines make likely: GTINs of 14 digits and lots known for them."""

    gtins: frozenset[str] = frozenset()
    lots: frozenset[str] = frozenset()
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """`labels` holds nothing (an ordinary code), one (certain) or several (ask the person)."""

    code: str
    labels: tuple[Label, ...] = field(default=())
    odd_keyboard: bool = False  # letters no barcode holds: an input method was in the way

    @property
    def label(self) -> Label | None:
        return self.labels[0] if len(self.labels) == 1 else None


def read(code: str, symbology: str | None = None, expected: Expected | None = None) -> Reading:
    """Read one scan; an ordinary code comes back cleaned, without labels."""
    expected = expected or Expected()
    cleaned = code.translate(_FULL_WIDTH).strip(" \t\r\n")
    prefix = _PREFIX.match(cleaned)
    kind = prefix.group() if prefix else (symbology or "")
    if kind and not kind.startswith("]"):
        kind = f"]{kind}"
    body = cleaned[3:] if prefix else cleaned
    marked = kind in _GS1_SYMBOLOGY or FNC1 in body
    body = body.strip(FNC1)
    reading = Reading(body, odd_keyboard=not body.isascii())
    own = _own(body)
    if own is not None:
        return replace(reading, labels=(own,))
    if not body or (kind and not marked and not _is_link(body)):
        return reading
    labels = _labels(body, marked, expected)
    return replace(reading, labels=labels)


def _is_link(body: str) -> bool:
    """A GS1 Digital Link, perhaps: it stands in an ordinary QR code, whose prefix is ]Q1."""
    return body.lower().startswith(("http://", "https://"))


def _own(body: str) -> Label | None:
    printed = read_own(body)
    if printed is None:
        return None
    return Label(
        item=printed.item,
        place=printed.place,
        lot=printed.lot,
        serial=printed.serial,
        made_on=printed.made_on,
        expires_on=printed.expires_on,
        count=printed.count,
        text=printed.text,
    )


def _labels(body: str, marked: bool, expected: Expected) -> tuple[Label, ...]:
    if body.startswith("("):
        return _only(_parse_bracketed(body))
    if _is_link(body):
        return _only(_parse_link(body))
    if not marked and _is_gtin(body):
        return ()
    greedy = _parse(body)
    if greedy is not None and not marked and not (greedy.gtin and greedy.gtin_valid):
        greedy = greedy if greedy.sscc and _check_digit_fits(greedy.sscc) else None
    if FNC1 in body:  # this printer does separate its fields: believe it
        return _only(greedy)
    others = [each for each in _cuts(body, expected.today) if each.gtin or each.sscc]
    if greedy is None and not others:
        return _only(_gtin_alone(body))
    return _choose(greedy, others, expected)


def _only(label: Label | None) -> tuple[Label, ...]:
    return () if label is None else (label,)


# -- choosing ------------------------------------------------------------------------------------
def _choose(greedy: Label | None, others: list[Label], expected: Expected) -> tuple[Label, ...]:
    """The readings worth showing, best first; a single one may be used without asking."""
    if greedy is not None:
        if greedy.lot in expected.lots:
            return (greedy,)
        others = [each for each in others if _explains_more(each, greedy)]
    candidates = {_meaning(each): replace(each, repaired=True) for each in others}
    if greedy is not None:
        candidates[_meaning(greedy)] = greedy
    found = list(candidates.values())
    if expected.gtins:
        found = [each for each in found if each.gtin in expected.gtins] or found
    known = [each for each in found if each.lot and each.lot in expected.lots]
    if len(known) == 1:
        return (known[0],)
    found.sort(key=lambda each: _rank(each, expected))
    return tuple(found[:MAX_CANDIDATES])


def _explains_more(other: Label, greedy: Label) -> bool:
    """A standard reading is only doubted when another finds a date or a GTIN it swallowed."""
    return _dates(other) > _dates(greedy) or bool(other.gtin and not greedy.gtin)


def _dates(label: Label) -> int:
    return sum(1 for each in (label.made_on, label.expires_on, label.best_before) if each)


def _meaning(label: Label) -> tuple[object, ...]:
    return (label.gtin, label.lot, label.serial, label.made_on, label.use_by, label.count)


def _rank(label: Label, expected: Expected) -> tuple[int, int, int, int]:
    """Small is good: known lot, known GTIN, more fields explained, shorter lot."""
    return (
        0 if label.lot in expected.lots else 1,
        0 if label.gtin in expected.gtins else 1,
        -_dates(label),
        len(label.lot) + len(label.serial),
    )


# -- one reading ---------------------------------------------------------------------------------
def _parse(body: str) -> Label | None:
    """As the standard says: a variable field runs to the next separator or the end."""
    for config in (_STRICT, _LAX):  # an impossible date must not cost the GTIN and the lot
        try:
            return _label(list(GS1Message.parse(body, config=config).element_strings))
        except (ParseError, ValueError, ArithmeticError, LookupError):
            continue
    return None


def _parse_bracketed(body: str) -> Label | None:
    try:
        return _label(list(GS1Message.parse_hri(body).element_strings))
    except (ParseError, ValueError, ArithmeticError, LookupError):
        return None


def _parse_link(body: str) -> Label | None:
    try:
        return _label(list(GS1DigitalLinkURI.parse(body).element_strings))
    except (ParseError, ValueError, ArithmeticError, LookupError):
        return None


def _label(elements: list[GS1ElementString]) -> Label | None:
    by_ai = {each.ai.ai: each for each in reversed(elements)}
    values = {ai: each.value for ai, each in by_ai.items()}
    days = {ai: each.date.isoformat() if each.date else "" for ai, each in by_ai.items()}
    gtin = (values.get("01") or values.get("02") or "").zfill(14)
    weight = next((each.decimal for ai, each in by_ai.items() if ai.startswith("310")), None)
    count = values.get("37") or values.get("30")
    return Label(
        gtin="" if gtin == "0" * 14 else gtin,
        lot=values.get("10", ""),
        serial=values.get("21", ""),
        made_on=days.get("11", ""),
        expires_on=days.get("17", ""),
        best_before=days.get("15", ""),
        count=int(count) * ONE if count and count.isdigit() else None,
        weight_kg=None if weight is None else int(weight * Decimal(ONE)),
        sscc=values.get("00", ""),
        text="".join(f"({each.ai.ai}){each.value}" for each in elements),
        gtin_valid=_check_digit_fits(gtin),
    )


def _gtin_alone(body: str) -> Label | None:
    """The GTIN in front of fields that make no sense (month 13): better than nothing at all."""
    if body[:2] != "01" or not _check_digit_fits(body[2:16]) or len(body) < 16:
        return None
    return Label(gtin=body[2:16], text=f"(01){body[2:16]} …")


def _is_gtin(code: str) -> bool:
    return (
        code.isascii()
        and code.isdigit()
        and len(code) in (8, 12, 13, 14)
        and _check_digit_fits(code)
    )


def _check_digit_fits(digits: str) -> bool:
    if not (digits.isascii() and digits.isdigit() and len(digits) > 1):
        return False
    return gs1_standard_check_digit(digits[:-1]) == int(digits[-1])


# -- cutting again -------------------------------------------------------------------------------
def _cuts(body: str, today: date | None) -> list[Label]:
    """Every way to cut `body` into known fields with valid check digits and believable dates."""
    found: list[Label] = []
    if not body.isascii() or len(body) > 90:
        return found
    for parts in _walk(body, today):
        elements = FNC1.join(f"{ai}{value}" for ai, value in parts)
        label = _parse(elements)
        if label is not None:
            found.append(label)
        if len(found) >= 40:
            break
    return found


def _walk(body: str, today: date | None) -> Iterator[list[tuple[str, str]]]:
    stack: list[tuple[int, list[tuple[str, str]]]] = [(0, [])]
    steps = 0
    while stack and steps < MAX_STEPS:
        steps += 1
        start, parts = stack.pop()
        if start == len(body):
            yield parts
            continue
        ai = next((a for a in (body[start : start + 2], body[start : start + 4]) if a in _CUT), "")
        if not ai or any(ai == used for used, _ in parts):
            continue
        least, most = _CUT[ai]
        begin = start + len(ai)
        for size in range(least, min(most, len(body) - begin) + 1):
            value = body[begin : begin + size]
            if _believable(ai, value, today):
                stack.append((begin + size, [*parts, (ai, value)]))


def _believable(ai: str, value: str, today: date | None) -> bool:
    if ai in ("00", "01", "02"):
        return _check_digit_fits(value)
    if ai in _DATES:
        return _plausible_day(value, today)
    return value.isdigit() if ai not in ("10", "21") else value.isprintable()


def _plausible_day(value: str, today: date | None) -> bool:
    """YYMMDD; day 00 means the end of the month. Within 5 years back and 15 ahead of today."""
    if not value.isdigit():
        return False
    year, month, day = 2000 + int(value[:2]), int(value[2:4]), int(value[4:])
    try:
        date(year, month, day or 1)
    except ValueError:
        return False
    return today is None or today.year - 5 <= year <= today.year + 15
