"""The arena: a real server that gets killed, the vendor that survives it, and people at work.

The server is a process of its own (warm_server.py) on a loopback port, on a real database; WeCom
is played in the test's process, so it remembers what it was told. People retry as devices do: the
same operation id until somebody answers. What they were promised is in `Log`; judge.py checks it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any, cast

import httpx
import psutil
import websockets
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from api.demo.company import Seeded, seed
from api.demo.data import PEOPLE, PIN
from api.demo.handheld import Handheld, Wire
from api.demo.server import free_port, serving
from api.demo.stage import AES_KEY, AGENT, CORP, SECRET, TOKEN
from bots.simulator.wecom import CannotPress, View, WeComSimulator, keys_of
from core import people
from core.clock import SECOND, Instant, perf
from core.config import DEFAULT_SECRET
from core.db import Database, Tx
from core.ids import new_id
from core.migrations.run import upgrade
from core.orders.inspection import QC_POLICY
from core.outbox import claiming, inbox, queue
from core.people import ENGINE
from core.stock import on_hand
from core.tasks import escalation, watch
from core.tasks.policies import save_policy
from core.tasks.policy import Policy, Rung
from tests.databases import DATABASES
from tests.stories.warm_server import Ahead

ROOT = Path(__file__).parents[2]
GOODS = ("JL-201", "JL-202", "JL-203")  # no lots, no inspection: whoever moves them, they add up
PRESSED = ("退回供应商", "让步接收", "报废", "保留索赔", "不追究")
CHATTERS = ("wangmin", "chenxi", "zhoulan", "liqiang")
PATIENCE = 40.0  # seconds until a condition that does not come is a failure


def soon(code: str) -> Policy:
    """An escalation policy in seconds: reminder, deadline, director, director once more."""
    rung = Rung(
        5 * SECOND // 2, ("role:director",), repeat_every=2 * SECOND, repeat_times=1, urgent=True
    )
    return Policy(
        code, 2 * SECOND, remind=(SECOND,), rungs=(rung,), claim_expires=2 * SECOND, min_gap=SECOND
    )


@dataclass(slots=True)
class Pressed:
    """One press in chat and the statuses its callback got; 200 means that we took it."""

    login: str
    key: str
    statuses: tuple[int, ...]


@dataclass(slots=True)
class Log:
    """What people asked for, and what they were promised."""

    asked: dict[str, Wire] = field(default_factory=dict)  # postings by operation id
    promised: dict[str, Wire] = field(default_factory=dict)  # the answers that came
    refused: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)  # order code → id that was answered
    scanned: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)  # item from to n
    presses: list[Pressed] = field(default_factory=list)
    retried: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)  # answers nobody should ever get


@dataclass(slots=True)
class Fate:
    """The server dies at the `left`-th event of `kind` from now."""

    kind: str
    left: int
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Gate:
    """In front of the vendor: it has taken the call; does the server live to hear of it?"""

    KINDS: Mapping[str, str] = {"message/send": "send", "message/update_template_card": "update"}

    def __init__(self, app: Any, passed: Callable[[str], Awaitable[None]]) -> None:
        self._app, self._passed = app, passed

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "").partition("/cgi-bin/")[2]
        if path not in self.KINDS:
            await self._app(scope, receive, send)
            return
        answer: list[Any] = []

        async def keep(message: Any) -> None:
            answer.append(message)

        with suppress(ClientDisconnect):  # the server died while it was still asking
            await self._app(scope, receive, keep)
        await self._passed(self.KINDS[path])
        for message in answer:
            await send(message)


class Server:
    """The process under test, through the launcher that keeps its imports warm."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._env, self._log = env, log
        self._launcher: asyncio.subprocess.Process | None = None

    async def launch(self) -> None:
        with self._log.open("ab") as log:
            self._launcher = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.stories.warm_server",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, **self._env},
            )
        await self._heard("warm")

    async def obey(self, order: str, argument: str = "") -> None:
        assert self._launcher is not None
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(f"{order} {argument}\n".encode())
        await self._launcher.stdin.drain()
        await self._heard(order)

    async def _heard(self, word: str) -> None:
        assert self._launcher is not None
        assert self._launcher.stdout is not None
        async with asyncio.timeout(PATIENCE):
            heard = (await self._launcher.stdout.readline()).decode().strip()
        assert heard == word, f"the launcher said {heard!r}: {self._log.read_text()[-2000:]}"

    def process(self) -> psutil.Process:
        """What it forked last."""
        assert self._launcher is not None
        return psutil.Process(self._launcher.pid).children()[-1]

    async def end(self) -> None:
        launcher, self._launcher = self._launcher, None
        if launcher is not None and launcher.stdin is not None:
            launcher.stdin.close()
            await launcher.wait()


