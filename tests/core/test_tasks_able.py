"""Nobody gets a task whom every one of its buttons would refuse."""

from __future__ import annotations

import pytest

from core.calendar import add_leave
from core.clock import HOUR, ManualClock
from core.db import Database
from core.errors import AppError
from core.outbox.card import Card
from core.outbox.channel import SendResult
from core.outbox.letters import dead_letters
from core.outbox.null import Scripted
from core.outbox.queue import notice, put
from core.people import ENGINE, Actor, add_team
from core.tasks import again, hold
from tests.core.task_room import Room


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def li(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def rival(room: Room) -> Actor:
    """A supplier's person; nothing of ours is his partner's."""
    return room.person("外人", "supplier", partner_id=room.partner("P-9"))


@pytest.fixture
def viewer(room: Room) -> Actor:
    return room.person("看客", "viewer")


async def test_not_handed_over_to_a_foreign_supplier(room: Room, li: Actor, rival: Actor) -> None:
    task = room.open("role:buyer", partner_id=room.partner("P-1"))
    with pytest.raises(AppError, match=r"外人 是别的往来单位的人.*请换成同事（管理员、.*采购员"):
        room.do(lambda tx: hold.hand_over(tx, li, task.id, rival.person_id, ""))
    await room.deliver()
    assert room.null.phone("外人") == []
    assert room.now(task) == task


def test_not_handed_over_to_somebody_who_only_reads(room: Room, li: Actor, viewer: Actor) -> None:
    task = room.open("role:buyer")
    with pytest.raises(AppError, match="看客 是「只读」，不能处理这件事") as refused:
        room.do(lambda tx: hold.hand_over(tx, li, task.id, viewer.person_id, ""))
    assert refused.value.code == "invalid"
    assert room.now(task) == task


def test_handed_over_to_the_tasks_own_supplier_it_can_be_answered(room: Room, li: Actor) -> None:
    partner = room.partner("P-1")
    wu = room.person("吴经理", "supplier", partner_id=partner)
    task = room.open("role:buyer", partner_id=partner)
    handed = room.do(lambda tx: hold.hand_over(tx, li, task.id, wu.person_id, ""))
    room.close(wu, handed, handed.generation)


def test_somebody_of_another_warehouse_may_be_asked_by_name(room: Room, li: Actor) -> None:
    chen = room.person("陈晨", "warehouse", warehouse_ids=(2,))
    task = room.open("role:buyer", warehouse_id=1)
    handed = room.do(lambda tx: hold.hand_over(tx, li, task.id, chen.person_id, ""))
    room.close(chen, handed, handed.generation)


def test_a_stand_in_who_could_do_nothing_does_not_stand_in(
    room: Room, li: Actor, viewer: Actor
) -> None:
    now = room.clock.now()
    room.do(
        lambda tx: add_leave(
            tx, ENGINE, li.person_id, from_us=now, to_us=now + HOUR, substitute_id=viewer.person_id
        )
    )
    assert room.via(room.open("role:buyer")) == {li.person_id: "role:buyer"}


def test_those_of_a_team_or_by_name_who_could_do_nothing_are_passed_by(
    room: Room, li: Actor, viewer: Actor, rival: Actor
) -> None:
    admin = room.person("管理员", "admin")
    members = (li.person_id, viewer.person_id)
    room.do(lambda tx: add_team(tx, ENGINE, "QC", "质检组", lead_id=None, members=members))
    assert set(room.via(room.open("team:QC"))) == {li.person_id}
    for nobody in (viewer.person_id, rival.person_id, 999_999):
        assert set(room.via(room.open(f"person:{nobody}"))) == {admin.person_id}


async def test_words_that_belong_to_no_task_are_sent_again(room: Room, li: Actor) -> None:
    room.null.will("李某", Scripted(SendResult("never")))
    room.do(lambda tx: put(tx, notice(li.person_id, Card("已经记下"), "words")))
    await room.deliver()
    (letter,) = room.db.read_now(dead_letters)
    assert room.do(lambda tx: again.resend(tx, ENGINE, letter.id))
    await room.deliver()
    assert [shown.card.title for shown in room.null.phone("李某")] == ["已经记下"]


async def test_a_dead_letter_is_not_sent_to_a_foreign_supplier(
    room: Room, li: Actor, rival: Actor, viewer: Actor
) -> None:
    room.null.will("李某", Scripted(SendResult("never")))
    room.open("role:buyer")
    await room.deliver()
    (letter,) = room.db.read_now(dead_letters)
    with pytest.raises(AppError, match="不能看这件事"):
        room.do(lambda tx: again.reassign(tx, ENGINE, letter.id, rival.person_id))
    assert room.do(lambda tx: again.reassign(tx, ENGINE, letter.id, viewer.person_id))
    await room.deliver()
    assert room.null.phone("外人") == []
    assert len(room.null.phone("看客")) == 1
