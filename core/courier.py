"""PostgreSQL: the statements of a round trip in one packet out and their answers in one packet in.

psycopg's own pipeline sends each statement by itself and asks the socket in between: some twenty
packets and forty polls for a batch of postings. Values go as text; arrays are core.bulk's affair.
For a connection whose transaction SQLAlchemy may have begun.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.waiting import Ready, Wait

from core.chain import canonical

_MARK = re.compile(r"%([s%])")
_ABORTED = ExecStatus.PIPELINE_ABORTED
_ERROR = ExecStatus.FATAL_ERROR


class Parcel:
    """One statement on its way; what came back is in it once it was delivered."""

    __slots__ = ("_courier", "_rows", "is_open", "rowcount", "sql", "values")

    def __init__(self, courier: Courier, sql: str, values: tuple[Any, ...]) -> None:
        self._courier = courier
        self.sql = sql
        self.values = values
        self.rowcount = -1
        self.is_open = False
        self._rows: list[tuple[Any, ...]] = []

    def fetchall(self) -> list[tuple[Any, ...]]:
        self.bring()
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self.fetchall()), None)

    def bring(self) -> None:
        """Have it delivered now if it was not."""
        if not self.is_open:
            self._courier.bring()
            assert self.is_open, f"it was dropped: {self.sql}"

    def close(self) -> None:
        """Nothing is held."""

    def open(self, result: Any, reader: Any) -> None:
        self.is_open = True
        self.rowcount = result.command_tuples or 0
        if result.status == ExecStatus.TUPLES_OK:
            reader.set_pgresult(result)
            self._rows = reader.load_rows(0, result.ntuples, tuple)


class Courier:
    """Gathers statements and delivers them together. One per connection, which it prepares on."""

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self._driver = driver
        self._reader: Any = Transformer(driver)
        self._known: dict[str, bytes] = {}  # SQL → its name as a prepared statement
        self._made = 0
        self._waiting: list[Parcel] = []
        self._held = False

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> Parcel:
        """Put a statement among those to be delivered; `%s` marks its values."""
        parcel = Parcel(self, sql, values)
        self._waiting.append(parcel)
        return parcel

    def begin(self) -> None:
        """See that what follows is in a transaction, of the connection's kind."""
        driver = self._driver
        if self._waiting or driver.autocommit:
            return
        if driver.pgconn.transaction_status == TransactionStatus.IDLE:
            level = driver.isolation_level
            kind = "" if level is None else f" ISOLATION LEVEL {level.name.replace('_', ' ')}"
            self.execute(f"BEGIN{kind}{' READ ONLY' if driver.read_only else ''}")

    @property
    def is_waiting(self) -> bool:
        """Whether something was not sent yet."""
        return bool(self._waiting)

    def hold(self) -> None:
        """Nobody needs an answer any more: what comes travels with the commit.

        Whoever looks at one nevertheless brings everything up to it.
        """
        self._held = True

    def deliver(self) -> None:
        """`bring`, unless it was said that nobody needs an answer."""
        if not self._held:
            self.bring()

    def let_go(self) -> None:
        """The transaction is over: in the next one answers are waited for again."""
        self._held = False

    def end(self) -> None:
        """COMMIT is the last of what waits."""
        self.let_go()
        self.execute("COMMIT")

    def bring(self) -> None:
        """Send all that waits and take in the answers.

        Raises:
            psycopg.Error: of the first statement that failed; those after it were not run.
        """
        if not self._waiting:
            return
        parcels, self._waiting = self._waiting, []
        values = [[_text(value) for value in parcel.values] for parcel in parcels]
        fresh: set[str] = set()
        try:
            results = self._exchange(parcels, values, fresh)
            self._open(parcels, results, fresh)
        except BaseException:
            for sql in fresh:  # what the server took before the error it keeps, so we do too
                self._known.pop(sql, None)
            raise

    def forget(self) -> None:
        """Let the session's prepared statements go; nothing may be waiting."""
        self._known = {}
        self._driver.execute("DEALLOCATE ALL")

    def drop(self) -> None:
        """Forget what waits: whoever put it there gave up."""
        self._waiting = []
        self._held = False

    def _exchange(
        self, parcels: list[Parcel], values: list[list[bytes | None]], fresh: set[str]
    ) -> list[Any]:
        pgconn = self._driver.pgconn
        pgconn.enter_pipeline_mode()
        try:
            for parcel, texts in zip(parcels, values, strict=True):
                self._send(pgconn, parcel.sql, texts, fresh)
            pgconn.pipeline_sync()
            results = self._driver.wait(_answers(pgconn))
            pgconn.exit_pipeline_mode()
        except BaseException:
            pgconn.finish()  # answers may be left in it that nobody would know what to do with
            raise
        return results

    def _send(self, pgconn: Any, sql: str, values: list[bytes | None], fresh: set[str]) -> None:
        name = self._known.get(sql)
        if name is None:
            self._made += 1
            name = self._known[sql] = b"jieli%d" % self._made
            fresh.add(sql)
            pgconn.send_prepare(name, _numbered(sql))
        pgconn.send_query_prepared(name, values)

    def _open(self, parcels: list[Parcel], results: list[Any], fresh: set[str]) -> None:
        answers = iter(results)
        for parcel in parcels:
            if parcel.sql in fresh:
                self._refuse_error(next(answers), parcel)
                fresh.discard(parcel.sql)
            result = next(answers)
            self._refuse_error(result, parcel)
            parcel.open(result, self._reader)

    def _refuse_error(self, result: Any, parcel: Parcel) -> None:
        if result.status == _ERROR:
            problem = error_from_result(result, encoding=self._driver.info.encoding)
            problem.add_note(parcel.sql)
            raise problem
        assert result.status != _ABORTED, "the error comes before what it aborted"


def _answers(pgconn: Any) -> Generator[Wait, Ready | int, list[Any]]:
    """Flush, reading meanwhile so that nobody waits for the other, then read up to the end."""
    while pgconn.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            pgconn.consume_input()
    found: list[Any] = []
    while True:
        while pgconn.is_busy():
            ready = yield Wait.R
            if ready & Ready.R:
                pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:  # one statement's end
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            return found
        found.append(result)


def _numbered(sql: str) -> bytes:
    """`%s` as PostgreSQL itself counts them: `$1`, `$2` …"""
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        if found[1] == "%":
            return "%"
        count += 1
        return f"${count}"

    return _MARK.sub(mark, sql).encode()


def _text(value: Any) -> bytes | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    if "\0" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text.encode()


def array_text(values: Sequence[Any]) -> str:
    """PostgreSQL's text of an array of ints, texts, JSON or NULLs; cheaper than the driver's."""
    if type(values[0]) is int and None not in values:
        return f"{{{','.join(map(str, values))}}}"
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, dict | list):
        return _element(canonical(value).decode())
    return str(value)
