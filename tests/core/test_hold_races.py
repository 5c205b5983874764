"""A lot is held while goods of it are on the move: in any order, nothing of it stays good."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Any

import pytest

from core.db import Database, Together, Tx
from core.errors import AppError
from core.people import ENGINE, Actor
from core.stock import Posted, Posting, hold_lot, on_hand, post_many
from tests.core.stock_yard import Yard

pytestmark = pytest.mark.postgres  # SQLite lets one at a time write


@pytest.mark.parametrize("first", ["posting", "hold"])
def test_goods_that_arrive_while_their_lot_is_held_are_held_too(db: Database, first: str) -> None:
    """The first goods of a lot have no balance yet that both could lock."""
    yard = Yard(db)
    sugar = yard.item("SUGAR", "lot")
    lot = yard.lot(sugar, "L-1", "2030-01-01")
    reached, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        reached.set()
        go_on.wait(10)

    def arrive(tx: Tx, items: Sequence[tuple[Actor, Posting]]) -> list[Posted | AppError]:
        done = post_many(tx, items)
        if first == "posting":
            wait()
        return done

    def hold(tx: Tx) -> None:
        hold_lot(tx, ENGINE, lot, "hold-0001", "异物")
        if first == "hold":
            wait()

    line = yard.line(sugar, "5", "SUPPLIER>A-1", lot=lot)
    posting = Posting("arrive-0001", "receive", (line,))
    commands = [Together(arrive, (ENGINE, posting)), hold]
    if first == "hold":
        commands.reverse()
    one: Future[Any] = db.submit(commands[0])  # type: ignore[arg-type]
    reached.wait(10)
    other: Future[Any] = db.submit(commands[1])  # type: ignore[arg-type]
    wait_for([other], timeout=0.3)  # it runs past us, which is wrong, or waits for us
    go_on.set()
    ended = [each.exception(20) for each in (one, other)]
    assert [each for each in ended if each is not None and not isinstance(each, AppError)] == []
    stands = db.read_now(lambda conn: on_hand(conn, sugar))
    good = [row for row in stands if row.location_code == "A-1" and row.status == "ok"]
    assert [row.on_hand for row in good if row.on_hand] == []
    yard.assert_proven()
