"""What the driver needs of a Core statement: its text, its values and how to read its rows.

For core/ready.py only, which executes it. An IN has one text for any number of values on PostgreSQL
(an array) and one for each power of two on SQLite.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    Boolean,
    ColumnClause,
    Dialect,
    Float,
    FromClause,
    Integer,
    Join,
    Label,
    Select,
    String,
    Table,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import NullType

from core.courier import array_text

MOST_VALUES = 1024  # of one IN on SQLite
_MARK = re.compile(r"%[s%]")
_IN = re.compile(r"( NOT)? IN \(__\[POSTCOMPILE_(\w+)\]\)")

Reader = Callable[[Any], Any]
Row = dict[str, Any]  # the parameters of one execution
Slot = str | Callable[[Row], Any]  # one value of a row: under its name, or made of it


@dataclass(frozen=True, slots=True)
class Form:
    """A statement with one set of parameters, for one kind of database."""

    sql: str
    values: Callable[[Row], tuple[Any, ...]]  # of one row, in the driver's order
    keys: list[str]
    readers: list[Reader | None]
    is_kept: bool  # a question to tables that are seldom written: asked once in a transaction


def compiled_for(statement: Any, dialect: Dialect, one: dict[str, Any]) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect, column_keys=list(one))
    assert isinstance(compiled, SQLCompiler)
    return compiled


def lists_of(compiled: SQLCompiler) -> dict[str, Any]:
    return {str(bind.key): bind.value for bind in compiled.post_compile_params}


def made_ready(
    statement: Any, dialect: Dialect, one: dict[str, Any], sizes: dict[str, int]
) -> Form | None:
    compiled = compiled_for(statement, dialect, one)
    columns, names = _answered(statement)
    if len(set(names)) != len(names) or not _is_ordinary(compiled, dialect, one, sizes):
        return None
    text = _text_and_slots(compiled, dialect, one, sizes)
    if text is None:
        return None
    sql, slots = text
    is_kept = _asks_only_seldom_written(statement)
    readers = [_reader(each.type, dialect, is_kept) for each in columns]
    return Form(sql, _all_of(slots), names, readers, is_kept)


def _all_of(slots: list[Slot]) -> Callable[[Row], tuple[Any, ...]]:
    """Takes every value of a row."""
    names = [each for each in slots if isinstance(each, str)]
    if len(slots) > 1 and len(names) == len(slots):
        return itemgetter(*names)
    takers = [itemgetter(each) if isinstance(each, str) else each for each in slots]
    return lambda row: tuple([take(row) for take in takers])


def _reader(kind: Any, dialect: Dialect, is_kept: bool) -> Reader | None:
    reader: Reader | None = kind.dialect_impl(dialect).result_processor(dialect, None)
    shared = is_kept and reader is None and isinstance(kind, JSON)  # the driver has read it already
    return _copied if shared else reader


def _copied(value: Any) -> Any:
    """JSON that nobody else holds. `deepcopy` takes ten times as long for a calendar's week."""
    return orjson.loads(orjson.dumps(value))


def _asks_only_seldom_written(statement: Any) -> bool:
    if not isinstance(statement, Select) or statement._for_update_arg is not None:
        return False
    sources = [each for each in iterate(statement) if isinstance(each, FromClause)]
    tables = [each for each in sources if not isinstance(each, Join)]
    return bool(tables) and all(map(is_seldom_written, tables))


def is_seldom_written(table: object) -> bool:
    """Whether its `info` is `SELDOM` (core/tx.py)."""
    return isinstance(table, Table) and bool(table.info.get("seldom"))


def _is_ordinary(
    compiled: SQLCompiler, dialect: Dialect, one: dict[str, Any], sizes: dict[str, int]
) -> bool:
    """Whether nothing but text, values and rows is needed."""
    if compiled.insert_prefetch or compiled.update_prefetch or compiled.literal_execute_params:
        return False
    if not compiled.positional or len(sizes) != len(compiled.post_compile_params):
        return False
    if any(not 0 < size <= MOST_VALUES for size in sizes.values()):
        return False
    kinds = (String, Integer, Boolean, JSON, Float)
    odd = [bind for bind in compiled.binds.values() if not isinstance(bind.type, kinds)]
    return dialect.name == "sqlite" or all(_says_its_kind(bind, one) for bind in odd)


def _says_its_kind(bind: BindParameter[Any], one: dict[str, Any]) -> bool:
    value = one.get(str(bind.key), bind.value)
    return isinstance(bind.type, NullType) and type(value) in (int, str)


def _answered(statement: Any) -> tuple[list[Any], list[str]]:
    """The columns of its rows, and their names; one without is meant to be taken by its place."""
    selected = isinstance(statement, Select)
    columns = list(statement.selected_columns if selected else statement.exported_columns)
    named = [isinstance(each, ColumnClause | Label) for each in columns]
    pairs = list(zip(columns, named, strict=True))
    return columns, [each.name if ok else f"anon_{at}" for at, (each, ok) in enumerate(pairs, 1)]


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
    if dialect.name == "postgresql":
        sql = _with_kinds(sql, [compiled.binds[name] for name in names], one)
    slots: list[Slot] = []
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


def _with_kinds(sql: str, binds: list[BindParameter[Any]], one: dict[str, Any]) -> str:
    """A number whose kind the statement leaves open is a BIGINT, as the driver would say."""
    marked = iter(binds)

    def mark(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return found[0]
        bind = next(marked)
        is_open = isinstance(bind.type, NullType) and str(bind.key) in one
        return "%s::BIGINT" if is_open and type(one[str(bind.key)]) is int else "%s"

    return _MARK.sub(mark, sql)


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
    if key not in one and is_list:
        known: Any = bind.value
        constant = array_text(known) if place is None else known[min(place, len(known) - 1)]
        return lambda _: constant
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
    return key
