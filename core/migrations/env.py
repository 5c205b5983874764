"""Alembic's entry: runs the migrations on the connection that `core.migrations.run` hands over."""

from __future__ import annotations

from alembic import context

from core.migrations.run import is_ours
from core.schema import whole

config = context.config
connection = config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=whole(),
    include_name=is_ours,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
