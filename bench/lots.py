"""What is there, of an item whose lots came and went for years; 20 lots of it stand in bins.

Each lot of the past was received, put away and sold to the last of it, through the core. The same
questions on the same database before that past and after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from bench.arena import Arena
from bench.machine import percentile
from bench.pg import Pgbench
from bench.table import Gate, Result, milliseconds
from core import catalog
from core.catalog import NewItem, NewLocation
from core.clock import SystemClock, perf
from core.db import Database, Tx
from core.ids import new_id
from core.orders.suggestion import suggest
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, in_reach, on_hand, post, promise

HERE, GONE, BINS, READS = 20, 5_000, 200, 300
AT_ONCE = 100
MOST = 1.3  # as for a posting in a ledger that grows
CLOCK = SystemClock()


def lots(arena: Arena, server: Pgbench | None) -> list[Result]:
    """One line a question; the item is the only one with lots, among a thousand."""
    db = Database(arena.url, CLOCK)
    milk = db.write_now(lambda tx: catalog.add_item(tx, ENGINE, NewItem("MILK", "鲜牛奶", "lot")))
    bins = db.write_now(lambda tx: _bins(tx, arena.warehouse))
    dock = db.read_now(lambda conn: catalog.location_by_code(conn, catalog.dock_code("W1")).id)
    _come(db, milk, dock, bins, _made(db, milk, "H", HERE))
    asked: dict[str, Callable[[Connection], object]] = {
        "what may be promised": lambda conn: promise(conn, milk),
        "where it lies": lambda conn: on_hand(conn, milk),
        "what a person may see of it": lambda conn: in_reach(conn, milk, None, frozenset(), 50),
        "what lies on the dock": lambda conn: on_hand(conn, location_id=dock),
        "where to put it": lambda conn: suggest(conn, milk, 0, ONE, arena.warehouse),
    }
    _settle(server, arena.url)
    before = {what: _timed(db, ask) for what, ask in asked.items()}
    for start in range(0, GONE, AT_ONCE):
        past = _made(db, milk, f"G{start}-", AT_ONCE)
        _come(db, milk, dock, bins, past)
        _go(db, milk, bins, past)
    _settle(server, arena.url)
    after = {what: _timed(db, ask) for what, ask in asked.items()}
    db.close()
    return [_line(what, before[what], after[what]) for what in asked]


def _line(what: str, before: list[float], after: list[float]) -> Result:
    ratio = percentile(after, 0.5) / percentile(before, 0.5)
    gate = Gate(ratio, MOST, unit=" x without a past")
    where = f"{what}, after {GONE:,} lots that are gone"
    return Result("lots", where, milliseconds(after), f"before: {milliseconds(before)}", (gate,))


def _bins(tx: Tx, warehouse: int) -> list[int]:
    new = [NewLocation(f"L-{n:03}", "bin", warehouse_id=warehouse) for n in range(BINS)]
    return catalog.add_locations(tx, ENGINE, new)


def _made(db: Database, item: int, prefix: str, times: int) -> list[int]:
    def run(tx: Tx) -> list[int]:
        return [catalog.ensure_lot(tx, item, f"{prefix}{n}") for n in range(times)]

    return db.write_now(run)


def _come(db: Database, item: int, dock: int, bins: Sequence[int], lots: Sequence[int]) -> None:
    supplier = db.read_now(lambda conn: catalog.location_by_code(conn, "SUPPLIER").id)
    arrive = [Line(item, ONE, supplier, dock, lot_id=lot) for lot in lots]
    shelve = [Line(item, ONE, dock, _bin(bins, lot), lot_id=lot) for lot in lots]
    _post(db, "receive", arrive)
    _post(db, "transfer", shelve)


def _go(db: Database, item: int, bins: Sequence[int], lots: Sequence[int]) -> None:
    customer = db.read_now(lambda conn: catalog.location_by_code(conn, "CUSTOMER").id)
    _post(db, "issue", [Line(item, ONE, _bin(bins, lot), customer, lot_id=lot) for lot in lots])


def _bin(bins: Sequence[int], lot: int) -> int:
    return bins[lot % len(bins)]


def _post(db: Database, kind: str, lines: Sequence[Line]) -> None:
    posting = Posting(new_id(CLOCK.now()), kind, tuple(lines))
    db.write_now(lambda tx: post(tx, ENGINE, posting))


def _timed(db: Database, ask: Callable[[Connection], object]) -> list[float]:
    found = []
    for _ in range(READS):
        begun = perf()
        db.read_now(ask)
        found.append(perf() - begun)
    return found


def _settle(server: Pgbench | None, url: str) -> None:
    if server is not None:
        server.analyze(url)
