"""R13 at the suite's size, and what the checker must and must not accept.

The full size: `python -m tests.torture history`.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.torture.history import NEVER, Op, check
from tests.torture.history_nemesis import compete

FIVE = ((5, 0), (5, 0))


def op(kind: str, began: float, ended: float = NEVER, **more: object) -> Op:
    outcome = "unknown" if ended == NEVER else "ok"
    return Op(f"{kind}-{began}", 0, kind, began, ended, **{"outcome": outcome, **more})  # type: ignore[arg-type]


POSSIBLE = {
    "in any order while both are under way": [
        op("issue", 1, 4, n=2),
        op("read", 2, 3, seen=FIVE),
        op("read", 5, 6, seen=((3, 0), (5, 0))),
    ],
    "an unknown one may have taken effect late": [
        op("issue", 1, n=2),
        op("read", 2, 3, seen=FIVE),
        op("read", 4, 5, seen=((3, 0), (5, 0))),
    ],
    "an unknown one may never have taken effect": [
        op("issue", 1, n=2),
        op("read", 2, 3, seen=FIVE),
    ],
    "promised, then taken": [
        op("reserve", 1, 2, n=4),
        op("issue", 3, 4, n=2, outcome="refused"),
        op("fulfil", 5, 6, n=4),
        op("read", 7, 8, seen=((1, 0), (5, 0))),
    ],
    "refused because another was under way": [
        op("move", 1, 9, n=4, to=1),
        op("issue", 2, 3, n=3, outcome="refused"),
        op("read", 10, 11, seen=((1, 0), (9, 0))),
    ],
}
IMPOSSIBLE = {
    "a stale read": [op("issue", 1, 2, n=2), op("read", 3, 4, seen=FIVE)],
    "a lost update": [
        op("reserve", 1, 4, n=2),
        op("reserve", 2, 3, n=1),
        op("read", 5, 6, seen=((5, 2), (5, 0))),
    ],
    "an effect that comes and goes": [
        op("receive", 1, n=1),
        op("read", 2, 3, seen=((6, 0), (5, 0))),
        op("read", 4, 5, seen=FIVE),
    ],
    "twice": [op("issue", 1, 2, n=2), op("read", 3, 4, seen=((1, 0), (5, 0)))],
    "sold what was not there": [op("issue", 1, 2, n=4), op("issue", 3, 4, n=2)],
    "sold what was promised": [op("reserve", 1, 2, n=4), op("issue", 3, 4, n=2)],
    "refused without need": [op("issue", 1, 2, n=5, outcome="refused")],
    "half a move": [op("move", 1, 2, n=2, to=1), op("read", 3, 4, seen=((3, 0), (5, 0)))],
    "read backwards": [
        op("issue", 1, 9, n=2),
        op("read", 2, 3, seen=((3, 0), (5, 0))),
        op("read", 4, 5, seen=FIVE),
    ],
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_possible_histories_are_accepted(name: str) -> None:
    assert check(POSSIBLE[name], FIVE) == []


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_histories_are_not(name: str) -> None:
    assert len(check(IMPOSSIBLE[name], FIVE)) == 1


@pytest.mark.timeout(180)
def test_what_competing_clients_saw_was_possible(blank_url: str, tmp_path: Path) -> None:
    found, figures = compete(blank_url, tmp_path, ops=2_000, seed=1)
    print(orjson.dumps({"test": "R13", **figures}).decode())
    assert found == []
    assert figures["refused"] > 50, "nobody competed"


@pytest.mark.parametrize("mutant", ["stale-read", "lost-update"])
@pytest.mark.timeout(180)
def test_mutants_are_caught(blank_url: str, tmp_path: Path, mutant: str) -> None:
    found, _ = compete(blank_url, tmp_path, ops=300, seed=1, workers=1, mutant=mutant)
    assert any(each.startswith("item ") for each in found), found
