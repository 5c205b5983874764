"""PostgreSQL as the product needs it: an ordinary Writer per process and a set-based one.

Ordinary commands of all processes run one at a time, each a transaction of its own: side by side
they share so many index pages that one in eight was undone and ran again. They stay SERIALIZABLE,
so a rule written for one writer holds even when a stopped process wakes up among others: PostgreSQL
refuses what no order of commands could have done, and the command, a plain function, runs again.
Set-based commands lock their rows in one sorted statement and run READ COMMITTED, many a commit.

Order: whoever appends to a log takes one lock at the end of his command and keeps it until his
commit, so `seq` is dense, follows the order of commits, and no reader ever sees a gap. What is the
newest is asked with the turn; where set-based commands wrote meanwhile, on a second connection at
the end: the command's own snapshot is older than the lock.
See docs/decisions/0004.
"""

from __future__ import annotations

import logging
import secrets
import select
import threading
from contextlib import suppress
from typing import Any

import orjson
import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry

from core.clash import (
    MOST_TRIES,
    NO_LOCK,
    READ_ONLY,
    DoubtfulCommitError,
    TurnNeededError,
    as_refusal,
    is_lost,
    log_went_on,
    state_of,
    worth_another_try,
)
from core.clock import Clock
from core.courier import Courier, Parcel
from core.postgres_tx import TAKE_TURN, WHOLE_TURN, Heads, Left, PostgresTx
from core.ready import ReadyConnection
from core.trip import COURIER
from core.tx import Command, Committed
from core.writer import Store, Waiting, as_command, grouped, hand_out

log = logging.getLogger(__name__)

READERS = 8
PATIENT_TRIES = 3  # then a command takes the turn for itself
PATIENCE = 0.002  # seconds before the second try, doubled up to a tenth of a second

SERIALIZABLE = "SERIALIZABLE"
READ_COMMITTED = "READ COMMITTED"
SNAPSHOT = "REPEATABLE READ"
AUTOCOMMIT = "AUTOCOMMIT"

# A host that vanishes sends no end: unasked, Linux would wait a quarter of an hour for an answer
# to what it sent, and two hours before it looks whether anybody is there.
LINK: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms
}

# A process that is stopped in the middle of a transaction loses it after these.
_STANDSTILL = "5s"
# Whoever was stopped in the middle of sending a transaction is not idle to the server, so no
# time-out ends him: he who waits in vain looks for such a one and ends him.
FENCE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user
  AND starts_with(application_name, 'jieli') AND pid <> pg_backend_pid()
  AND xact_start IS NOT NULL AND wait_event IS NOT DISTINCT FROM 'ClientRead'
  AND greatest(query_start, state_change) < clock_timestamp() - interval '3 s'
