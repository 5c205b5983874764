"""Tables of the shortcuts: their definitions, each form that was opened, what became of its fields.

Written only by this package. A form that was never launched stays as evidence of that.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from core.db import SELDOM, metadata

definitions = Table(
    "shortcut",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", JSON, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    info=SELDOM,
)

runs = Table(
    "shortcut_run",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("face", String(16), nullable=False),
    Column("situation", JSON, nullable=False),  # where it was opened, to fill it anew
    Column("offered", JSON, nullable=False),  # the fields as they were shown
    Column("opened_at", BigInteger, nullable=False),
    Column("launched_at", BigInteger),
    Column("made_kind", String(16), nullable=False, default=""),
    Column("made_id", String(64), nullable=False, default=""),
    Column("made_code", String(64), nullable=False, default=""),
    Index(None, "opened_at"),
)

values = Table(
    "shortcut_value",
    metadata,
    Column("run_id", ForeignKey("shortcut_run.id"), primary_key=True),
    Column("field", String(32), primary_key=True),
    Column("key", String(32), nullable=False),
    Column("source", String(32), nullable=False),  # empty: nothing could fill it
    Column("offered", String(400), nullable=False),
    Column("final", String(400), nullable=False),
    Column("touched", Boolean, nullable=False),
    Column("changeable", Boolean, nullable=False),  # false: shown only, the policy decides
    Column("at", BigInteger, nullable=False),
    Index(None, "at"),
)
