"""R6: SIGSTOP hits whoever holds something, for longer than he may hold it; then SIGCONT.

A web process in the middle of a posting, a worker in the middle of an engine step, a worker whose
message the vendor has just taken. The others go on without him, and when he comes back he changes
nothing that is theirs by then.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any, cast

import httpx
import psycopg
from fastapi import FastAPI
from sqlalchemy import select

from api.demo.data import PEOPLE
from api.demo.server import free_port, serving
from api.demo.stage import AES_KEY, AGENT, CORP, SECRET, TOKEN
from bots.simulator.wecom import WeComSimulator
from core.clock import SECOND, SystemClock, perf
from core.db import Tx
from core.events import events
from core.ids import new_id
from core.outbox.claiming import next_due
from core.outbox.recording import LEASE_LOST
from core.outbox.tables import SENDING, attempts, messages
from core.people import ENGINE
from core.postgres_tx import STEP_LOCK
from core.quantity import ONE
from core.stock import Reserve, reserve
from core.stock.tables import reservations
from tests.servers import Postgres
from tests.stories import judge
from tests.stories.arena import Log, mouldy, order_of
from tests.stories.fleet import Fleet, Process, open_fleet
from tests.torture.mutants import SHORT_LEASE
from tests.torture.outages import PATIENCE, Load, recount

WAYS = ("posting", "delivery", "step", *("delivery", "posting") * 3, "delivery")
PROMISES = 40  # reservations that expire in one batch of the engine's step
GIVES_UP = 4.0  # seconds until a caller asks another web process: a stopped one says nothing
AFTERWARDS = 0.3  # seconds at most that he sleeps on when others have taken over

# What a process holds: it wrote (and so has rows locked), or it is at a step of the engine.
_WROTE = "SELECT pid FROM pg_locks WHERE locktype = 'transactionid' AND granted"
_AT_STEP = f"SELECT pid FROM pg_locks WHERE classid = {STEP_LOCK} AND granted"  # noqa: S608  # ours
_PORTS = "SELECT client_port FROM pg_stat_activity WHERE client_port > 0 AND pid IN "


class Ear:
    """In front of the vendor: it has taken a card; who sent it, and does he live to hear so?"""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.wanted = False
        self.caught: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        self.answer = asyncio.Event()

    def arm(self) -> None:
        self.caught, self.answer = asyncio.get_running_loop().create_future(), asyncio.Event()
        self.wanted = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        said: list[Any] = []

        async def keep(message: Any) -> None:
            said.append(message)

        if not self.wanted or not scope.get("path", "").endswith("message/send"):
            await self._app(scope, receive, send)
            return
        self.wanted = False
        await self._app(scope, receive, keep)
        self.caught.set_result((scope["client"][1], scope["server"][1]))
        await self.answer.wait()
        for message in said:
            await send(message)


class Stopper:
    """Chooses whom to stop and when; counts whom it caught."""

    def __init__(self, fleet: Fleet, load: Load, ear: Ear, rng: Random) -> None:
        self.fleet, self.load, self.ear, self.rng = fleet, load, ear, rng
        self.caught: Counter[str] = Counter()
        self.waits: list[float] = []
        self.orders = 0
        self._look = psycopg.connect(fleet.url, autocommit=True)

    def close(self) -> None:
        self._look.close()

    async def go(self, ways: list[str]) -> None:
        """One after the other: of webs, and of workers, one at least is awake."""
        for way in ways:
            await self._stop(way)

    async def _stop(self, way: str) -> None:
        """Stop one holder, see the others go on, let him come back."""
        held = await {"posting": self._posting, "delivery": self._delivery, "step": self._step}[
            way
        ]()
        process, others = held
        began = perf()
        async with asyncio.timeout(PATIENCE):
            await others()
        self.waits.append(perf() - began)
        await asyncio.sleep(self.rng.uniform(0, AFTERWARDS))
        await process.server.obey("thaw")
        self.caught[way] += 1

    async def _posting(self) -> tuple[Process, Any]:
        """A web process that has locked what it moves."""
        async with asyncio.timeout(PATIENCE):
            while True:
                web = self.rng.choice(self.fleet.webs)
                await web.server.obey("freeze")
                if self._holds(web, _WROTE):
                    return web, lambda: self.load.more(2)
                await web.server.obey("thaw")
                await self.load.more(1)

    async def _step(self) -> tuple[Process, Any]:
        """A worker in the middle of an engine step; the other one must finish what it began."""
        await asyncio.to_thread(self.fleet.db.write_now, self._promise)
        async with asyncio.timeout(PATIENCE):
            while True:
                for worker in self.fleet.workers:
                    if self._holds(worker, _AT_STEP):
                        await worker.server.obey("freeze")
                        if self._holds(worker, _AT_STEP):
                            return worker, self._all_expired
                        await worker.server.obey("thaw")
                if await self._is_expired():  # too quick for us: promise again
                    return await self._step()
                await asyncio.sleep(0.001)

    def _promise(self, tx: Tx) -> None:
        item, soon = self.fleet.seeded.items["JL-203"], tx.now + SECOND // 20
        for _ in range(PROMISES):
            reserve(tx, ENGINE, Reserve(tx.new_id(), item, ONE, expires_at=soon))

    async def _is_expired(self) -> bool:
        query = select(reservations.c.id).where(reservations.c.state == "open").limit(1)
        return await self.fleet.db.read(lambda conn: conn.execute(query).first() is None)

    async def _all_expired(self) -> None:
        while not await self._is_expired():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _delivery(self) -> tuple[Process, Any]:
        """The worker whose card the vendor has just taken; the other must send it again."""
        self.ear.arm()
        self.orders += 1
        await complain(self.fleet, self.orders)
        async with asyncio.timeout(PATIENCE):
            port, door = await self.ear.caught
        caught = [each for each in self.fleet.workers if port in ports_of(each, door)]
        if not caught:  # he has hung up: too slow a machine for his patience
            self.ear.answer.set()
            return await self._delivery()
        [worker] = caught
        await worker.server.obey("freeze")
        self.ear.answer.set()
        over = self.fleet.clock.now() + SHORT_LEASE
        return worker, lambda: self._taken_over(over)

    async def _taken_over(self, over: int) -> None:
        """Until no lease is left that a sleeper could hold."""
        flying = select(messages.c.id).where(messages.c.state == SENDING).limit(1)
        while self.fleet.clock.now() < over or await self.fleet.db.read(  # noqa: ASYNC110
            lambda conn: conn.execute(flying).first() is not None
        ):
            await asyncio.sleep(0.02)

    def _holds(self, process: Process, what: str) -> bool:
        found = self._look.execute(f"{_PORTS} ({what})").fetchall()
        return bool(found) and not ports_of(process).isdisjoint(port for (port,) in found)


def ports_of(process: Process, to: int = 0) -> set[int]:
    """The local ends of a process's connections, or of those to a port of ours."""
    found = process.server.process().net_connections("tcp")
    return {each.laddr.port for each in found if not to or (each.raddr and each.raddr.port == to)}


