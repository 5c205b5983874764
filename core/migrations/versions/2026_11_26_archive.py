"""Logs may be archived: anchors, and triggers that let go only of what lies below one.

Revision: 2026_11_26_archive
Follows: 2026_11_25_lean_posting
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_26_archive'
down_revision = '2026_11_25_lean_posting'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('log_anchor',
    sa.Column('log', sa.String(length=8), nullable=False),
    sa.Column('last_no', BIG, autoincrement=False, nullable=False),
    sa.Column('first_no', BIG, nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('file', sa.String(length=96), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('postings', sa.Integer(), nullable=False),
    sa.Column('moves', sa.Integer(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('log', 'last_no', name=op.f('pk_log_anchor'))
    )
    for statement in (*refusals('log_anchor'), *archived('event', 'seq'), *archived('audit', 'id')):
        op.execute(statement)


def refusals(name: str) -> list[str]:
    """Nobody changes or deletes a row, as core/append_only.py had it that day."""
    if op.get_bind().dialect.name == 'sqlite':
        return [sqlite(name, verb, '') for verb in ('UPDATE', 'DELETE')]
    return [
        f'CREATE TRIGGER {name}_refuse_change BEFORE UPDATE OR DELETE ON {name} '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()',
        f'CREATE TRIGGER {name}_refuse_truncate BEFORE TRUNCATE ON {name} '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
    ]


def archived(name: str, number: str) -> list[str]:
    """Rows below the anchor may go; before, none might."""
    anchor = f"(SELECT coalesce(max(last_no), 0) FROM log_anchor WHERE log = '{name}')"
    if op.get_bind().dialect.name == 'sqlite':
        condition = f'WHEN OLD.{number} > {anchor} '
        return [f'DROP TRIGGER {name}_refuse_delete', sqlite(name, 'DELETE', condition)]
    return [
        f'CREATE OR REPLACE FUNCTION refuse_unarchived_{name}() RETURNS trigger LANGUAGE plpgsql AS $$\n'
        'BEGIN\n'
        f'  IF OLD.{number} <= {anchor} THEN RETURN OLD; END IF;\n'
        "  RAISE EXCEPTION 'append only: a row of % may not be changed or deleted', TG_TABLE_NAME;\n"
        'END $$',
        f'DROP TRIGGER {name}_refuse_change ON {name}',
        f'CREATE TRIGGER {name}_refuse_change BEFORE UPDATE ON {name} '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()',
        f'CREATE TRIGGER {name}_refuse_delete BEFORE DELETE ON {name} '
        f'FOR EACH ROW EXECUTE FUNCTION refuse_unarchived_{name}()',
    ]


def sqlite(name: str, verb: str, condition: str) -> str:
    return (
        f'CREATE TRIGGER {name}_refuse_{verb.lower()} BEFORE {verb} ON {name} {condition}BEGIN '
        f"SELECT RAISE(ABORT, 'append only: a row of {name} may not be changed or deleted'); "
        'END'
    )


def downgrade() -> None:
    raise NotImplementedError('rows that were archived are not brought back; restore a backup')
