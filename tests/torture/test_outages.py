"""R4 and R6 at the suite's size. The full sizes: `make torture`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.servers import Postgres, postgres
from tests.torture.outages import freeze, kill_postgres

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(180)]
DURABLE = ("max_connections=100",)


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that only this test kills."""
    with postgres(DURABLE) as server:
        yield server


async def test_a_killed_server_loses_nothing_and_is_found_again(
    own_server: Postgres, tmp_path: Path
) -> None:
    found, figures = await kill_postgres(own_server, tmp_path, kills=4, seed=1)
    print(orjson.dumps({"test": "R4", **figures}).decode())
    assert found == []


async def test_a_stopped_process_keeps_nobody_waiting_long_and_does_nothing_twice(
    own_server: Postgres, tmp_path: Path
) -> None:
    found, figures = await freeze(own_server, tmp_path, times=4, seed=1)
    print(orjson.dumps({"test": "R6", **figures}).decode())
    assert found == []
