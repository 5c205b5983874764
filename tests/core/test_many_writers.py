"""Several processes on one database: no rule is broken that holds for one, and the log has no gap.

On SQLite the second `Database` waits for the first one's lock; on PostgreSQL ordinary commands wait
for each other, and set-based ones and readers work beside them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from core import events, postgres_tx
from core.clash import DoubtfulCommitError
from core.clock import ManualClock
from core.db import Database, Together, Tx, metadata
from core.errors import NOT_FOUND, AppError
from core.once import Answered, answer_of, answered, keep_many, once
from core.postgres import FENCE
from core.postgres_tx import LOG_LOCK, SHARE_TURN, TAKE_TURN, WHOLE_TURN

COUNT = 40


@pytest.fixture
def two(fresh_url: str, clock: ManualClock) -> Iterator[tuple[Database, Database]]:
    """Two processes, as far as the database can tell."""
    pair = (
        Database(fresh_url, clock, synchronous="OFF"),
        Database(fresh_url, clock, synchronous="OFF"),
    )
    yield pair
    for each in pair:
        each.close()


def at_once(two: tuple[Database, Database], command: Callable[[Tx], object]) -> list[object]:
    """Run `command` `COUNT` times on each, all at once; the answers."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda n: two[n % 2].write_now(command), range(2 * COUNT)))


def test_the_log_is_dense_in_the_order_of_commits(two: tuple[Database, Database]) -> None:
    told: list[int] = []
    for each in two:
        each.on_commit = lambda committed: told.extend(event.seq for event in committed.news)
    at_once(two, lambda tx: events.append(tx, "test.noted", "thing:1", "system", {"n": 1}))
    log = two[0].read_now(lambda conn: events.read_after(conn, 0))
    assert [event.seq for event in log] == list(range(1, 2 * COUNT + 1))
    assert sorted(told) == [event.seq for event in log]
    assert two[1].read_now(lambda conn: list(events.verify(conn))) == []


def test_a_read_then_write_loses_no_update(two: tuple[Database, Database]) -> None:
    """What every verb does: read, decide in Python, write. Nobody wrote a lock into it."""
    two[0].write_now(lambda tx: events.begin_epoch(tx, "0"))

    def one_more(tx: Tx) -> None:
        value = tx.execute(select(events.meta.c.value)).scalar_one()
        tx.execute(events.meta.update().values(value=str(int(value) + 1)))

    at_once(two, one_more)
    assert two[0].read_now(events.epoch) == str(2 * COUNT)


async def test_two_processes_keep_one_answer_to_the_same_question(
    two: tuple[Database, Database],
) -> None:
    """A scanner whose connection moved to another process sends its frame again."""
    keys = [f"op-{n:08d}" for n in range(COUNT)]

    async def ask(at: int, key: str) -> Answered:
        found = await two[at].ask(lambda tx: answered(tx, "d", key, {}, lambda: {"by": at}))
        assert isinstance(found, Answered)
        return found

    asked = [(await ask(0, key), await ask(1, key)) for key in keys]
    with ThreadPoolExecutor(16) as pool:
        told = [
            [pool.submit(two[at].write_now, Together(keep_many, each[at])) for at in (0, 1)]
            for each in asked
        ]
    kept = two[0].read_now(lambda conn: [answer_of(conn, "d", key) for key in keys])
    assert [[each.result() for each in pair] for pair in told] == [[each] * 2 for each in kept]


@pytest.mark.postgres  # SQLite lets one at a time write, so nobody clashes
def test_a_long_command_is_not_undone_by_short_ones(two: tuple[Database, Database]) -> None:
    """Those of the other process wait until it has committed, and lose nothing by it."""
    two[0].write_now(lambda tx: events.begin_epoch(tx, "0"))
    tries, short, stop = [0], [0], threading.Event()

    def one_more(tx: Tx) -> None:
        value = tx.execute(select(events.meta.c.value)).scalar_one()
        tx.execute(events.meta.update().values(value=str(int(value) + 1)))

    def long_one(tx: Tx) -> None:
        tries[0] += 1
        value = tx.execute(select(events.meta.c.value)).scalar_one()
        before, waits = short[0], 0
        while short[0] <= before + 1 and waits < 20:  # one had committed and not yet counted
            stop.wait(0.01)
            waits += 1
        assert waits == 20, "another command was at work meanwhile"
        tx.execute(events.meta.update().values(value=str(int(value) + 1)))

    def short_ones() -> None:
        while not stop.is_set():
            two[1].write_now(one_more)
            short[0] += 1

    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(short_ones)
        two[0].write_now(long_one)
        stop.set()
        counted.result()
    assert two[0].read_now(events.epoch) == str(short[0] + 1)
    assert tries == [1]


