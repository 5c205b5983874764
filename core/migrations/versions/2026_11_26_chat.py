"""Three chat vendors: how a person is reached, codes that bind accounts, photos, leases.

Revision: 2026_11_26_chat
Follows: 2026_11_26_archive
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_26_chat'
down_revision = '2026_11_26_archive'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('lease',
    sa.Column('name', sa.String(length=48), nullable=False),
    sa.Column('owner', sa.String(length=64), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('sent_photo',
    sa.Column('file_id', sa.String(length=32), nullable=False),
    sa.Column('person_id', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('placed_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['file_id'], ['file.id'], name=op.f('fk_sent_photo_file_id_file')),
    sa.PrimaryKeyConstraint('file_id', name=op.f('pk_sent_photo'))
    )
    with op.batch_alter_table('sent_photo', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sent_photo_person_id'), ['person_id'], unique=False)

    op.create_table('bind_code',
    sa.Column('code_hash', sa.String(length=64), nullable=False),
    sa.Column('person_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('made_by', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_bind_code_person_id_person')),
    sa.PrimaryKeyConstraint('code_hash', name=op.f('pk_bind_code'))
    )
    for column in (
        sa.Column('channels', sa.JSON(), server_default='[]', nullable=False),
        sa.Column('everywhere', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('urgent_wakes', sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column('digest_at', sa.Integer(), nullable=True),
    ):
        op.add_column('person', column)


def downgrade() -> None:
    for name in ('digest_at', 'urgent_wakes', 'everywhere', 'channels'):
        op.drop_column('person', name)

    op.drop_table('bind_code')
    with op.batch_alter_table('sent_photo', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sent_photo_person_id'))

    op.drop_table('sent_photo')
    op.drop_table('lease')
