"""A table without rows, by whose lock PostgreSQL's writers take turns.

Revision: 2026_12_01_turn
Follows: 2026_11_30_letter_pairs
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_12_01_turn'
down_revision = '2026_11_30_letter_pairs'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'turn',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_turn')),
    )


def downgrade() -> None:
    op.drop_table('turn')
