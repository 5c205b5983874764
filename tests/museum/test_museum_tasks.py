"""Museum of tasks: bugs other products had, each kept out by a test named after its thread."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.db import Database
from core.errors import AppError
from core.people import ENGINE, Actor
from core.tasks import board, hold
from core.tasks.policy import Policy, Rung, warnings
from tests.core.task_room import Room, at

NAGGING = Policy(
    "nagging",
    4 * HOUR,
    remind=(HOUR,),
    claim_expires=8 * HOUR,
    rungs=(
        Rung(10 * MINUTE, ("role:supervisor",), repeat_every=5 * MINUTE, repeat_times=50,
             stop_on="claim"),
    ),
)  # fmt: skip


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def li(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def boss(room: Room) -> Actor:
    return room.person("周主管", "supervisor")


async def test_grafana_oncall_3161_ack_and_resolve_in_the_same_second(
    room: Room, li: Actor, boss: Actor
) -> None:
    """An acknowledgement that comes with the resolution must not bring the alert back."""
    task = room.open("role:buyer", "role:supervisor")
    await room.deliver()
    room.close(li, task, generation=1)
    with pytest.raises(AppError) as late:
        room.do(lambda tx: hold.claim(tx, boss, task.id, 1))
    assert late.value.code == "already_done"
    await room.deliver()
    assert room.now(task).state == "done"
    for name in ("李某", "周主管"):
        assert [shown.card.closed for shown in room.null.phone(name)] == [True]


async def test_grafana_oncall_4654_no_notification_after_the_ack(
    room: Room, li: Actor, boss: Actor
) -> None:
    """Somebody has it: nobody is rung again, not even by what was already queued."""
    task = room.open("role:buyer", policy=NAGGING)
    room.after(15 * MINUTE)
    await room.deliver()
    rung = len(room.null.phone("周主管"))
    room.after(5 * MINUTE)  # one more reminder is queued, not sent
    room.do(lambda tx: hold.claim(tx, li, task.id))
    await room.deliver()
    room.after(2 * HOUR)
    await room.deliver()
    assert len(room.null.phone("周主管")) == rung
    (card,) = [shown.card for shown in room.null.live("周主管")]
    facts = {fact.label: fact.value for fact in card.facts}
    assert facts["负责"] == "李某 正在处理（09:20 认领）"


async def test_grafana_oncall_1206_a_restart_does_not_lose_the_escalation(
    room: Room, li: Actor, boss: Actor
) -> None:
    """The deadline is a row: whoever starts next finds it, however long nobody ran."""
    task = room.open("role:buyer", policy=NAGGING)
    room.clock.advance(6 * HOUR)
    room.run()
    assert room.now(task).level == 1
    await room.deliver()
    assert len(room.null.live("周主管")) == 1


async def test_goalert_3378_acked_and_forgotten(room: Room, li: Actor, boss: Actor) -> None:
    """A claim without an answer expires: the task is open again and the ladder goes on."""
    task = room.open("role:buyer", policy=NAGGING)
    room.do(lambda tx: hold.claim(tx, li, task.id))
    await room.deliver()
    room.after(8 * HOUR)
    await room.deliver()
    assert room.now(task).state == "open"
    assert "李某 认领后 8 小时没有下文" in room.null.live("李某")[0].card.lead
    room.after(NAGGING.min_gap)
    assert room.now(task).holder_id == boss.person_id


def test_frappe_33197_due_at_two_on_a_sunday_night(room: Room, li: Actor, boss: Actor) -> None:
    """What falls due while nobody works is not lost: it comes on Monday at nine."""
    room.clock.move_to(at("2026-03-08 02:00"))  # a Sunday
    rungs = (Rung(1, ("role:supervisor",), "working"),)
    task = room.open("role:buyer", policy=Policy("p", 1, "working", rungs=rungs))
    room.until(at("2026-03-09 08:59"))
    assert room.now(task).level == 0
    room.until(at("2026-03-09 09:01"))
    assert room.now(task).level == 1


def test_frappe_33197_the_engine_sleeps_over_the_deadline(
    room: Room, li: Actor, boss: Actor
) -> None:
    """Due at 02:00 on Sunday, the machine comes back on Monday at nine: fired then, once."""
    room.clock.move_to(at("2026-03-06 02:00"))
    rungs = (Rung(2 * DAY, ("role:supervisor",)),)
    task = room.open("role:buyer", policy=Policy("p", 2 * DAY, rungs=rungs))
    room.clock.move_to(at("2026-03-09 09:00"))
    room.run()
    room.run()
    assert [event.payload["late_us"] for event in room.events("task.escalated")] == [31 * HOUR]
    assert room.now(task).level == 1


def test_grafana_oncall_934_a_step_that_never_comes_is_named() -> None:
    rungs = (
        Rung(30 * MINUTE, ("role:buyer",), repeat_every=45 * MINUTE, repeat_times=2),
        Rung(30 * MINUTE, ("role:director",)),
    )
    assert warnings(Policy("p", HOUR, rungs=rungs)) == (
        "第 1 级要重复 2 次，但第 2 级来得更早，只会发 0 次。",
    )


def test_goalert_2775_a_button_of_an_older_card_does_not_escalate_or_close(
    room: Room, li: Actor, boss: Actor
) -> None:
    """An old card's button acts on the situation it was drawn for, or not at all."""
    task = room.open("role:buyer")
    room.close(li, task)
    room.do(lambda tx: board.reopen(tx, li, task.id, "弄错了"))
    with pytest.raises(AppError) as old:
        room.close(li, task, generation=1)
    assert old.value.code == "stale_card"


async def test_grafana_oncall_5088_a_storm_of_changes_is_one_edit(room: Room, li: Actor) -> None:
    """A hundred repeats of the cause redraw the card once, to the newest count."""
    room.open("role:buyer", dedupe_key="k")
    await room.deliver()
    for _ in range(100):
        room.do(lambda tx: board.open_task(tx, ENGINE, room.new("role:buyer", dedupe_key="k")))
    await room.deliver()
    (shown,) = room.null.phone("李某")
    assert shown.revisions == 2
    assert shown.card.footer == "同一原因又发生 100 次"
