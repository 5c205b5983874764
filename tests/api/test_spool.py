"""The vendor is answered while the database is not there, and what it said is done once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from api.main import create_app
from core.clock import SECOND, ManualClock
from core.config import Settings
from core.db import Database
from tests.api.chat_room import ChatRoom
from tests.api.test_callbacks import Forger, deeds, state_of, stored, waiting

SOON = 0.2  # instead of two seconds


@contextmanager
def stopped(db: Database) -> Iterator[None]:
    """Nobody gets anything into the inbox meanwhile."""
    if db.is_shared:
        with psycopg.connect(db.url) as other:
            other.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
            yield
        return
    with closing(sqlite3.connect(db.url.removeprefix("sqlite:///"), isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        yield


async def understood(room: ChatRoom) -> None:
    """The database is back: files go in, and the engine looks at what came without a request."""
    while await room.jieli.spool.drain():
        pass
    room.clock.advance(10 * SECOND)
    await room.settle()


async def test_a_press_while_the_database_is_away_is_acknowledged_and_done_once(
    chat: ChatRoom,
) -> None:
    await chat.fail_inspection()
    chat.jieli.store_seconds = SOON
    chat.stage.simulator.pressing.copies = 2
    with stopped(chat.jieli.db):
        posted = await chat.stage.simulator.press("buyer", "退回供应商")
        assert set(posted.statuses) == {200}
        assert len(chat.jieli.spool.waiting()) == 1, (
            "known by the vendor's key, so kept once, as long as nobody moves the clock"
        )
    await understood(chat)
    done = await state_of(chat)
    assert done["state"] == "done"
    assert (await deeds(chat, done["id"])).count("task.done") == 1
    assert (stored(chat), waiting(chat)) == (1, 0)
    assert "退回供应商" in str(chat.cards("buyer")[-1])


async def test_what_a_dead_process_had_kept_is_taken_in_by_the_next(
    chat: ChatRoom, settings: Settings, clock: ManualClock
) -> None:
    await chat.fail_inspection()
    chat.jieli.store_seconds = SOON
    with stopped(chat.jieli.db):
        await chat.stage.simulator.press("buyer", "退回供应商")
    assert chat.jieli.spool.waiting()
    (settings.files_dir / "spool" / "1-torn.json").write_bytes(b'{"channel": "we')
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        while app.state.jieli.spool.waiting():
            await app.state.jieli.spool.drain()
    await understood(chat)
    assert (await state_of(chat))["state"] == "done"
    assert [each.name for each in (settings.files_dir / "spool").iterdir()] == ["1-torn.bad"]


async def test_words_wait_in_a_file_too(chat: ChatRoom) -> None:
    chat.jieli.store_seconds = SOON
    with stopped(chat.jieli.db):
        answer = await Forger(chat).post()
    assert (answer.status_code, answer.content) == (200, b"")
    await understood(chat)
    assert (stored(chat), waiting(chat)) == (1, 0)
