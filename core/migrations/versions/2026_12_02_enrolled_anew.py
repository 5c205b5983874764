"""A scanner that is enrolled anew goes on under the ids of what it was before.

Revision: 2026_12_02_enrolled_anew
Follows: 2026_12_01_turn
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_12_02_enrolled_anew'
down_revision = '2026_12_01_turn'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('device', sa.Column('first_id', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column('device', 'first_id')
