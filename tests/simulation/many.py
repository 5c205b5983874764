"""One process's shop: plays seed after seed on the same engines, and says what came of each."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from traceback import format_exception
from types import TracebackType

from sqlalchemy import text

from core import events
from core.calendar import calendars
from core.clock import HOUR, SECOND, Instant
from tests.databases import MONDAY_0900
from tests.simulation.audit_cards import scanner_shows
from tests.simulation.auditor import audit
from tests.simulation.company import Company, furnish
from tests.simulation.day import Day, Errand, Place, Weather, forecast, open_day
from tests.simulation.disk import Disk
from tests.simulation.errands_people import PEOPLE
from tests.simulation.errands_sales import SALES
from tests.simulation.errands_stock import STOCK
from tests.simulation.errands_tasks import TASKS
from tests.simulation.loop import ShopClock, ShopLoop, StuckError, seeded_dice

LAST_LOOK = 90.0  # seconds: more than a step waits before it looks again
CORE_LOG = logging.getLogger("core")
Mutant = Callable[[Day], AbstractContextManager[None]]


@dataclass(slots=True)
class Outcome:
    """What one seed showed. `head` is the last link of the event log's chain."""

    seed: int
    head: str
    wrong: list[str]
    counts: Counter[str] = field(default_factory=Counter)


def quiet(_at: Instant, _words: str) -> None:
    """Nobody reads along."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of days: which errands there are, and what the weather can be."""

    errands: dict[str, Errand] = field(
        default_factory=lambda: {**STOCK, **SALES, **TASKS, **PEOPLE}
    )
    weather: Callable[[Random], Weather] = forecast


class Simulator:
    """A context manager: the template and the engines live as long as the block."""

    def __init__(
        self, on: str = "sqlite", mutant: Mutant | None = None, kind: Kind | None = None
    ) -> None:
        self._mutant, self._kind = mutant, kind or Kind()
        self._clock = ShopClock(MONDAY_0900)
        self._disk = Disk(on, self._clock)
        self._shop = Company()

    def __enter__(self) -> Simulator:
        self._log = CORE_LOG.level
        CORE_LOG.setLevel(logging.CRITICAL + 1)  # vendors break on purpose
        with seeded_dice(Random("template")):
            self._disk.furnish(self._clock, lambda tx: furnish(tx, self._shop))
        gc.collect()
        gc.freeze()  # what was imported need not be looked through again and again
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None
    ) -> None:
        gc.unfreeze()
        self._disk.close()
        CORE_LOG.setLevel(self._log)

    def play(
        self, seed: int, trace: Callable[[Instant, str], None] = quiet, kind: Kind | None = None
    ) -> Outcome:
        """One day, from opening to the audit."""
        kind = kind or self._kind
        loop = ShopLoop(self._clock)
        place = Place(self._shop, self._disk, loop)
        day = open_day(seed, place, trace, kind.weather)
        calendars._loaded.clear()  # a process's memory; another day is another process
        broken = self._mutant(day) if self._mutant else nullcontext()
        with seeded_dice(Random(f"dice-{seed}")), broken:
            try:
                loop.run_until_complete(day.run(kind.errands, lambda: _settle(day)))
                wrong = day.machine.db.read_now(lambda conn: audit(day, conn))
            except (StuckError, AssertionError) as problem:
                wrong = [f"{type(problem).__name__}: {problem}"]
            finally:
                day.machine.stop()
                _end(loop)
        wrong += day.wrong + ["".join(format_exception(problem)) for problem in day.bugs]
        return Outcome(seed, self._head(), wrong, _counted(day))

    def _head(self) -> str:
        with self._disk.store.engines[0].connect() as conn:
            found = conn.execute(text("SELECT hash FROM event ORDER BY seq DESC LIMIT 1")).scalar()
        self._disk.let_go()
        return str(found)


def _end(loop: ShopLoop) -> None:
    """Whatever still waits is given up."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.turns = 0
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


async def _settle(day: Day) -> None:
    """The weather turns fine; everything that is under way may arrive."""
    day.phones.mood.clear()
    day.radio.drop = day.radio.double = day.radio.late = 0.0
    day.machine.deaf, day.weather.crashes = 0.0, False
    day.say("fine weather")
    day.machine.doom = 0
    while day.working:
        await asyncio.wait(set(day.working))
    await day.machine.up.wait()
    day.machine.sweep()
    await _come_back(day)
    await asyncio.sleep((day.weather.settle_hours + day.set_back_hours) * HOUR / SECOND)
    seen = -1
    while (head := day.machine.db.read_now(events.head)) != seen:  # a promise ran out just now
        seen = head
        day.machine.sweep()  # in a shop there is one every five seconds
        await asyncio.sleep(LAST_LOOK)


async def _come_back(day: Day) -> None:
    """Scanners that were away while tasks went on show what a fresh one shows."""
    used = [each for each in day.scanners.values() if each.happened] or [day.scanners["li"]]
    for scanner in used:
        assert await scanner.be_ready(), f"the scanner of {scanner.login} cannot come back"
        scanner.drop()
    for _ in range(2):
        await day.rng.choice((TASKS["open task"], TASKS["handle"], TASKS["press desk"]))(day)
    for scanner in used:
        login = scanner.login
        assert await scanner.be_ready(), f"the scanner of {login} cannot resume"
        kept = scanner.inbox
        scanner.forget()
        assert await scanner.be_ready(), f"the scanner of {login} cannot begin anew"
        if kept != scanner.inbox:
            day.wrong.append(f"{login} resumed to {kept}, a fresh snapshot is {scanner.inbox}")
        rows = day.look("SELECT id, row_version, state, people FROM task ORDER BY id")
        day.wrong += scanner_shows(login, scanner, rows)


def _counted(day: Day) -> Counter[str]:
    found = Counter(day.counts)
    found["crashes"] = day.machine.crashes
    found.update({f"phone {way}": times for way, times in day.phones.happened.items()})
    found.update({f"radio {way}": times for way, times in day.radio.happened.items()})
    for scanner in day.scanners.values():
        found.update({f"scanner {way}": times for way, times in scanner.happened.items()})
    found["turns"] = 0
    return found
