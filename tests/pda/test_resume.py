"""S6: a scanner that loses its connection at any moment loses nothing and repeats nothing."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import events
from core.clock import ManualClock
from core.db import Tx
from core.outbox.card import Button, Card
from core.people import ENGINE
from core.stock import on_hand
from core.tasks.board import cancel_task, open_task
from core.tasks.inbox import snapshot
from core.tasks.policies import policy_of
from core.tasks.task import NewTask
from pda.catchup import MOST_MISSED
from tests.conftest import MONDAY_0900
from tests.pda.floor import Floor, Scanner, open_floor
from tests.pda.socket import Closed

CARTON = "4006381333931"


def new_task(tx: Tx, person_id: int, number: int) -> str:
    """Something to do for one person."""
    card = Card("帮忙", f"第 {number} 件", (), (Button("done", "好了", "primary"),))
    new = NewTask(
        "help",
        f"帮忙 {number}",
        f"help:{number}",
        (f"person:{person_id}",),
        policy_of(tx.conn, "putaway"),
        card,
    )
    return open_task(tx, ENGINE, new).id


async def act_out(floor: Floor, gun: Scanner, drops: list[tuple[int, bool]]) -> None:
    """Scan ten cartons without waiting for answers, shelve them; `drops`: after how many frames
    heard the network dies, again and again. Meanwhile tasks come and go."""
    frames: list[dict[str, Any]] = []
    for number in range(10):
        frame: dict[str, Any] = {"t": "scan", "id": f"carton-{number:03d}", "code": CARTON}
        frame |= {"flow": "receive"} if number == 0 else {"after": f"carton-{number - 1:03d}"}
        frames.append(frame)
    frames.append({"t": "scan", "id": "shelf-000", "code": "B-01", "after": "carton-009"})
    left = list(drops)
    opened: list[str] = []
    await reconnect(gun)
    for number, frame in enumerate(frames):
        gun.post(frame)
        opened.append(
            await floor.db.write(lambda tx, n=number: new_task(tx, gun.person_id, n))  # type: ignore[misc]
        )
        if number % 3 == 2:
            gone = opened[number - 1]
            await floor.db.write(lambda tx, t=gone: cancel_task(tx, ENGINE, t, "不用了"))  # type: ignore[misc]
    heard = 0
    while gun.waiting:
        if left and heard >= left[0][0]:
            lose = left.pop(0)[1]
            heard = 0
            assert gun.wire is not None
            gun.wire.drop(lose=lose)
            await gun.leave()
            await reconnect(gun)
        await gun.hear()
        heard += 1


async def reconnect(gun: Scanner) -> None:
    """Connect; the server's own goodbye to a dead socket may race with a new one."""
    try:
        await gun.connect()
    except Closed:
        await gun.connect()


async def catch_up(floor: Floor, gun: Scanner) -> None:
    """Hear until the cursor is at the head: a ping answers with what was told."""
    assert gun.wire is not None
    gun.wire.send({"t": "ping", "n": 99})
    pong = await gun.take("pong")
    while (gun.cursor or 0) < pong["seq"]:
        await gun.hear()


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drops=st.lists(st.tuples(st.integers(0, 14), st.booleans()), max_size=6))
def test_a_socket_dropped_anywhere_loses_nothing_and_repeats_nothing(
    seeded: str, drops: list[tuple[int, bool]]
) -> None:
    folder = Path(tempfile.mkdtemp())

    async def story() -> None:
        async with open_floor(seeded, ManualClock(MONDAY_0900)) as floor:
            gun = floor.scanner()
            await act_out(floor, gun, drops)
            await catch_up(floor, gun)
            here = floor.db.read_now(on_hand)
            cartons = {row.location_code: row.on_hand for row in here if row.item_code == "B-002"}
            assert cartons == {"B-01": 10_000_000}
            assert len(gun.replies) == 11
            assert all(reply["ok"] for reply in gun.replies.values())
            assert gun.seen == sorted(set(gun.seen)), "an event came twice"
            fresh = floor.db.read_now(lambda conn: snapshot(conn, gun.person_id))
            assert gun.inbox == fresh
            await gun.leave()

    try:
        asyncio.run(story())
    finally:
        shutil.rmtree(folder)


