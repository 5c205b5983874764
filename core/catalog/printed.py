"""Our own code on a label: `J1:IA-001:LL-7:E20261231`, for what GS1 cannot say without a GTIN.

`J1`, then fields behind colons: one letter, then a value. Letters, digits and `-._/+` stand for
themselves, anything else is %XX (UTF-8): so a scanner that types like a keyboard and a printer
that reads commands both leave it alone. Pure. Not for deciding what to print (api/labels).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, unquote

from core.errors import AppError
from core.quantity import Micro, parse, plain

PREFIX = "J1:"
_PLAIN = "-._/+"  # besides letters and digits
_FIELDS = {
    "P": "place",
    "I": "item",
    "L": "lot",
    "S": "serial",
    "M": "made_on",
    "E": "expires_on",
    "N": "count",
}
_DAY = re.compile(r"[0-9]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Printed:
    """What one of our own codes names: a place, or an item with what is known of it."""

    place: str = ""
    item: str = ""
    lot: str = ""
    serial: str = ""
    made_on: str = ""  # 2026-03-02
    expires_on: str = ""
    count: Micro | None = None  # base units one scan stands for

    @property
    def text(self) -> str:
        """For people: `A-001 · L-7`."""
        parts = (self.place, self.item, self.lot, self.serial)
        return " · ".join(part for part in parts if part)


def write_own(printed: Printed) -> str:
    """The code to print; `read_own` of it is `printed` again."""
    values = {
        "P": printed.place,
        "I": printed.item,
        "L": printed.lot,
        "S": printed.serial,
        "M": printed.made_on.replace("-", ""),
        "E": printed.expires_on.replace("-", ""),
        "N": "" if printed.count is None else plain(printed.count),
    }
    return PREFIX + ":".join(f"{tag}{_spelt(value)}" for tag, value in values.items() if value)


def read_own(code: str) -> Printed | None:
    """What `code` names, None when it is not one of ours or not whole. Never raises."""
    if not code.startswith(PREFIX):
        return None
    found: dict[str, str] = {}
    for part in code[len(PREFIX) :].split(":"):
        name = _FIELDS.get(part[:1])
        if name is None or name in found:
            return None
        found[name] = unquote(part[1:], errors="replace")
    try:
        days = {name: _day(found.pop(name, "")) for name in ("made_on", "expires_on")}
        count = parse(found.pop("count")) if "count" in found else None
    except (ValueError, AppError):
        return None
    if bool(found.get("place")) == bool(found.get("item")) or (count is not None and count <= 0):
        return None
    return Printed(**found, **days, count=count)


def _spelt(value: str) -> str:
    return quote(value, safe=_PLAIN).replace("~", "%7E")  # which a ZPL printer takes for a command


def _day(text: str) -> str:
    if not text:
        return ""
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
