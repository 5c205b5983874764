"""Looking for text, on both databases: `BeginsWith` by an index, `Mentions` by reading one.

SQLite's LIKE never uses an index of ours (it ignores case); there a prefix is a range, because its
texts are compared byte by byte. PostgreSQL may sort by a language, so there it stays LIKE.
`Mentions` ignores case: SQLite's LIKE does so by itself, where lower() on both sides costs double.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, and_, literal
from sqlalchemy.ext.compiler import compiles

LAST = "\U0010ffff"  # no text has a letter after it


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
    """Whether a text column holds `text`, in small or capital letters."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[str], text: str) -> None:
        self.column, self.text = column, text


@compiles(Mentions)
def _ilike(element: Mentions, compiler: Any, **how: Any) -> str:
    text, column = element.text, element.column
    is_cased = text.lower() != text.upper()  # Chinese is not: lower() on every row costs double
    like = column.icontains if is_cased else column.contains
    sql: str = compiler.process(like(text, autoescape=True), **how)
    return sql


@compiles(Mentions, "sqlite")
def _plain_like(element: Mentions, compiler: Any, **how: Any) -> str:
    sql: str = compiler.process(element.column.contains(element.text, autoescape=True), **how)
    return sql
