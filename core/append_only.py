"""Tables whose rows nobody may change or delete: triggers that refuse it, on both databases.

A correction is a new row. Not a defence against somebody who owns the database (he drops the
trigger): the hash chains name what he did. `ALL` lets a migration create the same triggers.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event

ALL: list[Table] = []

DIALECTS = ("sqlite", "postgresql")

_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'append only: a row of %% may not be changed or deleted', TG_TABLE_NAME;
END $$
"""

_FOR_EACH = "FOR EACH {} EXECUTE FUNCTION refuse_change()"


def forbid_change(table: Table) -> Table:
    """Declare `table` append-only; its triggers are created together with the table."""
    ALL.append(table)
    for dialect in DIALECTS:
        for statement in _ddl(table.name, dialect):
            trigger = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", trigger.execute_if(dialect=dialect))
    return table


def statements(table: Table, dialect: str) -> list[str]:
    """The plain SQL that `forbid_change` runs on `dialect` (`sqlite` or `postgresql`)."""
    return [each.replace("%%", "%") for each in _ddl(table.name, dialect)]


def _ddl(name: str, dialect: str) -> list[str]:
    """Statements in DDL() form, where a per cent sign is written twice."""
    assert dialect in DIALECTS, f"no triggers are known for {dialect}"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {name}_refuse_{verb.lower()} BEFORE {verb} ON {name} BEGIN "
            f"SELECT RAISE(ABORT, 'append only: a row of {name} may not be changed or deleted'); "
            "END"
            for verb in ("UPDATE", "DELETE")
        ]
    before = f"CREATE TRIGGER {name}_refuse_"
    return [
        _POSTGRES_FUNCTION.strip(),
        f"{before}change BEFORE UPDATE OR DELETE ON {name} {_FOR_EACH.format('ROW')}",
        f"{before}truncate BEFORE TRUNCATE ON {name} {_FOR_EACH.format('STATEMENT')}",
    ]
