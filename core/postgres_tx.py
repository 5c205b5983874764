"""What a command on PostgreSQL sees: `PostgresTx`, its locks and the numbers it takes.

Every lock of ours is here: the log's, the engine steps' and the turn. Who runs a command, and how
often, is core/postgres.py's affair.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Dialect, Row, Select, Table

from core.clash import TurnNeededError
from core.clock import Clock, perf
from core.courier import Courier, Parcel
from core.ready import ReadyConnection
from core.trip import COURIER, Trip, sql_of
from core.tx import Tx

LOG_LOCK = 0x6A69656C  # "jiel": the one lock of whoever appends to a log
STEP_LOCK = 0x73746570  # "step"

LEFT_SECONDS = 5.0  # far below the days after which a log's old rows are archived
ASK_AGAIN = 16  # commands, after the log's head was not where we left it
DEAR_SECONDS = 0.1  # who took longer asks at his end: to begin anew would cost him more
_STANDSTILL_WITH_LOCK = "2s"
_LOCK_LOG = (
    f"SET LOCAL idle_in_transaction_session_timeout = '{_STANDSTILL_WITH_LOCK}'",
    f"SELECT pg_advisory_xact_lock({LOG_LOCK})",
)
# Modes of a table's lock and not advisory locks: taking one needs no snapshot, so it is the first
# thing in a command's own transaction, which then sees what was committed while it waited.
TAKE_TURN = "LOCK TABLE turn IN SHARE ROW EXCLUSIVE MODE"  # one ordinary command at a time
SHARE_TURN = "LOCK TABLE turn IN ROW SHARE MODE"  # set-based ones, beside it and each other
WHOLE_TURN = "LOCK TABLE turn IN EXCLUSIVE MODE"  # nobody beside it


class Left:
    """The event log's head as this process left it: whoever goes on from there need not ask.

    If another process wrote meanwhile, the number is taken and nothing is committed. Then we ask
    for a while: where processes take turns, trying would cost more than asking.
    """

    def __init__(self) -> None:
        self._place: tuple[int, str] | None = None
        self._since = 0.0
        self._ask = 0

    def known(self) -> tuple[int, str] | None:
        """Where it was a moment ago; None when that would be a guess."""
        if self._ask:
            self._ask -= 1
            return None
        return self._place if perf() - self._since < LEFT_SECONDS else None

    def at(self, place: tuple[int, str]) -> None:
        """Our commit left it here."""
        if self._place is None or place[0] > self._place[0]:
            self._place, self._since = place, perf()

    def gone_on(self) -> None:
        """It is not there any more."""
        self._place = None
        self._ask = ASK_AGAIN


class Heads:
    """A log's head as the first packet of an ordinary command finds it; of the log that most write.

    Who has the turn is alone but for set-based commands and whoever was stopped, so asking again
    at the end would cost two round trips that are seldom needed. When they were, a number is taken,
    nothing is committed, the command runs again and for a while we ask at the end.
    """

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()  # each was asked for at the end
        self._ask_late = 0

    def asked_with(self, courier: Courier) -> dict[str, Parcel]:
        """The question for it, on its way with whatever comes next."""
        if self._ask_late:
            self._ask_late -= 1
            return {}
        return {sql: courier.execute(sql) for sql, _ in self._times.most_common(1)}

    def wanted(self, sql: str) -> None:
        """A command has come to its end and writes to that log."""
        self._times[sql] += 1

    def gone_on(self) -> None:
        """It was not there any more."""
        self._ask_late = ASK_AGAIN


class PostgresTx(Tx):
    """One of many writers."""

    __slots__ = (
        "_begun",
        "_has_whole_turn",
        "_heads",
        "_left",
        "_place",
        "_sees_newest",
        "_side",
        "_since",
    )

    def __init__(
        self,
        conn: Connection,
        clock: Clock,
        side: Connection,
        left: Left,
        heads: Heads,
        *,
        begun: dict[str, Parcel],
        sees_newest: bool,
        has_whole_turn: bool,
    ) -> None:
        super().__init__(conn, clock.now(), {})
        self._left = left
        self._heads = heads
        self._begun = begun  # heads that were asked for with the turn
        self._since = perf()
        self._place: tuple[int, str] | None = None
        self._has_whole_turn = has_whole_turn
        self._side = side
        self._sees_newest = sees_newest  # READ COMMITTED: each statement has a fresh snapshot

    def settle(self) -> None:
        assert isinstance(self.conn, ReadyConnection)
        self.conn.settle()

    def newest(self, statement: Select[Any]) -> Any:
        courier = self.conn.info[COURIER]
        if "log lock" not in self.shared:
            courier.begin()
            for each in _LOCK_LOG:
                courier.execute(each)
            self.shared["log lock"] = True
        sql = sql_of(statement, self.conn.dialect)
        begun = self._begun.get(sql) if perf() - self._since < DEAR_SECONDS else None
        self._heads.wanted(sql)
        if begun is None:
            courier.bring()  # who has the lock sees the newest, by a connection of no snapshot
        head = self._side.execute(statement).first() if begun is None else begun.fetchone()
        courier.hold()  # the log's rows travel with the commit
        return head

    def newest_of(self, statement: Select[Any]) -> Trip[Row[Any] | None] | None:
        if not self._sees_newest:
            return None
        return _Newest(self, sql_of(statement, self.conn.dialect), self._place)

    def no_more_questions(self) -> None:
        if self._sees_newest:
            self._place = self._left.known()
            if self._place is not None:
                self.conn.info[COURIER].hold()

    def numbers_of(self, *wanted: tuple[Table, int]) -> Trip[list[list[int]]]:
        return _Numbers(wanted, share_turn=self._sees_newest)

    def whole_turn(self) -> None:
        assert not self._sees_newest, "a set-based command shares the turn with its batch"
        if not self._has_whole_turn:
            raise TurnNeededError

    def turn(self, name: str) -> None:
        self.conn.exec_driver_sql("SET LOCAL lock_timeout = 0")
        self.conn.exec_driver_sql(
            f"SELECT pg_advisory_xact_lock({STEP_LOCK}, hashtext(%s))", (name,)
        )

    def alone(self, name: str) -> bool:
        sql = f"SELECT pg_try_advisory_xact_lock({STEP_LOCK}, hashtext(%s))"
        return bool(self.conn.exec_driver_sql(sql, (name,)).scalar())


class _Newest:
    """The log's lock and then its head, in the trip that writes everything else."""

    def __init__(self, tx: PostgresTx, sql: str, known: tuple[int, str] | None) -> None:
        self._tx, self._sql, self._known = tx, sql, known

    def send(self, driver: Any, _dialect: Dialect) -> list[Any]:
        for each in _LOCK_LOG:
            driver.execute(each)
        return [] if self._known else [driver.execute(self._sql)]

    def made(self, sent: list[Any]) -> Any:
        self._tx.shared["log lock"] = True
        return self._known or sent[0].fetchone()


class _Numbers:
    """From the sequences, all in one statement.

    A set-based posting begins with it, before it locks any row; so it shares the turn here.
    """

    _ONE = "SELECT nextval(%s) FROM generate_series(1, %s)"

    def __init__(self, wanted: tuple[tuple[Table, int], ...], *, share_turn: bool) -> None:
        self._wanted = wanted
        self._share_turn = share_turn

    def send(self, driver: Any, _dialect: Dialect) -> list[Any]:
        if self._share_turn:
            driver.execute(SHARE_TURN)
        asked = [(f"{table.name}_numbers", count) for table, count in self._wanted if count]
        if not asked:
            return []
        sql = " UNION ALL ".join([self._ONE] * len(asked))
        return [driver.execute(sql, tuple(each for pair in asked for each in pair))]

    def made(self, sent: list[Any]) -> list[list[int]]:
        rows = iter(sent[0].fetchall() if sent else ())
        return [[next(rows)[0] for _ in range(count)] for _, count in self._wanted]
