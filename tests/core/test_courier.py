"""The packets between us and PostgreSQL: order, errors, much text, a vanished server."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

from core.courier import Courier
from core.postgres import postgres_engine
from core.trip import COURIER

pytestmark = pytest.mark.postgres


@pytest.fixture
def conn(blank_url: str) -> Iterator[Connection]:
    engine = postgres_engine(blank_url, "READ COMMITTED", size=1)
    with engine.connect() as found:
        found.exec_driver_sql("CREATE TABLE note (id int PRIMARY KEY, words text)")
        found.commit()
        yield found
        found.rollback()
    engine.dispose()


@pytest.fixture
def courier(conn: Connection) -> Courier:
    found: Courier = conn.info[COURIER]
    found.begin()
    return found


ADD = "INSERT INTO note VALUES (%s, %s)"
ALL = "SELECT id, words, id %% 2 = 0 FROM note ORDER BY id"


def test_statements_run_in_order_and_each_knows_what_came_back(courier: Courier) -> None:
    first = courier.execute(ADD, (1, "一"))
    second = courier.execute(ADD, (2, None))
    read = courier.execute(ALL)
    assert first.rowcount == -1, "nothing has travelled yet"
    courier.deliver()
    assert (first.rowcount, second.rowcount) == (1, 1)
    assert read.fetchall() == [(1, "一", False), (2, None, True)]
    assert read.fetchone() == (1, "一", False)
    assert first.fetchone() is None


def test_the_first_error_is_raised_and_the_connection_goes_on(
    conn: Connection, courier: Courier
) -> None:
    courier.execute(ADD, (1, "one"))
    courier.execute(ADD, (1, "twin"))
    courier.execute("SELECT * FROM never_reached")
    with pytest.raises(psycopg.errors.UniqueViolation):
        courier.deliver()
    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    driver.rollback()
    courier.begin()
    after = courier.execute(ALL)
    courier.execute("SELECT 1")
    courier.deliver()
    assert after.fetchall() == []


def test_a_statement_that_does_not_parse_is_not_taken_for_known(courier: Courier) -> None:
    for _ in range(2):
        courier.execute("SELEC 1")
        with pytest.raises(psycopg.errors.SyntaxError):
            courier.deliver()


def test_what_is_held_travels_with_the_commit(conn: Connection, courier: Courier) -> None:
    driver = conn.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    courier.hold()
    added = courier.execute(ADD, (7, "late"))
    courier.deliver()
    assert added.rowcount == -1
    courier.execute("COMMIT")
    courier.bring()
    assert added.rowcount == 1
    assert driver.pgconn.transaction_status == TransactionStatus.IDLE
    assert driver.execute("SELECT words FROM note").fetchall() == [("late",)]


def test_what_is_held_when_something_breaks_is_dropped(courier: Courier) -> None:
    courier.hold()
    courier.execute(ADD, (8, "never"))
    courier.drop()
    courier.begin()
    read = courier.execute(ALL)
    courier.deliver()
    assert (read.rowcount, read.fetchall()) == (0, [])


@pytest.mark.parametrize("again", ["savepoint", "drop"])
def test_what_psycopg_forgets_is_prepared_anew(
    conn: Connection, courier: Courier, again: str
) -> None:
    """After ROLLBACK TO or DDL it deallocates all statements of the session."""
    for number in range(8):  # psycopg prepares what it has seen five times
        conn.exec_driver_sql("SELECT 1")
        courier.execute(ADD, (number, again))
        courier.deliver()
        if again == "drop":
            conn.exec_driver_sql("DROP TABLE IF EXISTS nothing")
        else:
            conn.begin_nested().rollback()
    read = courier.execute(ALL)
    courier.deliver()
    assert len(read.fetchall()) == 8


def test_more_than_both_sockets_can_hold_goes_through(courier: Courier) -> None:
    much = "货" * 1_000_000
    sent = [courier.execute("SELECT %s::text", (much + str(number),)) for number in range(12)]
    courier.deliver()
    assert [parcel.fetchall() for parcel in sent] == [[(much + str(n),)] for n in range(12)]


def test_a_nul_is_refused_before_it_travels(courier: Courier) -> None:
    courier.execute(ADD, (1, "a\0b"))
    with pytest.raises(psycopg.DataError):
        courier.deliver()
    courier.begin()
    read = courier.execute(ALL)
    courier.deliver()
    assert (read.rowcount, read.fetchall()) == (0, [])


def test_a_vanished_server_is_an_operational_error(conn: Connection, courier: Courier) -> None:
    courier.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    courier.execute(ALL)
    with pytest.raises(psycopg.OperationalError):
        courier.deliver()
    courier.execute(ALL)
    with pytest.raises(psycopg.OperationalError):
        courier.deliver()
    conn.invalidate()
