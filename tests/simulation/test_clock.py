"""R8 at the suite's size. The full size: `python -m tests.torture clock`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.clock import DAY, HOUR, MINUTE, Instant
from tests.databases import DATABASES
from tests.simulation.clock import CLOCKS, named
from tests.simulation.many import Simulator

DATES = (
    "2028-02-28T17:55",  # a leap day follows
    "2026-02-13T17:55",  # a make-up Saturday, then the Spring Festival
    "2026-09-30T11:50",  # the National Day week, then a make-up Saturday
    "2027-02-05T16:00",  # a year that nobody has announced
    "2026-12-31T23:59",  # over the end of the announced years
    "2026-05-08T09:00",  # Friday before a make-up Saturday
)
JUMPS = (HOUR, -HOUR, DAY, -DAY, 5 * MINUTE, -MINUTE)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(DATABASES.kind, kind=CLOCKS) as found:
        yield found


@pytest.mark.parametrize(
    ("start", "jump"), [*zip(DATES, JUMPS, strict=True), (DATES[0], -HOUR), (DATES[1], -DAY)]
)
def test_each_level_fires_once_in_order_and_never_early(
    simulator: Simulator, start: str, jump: Instant
) -> None:
    outcome = simulator.play(1, kind=named(start, jump))
    assert outcome.wrong == []
    assert outcome.counts["rungs climbed"] >= 7, "the ladders were not climbed to their ends"


def test_random_clocks(simulator: Simulator) -> None:
    many = 6 if DATABASES.kind == "sqlite" else 2
    wrong = {seed: simulator.play(seed).wrong for seed in range(many)}
    assert not any(wrong.values()), wrong


@pytest.mark.parametrize("seed", [1644, 3388, 9183])
def test_set_back_a_day_while_a_task_is_paused(simulator: Simulator, seed: int) -> None:
    """What is left of a wait begins when it is resumed, by whatever the clock says then."""
    assert simulator.play(seed).wrong == []
