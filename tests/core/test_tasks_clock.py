"""The task's clock: working time, snooze, pause, calendar changes, and explaining all of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select

from core.calendar import add_rota, add_shift, seed, set_day
from core.clock import DAY, HOUR, MINUTE, Instant, ManualClock
from core.db import Database, Tx
from core.errors import AppError
from core.people import ENGINE, Actor
from core.tasks import escalation, hold, pause
from core.tasks.policy import Policy, Rung
from core.tasks.tables import timers
from core.tasks.task import Task
from core.tasks.why import Explained, explain
from tests.core.task_room import Room, at

WORKING = Policy(
    "working",
    16 * HOUR,
    "working",
    remind=(4 * HOUR,),
    rungs=(Rung(16 * HOUR, ("role:director",), "working", repeat_every=8 * HOUR, repeat_times=1),),
)


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def buyer(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def director(room: Room) -> Actor:
    return room.person("陈总监", "director")


def why(room: Room, task_id: str) -> Explained:
    return room.db.read_now(lambda conn: explain(conn, task_id, room.clock.now()))


def _snoozing(actor: Actor, task_id: str, until: Instant) -> Callable[[Tx], Task]:
    return lambda tx: pause.snooze(tx, actor, task_id, until)


def test_working_time_skips_nights_weekends_and_holidays(
    room: Room, buyer: Actor, director: Actor
) -> None:
    """Opened on the last day before Qingming: the holiday is nobody's delay."""
    room.clock.move_to(at("2026-04-03 09:00"))
    task = room.open("role:buyer", policy=WORKING)
    assert task.due_at == at("2026-04-07 18:00")
    room.until(at("2026-04-07 17:59"))
    assert room.now(task).level == 0
    room.until(at("2026-04-07 18:00"))
    assert room.now(task).holder_id == director.person_id


async def test_snooze_is_quiet_but_moves_no_deadline(
    room: Room, buyer: Actor, director: Actor
) -> None:
    task = room.open("role:buyer", policy=WORKING)
    await room.deliver()
    room.do(lambda tx: pause.snooze(tx, buyer, task.id, at("2026-03-03 17:00")))
    assert room.now(task).state == "snoozed"
    room.until(at("2026-03-03 16:59"))
    await room.deliver()
    assert room.events("task.reminded") == []
    room.until(at("2026-03-03 17:00"))
    await room.deliver()
    assert "到了你定的稍后提醒时间" in room.null.live("李某")[0].card.lead
    assert room.now(task).state == "open"
    room.until(at("2026-03-03 18:00"))
    assert room.now(task).level == 1, "the ladder did not wait for the sleeper"


def test_the_ladder_wakes_a_snoozed_task(room: Room, buyer: Actor, director: Actor) -> None:
    task = room.open("role:buyer", policy=WORKING)
    room.do(lambda tx: pause.snooze(tx, buyer, task.id, at("2026-03-20 09:00")))
    room.until(at("2026-03-03 18:00"))
    now = room.now(task)
    assert (now.state, now.holder_name) == ("open", "陈总监")
    for until in (room.clock.now(), room.clock.now() + 31 * DAY):
        with pytest.raises(AppError, match="30 天以内"):
            room.do(_snoozing(director, task.id, until))


def test_a_pause_keeps_what_was_left(room: Room, buyer: Actor, director: Actor) -> None:
    """6 of 16 working hours used, three days of waiting for the supplier: 10 hours are left."""
    task = room.open("role:buyer", policy=WORKING)
    room.clock.move_to(at("2026-03-02 16:00"))
    room.do(lambda tx: pause.pause(tx, buyer, task.id, "等供应商寄样"))
    assert room.now(task).due_at is None
    assert why(room, task.id).sentence == "计时已暂停：等供应商寄样。恢复后还剩 10 小时（工作时间）"
    room.until(at("2026-03-05 09:00"))
    assert room.events("task.reminded") == []
    resumed = room.do(lambda tx: pause.resume(tx, buyer, task.id))
    assert resumed.due_at == at("2026-03-06 11:00")
    room.until(at("2026-03-06 10:59"))
    assert room.now(task).level == 0
    assert [event.payload["key"] for event in room.events("task.reminded")] == ["remind#0"]
    room.until(at("2026-03-06 11:00"))
    assert room.now(task).level == 1


