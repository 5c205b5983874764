"""Load the demo company through the public verbs, so that it proves them on the way.

Does nothing on a database that already knows a person. Not for tests of rules: those build only
what they need.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from api.demo.data import (
    BINS,
    CHECKLIST,
    ITEMS,
    PARTNERS,
    PASSWORD,
    PEOPLE,
    PIN,
    WAREHOUSES,
    DemoItem,
    DemoPerson,
)
from core import calendar, catalog, people
from core.catalog import Check, NewItem, NewLocation, NewPartner
from core.catalog.gtin import check_digit
from core.clock import to_datetime
from core.db import Database, Tx
from core.orders.purchase import NewLine, NewPurchase, create_order
from core.people import ENGINE, NewPerson
from core.quantity import ONE, Factor, parse
from core.stock import Line, Posting, post

CHANNEL = "wecom"


@dataclass(frozen=True, slots=True)
class Seeded:
    """Ids by code, for whoever plays the day."""

    people: dict[str, int]
    items: dict[str, int]
    warehouses: dict[str, int]
    locations: dict[str, int]
    partners: dict[str, int]


def unit_gtin(item: DemoItem) -> str:
    """GTIN-13 of one base unit."""
    return item.gtin_body + check_digit(item.gtin_body)


def box_gtin(item: DemoItem) -> str:
    """GTIN-14 of one box (indicator digit 1)."""
    body = "1" + item.gtin_body
    return body + check_digit(body)


def is_empty(db: Database) -> bool:
    """True when nobody was ever added."""
    return db.read_now(lambda conn: not people.people(conn, limit=1))


def seed(db: Database) -> Seeded:
    """The whole company, in a handful of commands. Call it on an empty, migrated database."""
    hashes = {"password": people.hash_secret(PASSWORD), "pin": people.hash_secret(PIN)}
    db.write_now(calendar.seed)
    db.write_now(catalog.seed_locations)
    warehouses = db.write_now(_places)
    partners = db.write_now(_partners)
    persons = db.write_now(lambda tx: _people(tx, hashes, partners))
    items = db.write_now(_items)
    locations = db.read_now(
        lambda conn: (
            {code: catalog.location_by_code(conn, code).id for code, _, _ in BINS}
            | {
                code: catalog.location_by_code(conn, code).id
                for code in ("SUPPLIER", "CUSTOMER", "COUNT", "ZJ-DOCK", "SJ-DOCK")
            }
        )
    )
    seeded = Seeded(persons, items, warehouses, locations, partners)
    db.write_now(lambda tx: _opening(tx, seeded))
    db.write_now(lambda tx: _orders(tx, seeded))
    return seeded


def _places(tx: Tx) -> dict[str, int]:
    ids = {code: catalog.add_warehouse(tx, ENGINE, code, name) for code, name in WAREHOUSES}
    many = [
        NewLocation(code=code, kind="bin", name=code, warehouse_id=ids[warehouse], zone=zone)
        for code, warehouse, zone in BINS
    ]
    catalog.add_locations(tx, ENGINE, many)
    return ids


def _partners(tx: Tx) -> dict[str, int]:
    return {
        each.code: catalog.add_partner(
            tx, ENGINE, NewPartner(each.code, each.name, each.kind, each.phone)
        )
        for each in PARTNERS
    }


def _people(tx: Tx, hashes: dict[str, str], partners: dict[str, int]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for each in PEOPLE:
        ids[each.login] = people.add_person(tx, ENGINE, _new_person(each, ids, hashes, partners))
        if each.chat:
            people.bind_chat(tx, ENGINE, ids[each.login], CHANNEL, each.login)
    return ids


def reached_everywhere(tx: Tx, ids: dict[str, int]) -> None:
    """Some of them are in all three chat apps; whichever they answer in, the others know."""
    for each in PEOPLE:
        if each.everywhere:
            person_id = ids.get(each.login) or _id_of(tx, each.login)
            for channel in people.CHANNELS:
                people.bind_chat(tx, ENGINE, person_id, channel, account_of(each.login, channel))
            people.update_person(tx, ENGINE, person_id, {"everywhere": True})


def _id_of(tx: Tx, login: str) -> int:
    found = people.person_by_login(tx.conn, login)
    assert found is not None, f"{login} is one of the demo's people"
    return found.id


def account_of(login: str, channel: str) -> str:
    """This person's account on a simulated channel; Telegram's are numbers."""
    numbers = {each.login: n for n, each in enumerate(PEOPLE, 1)}
    return f"70000000{numbers[login]:02d}" if channel == "telegram" else login


def _new_person(
    each: DemoPerson, ids: dict[str, int], hashes: dict[str, str], partners: dict[str, int]
) -> NewPerson:
    is_supplier = "supplier" in each.roles
    return NewPerson(
        login=each.login,
        name=each.name,
        name_en=each.name_en,
        roles=each.roles,
        manager_id=ids.get(each.manager),
        partner_id=partners.get(each.partner),
        password_hash=None if is_supplier else hashes["password"],
        pin_hash=hashes["pin"] if each.badge else None,
        badge=each.badge or None,
    )


def _items(tx: Tx) -> dict[str, int]:
    checklist = tuple(Check(key=key, label=label) for key, label in CHECKLIST)
    ids = {}
    for each in ITEMS:
        new = NewItem(
            code=each.code,
            name=each.name,
            name_en=each.name_en,
            unit=each.unit,
            tracking=each.tracking,
            shelf_life_days=each.shelf_life_days,
            needs_inspection=each.inspect,
            checklist=checklist if each.inspect else (),
            zone=each.zone,
            over_receipt_percent=5,
        )
        ids[each.code] = catalog.add_item(tx, ENGINE, new)
        catalog.add_barcode(tx, ENGINE, ids[each.code], unit_gtin(each))
        if each.per_box > 1:
            box = Factor(each.per_box)
            catalog.add_pack(tx, ENGINE, ids[each.code], "箱", box, gtin=box_gtin(each))
    return ids


def _opening(tx: Tx, seeded: Seeded) -> None:
    """Opening stock: what the first count found, from COUNT into the first bins of each zone."""
    today = to_datetime(tx.now).date()
    lines = []
    for place, each in enumerate(item for item in ITEMS if item.opening):
        lot = 0
        if each.tracking == "lot":
            made = today - timedelta(days=each.shelf_life_days // 4)
            lot = catalog.ensure_lot(
                tx,
                seeded.items[each.code],
                f"L{made:%y%m%d}",
                made_on=made.isoformat(),
                expires_on=(made + timedelta(days=each.shelf_life_days)).isoformat(),
                supplier_id=seeded.partners[each.supplier],
            )
        home = "SJ" if each.zone == "C" else "ZJ"
        bin_code = f"{home}-{each.zone}-{place % 4 + 1:02d}-1"
        lines.append(
            Line(
                item_id=seeded.items[each.code],
                quantity=each.opening * ONE,
                from_location=seeded.locations["COUNT"],
                to_location=seeded.locations[bin_code],
                lot_id=lot,
            )
        )
    post(tx, ENGINE, Posting(op_id="demo:opening", kind="opening", lines=tuple(lines)))


_ORDERS = (
    ("CG-0301", "S-HENGSHUN", "ZJ", (("JL-001", 24), ("JL-002", 10), ("JL-004", 20)), False),
    ("CG-0302", "S-HAINA", "ZJ", (("JL-101", 40), ("JL-103", 20)), True),
    ("CG-0303", "S-YUEZHU", "ZJ", (("JL-201", 20), ("JL-203", 10)), False),
)


def _orders(tx: Tx, seeded: Seeded) -> None:
    """Three open purchase orders, in boxes; they open the first tasks of the day."""
    by_code = {each.code: each for each in ITEMS}
    due_on = to_datetime(tx.now).date().isoformat()
    for code, supplier, warehouse, wanted, ask in _ORDERS:
        lines = tuple(
            NewLine(
                item_id=seeded.items[item],
                quantity=boxes * by_code[item].per_box * ONE,
                price_micro=parse(by_code[item].price),
            )
            for item, boxes in wanted
        )
        new = NewPurchase(
            op_id=f"demo:order:{code}",
            code=code,
            supplier_id=seeded.partners[supplier],
            warehouse_id=seeded.warehouses[warehouse],
            lines=lines,
            due_on=due_on,
            buyer_id=seeded.people["wangmin"],
            ask_supplier=ask,
        )
        create_order(tx, ENGINE, new)
