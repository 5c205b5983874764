"""Looking for text, on both databases: what `begins_with` or `mentions` it, each by an index.

SQLite's LIKE never uses an index of ours (it ignores case); there a prefix is a range, because its
texts are compared byte by byte. PostgreSQL may sort by a language, so there it stays LIKE.
`mentions` ignores case: SQLite's LIKE does so by itself, where lower() on both sides costs double.
A `pairs_index` finds the rows that hold each pair of neighbouring letters of what is looked for,
and only those are read: in PostgreSQL an inverted index on a function of the column, in SQLite a
full-text table without texts (FTS5: nothing but lists of rows) that triggers keep. Pairs and not
the three letters of pg_trgm and FTS5's trigrams: most Chinese words are two. One letter alone has
no pair; all rows are read for it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    Column,
    ColumnElement,
    Connection,
    Index,
    Select,
    Table,
    and_,
    event,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy import column as column_named
from sqlalchemy import table as table_named

LAST = "\U0010ffff"  # no text has a letter after it
LETTER_PAIRS = """
CREATE OR REPLACE FUNCTION letter_pairs(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT array_agg(DISTINCT substr(lower(words), at, 2)) FROM generate_series(1, length(words) - 1) at
$$
"""
# Of FTS5: each pair as the digits of its bytes, because a tokenizer would split it at punctuation.
_PAIRS_OF = """(
WITH RECURSIVE pair(at) AS (VALUES (1) UNION ALL SELECT at + 1 FROM pair WHERE at < length({text}))
SELECT group_concat(hex(lower(substr({text}, at, 2))), ' ') FROM pair WHERE at < length({text}))"""

_PUT = "INSERT INTO {pairs}(rowid, pairs) VALUES (new.id, {of_new});"
_TAKE = "INSERT INTO {pairs}({pairs}, rowid, pairs) VALUES ('delete', old.id, {of_old});"
_KEPT = (
    "CREATE VIRTUAL TABLE {pairs} USING fts5(pairs, {options})",
    "CREATE TRIGGER {pairs}_put AFTER INSERT ON {table} BEGIN {put} END",
    "CREATE TRIGGER {pairs}_new AFTER UPDATE OF {column} ON {table} BEGIN {take} {put} END",
    "CREATE TRIGGER {pairs}_taken AFTER DELETE ON {table} BEGIN {take} END",
)


def pairs_index(table: Table, name: str) -> None:
    """Let `mentions` find rows by `table`'s column `name` without reading it all."""
    column: Column[str] = table.c[name]
    index = Index(
        f"ix_{table.name}_{name}_pairs", func.letter_pairs(column), postgresql_using="gin"
    )
    index.ddl_if(dialect="postgresql")
    _when(table, "before_create", LETTER_PAIRS, "postgresql")
    for statement in _kept_by_sqlite(table.name, name):
        _when(table, "after_create", statement, "sqlite")
    _when(table, "after_drop", f"DROP TABLE {table.name}_{name}_pairs", "sqlite")


def _when(table: Table, what: str, statement: str, dialect: str) -> None:
    made = DDL(statement)  # type: ignore[no-untyped-call]
    event.listen(table, what, made.execute_if(dialect=dialect))


def _kept_by_sqlite(table: str, column: str) -> list[str]:
    """The table of pairs and the triggers that keep it.

    A migration that makes `table` anew (Alembic's batch mode) has to make the triggers anew too.
    """
    names = {"table": table, "column": column, "pairs": f"{table}_{column}_pairs"}
    names["options"] = "content='', columnsize=0, detail=none, tokenize='ascii'"
    names["put"] = _PUT.format(**names, of_new=_PAIRS_OF.format(text=f"new.{column}"))
    names["take"] = _TAKE.format(**names, of_old=_PAIRS_OF.format(text=f"old.{column}"))
    return [each.format(**names) for each in _KEPT]


def is_of_pairs(table: str) -> bool:
    """Whether SQLite has this table for a `pairs_index`: it is no table of ours."""
    return table.endswith(("_pairs", "_pairs_data", "_pairs_idx", "_pairs_config"))


def begins_with(conn: Connection, column: Column[str], text: str) -> ColumnElement[bool]:
    """Whether a row's text column begins with `text`, to the letter."""
    if conn.dialect.name == "sqlite":
        return and_(column >= text, column < text + LAST)
    return column.startswith(text, autoescape=True)


def mentions(conn: Connection, column: Column[str], text: str, most: int) -> ColumnElement[bool]:
    """Whether a row's text column holds `text`, in small or capital letters.

    The column has a `pairs_index`, and its table's key is `id`. Of rows that hold it, `most` are
    found, any of them: a word that stands in every row costs no more than one in so many.
    """
    holding = _by_fts if conn.dialect.name == "sqlite" else _by_gin
    return column.table.c.id.in_(holding(column, text).limit(most))


def _by_gin(column: Column[str], text: str) -> Select[Any]:
    is_cased = text.lower() != text.upper()  # Chinese is not: lower() on every row costs double
    found = select(column.table.c.id)
    found = found.where((column.icontains if is_cased else column.contains)(text, autoescape=True))
    if len(text) > 1:
        found = found.where(func.letter_pairs(column).op("@>")(func.letter_pairs(literal(text))))
    return found


def _by_fts(column: Column[str], text: str) -> Select[Any]:
    named = column.table.alias("named")
    found = select(named.c.id).where(named.c[column.name].contains(text, autoescape=True))
    if len(text) > 1:
        pairs = table_named(f"{column.table.name}_{column.name}_pairs", column_named("rowid"))
        asked = literal_column(pairs.name).op("MATCH")(_sought(text))
        found = found.where(asked, pairs.c.rowid == named.c.id)
    return found


def _sought(text: str) -> str:
    """What FTS5 is asked for: all pairs of `text`, as `_PAIRS_OF` writes them."""
    lowered = "".join(each.lower() if each.isascii() else each for each in text)
    return " ".join(lowered[at : at + 2].encode().hex() for at in range(len(lowered) - 1))
