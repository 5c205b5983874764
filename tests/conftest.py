"""Fixtures everybody shares: a clock that jumps and a fresh database with every table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path

import pytest

from core import schema
from core.clock import SHANGHAI, ManualClock, instant
from core.db import Database, metadata

MONDAY_0900 = instant(datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI))


@pytest.fixture
def clock() -> ManualClock:
    """Monday 2026-03-02, 09:00 in Shanghai: an ordinary working day."""
    return ManualClock(MONDAY_0900)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table and no row, made once."""
    path = tmp_path_factory.mktemp("db") / "empty.db"
    for module in schema.MODULES:
        with suppress(ModuleNotFoundError):
            import_module(module)
    db = Database(f"sqlite:///{path}", ManualClock(MONDAY_0900), synchronous="OFF")
    db.write_now(lambda tx: metadata.create_all(tx.conn))
    db.close()
    return path


@pytest.fixture
def db(empty_database: Path, tmp_path: Path, clock: ManualClock) -> Iterator[Database]:
    """A fresh database. synchronous=OFF: no test here is about power loss."""
    path = tmp_path / "jieli.db"
    shutil.copyfile(empty_database, path)
    database = Database(f"sqlite:///{path}", clock, synchronous="OFF")
    yield database
    database.close()
