"""Statements that come back go past SQLAlchemy and answer what it would have answered."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Integer,
    String,
    Table,
    bindparam,
    event,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError

from core import audit, ready
from core.ahead import ask_ahead
from core.bulk import Bulk, given
from core.clock import ManualClock
from core.courier import Courier
from core.db import SELDOM, Database, Tx, metadata
from core.errors import INVALID, AppError
from core.people import ENGINE
from core.quantity import ONE
from core.ready import ReadyConnection, _Ready
from core.stock import Line, Posting, Reserve, post, reserve
from tests.core.stock_yard import Yard
from tests.core.test_db import Blocked

OFTEN = ready.TIMES + 3
box = Table(
    "ready_box",
    metadata.__class__(),  # of its own: no migration knows it
    Column("id", Integer, primary_key=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("full", Boolean, nullable=False),
    Column("facts", JSON),
)
rule = Table(
    "ready_rule",
    box.metadata,
    Column("name", String(32), primary_key=True),
    Column("says", JSON),
    info=SELDOM,
)
SAID = select(rule.c.says).where(rule.c.name == bindparam("name_"))
SAY = rule.update().where(rule.c.name == bindparam("name_"))
ADD = box.insert()
FIND = select(box).where(box.c.name == bindparam("name_"))
AMONG = select(box.c.name).where(box.c.name.in_(bindparam("names_", expanding=True)))
AMONG = AMONG.order_by(box.c.name)
NOT_AMONG = select(box.c.name).where(box.c.name.not_in(bindparam("names_", expanding=True)))
KNOWN = select(box.c.name).where(box.c.name.in_(("b0", "b2"))).order_by(box.c.name)
COUNT = select(func.count()).select_from(box)
FILL = box.update().where(box.c.full == bindparam("was_"))
TAKE = box.update().where(box.c.name == bindparam("name_")).returning(box.c.id, box.c.facts)
PAGE = select(box.c.name).order_by(box.c.id).limit(bindparam("limit_"))


@pytest.fixture
def boxes(db: Database) -> Database:
    """A table of its own with three rows."""
    db.write_now(lambda tx: box.create(tx.conn))
    db.write_now(lambda tx: [add(tx, f"b{n}") for n in range(3)] and None)
    return db


def add(tx: Tx, name: str, **facts: Any) -> int:
    made = tx.execute(ADD, {"name": name, "full": False, "facts": facts or None})
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def often(db: Database, ask: Callable[[Connection], Any]) -> list[Any]:
    """The answers of one transaction that asks again and again: first SQLAlchemy's, then ours."""
    return db.write_now(lambda tx: [ask(tx.conn) for _ in range(OFTEN)])


def same(answers: list[Any]) -> Any:
    assert all(each == answers[0] for each in answers), answers
    return answers[0]


def test_rows_are_the_same_row_by_row(boxes: Database) -> None:
    boxes.write_now(lambda tx: add(tx, "玻璃杯", sizes=[1, 2], note="100%"))
    row = same(often(boxes, lambda conn: conn.execute(FIND, {"name_": "玻璃杯"}).one()))
    assert (row.name, row.full, row.facts) == ("玻璃杯", False, {"sizes": [1, 2], "note": "100%"})
    as_dict = often(boxes, lambda conn: dict(conn.execute(FIND, {"name_": "b1"}).mappings().one()))
    assert same(as_dict)["facts"] is None
    assert same(often(boxes, lambda conn: conn.execute(FIND, {"name_": "no"}).first())) is None
    assert same(often(boxes, lambda conn: conn.execute(COUNT).scalar())) == 4
    page = often(boxes, lambda conn: conn.execute(PAGE, {"limit_": 2}).scalars().all())
    assert same(page) == ["b0", "b1"]


@pytest.mark.parametrize("names", [[], ["b0"], ["b0", "b2", "b9"], [f"b{n}" for n in range(70)]])
def test_an_in_takes_any_number_of_values(boxes: Database, names: list[str]) -> None:
    asked = often(boxes, lambda conn: conn.execute(AMONG, {"names_": names}).scalars().all())
    assert same(asked) == [each for each in ("b0", "b1", "b2") if each in names]
    asked = often(boxes, lambda conn: conn.execute(NOT_AMONG, {"names_": names}).scalars().all())
    assert sorted(same(asked)) == [each for each in ("b0", "b1", "b2") if each not in names]


