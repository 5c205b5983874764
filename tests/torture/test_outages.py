"""R4 and R6 at the suite's size. The full sizes: `make torture`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.servers import Postgres, postgres
from tests.torture.outages import kill_postgres
from tests.torture.stops import freeze

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
    found, figures = await freeze(own_server, tmp_path, times=3, seed=1)
    print(orjson.dumps({"test": "R6", **figures}).decode())
    assert found == []
    assert figures["caught"] == {"posting": 1, "delivery": 1, "step": 1}


async def test_a_delivery_recorded_without_its_lease_is_caught(
    own_server: Postgres, tmp_path: Path
) -> None:
    """The mutant of trust.md §0.7: no fence."""
    found, _ = await freeze(
        own_server, tmp_path, times=2, seed=1, ways=("delivery",), mutant="no-fence"
    )
    assert any("停在 dead" in each or "sent again" in each for each in found), found
