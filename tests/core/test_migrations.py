"""The migrations build exactly what the code declares, and are harmless when run again."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text

from core.catalog.items import search_items
from core.catalog.tables import items, locations
from core.clock import ManualClock
from core.db import Database, Tx
from core.migrations.run import _config, current, drift, newest, upgrade
from core.stock.tables import balances
from tests.conftest import MONDAY_0900


@pytest.fixture
def empty(blank_url: str) -> Iterator[Database]:
    db = Database(blank_url, ManualClock(MONDAY_0900))
    yield db
    db.close()


@pytest.fixture
def migrated(empty: Database) -> Database:
    upgrade(empty)
    return empty


def test_a_migrated_database_has_no_drift(migrated: Database) -> None:
    assert migrated.read_now(drift) == []
    assert migrated.read_now(current) == newest()


def test_migrating_again_changes_nothing(migrated: Database) -> None:
    before = migrated.read_now(shape)
    upgrade(migrated)
    assert migrated.read_now(shape) == before


def test_the_newest_is_what_alembic_calls_the_head() -> None:
    assert newest() == ScriptDirectory.from_config(_config()).get_current_head()


def test_a_start_on_an_up_to_date_database_loads_no_alembic(
    migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "alembic"]:
        monkeypatch.setitem(sys.modules, name, None)  # whoever imports it now fails
    upgrade(migrated)
    with pytest.raises(ImportError):
        _config()


def test_items_of_before_are_found_by_a_part_of_their_name(empty: Database) -> None:
    """`mentions` reads an index that an upgrade made of what was there already."""
    upgrade(empty, to="2026_12_02_enrolled_anew")
    item = {"code": "B1", "name": "不锈钢螺栓 M8", "active": True, "allow_negative": False}
    item |= {"needs_inspection": False, "checklist": [], "near_expiry_days": 30, "tracking": "none"}
    item |= {"name_en": "", "unit": "件", "shelf_life_days": 0, "zone": ""}
    empty.write_now(lambda tx: tx.conn.execute(insert(items), [item | {"over_receipt_percent": 0}]))
    upgrade(empty)
    found = empty.read_now(lambda conn: [each.code for each in search_items(conn, "锈钢螺")])
    assert found == ["B1"]


def test_what_is_there_is_known_of_balances_of_before(empty: Database) -> None:
    """What lies in a bin is live; what is gone, and what the supplier gave, is not."""
    upgrade(empty, to="2026_12_03_pairs_in_sqlite")
    places = {1: "bin", 2: "bin", 3: "supplier"}
    amounts = {1: 5_000_000, 2: 0, 3: -5_000_000}

    def stock_of_before(tx: Tx) -> None:
        for place, kind in places.items():
            row: dict[str, object] = {"id": place, "code": f"P{place}", "name": "", "kind": kind}
            tx.conn.execute(insert(locations), [row])
            row = {"key": f"1/0/{place}/ok/0", "item_id": 1, "lot_id": 0, "location_id": place}
            row |= {"status": "ok", "owner_id": 0, "on_hand": amounts[place], "reserved": 0}
            tx.conn.execute(insert(balances), [row])

    empty.write_now(stock_of_before)
    upgrade(empty)
    rows = empty.read_now(lambda conn: conn.execute(select(balances)).all())
    assert {row.location_id: row.on_hand for row in rows} == amounts
    assert [row.location_id for row in rows if row.live] == [1]


def test_migrations_and_tables_in_code_are_the_same(migrated: Database, db: Database) -> None:
    """Columns with their types and nullability, indexes, unique keys, triggers."""
    assert migrated.read_now(shape) == db.read_now(shape)


def shape(conn: Connection) -> dict[str, object]:
    look = inspect(conn)
    found: dict[str, object] = {}
    for table in look.get_table_names():
        if table == "alembic_version":
            continue
        found[table] = {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)
            ],
            "indexes": sorted(
                str((i["name"], i["column_names"], i["unique"])) for i in look.get_indexes(table)
            ),
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(str(u["column_names"]) for u in look.get_unique_constraints(table)),
            "checks": sorted(str(c["sqltext"]) for c in look.get_check_constraints(table)),
        }
    for what, query in (_SQLITE if conn.dialect.name == "sqlite" else _POSTGRES).items():
        found[what] = [tuple(row) for row in conn.execute(text(query))]
    return found


_SQLITE = {
    "triggers": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "partial indexes": (
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %' ORDER BY name"
    ),
}
_POSTGRES = {
    "triggers": (
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    ),
    "partial indexes": (
        "SELECT indexname, indexdef FROM pg_indexes "
        "WHERE schemaname = 'public' AND indexdef LIKE '% WHERE %' ORDER BY 1"
    ),
    "sequences": "SELECT sequencename, increment_by FROM pg_sequences ORDER BY 1",
}
