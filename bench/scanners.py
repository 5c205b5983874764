"""Scans at the WebSocket door: from the trigger to the reply, one scanner and twenty at once."""

from __future__ import annotations

import asyncio
import json
from asyncio import FIRST_COMPLETED
from typing import Any

import websockets

from bench.arena import Arena, serving
from bench.machine import percentile
from bench.table import Result, milliseconds
from core import people
from core.clock import SystemClock, perf
from core.db import Database, Tx
from core.people import ENGINE

SCANS = 200

Key = tuple[str, str]


def scans(arena: Arena) -> list[Result]:
    """Look-ups of items: the shortest flow, its answer is stored as every other."""
    db = Database(arena.url, SystemClock())
    keys = [db.write_now(lambda tx: _device(tx, arena)) for _ in range(20)]
    db.close()
    with serving(arena) as (_, port):
        alone = asyncio.run(_together(arena, port, keys[:1], SCANS))
        together = asyncio.run(_together(arena, port, keys, SCANS // 10))
    return [_line(1, alone), _line(len(keys), together)]


def _line(scanners: int, seconds: list[float]) -> Result:
    facts = {"p50_ms": percentile(seconds, 0.5) * 1e3, "p99_ms": percentile(seconds, 0.99) * 1e3}
    return Result("scans", f"scan → reply, {scanners} at once", milliseconds(seconds), facts=facts)


def _device(tx: Tx, arena: Arena) -> Key:
    made = people.enrol_device(tx, people.make_enrol_code(tx, ENGINE, "枪"))
    return made.token, people.open_session(tx, arena.worker, "pda", made.device_id)


async def _together(arena: Arena, port: int, keys: list[Key], times: int) -> list[float]:
    scanners = [await Scanner.connect(port, key) for key in keys]
    parts = await asyncio.gather(*(_scan(each, arena, times) for each in scanners))
    for each in scanners:
        await each.close()
    return [each for part in parts for each in part]


async def _scan(scanner: Scanner, arena: Arena, times: int) -> list[float]:
    codes = (f"X{n * 37 % len(arena.items):06d}" for n in range(times))
    return [await scanner.scan(code) for code in codes]


class Scanner:
    """A signed-in scanner that hears all the time, as the page does: events are acknowledged."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._made = 0
        self.hearing = asyncio.create_task(self._hear())

    @classmethod
    async def connect(cls, port: int, key: Key) -> Scanner:
        """One that has said hello and has its inbox."""
        socket = await websockets.connect(f"ws://127.0.0.1:{port}/ws/pda", compression=None)
        hello = {"t": "hello", "v": 1, "device_token": key[0], "session": key[1]}
        await socket.send(json.dumps(hello))
        while json.loads(await socket.recv())["t"] not in ("inbox", "resumed"):
            pass
        return cls(socket)

    async def scan(self, code: str) -> float:
        """Pull the trigger and wait for the reply; seconds."""
        self._made += 1
        op_id = f"bench-{id(self):x}-{self._made:06d}"
        self._waiting[op_id] = asyncio.get_running_loop().create_future()
        sent = perf()
        await self._socket.send(
            json.dumps({"t": "scan", "id": op_id, "code": code, "flow": "lookup"})
        )
        await asyncio.wait((self._waiting[op_id], self.hearing), return_when=FIRST_COMPLETED)
        assert self._waiting.pop(op_id).done(), "the server hung up on a scanner"
        return perf() - sent

    async def _hear(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            assert frame["t"] != "error", frame
            if frame["t"] == "event":
                await self._socket.send(json.dumps({"t": "ack", "seq": frame["seq"]}))
            elif frame["t"] == "reply":
                self._waiting[frame["id"]].set_result(frame)

    async def close(self) -> None:
        self.hearing.cancel()
        await asyncio.gather(self.hearing, return_exceptions=True)
        await self._socket.close()