def test_an_in_of_constants(boxes: Database) -> None:
    asked = often(boxes, lambda conn: conn.execute(KNOWN).scalars().all())
    assert same(asked) == ["b0", "b2"]


def test_how_many_were_written_and_what_they_are_called(boxes: Database) -> None:
    def command(tx: Tx) -> tuple[list[int], list[int], list[Any]]:
        keys = [add(tx, f"new{n}") for n in range(OFTEN)]
        counts = [
            tx.execute(FILL, {"was_": n % 2 == 1, "full": n % 2 == 0}).rowcount
            for n in range(OFTEN)
        ]
        taken = [tx.execute(TAKE, {"name_": "b0", "facts": [n]}).one().facts for n in range(OFTEN)]
        return keys, counts, taken

    keys, counts, taken = boxes.write_now(command)
    assert len(set(keys)) == OFTEN
    assert counts == [OFTEN + 3] * OFTEN
    assert taken == [[n] for n in range(OFTEN)]


def test_many_rows_in_one_call(boxes: Database) -> None:
    def command(tx: Tx) -> None:
        for part in range(OFTEN):
            rows = [{"name": f"{part}/{n}", "full": True, "facts": [n]} for n in range(5)]
            tx.execute(ADD, rows)

    boxes.write_now(command)
    assert boxes.read_now(lambda conn: conn.execute(COUNT).scalar()) == 5 * OFTEN + 3


@pytest.mark.parametrize("count", [2, 3, 300, 3_000])
def test_many_rows_keep_their_values_and_their_order(boxes: Database, count: int) -> None:
    """Also those that look like an array's own marks."""
    odd = ["", "NULL", "{}", '"', "\\", "a,b", "'", "100%", "%s", "$1", "玻璃杯\n", " b "]

    def rows(part: int) -> list[dict[str, Any]]:
        return [
            {
                "name": f"{odd[n % len(odd)]}{part}/{n}",
                "full": n % 3 == 0,
                "facts": None if n % 5 == 0 else {"says": odd[n % len(odd)], "n": n},
            }
            for n in range(count)
        ]

    boxes.write_now(lambda tx: [tx.execute(ADD, rows(part)) for part in range(OFTEN)] and None)
    query = select(box.c.name, box.c.full, box.c.facts).order_by(box.c.id)
    stored = boxes.read_now(lambda conn: [dict(each) for each in conn.execute(query).mappings()])
    assert stored[3:] == [row for part in range(OFTEN) for row in rows(part)]


def test_of_many_rows_one_that_is_refused_undoes_all(boxes: Database) -> None:
    def command(tx: Tx) -> None:
        for part in range(OFTEN):
            names = [f"{part}/{n}" for n in range(4)]
            tx.execute(ADD, [{"name": each, "full": True, "facts": None} for each in names])
        again = [{"name": each, "full": True, "facts": None} for each in ("x", "0/1")]
        tx.execute(ADD, again)

    with pytest.raises(IntegrityError):
        boxes.write_now(command)
    assert boxes.read_now(lambda conn: conn.execute(COUNT).scalar()) == 3


def test_what_is_refused_is_refused_before_the_commit(boxes: Database) -> None:
    """Nobody looks at the second insert's answer; still nothing of the command is kept."""

    def command(tx: Tx) -> str:
        for n in range(OFTEN):
            tx.execute(ADD, {"name": f"n{n}", "full": False, "facts": None})
        tx.execute(ADD, {"name": "n0", "full": False, "facts": None})
        return "done"

    with pytest.raises(IntegrityError):
        boxes.write_now(command)
    assert boxes.read_now(lambda conn: conn.execute(COUNT).scalar()) == 3
    boxes.write_now(lambda tx: add(tx, "n0"))