async def complain(fleet: Fleet, number: int) -> None:
    """Goods arrive mouldy: cards go out to those who decide."""
    body = order_of(fleet.seeded, number) | {"code": f"CG-{number:06d}"}
    answer = await fleet.send("wangmin", "/api/orders", body, new_id(fleet.clock.now()))
    arrived = mouldy(answer.json()["lines"][0]["id"], number)
    answer = await fleet.send("sunli", "/api/receipts/combined", arrived, new_id(fleet.clock.now()))
    assert answer.status_code == 201, answer.text


@asynccontextmanager
async def vendor() -> AsyncIterator[tuple[WeComSimulator, Ear, dict[str, str]]]:
    """WeCom, played here, and the settings with which the processes find it."""
    port = free_port()
    async with httpx.AsyncClient() as callbacks:
        simulator = WeComSimulator(
            clock=SystemClock(),
            corp_id=CORP,
            agent_id=AGENT,
            secret=SECRET,
            token=TOKEN,
            aes_key=AES_KEY,
            callback_url="http://127.0.0.1:9/nobody-presses",
            client=callbacks,
        )
        for each in PEOPLE:
            if each.chat:
                simulator.add_person(each.login, each.name)
        ear = Ear(simulator.app)
        settings = {
            "JIELI_WECOM_CORP_ID": CORP,
            "JIELI_WECOM_AGENT_ID": str(AGENT),
            "JIELI_WECOM_SECRET": SECRET,
            "JIELI_WECOM_TOKEN": TOKEN,
            "JIELI_WECOM_AES_KEY": AES_KEY,
            "JIELI_WECOM_API_BASE": f"http://127.0.0.1:{port}/cgi-bin",
        }
        async with serving(cast("FastAPI", ear), port):
            try:
                yield simulator, ear, settings
            finally:
                ear.answer.set()  # or the server waits for ever for whoever still holds a request


