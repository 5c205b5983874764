"""The work of one seed, twice: once for the scanner that goes offline, once for its online twin.

Each twin has a warehouse, a worker and a colleague of its own, an order to receive, a wave to pick
and a bin to count; codes differ only in their prefix. Not for doing the work.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from core import calendar, catalog, people
from core.catalog import Check, NewItem, NewLocation, NewPartner
from core.clock import ManualClock
from core.db import Database, Tx
from core.orders.count import OpenCount, open_count
from core.orders.purchase import NewLine, NewPurchase, create_order
from core.orders.sales.order import NewSale, NewSaleLine, create_sale
from core.orders.sales.wave import Release, release
from core.outbox import queue
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post
from tests.databases import DATABASES, MONDAY_0900

PIN = "4711"
PLACES = ("R1", "R2", "P1", "P2", "P3", "C1")
STOPS = {"P1": ("can", 10, 4), "P2": ("cup", 8, 3), "P3": ("lid", 5, 2)}  # goods, there, wanted
COUNTED = 20


@dataclass(frozen=True, slots=True)
class Twin:
    """What was made, by name: the same names for both twins, other values."""

    prefix: str
    warehouse_id: int
    worker_id: int
    device_id: int
    colleague_id: int
    colleague_device_id: int
    ids: dict[str, str]


def company() -> str:
    """Calendar, places of everybody, people who sign; the address of the database."""
    queue.configure("tests only")
    db = DATABASES.database(ManualClock(MONDAY_0900))
    db.write_now(_company)
    db.close()
    return db.url


def _company(tx: Tx) -> None:
    calendar.seed(tx)
    catalog.seed_locations(tx)
    for login, role in (("boss", "supervisor"), ("buyer", "buyer")):
        people.add_person(tx, ENGINE, NewPerson(login, login, (role,)))
    catalog.add_partner(tx, ENGINE, NewPartner("S-1", "华东食品", "supplier"))
    catalog.add_partner(tx, ENGINE, NewPartner("CU-1", "徐汇便利店", "customer"))


def twin(db: Database, prefix: str, pin_hash: str) -> Twin:
    """One of the two, complete."""
    return db.write_now(lambda tx: _twin(tx, prefix, pin_hash))


def _twin(tx: Tx, prefix: str, pin_hash: str) -> Twin:
    house = catalog.add_warehouse(tx, ENGINE, prefix, f"{prefix} 仓")
    places = {
        name: catalog.add_location(
            tx, ENGINE, NewLocation(f"{prefix}-{name}", "bin", warehouse_id=house, zone=name[0])
        )
        for name in PLACES
    }
    goods = _goods(tx, prefix)
    stock = [
        Line(goods[name], there * ONE, _supplier_place(tx), places[place])
        for place, (name, there, _) in STOPS.items()
    ]
    stock.append(Line(goods["tin"], COUNTED * ONE, _supplier_place(tx), places["C1"]))
    post(tx, ENGINE, Posting(f"open-{prefix}", "opening", tuple(stock)))
    who = [
        people.add_person(
            tx,
            ENGINE,
            NewPerson(
                f"{name}-{prefix}",
                f"{name} {prefix}",
                ("warehouse",),
                warehouse_ids=(house,),
                badge=f"BADGE-{name}-{prefix}",
                pin_hash=pin_hash,
            ),
        )
        for name in ("worker", "colleague")
    ]
    devices = [
        people.enrol_device(tx, people.make_enrol_code(tx, ENGINE, f"{prefix} {n}")).device_id
        for n in (1, 2)
    ]
    ids = _documents(tx, prefix, house, goods, places["C1"])
    return Twin(prefix, house, who[0], devices[0], who[1], devices[1], ids)


def _supplier_place(tx: Tx) -> int:
    return catalog.location_by_code(tx.conn, "SUPPLIER").id


def _goods(tx: Tx, prefix: str) -> dict[str, int]:
    syrup = NewItem(
        f"{prefix}-syrup",
        "低糖基料",
        tracking="lot",
        needs_inspection=True,
        checklist=(Check("box", "外包装"),),
    )
    plain = [NewItem(f"{prefix}-{name}", name) for name in ("box", "can", "cup", "lid", "tin")]
    return {
        each.code.rpartition("-")[2]: catalog.add_item(tx, ENGINE, each) for each in (syrup, *plain)
    }


def _documents(
    tx: Tx, prefix: str, house: int, goods: dict[str, int], counted: int
) -> dict[str, str]:
    buyer, boss = (_actor(tx, login) for login in ("buyer", "boss"))
    supplier = catalog.partner_by_code(tx.conn, "S-1").id
    lines = (NewLine(goods["syrup"], 48 * ONE), NewLine(goods["box"], 30 * ONE))
    wanted = NewPurchase(
        f"po-{prefix}-1", f"PO-{prefix}", supplier, house, lines, "2026-03-02", buyer.person_id
    )
    order = create_order(tx, buyer, wanted)
    sold = tuple(NewSaleLine(goods[name], take * ONE) for name, _, take in STOPS.values())
    shop = catalog.partner_by_code(tx.conn, "CU-1").id
    sale = NewSale(
        f"so-{prefix}-1", f"SO-{prefix}", shop, house, sold, "2026-03-02", boss.person_id
    )
    wave = release(tx, boss, Release(f"wave-{prefix}-1", house, (create_sale(tx, boss, sale).id,)))
    sheet = OpenCount(f"count-{prefix}-1", f"PD-{prefix}", house, (counted,))
    stops = {f"stop-{line.bin[-2:]}": line.id for line in wave.lines}
    return {
        "order": order.id,
        "line-syrup": order.lines[0].id,
        "line-box": order.lines[1].id,
        "wave": wave.id,
        "count": open_count(tx, boss, sheet),
        **stops,
    }


def _actor(tx: Tx, login: str) -> people.Actor:
    found = people.person_by_login(tx.conn, login)
    assert found is not None
    return people.actor_of(tx.conn, found.id, "desk")


def pictures(seed: int, count: int) -> list[str]:
    """Photos that no other seed has, as base64."""
    made = []
    for n in range(count):
        out = io.BytesIO()
        colour = (seed % 256, seed // 256 % 256, 40 * n % 256)
        Image.new("RGB", (64, 48), colour).save(out, "JPEG")
        made.append(base64.b64encode(out.getvalue()).decode())
    return made


def told(twin_: Twin, db: Database, seed: int) -> dict[str, Any]:
    """What the program with the scanner must know."""
    name = f"{twin_.prefix} 枪"
    code = db.write_now(lambda tx: people.make_enrol_code(tx, ENGINE, name))
    return {
        "prefix": twin_.prefix,
        "ids": twin_.ids,
        "code": code,
        "badge": f"BADGE-worker-{twin_.prefix}",
        "pin": PIN,
        "photos": pictures(seed, 4),
    }
