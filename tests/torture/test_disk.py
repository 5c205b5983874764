"""R9 at the suite's size. The full size: `make torture`.

# tidy: skip — a disk of its own can only be mounted by root; elsewhere the run says so
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import orjson
import pytest

from core.db import Database
from tests.torture.disk import FILL
from tests.torture.outages import Load, recount

SEED = int(os.environ.get("JIELI_SEED", "1"))


@pytest.mark.timeout(180)
async def test_a_full_disk_is_told_to_everybody_and_survived(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Postings and photos, also on their way in, get 503 and a sentence; found first: 500."""
    if os.geteuid():
        pytest.skip("R9 FULL DISK WAS NOT RUN: only root can mount a small disk")
    on = pytestconfig.getoption("--on")
    found, figures = await FILL[on](tmp_path, times=1, seed=SEED)
    print(orjson.dumps({"test": "R9", "on": on, **figures}).decode())
    assert found == []
    assert figures["put_off"]["disk_full"] > 0


def test_a_promise_that_is_not_in_the_books_is_caught(db: Database) -> None:
    """What an answer before its commit would look like on a disk that then refuses the commit."""
    kept_nowhere = SimpleNamespace(promised={"k" * 32: {"posting_id": 1}}, strange=[])
    assert recount(db, cast("Load", kept_nowhere)) == ["lost: " + "k" * 32]
