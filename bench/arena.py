"""A database with stock to move and a real server on it; every driver begins here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import wait_until
from core import calendar, catalog, people
from core.catalog import NewItem, NewLocation
from core.clock import SystemClock
from core.db import Database, Tx
from core.migrations.run import upgrade
from core.people import ENGINE, NewPerson
from core.quantity import ONE
from core.stock import Line, Posting, post

ROOT = Path(__file__).parent.parent
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Arena:
    """Ids and keys of what was prepared."""

    folder: Path
    url: str
    token: str
    items: tuple[int, ...]
    source: int
    target: int
    warehouse: int
    worker: int
    admin: int


def prepare(folder: Path, items: int = 1000, url: str = "") -> Arena:
    """A migrated database with `items` items of a million units each in one bin."""
    url = url or f"sqlite:///{folder}/bench.db"
    db = Database(url, SystemClock())
    upgrade(db)
    db.write_now(calendar.seed)
    db.write_now(catalog.seed_locations)
    pin = people.hash_secret("2580")
    admin = db.write_now(
        lambda tx: people.add_person(
            tx, ENGINE, NewPerson("bench", "压测", ("admin", "supervisor"))
        )
    )
    guard = NewPerson("gun", "枪手", ("warehouse",), badge="B1", pin_hash=pin)
    worker = db.write_now(lambda tx: people.add_person(tx, ENGINE, guard))
    warehouse, source, target = db.write_now(_places)
    made: list[int] = []
    for start in range(0, items, 500):
        codes = range(start, min(items, start + 500))
        made += db.write_now(lambda tx, codes=codes: _items(tx, codes, source))  # type: ignore[misc]
    token = db.write_now(lambda tx: people.open_session(tx, admin, "api", minutes=600))
    db.close()
    return Arena(folder, url, token, tuple(made), source, target, warehouse, worker, admin)


def _places(tx: Tx) -> tuple[int, int, int]:
    warehouse = catalog.add_warehouse(tx, ENGINE, "W1", "压测仓")
    source, target = catalog.add_locations(
        tx,
        ENGINE,
        [NewLocation(code=code, kind="bin", warehouse_id=warehouse) for code in ("A-1", "B-1")],
    )
    return warehouse, source, target


def _items(tx: Tx, codes: range, source: int) -> list[int]:
    made = [catalog.add_item(tx, ENGINE, NewItem(f"X{code:06d}", f"货品{code}")) for code in codes]
    count = catalog.location_by_code(tx.conn, "COUNT").id
    lines = tuple(Line(item, 1_000_000 * ONE, count, source) for item in made)
    op_id = f"bench:opening:{codes.start}"
    post(tx, ENGINE, Posting(op_id=op_id, kind="opening", lines=lines))
    return made


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    arena: Arena, command: Sequence[str] = (), **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`jieli serve` (or `command`) on the arena's database, in its own process; then stopped."""
    port = free_port()
    env = {
        "JIELI_DATABASE_URL": arena.url,
        "JIELI_FILES_DIR": str(arena.folder / "files"),
        "JIELI_PORT": str(port),
        "JIELI_WORKER_PORT": str(port),  # where `command` is a worker
        "JIELI_PUBLIC_URL": f"http://127.0.0.1:{port}",
        **settings,
    }
    words = command or [sys.executable, "-m", "api.cli", "serve"]
    with running(words, arena.folder / "server.log", port, env) as process:
        yield process, port


@contextmanager
def running(
    command: Sequence[str], log: Path, port: int, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in its own process, from when it listens on `port` to the end of the block."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | (env or {}), stdout=out, stderr=out
        )
        try:
            wait_until(lambda: _listens(port), START_SECONDS)
            yield process
        finally:
            process.terminate()
            process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
