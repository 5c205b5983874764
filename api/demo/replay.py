"""Replay of real input through REST: AdventureWorks purchase orders, first days of Online Retail.

The files are not ours and are not shipped; without them the demo simply skips this. Runs on its own
server and database, where nobody has a chat, so that 3,000 rejections do not flood one pane.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress

from api.demo.server import serving
from api.main import create_app
from core import calendar, catalog, people
from core.catalog import NewItem, NewLocation, NewPartner
from core.clock import ManualClock, perf
from core.config import Settings
from core.db import Database, Tx
from core.migrations.run import upgrade
from core.people import ENGINE, NewPerson
from core.quantity import parse, plain
from core.stock import Proof, on_hand, prove

AT_ONCE = 16
RETAIL_DAYS = 3
Wire = dict[str, Any]


@dataclass(slots=True)
class Site:
    """The replay's own server with ids by code."""

    http: httpx.AsyncClient
    db: Database
    warehouse: int
    dock: int
    bin: int
    buyer: int
    items: dict[str, int] = field(default_factory=dict)
    partners: dict[str, int] = field(default_factory=dict)
    done: int = 0

    async def post(self, path: str, key: str, body: Wire) -> Wire:
        """A POST that must succeed."""
        answer = await self.http.post(path, json=body, headers={"Idempotency-Key": key})
        assert answer.status_code < 300, f"{path} {body}: {answer.text}"
        self.done += 1
        made: Wire = answer.json()
        return made


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was replayed and how fast."""

    what: str
    lines: int
    seconds: float
    note: str

    @property
    def sentence(self) -> str:
        return f"{self.what}：{self.lines} 行，{self.lines / self.seconds:.0f} 行/秒；{self.note}"


@asynccontextmanager
async def site(folder: Path, clock: ManualClock) -> AsyncIterator[Site]:
    """A server on a fresh database with one warehouse, one bin and one person."""
    settings = Settings(
        database_url=f"sqlite:///{folder}/replay.db", files_dir=folder / "files", engine=False
    )
    app = create_app(settings, clock)
    db: Database = app.state.jieli.db
    upgrade(db)
    db.write_now(calendar.seed)
    db.write_now(catalog.seed_locations)
    warehouse, place, buyer, token = db.write_now(_seed)
    dock = db.read_now(lambda conn: catalog.location_by_code(conn, "AW-DOCK").id)
    async with serving(app) as base:
        headers = {"Authorization": f"Bearer {token}"}
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=60, limits=limits
        ) as http:
            yield Site(http, db, warehouse, dock, place, buyer)


def _seed(tx: Tx) -> tuple[int, int, int, str]:
    warehouse = catalog.add_warehouse(tx, ENGINE, "AW", "回放仓")
    place = catalog.add_location(
        tx, ENGINE, NewLocation(code="AW-A-1", kind="bin", warehouse_id=warehouse)
    )
    roles = ("admin", "supervisor", "buyer", "warehouse")
    person = people.add_person(tx, ENGINE, NewPerson("replay", "回放", roles))
    return warehouse, place, person, people.open_session(tx, person, "api", minutes=60 * 24)


async def purchase_orders(at: Site, data: Path, progress: Progress) -> Replayed:
    """Every AdventureWorks order: ordered, received, inspected and put away line by line."""
    folder = data / "adventureworks"
    products = {row[0]: row for row in _tabs(folder / "Product.csv")}
    vendors = {row[0]: row for row in _tabs(folder / "Vendor.csv")}
    lines: dict[str, list[list[str]]] = defaultdict(list)
    for row in _tabs(folder / "PurchaseOrderDetail.csv"):
        lines[row[0]].append(row)
    headers = [row for row in _tabs(folder / "PurchaseOrderHeader.csv") if row[0] in lines]
    wanted = {row[4] for rows in lines.values() for row in rows}
    _add_items(at, [(code, products[code][1]) for code in sorted(wanted)], inspect=True)
    suppliers = [(code, vendors[code][2]) for code in sorted({row[4] for row in headers})]
    at.partners = at.db.write_now(
        lambda tx: {
            code: catalog.add_partner(tx, ENGINE, NewPartner(f"V{code}", name))
            for code, name in suppliers
        }
    )
    bar = progress.add_task("AdventureWorks 采购单", total=sum(map(len, lines.values())))
    begun = perf()

    async def one(header: list[str]) -> None:
        await _replay_order(at, header, lines[header[0]])
        progress.advance(bar, len(lines[header[0]]))

    await _in_parallel(headers, one)
    seconds = perf() - begun
    count = sum(map(len, lines.values()))
    stocked, rejected = _check_conservation(at, [row for rows in lines.values() for row in rows])
    note = f"到货 = 上架 {plain(stocked)} + 拒收 {plain(rejected)}，逐货品核对无差"
    return Replayed(f"AdventureWorks {len(headers)} 张采购单", count, seconds, note)


async def _replay_order(at: Site, header: list[str], rows: Sequence[list[str]]) -> None:
    code = f"AW-{header[0]}"
    order = {
        "code": code,
        "supplier_id": at.partners[header[4]],
        "warehouse_id": at.warehouse,
        "due_on": rows[0][2][:10],
        "buyer_id": at.buyer,
        "lines": [
            {"item_id": at.items[row[4]], "quantity": row[3], "price_micro": parse(row[5])}
            for row in rows
        ],
    }
    made = await at.post("/api/orders", f"order-{code}", _wired(order))
    for line, row in zip(made["lines"], rows, strict=True):
        if parse(row[7]) == 0:
            continue
        body = {
            "order_line_id": line["id"],
            "quantity": row[7],
            "accepted": row[9],
            "rejected": row[8],
            "reason": "按原单拒收" if parse(row[8]) else "",
            "over_reason": "按原单超收" if parse(row[7]) > parse(row[3]) else "",
        }
        if parse(row[9]):
            body["bin_id"] = at.bin
        await at.post("/api/receipts/combined", f"line-{row[1]}-{code}", body)


def _wired(order: Wire) -> Wire:
    """Prices on the wire are decimal strings named `price`."""
    for line in order["lines"]:
        line["price"] = plain(line.pop("price_micro"))
    return order


def _check_conservation(at: Site, rows: Iterable[list[str]]) -> tuple[int, int]:
    """received = stocked + rejected, for each line of the file and each item of the ledger."""
    expected: dict[tuple[int, str], int] = defaultdict(int)
    for row in rows:
        assert parse(row[7]) == parse(row[8]) + parse(row[9]), f"line {row[1]} does not add up"
        expected[at.items[row[4]], "ok"] += parse(row[9])
        expected[at.items[row[4]], "hold"] += parse(row[8])
    found: dict[tuple[int, str], int] = defaultdict(int)
    for item_id in at.items.values():
        for balance in at.db.read_now(
            lambda conn, item_id=item_id: on_hand(conn, item_id=item_id, warehouse_id=at.warehouse)  # type: ignore[misc]
        ):
            found[item_id, balance.status] += balance.on_hand
    wrong = {key for key in expected if expected[key] != found[key]}
    assert not wrong, f"the ledger disagrees for {sorted(wrong)[:5]}"
    totals = [sum(n for (_, status), n in found.items() if status == s) for s in ("ok", "hold")]
    return totals[0], totals[1]


async def retail(at: Site, data: Path, progress: Progress) -> Replayed:
    """The first days of Online Retail: an invoice is an issue, a C… invoice a return."""
    invoices: dict[str, list[dict[str, str]]] = defaultdict(list)
    path = data / "online_retail" / "online_retail_2010-12_2011-03.csv.gz"
    days: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = row["InvoiceDate"][:10]
            if day not in days:
                days.append(day)
            if len(days) > RETAIL_DAYS:
                break
            if int(row["Quantity"]) != 0:
                invoices[row["InvoiceNo"]].append(row)
    count = sum(map(len, invoices.values()))
    codes = sorted({row["StockCode"] for rows in invoices.values() for row in rows})
    _add_items(at, [(f"R-{code}", code) for code in codes], inspect=False)
    await _opening(at, invoices)
    bar = progress.add_task("Online Retail 出库与退货", total=count)
    begun = perf()

    async def one(invoice: str) -> None:
        await _replay_invoice(at, invoice, invoices[invoice])
        progress.advance(bar, len(invoices[invoice]))

    await _in_parallel(list(invoices), one)
    note = f"{len(invoices)} 张单据，{sum(1 for each in invoices if each.startswith('C'))} 张退货"
    return Replayed(f"Online Retail 前 {RETAIL_DAYS} 天", count, perf() - begun, note)


async def _opening(at: Site, invoices: dict[str, list[dict[str, str]]]) -> None:
    """Enough of everything that the first days could sell what they sold."""
    need: dict[str, int] = defaultdict(int)
    for rows in invoices.values():
        for row in rows:
            need[f"R-{row['StockCode']}"] += abs(int(row["Quantity"]))
    count = at.db.read_now(lambda conn: catalog.location_by_code(conn, "COUNT").id)
    lines = [
        _line(at.items[code], quantity, count, at.bin) for code, quantity in sorted(need.items())
    ]
    for start in range(0, len(lines), 200):
        body = {"kind": "opening", "lines": lines[start : start + 200]}
        await at.post("/api/postings", f"opening-{start:06d}", body)


async def _replay_invoice(at: Site, invoice: str, rows: Sequence[dict[str, str]]) -> None:
    customer = at.db.read_now(lambda conn: catalog.location_by_code(conn, "CUSTOMER").id)
    out = [row for row in rows if int(row["Quantity"]) > 0]
    back = [row for row in rows if int(row["Quantity"]) < 0]
    for kind, part, source, target in (
        ("issue", out, at.bin, customer),
        ("return", back, customer, at.bin),
    ):
        lines = [
            _line(at.items[f"R-{row['StockCode']}"], abs(int(row["Quantity"])), source, target)
            for row in part
        ]
        if lines:
            body = {"kind": kind, "lines": lines, "doc": f"invoice:{invoice}"}
            await at.post("/api/postings", f"{kind}-{invoice}", body)


def _line(item_id: int, quantity: int, source: int, target: int) -> Wire:
    return {
        "item_id": item_id,
        "quantity": str(quantity),
        "from_location": source,
        "to_location": target,
    }


def _add_items(at: Site, named: Sequence[tuple[str, str]], *, inspect: bool) -> None:
    for start in range(0, len(named), 500):
        part = named[start : start + 500]
        made = at.db.write_now(
            lambda tx, part=part: {  # type: ignore[misc]
                code: catalog.add_item(
                    tx, ENGINE, NewItem(f"AW-{code}", name, needs_inspection=inspect)
                )
                for code, name in part
            }
        )
        at.items |= made


async def _in_parallel(things: Sequence[Any], one: Callable[[Any], Awaitable[None]]) -> None:
    waiting = iter(things)

    async def worker() -> None:
        for thing in waiting:
            await one(thing)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def _tabs(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.reader(file, delimiter="\t") if row]


async def everything(
    folder: Path, clock: ManualClock, data: Path, tell: Callable[[str], None]
) -> Proof:
    """Both replays, told; then the proof of the replay's own books."""
    async with site(folder, clock) as at:
        with Progress(transient=True) as progress:
            for play in (purchase_orders, retail):
                tell((await play(at, data, progress)).sentence)
        return at.db.read_now(prove)
