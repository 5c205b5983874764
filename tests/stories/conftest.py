"""The world for stories: the demo company on Monday at 09:00, everything running in memory."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.demo.company import Seeded, seed
from core.clock import ManualClock
from core.config import DEFAULT_SECRET
from core.db import Database
from core.outbox import queue
from tests.conftest import MONDAY_0900
from tests.world import World, opened


@pytest.fixture(scope="session")
def company(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Seeded]:
    """The demo company in a file, made once; every story copies it."""
    path = tmp_path_factory.mktemp("company") / "company.db"
    shutil.copyfile(empty_database, path)
    queue.configure(DEFAULT_SECRET)
    db = Database(f"sqlite:///{path}", ManualClock(MONDAY_0900), synchronous="OFF")
    seeded = seed(db)
    db.close()
    return path, seeded


@pytest.fixture
async def w(
    company: tuple[Path, Seeded], tmp_path: Path, clock: ManualClock
) -> AsyncIterator[World]:
    """The world of one test."""
    path, seeded = company
    async with opened(path, seeded, tmp_path, clock) as world:
        yield world
