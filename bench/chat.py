"""One task on three chat apps and a scanner: how long until the other three show who answered.

The demo stage on a real clock, the engine running, simulated vendors in this process, the scanner
over a WebSocket. From the press to the moment the vendor has the closed card, or the scanner the
event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import websockets

from api.demo.company import Seeded, account_of, reached_everywhere, seed
from api.demo.data import PIN
from api.demo.day import serving
from api.demo.handheld import Handheld
from api.demo.server import free_port
from api.demo.stage import Stage
from bench.machine import percentile
from bench.table import Gate, Result
from core import people
from core.clock import SystemClock, perf
from core.config import Settings
from core.db import Tx
from core.ids import new_id
from core.migrations.run import upgrade
from core.people import ENGINE

BUYER, BADGE = "wangmin", "B2001"
GATE_MS = 1_000
LOOK_SECONDS = 0.002
APART_SECONDS = 3.2  # Telegram's pace, and WeCom's twenty cards a minute


def chat(folder: Path, url: str, rounds: int) -> list[Result]:
    """`rounds` tasks, each answered by another of the four."""
    taken = asyncio.run(_live(folder, url, rounds))
    lines = []
    for name, times in taken.items():
        ms = [1_000 * each for each in times]
        p50, p99 = percentile(ms, 0.5), percentile(ms, 0.99)
        lines.append(
            Result(
                "chat",
                f"answered elsewhere → {name} shows who and when",
                f"p50 {p50:.0f} / p99 {p99:.0f} / max {max(ms):.0f} ms of {len(ms)}",
                gates=(Gate(p99, GATE_MS, unit=" ms p99"),),
                facts={"p50_ms": p50, "p99_ms": p99, "max_ms": max(ms), "rounds": rounds},
            )
        )
    return lines


async def _live(folder: Path, url: str, rounds: int) -> dict[str, list[float]]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    settings = Settings(database_url=url, files_dir=folder / "files", port=port, public_url=base)
    stage = Stage(settings, SystemClock())
    upgrade(stage.jieli.db)
    seeded = seed(stage.jieli.db)
    await asyncio.to_thread(_furnish, stage, seeded)
    async with serving(stage.app, port), httpx.AsyncClient(base_url=base, timeout=30) as http:
        firm = _Firm(stage, seeded, http, base)
        await firm.begin(rounds)
        for number in range(rounds):
            await firm.round(number)
        await firm.end()
        return firm.taken


def _furnish(stage: Stage, seeded: Seeded) -> None:
    pin = people.hash_secret(PIN)

    def more(tx: Tx) -> None:
        reached_everywhere(tx, seeded.people)
        values = {"badge": BADGE, "pin_hash": pin}
        people.update_person(tx, ENGINE, seeded.people[BUYER], values)

    stage.jieli.db.write_now(more)


class _Firm:
    """The buyer with three phones and a scanner."""

    def __init__(self, stage: Stage, seeded: Seeded, http: httpx.AsyncClient, base: str) -> None:
        self.stage, self.seeded, self.http, self.base = stage, seeded, http, base
        self.ding, self.tele = (account_of(BUYER, name) for name in ("dingtalk", "telegram"))
        self.taken: dict[str, list[float]] = {
            name: [] for name in ("企业微信", "钉钉", "Telegram", "扫码枪")
        }

    async def begin(self, rounds: int) -> None:
        """An order with goods for every round, and a scanner in the buyer's hand."""
        token = await asyncio.to_thread(
            self.stage.jieli.db.write_now,
            lambda tx: people.open_session(tx, self.seeded.people["admin"], "api", minutes=600),
        )
        self.http.headers["Authorization"] = f"Bearer {token}"
        line = {"item_id": self.seeded.items["JL-001"], "quantity": str(rounds)}
        order = {
            "code": "PO-CHAT",
            "supplier_id": self.seeded.partners["S-HENGSHUN"],
            "warehouse_id": self.seeded.warehouses["ZJ"],
            "lines": [line],
            "due_on": "2099-12-01",
            "buyer_id": self.seeded.people[BUYER],
        }
        self.line = (await self._do("/api/orders", order))["lines"][0]["id"]
        code = (await self._do("/api/devices/codes", {"name": "9号枪"}))["code"]

        async def dial() -> websockets.ClientConnection:
            return await websockets.connect(self.base.replace("http", "ws") + "/ws/pda")

        self.gun = Handheld(dial, SystemClock(), BADGE, PIN)
        await self.gun.enrol(code)
        self.hearing = asyncio.create_task(self._hear())

    async def end(self) -> None:
        """Put the scanner down."""
        self.hearing.cancel()
        await asyncio.gather(self.hearing, return_exceptions=True)
        await self.gun.drop()

    async def _hear(self) -> None:
        while True:
            await self.gun.listen()

    async def round(self, number: int) -> None:
        """Goods are rejected; everywhere the card arrives; one answers; the others show it."""
        before = set(self.gun.inbox)
        await self._do(
            "/api/receipts/combined",
            {
                "order_line_id": self.line,
                "quantity": "1",
                "lot_code": f"L-{number:05d}",
                "expires_on": "2099-03-01",
                "accepted": "0",
                "rejected": "1",
                "reason": "发霉",
                "checks": {"package": "no"},
            },
        )
        fresh: list[str] = []

        def arrived() -> bool:
            fresh[:] = [each for each in self.gun.inbox if each not in before]
            return bool(fresh) and self._open() == [True] * 3

        await _until(arrived)
        task = self.gun.inbox[fresh[0]]
        began = perf()
        shows = {
            "企业微信": lambda: not self._open()[0],
            "钉钉": lambda: not self._open()[1],
            "Telegram": lambda: not self._open()[2],
            "扫码枪": lambda: task["id"] not in self.gun.inbox,
        }
        answered = list(shows)[number % 4]
        pressing = asyncio.create_task(self._press(answered, task))
        async with asyncio.TaskGroup() as watching:
            for name, shown in shows.items():
                if name != answered:
                    watching.create_task(self._clock(name, shown, began))
        await pressing
        rest = APART_SECONDS - (perf() - began)
        await asyncio.sleep(max(rest, 0))  # tidy: banned — the vendors' own pace

    async def _clock(self, name: str, shown: Callable[[], bool], began: float) -> None:
        await _until(shown)
        self.taken[name].append(perf() - began)

    async def _press(self, name: str, task: dict[str, Any]) -> None:
        label = "退回供应商"
        presses: dict[str, Callable[[], Awaitable[object]]] = {
            "企业微信": lambda: self.stage.simulator.press(BUYER, label),
            "钉钉": lambda: self.stage.dingtalk.press(self.ding, label),
            "Telegram": lambda: self.stage.telegram.press(self.tele, label),
            "扫码枪": lambda: self._scan(task),
        }
        await presses[name]()

    async def _scan(self, task: dict[str, Any]) -> None:
        """Only one may read from the scanner's line."""
        self.hearing.cancel()
        await asyncio.gather(self.hearing, return_exceptions=True)
        await self.gun.act(task, "return")
        self.hearing = asyncio.create_task(self._hear())

    def _open(self) -> list[bool]:
        """Whether the newest card of each app still has buttons."""
        stage = self.stage
        cards = [v for v in stage.simulator.pane(BUYER) if v.kind == "template_card"]
        ding, tele = stage.dingtalk.pane(self.ding), stage.telegram.pane(self.tele)
        if not cards or not ding or not tele:
            return [False] * 3
        blocks = stage.dingtalk.wire(ding[-1])["blocks"]
        keys = tele[-1].content.get("reply_markup", {}).get("inline_keyboard")
        return [
            not cards[-1].grey and bool(cards[-1].content.get("button_list")),
            any(each["type"] == "button" for each in blocks),
            bool(keys),
        ]

    async def _do(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Idempotency-Key": new_id(SystemClock().now())}
        answer = await self.http.post(path, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  # looks at screens, which tell nobody
            await asyncio.sleep(LOOK_SECONDS)  # tidy: banned — looks at other people's screens
