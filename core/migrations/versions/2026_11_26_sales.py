"""Goods out: sales, waves, picks, boxes; carriers, pick faces, substitutes; a place to pack in.

Revision: 2026_11_26_sales
Follows: 2026_11_26_chat
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_26_sales'
down_revision = '2026_11_26_chat'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('carrier',
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('cut_offs', sa.JSON(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('code', name=op.f('pk_carrier'))
    )
    op.create_table('pick_face',
    sa.Column('location_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('item_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('min_micro', sa.BigInteger(), nullable=False),
    sa.Column('max_micro', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('location_id', 'item_id', name=op.f('pk_pick_face'))
    )
    with op.batch_alter_table('pick_face', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pick_face_item_id'), ['item_id'], unique=False)

    op.create_table('sale_order',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('customer_id', sa.BigInteger(), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('seller_id', sa.BigInteger(), nullable=False),
    sa.Column('ship_on', sa.String(length=10), nullable=False),
    sa.Column('carrier', sa.String(length=32), nullable=False),
    sa.Column('cut_off', sa.BigInteger(), nullable=True),
    sa.Column('urgent', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('wave_id', sa.String(length=32), nullable=False),
    sa.Column('note', sa.String(length=400), nullable=False),
    sa.Column('created_by', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sale_order')),
    sa.UniqueConstraint('code', name=op.f('uq_sale_order_code')),
    sa.UniqueConstraint('op_id', name=op.f('uq_sale_order_op_id'))
    )
    with op.batch_alter_table('sale_order', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sale_order_customer_id_id'), ['customer_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_sale_order_warehouse_id_state_id'), ['warehouse_id', 'state', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_sale_order_wave_id'), ['wave_id'], unique=False)

    op.create_table('substitute',
    sa.Column('item_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('other_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('numerator', sa.BigInteger(), nullable=False),
    sa.Column('denominator', sa.BigInteger(), nullable=False),
    sa.Column('note', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('item_id', 'other_id', name=op.f('pk_substitute'))
    )
    op.create_table('wave',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('warehouse_id', sa.BigInteger(), nullable=False),
    sa.Column('carrier', sa.String(length=32), nullable=False),
    sa.Column('cut_off', sa.BigInteger(), nullable=True),
    sa.Column('why', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('task_id', sa.String(length=32), nullable=False),
    sa.Column('made_by', sa.BigInteger(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_wave')),
    sa.UniqueConstraint('code', name=op.f('uq_wave_code')),
    sa.UniqueConstraint('op_id', name=op.f('uq_wave_op_id'))
    )
    with op.batch_alter_table('wave', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_wave_warehouse_id_state_id'), ['warehouse_id', 'state', 'id'], unique=False)

    op.create_table('package',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('op_id', sa.String(length=128), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('sale_id', sa.String(length=32), nullable=False),
    sa.Column('weight_micro', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('tracking', sa.String(length=64), nullable=False),
    sa.Column('packed_by', sa.BigInteger(), nullable=False),
    sa.Column('packed_at', sa.BigInteger(), nullable=False),
    sa.Column('shipped_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['sale_id'], ['sale_order.id'], name=op.f('fk_package_sale_id_sale_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_package')),
    sa.UniqueConstraint('code', name=op.f('uq_package_code')),
    sa.UniqueConstraint('op_id', name=op.f('uq_package_op_id'))
    )
    with op.batch_alter_table('package', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_package_sale_id'), ['sale_id'], unique=False)

    op.create_table('sale_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('sale_id', sa.String(length=32), nullable=False),
    sa.Column('line_no', sa.Integer(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('pack_id', sa.BigInteger(), nullable=True),
    sa.Column('price_micro', sa.BigInteger(), nullable=False),
    sa.Column('missing', sa.BigInteger(), nullable=False),
    sa.Column('picked', sa.BigInteger(), nullable=False),
    sa.Column('packed', sa.BigInteger(), nullable=False),
    sa.Column('shipped', sa.BigInteger(), nullable=False),
    sa.Column('returned', sa.BigInteger(), nullable=False),
    sa.Column('cut', sa.BigInteger(), nullable=False),
    sa.Column('cut_reason', sa.String(length=400), nullable=False),
    sa.Column('instead_of', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['sale_id'], ['sale_order.id'], name=op.f('fk_sale_line_sale_id_sale_order')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sale_line')),
    sa.UniqueConstraint('sale_id', 'line_no', name=op.f('uq_sale_line_sale_id_line_no'))
    )
    with op.batch_alter_table('sale_line', schema=None) as batch_op:
        batch_op.create_index('ix_sale_line_missing', ['item_id', 'id'], unique=False, sqlite_where=sa.text('missing > 0'), postgresql_where=sa.text('missing > 0'))

    op.create_table('package_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('package_id', sa.String(length=32), nullable=False),
    sa.Column('sale_line_id', sa.String(length=32), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('serials', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['package_id'], ['package.id'], name=op.f('fk_package_line_package_id_package')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_package_line'))
    )
    with op.batch_alter_table('package_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_package_line_package_id'), ['package_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_package_line_sale_line_id'), ['sale_line_id'], unique=False)

    op.create_table('pick_line',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('wave_id', sa.String(length=32), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('sale_id', sa.String(length=32), nullable=False),
    sa.Column('sale_line_id', sa.String(length=32), nullable=False),
    sa.Column('reservation_id', sa.BigInteger(), nullable=False),
    sa.Column('part_id', sa.BigInteger(), nullable=False),
    sa.Column('location_id', sa.BigInteger(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('lot_id', sa.BigInteger(), nullable=False),
    sa.Column('quantity', sa.BigInteger(), nullable=False),
    sa.Column('picked', sa.BigInteger(), nullable=False),
    sa.Column('packed', sa.BigInteger(), nullable=False),
    sa.Column('serials', sa.JSON(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=400), nullable=False),
    sa.Column('picked_by', sa.BigInteger(), nullable=True),
    sa.Column('picked_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['sale_line_id'], ['sale_line.id'], name=op.f('fk_pick_line_sale_line_id_sale_line')),
    sa.ForeignKeyConstraint(['wave_id'], ['wave.id'], name=op.f('fk_pick_line_wave_id_wave')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pick_line')),
    sa.UniqueConstraint('part_id', name=op.f('uq_pick_line_part_id'))
    )
    with op.batch_alter_table('pick_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pick_line_sale_id'), ['sale_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_pick_line_wave_id_step'), ['wave_id', 'step'], unique=False)

    broken = sa.text("state = 'broken'")
    op.create_index('ix_reservation_broken', 'reservation', ['id'], sqlite_where=broken, postgresql_where=broken)
    op.execute(
        "INSERT INTO location (code, kind, name, warehouse_id, zone, active) "
        "SELECT w.code || '-OUT', 'stage', substr(w.name, 1, 58) || ' 出货区', w.id, '', TRUE FROM warehouse w "
        "WHERE NOT EXISTS (SELECT 1 FROM location l WHERE l.code = w.code || '-OUT')"
    )


def downgrade() -> None:
    op.drop_index('ix_reservation_broken', 'reservation')
    with op.batch_alter_table('pick_line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_pick_line_wave_id_step'))
        batch_op.drop_index(batch_op.f('ix_pick_line_sale_id'))

    op.drop_table('pick_line')
    with op.batch_alter_table('package_line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_package_line_sale_line_id'))
        batch_op.drop_index(batch_op.f('ix_package_line_package_id'))

    op.drop_table('package_line')
    with op.batch_alter_table('sale_line', schema=None) as batch_op:
        batch_op.drop_index('ix_sale_line_missing', sqlite_where=sa.text('missing > 0'), postgresql_where=sa.text('missing > 0'))

    op.drop_table('sale_line')
    with op.batch_alter_table('package', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_package_sale_id'))

    op.drop_table('package')
    with op.batch_alter_table('wave', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_wave_warehouse_id_state_id'))

    op.drop_table('wave')
    op.drop_table('substitute')
    with op.batch_alter_table('sale_order', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sale_order_wave_id'))
        batch_op.drop_index(batch_op.f('ix_sale_order_warehouse_id_state_id'))
        batch_op.drop_index(batch_op.f('ix_sale_order_customer_id_id'))

    op.drop_table('sale_order')
    with op.batch_alter_table('pick_face', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_pick_face_item_id'))

    op.drop_table('pick_face')
    op.drop_table('carrier')