"""
_SETTINGS = (
    f"SET idle_in_transaction_session_timeout = '{_STANDSTILL}'",
    "SET lock_timeout = '2s'",
    "SET timezone = 'UTC'",
    "SET synchronous_commit = on",
)

_IS_PRIMARY = text(
    "SELECT NOT pg_is_in_recovery() AND NOT current_setting('default_transaction_read_only')::bool"
)
LEISURELY = "backup of jieli"  # not a name that FENCE looks for
_AT_LEISURE = ("SET idle_in_transaction_session_timeout = 0", "SET timezone = 'UTC'")

# Who reads a whole table clashes with everybody who writes to it; by index he has read what he
# needs. And a plan made while a table was young and empty stays until the next ANALYZE.
_BY_INDEX = ("SET enable_seqscan = off", "SET jit = off")
_BY_KEY = (*_BY_INDEX, "SET plan_cache_mode = force_generic_plan")


def postgres_engine(
    url: str,
    isolation: str,
    *,
    size: int,
    read_only: bool = False,
    settings: tuple[str, ...] = _SETTINGS,
    name: str = "jieli",
) -> Engine:
    """An engine of `size` connections; repeated statements are prepared by the courier alone.

    psycopg would drop the courier's with its own after a rollback, but only when it has some.
    """
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        paramstyle="format",
        isolation_level=isolation,
        pool_size=size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
        use_native_hstore=False,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args=LINK | {"application_name": name, "prepare_threshold": None},
    )
    _configure(engine, settings)
    return engine.execution_options(postgresql_readonly=True) if read_only else engine


def _configure(engine: Engine, settings: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: psycopg.Connection[Any], record: ConnectionPoolEntry) -> None:
        before, connection.autocommit = connection.autocommit, True
        connection.execute("; ".join(settings))
        connection.autocommit = before
        record.info[COURIER] = Courier(connection)

    _forget_with(engine)


def _forget_with(engine: Engine) -> None:
    """Prepared statements outlive a rollback, but not a change of the tables they speak of."""

    @event.listens_for(engine, "after_cursor_execute")
    def executed(conn: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip()[:4].upper() in ("DROP", "ALTE"):
            conn.info[COURIER].forget()


def open_store(url: str, clock: Clock) -> Store:
    """A Writer for ordinary commands, one for set-based ones, and readers on snapshots."""
    readers = postgres_engine(url, SNAPSHOT, size=READERS, read_only=True)
    left = Left()
    ordinary = postgres_engine(
        url,
        SERIALIZABLE,
        size=1,
        settings=(*_SETTINGS, *_BY_INDEX),
    )
    together = postgres_engine(url, READ_COMMITTED, size=1, settings=(*_SETTINGS, *_BY_KEY))
    side = postgres_engine(url, AUTOCOMMIT, size=2)
    return Store(
        engines=(readers, ordinary, together, side),
        ordinary=(OwnCommit(ordinary, side, clock, left),),
        together=OwnCommit(together, side, clock, left, sees_newest=True),
        is_shared=True,
        read_failed=_read_failed,
        takes_writes=_takes_writes,
        at_leisure=lambda: postgres_engine(
            url, SNAPSHOT, size=1, read_only=True, settings=_AT_LEISURE, name=LEISURELY
        ),
    )


def _read_failed(problem: Exception, tried: int) -> Exception | None:
    if is_lost(problem) and tried == 0:
        return None
    return problem if state_of(problem) == READ_ONLY else as_refusal(problem)


def _takes_writes(conn: Connection) -> bool:
    """A server with a full disk, or one that was the primary, answers questions only."""
    return bool(conn.execute(_IS_PRIMARY).scalar_one())


class OwnCommit:
    """Runs each command, or each group of set-based ones, in a transaction of its own."""

    def __init__(
        self, engine: Engine, side: Engine, clock: Clock, left: Left, *, sees_newest: bool = False
    ) -> None:
        self._left = left
        self._heads = Heads()
        self._sees_newest = sees_newest
        self._engine = engine
        self._side_engine = side
        self._clock = clock
        self._conn: ReadyConnection | None = None
        self._side: ReadyConnection | None = None
        self._pause = threading.Event()  # never set: a wait that nothing in a test can miss

    def run(self, batch: list[Waiting]) -> Committed:
        committed = Committed()
        for group in grouped(batch):
            self._run_group(group, committed)
        return committed

    def close(self) -> None:
        for conn in (self._conn, self._side):
            if conn is not None:
                with suppress(Exception):
                    conn.invalidate()
                with suppress(Exception):
                    conn.close()
        self._conn = self._side = None

    def _run_group(self, group: list[Waiting], committed: Committed) -> None:
        command = as_command(group)
        whole, lost = False, 0
        for number in range(MOST_TRIES):
            try:
                crowded = number >= PATIENT_TRIES and number % 2 == 1
                hand_out(group, self._once(command, committed, whole=whole or crowded))
                return
            except TurnNeededError:
                whole = True
                continue
            except Exception as problem:  # noqa: BLE001  # handed to its caller
                if self._guessed_wrong(problem):
                    continue
                if state_of(problem) == NO_LOCK:
                    self._fence()
                elif len(group) > 1 and not isinstance(problem, DoubtfulCommitError):
                    break
                if not worth_another_try(problem, lost if is_lost(problem) else number):
                    refusal = as_refusal(problem)
                    for waiting in group:
                        waiting.error = refusal
                    return
                lost += is_lost(problem)
            self._pause.wait(min(0.1, PATIENCE * 2**number) * (0.5 + secrets.randbelow(100) / 100))
        for waiting in group:  # one bad item must not fail its neighbours
            self._run_group([waiting], committed)

    def _guessed_wrong(self, problem: Exception) -> bool:
        """Whether a log was not where we had seen it; then we ask before we try again."""
        went_on = log_went_on(problem)
        if self._sees_newest and went_on:
            self._left.gone_on()
        elif not self._sees_newest and state_of(problem):
            self._heads.gone_on()
        return went_on

    def _once(self, command: Command[Any], committed: Committed, *, whole: bool) -> Any:
        try:
            conn, side = self._connections()
            conn.begin()
            begun = {} if self._sees_newest else self._begin_turn(conn, whole=whole)
            tx = PostgresTx(
                conn,
                self._clock,
                side,
                self._left,
                self._heads,
                begun=begun,
                sees_newest=self._sees_newest,
                has_whole_turn=whole,
            )
            result = command(tx)
            if not self._sees_newest:
                tx.finish()
                self._check_turn(conn)
        except BaseException as problem:
            self._undo(problem)
            raise
        try:
            courier = conn.info[COURIER]
            if self._sees_newest:  # the log's rows and the commit in one round trip
                courier.hold()
                tx.finish()
            if courier.is_waiting:
                courier.end()
            conn.commit()
        except BaseException as problem:
            self._undo(problem)
            if is_lost(problem):  # done or not done, nobody can tell: the asker must ask again
                raise DoubtfulCommitError from problem
            raise
        if "event_head" in tx.shared:
            self._left.at(tx.shared["event_head"])
        committed.wakes |= tx.wakes
        committed.news += tx.news
        return result

    def _fence(self) -> None:
        """End the transaction of a process that was stopped while others wait for its locks."""
        with suppress(Exception):
            _, side = self._connections()
            ended = side.exec_driver_sql(FENCE).fetchall()
            if ended:
                log.warning("stopped_process_fenced", extra={"transactions": len(ended)})

    def _begin_turn(self, conn: Connection, *, whole: bool) -> dict[str, Parcel]:
        """Have the command wait for its turn: in the packet of its first question, ahead of it.

        The question for a log's head goes with it; the answers to be, by question.
        """
        courier = conn.info[COURIER]
        courier.begin()
        courier.execute(WHOLE_TURN if whole else TAKE_TURN)
        return self._heads.asked_with(courier)

    def _check_turn(self, conn: Connection) -> None:
        """Raise when the turn was taken from us: we were stopped, and others went on without us.

        Then nothing was done, which the commit would not know. Nothing is expected on the
        connection now, so anything that can be read is its end.
        """
        driver: Any = conn.connection.driver_connection
        end = select.poll()
        end.register(driver.pgconn.socket, select.POLLIN)
        if end.poll(0):
            raise psycopg.OperationalError("the turn was lost before the commit")

    def _connections(self) -> tuple[ReadyConnection, ReadyConnection]:
        if self._conn is None or self._side is None:
            self.close()
            self._conn = ReadyConnection(self._engine)
            self._side = ReadyConnection(self._side_engine)
        return self._conn, self._side

    def _undo(self, problem: BaseException) -> None:
        if is_lost(problem) or self._conn is None:
            self.close()
            return
        try:
            courier = self._conn.info[COURIER]
            courier.drop()
            driver: Any = self._conn.connection.driver_connection
            self._conn.rollback()
            driver.rollback()  # a commit that failed in a pipeline: SQLAlchemy takes it for done
        except Exception:  # noqa: BLE001  # whatever state it is in, the next one is sound
            self.close()
