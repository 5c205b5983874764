"""What is there is found without reading the balances of every lot that ever was.

Processes of before go on working beside it; what they ask of balances reads more until they are
replaced, because the indexes over all of them are gone.

Revision: 2026_12_04_live_balances
Follows: 2026_12_03_pairs_in_sqlite
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_12_04_live_balances'
down_revision = '2026_12_03_pairs_in_sqlite'
branch_labels = None
depends_on = None

COLUMNS = ('item_id', 'location_id', 'lot_id')
BEFORE = {'item_id': ['item_id', 'location_id'], 'location_id': ['location_id'], 'lot_id': ['lot_id']}


def upgrade() -> None:
    op.add_column('balance', sa.Column('is_virtual', sa.SmallInteger(), server_default='0', nullable=False))
    op.execute(
        'UPDATE balance SET is_virtual = 1 WHERE location_id IN '
        "(SELECT id FROM location WHERE kind IN ('supplier', 'customer', 'production', 'count'))"
    )
    kept = 'VIRTUAL' if op.get_bind().dialect.name == 'sqlite' else 'STORED'
    op.execute(
        'ALTER TABLE balance ADD COLUMN live BOOLEAN '
        f'GENERATED ALWAYS AS ((on_hand <> 0 OR reserved <> 0) AND is_virtual = 0) {kept}'
    )
    for column in COLUMNS:
        lots = ' AND lot_id <> 0' if column == 'lot_id' else ''
        where = {'sqlite_where': sa.text('live = 1' + lots), 'postgresql_where': sa.text('live' + lots)}
        op.drop_index('ix_balance_' + '_'.join(BEFORE[column]), 'balance')
        op.create_index(f'ix_balance_live_{column}', 'balance', [column, 'id'], unique=False, **where)


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(f'ix_balance_live_{column}', 'balance')
        where = sa.text('lot_id <> 0') if column == 'lot_id' else None
        name = 'ix_balance_' + '_'.join(BEFORE[column])
        op.create_index(
            name, 'balance', BEFORE[column], unique=False, sqlite_where=where, postgresql_where=where
        )
    op.execute('ALTER TABLE balance DROP COLUMN live')
    op.execute('ALTER TABLE balance DROP COLUMN is_virtual')
