"""The room of the door tests: a seeded company copied for each test."""

from __future__ import annotations

import copy
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.main import create_app
from core.clock import ManualClock
from core.config import DEFAULT_SECRET, Settings
from core.db import Database
from core.outbox import queue
from tests.api.room import HOST, Ids, Room, seed
from tests.conftest import MONDAY_0900


@pytest.fixture(scope="session")
def company(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ids]:
    """The company in a file, made once."""
    path = tmp_path_factory.mktemp("api") / "company.db"
    shutil.copyfile(empty_database, path)
    queue.configure(DEFAULT_SECRET)
    db = Database(f"sqlite:///{path}", ManualClock(MONDAY_0900), synchronous="OFF")
    ids = seed(db)
    db.close()
    return path, ids


@pytest.fixture
def settings(company: tuple[Path, Ids], tmp_path: Path) -> Settings:
    """Settings on a private copy of the company."""
    path = tmp_path / "jieli.db"
    shutil.copyfile(company[0], path)
    return Settings(
        database_url=f"sqlite:///{path}",
        files_dir=tmp_path / "files",
        public_url=HOST,
        sqlite_synchronous="OFF",
        engine=False,
        _env_file=None,
    )


@pytest.fixture
async def room(
    settings: Settings, company: tuple[Path, Ids], clock: ManualClock
) -> AsyncIterator[Room]:
    """The room of one test."""
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            yield Room(app, copy.deepcopy(company[1]), http, clock)
