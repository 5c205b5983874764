"""R7: scanners behind a network that misbehaves. Work goes on, and nothing is missed or doubled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

from core.db import Database
from core.ids import new_id
from core.quantity import ONE
from core.stock import on_hand, posted, prove
from tests.stories.arena import mouldy, order_of
from tests.stories.fleet import Fleet, open_fleet
from tests.torture.gun import GOODS, Gun, enrolled, inbox_differs, label_of, missed, whole_log
from tests.torture.network_proxy import ChaosProxy

LOGINS = ("zhaogang", "sunli")
START, TO = "ZJ-D-01-1", "ZJ-D-04-3"
EPISODE = 60.0  # seconds for one more fault


class Floor:
    """Scanners that move goods and a desk that makes tasks, until told to stop.

    Scanners `rest` that many seconds on average, and `lookups` of what they do moves nothing.
    """

    def __init__(
        self,
        fleet: Fleet,
        rng: Random,
        guns: list[Gun],
        *,
        rest: float = 0.0,
        lookups: float = 0.0,
        left_open: float = 0.2,
    ) -> None:
        self.fleet, self.rng, self.guns = fleet, rng, guns
        self._rest, self._lookups, self._left_open = rest, lookups, left_open
        self.moved: dict[str, int] = {}  # operation id of an answered posting → pieces
        self.wrong: list[str] = []
        self.orders = 0
        self._stopping = asyncio.Event()
        self._work = [asyncio.create_task(self._scan_on(gun)) for gun in guns]
        self._work.append(asyncio.create_task(self._order_on()))

    async def more(self, count: int) -> None:
        """Wait until `count` more postings were answered."""
        wanted = len(self.moved) + count
        async with asyncio.timeout(EPISODE):
            while len(self.moved) < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        """Everybody ends what he began, then hears the last of it."""
        self._stopping.set()
        await asyncio.gather(*self._work)
        await asyncio.gather(*(gun.settle() for gun in self.guns))

    async def _scan_on(self, gun: Gun) -> None:
        while not self._stopping.is_set():
            if self._rest:
                await gun.rest(self.rng.uniform(0, 2 * self._rest))
            if self.rng.random() < self._lookups:
                await gun.stay()
                continue
            pieces = self.rng.randint(1, 4)
            frames = gun.scans(START, *[label_of(GOODS)] * pieces, TO)
            answers = await gun.insist(*frames)
            if answers[-1].get("ok"):
                self.moved[f"d{gun.device_id}:{frames[-1]['id']}:move"] = pieces
            else:
                self.wrong.append(f"refused: {answers[-1]}")

    async def _order_on(self) -> None:
        """Orders and their receipts, so that tasks come and go on every scanner."""
        fleet = self.fleet
        while not self._stopping.is_set():
            self.orders += 1
            body = order_of(fleet.seeded, self.orders) | {"code": f"CG-{self.orders:06d}"}
            key = new_id(fleet.clock.now())
            made = (await fleet.send("wangmin", "/api/orders", body, key)).json()
            if self.rng.random() >= self._left_open:
                arrived = mouldy(made["lines"][0]["id"], self.orders)
                key = new_id(fleet.clock.now())
                await fleet.send("sunli", "/api/receipts/combined", arrived, key)
            await asyncio.sleep(self.rng.uniform(0.0, 0.2))  # a desk is not a flood


async def shake(
    folder: Path,
    *,
    faults: int,
    seed: int,
    guns: int = 6,
    slowest: float = 0.05,
    kind: type[Gun] = Gun,
    mutant: str = "",
) -> tuple[list[str], dict[str, Any]]:
    """`faults` faults between `guns` scanners and one `jieli serve`: (what is wrong, figures).

    `slowest`: seconds a piece may be on its way. `kind`, `mutant`: a scanner or server that is
    broken on purpose.
    """
    rng = Random(seed)
    async with (
        open_fleet(folder, webs=1, workers=0, mutant=mutant) as fleet,
        weather(fleet, rng, slowest) as net,
    ):
        made = [
            await enrolled(fleet, LOGINS[n % 2], Gun.dialler(net.port), kind, 6 * slowest + 0.4)
            for n in range(guns)
        ]
        floor = Floor(fleet, rng, made)
        net.calm = False
        for more in range(1, faults + 1):
            async with asyncio.timeout(EPISODE):
                while net.struck.total() < more:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        net.calm = True
        await floor.end()
        found = await judge(fleet, floor)
    return found, {"faults": dict(net.struck), **figures_of(floor)}


@asynccontextmanager
async def weather(
    fleet: Fleet, rng: Random, slowest: float, sock: socket.socket | None = None
) -> AsyncIterator[ChaosProxy]:
    """The proxy in front of the fleet's first web process, calm at first."""
    net = ChaosProxy(fleet.webs[0].port, rng, slowest)
    await net.start(sock)
    try:
        yield net
    finally:
        await net.close()


async def judge(fleet: Fleet, floor: Floor) -> list[str]:
    """What is wrong with the books, the screens and what was heard."""
    found = [
        *floor.wrong[:5],
        *fleet.complaints()[:5],
        *await asyncio.to_thread(recount, fleet.db, fleet, floor),
    ]
    log = await asyncio.to_thread(whole_log, fleet.db)
    for gun in floor.guns:
        found += missed(log, gun)
        found += await inbox_differs(fleet, gun)
    return found


def recount(db: Database, fleet: Fleet, floor: Floor) -> list[str]:
    """Every answered posting is there; what stands at the end is their sum, nothing more."""
    found = list(db.read_now(prove).problems)
    for key in floor.moved:
        if db.read_now(lambda conn, key=key: posted(conn, key)) is None:  # type: ignore[misc]
            found.append(f"lost: {key}")
    item, place = fleet.seeded.items[GOODS], fleet.seeded.locations[TO]
    there = sum(row.on_hand for row in db.read_now(lambda conn: on_hand(conn, item, place)))
    if there != sum(floor.moved.values()) * ONE:
        found.append(f"{there // ONE} pieces arrived, {sum(floor.moved.values())} were answered")
    return found


def figures_of(floor: Floor) -> dict[str, Any]:
    return {
        "postings": len(floor.moved),
        "orders": floor.orders,
        "events": sum(len(gun.heard) for gun in floor.guns),
        "reconnects": sum(gun.breaks for gun in floor.guns),
        "resyncs": sum(len(gun.snapshots) - 1 for gun in floor.guns),
    }
