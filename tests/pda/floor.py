"""A warehouse floor to scan in: people with badges, goods with labels, one open purchase order.

`open_floor` copies a database made once; `Scanner` is a whole client in forty lines:
it keeps unanswered frames, resumes from its cursor and checks that no event is missed or doubled.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette

from api.doors import Doorkeeper
from api.live import LiveDoor
from core import calendar, catalog, people
from core.catalog import Check, NewItem, NewLocation, NewPartner
from core.clock import ManualClock
from core.config import Settings
from core.db import Database, Tx
from core.orders.purchase import NewLine, NewPurchase, create_order
from core.outbox import queue
from core.people import ENGINE, NewPerson
from core.quantity import ONE, Factor
from tests.databases import DATABASES
from tests.pda.socket import Socket

MILK_BOX = "07035620052163"
SYRUP_LABEL = f"01{MILK_BOX}1726123110L-7"
PIN = "4711"
_PIN_HASH: list[str] = []
PEOPLE = {
    "zhang": ("张三", ("warehouse",), "BADGE-ZHANG"),
    "li": ("李四", ("warehouse",), "BADGE-LI"),
    "buyer": ("王采购", ("buyer",), "BADGE-BUYER"),
    "boss": ("赵主管", ("supervisor",), "BADGE-BOSS"),
    "director": ("孙总监", ("director",), None),
    "admin": ("管理员", ("admin",), None),
}
BINS = ("A-01", "A-02", "B-01")


def _pin_hash() -> str:
    if not _PIN_HASH:
        _PIN_HASH.append(people.hash_secret(PIN))
    return _PIN_HASH[0]


def furnish(tx: Tx, pin_hash: str) -> None:
    """Everything the tests' warehouse has."""
    calendar.seed(tx)
    catalog.seed_locations(tx)
    house = catalog.add_warehouse(tx, ENGINE, "ZJ", "张江仓")
    for code in BINS:
        place = NewLocation(code, "bin", warehouse_id=house, zone=code[0])
        catalog.add_location(tx, ENGINE, place)
    ids = {}
    for login, (name, roles, badge) in PEOPLE.items():
        new = NewPerson(login, name, roles, badge=badge, pin_hash=pin_hash)
        ids[login] = people.add_person(tx, ENGINE, new)
    partner = NewPartner("S-1", "华东食品", "supplier")
    supplier = catalog.add_partner(tx, ENGINE, partner)
    syrup = NewItem(
        "A-001",
        "低糖基料",
        tracking="lot",
        shelf_life_days=365,
        needs_inspection=True,
        checklist=(Check("temp", "到货温度", "number", -2 * ONE, 8 * ONE),),
        zone="A",
    )
    goods = {
        "syrup": catalog.add_item(tx, ENGINE, syrup),
        "carton": catalog.add_item(tx, ENGINE, NewItem("B-002", "纸箱", zone="B")),
        "gun": catalog.add_item(tx, ENGINE, NewItem("C-003", "扫码枪", tracking="serial")),
        "other": catalog.add_item(tx, ENGINE, NewItem("D-004", "别家的货")),
    }
    catalog.add_pack(tx, ENGINE, goods["syrup"], "箱", Factor(12), gtin=MILK_BOX)
    catalog.add_barcode(tx, ENGINE, goods["carton"], "4006381333931")
    catalog.add_barcode(tx, ENGINE, goods["gun"], "06901234567892")
    catalog.add_barcode(tx, ENGINE, goods["other"], "96385074")
    lines = (
        NewLine(goods["syrup"], 288 * ONE),
        NewLine(goods["carton"], 100 * ONE),
        NewLine(goods["gun"], 3 * ONE),
    )
    order = NewPurchase("seed-po-0001", "PO-1", supplier, house, lines, "2026-03-02", ids["buyer"])
    create_order(tx, people.actor_of(tx.conn, ids["buyer"], "desk"), order)


@dataclass(slots=True)
class Floor:
    """The running doors over one database, and shortcuts to what is in it."""

    db: Database
    clock: ManualClock
    door: LiveDoor
    app: Starlette
    made: int = 0

    def person(self, login: str, face: str = "desk") -> people.Actor:
        found = self.db.read_now(lambda conn: people.person_by_login(conn, login))
        assert found is not None
        return self.db.read_now(lambda conn: people.actor_of(conn, found.id, face))

    def enrol(self, name: str = "3 号枪", was: str = "") -> str:
        """The device token of a new scanner, or of one that had the token `was` before."""
        boss = self.person("boss")
        code = self.db.write_now(lambda tx: people.make_enrol_code(tx, boss, name))
        return self.db.write_now(lambda tx: people.enrol_device(tx, code, was)).token

    def socket(self, path: str = "/ws/pda", headers: dict[str, str] | None = None) -> Socket:
        return Socket(self.app, path, headers)

    def scanner(self, login: str = "zhang") -> Scanner:
        return Scanner(self, self.enrol(), login)

    def new_id(self) -> str:
        self.made += 1
        return f"op-{self.made:06d}"


