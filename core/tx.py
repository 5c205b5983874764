"""What a command sees: `Tx`, the open transaction; and the shapes commands come in.

Nothing here knows a business word or a database by name. `core.db` is the door to all of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Generic, NoReturn, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    CursorResult,
    Executable,
    Insert,
    Integer,
    MetaData,
    Row,
    Select,
    Sequence,
    Table,
)

from core.clock import Instant
from core.errors import AppError
from core.ids import new_id
from core.trip import Trip, one_trip

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SELDOM = {"seldom": True}  # info of a table that hardly anybody writes; see core/ready.py


def numbered(table: Table) -> Table:
    """Declare that the ids of `table` come from `Tx.numbers`: on PostgreSQL from a sequence."""
    Sequence(f"{table.name}_numbers", metadata=table.metadata)
    return table


# SQLite only numbers rows by itself for the type INTEGER, which is 64 bits wide there.
Big = BigInteger().with_variant(Integer(), "sqlite")

# Never has a row. PostgreSQL's writers take turns by locking it (core/postgres_tx.py).
turns = Table("turn", metadata, Column("id", Integer, primary_key=True))


class Tx(ABC):
    """One command's view of the open transaction: SQL, the time, and what to say after commit."""

    __slots__ = ("_late", "conn", "news", "now", "shared", "wakes")

    def __init__(self, conn: Connection, now: Instant, shared: dict[str, Any]) -> None:
        self.conn = conn
        self.now = now
        self.shared = shared  # facts true for the physical transaction; emptied by any rollback
        self.wakes: set[str] = set()
        self.news: list[Any] = []
        self._late: dict[Callable[[Tx, list[Any]], None], list[Any]] = {}

    def execute(self, statement: Executable, values: Any | None = None) -> CursorResult[Any]:
        """Run one statement (or many rows of it) inside this transaction."""
        return cast("CursorResult[Any]", self.conn.execute(statement, values))

    def add(self, table: Table, rows: dict[str, Any] | list[dict[str, Any]]) -> CursorResult[Any]:
        """Insert one row or several; what they leave out is as the table says."""
        if isinstance(rows, dict):
            return self.execute(_adding(table), whole(table, rows))
        return self.execute(_adding(table), [whole(table, row) for row in rows])

    def attempt(self, run: Callable[[], T]) -> T:
        """Run a part that may be refused: a refusal undoes that part only and is raised again.

        For imports, where one bad row must not undo its neighbours. Costs a savepoint.
        """
        wakes, told = set(self.wakes), len(self.news)
        late = {write: len(rows) for write, rows in self._late.items()}
        part = self.conn.begin_nested()
        try:
            result = run()
            self.settle()
        except BaseException:
            part.rollback()
            self.shared.clear()
            self.wakes = wakes
            del self.news[told:]
            for write, rows in self._late.items():
                del rows[late.get(write, 0) :]
            raise
        part.commit()
        return result

    def wake(self, topic: str) -> None:
        """Hint that `topic` has new rows; said only if this command commits."""
        self.wakes.add(topic)

    def tell(self, fact: Any) -> None:
        """Hand `fact` to the live listeners of this process; said only if this command commits."""
        self.news.append(fact)

    def late(self, write: Callable[[Tx, list[Any]], None], row: Any) -> None:
        """Keep `row` for `write(tx, rows)`, which runs once, when the command is done.

        For logs whose rows are numbered and chained: what orders everybody is then held shortly.
        """
        self._late.setdefault(write, []).append(row)

    def finish(self) -> None:
        """Write what was kept for the end of the command; whoever runs the command calls it."""
        for write, rows in self._late.items():
            write(self, rows)
        self._late = {}

    def settle(self) -> None:  # noqa: B027  # only where statements travel
        """See to it that everything so far was executed, and not refused."""

    @abstractmethod
    def newest(self, statement: Select[Any]) -> Row[Any] | None:
        """The head of a log as everybody before us left it; until our commit nobody adds to it.

        For what numbers and chains a log, at the end of the command (`late`).
        """

    def newest_of(self, statement: Select[Any]) -> Trip[Row[Any] | None] | None:  # noqa: ARG002
        """`newest` as a part of a round trip, where that is possible."""
        return None

    def no_more_questions(self) -> None:  # noqa: B027  # only where answers travel
        """What the command asks from here on needs no answer before the commit.

        So it may travel with the commit, and a `Bulk.all_of` is only then refused.
        """

    def numbers(self, *wanted: tuple[Table, int]) -> list[list[int]]:
        """So many fresh ids of each `numbered` table, ascending. What is not used leaves a gap."""
        found: list[list[int]] = one_trip(self.conn, self.numbers_of(*wanted))[0]
        return found

    @abstractmethod
    def numbers_of(self, *wanted: tuple[Table, int]) -> Trip[list[list[int]]]:
        """`numbers` as a part of a round trip."""

    @abstractmethod
    def whole_turn(self) -> None:
        """From here to our commit nobody else writes anything; may begin the command anew.

        For a verb that must see rows which do not exist yet, such as holding a lot: set-based
        postings go on beside other commands. Call it first: what was done before it is done twice.
        """

    @abstractmethod
    def turn(self, name: str) -> None:
        """Wait until nobody else has the turn of `name`, and keep it until our commit.

        Only set-based commands see what those before them did.
        """

    @abstractmethod
    def alone(self, name: str) -> bool:
        """True if until our commit nobody else gets True for `name`; for steps of the engine."""

    def new_id(self) -> str:
        return new_id(self.now)


class WriteNeededError(BaseException):
    """A question turned out to be a command. No verb may catch it on its way."""


class Question(Tx):
    """A snapshot as a command sees the books; whatever would write raises WriteNeededError."""

    def execute(self, statement: Executable, values: Any | None = None) -> CursorResult[Any]:
        if not statement.is_select:
            raise WriteNeededError
        return super().execute(statement, values)

    def _needs_a_write(self, *_: Any, **__: Any) -> NoReturn:
        raise WriteNeededError

    attempt = wake = tell = late = _needs_a_write
    newest = numbers_of = whole_turn = turn = alone = _needs_a_write


def whole(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """`row` with the columns that it leaves out and that begin as something."""
    return row | {name: start() for name, start in _starts(table) if name not in row}


@cache
def _starts(table: Table) -> list[tuple[str, Callable[[], Any]]]:
    found: list[tuple[str, Callable[[], Any]]] = []
    for column in table.columns:
        default: Any = column.default
        if default is not None and default.is_scalar:
            found.append((column.name, partial(_same, default.arg)))
        elif default is not None and default.is_callable:
            found.append((column.name, partial(default.arg, None)))
    return found


def _same(value: T) -> T:
    return value


@cache
def _adding(table: Table) -> Insert:
    """One statement object per table: what comes back is made ready (core/ready.py)."""
    return table.insert()


Command = Callable[[Tx], T]


@dataclass(frozen=True, slots=True)
class Together(Generic[A, R]):
    """A command with a set-based form: all that wait run as one `run_many(tx, items)`.

    `run_many` answers one result or AppError per item, in order, and must leave no trace of the
    refused ones. If it raises, the Writer runs the items one by one, each in its own savepoint.
    """

    run_many: Callable[[Tx, Rows[A]], list[R | AppError]]
    item: A


@dataclass(slots=True)
class Committed:
    """What one physical commit has to tell: topics to wake and facts in commit order."""

    wakes: set[str] = field(default_factory=set)
    news: list[Any] = field(default_factory=list)
