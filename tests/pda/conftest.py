"""The floor that the scanner tests stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.clock import ManualClock
from tests.conftest import MONDAY_0900
from tests.pda.floor import Floor, Scanner, open_floor, seed_file


@pytest.fixture(scope="session")
def seeded(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The furnished warehouse as a file, made once."""
    folder = tmp_path_factory.mktemp("floor")
    return seed_file(empty_database, folder, ManualClock(MONDAY_0900))


@pytest_asyncio.fixture
async def floor(seeded: Path, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Floor]:
    """A running scanner door over a fresh copy of the warehouse."""
    async with open_floor(tmp_path, seeded, clock) as found:
        yield found


@pytest_asyncio.fixture
async def gun(floor: Floor) -> AsyncIterator[Scanner]:
    """张三 with a signed-in scanner."""
    scanner = await floor.scanner().connect()
    yield scanner
    if scanner.wire is not None:
        await scanner.leave()
