"""What a posting costs in a large ledger: the same work at 10 thousand, 1 and 10 million moves.

The moves come through the core (chain of hashes, events, balances and all), ten lines a posting, a
year long, a tenth of them on one per cent of the items. At each size a copy is kept, and all copies
are measured in turns, so that a slow minute of the disk hits every size alike.
"""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import Connection

from bench.arena import Arena, prepare
from bench.machine import cpu_seconds, percentile
from bench.pg import Pgbench
from bench.table import Gate, Result, milliseconds
from core import catalog
from core.catalog import NewLocation
from core.clock import DAY, Instant, ManualClock, SystemClock, perf
from core.db import Database, Together, Tx
from core.ids import new_id
from core.people import ENGINE, Actor, actor_of
from core.quantity import ONE
from core.stock import Line, Posting, post_many, post_many_by_hand
from core.stock.card import movements
from core.stock.queries import as_of, on_hand

SIZES = (10_000, 1_000_000, 10_000_000)
ITEMS, BINS, LINES, BATCH = 10_000, 10, 10, 200
HOT = ITEMS // 100
YEAR = 365 * DAY
ROUNDS, POSTS, READS, SLOW_READS = 5, 200, 2_000, 200


@dataclass(slots=True)
class Ledger:
    """One size, and what was measured of it: seconds of each."""

    moves: int
    url: str
    db: Database
    bytes: int  # everything: moves, postings, events, balances, indexes
    posts: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    reads: dict[str, list[float]] = field(default_factory=dict)


def growth(folder: Path, url: str, server: Pgbench | None, most: int = SIZES[-1]) -> list[Result]:
    """p50 of a durable posting and its CPU at each size, as a ratio to the smallest; and reads."""
    arena = prepare(folder, ITEMS, url)
    bins = spread(arena)
    ledgers: list[Ledger] = []
    build = Builder(arena, bins, most)
    begun = perf()
    for size in sorted({*SIZES[:2], most}):
        build.up_to(size)
        copy = _copy(arena, size, server)
        weight = _bytes(copy, server)
        ledgers.append(Ledger(size, copy, Database(copy, SystemClock()), weight))
    took = perf() - begun
    for _ in range(ROUNDS):
        for ledger in ledgers:
            _post(ledger, arena, bins, server)
            _read(ledger, arena, build.first)
    for ledger in ledgers:
        ledger.db.close()
    rate = f"{most / took:,.0f} moves/s with chain, events and balances"
    built = Result("growth", f"{most:,} moves built through the core", rate)
    return [built, *_results(ledgers)]


