"""R4: the database server is killed under load.

The web and worker processes are never restarted: they must find back by themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

import httpx

from core.clock import perf
from core.db import Database
from core.ids import new_id
from core.stock import prove
from tests.servers import Postgres
from tests.stories.fleet import Fleet, open_fleet

CALLERS = 6
PATIENCE = 60.0


class Load:
    """People who post and ask again, with the same operation id, until somebody answers."""

    def __init__(self, fleet: Fleet, callers: int = CALLERS) -> None:
        self.fleet = fleet
        self.promised: dict[str, Any] = {}
        self.put_off: Counter[str] = Counter()  # answers of 503, by code
        self.strange: list[str] = []
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._work(n)) for n in range(callers)]

    async def end(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    def give_up(self) -> None:
        """At once; what is on its way is nobody's any more."""
        for task in self._tasks:
            task.cancel()

    async def more(self, count: int) -> None:
        """Wait until `count` more postings were promised."""
        wanted = len(self.promised) + count
        async with asyncio.timeout(PATIENCE):
            while len(self.promised) < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def _work(self, number: int) -> None:
        fleet, places = self.fleet, self.fleet.seeded.locations
        item = fleet.seeded.items[("JL-201", "JL-202", "JL-203")[number % 3]]
        line = {
            "item_id": item,
            "quantity": "1",
            "from_location": places["SUPPLIER"],
            "to_location": places["ZJ-D-04-1"],
        }
        while not self._stop.is_set():
            key = new_id(fleet.clock.now())
            await self._until_answered(number, {"kind": "receive", "lines": [line]}, key)

    async def _until_answered(self, number: int, body: Any, key: str) -> None:
        turn = number
        while True:
            web = self.fleet.webs[turn % len(self.fleet.webs)]
            turn += 1
            headers = self.fleet.headers("sunli", key)
            with suppress(httpx.TransportError):
                answer = await self.fleet.http.post(
                    web.base + "/api/postings", json=body, headers=headers
                )
                if answer.status_code == 201:
                    self.promised[key] = answer.json()
                    return
                if answer.status_code != 503:
                    self.strange.append(answer.text)
                    return
                self.put_off[answer.json()["code"]] += 1
            await asyncio.sleep(0.01)


def recount(db: Database, load: Load) -> list[str]:
    """What is wrong with the books, and with what was promised."""
    proof = db.read_now(prove)
    found = [*proof.problems, *load.strange[:5]]
    from core.stock import posted

    for key, answer in load.promised.items():
        kept = db.read_now(lambda conn, key=key: posted(conn, key))  # type: ignore[misc]
        if kept is None:
            found.append(f"lost: {key}")
        elif kept.posting_id != answer["posting_id"]:
            found.append(f"other: {key}")
    return found[:20]


async def kill_postgres(
    server: Postgres, folder: Path, *, kills: int, seed: int
) -> tuple[list[str], dict[str, Any]]:
    """R4: SIGKILL the whole server `kills` times; how long until a posting is answered again."""
    rng = Random(seed)
    outages: list[float] = []
    url = server.url(server.create())
    async with open_fleet(folder, webs=2, workers=1, url=url) as fleet:
        load = Load(fleet)
        for _ in range(kills):
            await load.more(rng.randint(1, 60))
            await asyncio.to_thread(server.kill)
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            await asyncio.to_thread(server.start)
            began = perf()
            await load.more(CALLERS + 1)  # whatever was answered before, this one is new
            outages.append(perf() - began)
        await load.end()
        for web in fleet.webs:
            await fleet.ready(web)
        found = await asyncio.to_thread(recount, fleet.db, load)
    if max(outages) > 5:
        found.append(f"ready only after {max(outages):.1f} s")
    figures = {"kills": kills, "postings": len(load.promised), "outage_max_s": max(outages)}
    return found, figures
