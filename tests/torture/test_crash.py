"""R2 at the suite's size. The full size, every line: `make torture`."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from tests.torture.crash import die_everywhere

DEATHS = {"sqlite": 20, "postgres": 10}
SEED = int(os.environ.get("JIELI_SEED", "1"))


@pytest.mark.timeout(180)
def test_a_death_at_any_line_leaves_no_trace(
    blank_url: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    deaths = DEATHS[pytestconfig.getoption("--on")]
    found, figures = die_everywhere(lambda: blank_url, tmp_path, seed=SEED, deaths=deaths)
    print(orjson.dumps({"test": "R2", "seed": SEED, **figures}).decode())
    assert found == []
    assert figures["deaths"] >= deaths - 3, "the points that were counted are not reached again"
    assert figures["points"] > 1000, "the tracer sees hardly anything"


@pytest.mark.sqlite  # the judge is the same on both
@pytest.mark.parametrize(
    ("mutant", "deaths", "finding"),
    [
        ("remembers-too-late", 10, "doubled: "),
        ("says-sent-first", 14, "counts as sent and never was"),
        ("marks-first", 10, "missing {'event task."),
    ],
)
def test_what_is_torn_in_two_transactions_is_caught(
    blank_url: str, tmp_path: Path, mutant: str, deaths: int, finding: str
) -> None:
    found, _ = die_everywhere(lambda: blank_url, tmp_path, seed=SEED, deaths=deaths, mutant=mutant)
    assert any(finding in each for each in found), found
