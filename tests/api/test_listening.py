"""Long connections: one process listens, another takes over, and what was said is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from api.callbacks.listening import LEASE, listening
from api.demo.stage import simulated
from api.main import build, close, start
from core import leases
from core.clock import ManualClock
from core.config import Settings
from core.db import Tx
from core.people import ENGINE, bind_chat
from tests.api.chat_room import ChatRoom

USER = "70000001"
SOON = 0.02


class Ear:
    """One process that listens to Telegram."""

    def __init__(self, room: ChatRoom) -> None:
        self.room = room
        self.jieli = room.jieli
        assert self.jieli.vendors.telegram is not None
        face = self.jieli.vendors.telegram.face
        self.task = asyncio.create_task(listening(self.jieli, "telegram", face, renew=SOON))

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def ears(chat: ChatRoom) -> AsyncIterator[list[Ear]]:
    made: list[Ear] = []
    yield made
    for ear in made:
        await ear.stop()


@pytest.fixture
async def room(chat: ChatRoom) -> ChatRoom:
    """The buyer is on Telegram only."""

    def rebind(tx: Tx) -> None:
        bind_chat(tx, ENGINE, chat.ids.people["buyer"], "telegram", USER)

    chat.jieli.db.write_now(rebind)
    chat.stage.telegram.add_person(USER, "王芳")
    return chat


def heard(room: ChatRoom) -> str:
    telegram = room.stage.telegram
    return str([telegram.wire(each) for each in telegram.pane(USER)])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # looks from outside, where nothing tells
            await asyncio.sleep(SOON)  # tidy: banned — two processes in real time


def holder(room: ChatRoom) -> str:
    db = room.jieli.db
    return db.read_now(lambda conn: leases.holder(conn, "listen:telegram", db.clock.now()))


async def test_words_are_polled_done_and_answered(room: ChatRoom, ears: list[Ear]) -> None:
    ears.append(Ear(room))
    await room.stage.telegram.say(USER, "待办")
    await until(lambda: "现在没有事等你处理" in heard(room))
    await room.stage.telegram.taken()


async def test_another_process_goes_on_where_the_first_one_stopped(
    room: ChatRoom, ears: list[Ear], settings: Settings, clock: ManualClock
) -> None:
    """Only one polls (Telegram would answer both with conflicts); its end lets the other in."""
    ears.append(Ear(room))
    await until(lambda: bool(holder(room)))
    first = holder(room)
    other = build(simulated(settings), clock, room.stage.transport)
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(start, other)
        stack.push_async_callback(close, other)
        assert other.vendors.telegram is not None
        face = other.vendors.telegram.face
        second = asyncio.create_task(listening(other, "telegram", face, renew=SOON))
        await room.stage.telegram.say(USER, "我的")
        await until(lambda: "在你手上" in heard(room))
        assert holder(room) == first
        await ears.pop().stop()
        await room.stage.telegram.say(USER, "待办")
        await until(lambda: "现在没有事等你处理" in heard(room))
        assert holder(room) not in ("", first)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)


async def test_one_that_died_is_replaced_when_its_lease_runs_out(
    room: ChatRoom, ears: list[Ear], clock: ManualClock
) -> None:
    room.jieli.db.write_now(lambda tx: leases.take(tx, "listen:telegram", "dead", tx.now + LEASE))
    ears.append(Ear(room))
    await room.stage.telegram.say(USER, "待办")
    await asyncio.sleep(10 * SOON)  # tidy: banned — nothing may happen meanwhile
    assert holder(room) == "dead"
    assert "现在没有事" not in heard(room)
    clock.advance(LEASE)
    await until(lambda: "现在没有事等你处理" in heard(room))
    assert holder(room) != "dead"
