"""Fixtures everybody shares: a clock that jumps and a fresh database with every table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.db import Database
from tests.databases import DATABASES, MONDAY_0900
from tests.servers import Redis, redis_server

__all__ = ["MONDAY_0900"]

HERE = Path(__file__).parent
_BUS = ExitStack()
_SHARED: list[Redis] = []  # the server of the whole run, with --bus redis
# With --bus redis they would run the same once more: there is no door in them that hears of Redis
# (only `api` reads its address), or they bring a Redis of their own.
_WITHOUT_BUS = ("core", "properties", "simulation", "torture")
# They open no database, so they run once: not on PostgreSQL, and not with Redis either.
_WITHOUT_DATABASE = (
    *("test_boundaries.py", "test_compose.py", "test_docs.py", "test_tidy.py", "client_vectors"),
    "api/test_heap.py",
    *(f"bots/test_dingtalk_{each}.py" for each in ("notices", "receive", "render", "sdk", "send")),
    *(f"bots/test_dingtalk_{each}.py" for each in ("simulator", "stream")),
    *(f"bots/test_telegram_{each}.py" for each in ("listen", "page", "receive", "render", "sdk")),
    *(f"bots/test_telegram_{each}.py" for each in ("send", "simulator")),
    *(f"bots/test_wecom_{each}.py" for each in ("callback", "render", "sdk", "send")),
    *(f"bots/test_{each}.py" for each in ("drawing", "labels", "pictures", "presses", "proxies")),
    *(f"bots/test_{each}.py" for each in ("sim_page", "simulator")),
    *(f"core/test_{each}_rules.py" for each in ("outbox", "sales", "shortcut", "stock", "tasks")),
    *("core/test_calendar_worktime.py", "core/test_english.py", "core/test_people_permissions.py"),
    *("core/test_quantity.py", "pda/test_handheld.py", "pda/test_labels.py", "pda/test_page.py"),
    "pda/test_protocol.py",
)
_HEARS_NO_REDIS = {HERE / name for name in _WITHOUT_BUS}
_OPENS_NONE = {HERE / name for name in _WITHOUT_DATABASE}
_LONG = {"simulation", "stories", "torture"}  # folders


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--on", choices=("sqlite", "postgres"), default="sqlite")
    parser.addoption("--bus", choices=("inside", "redis"), default="inside")


def pytest_configure(config: pytest.Config) -> None:
    DATABASES.open(config.getoption("--on"))
    leads_others = getattr(config.option, "numprocesses", None) and not hasattr(
        config, "workerinput"
    )
    if config.getoption("--bus") == "redis" and not leads_others:
        _SHARED.append(_BUS.enter_context(redis_server()))
        os.environ["JIELI_REDIS_URL"] = _SHARED[0].url


def pytest_unconfigure() -> None:
    DATABASES.close()
    _BUS.close()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A run with Redis is of what Redis can change, one on PostgreSQL of what a database can."""
    with_redis = config.getoption("--bus") == "redis"
    once_more = with_redis or config.getoption("--on") == "postgres"
    left_out = (with_redis and collection_path in _HEARS_NO_REDIS) or (
        once_more and collection_path in _OPENS_NONE
    )
    return left_out or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test about one kind of database alone is left out of the other's run, not skipped.

    The long ones come first: begun last, they keep one worker while the others have nothing left.
    """
    other = {"sqlite": "postgres", "postgres": "sqlite"}[config.getoption("--on")]
    out = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]
    items.sort(key=lambda item: item.path.parent.name not in _LONG)


@pytest.fixture(autouse=True)
def _redis_forgets() -> None:
    """Every test is a firm of its own, in Redis too: no test inherits another's sign-in tries."""
    for server in _SHARED:
        server.flush()


@pytest.fixture(autouse=True)
def _opens_what_it_says(request: pytest.FixtureRequest) -> Iterator[None]:
    """What runs once because it opens no database opens none."""
    none = not _OPENS_NONE.isdisjoint((request.path, request.path.parent))
    DATABASES.refused = f"{request.path}: out of _WITHOUT_DATABASE with it" if none else ""
    yield
    DATABASES.refused = ""


@pytest.fixture
def clock() -> ManualClock:
    """Monday 2026-03-02, 09:00 in Shanghai: an ordinary working day."""
    return ManualClock(MONDAY_0900)


@pytest.fixture
def fresh_url() -> Iterator[str]:
    """The address of a fresh database with every table and no row."""
    url = DATABASES.copy()
    yield url
    DATABASES.drop(url)


@pytest.fixture
def blank_url() -> Iterator[str]:
    """The address of a database without any table."""
    url = DATABASES.blank()
    yield url
    DATABASES.drop(url)


@pytest.fixture
def db(fresh_url: str, clock: ManualClock) -> Iterator[Database]:
    """A fresh database. synchronous=OFF: no test here is about power loss."""
    database = Database(fresh_url, clock, synchronous="OFF")
    yield database
    database.close()
