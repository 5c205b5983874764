"""R2: die at every line on the way from a question to its answer; then ask again, and recount.

Each death strikes a unit of its own (crash_unit.py), which the next life finishes. The same seed
dies at the same places.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from itertools import chain, zip_longest
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

import orjson

from core.clock import SystemClock
from core.db import Database
from tests.torture import crash_mutants
from tests.torture.crash_judge import judge_units
from tests.torture.crash_points import Point
from tests.torture.crash_unit import OUTAGE, Wall, hire
from tests.torture.crash_worker import Order
from tests.torture.kills import Launcher
from tests.torture.yard import prepare

RELAPSES = 0.2  # of the deaths may strike again while the one before is being mended
# Deaths in one database. A unit is ten hours, and what is told of it is kept for 90 days: judged
# later, the first unit would have lost what the last one has.
WARD = 180


class Ward:
    """One database, and the lives that are spent on it."""

    def __init__(self, url: str, folder: Path, rng: Random, mutant: str) -> None:
        prepare(url)
        db = Database(url, SystemClock())
        db.write_now(hire)
        db.close()
        self.url, self.folder, self.rng = url, folder, rng
        self.deaths: dict[int, list[Point]] = defaultdict(list)  # by unit that was not finished
        self.died: list[Point] = []
        self.missed: list[Point] = []
        self._order = Order(url, str(folder), [], mutant=mutant)
        self._next = 0
        self._launcher = Launcher(module="tests.torture.crash_worker")

    def points(self) -> list[Point]:
        """What a unit that is left in peace reaches, how often each."""
        self._say(replace(self._order, unit=self._new(), count=True))
        found = orjson.loads((self.folder / "points.json").read_bytes())
        return [Point(**each) for each in found]

    def die(self, fatal: Point) -> None:
        """One life that finishes what is unfinished, begins a new unit, and should end there."""
        order = replace(self._order, unfinished=self._unfinished(), unit=self._new())
        order = replace(order, fatal=asdict(fatal), relapse=self.rng.random() < RELAPSES)
        before = self._finished()
        if self._say(order) != "killed":
            self.missed.append(fatal)
            return
        self.died.append(fatal)
        with closing(Wall(self.folder / "clock")) as wall:
            wall.move_to(wall.now() + OUTAGE)
        for unit in set(range(self._next)) - before:
            self.deaths[unit].append(fatal)

    def close(self) -> None:
        """A last life, which nobody ends."""
        self._say(replace(self._order, unfinished=self._unfinished()))
        self._launcher.close()

    def _finished(self) -> set[int]:
        file = self.folder / "finished"
        return {int(line) for line in file.read_text().split()} if file.exists() else set()

    def _unfinished(self) -> list[int]:
        return sorted(set(range(self._next)) - self._finished())

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def _say(self, order: Order) -> str:
        return self._launcher.say(orjson.dumps(asdict(order)).decode())


def die_everywhere(
    blank: Callable[[], str],
    folder: Path,
    *,
    seed: int,
    deaths: int | None = None,
    times: int = 3,
    only: str = "",
    hit: int = 0,
    mutant: str = "",
) -> tuple[list[str], dict[str, Any]]:
    """`times` deaths at every point, or `deaths` of them, spread over files and functions.

    `blank()` is the url of one more empty database. `only` narrows to points whose name holds it,
    `hit` to one pass: `core/sqlite.py:164 line`, 3.
    """
    rng = Random(seed)
    ward = _ward(blank(), folder, 0, rng, mutant)
    points = [each for each in ward.points() if only in str(each)]
    if mutant:
        points = [each for each in points if each.file == crash_mutants.FILE]
    if deaths is None:
        chosen = list(hits_of(points, times, rng))
        rng.shuffle(chosen)  # who dies at his start fifty times in a row is late with everything
    else:
        chosen = spread(points, deaths, rng)
    chosen = [replace(each, hit=hit or each.hit) for each in chosen]
    assert chosen, f"no unit comes by {only}"
    found: list[str] = []
    figures: Counter[str] = Counter()
    died: list[Point] = []
    missed = 0
    for number, at in enumerate(range(0, len(chosen), WARD)):
        if number:
            ward = _ward(blank(), folder, number, rng, mutant)
        found += _spend(ward, chosen[at : at + WARD], figures)
        died, missed = [*died, *ward.died], missed + len(ward.missed)
    return found, dict(figures) | figures_of(died, len(points), missed)


def _ward(url: str, folder: Path, number: int, rng: Random, mutant: str) -> Ward:
    inside = folder / f"ward-{number}"
    inside.mkdir()
    return Ward(url, inside, rng, mutant)


def _spend(ward: Ward, chosen: list[Point], figures: Counter[str]) -> list[str]:
    """What is wrong after these deaths and a last life that nobody ends."""
    for fatal in chosen:
        ward.die(fatal)
    ward.close()
    found, more = judge_units(ward.url, ward.folder)
    figures.update(more)
    found += [each.read_text() for each in ward.folder.glob("*.error")]
    return [f"{ward.folder.name}: {named(each, ward.deaths)}" for each in found]


def hits_of(points: list[Point], times: int, rng: Random) -> Iterator[Point]:
    """The first, the last and some hits between of every point."""
    for point in points:
        hits = {1, point.hit, *(rng.randint(1, point.hit) for _ in range(times))}
        for hit in rng.sample(sorted(hits), min(times, len(hits))):
            yield replace(point, hit=hit)


def spread(points: list[Point], count: int, rng: Random) -> list[Point]:
    """`count` deaths at random lines: every file in turn, in every file every function in turn.

    A line comes twice at most.
    """
    files: dict[str, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for point in rng.sample(points * 2, len(points) * 2):
        files[point.file][point.function].append(replace(point, hit=rng.randint(1, point.hit)))
    turns = [_in_turn(list(functions.values())) for functions in files.values()]
    rng.shuffle(turns)
    return _in_turn(turns)[:count]


def _in_turn(rows: list[list[Point]]) -> list[Point]:
    return [each for each in chain.from_iterable(zip_longest(*rows)) if each is not None]


def figures_of(died: list[Point], reached: int, missed: int) -> dict[str, Any]:
    """How much was covered."""
    return {
        "points": reached,
        "deaths": len(died),
        "lines": len({(each.file, each.line) for each in died}),
        "functions": len({(each.file, each.function) for each in died}),
        "not_reached": missed,
    }


def named(finding: str, deaths: dict[int, list[Point]]) -> str:
    """A finding with the places where its unit was struck."""
    unit = re.search(r"unit-(\d{6})", finding)
    places = deaths.get(int(unit[1]), []) if unit else []
    return finding + "".join(f"; died at {each}" for each in places)
