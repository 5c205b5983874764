"""Tables of working time: calendars with their days, rotas with their shifts, leave."""

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

from core.db import SELDOM, Big, metadata

calendars = Table(
    "calendar",
    metadata,
    Column("code", String(16), primary_key=True),
    Column("tz_name", String(64), nullable=False),
    Column("windows", JSON, nullable=False),  # seven lists of [from_minute, to_minute], Monday on
    Column("rev", Integer, nullable=False),
    Column("stamp", String(32), nullable=False),  # new with every change; key of the memory cache
    info=SELDOM,
)

calendar_days = Table(
    "calendar_day",
    metadata,
    Column("calendar_code", String(16), ForeignKey("calendar.code"), primary_key=True),
    Column("day", String(10), primary_key=True),  # 2026-02-14
    Column("workday", Boolean, nullable=False),
    Column("name", String(64), nullable=False, default=""),
    Column("source", String(256), nullable=False, default=""),
    Column("rev", Integer, nullable=False),
    info=SELDOM,
)

calendar_years = Table(
    "calendar_year",
    metadata,
    Column("calendar_code", String(16), ForeignKey("calendar.code"), primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("source", String(256), nullable=False, default=""),
    info=SELDOM,
)

rotas = Table(
    "rota",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", String(32), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    info=SELDOM,
)

rota_shifts = Table(
    "rota_shift",
    metadata,
    Column("id", Big, primary_key=True),
    Column("rota_id", Big, ForeignKey("rota.id"), nullable=False),
    Column("person_id", Big, ForeignKey("person.id"), nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Index(None, "rota_id", "to_us"),
    info=SELDOM,
)

leaves = Table(
    "leave",
    metadata,
    Column("id", Big, primary_key=True),
    Column("person_id", Big, ForeignKey("person.id"), nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("substitute_id", Big, ForeignKey("person.id")),
    Index(None, "person_id", "to_us"),
    info=SELDOM,
)
