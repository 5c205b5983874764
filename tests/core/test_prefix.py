"""Finding by a part of a text gives what reading every row would, and does not read every row."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from core.catalog.tables import items
from core.db import Database, Tx
from core.prefix import Mentions

WORDS = st.text(st.sampled_from("锈钢螺aAbB1-_%/\\\"' {},"), min_size=1, max_size=7)


# What an example wrote is rolled back.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(WORDS, min_size=1, max_size=9), part=WORDS)
def test_a_part_of_a_name_finds_all_whose_name_holds_it(
    db: Database, names: list[str], part: str
) -> None:
    """Whatever its index thinks: one letter, two, wildcards, quotes, capitals."""

    def run(tx: Tx) -> list[str]:
        if tx.conn.dialect.name == "postgresql":
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))  # it is cheaper on nine rows
        with tx.conn.begin_nested() as inside:
            rows = [{"code": f"T{n}", "name": name} for n, name in enumerate(names)]
            tx.conn.execute(insert(items), rows)
            query = select(items.c.name).where(Mentions(items.c.name, part))
            found = list(tx.conn.execute(query.order_by(items.c.code)).scalars())
            inside.rollback()
        return found

    assert db.write_now(run) == [each for each in names if part.lower() in each.lower()]


def test_items_are_found_by_an_index(db: Database) -> None:
    """PostgreSQL by pairs of letters; SQLite reads the column's index instead of the wide rows."""

    def plan(tx: Tx) -> str:
        explain = "EXPLAIN QUERY PLAN"
        if tx.conn.dialect.name == "postgresql":
            explain = "EXPLAIN"
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty here
        query = select(items.c.id).where(Mentions(items.c.name, "锈钢"))
        sql = query.compile(tx.conn.engine, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row) for row in tx.conn.exec_driver_sql(f"{explain} {sql}"))

    on = db.read_now(lambda conn: conn.dialect.name)
    index = "ix_item_name_pairs" if on == "postgresql" else "COVERING INDEX ix_item_name"
    assert index in db.write_now(plan)
