"""Shortcuts: definitions, forms that were opened, what became of their fields.

Revision: 2026_11_27_shortcuts
Follows: 2026_11_26_sales
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_27_shortcuts'
down_revision = '2026_11_26_sales'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('shortcut',
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('made_by', sa.String(length=64), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('key', 'version', name=op.f('pk_shortcut'))
    )
    op.create_table('shortcut_run',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.BigInteger(), nullable=False),
    sa.Column('face', sa.String(length=16), nullable=False),
    sa.Column('situation', sa.JSON(), nullable=False),
    sa.Column('offered', sa.JSON(), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('launched_at', sa.BigInteger(), nullable=True),
    sa.Column('made_kind', sa.String(length=16), nullable=False),
    sa.Column('made_id', sa.String(length=64), nullable=False),
    sa.Column('made_code', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shortcut_run'))
    )
    with op.batch_alter_table('shortcut_run', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_shortcut_run_opened_at'), ['opened_at'], unique=False)
    op.create_table('shortcut_value',
    sa.Column('run_id', sa.String(length=32), nullable=False),
    sa.Column('field', sa.String(length=32), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('source', sa.String(length=32), nullable=False),
    sa.Column('offered', sa.String(length=400), nullable=False),
    sa.Column('final', sa.String(length=400), nullable=False),
    sa.Column('touched', sa.Boolean(), nullable=False),
    sa.Column('changeable', sa.Boolean(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['shortcut_run.id'], name=op.f('fk_shortcut_value_run_id_shortcut_run')),
    sa.PrimaryKeyConstraint('run_id', 'field', name=op.f('pk_shortcut_value'))
    )
    with op.batch_alter_table('shortcut_value', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_shortcut_value_at'), ['at'], unique=False)
    op.create_index(op.f('ix_transfer_line_item_id'), 'transfer_line', ['item_id'])


def downgrade() -> None:
    op.drop_index(op.f('ix_transfer_line_item_id'), 'transfer_line')
    op.drop_table('shortcut_value')
    op.drop_table('shortcut_run')
    op.drop_table('shortcut')
