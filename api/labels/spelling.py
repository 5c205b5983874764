"""Which code to print: the first spelling that the scanner's own reader takes for this very thing.

GS1 with a GTIN, else the plain own code, else our own form (core/catalog/printed.py). Every one is
tried on `pda.find` before it is printed, so a label that reads as something else never leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from sqlalchemy import Connection

from bots.pictures.labels.label import GS1_VALUE, SPOKEN, Code, Symbology
from core.catalog import Printed, write_own
from core.clock import Instant
from core.people import person_by_badge
from core.quantity import ONE, Micro
from pda.find import Found, find
from pda.steps import Ask

RESOLVER = "https://id.gs1.org"  # where a GS1 Digital Link leads whoever is not us
MOST_SCANNED = 400  # of the 512 characters that one scan may have
_MOST_GS1 = 20  # characters of (10) and (21)
_MOST_COUNT = 99_999_999


@dataclass(frozen=True, slots=True)
class Meant:
    """What a scan of the label has to give: a place, a person, a paper, or an item and what is
    known of it."""

    paper: str = ""  # "package:<code>" or "wave:<code>"
    place_id: int = 0
    person_id: int = 0
    item_id: int = 0
    per_scan: Micro = ONE
    lot: str = ""
    serial: str = ""
    made_on: str = ""
    expires_on: str = ""


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way to write it: GS1 `fields` (as bars or DataMatrix) and `link` (as QR), or a `text`."""

    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    link: str = ""

    def code(self, symbology: Symbology) -> Code | None:
        """As a barcode; None when this symbology cannot hold it."""
        if self.text:
            short = len(self.text) <= MOST_SCANNED and self.text == self.text.strip()
            fits = short and SPOKEN.fullmatch(self.text)
            return Code(symbology, self.text) if fits else None
        if symbology is Symbology.QR:
            return Code(symbology, self.link) if self.link else None
        return Code(symbology, fields=self.fields)


def readable(
    conn: Connection,
    meant: Meant,
    spellings: Sequence[Spelling],
    symbologies: Sequence[Symbology],
    now: Instant,
) -> tuple[Code, ...]:
    """The codes to choose from, one for each symbology that has one; the best spelling for each."""
    found = []
    for symbology in symbologies:
        codes = (spelling.code(symbology) for spelling in spellings)
        good = (code for code in codes if code is not None and _reads(conn, meant, code, now))
        code = next(good, None)
        if code is not None:
            found.append(code)
    return tuple(found)


def of_place(code: str) -> tuple[Spelling, ...]:
    return (Spelling(code), Spelling(write_own(Printed(place=code))))


def of_item(code: str, gtin: str, meant: Meant) -> tuple[Spelling, ...]:
    """`gtin` stands for `meant.per_scan`, "" when there is none."""
    own = Printed(
        item=code,
        lot=meant.lot,
        serial=meant.serial,
        made_on=meant.made_on,
        expires_on=meant.expires_on,
        count=None if meant.per_scan == ONE else meant.per_scan,
    )
    found = [_gs1(gtin, meant)] if gtin and _fits_gs1(meant) else []
    if own == Printed(item=code):
        found.append(Spelling(code))
    return (*found, Spelling(write_own(own)))


def of_box(code: str, gtin: str, meant: Meant) -> tuple[Spelling, ...]:
    """A box of `meant.per_scan` base units; `gtin` is that of one of them."""
    whole, rest = divmod(meant.per_scan, ONE)
    own = of_item(code, "", meant)
    if not gtin or rest or not 0 < whole <= _MOST_COUNT or not _fits_gs1(meant):
        return own
    contents = (("02", gtin), ("37", str(whole)))
    return (Spelling(fields=contents + _dates(meant) + _names(meant)), *own)


def of_paper(code: str) -> tuple[Spelling, ...]:
    return (Spelling(code),)


def of_badge(badge: str) -> tuple[Spelling, ...]:
    return (Spelling(badge),)


def _gs1(gtin: str, meant: Meant) -> Spelling:
    fields = (("01", gtin), *_dates(meant), *_names(meant))
    path = "".join(f"/{ai}/{quote(value, safe='')}" for ai, value in _names(meant))
    query = urlencode(_dates(meant))
    link = f"{RESOLVER}/01/{gtin}{path}" + (f"?{query}" if query else "")
    return Spelling(fields=fields, link=link)


def _fits_gs1(meant: Meant) -> bool:
    names = [value for _, value in _names(meant)]
    return all(len(each) <= _MOST_GS1 and GS1_VALUE.fullmatch(each) for each in names)


def _dates(meant: Meant) -> tuple[tuple[str, str], ...]:
    """Of fixed length, so they come first and need no separator."""
    days = (("11", meant.made_on), ("17", meant.expires_on))
    return tuple((ai, day.replace("-", "")[2:]) for ai, day in days if day)


def _names(meant: Meant) -> tuple[tuple[str, str], ...]:
    return tuple((ai, name) for ai, name in (("10", meant.lot), ("21", meant.serial)) if name)


# -- reading it back -----------------------------------------------------------------------------
def _reads(conn: Connection, meant: Meant, code: Code, now: Instant) -> bool:
    """Whether a scanner gives this thing at once, with its symbology prefix and without."""
    if meant.person_id:
        person = person_by_badge(conn, code.scanned)
        return person is not None and person.id == meant.person_id
    asks = (Ask("label", code=code.scanned, symbology=each) for each in (None, code.prefix))
    return all(_is_meant(find(conn, ask, now), meant) for ask in asks)


def _is_meant(found: Found, meant: Meant) -> bool:
    if found.place is not None:
        return found.place.id == meant.place_id
    if found.package is not None or found.wave is not None:
        return meant.paper == _paper(found)
    goods = found.goods
    if goods is None or goods.item.id != meant.item_id:
        return False
    label = goods.label
    wanted = (meant.per_scan, meant.lot, meant.serial, meant.made_on, meant.expires_on)
    return wanted == (goods.per_scan, label.lot, label.serial, label.made_on, label.expires_on)


def _paper(found: Found) -> str:
    if found.package is not None:
        return f"package:{found.package.code}"
    return f"wave:{found.wave.code}" if found.wave is not None else ""
