"""Finding by a part of a text gives what reading every row would, and does not read every row."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from core.catalog.tables import items
from core.db import Database, Tx
from core.prefix import begins_with, mentions

WORDS = st.text(st.sampled_from("锈钢螺aAbB1-_%/\\\"' {},"), min_size=1, max_size=7)


# What an example wrote is rolled back.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(WORDS, min_size=1, max_size=9), later=st.lists(WORDS, max_size=9), part=WORDS)
def test_a_part_of_a_name_finds_all_whose_name_holds_it(
    db: Database, names: list[str], later: list[str], part: str
) -> None:
    """Whatever its index thinks: one letter, two, wildcards, quotes, capitals; renamed or gone."""

    def run(tx: Tx) -> tuple[list[str], ...]:
        if tx.conn.dialect.name == "postgresql":
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))  # it is cheaper on nine rows
        with tx.conn.begin_nested() as inside:
            rows = [{"code": f"T{n}", "name": name} for n, name in enumerate(names)]
            tx.conn.execute(insert(items), rows)
            first = found(tx)
            for n, name in enumerate(later):
                tx.conn.execute(update(items).where(items.c.code == f"T{n}").values(name=name))
            renamed = found(tx)
            tx.conn.execute(delete(items).where(items.c.code == "T0"))
            gone = found(tx)
            inside.rollback()
        return first, renamed, gone

    def found(tx: Tx) -> list[str]:
        query = select(items.c.name).where(mentions(tx.conn, items.c.name, part, 9))
        return list(tx.conn.execute(query.order_by(items.c.code)).scalars())

    renamed = [*later, *names[len(later) :]][: len(names)]
    wanted = (
        [each for each in stage if part.lower() in each.lower()]
        for stage in (names, renamed, renamed[1:])
    )
    assert db.write_now(run) == tuple(wanted)


def test_the_beginning_of_a_code_reads_no_further_than_its_end(db: Database) -> None:
    """It once read on to the last item: SQLAlchemy had written `= 1` behind the range's end."""

    def plan(tx: Tx) -> str:
        query = select(items.c.id).where(begins_with(tx.conn, items.c.code, "SKU-0"))
        sql = query.compile(tx.conn.engine, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row) for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))

    if db.url.startswith("sqlite"):  # PostgreSQL may sort by a language, and has no range
        assert "(code>? AND code<?)" in db.write_now(plan)


def test_items_are_found_by_an_index(db: Database) -> None:
    """By pairs of letters, on both databases."""

    def plan(tx: Tx) -> str:
        explain = "EXPLAIN QUERY PLAN"
        if tx.conn.dialect.name == "postgresql":
            explain = "EXPLAIN"
            tx.conn.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty here
        query = select(items.c.id).where(mentions(tx.conn, items.c.name, "锈钢", 9))
        sql = query.compile(tx.conn.engine, compile_kwargs={"literal_binds": True})
        return "\n".join(str(row) for row in tx.conn.exec_driver_sql(f"{explain} {sql}"))

    on = db.read_now(lambda conn: conn.dialect.name)
    wanted = ["ix_item_name_pairs"]
    if on == "sqlite":
        wanted = ["SEARCH item USING INTEGER PRIMARY KEY", "SCAN item_name_pairs VIRTUAL TABLE"]
    told = db.write_now(plan)
    assert all(each in told for each in wanted), told
