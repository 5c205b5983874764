"""A small food trader for the tests of orders: two warehouses, people, goods, and verbs of people.

Everything is the real core: verbs, ledger, tasks, outbox. People are named as in the stories:
库管 李某 and 王师傅, 采购 陈晨, 法务 周律, 主管 赵主管, 总监 孙总, 供应商 王老板 (portal).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from core import catalog, stock
from core.actions import Outcome, Press, perform
from core.catalog import Check, NewItem, NewLocation, NewPartner
from core.clock import Instant, ManualClock
from core.db import Database, Tx
from core.errors import AppError
from core.events import Event, read_after
from core.orders.combined import ReceivedLineAll, ReceiveLineAll, receive_line
from core.orders.inspection import Inspect, Inspection, inspect
from core.orders.progress import ReceiptLine
from core.orders.progress import line as receipt_line
from core.orders.purchase import NewLine, NewPurchase, Order, create_order, order
from core.orders.putaway import PutAway, PutAwayDone, put_away
from core.orders.receipt import Receipt, Receive, ReceiveLine, receive
from core.people import ENGINE, Actor, NewPerson, actor_of, add_person, bind_chat
from core.quantity import Factor, Micro, parse, plain
from core.tasks import board, escalation
from core.tasks.files import NewFile, register
from core.tasks.task import LIVE, Task

T = TypeVar("T")

BASE = "低糖基料"  # by lot, expires, inspected with a checklist, 12 件 a 箱, tolerance 5 %
MILK = "燕麦奶"  # by lot, expires, not inspected
CUP = "纸杯"  # no lots
SCALE = "电子秤"  # by serial, inspected
SPICE = "香料"  # no lots, sold by weight
CHECKS = (
    Check("seal", "封口完好"),
    Check("temp", "到货温度", "number", 0, 8_000_000),
)
GOOD = {"seal": "ok", "temp": "4"}

_PEOPLE = (
    ("李某", "warehouse"),
    ("王师傅", "warehouse"),
    ("陈晨", "buyer"),
    ("周律", "legal"),
    ("赵主管", "supervisor"),
    ("孙总", "director"),
    ("管理员", "admin"),
)


def q(text: str | int) -> Micro:
    """ "27.565" → micro."""
    return parse(text)


@dataclass
class Trader:
    """The company and short words for what its people do."""

    db: Database
    clock: ManualClock
    people: dict[str, Actor] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    box: int = 0
    places: dict[str, int] = field(default_factory=dict)
    warehouses: dict[str, int] = field(default_factory=dict)
    supplier: int = 0
    ops: int = 0

    # -- plumbing ------------------------------------------------------------------------------
    def do(self, command: Callable[[Tx], T]) -> T:
        return self.db.write_now(command)

    def op(self) -> str:
        self.ops += 1
        return f"op-{self.ops:06d}"

    def refused(self, command: Callable[[Tx], Any]) -> AppError:
        """The refusal of a command that must be refused."""
        try:
            self.do(command)
        except AppError as refusal:
            return refusal
        raise AssertionError("this should have been refused")

    def events(self, kind: str) -> list[Event]:
        found = self.db.read_now(lambda conn: read_after(conn, 0, 5_000))
        return [each for each in found if each.kind == kind]

    # -- documents -----------------------------------------------------------------------------
    def order(
        self, *lines: tuple[str, str], code: str = "", ask: bool = False, at: str = "张江仓"
    ) -> Order:
        """陈晨 orders (item, quantity in base units) from 王老板."""
        new = NewPurchase(
            self.op(),
            code or f"PO-{self.ops:04d}",
            self.supplier,
            self.warehouses[at],
            tuple(NewLine(self.items[name], q(quantity)) for name, quantity in lines),
            "2026-03-05",
            self.people["陈晨"].person_id,
            ask_supplier=ask,
        )
        return self.do(lambda tx: create_order(tx, self.people["陈晨"], new))

    def again(self, made: Order) -> Order:
        return self.db.read_now(lambda conn: order(conn, made.id))

    def arrive(self, made: Order, *lines: ReceiveLine, by: str = "李某", op: str = "") -> Receipt:
        ask = Receive(op or self.op(), made.id, lines)
        return self.do(lambda tx: receive(tx, self.people[by], ask))

    def bring(self, made: Order, no: int, quantity: str, lot: str = "", **more: Any) -> ReceiveLine:
        """Line `no` of an order as it arrives; food gets an expiry date."""
        if lot:
            more.setdefault("expires_on", "2026-12-31")
        return ReceiveLine(made.lines[no].id, q(quantity), lot_code=lot, **more)

    def judge(
        self, line: ReceiptLine, good: str, bad: str = "0", *, by: str = "李某", **more: Any
    ) -> Inspection:
        more.setdefault("checks", GOOD)
        if bad != "0":
            more.setdefault("reason", "外箱破损")
        ask = Inspect(more.pop("op", "") or self.op(), line.id, q(good), q(bad), **more)
        return self.do(lambda tx: inspect(tx, self.people[by], ask))

    def shelve(self, line: ReceiptLine, quantity: str, to: str, *, by: str = "李某") -> PutAwayDone:
        ask = PutAway(
            self.op(),
            line.item_id,
            line.lot_id,
            q(quantity),
            self.places["ZJ-DOCK"],
            self.places[to],
            receipt_line_id=line.id,
        )
        return self.do(lambda tx: put_away(tx, self.people[by], ask))

    def in_one_go(self, made: Order, no: int, quantity: str, **more: Any) -> ReceivedLineAll:
        """Lorry to shelf in one command; accepted/rejected as text."""
        for name in ("accepted", "rejected"):
            if name in more:
                more[name] = q(more[name])
        if "lot_code" in more:
            more.setdefault("expires_on", "2026-12-31")
        ask = ReceiveLineAll(
            more.pop("op", "") or self.op(), made.lines[no].id, q(quantity), **more
        )
        return self.do(lambda tx: receive_line(tx, self.people["李某"], ask))

    def fail_a_lot(self, lot: str = "L-7", quantity: str = "288") -> Inspection:
        """The story B5: a whole delivery of 低糖基料 is rejected."""
        made = self.order((BASE, quantity))
        got = self.arrive(made, self.bring(made, 0, quantity, lot))
        return self.judge(got.lines[0], "0", quantity, reason="有异味")

    def line(self, line: ReceiptLine) -> ReceiptLine:
        return self.db.read_now(lambda conn: receipt_line(conn, line.id))

    # -- stock ---------------------------------------------------------------------------------
    def put(self, name: str, quantity: str, place: str, lot: str = "", **more: Any) -> int:
        """Opening stock; the lot's id."""

        def command(tx: Tx) -> int:
            lot_id = self._lot(tx, name, lot, more.get("expires_on", "2026-12-31"))
            line = stock.Line(
                self.items[name],
                q(quantity),
                self.places["SUPPLIER"],
                self.places[place],
                lot_id=lot_id,
                to_status=more.get("status", "ok"),
                serials=more.get("serials", ()),
            )
            stock.post(tx, ENGINE, stock.Posting(self.op(), "opening", (line,)))
            return lot_id

        return self.do(command)

    def _lot(self, tx: Tx, name: str, lot: str, expires_on: str) -> int:
        if not lot:
            return 0
        return catalog.ensure_lot(tx, self.items[name], lot, expires_on=expires_on)

    def lot(self, name: str, code: str) -> catalog.Lot:
        return self.db.read_now(lambda conn: catalog.lot_by_code(conn, self.items[name], code))

    def stands(self, name: str) -> dict[str, str]:
        """「place/status」 → quantity of an item in our hands."""
        rows = self.db.read_now(lambda conn: stock.on_hand(conn, self.items[name]))
        found: dict[str, Micro] = {}
        for row in rows:
            key = f"{row.location_code}/{row.status}"
            found[key] = found.get(key, 0) + row.on_hand
        return {key: plain(value) for key, value in found.items()}

    def proven(self) -> None:
        proof = self.db.read_now(stock.prove)
        assert proof.problems == ()

    # -- tasks ---------------------------------------------------------------------------------
    def tasks(self, kind: str, *, live: bool = True) -> list[Task]:
        seen = {each.payload["task"]["id"] for each in self.events("task.opened")}
        found = self.db.read_now(lambda conn: [board.task(conn, each) for each in sorted(seen)])
        return [task for task in found if task.kind == kind and (not live or task.state in LIVE)]

    def task(self, kind: str) -> Task:
        found = self.tasks(kind)
        assert len(found) == 1, [each.title for each in found]
        return found[0]

    def inbox(self, name: str) -> list[str]:
        """Kinds of the live tasks this person has."""
        person_id = self.people[name].person_id
        views = self.db.read_now(lambda conn: board.inbox(conn, person_id))
        return sorted(view.task.kind for view in views)

    def press(
        self, who: str, task: Task, action: str, *, face: str = "wecom", op: str = "", **inputs: Any
    ) -> Outcome:
        actor = replace(self.people[who], face=face)
        press = Press(task.id, task.generation, action, op or self.op(), inputs)
        return self.do(lambda tx: perform(tx, actor, press))

    def press_refused(self, who: str, task: Task, action: str, **inputs: Any) -> AppError:
        try:
            self.press(who, task, action, **inputs)
        except AppError as refusal:
            return refusal
        raise AssertionError("this should have been refused")

    def photo(self, name: str = "破损.jpg") -> str:
        new = NewFile("ab" * 32, "image/jpeg", 1000, name)
        return self.do(lambda tx: register(tx, self.people["李某"], new)).id

    def after(self, by: Instant) -> None:
        """Time passes; escalation runs at every moment that something is due."""
        end = self.clock.now() + by
        while (due := self.db.read_now(escalation.next_due)) is not None and due <= end:
            self.clock.move_to(max(due, self.clock.now()))
            while self.do(escalation.fire):
                pass
        self.clock.move_to(end)


