"""The world for stories: the demo company on Monday at 09:00, everything running in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.demo.company import Seeded, seed
from core.clock import ManualClock
from core.config import DEFAULT_SECRET
from core.outbox import queue
from tests.databases import DATABASES, MONDAY_0900
from tests.world import World, opened


@pytest.fixture(scope="session")
def company() -> tuple[str, Seeded]:
    """The demo company, made once; every story copies it."""
    queue.configure(DEFAULT_SECRET)
    db = DATABASES.database(ManualClock(MONDAY_0900))
    seeded = seed(db)
    db.close()
    return db.url, seeded


@pytest.fixture
async def w(
    company: tuple[str, Seeded], tmp_path: Path, clock: ManualClock
) -> AsyncIterator[World]:
    """The world of one test."""
    template, seeded = company
    url = DATABASES.copy(template)
    async with opened(url, seeded, tmp_path, clock) as world:
        yield world
    DATABASES.drop(url)
