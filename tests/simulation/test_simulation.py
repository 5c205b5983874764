"""R11 at the suite's size. The full size: `python -m tests.torture simulate`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from core.clock import HOUR, Instant
from tests.databases import DATABASES
from tests.simulation.audit_tasks import after_work
from tests.simulation.fleet import dry
from tests.simulation.many import Simulator
from tests.simulation.mutants import MUTANTS

SEEDS = int(os.environ.get("JIELI_SEEDS", "60"))
FIRST = int(os.environ.get("JIELI_SEED", "1"))
ROOT = Path(__file__).parents[2]
# Seeds known to catch a mutant are tried first; if the product has changed, others will.
HINTS: dict[str, tuple[int, ...]] = {
    "lost update": (1, 16),
    "drifts from now": (3, 7),
    "no fence": (84, 108),
    "done before effect": (52, 117),
    "forgets answers": (1, 2),
    "sent before sending": (0, 2),
    "resumes from the head": (3, 5),
    "promises for ever": (0, 16),
    "ignores leave": (24, 41),
    "nobody fills": (29, 74),
    "short keeps promise": (1, 2),
    "ships what is not packed": (0, 4),
}
MOST = 400


def seeds() -> range:
    """A PostgreSQL database per seed costs more than the day in it."""
    many = SEEDS if DATABASES.kind == "sqlite" else max(5, SEEDS // 10)
    return range(FIRST, FIRST + many)


@pytest.mark.timeout(60 + SEEDS * 2)
def test_shop_days_end_well() -> None:
    wrong: dict[int, list[str]] = {}
    counts: Counter[str] = Counter()
    with Simulator(DATABASES.kind) as simulator:
        for seed in seeds():
            outcome = simulator.play(seed)
            counts.update(outcome.counts)
            if outcome.wrong:
                wrong[seed] = outcome.wrong
    assert wrong == {}, f"python -m tests.simulation --seed {next(iter(wrong))}"
    assert dry(counts, len(seeds())) == []


def test_the_same_seed_makes_the_same_log() -> None:
    """Twice in one process with another seed between, and in a process with other hashes."""
    with Simulator(DATABASES.kind) as simulator:
        first = simulator.play(7)
        simulator.play(8)
        again = simulator.play(7)
    assert first.head == again.head
    assert first.counts == again.counts
    words = [sys.executable, "-m", "tests.simulation", "--seed", "7", "--on", DATABASES.kind]
    env = os.environ | {"PYTHONHASHSEED": "99"}
    said = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert f"log ends with {first.head}" in said.stdout


def test_a_trace_reads_line_by_line() -> None:
    lines: list[str] = []

    def trace(_at: Instant, words: str) -> None:
        lines.append(words)

    with Simulator(DATABASES.kind) as simulator:
        simulator.play(7, trace)
    assert lines[0].startswith("errands: ")
    assert "fine weather" in lines
    assert any("→ done" in line for line in lines)


@pytest.mark.sqlite
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_product_is_caught(name: str) -> None:
    """By what it breaks, not by accident."""
    mutant, says = MUTANTS[name]
    with Simulator(mutant=mutant) as simulator:
        for seed in (*HINTS.get(name, ()), *range(MOST)):
            wrong = simulator.play(seed).wrong
            if any(re.search(says, each) for each in wrong):
                return
    raise AssertionError(f"{MOST} seeds did not notice")


def test_the_auditor_knows_office_hours() -> None:
    """Its own small calendar: a night, a noon, a weekend, a holiday and a make-up Saturday."""
    monday = 20_514  # days since 1970 of Monday 2026-03-02
    opening = (monday * 24 + 1) * HOUR  # 09:00 in Shanghai is 01:00 UTC
    assert after_work({}, opening, HOUR) == opening + HOUR
    assert after_work({}, opening, 3 * HOUR) == opening + 3 * HOUR
    assert after_work({}, opening, 4 * HOUR) == opening + 5 * HOUR  # noon
    assert after_work({}, opening, 9 * HOUR) == opening + 25 * HOUR  # the night
    friday = opening + 4 * 24 * HOUR
    assert after_work({}, friday, 9 * HOUR) == friday + (3 * 24 + 1) * HOUR
    saturday = (monday + 719_163 + 5, True)  # worked to make up for a holiday
    assert after_work(dict([saturday]), friday, 9 * HOUR) == friday + 25 * HOUR
    holiday = (monday + 719_163 + 7, False)
    assert after_work(dict([holiday]), friday, 9 * HOUR) == friday + (4 * 24 + 1) * HOUR


def test_a_day_that_once_never_ended() -> None:
    """A silent socket was looked at again after 10⁻¹⁴ seconds, for ever."""
    with Simulator(DATABASES.kind) as simulator:
        assert simulator.play(260).wrong == []
