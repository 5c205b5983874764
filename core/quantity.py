"""Micro: quantities and money as int64 millionths; rational unit factors; parse and format.

No float ever comes near a quantity. Source: field.md (odoo PR 65453, erpnext #57064 were floats).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from math import gcd

from core.errors import AppError, define

Micro = int
ONE: Micro = 1_000_000
MAX_MICRO: Micro = 9_000_000_000 * ONE  # 9e15: a thousand such rows still sum inside int64

BAD_QUANTITY = define(
    "bad_quantity",
    422,
    "数量「{text}」不对：{why}。请输入大于 0 的数字，最多 6 位小数。",
    "Quantity “{text}” is not right: {why}. Enter a number above 0, at most 6 decimals.",
)

_NUMBER = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]{0,16})(?:\.([0-9]*))?")


def parse(text: str | int | Decimal) -> Micro:
    """`"12.5"` → 12_500_000. Full-width digits and thousands commas are accepted.

    Raises:
        AppError(bad_quantity): not a number, more than six decimals, or beyond `MAX_MICRO`.
    """
    raw = str(text).strip().translate(_FULL_WIDTH).replace(",", "")
    match = _NUMBER.fullmatch(raw)
    if match is None:
        raise AppError(BAD_QUANTITY, text=_short(text), why="不是数字")
    sign, whole, fraction = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if len(fraction) > 6:
        raise AppError(BAD_QUANTITY, text=_short(text), why="小数超过 6 位")
    value = int(whole or "0") * ONE + int((fraction or "0").ljust(6, "0"))
    if value > MAX_MICRO:
        raise AppError(BAD_QUANTITY, text=_short(text), why="数字太大")
    return -value if sign == "-" else value


_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}  # full-width forms → ASCII


def _short(text: object) -> str:
    return str(text)[:40]


def check_positive(quantity: Micro, name: str = "") -> Micro:
    """`quantity` if it is above zero and within the range that the ledger holds.

    Raises:
        AppError(bad_quantity): otherwise.
    """
    if quantity <= 0:
        raise AppError(BAD_QUANTITY, text=name or show(quantity), why="必须大于 0")
    if quantity > MAX_MICRO:
        raise AppError(BAD_QUANTITY, text=name or show(quantity), why="数字太大")
    return quantity


def show(quantity: Micro) -> str:
    """For people: thousands separated, no trailing zeros: 1_234_500_000 → `1,234.5`."""
    sign, rest = ("-", -quantity) if quantity < 0 else ("", quantity)
    whole, fraction = divmod(rest, ONE)
    decimals = f".{fraction:06d}".rstrip("0").rstrip(".") if fraction else ""
    return f"{sign}{whole:,}{decimals}"


def plain(quantity: Micro) -> str:
    """For the wire: as `show`, without separators; `parse(plain(q)) == q`."""
    return show(quantity).replace(",", "")


@dataclass(frozen=True, slots=True)
class Factor:
    """How many base units one pack holds, as an exact fraction: 1 box = 12/1, 1 lb = 1/4 plate."""

    numerator: int
    denominator: int = 1

    def __post_init__(self) -> None:
        assert min(self.numerator, self.denominator) > 0, "a factor is a positive fraction"

    def reduced(self) -> Factor:
        common = gcd(self.numerator, self.denominator)
        return Factor(self.numerator // common, self.denominator // common)

    def to_base(self, quantity: Micro) -> Micro:
        """Packs → base units, rounded half away from zero to a millionth."""
        return round_half_up(quantity * self.numerator, self.denominator)

    def from_base(self, quantity: Micro) -> Micro:
        """Base units → packs, rounded half away from zero to a millionth."""
        return round_half_up(quantity * self.denominator, self.numerator)


def round_half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest integer, halves away from zero; exact."""
    sign = -1 if (numerator < 0) != (denominator < 0) else 1
    top, bottom = abs(numerator), abs(denominator)
    return sign * ((2 * top + bottom) // (2 * bottom))
