"""Put back: goods that were picked for a sale that was given up, until they lie in a bin again.

Revision: 2026_11_28_put_back
Follows: 2026_11_27_shortcuts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_28_put_back'
down_revision = '2026_11_27_shortcuts'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('put_back',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('sale_id', sa.String(length=32), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('location_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('done', sa.BigInteger(), nullable=False),
    sa.Column('serials', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['sale_id'], ['sale_order.id'], name=op.f('fk_put_back_sale_id_sale_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_put_back'))
    )
    waiting = sa.text("done < quantity")
    with op.batch_alter_table('put_back', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_put_back_sale_id'), ['sale_id'], unique=False)
        batch_op.create_index('ix_put_back_waiting', ['warehouse_id', 'item_id', 'lot_id'], unique=False, sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    op.drop_table('put_back')
