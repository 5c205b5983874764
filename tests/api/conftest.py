"""The room of the door tests: a seeded company copied for each test."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from limits.aio.storage import memory

from api.demo.stage import Stage
from api.main import create_app
from core import people
from core.clock import ManualClock
from core.config import DEFAULT_SECRET, Settings
from core.db import Tx
from core.outbox import queue
from core.people import ENGINE
from tests.api.chat_room import ChatRoom
from tests.api.room import HOST, Ids, Room, seed
from tests.databases import DATABASES, MONDAY_0900


@pytest.fixture(scope="session")
def company() -> tuple[str, Ids]:
    """The company in a database, made once."""
    queue.configure(DEFAULT_SECRET)
    db = DATABASES.database(ManualClock(MONDAY_0900))
    ids = seed(db)
    db.close()
    return db.url, ids


@pytest.fixture
def standing_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No minute turns for whoever counts tries by itself: where one does, one try more passes."""
    monkeypatch.setattr(memory, "time", SimpleNamespace(time=lambda: 1_800_000_030.0))


@pytest.fixture
def settings(company: tuple[str, Ids], tmp_path: Path) -> Iterator[Settings]:
    """Settings on a private copy of the company."""
    url = DATABASES.copy(company[0])
    yield Settings(
        database_url=url,
        files_dir=tmp_path / "files",
        public_url=HOST,
        sqlite_synchronous="OFF",
        engine=False,
        _env_file=None,
    )
    DATABASES.drop(url)


@pytest.fixture
async def room(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> AsyncIterator[Room]:
    """The room of one test."""
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            yield Room(app, copy.deepcopy(company[1]), http, clock)


@pytest.fixture
async def chat(
    settings: Settings, company: tuple[str, Ids], clock: ManualClock
) -> AsyncIterator[ChatRoom]:
    stage = Stage(settings, clock)
    async with stage.app.router.lifespan_context(stage.app):
        transport = httpx.ASGITransport(stage.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            room = ChatRoom(stage.app, copy.deepcopy(company[1]), http, clock)
            room.stage = stage

            def bind(tx: Tx) -> None:
                for login in ("buyer", "director"):
                    people.bind_chat(tx, ENGINE, room.ids.people[login], "wecom", login)

            room.jieli.db.write_now(bind)
            for login in ("buyer", "director", "stranger"):
                stage.simulator.add_person(login, login)
            await room.settle()
            yield room
        await stage.simulator.pressing.client.aclose()