def test_two_people_cannot_both_take_the_last_one(two: tuple[Database, Database]) -> None:
    """Write skew: each sees that the other still stands, and leaves. Neither row is the same."""

    def duty(tx: Tx, person: str) -> None:
        rows = tx.execute(select(events.meta.c.key)).scalars().all()
        if len(rows) < 2:
            raise AppError(NOT_FOUND, what="值班人", name=person)
        tx.execute(events.meta.delete().where(events.meta.c.key == person))

    for _ in range(20):

        def both_on_duty(tx: Tx) -> None:
            tx.execute(events.meta.delete())
            tx.execute(events.meta.insert(), [{"key": "a", "value": ""}, {"key": "b", "value": ""}])

        two[0].write_now(both_on_duty)
        gate = threading.Barrier(2)

        def leave(db: Database, person: str, gate: threading.Barrier = gate) -> bool:
            gate.wait()
            try:
                db.write_now(lambda tx: duty(tx, person))
            except AppError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            left = list(pool.map(leave, two, ("a", "b")))
        assert left.count(True) == 1
        still = two[0].read_now(lambda conn: conn.execute(select(events.meta.c.key)).all())
        assert len(still) == 1


def test_one_operation_sent_to_both_has_one_effect(two: tuple[Database, Database]) -> None:
    def ask(tx: Tx) -> dict[str, int]:
        def effect() -> dict[str, int]:
            events.append(tx, "test.noted", "thing:1", "system", {})
            return {"done": 1}

        return once(tx, "person:1", "op-00000001", {"q": 1}, effect)

    assert at_once(two, ask) == [{"done": 1}] * (2 * COUNT)
    assert two[0].read_now(events.head) == 1


@pytest.mark.postgres  # SQLite has one writer at a time: nobody commits meanwhile
def test_a_slow_command_keeps_nobody_from_the_log(
    two: tuple[Database, Database], clock: ManualClock
) -> None:
    """A transaction is held open while others commit: it gets its place when it commits.

    A reader that followed the log meanwhile has not stepped over it.
    """
    begun, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        events.append(tx, "test.slow", "thing:slow", "system", {})
        begun.set()
        go_on.wait(10)

    waiting = two[0].submit(slow)
    begun.wait(10)
    two[1].write_now(lambda tx: events.append(tx, "test.fast", "thing:fast", "system", {}))
    followed = two[1].read_now(lambda conn: events.read_after(conn, 0))
    assert [(event.seq, event.kind) for event in followed] == [(1, "test.fast")]
    go_on.set()
    waiting.result(10)
    rest = two[1].read_now(lambda conn: events.read_after(conn, followed[-1].seq))
    assert [(event.seq, event.kind) for event in rest] == [(2, "test.slow")]


def beside(tx: Tx, names: object) -> list[str | AppError]:
    """A set-based command that says one thing for each."""
    assert isinstance(names, list)
    for name in names:
        events.append(tx, "test.beside", f"thing:{name}", "system", {})
    return list(names)


