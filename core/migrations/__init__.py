"""Schema history (Alembic): dated, additive first, both databases. `run` is the only door."""
