"""What only reads waits for nobody, and answers to it are kept once."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import select

from core import events
from core.db import Database, Together, Tx, WriteNeededError
from core.errors import KEY_REUSED, AppError
from core.once import Answered, answered, keep_many, once
from core.stock import on_hand
from core.stock.tables import postings

WRITES: dict[str, Callable[[Tx], Any]] = {
    "insert": lambda tx: tx.add(events.meta, {"key": "k", "value": "v"}),
    "update": lambda tx: tx.execute(events.meta.update().values(value="v")),
    "delete": lambda tx: tx.execute(events.meta.delete()),
    "part": lambda tx: tx.attempt(lambda: None),
    "wake": lambda tx: tx.wake("outbox"),
    "news": lambda tx: tx.tell(1),
    "log": lambda tx: events.append(tx, "test.noted", "thing:1", "system", {}),
    "head": lambda tx: tx.newest(select(events.meta.c.value)),
    "numbers": lambda tx: tx.numbers((postings, 1)),
    "whole turn": lambda tx: tx.whole_turn(),
    "turn": lambda tx: tx.turn("engine"),
    "step": lambda tx: tx.alone("engine"),
}


@pytest.mark.parametrize("how", WRITES)
async def test_a_question_that_would_write_says_so_and_nothing_happened(
    db: Database, how: str
) -> None:
    before = db.read_now(lambda conn: conn.execute(select(events.meta)).all())

    def asks(tx: Tx) -> str:
        tx.execute(select(events.meta.c.value)).all()
        WRITES[how](tx)
        return "written"

    with pytest.raises(WriteNeededError):
        await db.ask(asks)
    assert db.read_now(lambda conn: conn.execute(select(events.meta)).all()) == before


def refuses(_: Any) -> None:
    raise AppError(KEY_REUSED, key="op-00000001")


OFTEN: dict[str, Callable[[Database], Awaitable[Any]]] = {
    "a question that would write": lambda db: db.ask(WRITES["wake"]),
    "a refused question": lambda db: db.ask(refuses),
    "a refused look": lambda db: db.read(refuses),
    "a refused command": lambda db: db.write(refuses),
    "a look at stock": lambda db: db.read(on_hand),
}


@pytest.mark.parametrize("what", OFTEN)
async def test_what_happens_often_leaves_nothing_for_the_collector(db: Database, what: str) -> None:
    """R15: an error that its own frames hold keeps all that was read; so may a new condition."""

    async def once_more() -> None:
        with suppress(AppError, WriteNeededError):
            await OFTEN[what](db)

    await once_more()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await once_more()
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_a_question_is_answered_and_refused_as_a_command_is(db: Database) -> None:
    db.write_now(lambda tx: events.begin_epoch(tx, "7"))
    assert await db.ask(lambda tx: events.epoch(tx.conn)) == "7"

    def refuses_seven(tx: Tx) -> None:
        raise AppError(KEY_REUSED, key=events.epoch(tx.conn))

    with pytest.raises(AppError, match="7"):
        await db.ask(refuses_seven)


def make(key: str, content: str, n: int) -> Callable[[Tx], dict[str, Any] | Answered]:
    return lambda tx: answered(tx, "device:1", key, {"c": content}, lambda: {"n": n})


async def ask(db: Database, key: str, content: str, n: int) -> Answered:
    found = await db.ask(make(key, content, n))
    assert isinstance(found, Answered)
    return found


async def test_the_first_answer_that_was_kept_is_the_answer(db: Database) -> None:
    first, twin = await ask(db, "op-00000001", "a", 1), await ask(db, "op-00000001", "a", 2)
    other = await ask(db, "op-00000002", "b", 3)
    found = db.write_now(lambda tx: keep_many(tx, [first, twin, other]))
    assert found == [{"n": 1}, {"n": 1}, {"n": 3}]
    assert db.write_now(Together(keep_many, twin)) == {"n": 1}
    assert await db.ask(make("op-00000001", "a", 9)) == {"n": 1}, "kept: nobody works it out again"
    assert db.write_now(
        lambda tx: once(tx, "device:1", "op-00000001", {"c": "a"}, lambda: {"n": 9})
    ) == {"n": 1}


async def test_the_same_key_with_other_content_is_refused_and_harms_no_neighbour(
    db: Database,
) -> None:
    first, liar = await ask(db, "op-00000001", "a", 1), await ask(db, "op-00000001", "x", 2)
    other = await ask(db, "op-00000002", "b", 3)
    mine, refused, theirs = db.write_now(lambda tx: keep_many(tx, [first, liar, other]))
    assert (mine, theirs) == ({"n": 1}, {"n": 3})
    assert isinstance(refused, AppError)
    assert (refused.code, refused.facts["key"]) == ("key_reused", "op-00000001")
    with pytest.raises(AppError, match="op-00000001"):
        await db.ask(make("op-00000001", "x", 4))