def test_a_refused_part_takes_its_unsent_writes_with_it(boxes: Database) -> None:
    def command(tx: Tx) -> list[str]:
        for n in range(OFTEN):
            tx.execute(ADD, {"name": f"kept{n}", "full": False, "facts": None})

        def part() -> None:
            tx.execute(ADD, {"name": "undone", "full": False, "facts": None})
            raise AppError(INVALID, field="箱", why="试")

        def twin() -> None:
            tx.execute(ADD, {"name": "kept0", "full": False, "facts": None})

        with pytest.raises(AppError):
            tx.attempt(part)
        with pytest.raises(IntegrityError):
            tx.attempt(twin)
        tx.execute(ADD, {"name": "after", "full": False, "facts": None})
        return list(tx.execute(AMONG, {"names_": ["kept0", "undone", "after"]}).scalars())

    assert boxes.write_now(command) == ["after", "kept0"]


def test_a_listener_hears_every_statement(boxes: Database) -> None:
    heard: list[str] = []

    def ask(conn: Connection) -> None:
        assert isinstance(conn, ReadyConnection)
        for _ in range(OFTEN):
            conn.execute(COUNT).scalar()
        event.listen(conn, "before_cursor_execute", lambda *each: heard.append(each[2]))
        for _ in range(OFTEN):
            conn.execute(COUNT).scalar()

    boxes.read_now(ask)
    assert len(heard) == OFTEN


# -- asked ahead -----------------------------------------------------------------------------------
@pytest.fixture
def known(boxes: Database) -> Database:
    """Boxes that are asked for so often that nothing goes SQLAlchemy's way."""
    often(boxes, lambda conn: found(conn, "b0"))
    often(boxes, lambda conn: conn.execute(AMONG, {"names_": ["b1"]}).all())
    return boxes


def found(conn: Connection, name: str) -> bool | None:
    """Whether the box is full; None when there is none."""
    row = conn.execute(FIND, {"name_": name}).first()
    return None if row is None else bool(row.full)


