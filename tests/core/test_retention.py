"""Every table has a bound; what nobody can ask for any more goes, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from core import once
from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.config import Settings
from core.db import Database, Tx
from core.outbox import inbox, queue
from core.outbox.tables import messages, surfaces
from core.people import ENGINE, Actor, make_bind_code, make_enrol_code, open_session
from core.retention import BOUNDS, KEPT, RULES, Retiring, Terms, retire_now
from core.schema import whole
from core.shortcuts import launch
from core.shortcuts import tables as shortcuts
from core.tasks import board
from core.tasks.files import NewFile
from core.tasks.sent import Hint, place_photo
from core.tasks.tables import tasks, timers
from core.tasks.task import LIVE, Task
from tests.core.task_room import Room


def test_every_table_has_a_bound() -> None:
    """A new table without a line in core/retention.py fails here."""
    assert set(BOUNDS) == set(whole().tables)
    assert len(BOUNDS) == len(KEPT) + len(RULES), "a table either goes or stays"


@pytest.mark.parametrize(
    "wrong", [{"operation_days": 6}, {"history_days": 30}, {"archive_after_days": 30}]
)
def test_nothing_may_be_forgotten_too_early(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


class Lived(NamedTuple):
    """What the fixture made."""

    room: Room
    buyer: Actor
    ended: Task
    still_open: Task


@pytest.fixture
async def lived(db: Database, clock: ManualClock) -> Lived:
    """A room in which every table of RULES has got rows; one task ended, one is still open."""
    room = Room(db, clock)
    buyer = room.person("李某", "buyer")
    room.person("陈总监", "director")
    idle = room.person("钱进", "warehouse")  # whose photo answers nothing
    ended, still_open = (room.open(f"person:{buyer.person_id}") for _ in range(2))
    await room.deliver()
    room.after(49 * HOUR)
    await room.deliver()
    room.close(buyer, room.now(ended))
    await room.deliver()
    room.after(HOUR)

    def more(tx: Tx) -> None:
        once.once(tx, "person:1", "op-00000001", {}, dict)
        open_session(tx, buyer.person_id, "desk", minutes=10)
        make_enrol_code(tx, ENGINE, "3号枪")
        make_bind_code(tx, ENGINE, buyer.person_id)
        place_photo(tx, idle, NewFile(64 * "a", "image/jpeg", 9, "x.jpg"), Hint("null"))
        form = launch.open_form(tx, idle, launch.Open("op-00000002", "buy_request"))
        field = {"run_id": form.run_id, "field": "item", "key": "buy_request", "at": tx.now}
        filled = {"source": "scanned_item", "offered": "C", "final": "C"}
        tx.add(shortcuts.values, field | filled | {"touched": False, "changeable": True})
        stored = inbox.store(tx, "null", "k1", {})
        inbox.finish(tx, stored.id, {})
        for card_id in tx.execute(select(messages.c.card_id).distinct()).scalars().all():
            queue.receipt(tx, card_id, "read")

    room.do(more)
    return Lived(room, buyer, ended, still_open)


def counts(db: Database) -> dict[str, int]:
    """Rows of each table that loses rows."""
    return {
        rule.table.name: db.read_now(
            lambda conn, t=rule.table: conn.execute(select(func.count()).select_from(t)).scalar()  # type: ignore[misc]
        )
        for rule in RULES
    }


async def test_what_is_old_goes_and_an_open_task_keeps_its_own(lived: Lived) -> None:
    room, _, ended, still_open = lived
    live = select(tasks.c.id).where(tasks.c.state.in_(LIVE))
    before = counts(room.db)
    assert min(before.values()) > 0, f"the room has nothing to lose: {before}"
    step = Retiring(room.db, room.clock, Terms()).step()
    assert await step.run() == 0
    assert counts(room.db) == before

    room.clock.advance(87 * DAY)
    while await step.run():
        pass
    forms = {"shortcut_run", "shortcut_value"}
    history = {"timer", "message", "attempt", "message_receipt", "surface"} | forms
    kept = {name: count for name, count in counts(room.db).items() if count}
    assert kept == {name: before[name] for name in history}

    room.clock.advance(4 * DAY)
    while await step.run():
        pass
    for table in (timers, messages, surfaces):
        named = set(room.db.read_now(lambda c, t=table: c.execute(select(t.c.task_id)).scalars()))  # type: ignore[misc]
        assert still_open.id in named
        assert ended.id not in named
    edits = select(func.count()).where(messages.c.intent == "edit", messages.c.state == "sent")
    sent = room.db.read_now(lambda c: c.execute(edits).scalar_one())
    for task_id in room.db.read_now(lambda c: list(c.execute(live).scalars())):
        room.do(lambda tx, i=task_id: board.settle_task(tx, ENGINE, i, outcome={}, sentence="好"))  # type: ignore[misc]
    await room.deliver()
    room.run()  # the timers of what was closed turn stale
    now = room.db.read_now(lambda c: c.execute(edits).scalar_one())
    assert now > sent, "a card that has lain on a phone for a quarter can still be closed"

    room.clock.advance(91 * DAY)
    for _ in range(2):  # a receipt goes after its message
        while await step.run():
            pass
        room.clock.advance(DAY)
    assert {name for name, count in counts(room.db).items() if count} == forms

    room.clock.advance(220 * DAY)
    for _ in range(2):  # a form goes after its fields
        while await step.run():
            pass
        room.clock.advance(DAY)
    assert not {name for name, count in counts(room.db).items() if count}


async def test_the_step_rests_for_a_day(lived: Lived) -> None:
    room = lived.room
    step = Retiring(room.db, room.clock, Terms()).step()
    assert room.db.read_now(step.next_due) == 0
    assert await step.run() == 0
    assert room.db.read_now(step.next_due) == room.clock.now() + DAY
    room.clock.advance(DAY - MINUTE)
    once_more = counts(room.db)
    assert await step.run() == 0
    assert counts(room.db) == once_more


def test_seven_days_are_never_undercut(db: Database, clock: ManualClock) -> None:
    """A scanner that comes back after a week of holidays still gets its first answer."""
    db.write_now(lambda tx: once.once(tx, "p", "op-00000001", {}, lambda: {"first": True}))
    clock.advance(7 * DAY)
    assert db.write_now(lambda tx: retire_now(tx, Terms(operations=7))) == 0
    again = db.write_now(lambda tx: once.once(tx, "p", "op-00000001", {}, dict))
    assert again == {"first": True}
