"""A posting no longer carries its event's number; only reversals are in the index of reversals.

On PostgreSQL, numbers of the ledger come from sequences.

Revision: 2026_11_25_lean_posting
Follows: 2026_11_22_first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_25_lean_posting'
down_revision = '2026_11_22_first'
branch_labels = None
depends_on = None

NUMBERED = ('posting', 'move', 'serial_place')
REVERSED = sa.text('reverses IS NOT NULL')


def upgrade() -> None:
    op.drop_index('uq_posting_reverses', 'posting')
    op.create_index('uq_posting_reverses', 'posting', ['reverses'], unique=True, sqlite_where=REVERSED, postgresql_where=REVERSED)
    op.execute('ALTER TABLE posting DROP COLUMN event_seq')
    if op.get_bind().dialect.name == 'postgresql':
        for table in NUMBERED:
            op.execute(f'CREATE SEQUENCE {table}_numbers')
            op.execute(f"SELECT setval('{table}_numbers', (SELECT coalesce(max(id), 0) + 1 FROM {table}), false)")


def downgrade() -> None:
    raise NotImplementedError('the numbers of the events are gone; restore a backup')
