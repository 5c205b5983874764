"""A storm of cards through each adapter, with the vendor's own limits enforced by the simulator.

`JIELI_STORM=10000` is the full size; a test run plays a small one.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from random import Random  # noqa: TID251  # seeded: a failure is the same again
from typing import Any

import pytest
from sqlalchemy import select

from bots.dingtalk import PACE as DING_PACE
from bots.dingtalk import Account
from bots.telegram import PACE as TELEGRAM_PACE
from core.bus import Bus
from core.clock import MINUTE, SECOND, ManualClock
from core.db import Database, Tx
from core.engine import Engine
from core.outbox.channel import Channel
from core.outbox.deliver import deliver_steps
from core.outbox.queue import Outgoing, oldest_waiting, put_all
from core.outbox.rules import LANES, Limits
from core.outbox.tables import attempts, messages
from core.people import ENGINE, NewPerson, add_person, bind_chat
from tests.bots.conftest import CARD, Corp
from tests.bots.dingtalk_firm import CLIENT_ID, SECRET, TEMPLATE, open_firm
from tests.bots.telegram_world import TelegramWorld

CARDS = int(os.environ.get("JIELI_STORM", "200"))
EACH = 20
SEED = int(os.environ.get("JIELI_SEED", "20261126"))
PRIORITIES = ("escalation", *["new"] * 6, *["reminder"] * 3)


@dataclass
class Storm:
    """One channel and its people."""

    channel: Channel
    clock: ManualClock
    sim: Any
    limits: Limits
    per_minute: int  # the vendor's limit of one person
    dropped: Any  # how many messages the vendor dropped without a word

    def add(self, number: int) -> str:
        user = str(70_000_000 + number)
        self.sim.add_person(user, f"员工{number}")
        return user


@pytest.fixture(params=["wecom", "dingtalk", "telegram"])
async def storm(
    request: pytest.FixtureRequest, corp: Corp, telegram: TelegramWorld, clock: ManualClock
) -> AsyncIterator[Storm]:
    async with AsyncExitStack() as stack:
        if request.param == "wecom":
            vendor = corp.sim.vendor
            yield Storm(corp.channel, clock, corp.sim, Limits(), 30, lambda: vendor.dropped)
        elif request.param == "dingtalk":
            account = Account(CLIENT_ID, SECRET, template_id=TEMPLATE, mode="http")
            firm = await stack.enter_async_context(open_firm(clock, account=account))
            yield Storm(firm.channel, clock, firm.sim, DING_PACE, 10**6, lambda: 0)
        else:
            yield Storm(telegram.channel, clock, telegram.sim, TELEGRAM_PACE, 60, lambda: 0)


def people(db: Database, storm: Storm) -> list[int]:
    def make(tx: Tx) -> list[int]:
        found = []
        for number in range(max(1, CARDS // EACH)):
            user = storm.add(number)
            person_id = add_person(tx, ENGINE, NewPerson(f"p{number}", f"员工{number}", ("buyer",)))
            bind_chat(tx, ENGINE, person_id, storm.channel.name, user)
            found.append(person_id)
        return found

    return db.write_now(make)


def queued(db: Database, everybody: list[int]) -> None:
    """All at once: each person gets twenty cards about twenty tasks, in any order."""
    rng = Random(SEED)
    outs = []
    for person_id in everybody:
        kinds = [*PRIORITIES, *PRIORITIES]
        rng.shuffle(kinds)
        for number, kind in enumerate(kinds):
            task = f"{person_id:016d}{number:016d}"
            card = replace(CARD, title=f"{kind} {number}")
            outs.append(Outgoing(task, 1, person_id, card, f"{task}/1", kind))  # type: ignore[arg-type]
    rng.shuffle(outs)
    for start in range(0, len(outs), 200):
        db.write_now(lambda tx, part=outs[start : start + 200]: put_all(tx, part, first=True))  # type: ignore[misc]


async def test_nothing_is_lost_nobody_is_flooded_and_escalations_come_first(
    db: Database, storm: Storm
) -> None:
    queued(db, people(db, storm))
    steps = deliver_steps(
        db, {storm.channel.name: storm.channel}, limits={storm.channel.name: storm.limits}
    )
    engine = Engine(db, storm.clock, Bus(), steps)
    began, oldest = storm.clock.now(), 0
    await engine.drain()
    while (due := await engine.next_due()) is not None:
        assert due > storm.clock.now(), "something is due, yet the engine came to rest"
        storm.clock.move_to(due)
        now = due
        oldest = max(oldest, db.read_now(lambda conn, at=now: oldest_waiting(conn, at)))  # type: ignore[misc]
        await engine.drain()
    rows = db.read_now(
        lambda conn: conn.execute(
            select(
                messages.c.lane,
                messages.c.state,
                messages.c.recipient,
                attempts.c.begun_at,
                attempts.c.id,
                attempts.c.outcome,
            ).join(attempts, attempts.c.message_id == messages.c.id)
        ).all()
    )
    sent = [row for row in rows if row.outcome == "sent"]
    assert len(sent) == len({(row.recipient, row.id) for row in sent}) == CARDS // EACH * EACH
    assert {row.state for row in rows} == {"sent"}
    assert storm.dropped() == 0
    _check_limits(sent, storm.per_minute)
    _check_order(sent)
    minutes = (storm.clock.now() - began) / MINUTE
    outcomes = dict(Counter(row.outcome for row in rows))
    print(f"{storm.channel.name}: {len(sent)} cards in {minutes:.1f} min, {outcomes}")


def _check_limits(sent: list[Any], per_minute: int) -> None:
    """No person got more in any minute than the vendor lets through."""
    times: dict[str, list[int]] = defaultdict(list)
    for row in sorted(sent, key=lambda row: row.begun_at):
        mine = times[row.recipient]
        mine.append(row.begun_at)
        if len(mine) > per_minute:
            assert mine[-1] - mine[-1 - per_minute] >= MINUTE


def _check_order(sent: list[Any]) -> None:
    """Each person's escalations came before everything else, reminders last."""
    lanes: dict[str, list[int]] = defaultdict(list)
    for row in sorted(sent, key=lambda row: row.id):
        lanes[row.recipient].append(row.lane)
    for recipient, order in lanes.items():
        assert order == sorted(order), recipient
        assert order.count(LANES["escalation"]) == 2


def test_the_limits_leave_room_below_the_vendors() -> None:
    assert TELEGRAM_PACE.rings[0].span == SECOND
    assert all(window.count < 30 for window in Limits().all if window.span == MINUTE)
    assert DING_PACE.account[0].count < 20