class Arena:
    """Everything of one run. `clock` is the server's: it jumps with each restart."""

    def __init__(self, folder: Path, seed_number: int, url: str = "") -> None:
        self.rng = Random(seed_number)
        self.folder, self.clock, self.log = folder, Ahead(), Log()
        self.port, self.vendor_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.http = httpx.AsyncClient(base_url=self.base, timeout=20)
        self.callbacks = httpx.AsyncClient()
        self.simulator = WeComSimulator(
            clock=self.clock,
            corp_id=CORP,
            agent_id=AGENT,
            secret=SECRET,
            token=TOKEN,
            aes_key=AES_KEY,
            callback_url=f"{self.base}/callbacks/wecom",
            client=self.callbacks,
        )
        for each in PEOPLE:
            if each.chat:
                self.simulator.add_person(each.login, each.name)
        self._own = not url  # a given database is its giver's affair
        self.url = url or DATABASES.blank()
        self.db = Database(self.url, self.clock)
        self.seeded, self.tokens = self._prepare()
        self.opening = self._standing()
        self.server = Server(self._env(), folder / "server.log")
        self.up, self.stopping = asyncio.Event(), asyncio.Event()
        self.fate: Fate | None = None
        self.kills = 0
        badge = next(each.badge for each in PEOPLE if each.login == "zhaogang")
        self.gun = Handheld(self._dial, self.clock, badge, PIN)

    def _prepare(self) -> tuple[Seeded, dict[str, str]]:
        queue.configure(DEFAULT_SECRET)
        upgrade(self.db)
        seeded = seed(self.db)

        def soon_and_signed_in(tx: Tx) -> dict[str, str]:
            for code in (QC_POLICY, "receive"):
                save_policy(tx, ENGINE, soon(code))
            return {
                login: people.open_session(tx, person, "api", minutes=60 * 24)
                for login, person in seeded.people.items()
            }

        return seeded, self.db.write_now(soon_and_signed_in)

    def _env(self) -> dict[str, str]:
        return {
            "JIELI_DATABASE_URL": self.url,
            "JIELI_FILES_DIR": str(self.folder / "files"),
            "JIELI_PORT": str(self.port),
            "JIELI_PUBLIC_URL": self.base,
            "JIELI_SQLITE_SYNCHRONOUS": "FULL",
            "JIELI_ENGINE_SWEEP_SECONDS": "1",
            "JIELI_WECOM_CORP_ID": CORP,
            "JIELI_WECOM_AGENT_ID": str(AGENT),
            "JIELI_WECOM_SECRET": SECRET,
            "JIELI_WECOM_TOKEN": TOKEN,
            "JIELI_WECOM_AES_KEY": AES_KEY,
            "JIELI_WECOM_API_BASE": f"http://127.0.0.1:{self.vendor_port}/cgi-bin",
        }

    def _standing(self) -> dict[tuple[int, int], int]:
        """Where the goods of the posting people stand, µ-units by (item, place)."""
        items = [self.seeded.items[code] for code in GOODS]
        rows = self.db.read_now(lambda conn: [on_hand(conn, item) for item in items])
        return {(row.item_id, row.location_id): row.on_hand for each in rows for row in each}

    async def _dial(self) -> websockets.ClientConnection:
        url = self.base.replace("http://", "ws://") + "/ws/pda"
        return await websockets.connect(url, compression=None)

    # -- life and death ----------------------------------------------------------------------
    async def start(self, after: Instant = 0) -> None:
        """Start the server `after` µs of standstill; returns when it is ready."""
        self.clock.by += after
        await self.server.obey("start", str(self.clock.by))
        await self.until(self._is_ready, "the server is ready")
        self.up.set()

    async def _is_ready(self) -> bool:
        try:
            return (await self.http.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    async def at_work(self, postings: int = 15) -> None:
        """Wait until this life of the server has seen some work."""
        wanted = len(self.log.promised) + postings

        async def enough() -> bool:
            return len(self.log.promised) >= wanted

        await self.until(enough, "people are at work")

    async def kill(self) -> None:
        self.up.clear()
        await self.server.obey("kill")
        self.kills += 1

    async def die_at(self, kind: str, count: int) -> None:
        """SIGKILL at the `count`-th event of `kind`; at once if none comes in a while."""
        fate = self.fate = Fate(kind, count)
        with suppress(TimeoutError):
            await asyncio.wait_for(fate.struck.wait(), 6)
        await self.kill()
        self.fate = None
        fate.over.set()

    async def passed(self, kind: str) -> None:
        """Something of `kind` happens now; the vendor's answers wait for the death they cause."""
        fate = self.fate
        if fate is None or fate.kind != kind:
            return
        fate.left -= 1
        if fate.left == 0:
            fate.struck.set()
        if fate.left <= 0 and kind in Gate.KINDS.values():
            await fate.over.wait()

    async def until(self, happened: Callable[[], Awaitable[bool]], what: str) -> None:
        """Look again and again at another process; it has no way to tell us."""
        began = perf()
        while not await happened():
            assert perf() - began < PATIENCE, f"waited in vain: {what}\n{self.last_words()}"
            await asyncio.sleep(0.02)

    def last_words(self) -> str:
        return (self.folder / "server.log").read_text()[-3000:]

    async def at_rest(self) -> bool:
        """Nothing is due now or in the next moments; what is planned lies hours ahead."""
        horizon = self.clock.now() + 60 * SECOND
        dues = (escalation.next_due, watch.next_due, inbox.next_due)
        found = [self.db.read_now(due) for due in dues]
        found.append(self.db.read_now(lambda conn: claiming.next_due(conn, "wecom")))
        return all(due is None or due > horizon for due in found)

    # -- people ------------------------------------------------------------------------------
    def headers(self, login: str, key: str = "") -> dict[str, str]:
        key = key or new_id(self.clock.now())
        return {"Authorization": f"Bearer {self.tokens[login]}", "Idempotency-Key": key}

    async def send(self, login: str, path: str, body: Wire, key: str) -> httpx.Response:
        """POST with the same operation id until somebody answers."""
        while True:
            await self.up.wait()
            with suppress(httpx.TransportError):
                answer = await self.http.post(path, json=body, headers=self.headers(login, key))
                if answer.status_code < 500:
                    return answer
                self.log.broken += [answer.text] if answer.status_code != 503 else []
            self.log.retried.add(key)
            await asyncio.sleep(0.01)

    async def get(self, login: str, path: str) -> Any:
        answer = await self.http.get(path, headers=self.headers(login))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post_on(self) -> None:
        """Receive, move and issue goods, one after the other, until told to stop."""
        places = self.seeded.locations
        shelves = [places["ZJ-D-04-1"], places["ZJ-D-04-2"]]
        ways = (
            ("receive", places["SUPPLIER"], shelves[0], (40, 90)),
            ("transfer", shelves[0], shelves[1], (1, 60)),
            ("issue", shelves[1], places["CUSTOMER"], (1, 70)),
        )
        while not self.stopping.is_set():
            kind, start, to, (least, most) = self.rng.choice(ways)
            line = {
                "item_id": self.seeded.items[self.rng.choice(GOODS)],
                "quantity": str(self.rng.randint(least, most)),
                "from_location": start,
                "to_location": to,
            }
            key, body = new_id(self.clock.now()), {"kind": kind, "lines": [line]}
            self.log.asked[key] = body
            answer = await self.send("sunli", "/api/postings", body, key)
            if answer.status_code == 201:
                self.log.promised[key] = answer.json()
            else:
                self.log.refused[key] = answer.json()["code"]
            await self.passed("ack")

    async def fail_inspection(self) -> None:
        """Goods arrive mouldy: an order, its receipt with a rejection, three tasks, two cards."""
        number = len(self.log.orders) + 1
        wanted = order_of(self.seeded, number)
        answer = await self.send("wangmin", "/api/orders", wanted, f"order-{number:05d}")
        made = answer.json()
        self.log.orders[wanted["code"]] = made["id"]
        arrived = mouldy(made["lines"][0]["id"], number)
        key = f"arrive-{number:05d}"
        answer = await self.send("sunli", "/api/receipts/combined", arrived, key)
        assert answer.status_code == 201, answer.text
        if self.rng.random() < 0.5:
            await self._claim(answer.json()["inspection"]["id"])

    async def _claim(self, inspection_id: str) -> None:
        """The buyer says "I do it" at the desk, while her card may be on its way."""
        await self.up.wait()
        with suppress(httpx.TransportError):
            mine = (await self.get("wangmin", "/api/tasks/inbox"))["items"]
            for task in mine:
                if task["subject"] == f"inspection:{inspection_id}" and task["state"] == "open":
                    path = f"/api/tasks/{task['id']}/claim"
                    await self.send("wangmin", path, {}, new_id(self.clock.now()))

    async def press_on(self, login: str) -> None:
        """Look at the phone; press a button of about every other card, again if nobody answered."""
        seen: set[str] = set()
        while not self.stopping.is_set():
            for view in self.simulator.pane(login):
                key = pressable(view)
                if not key or view.msg_id in seen:
                    continue
                seen.add(view.msg_id)
                if self.rng.random() < 0.5 and not await self._press(login, view, key):
                    seen.discard(view.msg_id)
            await asyncio.sleep(0.03)

    async def _press(self, login: str, view: View, key: str) -> bool:
        await self.passed("press")
        try:
            posted = await self.simulator.pressing.press(login, view.msg_id, key)
        except CannotPress:
            return True
        self.log.presses.append(Pressed(login, key, posted.statuses))
        return 200 in posted.statuses

    async def scan_on(self) -> None:
        """The scanner moves lids from shelf to shelf; after a death it resumes and asks again."""
        item, to = self.seeded.items["JL-201"], "ZJ-D-04-3"
        start = next(place for known, place in self.opening if known == item)
        while not self.stopping.is_set():
            key = new_id(self.clock.now())
            many = self.rng.randint(1, 9)
            context = {"from_id": start, "item_id": item, "quantity": str(many)}
            tap = {"id": key, "context": context, "inputs": {"to": to}}
            while (reply := await self._tap(tap)) is None:
                self.log.retried.add(key)
                await self._reconnect()
            assert reply["t"] == "reply", reply
            assert reply["ok"], reply
            self.log.scanned[key] = (item, start, self.seeded.locations[to], many)
            await self.passed("scan")

    async def _tap(self, tap: Wire) -> Wire | None:
        try:
            return await self.gun.submit("transfer", "confirm", **tap)
        except (OSError, websockets.WebSocketException):
            return None

    async def _reconnect(self) -> None:
        await self.gun.drop()
        await self.up.wait()
        with suppress(OSError, websockets.WebSocketException):
            await self.gun.reconnect()

    async def rested(self) -> None:
        """Everybody stops, the scanner hears the last of it, the engine comes to rest."""
        await self.until(self.at_rest, "the engine came to rest")
        await self.gun.hear()

    async def close(self) -> None:
        await self.gun.drop()
        await self.server.end()
        await self.http.aclose()
        await self.callbacks.aclose()
        await asyncio.to_thread(self.db.close)
        if self._own:
            DATABASES.drop(self.url)


def order_of(seeded: Seeded, number: int) -> Wire:
    """A purchase order of two boxes of oat milk."""
    return {
        "code": f"CG-9{number:03d}",
        "supplier_id": seeded.partners["S-HAINA"],
        "warehouse_id": seeded.warehouses["ZJ"],
        "lines": [{"item_id": seeded.items["JL-101"], "quantity": "24"}],
        "due_on": "2030-01-01",
        "buyer_id": seeded.people["wangmin"],
    }


def mouldy(order_line_id: str, number: int) -> Wire:
    """They arrive, and all of it is rejected."""
    return {
        "order_line_id": order_line_id,
        "quantity": "24",
        "lot_code": f"K{number:04d}",
        "expires_on": "2031-01-01",
        "accepted": "0",
        "rejected": "24",
        "reason": "开箱发霉",
        "checks": {"package": "no"},
    }


def pressable(view: View) -> str:
    """The key of the first button on this card that decides something; "" when there is none."""
    if view.kind != "template_card" or view.grey:
        return ""
    live = keys_of(view.content)
    buttons = view.content.get("button_list", ())
    found = (each["key"] for each in buttons if each["text"] in PRESSED and each["key"] in live)
    return next(found, "")


@asynccontextmanager
async def open_arena(folder: Path, seed_number: int) -> AsyncIterator[Arena]:
    """A started arena: the vendor up, the server up, the scanner enrolled."""
    arena = Arena(folder, seed_number)
    try:
        vendor = cast("FastAPI", Gate(arena.simulator.app, arena.passed))
        async with serving(vendor, arena.vendor_port):
            await arena.server.launch()
            await arena.start()
            code = await arena.http.post(
                "/api/devices/codes", json={"name": "3号枪"}, headers=arena.headers("admin")
            )
            await arena.gun.enrol(code.json()["code"])
            yield arena
            await arena.gun.drop()
            await arena.server.end()
    finally:
        await arena.close()
