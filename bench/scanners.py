"""Scanners at the WebSocket door: scan → reply, and a new task pushed to 200 of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import websockets

from bench.arena import Arena, serving
from bench.machine import cpu_seconds, percentile
from bench.wire import exchange, request
from core import people
from core.catalog import NewPartner, add_partner
from core.clock import SystemClock, perf
from core.db import Database, Tx
from core.people import ENGINE

SCANNERS = 200
SCANS = 200
PUSHES = 50
PER_SECOND = 5.0

Key = tuple[str, str]


def scans_and_pushes(arena: Arena) -> dict[str, Any]:
    """The figures, in milliseconds."""
    db = Database(arena.url, SystemClock())
    keys = [db.write_now(lambda tx: _device(tx, arena)) for _ in range(SCANNERS)]
    supplier = db.write_now(lambda tx: add_partner(tx, ENGINE, NewPartner("S1", "供应商一")))
    db.close()
    with serving(arena) as (process, port):
        before = cpu_seconds(process.pid)
        found = asyncio.run(_measure(arena, port, keys, supplier))
        found["server CPU seconds"] = round(cpu_seconds(process.pid) - before, 2)
    return found


def _device(tx: Tx, arena: Arena) -> Key:
    code = people.make_enrol_code(tx, ENGINE, "枪")
    made = people.enrol_device(tx, code)
    return made.token, people.open_session(tx, arena.worker, "pda", made.device_id)


async def _measure(arena: Arena, port: int, keys: list[Key], supplier: int) -> dict[str, Any]:
    one = await _connect(port, keys[0])
    alone = await _scan(one, arena, "a", SCANS)
    await one.close()
    sockets = [await _connect(port, key) for key in keys]
    together = await asyncio.gather(
        *(_scan(each, arena, f"t{n}", 20) for n, each in enumerate(sockets[:20]))
    )
    pushed = await _pushes(arena, port, sockets, supplier)
    for each in sockets:
        await each.close()
    return {
        "scan → reply ms, 1 scanner": _ms(alone),
        "scan → reply ms, 20 scanners": _ms([each for part in together for each in part]),
        f"POST → task on {SCANNERS} scanners ms": _ms(pushed),
        "frames pushed": f"{len(pushed)} of {PUSHES * SCANNERS}",
    }


def _ms(seconds: list[float]) -> str:
    p50, p99 = percentile(seconds, 0.5) * 1e3, percentile(seconds, 0.99) * 1e3
    return f"p50 {p50:.1f} / p99 {p99:.1f}"


async def _connect(port: int, key: Key) -> websockets.ClientConnection:
    socket = await websockets.connect(f"ws://127.0.0.1:{port}/ws/pda", compression=None)
    hello = {"t": "hello", "v": 1, "device_token": key[0], "session": key[1]}
    await socket.send(json.dumps(hello))
    while json.loads(await socket.recv())["t"] not in ("inbox", "resumed"):
        pass
    return socket


async def _scan(
    socket: websockets.ClientConnection, arena: Arena, run: str, times: int
) -> list[float]:
    taken = []
    for n in range(times):
        code = f"X{n * 37 % len(arena.items):06d}"
        frame = {"t": "scan", "id": f"bench-{run}-{n}", "code": code, "flow": "lookup"}
        sent = perf()
        await socket.send(json.dumps(frame))
        while json.loads(await socket.recv())["t"] not in ("reply", "error"):
            pass
        taken.append(perf() - sent)
    return taken


async def _pushes(
    arena: Arena, port: int, sockets: list[websockets.ClientConnection], supplier: int
) -> list[float]:
    """Orders posted open-loop; each opens a task that every scanner must show."""
    sent_at: dict[str, float] = {}
    taken: list[float] = []

    async def listen(socket: websockets.ClientConnection) -> None:
        heard = 0
        while heard < PUSHES:
            text = await socket.recv()
            now = perf()
            frame = json.loads(text)
            if frame["t"] != "event":
                continue
            heard += 1
            taken.append(now - sent_at[_order(frame)])
            await socket.send(json.dumps({"t": "ack", "seq": frame["seq"]}))

    listeners = [asyncio.create_task(listen(socket)) for socket in sockets]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for n in range(PUSHES):
        code = f"PO-{n:04d}"
        body = {
            "code": code,
            "supplier_id": supplier,
            "warehouse_id": arena.warehouse,
            "due_on": "2026-12-01",
            "buyer_id": arena.admin,
            "lines": [{"item_id": arena.items[n], "quantity": "5"}],
        }
        wire = request("/api/orders", arena.token, f"push-{n:06d}", json.dumps(body).encode())
        sent_at[code] = perf()
        status, answer = await exchange(reader, writer, wire)
        assert status < 300, answer
        await asyncio.sleep(1 / PER_SECOND)  # tidy: banned — an open loop keeps its own pace
    await asyncio.wait(listeners, timeout=20)
    for listener in listeners:
        listener.cancel()
    writer.close()
    return taken


def _order(frame: dict[str, Any]) -> str:
    """The code of the order that a receive task is about."""
    text = json.dumps(frame, ensure_ascii=False)
    at = text.index("PO-")
    return text[at : at + 7]
