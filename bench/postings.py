"""Postings through the full HTTP door beside the limit of the same minute (perf.md §9)."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import uvloop

from bench.arena import Arena, serving
from bench.machine import cpu_seconds, memory_kb, percentile
from bench.pg import Pgbench, raw_sqlite_rate
from bench.table import Gate, Result
from bench.wire import Load, closed_loop, request
from core.clock import SystemClock, perf
from core.db import Database, Together
from core.ids import new_id
from core.people import Actor, actor_of
from core.quantity import ONE
from core.stock import Line, Posting, post_many_by_hand

SECONDS = 5.0
MOST_KEYS = 150_000  # more than any round posts


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    clients: int
    rate: float
    limit: float
    p50_ms: float
    p99_ms: float
    cpu_us: float

    def line(self, limit: str, must: float | None) -> Result:
        """This row beside the limit of the same rounds."""
        ratio = self.rate / self.limit
        gates = [] if must is None else [Gate(ratio, must, at_least=True, unit=f" x {limit}")]
        return Result(
            "postings",
            f"{self.what}, {self.clients} clients",
            f"{self.rate:,.0f}/s, p50 {self.p50_ms:.2f} / p99 {self.p99_ms:.2f} ms, "
            f"{self.cpu_us:.0f} µs CPU",
            f"{limit} {self.limit:,.0f}/s",
            tuple(gates),
            asdict(self),
        )


# perf.md §9: through HTTP with 8 and 32 clients, and the core with 32; by kind of database.
MUST = {"sqlite": (0.30, 1.0), "postgres": (0.35, 0.5)}


def postings(arena: Arena, pg: Pgbench | None, rounds: int) -> list[Result]:
    """The core alone and the full door; on PostgreSQL the limit is taken on the same server."""
    http, core = MUST["postgres" if arena.url.startswith("postgresql") else "sqlite"]
    limit = "raw sqlite3" if pg is None else "pgbench"
    lines = [row.line(limit, core) for row in without_http(arena, pg, rounds)]
    doors = through_http(arena, pg, rounds)
    return lines + [row.line(limit, http if row.clients > 1 else None) for row in doors]


def limit(pg: Pgbench | None, clients: int) -> float:
    """What the machine can do: pgbench with one plpgsql call, else raw sqlite3."""
    return raw_sqlite_rate(3) if pg is None else pg.rate(clients, 4)


def through_http(arena: Arena, pg: Pgbench | None, rounds: int) -> list[Row]:
    """Closed loop of 1, 8 and 32 connections against a real server, limits interleaved."""
    rows = []
    with serving(arena) as (process, port):
        closed_loop(port, 8, 2.0, moves_of(arena))
        for clients in (1, 8, 32):
            seen: list[tuple[Load, float, float]] = []
            for _ in range(rounds):
                most = limit(pg, clients)
                before = cpu_seconds(process.pid)
                load = closed_loop(port, clients, SECONDS, moves_of(arena))
                spent = cpu_seconds(process.pid) - before
                assert not load.refused, load.refused[:3]
                seen.append((load, most, spent / len(load.latencies) * 1e6))
            rows.append(_row(f"HTTP ({memory_kb(process.pid) // 1024} MB)", clients, seen))
    return rows


def moves_of(arena: Arena) -> Callable[[int, int], bytes]:
    """Keys are time-ordered, as our clients make them and as the limit numbers its operations."""
    keys = _keys()

    def make(client: int, n: int) -> bytes:
        item = arena.items[(client * 7919 + n * 104_729) % len(arena.items)]
        body = (
            f'{{"kind":"transfer","lines":[{{"item_id":{item},"quantity":"1",'
            f'"from_location":{arena.source},"to_location":{arena.target}}}]}}'
        )
        return request("/api/postings", arena.token, next(keys), body.encode())

    return make


def _keys() -> Iterator[str]:
    """Made before the run: devices draw their random bits elsewhere, not on the server's cores."""
    clock = SystemClock()
    return iter([new_id(clock.now()) for _ in range(MOST_KEYS)])


def _row(what: str, clients: int, seen: list[tuple[Load, float, float]]) -> Row:
    latencies = [each for load, _, _ in seen for each in load.latencies]
    return Row(
        what=what,
        clients=clients,
        rate=statistics.median(load.rate for load, _, _ in seen),
        limit=statistics.median(most for _, most, _ in seen),
        p50_ms=percentile(latencies, 0.5) * 1e3,
        p99_ms=percentile(latencies, 0.99) * 1e3,
        cpu_us=statistics.median(cpu for _, _, cpu in seen),
    )


def without_http(arena: Arena, pg: Pgbench | None, rounds: int) -> list[Row]:
    """The core alone: 32 callers awaiting `Database.write`."""
    db = Database(arena.url, SystemClock())
    actor = db.read_now(lambda conn: actor_of(conn, arena.admin, "api"))
    seen = []
    for _ in range(rounds):
        most = limit(pg, 32)
        keys = _keys()
        cpu = _own_cpu()
        load = uvloop.run(_core_loop(db, actor, arena, keys))
        seen.append((load, most, (_own_cpu() - cpu) / len(load.latencies) * 1e6))
    db.close()
    return [_row("core, no HTTP", 32, seen)]


async def _core_loop(db: Database, actor: Actor, arena: Arena, keys: Iterator[str]) -> Load:
    load, begun = Load(), perf()

    async def caller(number: int) -> None:
        n = 0
        while perf() - begun < SECONDS:
            item = arena.items[(number * 7919 + n * 104_729) % len(arena.items)]
            line = Line(item, ONE, arena.source, arena.target)
            posting = Posting(op_id=next(keys), kind="transfer", lines=(line,))
            sent = perf()
            await db.write(Together(post_many_by_hand, (actor, posting)))
            load.latencies.append(perf() - sent)
            n += 1

    await asyncio.gather(*(caller(number) for number in range(32)))
    load.seconds = perf() - begun
    return load


def _own_cpu() -> float:

    return cpu_seconds(os.getpid())
