"""Tables of what is bought, kept and moved, where it stands and whom it comes from. No rules."""

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
    UniqueConstraint,
    true,
)

from core.db import SELDOM, Big, metadata
from core.prefix import pairs_index

items = Table(
    "item",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(128), nullable=False, index=True),
    Column("name_en", String(128), nullable=False, default=""),
    Column("unit", String(16), nullable=False, default="件"),
    Column("tracking", String(8), nullable=False, default="none"),  # none | lot | serial
    Column("shelf_life_days", Integer, nullable=False, default=0),  # 0: does not expire
    Column("needs_inspection", Boolean, nullable=False, default=False),
    Column("checklist", JSON, nullable=False, default=list),
    Column("near_expiry_days", Integer, nullable=False, default=30),
    Column("allow_negative", Boolean, nullable=False, default=False),
    Column("zone", String(32), nullable=False, default=""),
    Column("over_receipt_percent", Integer, nullable=False, default=0),
    Column("active", Boolean, nullable=False, default=True, server_default=true()),
    info=SELDOM,
)

pairs_index(items, "code")
pairs_index(items, "name")

packs = Table(
    "pack",
    metadata,
    Column("id", Big, primary_key=True),
    Column("item_id", Big, ForeignKey("item.id"), nullable=False, index=True),
    Column("name", String(32), nullable=False),
    Column("gtin", String(14), unique=True),  # always 14 digits, zeros in front
    Column("numerator", BigInteger, nullable=False),  # base units per pack = numerator/denominator
    Column("denominator", BigInteger, nullable=False, default=1),
    UniqueConstraint("item_id", "name"),
    info=SELDOM,
)

barcodes = Table(
    "barcode",
    metadata,
    Column("code", String(128), primary_key=True),  # a GTIN is kept with 14 digits
    Column("item_id", Big, ForeignKey("item.id"), nullable=False, index=True),
    Column("pack_id", Big, ForeignKey("pack.id")),
    info=SELDOM,
)

partners = Table(
    "partner",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(128), nullable=False),
    Column("kind", String(8), nullable=False),  # supplier | customer | both
    Column("phone", String(32), nullable=False, default=""),
    Column("active", Boolean, nullable=False, default=True, server_default=true()),
    info=SELDOM,
)

lots = Table(
    "lot",
    metadata,
    Column("id", Big, primary_key=True),
    Column("item_id", Big, ForeignKey("item.id"), nullable=False),
    Column("code", String(64), nullable=False),
    Column("made_on", String(10)),  # 2026-03-02
    Column("expires_on", String(10)),  # the last day it may be used
    Column("supplier_id", Big, ForeignKey("partner.id")),
    Column("state", String(8), nullable=False, default="ok"),  # ok | held | recalled
    UniqueConstraint("item_id", "code"),
    Index(None, "expires_on"),
)

warehouses = Table(
    "warehouse",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", String(32), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    info=SELDOM,
)

locations = Table(
    "location",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False, default=""),
    # supplier | customer | dock | bin | transit | production | scrap | count
    Column("kind", String(12), nullable=False),
    Column("warehouse_id", Big, ForeignKey("warehouse.id"), index=True),
    Column("zone", String(32), nullable=False, default=""),
    Column("capacity_micro", BigInteger),  # base units it holds; null: not limited
    Column("active", Boolean, nullable=False, default=True, server_default=true()),
    info=SELDOM,
)
