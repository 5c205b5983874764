"""The floor that the scanner tests stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from core.clock import ManualClock
from tests.conftest import MONDAY_0900
from tests.pda.floor import Floor, Scanner, open_floor, seed_template


@pytest.fixture(scope="session")
def seeded() -> str:
    """The furnished warehouse, made once."""
    return seed_template(ManualClock(MONDAY_0900))


@pytest_asyncio.fixture
async def floor(seeded: str, clock: ManualClock) -> AsyncIterator[Floor]:
    """A running scanner door over a fresh copy of the warehouse."""
    async with open_floor(seeded, clock) as found:
        yield found


@pytest_asyncio.fixture
async def gun(floor: Floor) -> AsyncIterator[Scanner]:
    """张三 with a signed-in scanner."""
    scanner = await floor.scanner().connect()
    yield scanner
    if scanner.wire is not None:
        await scanner.leave()
