"""Delivery as people see it: which cards stand on whose phone, and what happens when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from core import events
from core.clock import HOUR, MINUTE, SECOND, ManualClock
from core.db import Database
from core.outbox.channel import Capabilities, Delivery, SendResult
from core.outbox.deliver import Deliverer, deliver_steps
from core.outbox.letters import dead_letters, drop, reassign, resend
from core.outbox.null import (
    LEFT_THE_COMPANY,
    RATE_LIMITED,
    TIMEOUT_AFTER_ACCEPT,
    TIMEOUT_BEFORE_ACCEPT,
    Null,
    Scripted,
)
from core.outbox.recording import record, recover
from core.outbox.surfaces import surface_of_card, surfaces_of
from core.outbox.tables import attempts
from core.people import ENGINE, chats_of
from tests.core.outbox_room import Room, card


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


async def test_a_card_reaches_the_phone_once(room: Room) -> None:
    wang = room.person("wang")
    first = room.put(wang, key="t1:1:open:wang")
    assert room.put(wang, key="t1:1:open:wang") == first
    await room.deliver()
    assert room.put(wang, key="t1:1:open:wang") == first
    await room.deliver()
    assert [shown.card.title for shown in room.null.phone("wang")] == ["质检不合格"]
    assert room.message(first).state == "sent"


async def test_a_closed_task_takes_the_buttons_off_every_phone(room: Room) -> None:
    for name in ("wang", "li"):
        room.put(room.person(name))
    await room.deliver()
    room.close("t1", 2)
    await room.deliver()
    for name in ("wang", "li"):
        (shown,) = room.null.phone(name)
        assert shown.card.closed
        assert shown.card.result.startswith("已由 李某")
        assert shown.tokens == {}
    states = room.db.read_now(lambda conn: [s.state for s in surfaces_of(conn, "t1")])
    assert states == ["closed", "closed"]


async def test_an_unsent_card_is_dropped_when_its_task_moved_on(room: Room) -> None:
    unsent = room.put(room.person("wang"))
    room.close("t1", 2)
    await room.deliver()
    assert room.null.attempts == []
    assert room.message(unsent).state == "superseded"


async def test_a_card_in_flight_while_its_task_closes_is_closed_when_it_lands(room: Room) -> None:
    room.put(room.person("wang"))
    (claimed,) = room.claim()
    result = await room.null.send(claimed.delivery)
    room.close("t1", 2)
    room.db.write_now(lambda tx: record(tx, claimed, result))
    await room.deliver()
    (shown,) = room.null.phone("wang")
    assert shown.card.closed


async def test_queued_edits_collapse_to_the_newest(room: Room) -> None:
    """Museum: oncall#5088 queued more than 100,000 card updates."""
    room.put(room.person("wang"))
    await room.deliver()
    for number in range(50):
        room.edit("t1", card(f"第 {number} 版"))
    await room.deliver()
    (shown,) = room.null.phone("wang")
    assert (shown.card.title, shown.revisions) == ("第 49 版", 2)


async def test_an_edit_during_an_edit_follows_it(room: Room) -> None:
    room.put(room.person("wang"))
    await room.deliver()
    room.edit("t1", card("第 1 版"))
    (claimed,) = room.claim()
    room.edit("t1", card("第 2 版"))
    room.edit("t1", card("第 3 版"))
    assert room.claim("b") == [], "one edit of a card at a time"
    result = await room.null.edit(claimed.delivery, claimed.handle or {})
    room.db.write_now(lambda tx: record(tx, claimed, result))
    await room.deliver()
    (shown,) = room.null.phone("wang")
    assert (shown.card.title, shown.revisions) == ("第 3 版", 3)


async def test_an_edit_that_changes_nothing_costs_nothing(room: Room) -> None:
    room.put(room.person("wang"))
    await room.deliver()
    assert room.edit("t1", card()) == 0
    assert room.edit("t1", card(), generation=2) == 1, "its buttons mean something else now"


