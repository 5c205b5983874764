"""What a scanned code stands for: goods, a place or an order. Reads only, at most a handful of
statements however large the warehouse is (odoo #8344 read 15,000 places per scan).

Own codes win over GS1, so an own code that happens to look like "10…" is never taken for a lot.
Not for deciding what to do with it: that is the flow's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from core.catalog import (
    Item,
    Location,
    find_barcode,
    item,
    item_by_code_or_none,
    location_by_code_or_none,
    lot_by_code_or_none,
    warehouses,
)
from core.clock import Instant, to_datetime
from core.orders.order_book import Order, order_by_code_or_none
from core.orders.sales.book import Sale, Wave, sale_by_code_or_none, wave_by_code_or_none
from core.orders.sales.boxes import Package, package_by_code_or_none
from core.people import Actor
from core.quantity import ONE, Factor, Micro
from pda.labels import Expected, Label, Reading, read
from pda.messages import Message, pick_label, unknown_code
from pda.steps import Ask

_WEIGHED_IN = frozenset({"kg", "KG", "千克", "公斤"})
_NO_LABEL = Label()


@dataclass(frozen=True, slots=True)
class Goods:
    """An item as it was scanned, and how much one scan of that code stands for."""

    item: Item
    per_scan: Micro  # base units
    label: Label = _NO_LABEL

    @property
    def lot(self) -> str:
        return self.label.lot


@dataclass(frozen=True, slots=True)
class Found:
    """Exactly one of the fields is set; `options` are the readings to choose from."""

    goods: Goods | None = None
    place: Location | None = None
    order: Order | None = None
    sale: Sale | None = None
    wave: Wave | None = None
    package: Package | None = None
    options: tuple[Label, ...] = ()
    unknown: Message | None = None


def find(conn: Connection, ask: Ask, now: Instant, choice: str = "") -> Found:
    """What `ask.code` is. `choice` is the text of the reading a person tapped."""
    today = to_datetime(now).date()
    reading = read(ask.code, ask.symbology, Expected(today=today))
    if not reading.labels:
        return _plain(conn, reading)
    if len(reading.labels) > 1 and not choice:
        reading = read(ask.code, ask.symbology, _expected(conn, reading, now))
    labels = [each for each in reading.labels if not choice or each.text == choice]
    if len(labels) > 1:
        return Found(options=tuple(labels))
    if not labels:
        return Found(unknown=unknown_code(reading.code, odd_keyboard=False))
    goods = _labelled(conn, labels[0])
    if goods is None:
        code = labels[0].gtin or labels[0].sscc or reading.code
        return Found(unknown=unknown_code(code, odd_keyboard=False))
    return Found(goods=goods)


def _plain(conn: Connection, reading: Reading) -> Found:
    code = reading.code
    if not code:
        return Found(unknown=unknown_code(code, odd_keyboard=False))
    barcode = find_barcode(conn, code)
    if barcode is not None:
        thing = item(conn, barcode.item_id)
        return Found(goods=Goods(thing, barcode.factor.to_base(ONE)))
    place = location_by_code_or_none(conn, code)
    if place is not None:
        return Found(place=place)
    order = order_by_code_or_none(conn, code)
    if order is not None:
        return Found(order=order)
    known = item_by_code_or_none(conn, code)
    if known is not None:
        return Found(goods=Goods(known, ONE))
    going = _going(conn, code)
    if going is not None:
        return going
    return Found(unknown=unknown_code(code, odd_keyboard=reading.odd_keyboard))


def _going(conn: Connection, code: str) -> Found | None:
    """A paper of goods out: a wave, an order, a box."""
    wave = wave_by_code_or_none(conn, code)
    if wave is not None:
        return Found(wave=wave)
    sale = sale_by_code_or_none(conn, code)
    if sale is not None:
        return Found(sale=sale)
    package = package_by_code_or_none(conn, code)
    return None if package is None else Found(package=package)


def _labelled(conn: Connection, label: Label) -> Goods | None:
    barcode = find_barcode(conn, label.gtin) if label.gtin else None
    if barcode is None:
        return None
    thing = item(conn, barcode.item_id)
    return Goods(thing, _per_scan(thing, barcode.factor, label), label)


def _per_scan(thing: Item, factor: Factor, label: Label) -> Micro:
    """One pack; the weight printed on a weighed pack; the count printed on a mixed one."""
    if label.weight_kg is not None and thing.unit in _WEIGHED_IN:
        return label.weight_kg
    return factor.to_base(label.count if label.count else ONE)


def _expected(conn: Connection, reading: Reading, now: Instant) -> Expected:
    """Which of the readings' GTINs and lots we know; that decides most doubtful labels."""
    gtins, lots = set(), set()
    for label in reading.labels:
        barcode = find_barcode(conn, label.gtin) if label.gtin else None
        if barcode is None:
            continue
        gtins.add(label.gtin)
        if label.lot and lot_by_code_or_none(conn, barcode.item_id, label.lot) is not None:
            lots.add(label.lot)
    return Expected(frozenset(gtins), frozenset(lots), to_datetime(now).date())


def warehouses_of(conn: Connection, actor: Actor) -> list[int]:
    """Where this person works: the bound warehouses, else all of them."""
    return sorted(actor.warehouse_ids) or [each.id for each in warehouses(conn)]


def options_wire(options: tuple[Label, ...]) -> tuple[Message, dict[str, object]]:
    """The question "which reading is printed on the paper?" as message and screen data."""
    shown = [
        {"text": each.text, "lot": each.lot, "use_by": each.use_by, "gtin": each.gtin}
        for each in options
    ]
    return pick_label(len(options)), {"options": shown}
