"""R5: Redis is killed, flushed or away under a fleet at work. Only time may be lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from statistics import median
from typing import Any

from sqlalchemy import Connection

from core.clock import Instant, perf
from core.ids import new_id
from core.outbox.claiming import next_due
from tests.servers import Redis
from tests.stories.arena import mouldy, order_of
from tests.stories.fleet import Fleet, Process, open_fleet
from tests.torture.gun import Gun, enrolled, inbox_differs, missed, whole_log
from tests.torture.outages import Load, recount

LOGINS = ("zhaogang", "sunli")
FAULTS = ("kill", "flush", "absent")
AGAIN = 5.0  # seconds until the fleet must be itself again; news travels with a sweep of one


class Desk:
    """Makes news at one web process and times it at scanners of the other."""

    def __init__(self, fleet: Fleet, guns: dict[Process, list[Gun]]) -> None:
        self.fleet, self.guns = fleet, guns
        self.number = 0
        self.seconds: list[float] = []

    async def day(self, here: Process, there: Process) -> float:
        """An order comes and goes; the seconds that the slower of both took to be seen `there`."""
        self.number += 1
        body = order_of(self.fleet.seeded, self.number) | {"code": f"CG-{self.number:06d}"}
        made = await self._post(here, "wangmin", "/api/orders", body)
        slowest = await self._seen(there, made["id"], live=True)
        arrived = mouldy(made["lines"][0]["id"], self.number)
        await self._post(here, "sunli", "/api/receipts/combined", arrived)
        return max(slowest, await self._seen(there, made["id"], live=False))

    async def _post(self, web: Process, login: str, path: str, body: Any) -> Any:
        headers = self.fleet.headers(login, new_id(self.fleet.clock.now()))
        answer = await self.fleet.http.post(web.base + path, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def _seen(self, web: Process, order_id: str, *, live: bool) -> float:
        began = perf()
        async with asyncio.timeout(AGAIN):
            await asyncio.gather(
                *(gun.until_shows(f"order:{order_id}", live=live) for gun in self.guns[web])
            )
        return perf() - began


async def starve(
    redis: Redis,
    url: str,
    folder: Path,
    *,
    faults: int,
    seed: int,
    workers: int = 2,
    mutant: str = "",
) -> tuple[list[str], dict[str, Any]]:
    """`faults` faults under two web processes and some workers: (what is wrong, figures)."""
    rng = Random(seed)
    away: list[float] = []
    after: list[float] = []
    found: list[str] = []
    async with open_fleet(
        folder,
        webs=2,
        workers=workers,
        redis_url=redis.url,
        url=url,
        mutant=mutant,
    ) as fleet:
        guns = {
            web: [await enrolled(fleet, login, Gun.dialler(web.port)) for login in LOGINS]
            for web in fleet.webs
        }
        desk, load = Desk(fleet, guns), Load(fleet, callers=2)
        try:
            for _ in range(faults):
                await load.more(rng.randint(1, 20))
                here, there = rng.sample(fleet.webs, 2)
                fault = rng.choice(FAULTS)
                await asyncio.to_thread(redis.flush if fault == "flush" else redis.kill)
                if fault == "absent":
                    away.append(await desk.day(here, there))
                if fault != "flush":
                    await asyncio.to_thread(redis.start)
                after.append(await desk.day(there, here))
                await asyncio.gather(*(gun.stay() for each in guns.values() for gun in each))
        except TimeoutError:
            found.append(f"news of order {desk.number} was not seen within {AGAIN} s")
        await load.end()
        found += await judge(fleet, load, [gun for each in guns.values() for gun in each])
    return found, {
        "faults": faults,
        "postings": len(load.promised),
        "orders": desk.number,
        "news_away_ms": spread(away),
        "news_after_ms": spread(after),
    }


async def judge(fleet: Fleet, load: Load, guns: list[Gun]) -> list[str]:
    """What is wrong with the books, the scanners, and what the workers had to do."""
    for web in fleet.webs:
        await fleet.ready(web)
    found = await asyncio.to_thread(recount, fleet.db, load)
    found += fleet.complaints()[:5]
    async with asyncio.timeout(AGAIN):
        while await fleet.db.read(lambda conn: a_card_is_due(conn, fleet.clock.now())):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.gather(*(gun.settle() for gun in guns))
    log = await asyncio.to_thread(whole_log, fleet.db)
    for gun in guns:
        found += missed(log, gun)
        found += await inbox_differs(fleet, gun)
    return found


def a_card_is_due(conn: Connection, now: Instant) -> bool:
    """What is due later is held back by a person's own limit: many cards came at once."""
    due = next_due(conn, "wecom")
    return due is not None and due <= now


def spread(seconds: list[float]) -> dict[str, float]:
    return {"p50": round(median(seconds or [0]) * 1e3), "max": round(max(seconds or [0]) * 1e3)}
