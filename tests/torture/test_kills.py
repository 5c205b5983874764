"""R1 at the suite's size. The full size: `make torture`."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from tests.torture.kills import kill_again_and_again

KILLS = int(os.environ.get("JIELI_TORTURE_KILLS", "60"))
SEED = int(os.environ.get("JIELI_SEED", "1"))


@pytest.mark.timeout(60 + KILLS)
def test_nothing_is_lost_or_doubled_by_sigkill(blank_url: str, tmp_path: Path) -> None:
    found, figures = kill_again_and_again(blank_url, tmp_path, kills=KILLS, seed=SEED)
    print(orjson.dumps({"test": "R1", "seed": SEED, **figures}).decode())
    assert found == []
    assert figures["acknowledged"] > KILLS / 2, "the workers hardly got to work"
    assert figures["asked"] > figures["acknowledged"] or KILLS < 20, "no kill hit anybody at work"


@pytest.mark.timeout(60 + KILLS)
def test_a_key_that_is_remembered_in_a_second_transaction_is_caught(
    blank_url: str, tmp_path: Path
) -> None:
    """The mutant of trust.md §0.6; if it were not caught, the test above would prove nothing."""
    found, figures = kill_again_and_again(
        blank_url, tmp_path, kills=KILLS, seed=SEED, mutant="two-transactions"
    )
    assert figures["doubled"] > 0
    assert any(each.startswith("doubled: ") for each in found)
