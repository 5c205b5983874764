"""Looking for text, on both databases: `BeginsWith` by an index, `Mentions` by reading one.

SQLite's LIKE never uses an index of ours (it ignores case); there a prefix is a range, because its
texts are compared byte by byte. PostgreSQL may sort by a language, so there it stays LIKE.
`Mentions` ignores case: SQLite's LIKE does so by itself, where lower() on both sides costs double.
PostgreSQL reads a column five times slower than SQLite; there `pairs_index` finds the rows that
hold each pair of neighbouring letters of what is looked for, and only those are read. Pairs and not
the three letters of pg_trgm: most Chinese words are two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, Boolean, Column, ColumnElement, Index, Table, and_, event, func, literal
from sqlalchemy.ext.compiler import compiles

LAST = "\U0010ffff"  # no text has a letter after it
LETTER_PAIRS = """
CREATE OR REPLACE FUNCTION letter_pairs(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT array_agg(DISTINCT substr(lower(words), at, 2)) FROM generate_series(1, length(words) - 1) at
$$
"""


def pairs_index(table: Table, name: str) -> None:
    """Let `Mentions` find rows by `table`'s column `name` without reading it all (PostgreSQL)."""
    column: Column[str] = table.c[name]
    index = Index(
        f"ix_{table.name}_{name}_pairs", func.letter_pairs(column), postgresql_using="gin"
    )
    index.ddl_if(dialect="postgresql")
    function = DDL(LETTER_PAIRS)  # type: ignore[no-untyped-call]
    event.listen(table, "before_create", function.execute_if(dialect="postgresql"))


class BeginsWith(ColumnElement[bool]):
    """Whether a text column begins with `text`, to the letter."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[str], text: str) -> None:
        self.column, self.text = column, text


@compiles(BeginsWith)
def _like(element: BeginsWith, compiler: Any, **how: Any) -> str:
    sql: str = compiler.process(element.column.startswith(element.text, autoescape=True), **how)
    return sql


@compiles(BeginsWith, "sqlite")
def _range(element: BeginsWith, compiler: Any, **how: Any) -> str:
    column, text = element.column, element.text
    both = and_(column >= literal(text), column < literal(text + LAST))
    sql: str = compiler.process(both, **how)
    return sql


class Mentions(ColumnElement[bool]):
    """Whether a text column that has a `pairs_index` holds `text`, in small or capital letters."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[str], text: str) -> None:
        self.column, self.text = column, text


@compiles(Mentions)
def _ilike(element: Mentions, compiler: Any, **how: Any) -> str:
    text, column = element.text, element.column
    is_cased = text.lower() != text.upper()  # Chinese is not: lower() on every row costs double
    condition = (column.icontains if is_cased else column.contains)(text, autoescape=True)
    if len(text) > 1:
        pairs = func.letter_pairs(column).op("@>")(func.letter_pairs(literal(text)))
        condition = and_(pairs, condition)
    sql: str = compiler.process(condition, **how)
    return sql


@compiles(Mentions, "sqlite")
def _plain_like(element: Mentions, compiler: Any, **how: Any) -> str:
    sql: str = compiler.process(element.column.contains(element.text, autoescape=True), **how)
    return sql