async def test_a_reminder_closes_the_card_before_it(room: Room) -> None:
    wang = room.person("wang")
    room.put(wang)
    await room.deliver()
    room.put(wang, priority="reminder")
    await room.deliver()
    old, new = room.null.phone("wang")
    assert (old.card.closed, new.card.closed) == (True, False)
    assert "最新一张" in old.card.result
    room.close("t1", 2)
    await room.deliver()
    assert new.card.closed
    assert "最新一张" in old.card.result


async def test_unsent_cards_of_one_task_fold_into_the_newest_and_keep_the_lane(room: Room) -> None:
    wang = room.person("wang", quiet=(8 * 60, 10 * 60))
    room.put(wang, priority="escalation")
    last = room.put(wang, priority="reminder", say=card("第二次提醒"))
    room.clock.advance(HOUR)
    await room.deliver()
    assert [shown.card.title for shown in room.null.phone("wang")] == ["第二次提醒"]
    assert room.message(last).lane == 0


async def test_quiet_hours_hold_all_but_the_urgent(room: Room) -> None:
    """It is 09:00; this person works at night and sleeps until 14:00."""
    night = room.person("night", quiet=(8 * 60, 14 * 60))
    room.put(night, "calm", priority="escalation")
    room.put(night, "fire", urgent=True)
    await room.deliver()
    assert [each.task_id for each in room.null.attempts] == ["fire"]
    room.clock.advance(5 * HOUR - SECOND)
    await room.deliver()
    assert len(room.null.attempts) == 1
    room.clock.advance(SECOND)
    await room.deliver()
    assert [each.task_id for each in room.null.attempts] == ["fire", "calm"]


async def test_a_429_holds_one_person_and_nobody_else(room: Room) -> None:
    """Museum: oncall#4087, a rate limit of one team delayed all teams."""
    wang, li = room.person("wang"), room.person("li")
    room.null.will("wang", RATE_LIMITED)
    room.put(wang, "t1")
    room.put(wang, "t2")
    room.put(li, "t3")
    await room.deliver()
    assert room.null.phone("wang") == []
    assert len(room.null.phone("li")) == 1
    room.clock.advance(29 * SECOND)
    await room.deliver()
    assert room.null.phone("wang") == []
    room.clock.advance(2 * SECOND)
    await room.deliver()
    assert [shown.card.title for shown in room.null.phone("wang")] == ["质检不合格"] * 2


async def test_a_limit_of_the_whole_account_holds_everybody(room: Room) -> None:
    room.null.will("wang", Scripted(SendResult("later", retry_after_s=60, scope="account")))
    room.put(room.person("wang"), "t1")
    await room.deliver()
    room.put(room.person("li"), "t2")
    await room.deliver()
    assert room.null.phone("li") == []
    due = await room.db.read(deliver_steps(room.db, room.channels)[0].next_due)
    assert due == room.clock.now() + 60 * SECOND
    room.clock.advance(61 * SECOND)
    await room.deliver()
    assert len(room.null.phone("li")) == len(room.null.phone("wang")) == 1


async def test_a_storm_keeps_the_limit_the_lanes_and_the_head_room_for_closing(room: Room) -> None:
    wang = room.person("wang")
    for number in range(30):
        room.put(wang, f"new{number}")
    room.put(wang, "late", priority="escalation")
    await room.deliver()
    assert len(room.null.attempts) == 20, "20 new cards a minute"
    assert room.null.attempts[0].task_id == "late"
    assert [each.task_id for each in room.null.attempts[1:4]] == ["new0", "new1", "new2"]
    room.close("new3", 2)
    await room.deliver()
    assert len(room.null.attempts) == 21, "a closing edit does not wait for the window"
    room.clock.advance(MINUTE)
    await room.deliver()
    assert len(room.null.attempts) == 32