@pytest.mark.postgres
def test_what_is_asked_ahead_travels_with_the_next_question(
    known: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[int] = []
    bring = Courier.bring

    def counted(courier: Courier) -> None:
        trips.append(len(courier._waiting))
        bring(courier)

    monkeypatch.setattr(Courier, "bring", counted)

    def command(tx: Tx) -> list[Any]:
        ask_ahead(tx.conn, FIND, {"name_": "b0"})
        ask_ahead(tx.conn, AMONG, {"names_": ["b2"]})
        others = tx.execute(AMONG, {"names_": ["b1"]}).scalars().all()
        before = len(trips)
        answers = [others, found(tx.conn, "b0"), tx.execute(AMONG, {"names_": ["b2"]}).scalar()]
        assert len(trips) == before, "they had come with the first"
        answers.append(found(tx.conn, "b0"))
        assert len(trips) == before + 1, "once"
        return answers

    assert known.write_now(command) == [["b1"], False, "b2", False]


def test_what_was_asked_ahead_is_void_once_something_was_written(known: Database) -> None:
    these = given(name_=str)
    rename = box.update().where(box.c.name == these.c.name_).values(name=box.c.name + "+")
    by_bulk = Bulk(rename)

    def command(tx: Tx) -> list[bool | None]:
        ask_ahead(tx.conn, FIND, {"name_": "b0"})
        tx.execute(FILL, {"was_": False, "full": True})
        heard = [found(tx.conn, "b0")]
        ask_ahead(tx.conn, FIND, {"name_": "b1+"})
        by_bulk.run(tx, [("b1",)])
        heard.append(found(tx.conn, "b1+"))
        ask_ahead(tx.conn, FIND, {"name_": "b2"})
        tx.conn.exec_driver_sql("DELETE FROM ready_box")
        heard.append(found(tx.conn, "b2"))
        ask_ahead(tx.conn, FIND, {"name_": "b1"})
        return heard

    assert known.write_now(command) == [True, True, None]
    known.write_now(lambda tx: add(tx, "b1"))
    assert known.write_now(lambda tx: found(tx.conn, "b1")) is False


def test_what_a_refused_part_asked_ahead_is_not_told_to_others(known: Database) -> None:
    def command(tx: Tx) -> list[bool | None]:
        def refused() -> None:
            add(tx, "gone")
            ask_ahead(tx.conn, FIND, {"name_": "gone"})
            raise AppError(INVALID, field="x", why="y")

        with pytest.raises(AppError):
            tx.attempt(refused)
        return [found(tx.conn, "gone")]

    assert known.write_now(command) == [None]


# -- tables that are seldom written ----------------------------------------------------------------
@pytest.fixture
def ruled(boxes: Database) -> Database:
    """A rule that says 1, known so well that nothing goes SQLAlchemy's way."""
    boxes.write_now(lambda tx: rule.create(tx.conn))
    boxes.write_now(lambda tx: tx.add(rule, {"name": "tax", "says": [1]}).close())
    often(boxes, said)
    for n in range(OFTEN):
        boxes.write_now(lambda tx, n=n: say(tx, n))  # type: ignore[misc]
    return boxes


def said(conn: Connection) -> Any:
    return conn.execute(SAID, {"name_": "tax"}).scalar_one()


def say(tx: Tx, what: int) -> None:
    tx.execute(SAY, {"name_": "tax", "says": [what]})


def test_a_table_that_is_seldom_written_is_asked_once_in_a_transaction(
    ruled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    ask = _Ready._ask

    def counted(form: _Ready, conn: Connection, values: Any) -> Any:
        asked.append(values)
        return ask(form, conn, values)

    monkeypatch.setattr(_Ready, "_ask", counted)
    for _ in range(2):
        answers = often(ruled, said)
        assert same(answers) == [OFTEN - 1]
        answers[0].append("written on")
        assert answers[1] == [OFTEN - 1], "each has an answer of his own"
    assert len(asked) == 2, "once in each of the two"


def test_what_a_transaction_writes_it_reads(ruled: Database) -> None:
    def command(tx: Tx) -> list[Any]:
        heard = [said(tx.conn)]
        say(tx, 7)
        heard.append(said(tx.conn))

        def refused() -> None:
            say(tx, 8)
            heard.append(said(tx.conn))
            raise AppError(INVALID, field="x", why="y")

        with pytest.raises(AppError):
            tx.attempt(refused)
        heard.append(said(tx.conn))
        tx.conn.exec_driver_sql("DELETE FROM ready_rule")
        heard.append(tx.conn.execute(SAID, {"name_": "tax"}).scalar_one_or_none())
        return heard

    assert ruled.write_now(command) == [[OFTEN - 1], [7], [8], [7], None]


def test_what_a_refused_neighbour_wrote_is_read_by_nobody(ruled: Database) -> None:
    """In one batch of SQLite, where both are in one transaction."""

    def refused(tx: Tx) -> None:
        say(tx, 7)
        assert said(tx.conn) == [7]
        raise AppError(INVALID, field="x", why="y")

    blocked = Blocked(ruled)
    first, second = ruled.submit(refused), ruled.submit(lambda tx: said(tx.conn))
    blocked.release()
    with pytest.raises(AppError):
        first.result()
    assert second.result() == [OFTEN - 1]


def test_a_later_transaction_hears_what_another_process_wrote(
    ruled: Database, fresh_url: str, clock: ManualClock
) -> None:
    assert ruled.read_now(said) == [OFTEN - 1]
    other = Database(fresh_url, clock)
    try:
        other.write_now(lambda tx: say(tx, 9))
    finally:
        other.close()
    assert ruled.read_now(said) == [9]
    assert same(often(ruled, said)) == [9]


@pytest.mark.postgres
def test_a_transaction_that_ended_without_the_courier_holds_nothing_back_in_the_next(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its counts were not brought: reservations found their ledger broken (R6, seed 20261126)."""
    monkeypatch.setattr(ready, "TIMES", 1_000_000)  # everything goes SQLAlchemy's way
    yard = Yard(db)
    item = yard.item("CUP")
    line = Line(item, 10 * ONE, yard.places["SUPPLIER"], yard.places["A-1"])
    db.write_now(lambda tx: post(tx, ENGINE, Posting("op-opening", "opening", (line,))))
    for n in range(8):  # on each of the writers' connections
        db.write_now(lambda tx: audit.record(tx, "engine", "cli", "x.y", "x:1"))
        wish = Reserve(f"op-{n:08d}", item, ONE)
        kept = db.write_now(lambda tx, wish=wish: reserve(tx, ENGINE, wish))  # type: ignore[misc]
        assert kept.quantity == ONE


def test_a_connection_that_was_closed_leaves_nothing_for_the_collector(ruled: Database) -> None:
    """R15: answers that knew their connection kept its rows until a full collection."""
    ruled.read_now(said)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            ruled.read_now(said)
        assert gc.collect() == 0
    finally:
        gc.enable()
