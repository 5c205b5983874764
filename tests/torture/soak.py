"""R15: many scanners for a long time, with storms of reconnects. Nothing may grow.

After the warm-up a straight line is laid through the memory that the server alone holds; its
descriptors are counted whenever everybody is connected. SQLite's page caches are kept small: they
grow with the database until they are full. What was heard and posted is judged as in R7.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from statistics import linear_regression, mean
from typing import Any

import psutil

from core import people
from core.clock import perf
from core.db import Tx
from core.people import ENGINE
from tests.stories.fleet import Fleet, open_fleet
from tests.torture.gun import Gun
from tests.torture.network import LOGINS, Floor, figures_of, judge

WARM = 1 / 3  # of the time: pools, caches and the heap's high-water mark fill
PATIENCE = 20.0  # of a scanner among hundreds that reconnect at once
STEEPEST = 100.0  # KB a minute; a leak of one small object per frame is steeper
LONG = 8.0  # minutes; in less, a slope is noise and pools are still filling
POOLS = 48  # descriptors of SQLite's readers
EVERY_S = 1.0  # between two looks at the server's memory
STORM_S = 20.0  # between two storms, at full length
RESTING = 10.0  # seconds between two scans of one scanner, on average


@dataclass(slots=True)
class Watch:
    """What the server's process took, over time."""

    process: psutil.Process
    began: float = field(default_factory=perf)
    memory: list[tuple[float, float]] = field(default_factory=list)  # (minutes, KB)
    descriptors: list[int] = field(default_factory=list)

    async def go(self) -> None:
        while True:
            taken = self.process.memory_info()
            kilobytes = (taken.rss - taken.shared) / 1024  # without the files it maps
            self.memory.append(((perf() - self.began) / 60, kilobytes))
            await asyncio.sleep(EVERY_S)

    def slope(self) -> float:
        """KB a minute, after the warm-up."""
        warm = self.memory[int(len(self.memory) * WARM) :]
        minutes, kilobytes = zip(*warm, strict=True)
        return linear_regression(minutes, kilobytes).slope


async def soak(
    folder: Path,
    *,
    minutes: float,
    seed: int,
    sockets: int = 200,
    storms: int = 0,
    mutant: str = "",
) -> tuple[list[str], dict[str, Any]]:
    """`sockets` scanners at one `jieli serve`: (what is wrong, figures)."""
    rng = Random(seed)
    storms = storms or max(2, round(minutes * 60 / STORM_S))
    variants = ",".join(["small-caches", *filter(None, [mutant])])
    async with open_fleet(folder, webs=1, workers=0, mutant=variants) as fleet:
        web = fleet.webs[0]
        guns = [await asyncio.to_thread(ready_made, fleet, n) for n in range(sockets)]
        floor = Floor(fleet, rng, guns, rest=min(RESTING, minutes * 6), lookups=0.9, left_open=0.0)
        watch = Watch(web.server.process())
        watching = asyncio.create_task(watch.go())
        for _ in range(storms):
            await asyncio.sleep(minutes * 60 / storms)
            await calm(guns)
            watch.descriptors.append(watch.process.num_fds())
            for gun in guns if rng.random() < 0.5 else rng.sample(guns, sockets // 3):
                gun.sever()
        watching.cancel()
        await floor.end()
        watch.descriptors.append(watch.process.num_fds())
        found = [*await judge(fleet, floor), *grown(watch, minutes)]
    return found, {"minutes": minutes, "storms": storms, **figures_of(floor), **taken(watch)}


def ready_made(fleet: Fleet, number: int) -> Gun:
    """A scanner that was enrolled and signed in before; PINs are slow on purpose."""
    login = LOGINS[number % len(LOGINS)]
    gun = Gun(Gun.dialler(fleet.webs[0].port), login, PATIENCE)
    gun.person_id = fleet.seeded.people[login]

    def enrol(tx: Tx) -> tuple[str, str]:
        made = people.enrol_device(tx, people.make_enrol_code(tx, ENGINE, "枪"))
        return made.token, people.open_session(tx, gun.person_id, "pda", made.device_id)

    gun.device_token, gun.session = fleet.db.write_now(enrol)
    return gun


async def calm(guns: list[Gun]) -> None:
    """Until everybody is connected and knows where he stands."""
    async with asyncio.timeout(3 * PATIENCE):
        while not all(gun.is_settled for gun in guns):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def grown(watch: Watch, minutes: float) -> list[str]:
    """What did not stay as it was; memory only of a run that is long enough for a line."""
    found = []
    steady = watch.descriptors[len(watch.descriptors) // 3 :]
    if steady[-1] > steady[0] + (8 if minutes >= LONG else POOLS):
        found.append(f"descriptors grew: {steady}")
    if minutes >= LONG and watch.slope() > STEEPEST:
        found.append(f"memory grew by {watch.slope():.0f} KB a minute")
    return found


def taken(watch: Watch) -> dict[str, Any]:
    warm = [kilobytes for _, kilobytes in watch.memory]
    return {
        "rss_mb": [round(mean(part) / 1024, 1) for part in thirds(warm)],
        "kb_per_minute": round(watch.slope(), 1),
        "descriptors": watch.descriptors[:3] + watch.descriptors[-3:],
    }


def thirds(values: list[float]) -> list[list[float]]:
    size = max(1, len(values) // 3)
    return [values[:size], values[size : 2 * size], values[2 * size :] or values[-1:]]
