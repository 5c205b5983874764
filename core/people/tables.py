"""Tables of persons, teams, devices, chat identities and sessions. Only hashes of secrets."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    true,
)

from core.db import SELDOM, Big, metadata

persons = Table(
    "person",
    metadata,
    Column("id", Big, primary_key=True),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("name_en", String(64), nullable=False, default=""),
    Column("roles", JSON, nullable=False),  # list of role codes
    Column("manager_id", Big, ForeignKey("person.id")),
    Column("partner_id", Big, ForeignKey("partner.id"), index=True),
    Column("warehouse_ids", JSON, nullable=False, default=list),  # empty: every warehouse
    Column("password_hash", String(128)),
    Column("pin_hash", String(128)),
    Column("badge", String(64), unique=True),
    Column("quiet_from", Integer),  # minutes after local midnight
    Column("quiet_to", Integer),
    Column("language", String(8), nullable=False, default="zh"),
    Column("active", Boolean, nullable=False, default=True, server_default=true()),
    # chat channels, the first one first
    Column("channels", JSON, nullable=False, default=list, server_default="[]"),
    # cards go to all accounts
    Column("everywhere", Boolean, nullable=False, default=False, server_default=false()),
    # urgent cards come in quiet hours too
    Column("urgent_wakes", Boolean, nullable=False, default=True, server_default=true()),
    Column("digest_at", Integer),  # minutes after local midnight: what can wait comes then, in one
    info=SELDOM,
)

teams = Table(
    "team",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", String(32), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("lead_id", Big, ForeignKey("person.id")),
    info=SELDOM,
)

team_members = Table(
    "team_member",
    metadata,
    Column("team_id", Big, ForeignKey("team.id"), primary_key=True),
    Column("person_id", Big, ForeignKey("person.id"), primary_key=True, index=True),
    info=SELDOM,
)

devices = Table(
    "device",
    metadata,
    Column("id", Big, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("state", String(8), nullable=False),  # active | revoked
    Column("enrolled_by", BigInteger, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger),
    Column("first_id", BigInteger),  # enrolled anew: the first device of this scanner; null: itself
)

enrol_codes = Table(
    "enrol_code",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("device_name", String(64), nullable=False),
    Column("made_by", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

chat_identities = Table(
    "chat_identity",
    metadata,
    Column("id", Big, primary_key=True),
    Column("person_id", Big, ForeignKey("person.id"), nullable=False, index=True),
    Column("channel", String(16), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("state", String(8), nullable=False, default="active"),  # active | dead
    UniqueConstraint("channel", "user_id"),
    info=SELDOM,
)

bind_codes = Table(
    "bind_code",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    Column("person_id", Big, ForeignKey("person.id"), nullable=False),
    Column("made_by", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

sessions = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", Big, ForeignKey("person.id"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),  # desk | api | pda
    Column("device_id", Big, ForeignKey("device.id"), index=True),
    Column("name", String(64), nullable=False, default=""),
    Column("opened_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("idle_at", BigInteger),  # ends at this instant unless touched; null: no idle limit
    Column("closed_at", BigInteger),
)
