"""The shop that every simulated day begins with: people, phones, scanners, goods, opening stock.

Also the names by which the doubles know it. Ids are dense and the same in every seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from argon2 import PasswordHasher

from core import calendar, catalog, stock
from core.catalog import Check, NewItem, NewLocation, NewPartner
from core.db import Tx
from core.orders.sales.carriers import Carrier, save_carrier
from core.people import (
    ENGINE,
    Actor,
    NewPerson,
    actor_of,
    add_person,
    bind_chat,
    enrol_device,
    make_enrol_code,
    update_person,
)
from core.quantity import ONE, Factor

PIN = "4711"
# Checked by the product as any other; weak on purpose, because a sign-in must not take 50 ms here.
_PIN_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PIN)
CHECKS = {"temp": "4"}
HOUSES = ("ZJ", "SJ")
BINS = ("ZJ-A-1", "ZJ-A-2", "ZJ-B-1", "SJ-A-1", "SJ-A-2")
VIRTUAL = ("SUPPLIER", "CUSTOMER", "PRODUCTION", "COUNT", "SCRAP")
SCANNERS = ("li", "wang", "zhao")  # who holds one
MANAGERS = (("li", "zhao"), ("wang", "zhao"), ("chen", "sun"), ("zhao", "sun"))
STAFF = (
    # login, roles, quiet hours
    ("li", ("warehouse",), None),
    ("wang", ("warehouse",), (22 * 60, 7 * 60)),
    ("chen", ("buyer",), None),
    ("zhou", ("legal",), None),
    ("zhao", ("supervisor",), None),
    ("sun", ("director",), None),
    ("guan", ("admin",), None),
    ("mute", ("warehouse",), None),  # has no chat account
    ("lin", ("seller",), None),
)


@dataclass(slots=True)
class Company:
    """Ids by name; filled while the template is made."""

    actors: dict[str, Actor] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    houses: dict[str, int] = field(default_factory=dict)
    lots: dict[str, int] = field(default_factory=dict)
    box: int = 0
    supplier: int = 0
    customer: int = 0
    device_tokens: dict[str, str] = field(default_factory=dict)

    def house_of(self, place: str) -> str:
        return place[:2] if place[:2] in HOUSES else ""

    @property
    def bins(self) -> list[str]:
        return list(BINS)


def furnish(tx: Tx, shop: Company) -> None:
    """Everything there is at opening time."""
    calendar.seed(tx)
    catalog.seed_locations(tx)
    for code in HOUSES:
        shop.houses[code] = catalog.add_warehouse(tx, ENGINE, code, f"{code} 仓")
    new = [NewLocation(code, "bin", "", shop.houses[code[:2]], code[3]) for code in BINS]
    catalog.add_locations(tx, ENGINE, new)
    own = [f"{house}-{kind}" for house in HOUSES for kind in ("DOCK", "TRANSIT", "OUT")]
    for code in (*VIRTUAL, *own, *BINS):
        shop.places[code] = catalog.location_by_code(tx.conn, code).id
    _goods(tx, shop)
    _people(tx, shop)
    _opening(tx, shop)


def _goods(tx: Tx, shop: Company) -> None:
    temp = Check("temp", "到货温度", "number", 0, 8 * ONE)
    for new in (
        NewItem("J-001", "低糖基料", tracking="lot", shelf_life_days=3650, needs_inspection=True,
                checklist=(temp,), zone="A", over_receipt_percent=5),
        NewItem("M-001", "燕麦奶", tracking="lot", shelf_life_days=3650, zone="A"),
        NewItem("C-001", "纸杯", zone="B"),
        NewItem("X-001", "香料", unit="kg", zone="B"),
    ):  # fmt: skip
        shop.items[new.code] = catalog.add_item(tx, ENGINE, new)
    shop.box = catalog.add_pack(tx, ENGINE, shop.items["J-001"], "箱", Factor(12))
    catalog.add_barcode(tx, ENGINE, shop.items["C-001"], "4006381333931")
    shop.supplier = catalog.add_partner(tx, ENGINE, NewPartner("SUP-1", "王老板食品"))
    shop.customer = catalog.add_partner(tx, ENGINE, NewPartner("CUS-1", "街角咖啡", "customer"))
    save_carrier(tx, ENGINE, Carrier("SF", "顺丰", ("16:30", "20:00")))


def _people(tx: Tx, shop: Company) -> None:
    for login, roles, quiet in STAFF:
        quiet_from, quiet_to = quiet or (None, None)
        badge = f"BADGE-{login}" if login in SCANNERS else None
        _person(tx, shop, NewPerson(
            login, login, roles, badge=badge, pin_hash=_PIN_HASH if badge else None,
            quiet_from=quiet_from, quiet_to=quiet_to,
        ))  # fmt: skip
    _person(tx, shop, NewPerson("boss", "boss", ("supplier",), partner_id=shop.supplier))
    for login in SCANNERS:
        code = make_enrol_code(tx, shop.actors["guan"], f"{login} 的枪")
        shop.device_tokens[login] = enrol_device(tx, code).token
    for login, manager in MANAGERS:
        above = {"manager_id": shop.actors[manager].person_id}
        update_person(tx, ENGINE, shop.actors[login].person_id, above)
    calendar.add_rota(tx, ENGINE, "night", "夜班")


def _person(tx: Tx, shop: Company, new: NewPerson) -> None:
    person_id = add_person(tx, ENGINE, new)
    if new.login != "mute":
        bind_chat(tx, ENGINE, person_id, "chat", new.login)
    shop.actors[new.login] = actor_of(tx.conn, person_id, "desk")


def _opening(tx: Tx, shop: Company) -> None:
    for item, lot, place, quantity in (
        ("J-001", "L-1", "ZJ-A-1", 40),
        ("M-001", "M-1", "ZJ-A-1", 30),
        ("M-001", "M-2", "ZJ-A-2", 30),
        ("M-001", "M-1", "SJ-A-1", 20),
        ("C-001", "", "ZJ-B-1", 100),
        ("X-001", "", "SJ-A-2", 10),
    ):
        lot_id = 0
        if lot:
            lot_id = catalog.ensure_lot(tx, shop.items[item], lot, expires_on=EXPIRY[lot])
            shop.lots[lot] = lot_id
        line = stock.Line(
            shop.items[item],
            quantity * ONE,
            shop.places["SUPPLIER"],
            shop.places[place],
            lot_id=lot_id,
        )
        op = f"opening-{item}-{lot}-{place}"
        stock.post(tx, ENGINE, stock.Posting(op, "opening", (line,)))


EXPIRY = {"L-1": "2031-01-31", "M-1": "2030-06-30", "M-2": "2031-06-30"}
