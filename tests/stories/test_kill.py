"""Story S9: `kill -9` in the middle of work. Nothing promised is lost, nothing happens twice.

The server is a real process on a real SQLite file (synchronous=FULL), killed at seeded moments:
after an acknowledgement, while the vendor has a card the server never hears about, during a press
in chat, under a scan. JIELI_KILLS asks for more deaths, JIELI_SEED for others.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.demo.company import Seeded
from core.clock import SECOND
from core.db import Committed, _answer, _grouped
from core.ids import new_id
from core.outbox.channel import SendResult
from core.outbox.claiming import Claimed
from core.outbox.deliver import Deliverer
from core.outbox.recording import record
from tests.stories import judge
from tests.stories.arena import CHATTERS, Arena, Log, open_arena
from tests.stories.judge import Case
from tests.world import World

KILLS = int(os.environ.get("JIELI_KILLS", "6"))
SEED = int(os.environ.get("JIELI_SEED", "20260302"))
MOMENTS = {"ack": 60, "send": 3, "update": 2, "press": 1, "scan": 40}  # at most so many later
STANDSTILLS = (0, 0, 35 * SECOND, 70 * SECOND)


async def die_again_and_again(arena: Arena) -> None:
    """Kill at seeded moments of every kind, with a failed inspection under way each time."""
    kinds = [*MOMENTS, "send"]
    for number in range(KILLS):
        if number % len(kinds) == 0:
            arena.rng.shuffle(kinds)
        kind = kinds[number % len(kinds)]
        trouble = asyncio.create_task(arena.fail_inspection())
        await arena.die_at(kind, arena.rng.randint(1, MOMENTS[kind]))
        last = number == KILLS - 1
        await arena.start(70 * SECOND if last else arena.rng.choice(STANDSTILLS))
        await trouble


async def work_through_kills(arena: Arena) -> None:
    """Everybody works while the server dies; then they finish and things come to rest."""
    work = [
        asyncio.create_task(arena.post_on()),
        asyncio.create_task(arena.scan_on()),
        *(asyncio.create_task(arena.press_on(login)) for login in CHATTERS),
    ]
    deaths = asyncio.create_task(die_again_and_again(arena))
    await asyncio.wait([deaths, *work], return_when=asyncio.FIRST_COMPLETED)
    arena.stopping.set()
    await asyncio.gather(deaths, *work)
    await arena.rested()


def case_of(arena: Arena) -> Case:
    return Case(
        db=arena.db,
        simulator=arena.simulator,
        log=arena.log,
        http=arena.http,
        headers=arena.headers("liqiang"),
        now=arena.clock.now(),
    )


async def test_nothing_promised_is_lost_by_kill_nine(tmp_path: Path) -> None:
    async with open_arena(tmp_path, SEED) as arena:
        await work_through_kills(arena)
        case = case_of(arena)
        found = [
            *await judge.promises_kept(case),
            *judge.stock_adds_up(case, arena.opening),
            *judge.timers_fired_once(case),
            *judge.cards_stand_once(case),
            *judge.nobody_waits_in_vain(case),
            *judge.presses_counted(case),
            *judge.books_proven(case),
        ]
        asked = {each["id"]: each for each in await inbox_of(arena)}
        tell(arena)
    assert found == [], "\n".join([f"JIELI_SEED={SEED} JIELI_KILLS={KILLS}", *found])
    assert arena.gun.inbox == asked
    assert arena.kills == KILLS
    assert arena.log.retried, "no kill hit anybody at work: the moments are chosen badly"


async def inbox_of(arena: Arena) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await arena.get("zhaogang", "/api/tasks/inbox"))["items"]
    return found


def tell(arena: Arena) -> None:
    """One JSON line of figures (trust.md §1)."""
    log, vendor = arena.log, arena.simulator
    facts = {
        "test": "R1",
        "seed": SEED,
        "kills": arena.kills,
        "postings": len(log.promised),
        "refused": len(log.refused),
        "scans": len(log.scanned),
        "retried": len(log.retried),
        "presses": len(log.presses),
        "sends": vendor.calls("message/send"),
        "updates": vendor.calls("message/update_template_card"),
    }
    print(orjson.dumps(facts).decode())