async def test_a_short_gap_comes_as_exactly_the_missed_events(floor: Floor) -> None:
    gun = await floor.scanner().connect()
    await gun.leave()
    before = gun.cursor
    made = [floor.db.write_now(lambda tx, n=n: new_task(tx, gun.person_id, n)) for n in range(3)]  # type: ignore[misc]
    await gun.connect()
    assert set(made) <= set(gun.inbox)
    assert len(gun.seen) == 3
    assert before is not None
    assert gun.seen[0] > before
    await gun.leave()


async def test_too_long_a_gap_comes_as_a_snapshot(floor: Floor) -> None:
    gun = await floor.scanner().connect()
    await gun.leave()

    def many(tx: Tx) -> list[str]:
        return [new_task(tx, gun.person_id, number) for number in range(MOST_MISSED + 1)]

    made = floor.db.write_now(many)
    await gun.connect()
    assert gun.seen == []
    assert set(made) <= set(gun.inbox)
    await gun.leave()


@pytest.mark.parametrize(
    ("epoch", "cursor"), [("another", 1), ("1", 10**9), (None, None), ("1", None), (None, 1)]
)
async def test_a_cursor_of_another_history_means_resync(
    floor: Floor, epoch: str | None, cursor: int | None
) -> None:
    gun = await floor.scanner().connect()
    await gun.leave()
    gun.epoch, gun.cursor = epoch, cursor
    gun.inbox = {"ghost": {}}
    await gun.connect()
    assert "ghost" not in gun.inbox
    assert gun.cursor == floor.db.read_now(events.head)
    await gun.leave()


async def test_a_big_inbox_comes_in_parts_within_the_frame_limit(floor: Floor) -> None:
    gun = await floor.scanner().connect()
    await gun.leave()
    gun.epoch = None

    def many(tx: Tx) -> list[str]:
        return [new_task(tx, gun.person_id, number) for number in range(200)]

    made = floor.db.write_now(many)
    await gun.connect()
    for _ in range(9):
        if set(made) <= set(gun.inbox):
            break
        await gun.hear()
    assert set(made) <= set(gun.inbox)
    await gun.leave()


async def test_events_of_others_never_arrive(floor: Floor, gun: Scanner) -> None:
    buyer = floor.person("buyer").person_id
    await floor.db.write(lambda tx: new_task(tx, buyer, 1))
    mine = await floor.db.write(lambda tx: new_task(tx, gun.person_id, 2))
    event = await gun.take("event")
    assert event["task"]["id"] == mine
    assert len(gun.seen) == 1


async def test_everybody_gets_the_same_task_text(floor: Floor) -> None:
    guns = [await floor.scanner(login).connect() for login in ("zhang", "li")]
    people = [gun.person_id for gun in guns]

    def both(tx: Tx) -> str:
        card = Card("帮忙", "两个人", (), (Button("done", "好了", "primary"),))
        to = tuple(f"person:{each}" for each in people)
        new = NewTask("help", "帮忙", "help:1", to, policy_of(tx.conn, "putaway"), card)
        return open_task(tx, ENGINE, new).id

    made = await floor.db.write(both)
    found = [await gun.take("event") for gun in guns]
    assert found[0]["task"] == found[1]["task"]
    assert found[0]["task"]["id"] == made
    for gun in guns:
        await gun.leave()


async def test_events_that_happen_while_catching_up_follow_without_a_seam(floor: Floor) -> None:
    """Commits go on while the scanner reconnects again and again."""
    gun = await floor.scanner().connect()
    calm = asyncio.Event()

    async def others() -> None:
        number = 0
        while not calm.is_set():
            number += 1
            await floor.db.write(lambda tx, n=number: new_task(tx, gun.person_id, n))  # type: ignore[misc]

    busy = asyncio.create_task(others())
    for turn in range(24):
        await gun.leave()
        if turn % 3 == 2:
            gun.epoch = None  # a snapshot this time
        await gun.connect()
        if turn % 2:
            await catch_up(floor, gun)
    calm.set()
    await busy
    await catch_up(floor, gun)
    assert gun.inbox == floor.db.read_now(lambda conn: snapshot(conn, gun.person_id))
    await gun.leave()