@asynccontextmanager
async def open_floor(
    seeded: str, clock: ManualClock, *, silence_seconds: float = 60.0
) -> AsyncIterator[Floor]:
    """Doors over a fresh copy of the seeded database."""
    db = DATABASES.database(clock, seeded)
    settings = Settings(database_url=db.url, _env_file=None)
    keeper = Doorkeeper(settings, db, clock)
    door = LiveDoor(db, clock, keeper, silence_seconds=silence_seconds, goodbye_seconds=0.05)
    db.on_commit = lambda committed: door.on_news(committed.news)
    queue.configure("tests only")
    app = Starlette(routes=list(door.routes()))
    try:
        yield Floor(db, clock, door, app)
    finally:
        await door.close()
        db.close()
        DATABASES.drop(db.url)


def seed_template(clock: ManualClock) -> str:
    """The furnished database, made once per test session; its address."""
    queue.configure("tests only")
    db = DATABASES.database(clock)
    pin_hash = _pin_hash()
    db.write_now(lambda tx: furnish(tx, pin_hash))
    db.close()
    return db.url


@dataclass(slots=True)
class Scanner:
    """A client as the protocol asks for: ids before sending, a queue, a cursor, an inbox."""

    floor: Floor
    token: str
    login: str
    session: str | None = None
    epoch: str | None = None
    cursor: int | None = None
    person_id: int = 0
    inbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    waiting: dict[str, dict[str, Any]] = field(default_factory=dict)
    replies: dict[str, dict[str, Any]] = field(default_factory=dict)
    wire: Socket | None = None

    async def connect(self) -> Scanner:
        """Open the socket, say hello, sign in if need be, send again what has no answer."""
        self.wire = await self.floor.socket().__aenter__()
        hello = {"t": "hello", "v": 1, "device_token": self.token, "client": "tests"}
        hello |= {"session": self.session, "epoch": self.epoch, "cursor": self.cursor}
        self.wire.send(hello)
        welcome = await self.take("welcome")
        if welcome["person"] is None:
            badge = PEOPLE[self.login][2]
            self.wire.send({"t": "sign_in", "id": "sign-in-1", "badge": badge, "pin": PIN})
            await self.take("signed_in")
        await self.take("inbox", "resumed")
        for frame in self.waiting.values():
            self.wire.send(frame)
        return self

    async def leave(self) -> None:
        """Hang up politely."""
        assert self.wire is not None
        wire, self.wire = self.wire, None
        await wire.__aexit__(None, None, None)

    def post(self, frame: dict[str, Any]) -> str:
        """Queue and send one operation; answers its id."""
        op_id = str(frame.setdefault("id", self.floor.new_id()))
        self.waiting[op_id] = frame
        if self.wire is not None:
            self.wire.send(frame)
        return op_id

    async def do(self, frame: dict[str, Any]) -> dict[str, Any]:
        """One operation and its answer."""
        op_id = self.post(frame)
        while op_id in self.waiting:
            await self.hear()
        return self.replies[op_id]

    async def scan(self, code: str, before: dict[str, Any] | None = None, **more: Any) -> Any:
        """Pull the trigger on the screen that `before` shows."""
        return await self.do({"t": "scan", "code": code} | _screen(before) | more)

    async def tap(self, action: str, before: dict[str, Any] | None = None, **inputs: Any) -> Any:
        """Press a button of the screen that `before` shows."""
        screen = {"flow": "lookup"} | _screen(before)
        return await self.do({"t": "submit", "action": action, "inputs": inputs} | screen)

    async def take(self, *kinds: str) -> dict[str, Any]:
        """Hear until a frame of one of `kinds`."""
        while (found := await self.hear())["t"] not in kinds:
            pass
        return found

    async def hear(self) -> dict[str, Any]:
        """Take one frame and do what a client must do with it."""
        assert self.wire is not None
        frame = await self.wire.frame()
        match frame["t"]:
            case "signed_in":
                self.session, self.person_id = frame["session"], frame["person"]["id"]
                self.cursor = None
            case "inbox":
                if frame["part"] == 1:
                    self.inbox, self.cursor = {}, None
                self.inbox |= {task["id"]: task for task in frame["tasks"]}
                if frame["part"] == frame["parts"]:
                    self.epoch, self.cursor = frame["epoch"], frame["seq"]
            case "event":
                assert frame["after"] == self.cursor, "an event was missed"
                assert frame["seq"] > frame["after"], "an event came twice"
                self.cursor = frame["seq"]
                self.seen.append(frame["seq"])
                self.apply(frame["task"])
                self.wire.send({"t": "ack", "seq": frame["seq"]})
            case "resumed":
                self.epoch, self.cursor = frame["epoch"], frame["seq"]
            case "reply":
                self.waiting.pop(frame["id"], None)
                self.replies[frame["id"]] = frame
        return frame

    def apply(self, task: dict[str, Any]) -> None:
        """Patch the inbox: live and mine → put, else remove."""
        live = task["state"] in ("open", "claimed", "snoozed", "paused")
        self.inbox.pop(task["id"], None)
        if live and self.person_id in task["people"]:
            self.inbox[task["id"]] = task


def _screen(before: dict[str, Any] | None) -> dict[str, Any]:
    if before is None:
        return {}
    context = before["context"]
    return {"flow": before["flow"], "state": before["next_state"], "context": context}
