"""Heartbeats: cheap for the server, and the last to notice that a session has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from core import people
from core.clock import MINUTE, SECOND, ManualClock
from core.db import Database
from pda.protocol import HEARTBEAT_SECONDS
from tests.pda.floor import Floor, Scanner

MANY = 12


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """An entry for each time that the database was asked to read."""
    asked: list[object] = []
    read = Database.read

    async def counted(db: Database, query: Callable[[Connection], Any]) -> Any:
        asked.append(query)
        return await read(db, query)

    monkeypatch.setattr(Database, "read", counted)
    return asked


async def crew(floor: Floor, count: int = MANY) -> list[Scanner]:
    """Scanners in the hands of Zhang and Li in turns, whose first heartbeat is due."""
    guns = [await floor.scanner(("zhang", "li")[n % 2]).connect() for n in range(count)]
    floor.clock.advance(HEARTBEAT_SECONDS * SECOND)
    return guns


async def beat(gun: Scanner) -> str:
    """What a heartbeat is answered with."""
    assert gun.wire is not None
    gun.wire.send({"t": "ping", "n": 1})
    return str((await gun.take("pong", "signed_out"))["t"])


async def all_beat(guns: list[Scanner]) -> list[str]:
    return list(await asyncio.gather(*map(beat, guns)))


async def test_scanners_that_say_together_that_they_are_there_share_a_question(
    floor: Floor, questions: list[object]
) -> None:
    guns = await crew(floor)
    questions.clear()
    said = await all_beat(guns)
    assert said == ["pong"] * MANY
    assert 1 <= len(questions) <= 2  # the first may have been asked about alone


async def test_one_whose_session_ended_is_told_and_its_neighbours_are_not(
    floor: Floor, clock: ManualClock
) -> None:
    guns = await crew(floor)
    token = guns[0].session
    assert token is not None
    await floor.db.write(lambda tx: people.close_session(tx, token))
    assert await all_beat(guns) == ["signed_out"] + ["pong"] * (MANY - 1)
    clock.advance(9 * MINUTE)
    assert (await guns[1].scan("PO-1"))["ok"]
    clock.advance(2 * MINUTE)
    assert await all_beat(guns[1:]) == ["pong"] + ["signed_out"] * (MANY - 2)


async def test_two_connections_of_one_session_are_both_answered(floor: Floor) -> None:
    [gun] = await crew(floor, 1)
    again = await Scanner(floor, gun.token, gun.login, gun.session).connect()
    floor.clock.advance(HEARTBEAT_SECONDS * SECOND)
    assert await all_beat([gun, again]) == ["pong", "pong"]


async def test_who_hangs_up_while_it_is_asked_about_spoils_no_answer(floor: Floor) -> None:
    leaving, *guns = await crew(floor, 4)
    assert leaving.wire is not None
    leaving.wire.send({"t": "ping", "n": 1})
    await leaving.leave()
    assert await all_beat(guns) == ["pong"] * 3
