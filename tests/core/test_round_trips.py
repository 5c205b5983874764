"""How often PostgreSQL is asked: what a verb costs on a server that is somewhere else.

Counted, not timed. The bounds are what was counted when they were written, and a little more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from core import catalog, postgres_tx
from core.catalog import NewItem
from core.clock import ManualClock
from core.courier import Courier
from core.db import Database
from core.orders.move import Move, move
from core.orders.purchase import Order
from core.orders.quick import Issue, issue
from core.orders.receipt import Receipt
from core.people import ENGINE, close_session, open_session, sessions_over
from core.quantity import ONE
from core.ready import TIMES
from core.tasks import hold
from core.tasks.task import Task
from tests.core.orders_world import Trader, trader

pytestmark = pytest.mark.postgres
LINES = 9


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    """A trader with nine more items, whose statements have all come back often."""
    found = trader(db, clock)
    for n in range(LINES):
        new = NewItem(f"R-{n}", f"货品{n}")
        found.items[f"货品{n}"] = found.do(lambda tx, new=new: catalog.add_item(tx, ENGINE, new))  # type: ignore[misc]
    for _ in range(TIMES + 2):
        receive_all(found, bought(found, 2))
        hand_over(found, found.tasks("putaway")[-1])
    return found


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each time that somebody waited for the server."""
    lines: list[str] = []
    bring = Courier.bring
    execute: Any = psycopg.Cursor.execute

    def counted_bring(courier: Courier) -> None:
        if courier.is_waiting:
            lines.append("; ".join(parcel.sql for parcel in courier._waiting))
        bring(courier)

    def counted_execute(cursor: Any, query: object, *more: Any, **named: Any) -> Any:
        lines.append(str(query))
        return execute(cursor, query, *more, **named)

    monkeypatch.setattr(postgres_tx, "DEAR_SECONDS", 60)  # a machine that stalls asks no more
    monkeypatch.setattr(Courier, "bring", counted_bring)
    monkeypatch.setattr(psycopg.Cursor, "execute", counted_execute)
    return lines


def bought(t: Trader, lines: int) -> Order:
    return t.order(*((f"货品{n}", "10") for n in range(lines)))


def receive_all(t: Trader, made: Order) -> Receipt:
    return t.arrive(made, *(t.bring(made, n, "10") for n in range(len(made.lines))))


def hand_over(t: Trader, task: Task) -> None:
    to = t.people["陈晨" if task.holder_name != "陈晨" else "李某"].person_id
    t.do(lambda tx: hold.hand_over(tx, t.people["管理员"], task.id, to, "接力"))


def trips(asked: list[str], run: Callable[[], object]) -> int:
    asked.clear()
    run()
    return len(asked)


def test_a_receipt_asks_no_more_for_more_lines(t: Trader, asked: list[str]) -> None:
    small, large = bought(t, 1), bought(t, LINES)
    one = trips(asked, lambda: receive_all(t, small))
    many = trips(asked, lambda: receive_all(t, large))
    assert one <= 16, asked
    assert many <= one + 1, asked


def test_a_task_is_given_to_many_people_in_one_statement(t: Trader, asked: list[str]) -> None:
    large = bought(t, LINES)
    asked.clear()
    receive_all(t, large)
    assert len(t.tasks("putaway")[-1].people) > 1
    assert "; ".join(asked).count("INSERT INTO assignment ") == LINES


def test_an_order_asks_no_more_for_more_lines(t: Trader, asked: list[str]) -> None:
    one = trips(asked, lambda: bought(t, 1))
    assert one <= 9, asked
    assert trips(asked, lambda: bought(t, LINES)) <= one + 1, asked


def test_one_question_tells_of_all_scanners_whether_they_are_signed_in(
    t: Trader, asked: list[str], clock: ManualClock
) -> None:
    by = t.people["李某"].person_id
    tokens = [t.do(lambda tx: open_session(tx, by, "api")) for _ in range(TIMES + 2)]
    t.do(lambda tx: close_session(tx, tokens[3]))

    def call_the_roll() -> set[str]:
        return t.db.read_now(lambda conn: sessions_over(conn, tokens, "api", clock.now()))

    for _ in range(2):
        assert call_the_roll() == {tokens[3]}
    assert trips(asked, call_the_roll) <= 2, asked


def test_goods_are_put_away_issued_and_moved(t: Trader, asked: list[str]) -> None:
    by, item = t.people["李某"], t.items["货品0"]
    here, there = t.places["ZJ-A-1"], t.places["ZJ-A-2"]

    def shelve() -> None:
        t.shelve(received.pop(), "10", "ZJ-A-1")

    def leave() -> None:
        t.do(lambda tx: issue(tx, by, Issue(t.op(), item, ONE, here)))

    def go() -> None:
        t.do(lambda tx: move(tx, by, Move(t.op(), item, ONE, here, there)))

    received = [receive_all(t, bought(t, 1)).lines[0] for _ in range(TIMES + 3)]
    for act in (shelve, leave, go):
        for _ in range(TIMES + 2):
            act()
    assert trips(asked, shelve) <= 8, asked
    assert trips(asked, leave) <= 4, asked
    assert trips(asked, go) <= 4, asked


def test_goods_are_judged_and_a_button_is_pressed(t: Trader, asked: list[str]) -> None:
    def judge() -> None:
        t.judge(received.pop(), "10")

    def press() -> None:
        task = due.pop()
        t.press("李某", task, task.card.buttons[0].key)

    new = NewItem("R-Q", "要检的", needs_inspection=True)
    t.items["要检的"] = t.do(lambda tx: catalog.add_item(tx, ENGINE, new))
    received = [receive_one(t).lines[0] for _ in range(TIMES + 3)]
    for _ in range(TIMES + 2):
        judge()
    assert trips(asked, judge) <= 17, asked
    for _ in range(TIMES + 3):
        receive_one(t)
    due = t.tasks("inspect")
    for _ in range(TIMES + 2):
        press()
    assert trips(asked, press) <= 21, asked


def receive_one(t: Trader) -> Receipt:
    made = t.order(("要检的", "10"))
    return t.arrive(made, t.bring(made, 0, "10"))


def test_a_hand_over(t: Trader, asked: list[str]) -> None:
    task = t.tasks("putaway")[0]
    assert trips(asked, lambda: hand_over(t, task)) <= 9, asked