@pytest.mark.postgres
def test_whoever_finds_the_log_further_on_at_his_end_begins_anew_and_then_asks(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """He saw the log's head with his turn, and set-based commands write beside him."""
    runs: list[int] = []

    def slow(tx: Tx, name: str) -> None:
        tx.execute(select(events.meta.c.key)).all()
        runs.append(len(runs))
        if name:
            two[1].submit(Together(beside, name)).result(10)
        events.append(tx, "test.slow", "thing:slow", "system", {})

    monkeypatch.setattr(postgres_tx, "DEAR_SECONDS", 60)
    two[0].write_now(lambda tx: slow(tx, ""))
    two[0].write_now(lambda tx: slow(tx, "a"))
    assert runs == [0, 1, 2], "the number was taken: nothing was done, once more"
    two[0].write_now(lambda tx: slow(tx, "b"))
    assert runs == [0, 1, 2, 3], "who lost that way asks at the end for a while"
    log = two[1].read_now(lambda conn: events.read_after(conn, 0))
    kinds = [event.kind.removeprefix("test.") for event in log]
    assert kinds == ["slow", "beside", "beside", "slow", "beside", "slow"]
    assert [event.seq for event in log] == list(range(1, 7))
    assert two[1].read_now(lambda conn: list(events.verify(conn))) == []


@pytest.mark.postgres
def test_who_took_long_asks_at_his_end_instead_of_beginning_anew(
    two: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def slow(tx: Tx) -> None:
        tx.execute(select(events.meta.c.key)).all()
        runs.append(len(runs))
        two[1].submit(Together(beside, "a")).result(10)
        events.append(tx, "test.slow", "thing:slow", "system", {})

    monkeypatch.setattr(postgres_tx, "DEAR_SECONDS", 0)
    for _ in range(3):
        two[0].write_now(slow)
    assert runs == [0, 1, 2]
    assert two[1].read_now(events.head) == 6
    assert two[1].read_now(lambda conn: list(events.verify(conn))) == []


@pytest.mark.postgres
def test_a_process_stopped_with_the_lock_in_its_hand_is_fenced(
    two: tuple[Database, Database],
) -> None:
    """Stopped in the middle of sending, it is not idle to the server: no time-out would end it.

    Found by SIGSTOP (R6): everybody waited until it went on.
    """
    with (  # noqa: PT012
        psycopg.connect(two[0].url, application_name="jieli", autocommit=True) as stopped,
        pytest.raises(psycopg.OperationalError),
        stopped.pipeline(),
    ):
        stopped.execute("BEGIN")
        stopped.execute(f"SELECT pg_advisory_xact_lock({LOG_LOCK})")
        stopped.pgconn.flush()  # sent, but no word that this was all
        two[0].write_now(lambda tx: events.append(tx, "test.noted", "thing:1", "system", {}))
    assert two[1].read_now(events.head) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("mode", [TAKE_TURN, SHARE_TURN, WHOLE_TURN])
def test_a_process_stopped_in_its_turn_is_fenced_and_one_that_works_is_not(
    two: tuple[Database, Database], mode: str
) -> None:
    """Found by SIGSTOP (R6): once somebody wanted the whole turn, nobody posted for a minute."""

    def whole(tx: Tx) -> None:
        tx.whole_turn()
        events.append(tx, "test.noted", "thing:1", "system", {})

    with (
        psycopg.connect(two[0].url, application_name="jieli") as stopped,
        psycopg.connect(two[0].url, application_name="jieli") as works,
        psycopg.connect(two[0].url, autocommit=True) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        stopped.execute(mode)
        work = thread.submit(works.execute, "SELECT pg_sleep(4)")
        other.execute("SELECT pg_sleep(3.3)")
        assert len(other.execute(FENCE).fetchall()) == 1
        with pytest.raises(psycopg.OperationalError):
            stopped.execute("SELECT 1")
        work.result(10)
        works.rollback()
        two[0].write_now(whole)
    assert two[1].read_now(events.head) == 1


@pytest.mark.postgres
def test_whoever_stands_in_his_turn_keeps_others_for_seconds_only(
    two: tuple[Database, Database],
) -> None:
    """They wait for their turn in vain, look who stands there, and end him."""
    with psycopg.connect(two[0].url, application_name="jieli") as stopped:
        stopped.execute(TAKE_TURN)
        two[0].write_now(lambda tx: events.append(tx, "test.noted", "thing:1", "system", {}))
        with pytest.raises(psycopg.OperationalError):
            stopped.execute("SELECT 1")
    assert two[1].read_now(events.head) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("says", [0, 1])
def test_whoever_lost_his_turn_begins_anew(db: Database, says: int) -> None:
    """He was stopped for so long that it was taken from him: others went on as if he were gone."""
    runs: list[int] = []

    def verb(tx: Tx) -> None:
        tx.execute(select(events.meta.c.key)).all()
        runs.append(len(runs))
        for _ in range(says):  # whoever says something asks beside for the log's head
            events.append(tx, "test.noted", "thing:1", "system", {})
        if len(runs) == 1:
            with psycopg.connect(db.url, autocommit=True) as other:
                assert other.execute(END_TURN).fetchall() == [(True,)]

    db.write_now(verb)
    assert (runs, db.read_now(events.head)) == ([0, 1], says)


# Waits up to five seconds until the session is gone.
END_TURN = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND relation = 'turn'::regclass
"""


def test_a_group_with_one_bad_member_serves_the_others(two: tuple[Database, Database]) -> None:
    def many(tx: Tx, names: object) -> list[str | AppError]:
        assert isinstance(names, list)
        if "bug" in names:
            raise ZeroDivisionError
        for name in names:
            events.append(tx, "test.noted", f"thing:{name}", "system", {})
        return list(names)

    futures = [two[0].submit(Together(many, name)) for name in ["a", "bug", "b"] * 5]
    ended = [each.exception() for each in futures]
    assert [type(each) for each in ended] == [type(None), ZeroDivisionError, type(None)] * 5
    assert two[1].read_now(events.head) == 10


@pytest.mark.postgres
@pytest.mark.parametrize("problem", [DoubtfulCommitError, psycopg.errors.LockNotAvailable])
def test_a_group_that_is_given_up_tells_every_one_of_its_members(
    db: Database, problem: type[Exception]
) -> None:
    """And a group that may have been committed is not run again: its members must ask."""
    runs: list[int] = []

    def many(_tx: Tx, names: object) -> list[str | AppError]:
        assert isinstance(names, list)
        runs.append(len(names))
        raise problem

    running, gate = threading.Event(), threading.Event()

    def block(_tx: Tx, items: object) -> list[bool | AppError]:
        assert isinstance(items, list)
        running.set()
        return [gate.wait(10) for _ in items]

    blocked = db.submit(Together(block, 0))
    running.wait(10)  # else whoever comes first is in its batch
    futures = [db.submit(Together(many, n)) for n in range(3)]
    gate.set()
    blocked.result(10)
    ended = [each.exception(30) for each in futures]
    assert [getattr(each, "code", each) for each in ended] == ["busy"] * 3
    assert set(runs) == {3}
    assert problem is not DoubtfulCommitError or len(runs) == 1


@pytest.mark.postgres
def test_a_read_whose_connection_breaks_is_tried_once_more(db: Database) -> None:
    tries: list[int] = []

    def query(conn: Connection) -> int:
        tries.append(1)
        if len(tries) == 1:
            conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return int(conn.exec_driver_sql("SELECT 1").scalar_one())

    assert db.read_now(query) == 1
    assert len(tries) == 2


@pytest.mark.postgres
def test_a_server_that_takes_no_writes_is_busy(fresh_url: str, clock: ManualClock) -> None:
    """Its disk is full, or another became the primary: a bug to nobody, a pause to everybody."""
    url = make_url(fresh_url)
    alter = f"ALTER DATABASE {url.database} SET default_transaction_read_only ="
    db = Database(fresh_url, clock)
    try:
        assert db.read_now(db.takes_writes)
        db.write_now(lambda tx: tx.conn.exec_driver_sql(f"{alter} on").close())
    finally:
        db.close()
    db = Database(fresh_url, clock)
    try:
        with pytest.raises(AppError) as refused:
            db.write_now(lambda tx: events.begin_epoch(tx, "2"))
        assert refused.value.code == "busy"
        assert not db.read_now(db.takes_writes), "not ready"
    finally:
        db.close()


@pytest.mark.postgres  # SQLite stores it
def test_a_nul_is_refused_with_a_sentence(db: Database) -> None:
    fill = {"key": "nul", "value": "a\x00b"}
    with pytest.raises(AppError) as refusal:
        db.write_now(lambda tx: tx.execute(events.meta.insert(), fill).close())
    assert refusal.value.code == "invalid"


def test_numbers_are_fresh_for_everybody(two: tuple[Database, Database]) -> None:
    table = metadata.tables["posting"]

    def take(tx: Tx) -> list[int]:
        [first, second] = tx.numbers((table, 3), (metadata.tables["move"], 2))
        assert len(second) == 2
        return first

    if not two[0].is_shared:
        assert two[0].write_now(take) == [1, 2, 3]
        return
    taken = at_once(two, take)
    numbers = [each for three in taken if isinstance(three, list) for each in three]
    assert len(set(numbers)) == len(numbers) == 6 * COUNT
    assert all(three == sorted(three) for three in taken if isinstance(three, list))
