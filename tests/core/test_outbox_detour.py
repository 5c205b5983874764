"""A vendor that refuses our whole account: who has another app is called there, all at once."""

from __future__ import annotations

import pytest

from core.clock import HOUR, MINUTE, SECOND, ManualClock
from core.db import Database
from core.outbox.accounts import leave
from core.outbox.channel import SendResult
from core.outbox.null import TIMEOUT_BEFORE_ACCEPT, Null, Scripted
from core.people import ENGINE, update_person
from tests.core.outbox_room import Room

REFUSED = Scripted(SendResult("later", retry_after_s=600, code="60020", scope="account"))


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    made = Room(db, clock)
    made.channels["telegram"] = Null(name="telegram")
    return made


def other(room: Room) -> Null:
    found = room.channels["telegram"]
    assert isinstance(found, Null)
    return found


async def later(room: Room, minutes: int) -> None:
    room.clock.advance(minutes * MINUTE + SECOND)
    await room.deliver()


async def test_all_that_waits_takes_the_other_way_not_one_in_ten_minutes(room: Room) -> None:
    wang = room.person("wang", chats=("null", "telegram"))
    room.null.will("wang", *[REFUSED] * 99)
    for number in range(10):
        room.put(wang, f"t{number}")
    await room.deliver()
    await later(room, 10)
    assert other(room).phone("wang") == [], "a short trouble moves nobody"
    await later(room, 10)
    assert len(other(room).phone("wang")) == 10
    assert room.null.phone("wang") == []


async def test_who_has_no_other_app_is_tried_until_patience_ends(room: Room) -> None:
    letter = room.put(room.person("li"))
    room.null.will("li", *[REFUSED] * 99)
    for _ in range(6 * 6 + 2):
        await later(room, 10)
    assert [each.message_id for each in room.deaths] == [letter]
    assert room.null.phone("li") == []


async def test_what_came_later_is_not_moved_yet(room: Room) -> None:
    wang = room.person("wang", chats=("null", "telegram"))
    room.null.will("wang", *[REFUSED] * 2)
    room.put(wang, "old")
    await room.deliver()
    await later(room, 9)
    room.put(wang, "new")
    await later(room, 7)
    assert [each.task_id for each in other(room).attempts] == ["old"]
    await later(room, 10)
    assert [each.task_id for each in room.null.attempts][-1] == "new"


async def test_a_card_that_may_have_arrived_is_looked_for_where_it_may_stand(room: Room) -> None:
    wang = room.person("wang", chats=("null", "telegram"))
    room.null.will("wang", TIMEOUT_BEFORE_ACCEPT, *[REFUSED] * 3)
    room.put(wang)
    await room.deliver()
    for _ in range(4):
        await later(room, 10)
    assert other(room).phone("wang") == []
    assert len(room.null.phone("wang")) == 1


async def test_who_wants_cards_everywhere_gets_no_second_one(room: Room) -> None:
    wang = room.person("wang", chats=("null", "telegram"))
    room.db.write_now(lambda tx: update_person(tx, ENGINE, wang, {"everywhere": True}))
    room.null.will("wang", *[REFUSED] * 3)
    room.put(wang)
    await room.deliver()
    for _ in range(6):
        await later(room, 10)
    assert len(other(room).phone("wang")) == 1
    assert len(room.null.phone("wang")) == 1


async def test_who_wants_cards_everywhere_and_unbinds_one_app_gets_no_second_one(
    room: Room,
) -> None:
    wang = room.person("wang", chats=("null", "telegram"))
    room.db.write_now(lambda tx: update_person(tx, ENGINE, wang, {"everywhere": True}))
    room.null.will("wang", REFUSED)
    room.put(wang)
    await room.deliver()
    room.db.write_now(lambda tx: leave(tx, "null", "wang"))
    await later(room, 20)
    assert len(other(room).phone("wang")) == 1


async def test_a_storm_behind_a_refusal_is_not_stopped_by_who_cannot_move(room: Room) -> None:
    """The oldest 500 have nowhere else to go; the one behind them has."""
    lone = room.person("li")
    for number in range(501):
        room.put(lone, f"n{number}")
    wang = room.person("wang", chats=("null", "telegram"))
    room.put(wang, "mine")
    for name in ("li", "wang"):
        room.null.will(name, *[REFUSED] * 99)
    await room.deliver()
    room.clock.advance(HOUR // 2)
    await room.deliver()
    assert [each.task_id for each in other(room).attempts] == ["mine"]


def test_all_that_waits_leaves_an_account_however_much_it_is(room: Room) -> None:
    wang = room.person("wang", chats=("null", "telegram"))
    for number in range(501):
        room.put(wang, f"n{number}")
    room.db.write_now(lambda tx: leave(tx, "null", "wang"))
    assert room.claim() == []
