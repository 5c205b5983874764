"""`BeginsWith(column, text)`: a prefix that an index answers, on both databases.

SQLite's LIKE never uses an index of ours (it ignores case); there a prefix is a range, because its
texts are compared byte by byte. PostgreSQL may sort by a language, so there it stays LIKE.
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
