"""What is still to do is found without reading all that was done: received lines, orders, walks.

Revision: 2026_12_05_waiting_lines
Follows: 2026_12_04_live_balances
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_12_05_waiting_lines'
down_revision = '2026_12_04_live_balances'
branch_labels = None
depends_on = None

BEFORE = 'ix_receipt_line_warehouse_id_item_id_lot_id'
OF_LOT = 'ix_receipt_line_item_id_lot_id_id'
WAITING = 'ix_receipt_line_waiting'
BY_STATE = ('purchase_order', 'sale_order', 'wave')


def upgrade() -> None:
    where = sa.text('to_inspect > 0 OR accepted > stocked OR held > 0')
    columns = ['warehouse_id', 'item_id', 'lot_id']
    op.create_index(
        WAITING, 'receipt_line', [*columns, 'id'], unique=False, sqlite_where=where, postgresql_where=where
    )
    op.create_index(OF_LOT, 'receipt_line', ['item_id', 'lot_id', 'id'], unique=False)
    op.drop_index(BEFORE, 'receipt_line')
    for table in BY_STATE:
        op.create_index(f'ix_{table}_state_id', table, ['state', 'id'], unique=False)


def downgrade() -> None:
    for table in BY_STATE:
        op.drop_index(f'ix_{table}_state_id', table)
    op.create_index(BEFORE, 'receipt_line', ['warehouse_id', 'item_id', 'lot_id'], unique=False)
    op.drop_index(OF_LOT, 'receipt_line')
    op.drop_index(WAITING, 'receipt_line')
