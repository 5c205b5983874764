"""An item is found by a part of its name or code without reading all items (PostgreSQL).

Revision: 2026_11_30_letter_pairs
Follows: 2026_11_29_live_tasks
"""

from __future__ import annotations

from alembic import op

revision = '2026_11_30_letter_pairs'
down_revision = '2026_11_29_live_tasks'
branch_labels = None
depends_on = None

FUNCTION = """
CREATE OR REPLACE FUNCTION letter_pairs(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT array_agg(DISTINCT substr(lower(words), at, 2)) FROM generate_series(1, length(words) - 1) at
$$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.execute(FUNCTION)
        for column in ('code', 'name'):
            op.execute(f'CREATE INDEX ix_item_{column}_pairs ON item USING gin (letter_pairs({column}))')


def downgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        for column in ('code', 'name'):
            op.execute(f'DROP INDEX ix_item_{column}_pairs')
        op.execute('DROP FUNCTION letter_pairs(text)')
