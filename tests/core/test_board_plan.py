"""The board reads a page, however many tasks there are: by an index that is in its order."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from core.db import Database, Tx
from core.tasks.queries import Filters, _conditions
from core.tasks.tables import tasks


@pytest.mark.parametrize(
    "asked",
    [
        Filters(),
        Filters(states=("open",)),
        Filters(states=("done", "cancelled")),
        Filters(states=("open", "done")),
        Filters(warehouse_ids=frozenset((1, 2))),
    ],
)
def test_no_page_of_the_board_sorts_all_tasks(db: Database, asked: Filters) -> None:
    query = select(tasks).where(*_conditions(asked)).order_by(tasks.c.id.desc()).limit(51)

    def plan(tx: Tx) -> str:
        explain = "EXPLAIN QUERY PLAN"
        if tx.conn.dialect.name == "postgresql":
            explain = "EXPLAIN"
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty here
            tx.conn.execute(text("SET LOCAL enable_bitmapscan = off"))
        sql = query.compile(tx.conn.engine, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row[-1]) for row in tx.conn.execute(text(f"{explain} {sql}")))

    found = db.write_now(plan)
    assert "INDEX" in found.upper(), found
    assert "ORDER BY" not in found, found  # SQLite: USE TEMP B-TREE FOR ORDER BY
    assert "Sort" not in found, found