async def freeze(
    server: Postgres,
    folder: Path,
    *,
    times: int,
    seed: int,
    ways: tuple[str, ...] = WAYS,
    mutant: str = "",
) -> tuple[list[str], dict[str, Any]]:
    """Stop `times` holders: (what is wrong, figures)."""
    rng = Random(seed)
    url = server.url(server.create())
    variants = ",".join(["short-lease", *filter(None, [mutant])])
    async with (
        vendor() as (simulator, ear, settings),
        open_fleet(
            folder, webs=1 + ("posting" in ways), workers=2, url=url, mutant=variants, env=settings
        ) as fleet,
    ):
        fleet.http.timeout = httpx.Timeout(GIVES_UP)
        load = Load(fleet, callers=3)
        order = [ways[number % len(ways)] for number in range(times)]
        webs = [way for way in order if way == "posting"]
        workers = [way for way in order if way != "posting"]
        with closing(Stopper(fleet, load, ear, rng)) as stopper:
            await asyncio.gather(stopper.go(webs), stopper.go(workers))
        await load.end()
        await rested(fleet)
        found = await asyncio.to_thread(recount, fleet.db, load)
        found += await asyncio.to_thread(effects, fleet, simulator)
    figures = {
        "stops": times,
        "caught": dict(stopper.caught),
        "postings": len(load.promised),
        "wait_max_s": round(max(stopper.waits), 2),
    }
    return found, figures


async def rested(fleet: Fleet) -> None:
    """Until every card has gone out; a person gets some twenty a minute."""

    def due() -> int | None:
        return fleet.db.read_now(lambda conn: next_due(conn, "wecom"))

    async with asyncio.timeout(10 * PATIENCE):
        while await asyncio.to_thread(due) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def effects(fleet: Fleet, simulator: WeComSimulator) -> list[str]:
    """What was done twice or not at all, on phones, by timers and steps."""
    case = judge.Case(fleet.db, simulator, Log(), fleet.http, {}, fleet.clock.now())
    return [
        *judge.timers_fired_once(case),
        *judge.cards_stand_once(case),
        *judge.nobody_waits_in_vain(case),
        *sent_once(case),
        *expired_once(case),
    ][:20]


def sent_once(case: judge.Case) -> list[str]:
    """A card that was recorded as sent, by who held the lease then, is not sent again."""
    sends = {row["id"] for row in case.rows(messages) if row["intent"] == "send"}
    tries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(case.rows(attempts), key=lambda row: int(row["n"])):
        if row["message_id"] in sends:
            tries[row["message_id"]].append(row)
    found = []
    for name, rows in tries.items():
        for one, _again in pairwise(rows):
            if one["outcome"] == "sent" and one["code"] != LEASE_LOST:
                found.append(f"message {name[:8]} was sent again after it was recorded as sent")
    return found


def expired_once(case: judge.Case) -> list[str]:
    """Each promise ended, and was told of once."""
    told = Counter(
        row["subject"] for row in case.rows(events) if row["kind"] == "stock.reservation_expired"
    )
    ended: Callable[[Any], bool] = lambda row: row["state"] == "expired"  # noqa: E731
    promised = [f"reservation:{row['id']}" for row in case.rows(reservations) if ended(row)]
    found = [f"{each} ended {told[each]} times" for each in promised if told[each] != 1]
    open_ = [row["id"] for row in case.rows(reservations) if not ended(row)]
    return found + [f"reservation {each} never ended" for each in open_]