async def test_an_ambiguous_send_is_repeated_identically_and_then_edited(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    room.null.will("wang", TIMEOUT_AFTER_ACCEPT)
    await room.deliver()
    room.edit("t1", card("新的标题"))
    room.clock.advance(10 * SECOND)
    await room.deliver()
    first, second, edit = room.null.attempts
    assert (first.card, first.tokens) == (second.card, second.tokens)
    assert (first.again, second.again) == (False, True)
    assert edit.card.title == "新的标题"
    (shown,) = room.null.phone("wang")
    assert (shown.card.title, shown.revisions) == ("新的标题", 2)
    assert room.message(message_id).state == "sent"


async def test_a_second_ambiguous_end_becomes_a_dead_letter(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    room.null.will("wang", TIMEOUT_BEFORE_ACCEPT, TIMEOUT_BEFORE_ACCEPT)
    await room.deliver()
    room.clock.advance(MINUTE)
    await room.deliver()
    assert [letter.message_id for letter in room.deaths] == [message_id]


async def test_who_left_the_company_is_reached_on_the_next_channel_at_once(room: Room) -> None:
    other = Null(name="other")
    room.channels["other"] = other
    wang = room.person("wang", chats=("null", "other"))
    room.null.will("wang", LEFT_THE_COMPANY)
    room.put(wang)
    await room.deliver()
    assert len(other.phone("wang")) == 1
    states = room.db.read_now(lambda conn: {c.channel: c.state for c in chats_of(conn, wang)})
    assert states == {"null": "dead", "other": "active"}
    room.put(wang, "t2")
    await room.deliver()
    assert len(room.null.attempts) == 1, "the dead account is not tried again"


async def test_a_channel_that_is_not_wired_hands_on_or_dies_loudly(room: Room) -> None:
    gone = room.person("gone", chats=("pager",))
    room.put(gone)
    room.put(room.person("both", chats=("pager", "null")), "t2")
    await room.deliver()
    assert [letter.code for letter in room.deaths] == ["not_wired"]
    assert len(room.null.phone("both")) == 1


async def test_what_no_channel_takes_is_told_at_once_however_much_there_is(room: Room) -> None:
    """What a vendor takes in a minute is no limit for what is shown to no vendor."""
    gone = room.person("gone", chats=("pager",))
    letters = {room.put(gone, f"t{number}") for number in range(70)}
    await room.deliver()
    assert {letter.message_id for letter in room.deaths} == letters


async def test_a_dead_letter_is_told_exactly_once_in_the_same_transaction(room: Room) -> None:
    wang = room.person("wang")
    message_id = room.put(wang)
    room.null.will("wang", Scripted(SendResult("never", code="40058", reason="卡片格式不对")))
    await room.deliver()
    await room.deliver()
    assert [(each.message_id, each.code) for each in room.deaths] == [(message_id, "40058")]
    history = room.db.read_now(lambda conn: events.of_subject(conn, "task:t1"))
    assert [event.kind for event in history] == ["outbox.dead"]
    assert [each.id for each in room.db.read_now(dead_letters)] == [message_id]


async def test_a_callback_that_fails_takes_the_death_back(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    room.null.will("wang", Scripted(SendResult("never")))

    def broken(_tx: object, _letter: object) -> None:
        raise LookupError("no administrator")

    with pytest.raises(LookupError):
        await Deliverer(room.db, room.null, broken).run()
    assert room.message(message_id).state == "sending", "the lease will bring it back"


async def test_an_admin_resends_reassigns_or_drops_a_dead_letter(room: Room) -> None:
    wang, li = room.person("wang"), room.person("li")
    refused = Scripted(SendResult("never"))
    room.null.will("wang", refused, refused, refused)
    letters = [room.put(wang, f"t{number}") for number in range(3)]
    await room.deliver()
    again, elsewhere, given_up = (str(each) for each in letters)
    room.db.write_now(lambda tx: resend(tx, ENGINE, again))
    room.db.write_now(lambda tx: reassign(tx, ENGINE, elsewhere, li))
    room.db.write_now(lambda tx: drop(tx, ENGINE, given_up, "已电话通知"))
    await room.deliver()
    assert len(room.null.phone("wang")) == len(room.null.phone("li")) == 1
    assert room.message(given_up).state == "superseded"
    assert room.db.read_now(dead_letters) == []


async def test_a_worker_that_died_is_replaced_after_its_lease(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    (claimed,) = room.claim("dead worker")
    await room.null.send(claimed.delivery)  # and then the power went
    room.clock.advance(29 * SECOND)
    await room.deliver()
    assert len(room.null.attempts) == 1
    room.clock.advance(2 * SECOND)
    await room.deliver()
    assert [each.again for each in room.null.attempts] == [False, True]
    assert len(room.null.phone("wang")) == 1
    assert room.message(message_id).state == "sent"


async def test_a_worker_that_comes_back_late_overwrites_nothing(room: Room) -> None:
    room.null.checks_duplicates = False
    message_id = room.put(room.person("wang"))
    (slow,) = room.claim("slow")
    late = await room.null.send(slow.delivery)
    room.clock.advance(31 * SECOND)
    await room.deliver()
    before = room.message(message_id)
    assert not room.db.write_now(lambda tx: record(tx, slow, late))
    assert room.message(message_id) == before
    await room.deliver()
    first, second = room.null.phone("wang")
    assert (first.card.closed, second.card.closed) == (True, False), "one baton, one card"
    own = select(attempts).where(attempts.c.message_id == message_id).order_by(attempts.c.n)
    tried = room.db.read_now(lambda conn: conn.execute(own).all())
    assert [(each.outcome, each.code) for each in tried] == [("sent", "lease_lost"), ("sent", "")]


async def test_a_late_refusal_does_not_kill_what_another_worker_delivers(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    (slow,) = room.claim("slow")
    room.clock.advance(31 * SECOND)
    room.db.write_now(lambda tx: recover(tx, "null"))
    (fast,) = room.claim("fast")
    never = SendResult("never", gone=True)
    assert not room.db.write_now(lambda tx: record(tx, slow, never, on_dead=room.on_dead))
    result = await room.null.send(fast.delivery)
    assert room.db.write_now(lambda tx: record(tx, fast, result))
    assert room.message(message_id).state == "sent"
    assert room.deaths == []


async def test_a_late_card_of_a_task_that_is_over_is_withdrawn(room: Room) -> None:
    room.put(room.person("wang"))
    (slow,) = room.claim("slow")
    result = await room.null.send(slow.delivery)
    room.close("t1", 2)
    room.clock.advance(31 * SECOND)
    await room.deliver()
    assert not room.db.write_now(lambda tx: record(tx, slow, result))
    await room.deliver()
    (shown,) = room.null.phone("wang")
    assert shown.card.closed


async def test_a_slow_old_edit_that_lands_last_is_put_right(room: Room) -> None:
    room.put(room.person("wang"))
    await room.deliver()
    room.edit("t1", card("旧"))
    (slow,) = room.claim("slow")
    room.edit("t1", card("新"))
    room.clock.advance(31 * SECOND)
    await room.deliver()
    result = await room.null.edit(slow.delivery, slow.handle or {})  # only now it arrives
    room.db.write_now(lambda tx: record(tx, slow, result))
    await room.deliver()
    (shown,) = room.null.phone("wang")
    assert shown.card.title == "新"


async def test_trying_ends_after_six_hours(room: Room) -> None:
    message_id = room.put(room.person("wang"))
    room.null.will("wang", *[Scripted(SendResult("later", code="-1"))] * 500)
    for _ in range(40):
        room.clock.advance(10 * MINUTE)
        await room.deliver()
    assert room.message(message_id).state == "dead"
    assert len(room.deaths) == 1
    assert len(room.null.attempts) >= 10


async def test_what_nobody_wants_any_more_is_not_sent(room: Room) -> None:
    wang = room.person("wang", quiet=(8 * 60, 10 * 60))
    message_id = room.put(wang, expires_us=room.clock.now() + 30 * MINUTE)
    room.clock.advance(2 * HOUR)
    await room.deliver()
    assert room.message(message_id).code == "expired"


async def test_who_has_no_chat_is_noted_once(room: Room) -> None:
    nobody = room.person("nobody", chats=())
    assert room.put(nobody, "t1") is None
    assert room.put(nobody, "t2") is None
    history = room.db.read_now(lambda conn: events.of_subject(conn, f"person:{nobody}"))
    assert [e.kind for e in history if e.kind.startswith("outbox")] == ["outbox.unreachable"]


class _Hanging:
    """A vendor that does not answer until the test lets it."""

    name = "hanging"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.full = asyncio.Event()
        self.begun = 0

    async def send(self, delivery: Delivery) -> SendResult:
        self.begun += 1
        if self.begun == 8:
            self.full.set()
        await self.let_go.wait()
        return SendResult("sent", handle={"ref": delivery.card_id})

    async def edit(self, _delivery: Delivery, _handle: Mapping[str, Any]) -> SendResult:
        raise ConnectionError("a bug in the vendor's file")


async def test_a_hanging_vendor_holds_at_most_eight_and_no_other_channel(room: Room) -> None:
    hanging = _Hanging()
    room.channels["hanging"] = hanging
    for number in range(12):
        room.put(room.person(f"h{number}", chats=("hanging",)), f"h{number}")
    room.put(room.person("wang"))
    running = asyncio.create_task(Deliverer(room.db, hanging).run())
    await room.deliverer().run()
    assert len(room.null.phone("wang")) == 1
    await hanging.full.wait()
    assert hanging.begun == 8
    hanging.let_go.set()
    assert await running == 12


async def test_a_bug_in_a_channel_hurts_only_its_message(room: Room) -> None:
    hanging = _Hanging()
    hanging.let_go.set()
    room.channels["hanging"] = hanging
    room.put(room.person("wang", chats=("hanging",)), "t1")
    await room.deliver()
    room.edit("t1", card("新"))
    room.put(room.person("li"), "t2")
    await room.deliver()
    assert len(room.null.phone("li")) == 1
    room.clock.advance(7 * HOUR)
    await room.deliver()
    (here,) = room.db.read_now(lambda conn: surfaces_of(conn, "t1"))
    assert here.state == "lost"
    assert room.deaths == [], "an edit that cannot be made wakes no administrator"


async def test_a_channel_without_edits_is_not_asked_for_one(room: Room) -> None:
    room.null.capabilities = Capabilities(edit=False)
    message_id = room.put(room.person("wang"))
    await room.deliver()
    room.close("t1", 2)
    await room.deliver()
    assert len(room.null.attempts) == 1
    found = room.db.read_now(lambda conn: surface_of_card(conn, str(message_id)))
    assert found is not None
    assert found.state == "lost"


async def test_a_repeat_of_a_card_that_was_replaced_meanwhile_stays_closed(room: Room) -> None:
    """Found by the property test: the late twin of a retired card must not come back to life."""
    wang = room.person("wang")
    room.put(wang)
    (slow,) = room.claim("slow")
    late = await room.null.send(slow.delivery)
    room.clock.advance(31 * SECOND)
    await room.deliver()
    room.put(wang, priority="escalation")
    await room.deliver()
    assert not room.db.write_now(lambda tx: record(tx, slow, late))
    room.edit("t1", card("新"))
    await room.deliver()
    old, new = room.null.phone("wang")
    assert (old.card.closed, new.card.title) == (True, "新")
    live = room.db.read_now(lambda conn: surfaces_of(conn, "t1", live_only=True))
    assert [here.handle["ref"] for here in live] == [new.ref]


async def test_a_hundred_cards_for_one_person_do_not_stand_before_one_for_another(
    room: Room,
) -> None:
    """Museum: oncall#4087 again: one claim finds the other person behind a long queue."""
    wang, li = room.person("wang"), room.person("li")
    for number in range(100):
        room.put(wang, f"t{number}")
    room.put(li, "last")
    assert {claimed.message.person_id for claimed in room.claim()} == {wang, li}


async def test_a_late_card_learns_that_its_task_closed_during_the_next_attempt(room: Room) -> None:
    """Found by the property test: the second worker died too, so nobody else would tell it."""
    room.put(room.person("wang"))
    (slow,) = room.claim("slow")
    late = await room.null.send(slow.delivery)
    room.clock.advance(31 * SECOND)
    room.db.write_now(lambda tx: recover(tx, "null"))
    assert len(room.claim("dies")) == 1
    room.close("t1", 2)
    assert not room.db.write_now(lambda tx: record(tx, slow, late))
    room.clock.advance(31 * SECOND)
    await room.deliver()
    (shown,) = room.null.phone("wang")
    assert shown.card.result.startswith("已由 李某")
