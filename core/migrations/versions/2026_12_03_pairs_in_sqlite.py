"""An item is found by a part of its name or code without reading all items on SQLite too.

Revision: 2026_12_03_pairs_in_sqlite
Follows: 2026_12_02_enrolled_anew
"""

from __future__ import annotations

from alembic import op

revision = '2026_12_03_pairs_in_sqlite'
down_revision = '2026_12_02_enrolled_anew'
branch_labels = None
depends_on = None


PAIRS_OF = """(
WITH RECURSIVE pair(at) AS (VALUES (1) UNION ALL SELECT at + 1 FROM pair WHERE at < length({text}))
SELECT group_concat(hex(lower(substr({text}, at, 2))), ' ') FROM pair WHERE at < length({text}))"""
PUT = 'INSERT INTO {pairs}(rowid, pairs) VALUES (new.id, {of_new});'
TAKE = "INSERT INTO {pairs}({pairs}, rowid, pairs) VALUES ('delete', old.id, {of_old});"
KEPT = (
    "CREATE VIRTUAL TABLE {pairs} USING fts5(pairs, {options})",
    'INSERT INTO {pairs}(rowid, pairs) SELECT id, {of_each} FROM item',
    'CREATE TRIGGER {pairs}_put AFTER INSERT ON item BEGIN {put} END',
    'CREATE TRIGGER {pairs}_new AFTER UPDATE OF {column} ON item BEGIN {take} {put} END',
    'CREATE TRIGGER {pairs}_taken AFTER DELETE ON item BEGIN {take} END',
)


def upgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        for column in ('code', 'name'):
            names = {'column': column, 'pairs': f'item_{column}_pairs'}
            names['options'] = "content='', columnsize=0, detail=none, tokenize='ascii'"
            names['of_each'] = PAIRS_OF.format(text=column)
            names['put'] = PUT.format(**names, of_new=PAIRS_OF.format(text=f'new.{column}'))
            names['take'] = TAKE.format(**names, of_old=PAIRS_OF.format(text=f'old.{column}'))
            for statement in KEPT:
                op.execute(statement.format(**names))


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        for column in ('code', 'name'):
            pairs = f'item_{column}_pairs'
            for what in ('put', 'new', 'taken'):
                op.execute(f'DROP TRIGGER {pairs}_{what}')
            op.execute(f'DROP TABLE {pairs}')
