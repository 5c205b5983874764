"""How long a card is tried: patience is for a vendor that does not take it, not for our delays."""

from __future__ import annotations

import pytest

from core.clock import HOUR, MINUTE, SECOND, ManualClock
from core.db import Database
from core.outbox.channel import SendResult
from core.outbox.null import RATE_LIMITED, TIMEOUT_BEFORE_ACCEPT, Null, Scripted
from core.outbox.recording import recover
from tests.core.outbox_room import Room
from tests.core.task_room import at

NIGHT = (22 * 60, 7 * 60)
DOWN = Scripted(SendResult("later", code="503"))
REFUSED = Scripted(SendResult("later", retry_after_s=600, code="60020", scope="account"))


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.mark.parametrize("hiccup", [RATE_LIMITED, DOWN, TIMEOUT_BEFORE_ACCEPT])
async def test_a_card_of_the_night_survives_one_hiccup_in_the_morning(
    room: Room, hiccup: Scripted
) -> None:
    room.clock.move_to(at("2026-03-02 22:30"))
    put = room.put(room.person("wang", quiet=NIGHT))
    await room.deliver()
    assert room.null.attempts == []
    room.clock.move_to(at("2026-03-03 07:00"))
    room.null.will("wang", hiccup)
    await room.deliver()
    assert room.message(put).state == "pending"
    room.clock.advance(MINUTE)
    await room.deliver()
    assert len(room.null.phone("wang")) == 1
    assert room.deaths == []


async def test_a_card_that_was_refused_before_the_night_goes_on_in_the_morning(room: Room) -> None:
    room.clock.move_to(at("2026-03-02 21:59"))
    room.null.will("wang", RATE_LIMITED, *[DOWN] * 2)
    put = room.put(room.person("wang", quiet=NIGHT))
    await room.deliver()
    room.clock.move_to(at("2026-03-02 22:00"))
    await room.deliver()
    room.clock.move_to(at("2026-03-03 07:00"))
    await room.deliver()
    assert len(room.null.attempts) == 2
    room.clock.advance(5 * HOUR)
    await room.deliver()
    assert room.message(put).state == "pending"
    room.clock.advance(MINUTE)
    await room.deliver()
    assert room.message(put).state == "sent"


async def test_a_card_of_the_night_is_not_tried_for_ever(room: Room) -> None:
    room.clock.move_to(at("2026-03-02 22:30"))
    put = room.put(room.person("wang", quiet=NIGHT))
    await room.deliver()
    room.clock.move_to(at("2026-03-03 07:00"))
    room.null.will("wang", *[DOWN] * 500)
    for _ in range(37):
        await room.deliver()
        room.clock.advance(10 * MINUTE)
    assert [each.message_id for each in room.deaths] == [put]


@pytest.mark.parametrize("tried_before", [False, True])
async def test_a_server_that_was_off_takes_nobodys_second_try(
    room: Room, tried_before: bool
) -> None:
    put = room.put(room.person("wang"))
    if tried_before:
        room.null.will("wang", DOWN)
        await room.deliver()
    room.clock.advance(9 * HOUR)
    room.null.will("wang", DOWN)
    await room.deliver()
    assert room.message(put).state == "pending"
    room.clock.advance(MINUTE)
    await room.deliver()
    assert len(room.null.phone("wang")) == 1


async def test_a_server_that_died_while_it_sent_looks_for_the_card_when_it_is_back(
    room: Room,
) -> None:
    put = room.put(room.person("wang"))
    room.claim()
    room.clock.advance(9 * HOUR)
    room.db.write_now(lambda tx: recover(tx, "null", on_dead=room.on_dead))
    assert room.message(put).state == "pending"
    room.null.will("wang", DOWN)
    await room.deliver()
    room.clock.advance(MINUTE)
    await room.deliver()
    assert len(room.null.phone("wang")) == 1


async def test_the_night_does_not_count_as_waiting_for_a_vendor(room: Room) -> None:
    telegram = room.channels["telegram"] = Null(name="telegram")
    room.clock.move_to(at("2026-03-02 22:30"))
    room.put(room.person("wang", quiet=NIGHT, chats=("null", "telegram")))
    await room.deliver()
    room.clock.move_to(at("2026-03-03 07:00"))
    room.null.will("wang", REFUSED)
    await room.deliver()
    room.clock.advance(10 * MINUTE + SECOND)
    await room.deliver()
    assert len(room.null.phone("wang")) == 1
    assert telegram.attempts == []