def trader(db: Database, clock: ManualClock) -> Trader:
    """The company, seeded."""
    found = Trader(db, clock)
    db.write_now(lambda tx: _seed(tx, found))
    found.people = {name: _at_work(db, actor) for name, actor in found.people.items()}
    return found


def _at_work(db: Database, actor: Actor) -> Actor:
    face = "portal" if "supplier" in actor.roles else "pda"
    return db.read_now(lambda conn: actor_of(conn, actor.person_id, face))


def _seed(tx: Tx, found: Trader) -> None:
    catalog.seed_locations(tx)
    for code, name in (("ZJ", "张江仓"), ("SJ", "松江仓")):
        found.warehouses[name] = catalog.add_warehouse(tx, ENGINE, code, name)
    bins = [
        NewLocation(f"ZJ-A-{n}", "bin", "", found.warehouses["张江仓"], "常温") for n in range(1, 5)
    ]
    bins.append(NewLocation("ZJ-C-1", "bin", "", found.warehouses["张江仓"], "冷藏", q(300)))
    bins.append(NewLocation("SJ-A-1", "bin", "", found.warehouses["松江仓"], "常温"))
    catalog.add_locations(tx, ENGINE, bins)
    codes = ["SUPPLIER", "CUSTOMER", "PRODUCTION", "COUNT", "SCRAP", "ZJ-DOCK", "ZJ-TRANSIT"]
    for code in (*codes, "SJ-DOCK", "SJ-TRANSIT", *(each.code for each in bins)):
        found.places[code] = catalog.location_by_code(tx.conn, code).id
    for new in (
        NewItem(
            "J-001", BASE, tracking="lot", shelf_life_days=270, needs_inspection=True,
            checklist=CHECKS, zone="冷藏", over_receipt_percent=5,
        ),
        NewItem("M-001", MILK, tracking="lot", shelf_life_days=180, unit="瓶"),
        NewItem("C-001", CUP),
        NewItem("S-001", SCALE, tracking="serial", needs_inspection=True, unit="台"),
        NewItem("X-001", SPICE, unit="kg"),
    ):  # fmt: skip
        found.items[new.name] = catalog.add_item(tx, ENGINE, new)
    found.box = catalog.add_pack(tx, ENGINE, found.items[BASE], "箱", Factor(12))
    found.supplier = catalog.add_partner(tx, ENGINE, NewPartner("SUP-1", "王老板食品"))
    for name, role in _PEOPLE:
        found.people[name] = _person(tx, NewPerson(name, name, (role,)))
    boss = NewPerson("王老板", "王老板", ("supplier",), partner_id=found.supplier)
    found.people["王老板"] = _person(tx, boss)


def _person(tx: Tx, new: NewPerson) -> Actor:
    person_id = add_person(tx, ENGINE, new)
    bind_chat(tx, ENGINE, person_id, "null", new.login)
    return Actor(person_id, new.name, frozenset(new.roles))
