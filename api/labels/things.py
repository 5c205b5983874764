"""What is to be labelled, looked up: its words, and the codes that a scanner reads as it.

Asks the permission for each thing. Not for drawing, nor for which code is good (spelling.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from api.labels import spelling
from api.labels.spelling import Meant, Spelling, readable
from bots.pictures.labels import Arrow, Code, Label, Symbology, Words
from core import catalog
from core.catalog import Item, Location, Lot
from core.clock import Instant, to_datetime
from core.errors import INVALID, NOT_FOUND, AppError, define
from core.orders.sales.book import sale, wave_by_code_or_none
from core.orders.sales.boxes import package_by_code_or_none, packages_of
from core.people import ROLES, Actor, Thing, person, require
from core.quantity import ONE, Micro, show

UNREADABLE = define(
    "label_unreadable",
    422,
    "没打印：「{what}」的编号太长，或和别的编号撞了，扫码枪认不出它。"
    "给它换一个编号（字母、数字、横线最稳），再打印。",
    "Not printed: the code of “{what}” is too long or the same as another's, so a scanner would "
    "not know it. Give it another code (letters, digits, hyphens) and print again.",
)

# What is tried, in this order, when the person leaves the choice to us.
PREFERRED = {
    "bin": (Symbology.CODE128, Symbology.DATAMATRIX),
    "item": (Symbology.CODE128, Symbology.DATAMATRIX),
    "lot": (Symbology.DATAMATRIX,),
    "serial": (Symbology.DATAMATRIX,),
    "box": (Symbology.DATAMATRIX,),
    "badge": (Symbology.CODE128, Symbology.QR),
    "package": (Symbology.CODE128, Symbology.QR),
    "wave": (Symbology.CODE128, Symbology.QR),
}
KINDS = tuple(PREFERRED)


@dataclass(frozen=True, slots=True)
class Request:
    """Which things: ids, or codes (of lots and serials: of the item `item_id`)."""

    kind: str
    ids: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    item_id: int | None = None
    pack: str = ""  # the label stands for one pack of this name
    count: Micro | None = None  # base units in the box
    symbology: Symbology | None = None
    arrow: Arrow = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One label: what stands on it, and its code in every symbology that may be taken."""

    label: Label  # with the first of `codes`
    codes: tuple[Code, ...]

    def labels(self) -> tuple[Label, ...]:
        """The label with each code, the preferred one first."""
        return tuple(replace(self.label, code=code) for code in self.codes)


@dataclass(frozen=True, slots=True)
class _Facts:
    """A thing before its code is chosen."""

    what: str
    meant: Meant
    spellings: tuple[Spelling, ...]
    words: tuple[Words, ...]
    arrow: Arrow = ""
    heading: bool = False  # its first words are the code in letters


def wanted(conn: Connection, actor: Actor, asked: Request, now: Instant) -> list[Wanted]:
    """Everything asked for, in that order.

    Raises:
        AppError(not_found, forbidden, invalid): one of the things; nothing is printed then.
        AppError(label_unreadable): no code would be read as the thing.
    """
    symbologies = (asked.symbology,) if asked.symbology else PREFERRED[asked.kind]
    return [
        _coded(conn, facts, symbologies, now) for facts in _LOOKS[asked.kind](conn, actor, asked)
    ]


def _coded(
    conn: Connection, facts: _Facts, symbologies: Sequence[Symbology], now: Instant
) -> Wanted:
    codes = readable(conn, facts.meant, facts.spellings, symbologies, now)
    if not codes:
        raise AppError(UNREADABLE, what=facts.what)
    below = "" if facts.heading else _letters(facts, codes[0])
    label = Label(facts.what, codes[0], facts.words, facts.arrow, below, centred=facts.heading)
    return Wanted(label, codes)


def _letters(facts: _Facts, code: Code) -> str:
    """The code for people: of a link the GS1 fields in it, of our own form nothing."""
    linked = (each for each in facts.spellings if each.link and each.link == code.text)
    shown = next(linked, None)
    if shown is not None:
        return "".join(f"({ai}){value}" for ai, value in shown.fields)
    return "" if catalog.read_own(code.text) else code.bracketed


