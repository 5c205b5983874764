"""Live tasks, newest first: the board reads a page of them and not all.

Revision: 2026_11_29_live_tasks
Follows: 2026_11_28_put_back
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '2026_11_29_live_tasks'
down_revision = '2026_11_28_put_back'
branch_labels = None
depends_on = None


def upgrade() -> None:
    live = sa.text('closed_at IS NULL')
    op.create_index('ix_task_live', 'task', ['id'], unique=False, sqlite_where=live, postgresql_where=live)


def downgrade() -> None:
    op.drop_index('ix_task_live', 'task')
