"""Statements made ready once: a `Connection` that hands repeated ones straight to the driver.

SQLAlchemy 2.1 compiles a statement once, but each execution still costs it 60 to 95 µs of contexts
and events, some eighty times what binding the values takes; a hand-over has eighteen of them. A
statement object that comes back (one made at module level) is kept here as text, binders and
readers, and its rows come as SQLAlchemy's own `Row`. Whatever is out of the ordinary (options,
listeners, defaults in Python, an empty IN) goes SQLAlchemy's way, and so does every statement that
is built anew for each call. On PostgreSQL the courier carries it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnClause,
    Connection,
    Delete,
    Dialect,
    Float,
    Insert,
    Integer,
    Label,
    Select,
    String,
    Update,
    exc,
)
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter

from core.courier import array_text
from core.trip import COURIER

TIMES = 8  # a statement object that was executed so often is not built anew each time
MOST_FORMS = 64  # of one statement: sets of columns, sizes of an IN
MOST_VALUES = 1024  # of one IN on SQLite
_KINDS = (Select, Insert, Update, Delete)
_IN = re.compile(r"( NOT)? IN \(__\[POSTCOMPILE_(\w+)\]\)")

Reader = Callable[[Any], Any]
Slot = Callable[[dict[str, Any]], Any]


class ReadyConnection(Connection):
    """`ReadyConnection(engine)` instead of `engine.connect()`."""

    def execute(
        self, statement: Any, parameters: Any = None, *, execution_options: Any = None
    ) -> Any:
        """As SQLAlchemy's, and soon without it.

        Raises:
            DBAPIError: what the driver refused, of SQLAlchemy's kinds.
        """
        if execution_options is None and isinstance(statement, _KINDS):
            form = self._form(statement, parameters)
            if form is not None:
                return form.run(self, parameters)
        return super().execute(statement, parameters, execution_options=execution_options)

    def _form(self, statement: Any, parameters: Any) -> _Form | None:
        known = _KNOWN.get(statement)
        if known is None:
            known = _KNOWN[statement] = _Known()
        if known.seen < TIMES:
            known.seen += 1
            return None
        if self.dispatch.before_cursor_execute or self.dispatch.before_execute:
            return None
        return known.form(statement, self.dialect, parameters)


class Found(IteratorResult[Any]):
    """The rows, and how many were written."""

    def __init__(self, keys: SimpleResultMetaData, rows: Iterable[Any], rowcount: int) -> None:
        super().__init__(keys, iter(rows))
        self.rowcount = rowcount
        self.inserted_primary_key: tuple[Any, ...] | None = None


class _Known:
    """What is known of one statement object."""

    __slots__ = ("_forms", "_lists", "seen")

    def __init__(self) -> None:
        self.seen = 0
        self._lists: tuple[str, ...] | None = None  # the parameters that are an IN's
        self._forms: dict[Any, _Form | None] = {}

    def form(self, statement: Any, dialect: Dialect, parameters: Any) -> _Form | None:
        """The statement as this dialect takes these parameters; None: not without SQLAlchemy."""
        many = isinstance(parameters, list | tuple)
        if many and not parameters:
            return None
        one: dict[str, Any] = (parameters[0] if many else parameters) or {}
        if many and len(parameters) > 1 and any(row.keys() != one.keys() for row in parameters):
            return None
        if self._lists is None:
            self._lists = tuple(_lists_of(_compiled(statement, dialect, one)))
        lists = {name: one[name] for name in self._lists if name in one}
        if lists and not all(isinstance(each, list | tuple) for each in lists.values()):
            return None
        sizes = {name: _size(each) for name, each in lists.items()}
        key = (dialect.name, many and len(parameters) > 1, *one, *sizes.values())
        if key not in self._forms:
            if len(self._forms) >= MOST_FORMS:
                return None
            self._forms[key] = _made_ready(statement, dialect, one, sizes)
        form = self._forms[key]
        return None if form is None or (many and form.answers and len(parameters) > 1) else form


_KNOWN: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def _size(values: Any) -> int:
    """Of an IN as it is kept: a power of two, 0 for none."""
    return 1 << (len(values) - 1).bit_length() if values else 0


class _Form:
    """A statement with one set of parameters, for one kind of database."""

    def __init__(
        self, sql: str, slots: list[Slot], keys: list[str], readers: list[Reader | None]
    ) -> None:
        self._sql = sql
        self._slots = slots
        self._keys = SimpleResultMetaData(keys)
        self._readers = [(at, reader) for at, reader in enumerate(readers) if reader is not None]
        self.is_insert = False
        self.is_own_key = False  # RETURNING only says the new row's key

    @property
    def answers(self) -> bool:
        """Whether it has rows for whoever asked."""
        return bool(self._keys.keys)

    def run(self, conn: Connection, parameters: Any) -> Found:
        """Execute it; autobegins like SQLAlchemy."""
        if not conn.in_transaction():
            conn.begin()
        rows = parameters if isinstance(parameters, list | tuple) else (parameters or {},)
        values = [tuple(slot(row) for slot in self._slots) for row in rows]
        driver: Any = conn.connection.driver_connection
        courier = conn.info.get(COURIER)
        try:
            if courier is None:
                found, count, key = self._directly(driver, values)
            else:
                found, count, key = self._carried(courier, values)
        except conn.dialect.loaded_dbapi.Error as problem:
            raise _wrapped(conn, driver, self._sql, values, problem) from problem
        if self._readers:
            found = [self._read(row) for row in found]
        result = Found(self._keys, () if self.is_own_key else found, count)
        if self.is_insert:
            result.inserted_primary_key = key
        return result

    def _directly(
        self, driver: Any, values: list[tuple[Any, ...]]
    ) -> tuple[list[Any], int, tuple[Any, ...] | None]:
        if len(values) > 1:
            cursor = driver.executemany(self._sql, values)
        else:
            cursor = driver.execute(self._sql, values[0])
        found = cursor.fetchall()
        key = (cursor.lastrowid,) if self.is_insert else None
        count = cursor.rowcount
        cursor.close()
        return found, count, key

    def _carried(
        self, courier: Any, values: list[tuple[Any, ...]]
    ) -> tuple[list[Any], int, tuple[Any, ...] | None]:
        courier.begin()
        parcels = [courier.execute(self._sql, each) for each in values]
        courier.deliver()
        found = [row for parcel in parcels for row in parcel.fetchall()]
        key = tuple(found[0]) if self.is_own_key and found else None
        return found, sum(parcel.rowcount for parcel in parcels), key

    def _read(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        whole = list(row)
        for at, reader in self._readers:
            whole[at] = reader(whole[at])
        return tuple(whole)


def _wrapped(conn: Connection, driver: Any, sql: str, values: Any, problem: Any) -> BaseException:
    """As SQLAlchemy raises it, who also lets go of a broken connection and its neighbours."""
    dialect = conn.dialect
    lost = dialect.is_disconnect(problem, driver, None)
    if lost and not conn.invalidated:
        conn.invalidate(problem)
        conn.engine.dispose()
    kind: Any = dialect.loaded_dbapi.Error
    wrapped: BaseException = exc.DBAPIError.instance(
        sql, values[0], problem, kind, connection_invalidated=lost, dialect=dialect
    )
    return wrapped


# -- making it ready -----------------------------------------------------------------------------
def _compiled(statement: Any, dialect: Dialect, one: dict[str, Any]) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect, column_keys=list(one))
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _lists_of(compiled: SQLCompiler) -> list[str]:
    return [str(bind.key) for bind in compiled.post_compile_params]


def _made_ready(
    statement: Any, dialect: Dialect, one: dict[str, Any], sizes: dict[str, int]
) -> _Form | None:
    compiled = _compiled(statement, dialect, one)
    if not _is_ordinary(compiled, dialect, sizes):
        return None
    columns = _answered(statement)
    if columns is None:
        return None
    text = _text_and_slots(compiled, dialect, one, sizes)
    if text is None:
        return None
    readers = [each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns]
    form = _Form(*text, [each.name for each in columns], readers)
    form.is_insert = isinstance(statement, Insert)
    form.is_own_key = form.is_insert and not columns and bool(compiled.effective_returning)
    return form


def _is_ordinary(compiled: SQLCompiler, dialect: Dialect, sizes: dict[str, int]) -> bool:
    """Whether nothing but text, values and rows is needed."""
    if compiled.insert_prefetch or compiled.update_prefetch or compiled.literal_execute_params:
        return False
    if not compiled.positional or len(sizes) != len(compiled.post_compile_params):
        return False
    if any(not 0 < size <= MOST_VALUES for size in sizes.values()):
        return False
    kinds = (String, Integer, Boolean, JSON, Float)
    odd = [bind for bind in compiled.binds.values() if not isinstance(bind.type, kinds)]
    return not odd or dialect.name == "sqlite"


def _answered(statement: Any) -> list[Any] | None:
    """The columns of its rows; None where their names would have to be made up."""
    selected = isinstance(statement, Select)
    columns = list(statement.selected_columns if selected else statement.exported_columns)
    names = [getattr(each, "name", None) for each in columns]
    named = [isinstance(each, ColumnClause | Label) for each in columns]
    if not all(named) or len(set(names)) != len(names):
        return None
    return columns


def _text_and_slots(
    compiled: SQLCompiler, dialect: Dialect, one: dict[str, Any], sizes: dict[str, int]
) -> tuple[str, list[Slot]] | None:
    """The SQL for the driver, and what takes each of its values out of the parameters."""
    sql, names, places = str(compiled), list(compiled.positiontup or ()), dict[str, int]()
    origin = {name: name for name in names}
    if sizes and dialect.name == "postgresql":
        sql, found = _IN.subn(lambda each: _as_array(compiled, each[2], each[1]), sql)
        if found != len(sizes):
            return None
    elif sizes:
        blank = {name: [None] * size for name, size in sizes.items()}
        state = compiled.construct_expanded_state({**compiled.params, **blank})
        sql, names = state.statement, list(state.positiontup or ())
        for name, parts in state.parameter_expansion.items():
            origin |= dict.fromkeys(parts, name)
            places |= {part: at for at, part in enumerate(parts)}
    slots = []
    for name in names:
        bind = compiled.binds[origin[name]]
        encode = _encoder(compiled, dialect, bind, origin[name])
        is_list = bind.key in sizes
        if is_list and encode is not None:
            return None
        slot = _slot(bind, encode, one, places.get(name) if is_list else None, is_list=is_list)
        if slot is None:
            return None
        slots.append(slot)
    return sql, slots


def _as_array(compiled: SQLCompiler, name: str, negated: str | None) -> str:
    kind = "TEXT" if isinstance(compiled.binds[name].type, String) else "BIGINT"
    return f" {'<> ALL' if negated else '= ANY'}(%s::{kind}[])"


def _encoder(
    compiled: SQLCompiler, dialect: Dialect, bind: BindParameter[Any], name: str
) -> Reader | None:
    if isinstance(bind.type, JSON) and dialect.name == "postgresql":
        none_as_null = bind.type.none_as_null

        def as_text(value: Any) -> str | None:
            return None if value is None and none_as_null else orjson.dumps(value).decode()

        return as_text
    processors: Any = compiled._bind_processors
    encoder: Reader | None = processors.get(name)
    return encoder


def _slot(
    bind: BindParameter[Any],
    encode: Reader | None,
    one: dict[str, Any],
    place: int | None,
    *,
    is_list: bool,
) -> Slot | None:
    key = str(bind.key)
    if key not in one:
        if bind.required or bind.callable is not None:
            return None
        constant = bind.value if encode is None else encode(bind.value)
        return lambda _: constant
    if place is not None:
        at = place
        return lambda row: row[key][at] if at < len(row[key]) else row[key][-1]
    if is_list:
        return lambda row: array_text(row[key])
    if encode is not None:
        encoder = encode
        return lambda row: encoder(row[key])
    return itemgetter(key)
