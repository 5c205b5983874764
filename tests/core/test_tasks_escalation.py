"""Escalation: reminders, rungs, repeats, standstills, groups and who gets what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from core.calendar import add_leave, add_rota, add_shift
from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.db import Database, Tx
from core.outbox.channel import SendResult
from core.outbox.claiming import claim
from core.outbox.recording import record, recover
from core.people import ENGINE, Actor, update_person
from core.tasks import escalation, hold, watch
from core.tasks.policies import policy_of
from core.tasks.policy import Policy, Rung
from core.tasks.queries import inbox
from core.tasks.recipients import Recipient, resolve
from core.tasks.rules import plan
from core.tasks.tables import timers
from tests.core.task_room import TWO_DAYS, Room, at


def natural(_clock: str, start: int, duration: int) -> int:
    return start + duration


LADDER = Policy(
    "ladder",
    HOUR,
    remind=(10 * MINUTE,),
    rungs=(
        Rung(HOUR, ("role:supervisor",), repeat_every=20 * MINUTE, repeat_times=5),
        Rung(HOUR, ("role:director",), urgent=True),
    ),
)


@pytest.fixture
def room(db: Database, clock: ManualClock) -> Room:
    return Room(db, clock)


@pytest.fixture
def buyer(room: Room) -> Actor:
    return room.person("李某")


@pytest.fixture
def boss(room: Room) -> Actor:
    return room.person("周主管", "supervisor")


@pytest.fixture
def director(room: Room) -> Actor:
    return room.person("陈总监", "director")


async def test_the_director_hears_after_48_hours_of_silence(
    room: Room, buyer: Actor, director: Actor
) -> None:
    """B5: not a minute earlier, once, and the buyer may still answer."""
    task = room.open("role:buyer")
    room.after(47 * HOUR + 59 * MINUTE)
    await room.deliver()
    assert room.null.phone("陈总监") == []
    room.after(MINUTE)
    await room.deliver()
    (shown,) = room.null.phone("陈总监")
    assert shown.card.lead == "48 小时内没有人处理，升级到你（第一级）。张江仓等结果。"
    now = room.now(task)
    assert (now.level, now.holder_id) == (1, director.person_id)
    assert now.people == (buyer.person_id, director.person_id)
    (mine,) = room.null.live("李某")
    assert mine.card.footer == "已升级到第一级，你仍可处理"
    assert room.close(buyer, task, generation=1).state == "done", "the old button still works"


async def test_untouched_everything_happens_as_planned(
    room: Room, buyer: Actor, boss: Actor, director: Actor
) -> None:
    task = room.open("role:buyer", policy=LADDER)
    start = room.clock.now()
    room.after(5 * HOUR)
    planned = [(each.key, each.planned) for each in plan(LADDER, start, natural)]
    assert sorted(room.fired(task)) == sorted(planned)
    escalated = room.events("task.escalated")
    assert [event.payload["names"] for event in escalated] == [["周主管"], ["陈总监"]]
    assert [event.payload["late_us"] for event in escalated] == [0, 0]


async def test_a_standstill_climbs_one_rung_with_one_card(
    room: Room, buyer: Actor, boss: Actor, director: Actor
) -> None:
    """Three hours down: the supervisor gets one card that says so, the director not yet."""
    task = room.open("role:buyer", policy=LADDER)
    start = room.clock.now()
    await room.deliver()
    room.clock.advance(3 * HOUR + 30 * MINUTE)
    room.run()
    await room.deliver()
    (shown,) = room.null.phone("周主管")
    assert shown.card.lead.startswith("系统曾停机 2 小时 30 分钟，这一步原定 3月2日 周一 10:00。")
    assert room.null.phone("陈总监") == []
    assert len(room.null.phone("李某")) == 1, "the reminder was collapsed into the edit"
    room.after(LADDER.min_gap)
    await room.deliver()
    assert len(room.null.phone("陈总监")) == 1
    assert sorted(room.fired(task)) == sorted(
        (each.key, each.planned) for each in plan(LADDER, start, natural)
    ), "planned moments never move, however late they came"


def test_after_a_long_standstill_everybody_gets_a_chance(
    room: Room, buyer: Actor, boss: Actor, director: Actor
) -> None:
    """A week down, all three rungs long past: each person has min_gap before the next is called."""
    room.person("管理员", "admin")
    policy = replace(LADDER, rungs=(*LADDER.rungs, Rung(HOUR, ("role:admin",))))
    task = room.open("role:buyer", policy=policy)
    room.clock.advance(7 * DAY)
    for level in (1, 2, 3):
        room.run()
        assert room.now(task).level == level
        room.after(policy.min_gap - MINUTE)
        assert room.now(task).level == level, "the next one was called at once"
        room.clock.advance(MINUTE)


async def test_three_siblings_climb_as_one_card(room: Room, director: Actor) -> None:
    """The director gets ONE card for buyer, legal and supplier; it moves on as they close."""
    people = [room.person(name, role) for name, role in (("李", "buyer"), ("罗", "legal"))]
    people.append(room.person("吴", "finance"))
    tasks = []
    for who, title in zip(people, ("质检处理", "法务意见", "索赔"), strict=True):
        to = f"person:{who.person_id}"
        tasks.append(room.open(to, group="inspection:1", title=title))
        room.clock.advance(1000)
    room.after(48 * HOUR)
    await room.deliver()
    (shown,) = room.null.phone("陈总监")
    assert shown.card.title == "质检不合格（共 3 件）"
    siblings = [fact.value for fact in shown.card.facts if fact.label == "同一件事"]
    assert siblings == ["法务意见", "索赔"]
    assert {room.now(task).holder_id for task in tasks} == {director.person_id}
    room.close(people[1], tasks[1], say="已发函")
    await room.deliver()
    assert room.null.phone("陈总监")[0].card.title == "质检不合格（共 2 件）"
    room.close(director, tasks[0])
    await room.deliver()
    first, second = room.null.phone("陈总监")
    assert first.card.closed
    assert second.card.title == "质检不合格"
    assert len(room.null.live("陈总监")) == 1, "the last sibling has its own card now"
    room.close(director, tasks[2])
    await room.deliver()
    assert room.null.live("陈总监") == []


def test_a_claim_stops_what_stops_on_a_claim(
    room: Room, buyer: Actor, boss: Actor, director: Actor
) -> None:
    """The quarter of an hour is over when somebody has it; the two days are not."""
    policy = Policy(
        "claimable",
        48 * HOUR,
        rungs=(
            Rung(15 * MINUTE, ("role:supervisor",), stop_on="claim"),
            Rung(45 * MINUTE, ("role:director",)),
        ),
        claim_expires=30 * MINUTE,
    )
    task = room.open("role:buyer", policy=policy)
    start = room.clock.now()
    room.clock.advance(10 * MINUTE)
    room.do(lambda tx: hold.claim(tx, buyer, task.id))
    room.after(25 * MINUTE)
    assert room.now(task).level == 0, "claimed: the supervisor is not called"
    room.after(5 * MINUTE)
    assert room.now(task).state == "open"
    assert room.events("task.claim_expired")
    room.after(policy.min_gap)
    assert room.now(task).level == 1, "forgotten: the supervisor is called after all"
    room.after(30 * MINUTE)
    assert room.now(task).level == 2
    rungs = [each for each in room.fired(task) if each[0].startswith("L")]
    assert rungs == [("L1", start + 15 * MINUTE), ("L2", start + 60 * MINUTE)]


def test_a_rung_climbs_over_a_claim_that_lasts_too_long(
    room: Room, buyer: Actor, director: Actor
) -> None:
    task = room.open("role:buyer")
    held = room.do(lambda tx: hold.claim(tx, buyer, task.id))
    room.after(48 * HOUR)
    now = room.now(task)
    assert (now.state, now.holder_name, now.generation) == ("open", "陈总监", held.generation + 1)


def test_stale_timers_are_kept_and_do_nothing(room: Room, buyer: Actor, director: Actor) -> None:
    task = room.open("role:buyer")
    room.close(buyer, task)
    room.after(50 * HOUR)
    query = select(timers.c.key, timers.c.state).where(timers.c.task_id == task.id).limit(9)
    rows = room.db.read_now(lambda conn: conn.execute(query).all())
    assert {row.state for row in rows} == {"stale"}
    assert {row.key for row in rows} == {"due", "remind#0", "L1"}
    assert room.events("task.escalated") == []


def test_nobody_there_climbs_on_at_once(room: Room, buyer: Actor, director: Actor) -> None:
    rungs = (Rung(HOUR, ("rota:night",)), Rung(9 * HOUR, ("role:director",)))
    task = room.open("role:buyer", policy=Policy("p", 10 * HOUR, rungs=rungs))
    room.after(HOUR)
    assert room.now(task).level == 2
    assert room.now(task).holder_id == director.person_id
    assert room.events("task.nobody")[0].payload["level"] == 1


def test_nobody_there_holds_until_the_shift_begins(room: Room, buyer: Actor) -> None:
    night = room.person("夜班", "warehouse")
    room.do(lambda tx: add_rota(tx, ENGINE, "night", "夜班"))
    room.do(
        lambda tx: add_shift(
            tx,
            ENGINE,
            "night",
            night.person_id,
            from_us=at("2026-03-02 10:40"),
            to_us=at("2026-03-03 06:00"),
        )
    )
    policy = Policy("p", HOUR, rungs=(Rung(HOUR, ("rota:night",), if_nobody="hold"),))
    task = room.open("role:buyer", policy=policy)
    room.after(HOUR + 44 * MINUTE)
    assert room.now(task).level == 0
    room.after(MINUTE)
    assert room.now(task).holder_id == night.person_id
    assert [key for key, _ in room.fired(task) if key != "due"] == ["L1", "L1~1", "L1~2", "L1~3"]


def test_nobody_there_falls_to_the_named_stand_in_or_the_administrators(
    room: Room, buyer: Actor, boss: Actor
) -> None:
    admin = room.person("管理员", "admin")
    rungs = (
        Rung(HOUR, ("role:legal",), if_nobody="role:supervisor"),
        Rung(HOUR, ("role:director",)),
    )
    task = room.open("role:buyer", policy=Policy("p", HOUR, rungs=rungs))
    room.after(HOUR)
    assert room.via(task)[boss.person_id] == "nobody:role:legal"
    room.after(HOUR)
    assert room.via(task)[admin.person_id] == "nobody:role:director"


def test_after_a_day_of_looking_the_administrators_get_it(room: Room, buyer: Actor) -> None:
    admin = room.person("管理员", "admin")
    policy = Policy("p", HOUR, rungs=(Rung(HOUR, ("rota:x",), if_nobody="hold"),))
    task = room.open("role:buyer", policy=policy)
    room.after(HOUR + escalation.MOST_LOOKS * escalation.LOOK_AGAIN)
    assert room.now(task).holder_id == admin.person_id


def test_leave_brings_the_stand_in_and_says_so(room: Room, buyer: Actor, boss: Actor) -> None:
    deputy = room.person("代理", "warehouse")
    room.do(
        lambda tx: add_leave(
            tx,
            ENGINE,
            boss.person_id,
            from_us=at("2026-03-02 00:00"),
            to_us=at("2026-03-09 00:00"),
            substitute_id=deputy.person_id,
        )
    )
    task = room.open("role:supervisor")
    assert room.via(task) == {deputy.person_id: f"role:supervisor/for:{boss.person_id}"}


def test_managers_of_whoever_holds_it(room: Room, buyer: Actor, boss: Actor) -> None:
    room.do(lambda tx: update_person(tx, ENGINE, buyer.person_id, {"manager_id": boss.person_id}))
    policy = replace(TWO_DAYS, rungs=(Rung(HOUR, ("manager-of:holder",)),))
    task = room.open("role:buyer", policy=policy)
    room.after(HOUR)
    assert room.now(task).holder_id == boss.person_id
    named = room.db.read_now(
        lambda conn: resolve(conn, (f"manager-of:{buyer.person_id}",), task, room.clock.now())
    )
    assert named == [Recipient(boss.person_id, f"manager-of:{buyer.person_id}")]


def test_a_ladder_that_ended_becomes_an_administrators_task_once(room: Room, buyer: Actor) -> None:
    admin = room.person("管理员", "admin")
    task = room.open("role:buyer", policy=Policy("p", HOUR))
    assert room.db.read_now(watch.next_due) is None
    room.after(DAY)
    (event,) = room.events("task.unwatched")
    assert event.subject == f"task:{task.id}"
    (view,) = room.db.read_now(lambda conn: inbox(conn, admin.person_id))
    report = view.task
    assert report.title == "没人跟进：低糖基料 L-7 质检不合格"
    assert report.context == {"task_id": task.id}


def test_timers_fire_in_batches(room: Room, buyer: Actor) -> None:
    for _ in range(7):
        room.open("role:buyer", policy=Policy("p", HOUR))
    room.clock.advance(HOUR)
    counts = [room.do(lambda tx: escalation.fire(tx, 3)) for _ in range(4)]
    assert counts == [3, 3, 1, 0]


def test_timers_of_tasks_that_moved_on_do_not_stand_before_those_that_wait(
    room: Room, buyer: Actor, director: Actor
) -> None:
    moved_on = [room.open("role:buyer") for _ in range(20)]
    waits = room.open("role:buyer")
    for task in moved_on:
        room.close(buyer, task)
    room.clock.advance(48 * HOUR)
    taken = room.do(lambda tx: escalation.fire(tx, 3))
    assert taken == 20 * 3 + 3
    assert room.now(waits).level == 1
    assert room.do(escalation.fire) == 0


def test_a_crash_before_the_commit_leaves_everything_to_do(
    room: Room, buyer: Actor, director: Actor
) -> None:
    task = room.open("role:buyer")
    room.clock.advance(48 * HOUR)

    def crash(tx: Tx) -> None:
        assert escalation.fire(tx) == 3
        raise RuntimeError("the machine stops here")

    with pytest.raises(RuntimeError):
        room.do(crash)
    assert room.now(task).level == 0
    assert room.do(escalation.fire) == 3
    assert room.now(task).level == 1


def test_the_engine_knows_how_late_it_is(room: Room, buyer: Actor) -> None:
    lag = room.db.read_now
    assert lag(lambda conn: escalation.lag(conn, room.clock.now())) == 0
    room.open("role:buyer", policy=Policy("p", HOUR))
    assert lag(lambda conn: escalation.lag(conn, room.clock.now())) == 0
    room.clock.advance(HOUR + MINUTE)
    assert lag(lambda conn: escalation.lag(conn, room.clock.now())) == MINUTE


def test_shipped_policies_reach_somebody(room: Room, buyer: Actor, director: Actor) -> None:
    policy = room.db.read_now(lambda conn: policy_of(conn, "qc_failed_natural"))
    task = room.open("role:buyer", policy=policy)
    room.after(10 * DAY)
    assert room.now(task).holder_id == director.person_id
    count = select(func.count()).select_from(timers).where(timers.c.state == "fired")
    assert room.db.read_now(lambda conn: conn.execute(count).scalar_one()) >= 9


async def test_whose_card_had_not_gone_when_somebody_took_it_hears_of_it_at_the_next_rung(
    room: Room, buyer: Actor, boss: Actor
) -> None:
    """The claim dropped the card, the rung told only its own people (simulation, seed 222)."""
    room.person("王某")
    task = room.open("role:buyer", policy=LADDER)
    room.do(lambda tx: hold.claim(tx, buyer, task.id))
    await room.deliver()
    assert room.null.live("王某") == []
    room.after(HOUR)
    await room.deliver()
    assert room.now(task).state == "open"
    assert len(room.null.live("周主管")) == len(room.null.live("王某")) == 1


@pytest.mark.parametrize("ended", ["later", "sent", "sent after all"])
async def test_whose_card_was_on_its_way_when_somebody_took_it_sees_one_card_at_the_next_rung(
    room: Room, buyer: Actor, boss: Actor, ended: str
) -> None:
    """The vendor refused it for now, nobody needed it by then, and none followed (seed 203602).

    "After all": its worker was given up, the newer card has gone, and then the old one lands.
    """
    room.person("王某")
    task = room.open("role:buyer", policy=LADDER)
    flying = room.do(lambda tx: claim(tx, "slow", "null"))
    room.do(lambda tx: hold.claim(tx, buyer, task.id))
    room.after(HOUR)
    assert room.now(task).level == 1
    if ended == "sent after all":
        room.clock.advance(6 * HOUR)
        room.do(lambda tx: recover(tx, "null"))
        await room.deliver()
    for each in flying:
        result = SendResult("later")
        if ended != "later":
            result = await room.null.send(each.delivery)
        room.do(lambda tx, each=each, result=result: record(tx, each, result))  # type: ignore[misc]
    await room.deliver()
    await room.deliver()
    assert len(room.null.live("周主管")) == len(room.null.live("王某")) == 1
    assert not room.null.live("王某")[0].card.closed