def test_a_forgotten_pause_ends_by_itself(room: Room, buyer: Actor, director: Actor) -> None:
    task = room.open("role:buyer", policy=WORKING)
    held = room.do(lambda tx: hold.claim(tx, buyer, task.id))
    room.do(lambda tx: pause.pause(tx, buyer, task.id, "等样品"))
    with pytest.raises(AppError, match="不能认领"):
        room.do(lambda tx: hold.claim(tx, buyer, held.id))
    other = room.open("role:buyer")
    with pytest.raises(AppError, match="写一句在等什么"):
        room.do(lambda tx: pause.pause(tx, buyer, other.id, "  "))
    room.after(pause.LONGEST_PAUSE)
    assert room.now(task).state == "open"
    assert room.now(task).due_at == at("2026-03-10 18:00")


def test_a_new_holiday_moves_pending_timers_but_no_buttons(
    room: Room, buyer: Actor, director: Actor
) -> None:
    room.do(seed)
    task = room.open("role:buyer", policy=WORKING)
    assert task.due_at == at("2026-03-03 18:00")
    room.do(lambda tx: set_day(tx, ENGINE, "cn", date(2026, 3, 3), False, name="厂休"))
    room.run()
    moved = room.now(task)
    assert moved.due_at == at("2026-03-04 18:00")
    assert moved.generation == task.generation
    assert [event.payload["task"]["due_text"] for event in room.events("task.replanned")] == [
        "3月4日 周三 18:00 前（按工作时间）"
    ]
    room.until(at("2026-03-04 17:59"))
    assert room.now(task).level == 0
    assert [key for key, _ in room.fired(task)] == ["remind#0"]
    room.until(at("2026-03-04 18:00"))
    assert room.now(task).level == 1


async def test_a_day_that_turns_out_to_have_been_a_working_day_is_no_standstill(
    room: Room, buyer: Actor, director: Actor
) -> None:
    """On Sunday night somebody says that they worked today: the deadlines lie in the past now.

    Nobody was late and the system never stood still; the ladder still gives each person a chance.
    """
    admin = room.person("管理员", "admin")
    rungs = (Rung(HOUR, ("role:director",), "working"), Rung(HOUR, ("role:admin",), "working"))
    policy = Policy("p", HOUR, "working", rungs=rungs)
    room.clock.move_to(at("2026-03-08 02:00"))  # a Sunday
    task = room.open("role:buyer", policy=policy)
    room.until(at("2026-03-08 23:00"))
    room.do(lambda tx: set_day(tx, ENGINE, "cn", date(2026, 3, 8), True, name="赶货"))
    room.run()
    assert room.db.read_now(lambda conn: escalation.lag(conn, room.clock.now())) == 0
    assert room.now(task).level == 0, "the buyer has not had a minute yet"
    room.after(policy.min_gap)
    await room.deliver()
    assert room.now(task).holder_id == director.person_id
    assert "停机" not in room.null.live("陈总监")[0].card.lead
    (climbed,) = room.events("task.escalated")
    assert climbed.payload["planned_us"] == at("2026-03-08 10:00")
    assert climbed.payload["late_us"] == 0
    room.after(policy.min_gap - MINUTE)
    assert room.now(task).holder_id == director.person_id
    room.after(MINUTE)
    await room.deliver()
    assert room.now(task).holder_id == admin.person_id
    assert "停机" not in room.null.live("管理员")[0].card.lead


