"""Whether `move` and `event` can be partitioned by month, asked of PostgreSQL's own plans.

A year of postings made through the core is poured into partitioned copies that take the tables'
names, so the product's unchanged queries and its posting path run on them. Each query is caught,
explained with ANALYZE, and must read no more partitions than `EXPECTED` says, and none without an
index. For docs/decisions/0005-beyond-one-postgresql.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, Table, event, select

from bench.arena import prepare
from bench.growth import YEAR, Builder, spread
from bench.table import Gate, Result
from core import append_only, events
from core.clock import Instant, SystemClock
from core.db import Database
from core.ids import new_id
from core.people import ENGINE
from core.quantity import ONE
from core.stock import Line, Posting, post, prove
from core.stock.card import movements
from core.stock.queries import as_of, near_expiry, on_hand
from core.stock.tables import moves

MOVES, MONTHS = 240_000, 12
# By when it was recorded: what a person calls "by month". By number: numbers rise with time, and a
# month begins at a known one, so keys that hold the number stay what they are.
LAYOUTS = {
    "recorded_at": ("(id, recorded_at)", "(posting_id, line_no, recorded_at)"),
    "id": ("(id)", "(posting_id, line_no, id)"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One of our queries, and of how many of 13 parts it may read: by time, and by number."""

    what: str
    run: Callable[[Connection], object]
    most: dict[str, int]


def partitions(folder: Path, url: str) -> list[Result]:
    """A line per query and layout; fails when a plan reads more than it should."""
    arena = prepare(folder, 1_000, url)
    bins = spread(arena)
    build = Builder(arena, bins, MOVES)
    build.up_to(MOVES)
    db = Database(url, SystemClock())
    half = build.first + YEAR // 2
    newest = db.read_now(events.head)
    asked = _asked(arena.items[5], half, newest)  # a hot one: some 2,600 moves
    found = []
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as raw:
        _pour_events(raw)
        for layout in LAYOUTS:
            _pour_moves(raw, layout)
            _still_posts(db, arena.items[0], bins)
            found += [_check(db, raw, each, layout) for each in asked]
    proof = db.read_now(prove)
    assert not proof.problems, proof.problems[:3]
    db.close()
    return found