class Builder:
    """Posts in sets of two hundred, and moves the clock so that all of it fills a year."""

    def __init__(self, arena: Arena, bins: list[int], most: int) -> None:
        self.first = SystemClock().now() - YEAR
        self._clock = ManualClock(self.first)
        self._arena, self._bins, self._made = arena, bins, 0
        self._step: Instant = YEAR * BATCH * LINES // most
        self._random = Random(7)  # seeded: the same ledger in every run

    def up_to(self, moves: int) -> None:
        """Grow to that many moves, beside the opening ones."""
        db = Database(self._arena.url, self._clock)
        while self._made < moves:
            items = [(ENGINE, self._posting()) for _ in range(BATCH)]
            db.write_now(lambda tx, items=items: _all(tx, items))  # type: ignore[misc]
            self._made += BATCH * LINES
            self._clock.advance(self._step)
        db.close()

    def _posting(self) -> Posting:
        items = len(self._arena.items)
        chosen = self._random.sample(range(items), LINES - 1)
        chosen.append(self._random.randrange(items // 100))
        lines = tuple(
            Line(self._arena.items[item], ONE, *self._random.sample(self._bins, 2))
            for item in dict.fromkeys(chosen)
        )
        return Posting(op_id=new_id(self._clock.now()), kind="transfer", lines=lines)


def _all(tx: Tx, items: list[tuple[Actor, Posting]]) -> None:
    for answer in post_many(tx, items):
        if isinstance(answer, Exception):
            raise answer


def spread(arena: Arena) -> list[int]:
    """Ten bins with a hundred thousand of every item."""

    def more(tx: Tx) -> list[int]:
        new = [NewLocation(f"C-{n}", "bin", warehouse_id=arena.warehouse) for n in range(BINS - 1)]
        return catalog.add_locations(tx, ENGINE, new)

    db = Database(arena.url, SystemClock())
    bins = [arena.source, *db.write_now(more)]
    for place in bins[1:]:
        for start in range(0, len(arena.items), 1_000):
            part = arena.items[start : start + 1_000]
            lines = tuple(Line(item, 100_000 * ONE, arena.source, place) for item in part)
            posting = Posting(op_id=f"spread:{place}:{start}", kind="transfer", lines=lines)
            db.write_now(lambda tx, posting=posting: _all(tx, [(ENGINE, posting)]))  # type: ignore[misc]
    db.close()
    return bins


def _copy(arena: Arena, size: int, server: Pgbench | None) -> str:
    """A copy of the ledger as it is now, in the state that an old one would be in."""
    if arena.url.startswith("sqlite"):
        path = arena.url.removeprefix("sqlite:///")
        copy = f"{path}.{size}"
        shutil.copyfile(path, copy)
        return f"sqlite:///{copy}"
    assert server is not None
    copy = server.database(f"at_{size}", template=arena.url.split("?")[0].rpartition("/")[2])
    server.analyze(copy)
    return copy


def _bytes(url: str, server: Pgbench | None) -> int:
    if server is None:
        return Path(url.removeprefix("sqlite:///")).stat().st_size
    size = "SELECT pg_database_size(current_database())"
    name = url.split("?", maxsplit=1)[0].rpartition("/")[2]
    return int(server.call("psql", "-h", server.host, "-U", "postgres", "-Atc", size, name))


def _post(ledger: Ledger, arena: Arena, bins: list[int], server: Pgbench | None) -> None:
    """One caller after the other: nothing to share a commit with."""
    db, random = ledger.db, Random(len(ledger.posts))  # seeded: as above
    actor = db.read_now(lambda conn: actor_of(conn, arena.admin, "api"))
    clock = SystemClock()
    cpu = cpu_seconds(os.getpid()) + (0 if server is None else server.cpu_seconds())
    for _ in range(POSTS):
        line = Line(arena.items[random.randrange(ITEMS)], ONE, *random.sample(bins, 2))
        posting = Posting(op_id=new_id(clock.now()), kind="transfer", lines=(line,))
        begun = perf()
        db.write_now(Together(post_many_by_hand, (actor, posting)))
        ledger.posts.append(perf() - begun)
    spent = cpu_seconds(os.getpid()) + (0 if server is None else server.cpu_seconds()) - cpu
    ledger.cpu_us.append(spent / POSTS * 1e6)


def _read(ledger: Ledger, arena: Arena, first: Instant) -> None:
    random = Random(len(ledger.posts))  # seeded: as above
    half = first + YEAR // 2
    asked: dict[str, tuple[int, Callable[[Connection, int], object]]] = {
        "balances of an item": (READS, lambda conn, n: on_hand(conn, arena.items[n])),
        "card of movements": (READS, lambda conn, n: movements(conn, arena.items[n])),
        "as of half a year ago": (SLOW_READS, lambda conn, n: as_of(conn, arena.items[n], half)),
        "as of, a hot item": (SLOW_READS, lambda conn, n: as_of(conn, arena.items[n % HOT], half)),
    }
    for what, (times, ask) in asked.items():
        for _ in range(times // ROUNDS):
            n = random.randrange(ITEMS)
            begun = perf()
            ledger.db.read_now(lambda conn, n=n, ask=ask: ask(conn, n))  # type: ignore[misc]
            ledger.reads.setdefault(what, []).append(perf() - begun)


def _results(ledgers: list[Ledger]) -> list[Result]:
    smallest = ledgers[0]
    found = []
    for ledger in ledgers:
        cpu = statistics.median(ledger.cpu_us)
        beside, gates = "", []
        if ledger is not smallest:
            beside = f"at {smallest.moves:,}: {milliseconds(smallest.posts)}"
            gates = [_ratio(ledger, smallest)]
        facts = {
            "posts_ms": [each * 1e3 for each in sorted(ledger.posts)[:: len(ledger.posts) // 20]]
        }
        found.append(
            Result(
                "growth",
                f"one durable posting at {ledger.moves:,} moves",
                f"{milliseconds(ledger.posts)}, {cpu:.0f} µs CPU, {ledger.bytes / 1e6:,.0f} MB",
                beside,
                tuple(gates),
                facts | {"moves": ledger.moves, "bytes": ledger.bytes},
            )
        )
        for what, seconds in ledger.reads.items():
            p99 = percentile(seconds, 0.99) * 1e3
            must = [Gate(p99, 5, unit=" ms p99")] if what.startswith("balances") else []
            where = f"{what} at {ledger.moves:,} moves"
            found.append(Result("growth", where, milliseconds(seconds), gates=tuple(must)))
    return found


def _ratio(ledger: Ledger, smallest: Ledger) -> Gate:
    """G5: a posting may cost 1.3 times what it costs in the smallest ledger."""
    ratio = percentile(ledger.posts, 0.5) / percentile(smallest.posts, 0.5)
    return Gate(ratio, 1.3, unit=f" x at {smallest.moves:,}")