def test_a_calendar_that_changes_rings_nobody_who_snoozed(room: Room, buyer: Actor) -> None:
    """A reminder is moved into the quiet (simulation, seed 605768)."""
    room.clock.move_to(at("2026-03-07 10:00"))  # a Saturday
    policy = Policy("p", 4 * HOUR, "working", remind=(HOUR,))
    task = room.open("role:buyer", policy=policy)
    room.do(lambda tx: pause.snooze(tx, buyer, task.id, at("2026-03-08 20:00")))
    room.do(lambda tx: set_day(tx, ENGINE, "cn", date(2026, 3, 8), True, name="赶货"))
    room.until(at("2026-03-08 19:59"))
    assert room.events("task.reminded") == []
    room.until(at("2026-03-08 20:00"))
    assert room.now(task).state == "open"


NAGGING = Policy(
    "nagging",
    HOUR,
    claim_expires=4 * HOUR,
    rungs=(Rung(HOUR, ("role:director",), repeat_every=30 * MINUTE, repeat_times=6),),
)


@pytest.mark.parametrize("claimed", [False, True])
def test_snoozed_the_repeats_are_quiet_and_go_on_afterwards(
    room: Room, buyer: Actor, director: Actor, *, claimed: bool
) -> None:
    """Also those that waited in the drawer of a claim: not one before the moment named."""
    task = room.open("role:buyer", policy=NAGGING)
    start = room.clock.now()
    room.until(start + HOUR)
    assert room.now(task).level == 1
    if claimed:
        room.do(lambda tx: hold.claim(tx, director, task.id))
    room.do(lambda tx: pause.snooze(tx, director, task.id, start + 2 * HOUR + 10 * MINUTE))
    room.until(start + 2 * HOUR + 9 * MINUTE)
    assert room.events("task.reminded") == [], "it was to be quiet"
    room.until(start + 8 * HOUR)
    told = [(each.payload["key"], each.recorded_at) for each in room.events("task.reminded")]
    assert told == [
        ("L1#3", start + 2 * HOUR + 30 * MINUTE),
        ("L1#4", start + 3 * HOUR),
        ("L1#5", start + 3 * HOUR + 30 * MINUTE),
        ("L1#6", start + 4 * HOUR),
    ]


def test_why_names_the_next_three_steps(room: Room, buyer: Actor, director: Actor) -> None:
    task = room.open("role:buyer", policy=WORKING)
    told = why(room, task.id)
    assert (told.clock, told.running, told.sentence) == ("working", True, "待处理")
    assert [step.sentence for step in told.steps] == [
        "3月3日 周二 14:00（按工作时间）提醒负责人：快到期了",
        "3月3日 周二 18:00（按工作时间）到期",
        (
            "3月3日 周二 18:00（按工作时间）升级到第一级，交给 陈总监："
            "因为 16 小时（工作时间，下班暂停）内没有处理"
        ),
    ]
    room.clock.move_to(at("2026-03-02 20:00"))
    told = why(room, task.id)
    assert not told.running
    assert told.sentence == "待处理。现在是下班时间，计时暂停，3月3日 周二 09:00 继续"
    room.until(at("2026-03-03 18:00"))
    told = why(room, task.id)
    assert [step.sentence for step in told.steps] == [
        "3月4日 周三 18:00（按工作时间）第 1 次催办 陈总监"
    ]
    assert told.to_wire()["steps"][0]["at"] == "2026-03-04T10:00:00Z"
    room.close(buyer, task)
    told = why(room, task.id)
    assert told.steps == ()
    assert told.sentence.startswith("已由 李某")


def test_why_says_when_it_is_a_guess(room: Room, buyer: Actor, director: Actor) -> None:
    """Nobody has announced 2027 yet: Monday to Friday is assumed, and said."""
    room.clock.move_to(at("2026-12-31 16:00"))
    task = room.open("role:buyer", policy=WORKING)
    told = why(room, task.id)
    assert all(step.estimated for step in told.steps)
    assert "（假日未公布，推算）" in told.steps[0].sentence


