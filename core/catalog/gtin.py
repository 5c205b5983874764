"""GTIN: the number under a barcode. Pure: check digit and one stored form of 14 digits."""

from __future__ import annotations

LENGTHS = (8, 12, 13, 14)


def is_gtin(text: str) -> bool:
    """True for 8, 12, 13 or 14 ASCII digits whose last one is the right check digit."""
    return (
        len(text) in LENGTHS
        and text.isascii()
        and text.isdigit()
        and check_digit(text[:-1]) == text[-1]
    )


def check_digit(digits: str) -> str:
    """The digit that belongs behind `digits` (GS1 modulo 10: weights 3, 1, 3… from the right)."""
    total = sum(
        int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))
    )
    return str(-total % 10)


def stored_form(text: str) -> str:
    """14 digits for a GTIN of any length, anything else unchanged."""
    return text.zfill(14) if is_gtin(text) else text


def candidates(scanned: str) -> tuple[str, str]:
    """What a scan may be stored as: the very text, and digits filled up to 14.

    Scanners drop or add zeros in front (UPC-A read as EAN-13, spreadsheets), so up to 14 digits
    are always filled; a stored GTIN was checked, so a wrong one cannot be hit by that.
    """
    digits = scanned.isascii() and scanned.isdigit() and len(scanned) <= 14
    return scanned, scanned.zfill(14) if digits else scanned