# -- places and people ---------------------------------------------------------------------------
def _places(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    found = [catalog.location(conn, each) for each in asked.ids]
    found += [catalog.location_by_code(conn, each) for each in asked.codes]
    return [_place(conn, actor, each, asked.arrow) for each in found]


def _place(conn: Connection, actor: Actor, place: Location, arrow: Arrow) -> _Facts:
    where = Thing("location", str(place.id), warehouse_id=place.warehouse_id)
    require(actor, "label.print", where)
    house = catalog.warehouse(conn, place.warehouse_id).name if place.warehouse_id else ""
    zone = f"{place.zone} 区" if place.zone.isascii() and place.zone else place.zone
    about = " · ".join(each for each in (house, zone) if each)
    words = (
        Words(place.code, 30, 3.0, bold=True),
        Words(about, 3.4, 2.2, lines=2, cut=True),
        Words(place.name, 3.4, 2.2, lines=2, cut=True),
    )
    meant = Meant(place_id=place.id)
    return _Facts(place.code, meant, spelling.of_place(place.code), words, arrow, heading=True)


def _badges(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    require(actor, "person.write", Thing("person"))
    return [_badge(conn, each) for each in asked.ids]


def _badge(conn: Connection, person_id: int) -> _Facts:
    who = person(conn, person_id)
    if not who.badge:
        raise AppError(INVALID, field="人员", why=f"{who.name} 还没有工牌号，先在人员里填上")
    roles = "、".join(label for role, label in ROLES.items() if role in who.roles)
    words = (
        Words(who.name, 9, 3.0, lines=2),
        Words(roles, 3.6, 2.2, lines=2, cut=True),
    )
    meant = Meant(person_id=who.id)
    return _Facts(who.name, meant, spelling.of_badge(who.badge), words)


# -- papers of goods out -------------------------------------------------------------------------
def _packages(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    return [_package(conn, actor, code) for code in asked.codes]


def _package(conn: Connection, actor: Actor, code: str) -> _Facts:
    """For the box: whose it is, who carries it, which of how many."""
    box = package_by_code_or_none(conn, code)
    if box is None:
        raise AppError(NOT_FOUND, what="箱子", name=code)
    made = sale(conn, box.sale_id)
    require(actor, "label.print", Thing("sale", made.id, warehouse_id=made.warehouse_id))
    known = packages_of(conn, made.id)
    boxes = [each.code for each in known if each.state != "void" or each.code == code]
    which = f"第 {boxes.index(code) + 1} 箱，共 {len(boxes)} 箱"
    weight = f" · {show(box.weight_micro)} kg" if box.weight_micro else ""
    words = (
        Words(made.customer_name, 6, 2.4, lines=2),
        Words(f"{made.carrier or '自提'} · {which}", 4, 2.2, lines=2),
        Words(f"单号 {made.code}{weight}", 3.6, 2.2, lines=2),
    )
    return _Facts(code, Meant(paper=f"package:{code}"), spelling.of_paper(code), words)


def _waves(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    return [_wave(conn, actor, code) for code in asked.codes]


def _wave(conn: Connection, actor: Actor, code: str) -> _Facts:
    """For the cart: what is walked for."""
    made = wave_by_code_or_none(conn, code)
    if made is None:
        raise AppError(NOT_FOUND, what="波次", name=code)
    require(actor, "label.print", Thing("wave", made.id, warehouse_id=made.warehouse_id))
    when = "" if made.cut_off_at is None else f"{to_datetime(made.cut_off_at):%m-%d %H:%M} 截单"
    words = (
        Words(f"波次 {code}", 6, 2.4, lines=2),
        Words(" · ".join(each for each in (made.carrier_name, when) if each), 4, 2.2, lines=2),
        Words(made.why, 3.6, 2.2, lines=2, cut=True),
    )
    return _Facts(code, Meant(paper=f"wave:{code}"), spelling.of_paper(code), words)


# -- goods ---------------------------------------------------------------------------------------
def _items(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    found = [catalog.item(conn, each) for each in asked.ids]
    found += [catalog.item_by_code(conn, each) for each in asked.codes]
    require(actor, "label.print")
    return [_item(conn, each, asked.pack) for each in found]


def _item(conn: Connection, item: Item, pack: str) -> _Facts:
    gtin, per_scan = _sold_as(conn, item, pack)
    meant = Meant(item_id=item.id, per_scan=per_scan)
    unit = f"1 {pack} = {show(per_scan)} {item.unit}" if pack else f"单位 {item.unit}"
    words = (
        _name(item),
        Words(f"编号 {item.code}", 4.0, 2.0),
        Words(unit, 3.6, 2.0, lines=2),
        Words(item.name_en, 2.6, 1.8, lines=2, cut=True, spare=True),
    )
    return _Facts(item.code, meant, spelling.of_item(item.code, gtin, meant), words)


def _lots(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    require(actor, "label.print")
    return [_lot(conn, item, lot, asked) for item, lot in _named_lots(conn, asked)]


def _lot(conn: Connection, item: Item, lot: Lot, asked: Request) -> _Facts:
    gtin, per_scan = _sold_as(conn, item, asked.pack)
    meant = _of_lot(item, lot, per_scan)
    unit = f"1 {asked.pack} = {show(per_scan)} {item.unit}" if asked.pack else ""
    words = (_name(item), *_about(lot), Words(f"编号 {item.code}", 3.2, 2.0))
    words += (Words(unit, 3.2, 2.0, lines=2),)
    return _Facts(lot.code, meant, spelling.of_item(item.code, gtin, meant), words)


def _serials(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    require(actor, "label.print")
    item = _one_item(conn, asked)
    if not asked.codes:
        raise AppError(INVALID, field="序列号", why="至少写一个")
    gtin, _ = _sold_as(conn, item, "")
    return [_serial(item, gtin, each) for each in asked.codes]


def _serial(item: Item, gtin: str, serial: str) -> _Facts:
    meant = Meant(item_id=item.id, serial=serial)
    words = (
        _name(item),
        Words(f"序列号 {serial}", 4.4, 2.2),
        Words(f"编号 {item.code}", 3.4, 2.0),
    )
    return _Facts(serial, meant, spelling.of_item(item.code, gtin, meant), words)


def _boxes(conn: Connection, actor: Actor, asked: Request) -> list[_Facts]:
    require(actor, "label.print")
    if asked.count is None or asked.count <= 0:
        raise AppError(INVALID, field="数量", why="写明一箱里装多少，要大于 0")
    if asked.ids or asked.codes:
        return [_box(conn, item, lot, asked.count) for item, lot in _named_lots(conn, asked)]
    return [_box(conn, _one_item(conn, asked), None, asked.count)]


def _box(conn: Connection, item: Item, lot: Lot | None, count: Micro) -> _Facts:
    gtin, _ = _sold_as(conn, item, "")
    meant = Meant(item_id=item.id, per_scan=count)
    if lot is not None:
        meant = _of_lot(item, lot, count)
    words = (
        _name(item),
        Words(f"内装 {show(count)} {item.unit}", 5.0, 2.4, lines=2),
        *(_about(lot) if lot is not None else ()),
        Words(f"编号 {item.code}", 3.2, 2.0),
    )
    what = item.code if lot is None else lot.code
    return _Facts(what, meant, spelling.of_box(item.code, gtin, meant), words)


def _name(item: Item) -> Words:
    return Words(item.name, 4.6, 2.2, lines=3, bold=True, cut=True)


def _about(lot: Lot) -> tuple[Words, ...]:
    made = f"生产 {lot.made_on}" if lot.made_on else ""
    expires = f"到期 {lot.expires_on}" if lot.expires_on else ""
    return (
        Words(f"批号 {lot.code}", 4.4, 2.2),
        Words(expires, 4.4, 2.2),
        Words(made, 3.2, 2.0),
    )


def _of_lot(item: Item, lot: Lot, per_scan: Micro) -> Meant:
    return Meant(
        item_id=item.id,
        per_scan=per_scan,
        lot=lot.code,
        made_on=lot.made_on or "",
        expires_on=lot.expires_on or "",
    )


def _named_lots(conn: Connection, asked: Request) -> list[tuple[Item, Lot]]:
    lots = [catalog.lot(conn, each) for each in asked.ids]
    if asked.codes:
        item = _one_item(conn, asked)
        lots += [catalog.lot_by_code(conn, item.id, each) for each in asked.codes]
    return [(catalog.item(conn, each.item_id), each) for each in lots]


def _one_item(conn: Connection, asked: Request) -> Item:
    if asked.item_id is None:
        raise AppError(INVALID, field="货品", why="批号、序列号要写明是哪个货品的")
    return catalog.item(conn, asked.item_id)


def _sold_as(conn: Connection, item: Item, pack: str) -> tuple[str, Micro]:
    """The GTIN to print ("" when there is none) and the base units that one scan of it counts."""
    if not pack or pack == item.unit:
        return _unit_gtin(conn, item.id), ONE
    for each in catalog.packs_of(conn, item.id):
        if each.name == pack:
            return each.gtin or "", each.factor.to_base(ONE)
    raise AppError(NOT_FOUND, what="包装", name=f"{item.code} {pack}")


def _unit_gtin(conn: Connection, item_id: int) -> str:
    """A GTIN of the base unit: on a piece, the number of its box would count twelve."""
    for code in catalog.barcodes_of(conn, item_id):
        if len(code) == 14 and catalog.is_gtin(code):
            found = catalog.find_barcode(conn, code)
            if found is not None and found.item_id == item_id and found.pack_id is None:
                return code
    return ""


_LOOKS: dict[str, Callable[[Connection, Actor, Request], list[_Facts]]] = {
    "bin": _places,
    "item": _items,
    "lot": _lots,
    "serial": _serials,
    "box": _boxes,
    "badge": _badges,
    "package": _packages,
    "wave": _waves,
}
