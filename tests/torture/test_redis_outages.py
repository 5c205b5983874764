"""R5 at the suite's size. The full size: `python -m tests.torture redis`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.servers import Redis, redis_server
from tests.torture.redis_outages import starve

pytestmark = pytest.mark.postgres


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A server that only this test kills."""
    with redis_server() as server:
        yield server


async def test_without_redis_only_time_is_lost(
    redis: Redis, blank_url: str, tmp_path: Path
) -> None:
    found, figures = await starve(redis, blank_url, tmp_path, faults=5, seed=1, workers=1)
    print(orjson.dumps({"test": "R5", **figures}).decode())
    assert found == []


async def test_a_bus_whose_hints_are_the_data_is_caught(
    redis: Redis, blank_url: str, tmp_path: Path
) -> None:
    found, _ = await starve(
        redis, blank_url, tmp_path, faults=5, seed=1, workers=1, mutant="hints-are-the-data"
    )
    assert any("was not seen" in each for each in found), found
    assert any(" lost, first " in each for each in found), found
