"""The seller's load: the firm of bench/day.py sells 5,000 orders a day, pressed into an hour.

Orders come in an open loop. Whoever makes the walks looks every twenty seconds and releases what
is suggested (twelve orders, sixty lines); each walk is picked stop by stop, its orders are packed
and handed over. A tenth of what is sold is looked at again by the seller.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import uvloop

from bench.arena import Arena, serving
from bench.day import ITEMS, PER_HOUR, Day, Firm, connected, furnish, measured
from bench.pg import Pgbench
from bench.table import Result
from core import catalog
from core.catalog import NewPartner
from core.clock import SystemClock, perf
from core.db import Database
from core.people import ENGINE

LOOKS_EVERY = 20.0  # seconds between two looks at what could be walked for


def selling(arena: Arena, server: Pgbench | None, minutes: float, pace: float) -> list[Result]:
    """`minutes` of a day that is an hour long, `pace` times as fast."""
    firm, customer = furnish(arena), _customer(arena)
    count = int(PER_HOUR / 60 * minutes * pace)
    with serving(arena) as (process, port):
        return measured(
            "selling",
            f"{count:,} sales",
            (process.pid, server),
            lambda: uvloop.run(_live(firm, port, (customer, count, pace))),
        )


def _customer(arena: Arena) -> int:
    db = Database(arena.url, SystemClock())
    try:
        new = NewPartner("C1", "街角咖啡", "customer")
        return db.write_now(lambda tx: catalog.add_partner(tx, ENGINE, new))
    finally:
        db.close()


async def _live(firm: Firm, port: int, load: tuple[int, int, float]) -> Day:
    customer, count, pace = load
    async with connected(firm, port, pace) as run:
        walks: list[asyncio.Task[None]] = []
        sold: list[asyncio.Task[None]] = []
        over = asyncio.Event()
        maker = asyncio.create_task(_make_walks(run, walks, over, pace))
        begun = perf()
        for n in range(count):
            due = begun + n * 3600 / PER_HOUR / pace
            await asyncio.sleep(max(due - perf(), 0))  # tidy: banned — an open loop's own pace
            sold.append(asyncio.create_task(_sell(run, customer, n)))
        await asyncio.gather(*sold)
        over.set()
        await maker
        await asyncio.gather(*walks)
    return run


async def _sell(run: Day, customer: int, n: int) -> None:
    with suppress(LookupError):  # it was refused, and that is written down
        await run.rest()
        wanted = run.random.sample(range(ITEMS), run.random.randint(1, 9))
        made = await run.post("sell", "/api/sales", {
            "code": f"SO-{n:06d}",
            "customer_id": customer,
            "warehouse_id": run.firm.arena.warehouse,
            "seller_id": run.firm.arena.admin,
            "ship_on": "2099-12-01",
            "lines": [{"item_id": run.firm.items[each], "quantity": "2"} for each in wanted],
        }, run.firm.arena.token)  # fmt: skip
        if n % 10 == 0:
            await run.rest()
            await run.read("look at a sale", f"/api/sales/{made['id']}")


async def _make_walks(
    run: Day, walks: list[asyncio.Task[None]], over: asyncio.Event, pace: float
) -> None:
    """Look, release, look again; once more when no more orders come."""
    house = run.firm.arena.warehouse
    while True:
        last = over.is_set()
        found = await run.read("suggest walks", f"/api/waves/suggest?warehouse_id={house}")
        for planned in found["items"]:
            body = {"warehouse_id": house, "sale_ids": planned["sale_ids"], "why": planned["why"]}
            with suppress(LookupError):
                wave = await run.post("release a walk", "/api/waves", body)
                walks.append(asyncio.create_task(_walk(run, wave)))
        if last and not found["items"]:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKS_EVERY / pace):
                await over.wait()


async def _walk(run: Day, wave: dict[str, Any]) -> None:
    with suppress(LookupError):
        for stop in wave["lines"]:
            await run.rest()
            await run.post("pick", "/api/picks", {"pick_line_id": stop["id"]})
        for sale in sorted({stop["sale_id"] for stop in wave["lines"]}):
            await run.rest()
            await run.post("pack", "/api/packages/rest", {"sale_id": sale})
            await run.rest()
            await run.post("ship", "/api/shipments", {"sale_id": sale, "tracking": "SF100"})
