"""A small company behind real doors: two warehouses, two suppliers, one person for each role.

Everything is called over ASGI. Not a story world (tests/world.py): no chat, no scanners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from api.deps import Jieli
from core import calendar, catalog, people
from core.catalog import NewItem, NewLocation, NewPartner
from core.clock import ManualClock
from core.db import Database, Tx
from core.ids import new_id
from core.orders.purchase import NewLine, NewPurchase, create_order
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post

Wire = dict[str, Any]
PASSWORD = "correct horse 电池"
HOST = "http://jieli.test"

# login → role, warehouse, supplier
STAFF: dict[str, tuple[str, str, str]] = {
    "admin": ("admin", "", ""),
    "supervisor": ("supervisor", "", ""),
    "director": ("director", "", ""),
    "buyer": ("buyer", "", ""),
    "warehouse": ("warehouse", "", ""),
    "legal": ("legal", "", ""),
    "finance": ("finance", "", ""),
    "viewer": ("viewer", "", ""),
    "north": ("warehouse", "N", ""),
    "south": ("warehouse", "S", ""),
    "supplier": ("supplier", "", "ACME"),
    "rival": ("supplier", "", "RIVAL"),
}


@dataclass(slots=True)
class Ids:
    """Who and what was seeded, by name."""

    people: dict[str, int] = field(default_factory=dict)
    warehouses: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    partners: dict[str, int] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)


def seed(db: Database) -> Ids:
    """The company, made through the public verbs."""
    ids = Ids()
    password = people.hash_secret(PASSWORD)

    def company(tx: Tx) -> None:
        calendar.seed(tx)
        catalog.seed_locations(tx)
        for code in ("N", "S"):
            made = catalog.add_warehouse(tx, ENGINE, code, f"{code} 仓")
            ids.warehouses[code] = made
            new = NewLocation(f"{code}-A1", "bin", warehouse_id=made)
            ids.places[f"{code}-A1"] = catalog.add_location(tx, ENGINE, new)
            new = NewLocation(f"{code}-A2", "bin", warehouse_id=made)
            ids.places[f"{code}-A2"] = catalog.add_location(tx, ENGINE, new)
            ids.places[f"{code}-DOCK"] = catalog.location_by_code(tx.conn, f"{code}-DOCK").id
        for code in ("SUPPLIER", "CUSTOMER"):
            ids.places[code] = catalog.location_by_code(tx.conn, code).id
        for code in ("ACME", "RIVAL"):
            ids.partners[code] = catalog.add_partner(tx, ENGINE, NewPartner(code, f"{code} 公司"))
        ids.items["BOLT"] = catalog.add_item(tx, ENGINE, NewItem("BOLT", "螺栓 M8"))
        milk = NewItem("MILK", "燕麦奶", tracking="lot", needs_inspection=True)
        ids.items["MILK"] = catalog.add_item(tx, ENGINE, milk)
        for login, (role, warehouse, partner) in STAFF.items():
            person = NewPerson(
                login,
                f"{login} 某",
                (role,),
                warehouse_ids=(ids.warehouses[warehouse],) if warehouse else (),
                partner_id=ids.partners[partner] if partner else None,
                password_hash=password,
            )
            ids.people[login] = people.add_person(tx, ENGINE, person)

    def goods(tx: Tx) -> None:
        for code in ("N", "S"):
            line = Line(
                ids.items["BOLT"], 1000 * ONE, ids.places["SUPPLIER"], ids.places[f"{code}-A1"]
            )
            post(tx, ENGINE, Posting(f"opening-{code}", "opening", (line,)))
            new = NewPurchase(
                op_id=f"order-{code}-1",
                code=f"PO-{code}",
                supplier_id=ids.partners["ACME" if code == "N" else "RIVAL"],
                warehouse_id=ids.warehouses[code],
                lines=(NewLine(ids.items["MILK"], 288 * ONE),),
                due_on="2026-03-05",
                buyer_id=ids.people["buyer"],
                ask_supplier=True,
            )
            order = create_order(tx, ENGINE, new)
            ids.orders[code], ids.lines[code] = order.id, order.lines[0].id

    db.write_now(company)
    db.write_now(goods)
    return ids


class Room:
    """The app, a client, and tokens by login."""

    def __init__(self, app: FastAPI, ids: Ids, http: httpx.AsyncClient, clock: ManualClock) -> None:
        self.app, self.ids, self.http, self.clock = app, ids, http, clock
        self.jieli: Jieli = app.state.jieli
        self._tokens: dict[str, str] = {}
        self._count = 0

    def auth(self, login: str) -> dict[str, str]:
        """The Bearer header of this person's API token."""
        if login not in self._tokens:
            person = self.ids.people[login]
            self._tokens[login] = self.jieli.db.write_now(
                lambda tx: people.open_session(tx, person, "api", minutes=60 * 24 * 30)
            )
        return {"Authorization": f"Bearer {self._tokens[login]}"}

    def forget(self, login: str) -> None:
        """Make the next call open a new session."""
        self._tokens.pop(login, None)

    def key(self) -> str:
        """A fresh operation id."""
        return new_id(self.clock.now())

    async def get(self, login: str, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query, headers=self.auth(login))

    async def send(
        self, login: str, path: str, body: Any = None, *, key: str = "", method: str = "POST"
    ) -> httpx.Response:
        """A write with an operation id, a fresh one unless given."""
        headers = self.auth(login) | {"Idempotency-Key": key or self.key()}
        return await self.http.request(method, path, json=body, headers=headers)

    async def do(self, login: str, path: str, body: Any = None, *, key: str = "") -> Wire:
        """A POST that must succeed."""
        answer = await self.send(login, path, body, key=key)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        made: Wire = answer.json()
        return made

    async def ask(self, login: str, path: str, **query: Any) -> Any:
        """A GET that must succeed."""
        answer = await self.get(login, path, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def line(self, quantity: str, start: str = "N-A1", to: str = "N-A2") -> Mapping[str, Any]:
        """One posting line of bolts."""
        return {
            "item_id": self.ids.items["BOLT"],
            "quantity": quantity,
            "from_location": self.ids.places[start],
            "to_location": self.ids.places[to],
        }

    async def on_hand(self, place: str) -> str:
        """Bolts at a place, as the API says it."""
        found = await self.ask("admin", "/api/stock", location_id=self.ids.places[place])
        return str(found["items"][0]["on_hand"]) if found["items"] else "0"

    async def task_of(self, login: str, kind: str) -> Wire:
        """This person's first task of a kind."""
        found = await self.ask(login, "/api/tasks/inbox")
        return next(each for each in found["items"] if each["kind"] == kind)
