"""One seed, one day: who does what, when, and what goes wrong meanwhile.

The seed picks a date, a mix of errands (a random part of all kinds: what is left out lets the rest
meet more often) and how bad the world is; then people do their errands, the machine crashes and is
started again, its clock is set, until the weather turns fine and everything may come to rest.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

from sqlalchemy import text

from core.clock import DAY, HOUR, MINUTE, SECOND, SHANGHAI, Instant, instant, to_datetime
from core.db import Command, Tx
from core.errors import AppError
from core.people import Actor
from tests.simulation.company import SCANNERS, Company
from tests.simulation.disk import Disk
from tests.simulation.facts import Fact, Heard, plain
from tests.simulation.loop import ShopLoop
from tests.simulation.machine import GoneError, Machine
from tests.simulation.phones import Phones
from tests.simulation.scanner import Radio, Scanner

# Days around which working time is hard: make-up weekends, long holidays, a leap day, a year that
# nobody has announced.
SPECIAL = (
    "2026-01-02", "2026-02-13", "2026-02-27", "2026-04-03", "2026-04-30", "2026-05-08",
    "2026-06-18", "2026-09-18", "2026-09-24", "2026-09-30", "2026-10-09", "2026-12-30",
    "2027-02-05", "2028-02-28", "2028-12-31",
)  # fmt: skip
TAIL_HOURS = 12 * 24  # long enough for every ladder to end
WAYS = (
    "slow", "accepts, no answer", "accepts, unsure", "drops", "busy", "busy for long",
    "account busy", "refuses", "breaks", "crash before", "crash after",
)  # fmt: skip
TRIES = 8  # of one request; then its sender gives up
BUSY = ("busy", "database_away")

Errand = Callable[["Day"], Awaitable[None]]
Trace = Callable[[Instant, str], None]


@dataclass(slots=True)
class Weather:
    """How bad the world is on one day, drawn from the seed."""

    start: Instant
    errands: int
    crashes: bool
    jumps: float  # how likely the clock is set between two errands
    gaps: tuple[float, float, float]  # shares of: at once, minutes, hours
    doubles: float  # how often a request comes twice
    mood: dict[str, float]
    radio: dict[str, float]
    deaf: float
    settle_hours: int


def forecast(rng: Random) -> Weather:
    """Swarm testing: each day leaves out most of what could go wrong."""
    chosen = [way for way in WAYS if rng.random() < 0.3]
    hurt = rng.choice((0.0, 0.1, 0.3, 0.6))
    mood = {
        way: (0.03 if way.startswith("crash") else hurt / len(chosen)) for way in chosen if hurt
    }
    bad = rng.choice((0.0, 0.1, 0.3))
    at_once = rng.choice((0.1, 0.4, 0.7))
    hours = rng.choice((0.0, 0.05, 0.1, 0.3))
    return Weather(
        start=_start(rng),
        errands=rng.choice((2, 3, 3, 4, 4, 5, 6, 7, 8, 16)),
        crashes=rng.random() < 0.6,
        jumps=0.15 * (rng.random() < 0.3),
        gaps=(at_once, 1 - at_once - min(hours, 1 - at_once), hours),
        doubles=rng.choice((0.0, 0.1, 0.4)),
        mood=mood,
        radio={way: bad * (rng.random() < 0.8) for way in ("drop", "double", "late")},
        deaf=rng.choice((0.0, 0.0, 0.3, 1.0)),
        settle_hours=rng.choices((1, 12, TAIL_HOURS), (90, 8, 2))[0],
    )


def _start(rng: Random) -> Instant:
    day = date.fromisoformat(rng.choice(SPECIAL))
    if rng.random() < 0.4:
        day = date(2026, 1, 1) + timedelta(days=rng.randrange(1000))
    minute = rng.choice((9 * 60, 11 * 60 + 50, 17 * 60 + 55, rng.randrange(24 * 60)))
    midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return instant(midnight + timedelta(minutes=minute)) + rng.randrange(60 * SECOND)


@dataclass
class Day:
    """The running day: what every errand needs."""

    seed: int
    shop: Company
    rng: Random
    weather: Weather
    machine: Machine
    phones: Phones
    radio: Radio
    trace: Trace
    heard: Heard = field(default_factory=Heard)
    counts: Counter[str] = field(default_factory=Counter)
    scanners: dict[str, Scanner] = field(default_factory=dict)
    scanners_out: list[str] = field(default_factory=list)  # those that anybody uses today
    wrong: list[str] = field(default_factory=list)  # what was seen while it happened
    bugs: list[BaseException] = field(default_factory=list)
    working: set[asyncio.Future[None]] = field(default_factory=set)
    days_set: list[date] = field(default_factory=list)
    out: set[str] = field(default_factory=set)  # who has left the firm, for the time being
    unheard: set[str] = field(default_factory=set)  # who once had no account, or had left
    clock_was_set: bool = False
    set_back_hours: int = 0  # for so long a moment written before may lie ahead
    _ops: int = 0

    # -- what errands use ----------------------------------------------------------------------
    @property
    def now(self) -> Instant:
        return self.machine.clock.now()

    def op(self) -> str:
        """A fresh operation id, made by the client."""
        self._ops += 1
        return f"op{self.seed}-{self._ops:04d}"

    def who(self, *logins: str) -> Actor:
        here = [each for each in logins if each not in self.out]
        return self.shop.actors[self.rng.choice(here or ["guan"])]

    def say(self, words: str) -> None:
        self.trace(self.now, words)

    def look(self, sql: str, **values: Any) -> list[Any]:
        """What a screen shows: plain SQL, nothing while the machine is down."""
        if not self.machine.up.is_set():
            return []
        return self.machine.db.read_now(lambda conn: list(conn.execute(text(sql), values)))

    async def ask(
        self, actor: Actor, verb: str, ask: Any, command: Command[Any], *, repeats: bool = True
    ) -> Any:
        """One request to the server, repeated under the same id until somebody answers.

        `repeats` False: the verb carries no operation id, so nobody asks again after a break.
        """
        op = getattr(ask, "op_id", "") or f"{verb}-{self.op()}"
        fact = self.heard.ask(op, actor.name, verb, plain(ask), self.now)
        twice = repeats and self.rng.random() < self.weather.doubles
        for _ in range(TRIES):
            await self.machine.up.wait()
            try:
                if twice:
                    await self._both(fact, command)
                else:
                    fact.answers.append(plain(await self.machine.db.ask(command)))
            except GoneError:
                if not repeats or self.rng.random() < 0.2:
                    break
                self.counts["asked again"] += 1
                continue
            except AppError as refusal:
                if refusal.code in BUSY:
                    continue
                fact.taken_back = refusal.code if fact.answers else ""
                self._end(fact, "done" if fact.answers else "refused", refusal.code)
                return fact.answer
            self._end(fact, "done", "")
            return fact.answer
        self._end(fact, "done" if fact.answers else "gone", "")
        return fact.answer

    async def _both(self, fact: Fact, command: Command[Any]) -> None:
        """The network delivers the request twice; whichever answer comes, both must be one."""
        self.counts["doubled requests"] += 1
        both = await asyncio.gather(
            self.machine.db.ask(command), self.machine.db.ask(command), return_exceptions=True
        )
        for each in both:
            if not isinstance(each, BaseException):
                fact.answers.append(plain(each))
            elif isinstance(each, AppError) and fact.answers and each.code not in BUSY:
                fact.taken_back = each.code
        for each in both:
            if isinstance(each, BaseException):
                raise each

    def _end(self, fact: Fact, state: str, why: str) -> None:
        fact.state, fact.why = state, why
        self.counts[f"{fact.verb} {state}"] += 1
        self.say(f"{fact.who}: {fact.verb} {fact.op} → {state} {why}")

    # -- the course of the day -----------------------------------------------------------------
    async def run(self, errands: dict[str, Errand], settle: Callable[[], Awaitable[None]]) -> None:
        self.machine.boot()
        chosen = [name for name in errands if self.rng.random() < 0.55] or list(errands)
        weights = [self.rng.choice((1, 1, 2, 5)) for _ in chosen]
        self.say(f"errands: {dict(zip(chosen, weights, strict=True))}, {self.weather}")
        for _ in range(self.weather.errands):
            [name] = self.rng.choices(chosen, weights)
            self.counts[f"errand {name}"] += 1
            work = asyncio.ensure_future(errands[name](self))
            self.working.add(work)
            work.add_done_callback(self._finished)
            gap = self._gap()
            self._mischief(gap)
            await asyncio.sleep(gap)
        await settle()

    def _finished(self, work: asyncio.Future[None]) -> None:
        self.working.discard(work)
        if not work.cancelled() and (problem := work.exception()) is not None:
            self.bugs.append(problem)

    def _mischief(self, gap: float) -> None:
        rng = self.rng
        if self.weather.crashes and rng.random() < 0.2:
            # Now, in the middle of what people do; or later, in what the engine does by itself.
            soon = rng.choice((0.0, gap * rng.random()))
            asyncio.get_running_loop().call_later(soon, self._doom, rng.randrange(1, 9))
        if rng.random() < self.weather.jumps:
            by = rng.choice((-HOUR, HOUR, -HOUR, HOUR, -MINUTE, 5 * MINUTE, -DAY, DAY))
            self.set_clock(by)

    def set_clock(self, by: Instant) -> None:
        """Somebody, or NTP, sets the machine's clock; the time that passes is not changed by it."""
        self.counts["clock jumps"] += 1
        self.clock_was_set = True
        self.set_back_hours += max(0, -by) // HOUR
        self.machine.clock.advance(by)
        self.say(f"the clock is set by {by / HOUR:+.2f} h")
        asyncio.get_running_loop().call_later(5.0, self.machine.sweep)

    def _doom(self, commits: int) -> None:
        self.machine.doom = commits

    def _gap(self) -> float:
        at_once, minutes, _ = self.weather.gaps
        point = self.rng.random()
        if point < at_once:
            return 0.0
        if point < at_once + minutes:
            return self.rng.uniform(1.0, 1800.0)
        return self.rng.choice((3600.0, 4 * 3600.0, 16 * 3600.0, self.rng.uniform(3600, 48 * 3600)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where it happens: the same for every day of one process, but for the loop."""

    shop: Company
    disk: Disk
    loop: ShopLoop


def open_day(seed: int, place: Place, trace: Trace, weather_of: Callable[[Random], Weather]) -> Day:
    """Everybody is in their place, the disk is fresh, nothing has happened yet."""
    shop, disk, loop = place.shop, place.disk, place.loop
    rng = Random(f"day-{seed}")
    weather = weather_of(rng)
    disk.wipe()
    loop.clock.move_to(weather.start)
    phones = Phones(Random(f"phones-{seed}"), dict(weather.mood))
    bad = weather.radio
    radio = Radio(Random(f"radio-{seed}"), bad["drop"], bad["double"], bad["late"])
    machine = Machine(disk, loop, Random(f"machine-{seed}"), {phones.name: phones})
    machine.deaf = weather.deaf
    phones.crash = machine.crash
    day = Day(seed, shop, rng, weather, machine, phones, radio, trace)
    for login in SCANNERS:
        token, person_id = shop.device_tokens[login], shop.actors[login].person_id
        day.scanners[login] = Scanner(machine, radio, login, token, person_id)
    day.scanners_out = rng.sample(SCANNERS, rng.choice((1, 1, 2, 3)))

    def crashed(why: str) -> None:
        day.say(f"crash {why}")
        for scanner in day.scanners.values():
            scanner.drop()

    machine.on_crash.append(crashed)
    return day


def stamp(at: Instant) -> str:
    return f"{to_datetime(at):%a %m-%d %H:%M:%S.%f}"


__all__ = ["Day", "Errand", "Tx", "open_day", "stamp"]
