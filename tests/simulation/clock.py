"""R8: days on which little happens but the clock: it is set, forward and back, over hard dates.

Tasks with ladders on both clocks, people who claim, pause and reopen them, calendars that change,
crashes; the machine's clock jumps by minutes, hours and days. The auditor knows what must hold.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from random import Random  # noqa: TID251  # seeded: a failure names its seed

from core.clock import SECOND, SHANGHAI, Instant, instant
from tests.simulation.day import TAIL_HOURS, Day, Weather, forecast
from tests.simulation.errands_people import PEOPLE
from tests.simulation.errands_tasks import POLICIES, TASKS, ask_for
from tests.simulation.many import Kind

ERRANDS = ("open task", "handle", "handle more", "reopen", "press desk", "calendar",
           "on duty", "leave", "back", "night")  # fmt: skip


def _stormy(rng: Random) -> Weather:
    calm = forecast(rng)
    settle = rng.choices((12, 72, TAIL_HOURS), (60, 30, 10))[0]
    return replace(
        calm, jumps=0.5, mood={}, doubles=0.0, errands=rng.choice((3, 5, 8)), settle_hours=settle
    )


CLOCKS = Kind({name: (TASKS | PEOPLE)[name] for name in ERRANDS}, _stormy)


def named(start: str, jump: Instant) -> Kind:
    """One day: three ladders begin at `start`, half an hour later the clock is set by `jump`."""
    moment = instant(datetime.fromisoformat(start).replace(tzinfo=SHANGHAI))

    async def errand(day: Day) -> None:
        for policy in POLICIES:
            await ask_for(day, policy, ("role:warehouse",))
        await asyncio.sleep(1800)
        day.set_clock(jump)
        await asyncio.sleep(1800)

    def weather(rng: Random) -> Weather:
        calm = forecast(rng)
        return replace(
            calm, start=moment + 17 * SECOND, errands=1, crashes=False, jumps=0.0, mood={},
            deaf=0.0, doubles=0.0, settle_hours=TAIL_HOURS,
        )  # fmt: skip

    return Kind({"set the clock": errand}, weather)
