"""How a person wants to be reached: which channel first, on all of them, and not at night."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.clock import HOUR, ManualClock
from core.db import Database
from core.errors import AppError
from core.outbox.channel import SendResult
from core.outbox.null import LEFT_THE_COMPANY, Null, Scripted
from core.outbox.rules import minutes_until
from core.people import ENGINE, update_person
from tests.core.outbox_room import Room, card, closed

NAMES = ("wecom", "dingtalk", "telegram")


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    made = Room(db, clock)
    made.channels = {name: Null(name=name) for name in NAMES}
    return made


def wants(room: Room, person_id: int, **changes: Any) -> None:
    room.db.write_now(lambda tx: update_person(tx, ENGINE, person_id, changes))


def phones(room: Room) -> list[int]:
    """How many cards each channel has brought to wang."""
    return [len(null(room, name).phone("wang")) for name in NAMES]


def null(room: Room, name: str) -> Null:
    found = room.channels[name]
    assert isinstance(found, Null)
    return found


async def test_the_first_wish_comes_first_and_what_is_not_named_last(room: Room) -> None:
    wang = room.person("wang", chats=NAMES)
    wants(room, wang, channels=("telegram", "wecom"))
    room.put(wang)
    await room.deliver()
    assert phones(room) == [0, 0, 1]
    null(room, "telegram").will("wang", LEFT_THE_COMPANY)
    room.put(wang, "t2")
    await room.deliver()
    assert phones(room) == [1, 0, 1]


async def test_everywhere_is_one_card_on_each_and_one_answer_closes_all(room: Room) -> None:
    wang = room.person("wang", chats=NAMES)
    wants(room, wang, everywhere=True)
    first = room.put(wang, key="k1")
    assert room.put(wang, key="k1") == first, "the same key is the same cards"
    await room.deliver()
    assert phones(room) == [1, 1, 1]
    tokens = {null(room, name).attempts[0].tokens["return"] for name in NAMES}
    assert len(tokens) == 3, "each card has its own buttons"
    room.close("t1", 2)
    await room.deliver()
    for name in NAMES:
        (shown,) = null(room, name).phone("wang")
        assert shown.card == closed()


async def test_one_channel_that_refuses_is_no_dead_letter_while_another_brings_it(
    room: Room,
) -> None:
    wang = room.person("wang", chats=NAMES)
    wants(room, wang, everywhere=True)
    no = Scripted(SendResult("never", code="40058", reason="卡片格式不对"))
    for name in NAMES[:2]:
        null(room, name).will("wang", no)
    room.put(wang)
    await room.deliver()
    assert phones(room) == [0, 0, 1]
    assert room.deaths == []
    for name in NAMES:
        null(room, name).will("wang", no, no, no)
    room.put(wang, "t2")
    await room.deliver()
    assert len(room.deaths) == 1, "when nothing brings it, somebody has to know, once"


async def test_a_newer_card_replaces_what_no_channel_has_sent(room: Room) -> None:
    wang = room.person("wang", chats=NAMES)
    wants(room, wang, everywhere=True)
    room.put(wang)
    room.put(wang)
    await room.deliver()
    assert phones(room) == [1, 1, 1]


async def test_who_does_not_want_to_be_woken_is_not(room: Room) -> None:
    night = (21 * 60, 8 * 60)
    wang, li = (room.person(name, chats=("wecom",), quiet=night) for name in ("wang", "li"))
    wants(room, li, urgent_wakes=False)
    room.clock.advance(14 * HOUR)  # 23:00
    room.put(wang, "t1", urgent=True)
    room.put(li, "t2", urgent=True)
    await room.deliver()
    wecom = null(room, "wecom")
    assert (len(wecom.phone("wang")), len(wecom.phone("li"))) == (1, 0)
    room.clock.advance(9 * HOUR)  # 08:00
    await room.deliver()
    assert len(wecom.phone("li")) == 1


def test_wishes_are_checked(room: Room) -> None:
    wang = room.person("wang")
    for wrong in ({"channels": ("pager",)}, {"digest_at": 1440}):
        with pytest.raises(AppError, match="invalid"):
            wants(room, wang, **wrong)


async def test_reminders_come_in_one_at_the_hour_the_person_chose(room: Room) -> None:
    """Three tasks remind during the day; at 17:00 one message says so. A new card does not wait."""
    wang = room.person("wang", chats=("wecom",))
    wants(room, wang, digest_at=17 * 60)
    tomorrow = room.clock.now() + 30 * HOUR
    for number in range(3):
        room.put(wang, f"t{number}", priority="reminder", can_wait=tomorrow)
    room.put(wang, "t9")
    await room.deliver()
    wecom = null(room, "wecom")
    assert len(wecom.phone("wang")) == 1, "only the new card"
    room.clock.advance(8 * HOUR)
    await room.deliver()
    _, digest = wecom.phone("wang")
    assert digest.card.title == "汇总：3 件事等你处理"
    assert [fact.value for fact in digest.card.facts] == ["质检不合格"] * 3


async def test_a_reminder_that_would_come_too_late_does_not_wait(room: Room) -> None:
    wang = room.person("wang", chats=("wecom",))
    wants(room, wang, digest_at=17 * 60)
    room.put(wang, "t1", priority="reminder", can_wait=room.clock.now() + HOUR)
    room.put(wang, "t2", priority="reminder", can_wait=room.clock.now() + 30 * HOUR, urgent=True)
    await room.deliver()
    assert len(null(room, "wecom").phone("wang")) == 2


async def test_one_reminder_alone_is_its_own_card(room: Room) -> None:
    wang = room.person("wang", chats=("wecom",))
    wants(room, wang, digest_at=17 * 60)
    room.put(wang, "t1", priority="reminder", can_wait=room.clock.now() + 30 * HOUR)
    room.clock.advance(8 * HOUR)
    await room.deliver()
    (shown,) = null(room, "wecom").phone("wang")
    assert shown.card.title == "质检不合格"
    assert shown.card.buttons


async def test_a_card_that_waits_for_the_morning_does_not_wait_for_the_digest(room: Room) -> None:
    """At night a reminder replaces the new card; he hears at seven, as he would have."""
    wang = room.person("wang", chats=("wecom",), quiet=(22 * 60, 7 * 60))
    wants(room, wang, digest_at=17 * 60)
    room.clock.advance(14 * HOUR)  # 23:00
    room.put(wang, "t1")
    await room.deliver()
    room.clock.advance(5 * HOUR)
    tomorrow = room.clock.now() + 30 * HOUR
    room.put(wang, "t1", priority="reminder", can_wait=tomorrow, say=card("提醒"))
    room.put(wang, "t2", priority="reminder", can_wait=tomorrow)
    room.put(wang, "t2", priority="reminder", can_wait=tomorrow)
    await room.deliver()
    room.clock.advance(3 * HOUR)  # 07:00
    await room.deliver()
    assert [shown.card.title for shown in null(room, "wecom").phone("wang")] == ["提醒"]


async def test_an_urgent_card_that_a_reminder_replaces_still_wakes_people(room: Room) -> None:
    wang = room.person("wang", chats=("wecom",), quiet=(22 * 60, 7 * 60))
    busy = SendResult("later", retry_after_s=600, code="45009", scope="account")
    null(room, "wecom").will("wang", Scripted(busy))
    room.clock.advance(14 * HOUR)  # 23:00
    room.put(wang, "t0", urgent=True)
    await room.deliver()
    room.put(wang, "t1", urgent=True, say=replace(card(), ding=True))
    room.put(wang, "t1", priority="reminder", say=card("提醒"))
    room.clock.advance(HOUR)
    await room.deliver()
    newest = null(room, "wecom").phone("wang")[-1].card
    assert (newest.title, newest.ding) == ("提醒", True)


@pytest.mark.parametrize(
    ("minute", "at", "left"),
    [(540, 1020, 480), (1020, 1020, 1440), (0, 0, 1440), (1439, 0, 1)],
)
def test_the_next_hour_is_never_now(minute: int, at: int, left: int) -> None:
    assert minutes_until(minute, at) == left