def _asked(item: int, half: Instant, newest: int) -> list[Asked]:
    everything = {"recorded_at": MONTHS + 1, "id": MONTHS + 1}
    last = {"recorded_at": 2, "id": 2}
    of_posting = select(moves).where(moves.c.posting_id.in_([1_000, 2_000]))  # as book.py asks
    return [
        Asked("on hand", lambda c: on_hand(c, item), {"recorded_at": 0, "id": 0}),
        Asked(
            "near expiry", lambda c: near_expiry(c, "2030-01-01", 30), {"recorded_at": 0, "id": 0}
        ),
        Asked(
            "as of half a year ago",
            lambda c: as_of(c, item, half),
            everything | {"recorded_at": MONTHS // 2 + 1},
        ),
        Asked("as of, by when it happened", lambda c: as_of(c, item, half, "happened"), everything),
        Asked(
            "card of movements, newest 20",
            lambda c: movements(c, item, limit=20),
            everything | {"id": 3},
        ),
        Asked("lines of two postings", lambda c: c.execute(of_posting).all(), everything),
        Asked("newest event", events.head, last),
        Asked("what a scanner missed", lambda c: events.read_after(c, newest - 200), last),
        Asked("history of one thing", lambda c: events.of_subject(c, f"item:{item}"), everything),
    ]


def _pour_moves(raw: psycopg.Connection[Any], layout: str) -> None:
    """`move` becomes partitioned by `layout`; its keys hold that column, as they must."""
    primary, line = LAYOUTS[layout]
    raw.execute("ALTER TABLE move RENAME TO old_move")
    raw.execute(
        f"CREATE TABLE move (LIKE old_move INCLUDING DEFAULTS, PRIMARY KEY {primary}, "
        f"UNIQUE {line}) PARTITION BY RANGE ({layout})"
    )
    _parts(raw, "move", layout)
    raw.execute(f"CREATE INDEX move_{layout}_item ON move (item_id, id)")
    raw.execute(f"CREATE INDEX move_{layout}_lot ON move (lot_id, id) WHERE lot_id <> 0")
    raw.execute("INSERT INTO move SELECT * FROM old_move")
    _finish(raw, moves)


def _pour_events(raw: psycopg.Connection[Any]) -> None:
    """`event` by ranges of `seq`: the key stays `seq` alone, so it cannot be given twice."""
    raw.execute("ALTER TABLE event RENAME TO old_event")
    raw.execute(
        "CREATE TABLE event (LIKE old_event INCLUDING DEFAULTS, PRIMARY KEY (seq)) "
        "PARTITION BY RANGE (seq)"
    )
    _parts(raw, "event", "seq")
    raw.execute("CREATE INDEX event_by_subject ON event (subject, seq)")
    raw.execute("INSERT INTO event SELECT * FROM old_event")
    _finish(raw, events.events)


def _finish(raw: psycopg.Connection[Any], table: Table) -> None:
    """Drop the old one; nobody may change or delete a row of the new one either."""
    raw.execute(f"DROP TABLE old_{table.name} CASCADE")
    for sql in append_only.statements(table, "postgresql"):
        raw.execute(sql)
    raw.execute(f"VACUUM ANALYZE {table.name}")


def _parts(raw: psycopg.Connection[Any], table: str, column: str) -> None:
    """Twelve months by the table's own history, and one for what comes."""
    bounds = raw.execute(
        f"SELECT percentile_disc(n / {MONTHS}.0) WITHIN GROUP (ORDER BY {column}) "  # noqa: S608
        f"FROM old_{table}, generate_series(1, {MONTHS}) n GROUP BY n ORDER BY n"
    ).fetchall()
    lower = "MINVALUE"
    uppers = [*(str(each[0] + 1) for each in bounds), "MAXVALUE"]
    for n, upper in enumerate(uppers):
        raw.execute(
            f"CREATE TABLE {table}_{column}_{n:02d} PARTITION OF {table} "
            f"FOR VALUES FROM ({lower}) TO ({upper})"
        )
        lower = upper


def _still_posts(db: Database, item: int, bins: list[int]) -> None:
    """The posting path, unchanged, on the partitioned table."""
    posting = Posting(new_id(SystemClock().now()), "transfer", (Line(item, ONE, *bins[:2]),))
    db.write_now(lambda tx: post(tx, ENGINE, posting))


def _check(db: Database, raw: psycopg.Connection[Any], each: Asked, layout: str) -> Result:
    with _caught() as statements:
        db.read_now(each.run)
    assert statements, "nothing was asked"
    read: set[str] = set()
    for sql, values in statements:
        text = psycopg.ClientCursor(raw).mogrify(sql, values)
        [plan] = raw.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + text).fetchone()  # type: ignore
        read |= set(_partitions_of(plan[0]["Plan"]))
    most = each.most[layout]
    assert len(read) <= most, f"{each.what}, by {layout}: {sorted(read)}"
    where = f"{each.what}, months by {layout}"
    parts = f"reads {len(read)} of {MONTHS + 1} parts"
    return Result("partitions", where, parts, gates=(Gate(len(read), most, unit=" parts"),))


def _partitions_of(node: dict[str, Any]) -> Iterator[str]:
    """Parts that were really read, each through an index; what was pruned or not reached is not."""
    name = node.get("Relation Name", "")
    if name.startswith(("move_", "event_")) and node["Actual Loops"]:
        few = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) < 100
        assert "Index" in node["Node Type"] or "Bitmap" in node["Node Type"] or few, node
        yield name
    for child in node.get("Plans", ()):
        yield from _partitions_of(child)


@contextmanager
def _caught() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that SQLAlchemy or a `Lookup` sends meanwhile, with its values."""
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _cur: object, sql: str, values: Any, *_rest: object) -> None:
        seen.append((sql, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
