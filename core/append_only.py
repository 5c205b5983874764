"""Tables whose rows nobody may change or delete: triggers that refuse it, on both databases.

A correction is a new row. A log that is archived (core/archive.py) loses rows up to its newest
anchor and no others. Not a defence against somebody who owns the database (he drops the trigger):
the hash chains name what he did. `ALL` lets a migration create the same triggers.
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

_POSTGRES_UNARCHIVED = """
CREATE OR REPLACE FUNCTION refuse_unarchived_{0}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.{1} <= {2} THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'append only: a row of %% may not be changed or deleted', TG_TABLE_NAME;
END $$
"""

_ANCHOR = "(SELECT coalesce(max(last_no), 0) FROM log_anchor WHERE log = '{}')"
_FOR_EACH = "FOR EACH {} EXECUTE FUNCTION refuse_change()"


def forbid_change(table: Table, *, archived_by: str = "") -> Table:
    """Declare `table` append-only; its triggers are created together with the table.

    `archived_by` names the column by which rows may go once they lie below the log's anchor.
    """
    ALL.append(table)
    table.info["archived_by"] = archived_by
    for dialect in DIALECTS:
        for statement in _ddl(table, dialect):
            trigger = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", trigger.execute_if(dialect=dialect))
    return table


def statements(table: Table, dialect: str) -> list[str]:
    """The plain SQL that `forbid_change` runs on `dialect` (`sqlite` or `postgresql`)."""
    return [each.replace("%%", "%") for each in _ddl(table, dialect)]


def _ddl(table: Table, dialect: str) -> list[str]:
    """Statements in DDL() form, where a per cent sign is written twice."""
    assert dialect in DIALECTS, f"no triggers are known for {dialect}"
    name, number = table.name, table.info["archived_by"]
    before, anchor = f"CREATE TRIGGER {name}_refuse_", _ANCHOR.format(name)
    if dialect == "sqlite":
        conditions = {"UPDATE": "", "DELETE": f"WHEN OLD.{number} > {anchor} " if number else ""}
        return [
            f"{before}{verb.lower()} BEFORE {verb} ON {name} {condition}BEGIN "
            f"SELECT RAISE(ABORT, 'append only: a row of {name} may not be changed or deleted'); "
            "END"
            for verb, condition in conditions.items()
        ]
    verbs = "UPDATE" if number else "UPDATE OR DELETE"
    letting_go = f"FOR EACH ROW EXECUTE FUNCTION refuse_unarchived_{name}()"
    archived = [
        _POSTGRES_UNARCHIVED.strip().format(name, number, anchor),
        f"{before}delete BEFORE DELETE ON {name} {letting_go}",
    ]
    return [
        _POSTGRES_FUNCTION.strip(),
        f"{before}change BEFORE {verbs} ON {name} {_FOR_EACH.format('ROW')}",
        f"{before}truncate BEFORE TRUNCATE ON {name} {_FOR_EACH.format('STATEMENT')}",
        *(archived if number else ()),
    ]