def test_why_knows_claims_snoozes_and_what_follows_a_rung(
    room: Room, buyer: Actor, director: Actor
) -> None:
    policy = Policy(
        "p",
        5 * HOUR,
        claim_expires=HOUR,
        rungs=(
            Rung(5 * HOUR, ("role:director",), repeat_every=HOUR, repeat_times=2),
            Rung(5 * HOUR, ("role:legal",)),
        ),
    )
    task = room.open("role:buyer", policy=policy)
    room.do(lambda tx: hold.claim(tx, buyer, task.id))
    told = why(room, task.id)
    assert told.sentence == "李某 正在处理（09:00 认领）"
    assert told.steps[0].sentence == "3月2日 周一 10:00 李某 的认领到时，任务放回给大家"
    room.do(lambda tx: pause.snooze(tx, buyer, task.id, room.clock.now() + 30 * MINUTE))
    assert "稍后提醒的时间到" in why(room, task.id).steps[0].sentence
    room.after(5 * HOUR - 1)
    keys = [step.key for step in why(room, task.id).steps]
    assert keys == ["due", "L1", "L1#1"]
    room.after(1 + HOUR)
    told = why(room, task.id)
    assert [step.key for step in told.steps] == ["L1#2", "L2"]
    assert "（现在没有找到人）" in told.steps[1].sentence
    room.do(lambda tx: pause.pause(tx, director, task.id, "等货"))
    assert why(room, task.id).sentence == "计时已暂停：等货。恢复后按原来的安排继续"
    assert why(room, task.id).steps[0].key == "pause"


NOBODY_ON_DUTY = Rung(HOUR, ("rota:night",), if_nobody="hold")
PASSED_BY = Rung(HOUR, ("rota:night",))
LAST = Rung(9 * HOUR, ("role:director",))


@pytest.mark.parametrize("rungs", [(NOBODY_ON_DUTY,), (PASSED_BY, LAST)])
async def test_a_snooze_that_ends_with_a_rung_that_finds_nobody_ends(
    room: Room, buyer: Actor, director: Actor, rungs: tuple[Rung, ...]
) -> None:
    task = room.open("role:buyer", policy=Policy("p", HOUR, rungs=rungs))
    until = room.clock.now() + HOUR + 5 * MINUTE
    room.do(_snoozing(buyer, task.id, until))
    room.clock.advance(HOUR + 10 * MINUTE)  # the server was away for ten minutes
    room.do(escalation.fire)
    assert (room.now(task).state, room.now(task).holder_id) == ("open", None)
    await room.deliver()
    assert len(room.null.live("李某")) == 1
    room.after(DAY)
    assert [event.kind for event in room.events("task.woken")] == ["task.woken"]


def test_a_claim_that_ends_with_a_rung_that_finds_nobody_ends(room: Room, buyer: Actor) -> None:
    night = room.person("夜班", "warehouse")
    policy = Policy("p", HOUR, claim_expires=HOUR, rungs=(NOBODY_ON_DUTY,))
    task = room.open("role:buyer", policy=policy)
    room.do(lambda tx: hold.claim(tx, buyer, task.id))
    room.after(HOUR + MINUTE)
    assert (room.now(task).state, room.now(task).holder_name) == ("open", "")
    room.do(lambda tx: add_rota(tx, ENGINE, "night", "夜班"))
    now = room.clock.now()
    room.do(
        lambda tx: add_shift(
            tx, ENGINE, "night", night.person_id, from_us=now, to_us=now + 9 * HOUR
        )
    )
    room.after(15 * MINUTE)
    assert room.now(task).holder_id == night.person_id, "it still looks for somebody on duty"


def test_a_claim_that_ends_with_a_rung_that_finds_somebody_is_collapsed(
    room: Room, buyer: Actor, director: Actor
) -> None:
    policy = Policy("p", HOUR, claim_expires=HOUR, rungs=(Rung(HOUR, ("role:director",)),))
    task = room.open("role:buyer", policy=policy)
    room.do(lambda tx: hold.claim(tx, buyer, task.id))
    room.after(HOUR)
    assert room.now(task).holder_id == director.person_id
    assert room.events("task.claim_expired") == []
    ended = select(timers.c.state, timers.c.outcome).where(timers.c.key == "claim")
    assert room.db.read_now(lambda c: c.execute(ended).all()) == [("fired", "collapsed")]
