"""SQLite connections as the product needs them: durable, guarded, begun by ourselves.

Together with db.py the only place that knows which database it talks to.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

READ_THREADS = 8


def sqlite_engine(url: str, synchronous: str, *, writer: bool) -> Engine:
    """An engine whose transactions we begin ourselves: IMMEDIATE to write, DEFERRED to read."""
    parsed = make_url(url)
    assert parsed.get_backend_name() == "sqlite", "only SQLite is wired in so far"
    assert parsed.database, "an in-memory database cannot be shared by the writer and the readers"
    Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed,
        pool_size=1 if writer else READ_THREADS,
        max_overflow=0 if writer else READ_THREADS,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={"check_same_thread": False, "timeout": 30, "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "temp_store=MEMORY",
            "wal_autocheckpoint=8000",  # 32 MB: the commits of a rush do not pay for checkpoints
            "cache_size=-65536" if writer else "cache_size=-8192",
            "mmap_size=268435456",
            "query_only=OFF" if writer else "query_only=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("BEGIN IMMEDIATE" if writer else "BEGIN")  # without SQLAlchemy's 25 µs

    return engine
