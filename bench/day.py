"""The user's own load: 100,000 items, 5,000 orders a day pressed into an hour (or faster).

Orders come in an open loop and each lives its life through the real doors: ordered, received,
inspected, put away, goods issued and moved, counted, tasks answered, items looked up, scanners
scanning. A latency counts from when the request was wanted, waiting for one of the 32 connections
included. No chat vendor is connected.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson
import uvloop

from bench.arena import Arena, serving
from bench.machine import cpu_seconds, memory_kb, percentile, waking_factor
from bench.pg import Pgbench
from bench.scanners import Key, Scanner
from bench.table import Gate, Result
from bench.wire import Pool, get, request
from core import catalog, people
from core.catalog import NewItem, NewLocation, NewPartner
from core.clock import SystemClock, perf
from core.db import Database, Tx
from core.ids import new_id
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post

ITEMS, BINS, PER_HOUR = 100_000, 2_000, 5_000
CONNECTIONS, GUNS, WORKERS = 32, 20, 20
MUST_MS, NEVER_MS = 120, 1_200


@dataclass(slots=True)
class Firm:
    """Who works here, and what lies where: item `n` is in bin `n % BINS`."""

    arena: Arena
    items: list[int]
    bins: list[int]
    supplier: int
    dock: int
    tokens: list[str]  # of the warehouse's people
    guns: list[Key]


@dataclass(slots=True)
class Day:
    """A run under way."""

    firm: Firm
    pool: Pool
    guns: asyncio.Queue[Scanner]
    random: Random
    pause: float  # longest, between two steps of one order
    taken: dict[str, list[float]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    async def post(self, what: str, path: str, body: dict[str, Any], by: str = "") -> Any:
        """A write by somebody of the warehouse, or with the token `by`."""
        token = by or self.random.choice(self.firm.tokens)
        key = new_id(SystemClock().now())
        return await self._ask(what, request(path, token, key, json.dumps(body).encode()))

    async def read(self, what: str, path: str) -> Any:
        return await self._ask(what, get(path, self.random.choice(self.firm.tokens)))

    async def _ask(self, what: str, wire: bytes) -> Any:
        wanted = perf()
        status, body = await self.pool.ask(wire)
        self.taken.setdefault(what, []).append(perf() - wanted)
        if status >= 300:
            self.refused.append(f"{what}: {status} {body[:200].decode(errors='replace')}")
            raise LookupError(what)
        return orjson.loads(body)

    async def rest(self) -> None:
        await asyncio.sleep(self.random.random() * self.pause)  # tidy: banned — people walk


def day(arena: Arena, server: Pgbench | None, minutes: float, pace: float) -> list[Result]:
    """`minutes` of a day that is an hour long, `pace` times as fast."""
    firm = furnish(arena)
    count = int(PER_HOUR / 60 * minutes * pace)
    with serving(arena) as (process, port):
        return measured(
            "day",
            f"{count:,} orders",
            (process.pid, server),
            lambda: uvloop.run(_live(firm, port, count, pace)),
        )


def measured(
    part: str, what: str, whose: tuple[int, Pgbench | None], run: Callable[[], Day]
) -> list[Result]:
    """What `run` cost the server process and the database, and its latencies."""
    pid, server = whose
    before = cpu_seconds(pid), 0.0 if server is None else server.cpu_seconds()
    begun = perf()
    done = run()
    wall = perf() - begun
    cpu = cpu_seconds(pid) - before[0]
    database = 0.0 if server is None else server.cpu_seconds() - before[1]
    memory = memory_kb(pid) // 1024
    asked = sum(map(len, done.taken.values()))
    cost = f"RSS {memory} MB, CPU {cpu / wall:.0%} of a core, {cpu / asked * 1e3:.1f} ms a request"
    waking = waking_factor()
    beside = f"this machine after 50 ms of rest: {waking:.0f} × slower"
    if server is not None:
        beside += f"; PostgreSQL {database / wall:.0%} of a core"
    told = f"{what}, {asked:,} requests in {wall:.0f} s; refused {len(done.refused)}"
    assert not done.refused, done.refused[:5]
    facts = {"memory_mb": memory, "cpu_share": cpu / wall, "database_share": database / wall}
    facts["waking_factor"] = waking
    lines = [Result(part, told, cost, beside, facts=facts)]
    return lines + [_result(part, each, taken) for each, taken in sorted(done.taken.items())]


def _result(part: str, what: str, seconds: list[float]) -> Result:
    p50, p99, worst = (1e3 * each for each in (*_percentiles(seconds), max(seconds)))
    gates = Gate(p99, MUST_MS, unit=" ms p99"), Gate(worst, NEVER_MS, unit=" ms ever")
    figure = f"p50 {p50:.1f} / p99 {p99:.1f} / max {worst:.0f} ms of {len(seconds):,}"
    facts = {"p50_ms": p50, "p99_ms": p99, "max_ms": worst, "count": len(seconds)}
    return Result(part, what, figure, gates=gates, facts=facts)


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    return percentile(seconds, 0.5), percentile(seconds, 0.99)


@asynccontextmanager
async def connected(firm: Firm, port: int, pace: float) -> AsyncIterator[Day]:
    """The connections and scanners of a day."""
    guns: asyncio.Queue[Scanner] = asyncio.Queue()
    for key in firm.guns:
        guns.put_nowait(await Scanner.connect(port, key))
    random = Random(11)  # seeded: the same day in every run
    yield Day(firm, Pool(port, CONNECTIONS), guns, random, 10 / pace)
    while not guns.empty():
        await guns.get_nowait().close()


async def _live(firm: Firm, port: int, count: int, pace: float) -> Day:
    async with connected(firm, port, pace) as run:
        begun, orders = perf(), list[asyncio.Task[None]]()
        for n in range(count):
            due = begun + n * 3600 / PER_HOUR / pace
            await asyncio.sleep(max(due - perf(), 0))  # tidy: banned — an open loop's own pace
            orders.append(asyncio.create_task(_order(run, n)))
        await asyncio.gather(*orders)
    return run


async def _order(run: Day, n: int) -> None:
    """One order from the buyer to the shelf, and what else happens meanwhile."""
    with suppress(LookupError):  # it was refused, and that is written down
        await run.rest()
        order = await run.post(
            "create order", "/api/orders", _purchase(run, n), run.firm.arena.token
        )
        await asyncio.gather(_goods(run, order), _around(run, n))


def _purchase(run: Day, n: int) -> dict[str, Any]:
    lines = run.random.sample(range(ITEMS), run.random.randint(1, 9))
    return {
        "code": f"PO-{n:06d}",
        "supplier_id": run.firm.supplier,
        "warehouse_id": run.firm.arena.warehouse,
        "due_on": "2099-12-01",
        "buyer_id": run.firm.arena.admin,
        "lines": [{"item_id": run.firm.items[each], "quantity": "10"} for each in lines],
    }


async def _goods(run: Day, order: dict[str, Any]) -> None:
    await run.rest()
    await run.read("task list", "/api/tasks/inbox")
    body = {"order_id": order["id"]}
    receipt = await run.post("receive", "/api/receipts/rest", body)
    for line in receipt["lines"]:
        await run.rest()
        good = await _inspect(run, line) if line["to_inspect"] != "0" else "10"
        where = f"item_id={line['item_id']}&quantity={good}&warehouse_id={line['warehouse_id']}"
        [shelf, *_] = (await run.read("suggest a bin", f"/api/putaways/suggest?{where}"))["items"]
        ask = {"item_id": line["item_id"], "lot_id": 0, "quantity": good}
        ask |= {"from_location": run.firm.dock, "to_location": shelf["location_id"]}
        await run.post("putaway", "/api/putaways", ask | {"receipt_line_id": line["id"]})


async def _inspect(run: Day, line: dict[str, Any]) -> str:
    """Every other one by the button on its task, the rest by hand; each eighth finds one bad.

    How many are good.
    """
    chance = run.random.random()
    if chance < 0.5:
        path = f"/api/tasks/{line['inspect_task']}/act"
        await run.post("answer task", path, {"action": "pass"})
        return "10"
    body = {"receipt_line_id": line["id"], "accepted": "10", "rejected": "0"}
    if chance > 0.875:
        body |= {"accepted": "9", "rejected": "1", "reason": "外箱破损"}
    await run.post("inspect", "/api/inspections", body)
    return str(body["accepted"])


async def _around(run: Day, n: int) -> None:
    """What the other people of the firm do while one order comes in."""
    firm, random = run.firm, run.random
    for _ in range(5):
        await run.rest()
        item = random.randrange(ITEMS)
        body = {"item_id": firm.items[item], "quantity": "1"}
        await run.post("issue", "/api/issues", body | {"from_location": firm.bins[item % BINS]})
    item = random.randrange(ITEMS)
    ends = {"from_location": firm.bins[item % BINS], "to_location": random.choice(firm.bins)}
    if ends["from_location"] != ends["to_location"]:
        body = {"item_id": firm.items[item], "quantity": "1", **ends}
        await run.post("transfer", "/api/moves", body)
    for code in (f"X{random.randrange(ITEMS):06d}", f"X0{random.randrange(10_000):04d}"):
        await run.read("search item by code", f"/api/items?q={code}")
    await run.read(
        "search item by words", f"/api/items?q=%E8%B4%A7%E5%93%81{random.randrange(999)}"
    )
    await run.read("task list", "/api/tasks")
    await run.read("stock of an item", f"/api/stock?item_id={firm.items[item]}")
    for _ in range(3):
        await _scan(run)
    if n % 10 == 0:
        await _count(run, n, random.randrange(ITEMS))


async def _scan(run: Day) -> None:
    wanted = perf()
    gun = await run.guns.get()
    try:
        await gun.scan(f"X{run.random.randrange(ITEMS):06d}")
    finally:
        run.guns.put_nowait(gun)
    run.taken.setdefault("scan → reply", []).append(perf() - wanted)


async def _count(run: Day, n: int, item: int) -> None:
    """A blind count of one item in its bin, two units short: nobody notices before it is done."""
    place, code = run.firm.bins[item % BINS], f"PD-{n:06d}"
    ask = {"code": code, "warehouse_id": run.firm.arena.warehouse, "location_ids": [place]}
    body = ask | {"item_ids": [run.firm.items[item]]}
    made = await run.post("open a count", "/api/counts", body)
    seen = {"location_id": place, "item_id": run.firm.items[item], "quantity": "999998"}
    body = {"count_id": made["count_id"], "lines": [seen]}
    await run.post("record a count", "/api/counts/record", body)


# -- the firm ------------------------------------------------------------------------------------
def furnish(arena: Arena) -> Firm:
    """Fifty items in each of two thousand bins; a tenth of the items is inspected."""
    db = Database(arena.url, SystemClock())
    bins = [
        place
        for start in range(0, BINS, 500)
        for place in db.write_now(_adding_bins(arena, range(start, start + 500)))
    ]
    items: list[int] = []
    for start in range(0, ITEMS, 500):
        items += db.write_now(_adding_items(bins, range(start, start + 500)))
    supplier = db.write_now(
        lambda tx: catalog.add_partner(tx, ENGINE, NewPartner("S1", "供应商一"))
    )
    tokens = [db.write_now(_adding_worker(n)) for n in range(WORKERS)]
    guns = [db.write_now(lambda tx: _gun(tx, arena)) for _ in range(GUNS)]
    dock = db.read_now(lambda conn: catalog.location_by_code(conn, "W1-DOCK").id)
    db.close()
    return Firm(arena, items, bins, supplier, dock, tokens, guns)


def _adding_bins(arena: Arena, numbers: range) -> Callable[[Tx], list[int]]:
    new = [NewLocation(f"D-{n:04d}", "bin", warehouse_id=arena.warehouse) for n in numbers]
    return lambda tx: catalog.add_locations(tx, ENGINE, new)


def _adding_items(bins: list[int], numbers: range) -> Callable[[Tx], list[int]]:
    def add(tx: Tx) -> list[int]:
        made = [
            catalog.add_item(
                tx, ENGINE, NewItem(f"X{n:06d}", f"货品{n}", needs_inspection=n % 10 == 0)
            )
            for n in numbers
        ]
        source = catalog.location_by_code(tx.conn, "COUNT").id
        lines = tuple(
            Line(item, 1_000_000 * ONE, source, bins[n % BINS])
            for n, item in zip(numbers, made, strict=True)
        )
        post(tx, ENGINE, Posting(op_id=f"day-opening:{numbers.start}", kind="opening", lines=lines))
        return made

    return add


def _adding_worker(n: int) -> Callable[[Tx], str]:
    def add(tx: Tx) -> str:
        person = people.add_person(tx, ENGINE, NewPerson(f"w{n}", f"仓管{n}", ("warehouse",)))
        return people.open_session(tx, person, "api", minutes=600)

    return add


def _gun(tx: Tx, arena: Arena) -> Key:
    made = people.enrol_device(tx, people.make_enrol_code(tx, ENGINE, "枪"))
    return made.token, people.open_session(tx, arena.worker, "pda", made.device_id)
