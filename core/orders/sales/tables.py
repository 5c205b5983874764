"""Tables of goods out: what a customer wants, what is walked for together, what left in which box.

As in core/orders/tables.py: paper, not facts; quantities are Micro in base units, `lot_id` 0 means
"no lot". What is promised to a line are the reservations made for `sale_line:<id>`.
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
    UniqueConstraint,
    text,
)

from core.db import metadata
from core.orders.tables import id_column, micro_column, op_column

carriers = Table(
    "carrier",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("cut_offs", JSON, nullable=False),  # times of day, "16:30"
    Column("active", Boolean, nullable=False, default=True),
)

sales = Table(
    "sale_order",
    metadata,
    id_column(),
    op_column(),
    Column("code", String(64), nullable=False, unique=True),
    Column("customer_id", BigInteger, nullable=False),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("seller_id", BigInteger, nullable=False),
    Column("ship_on", String(10), nullable=False),
    Column("carrier", String(32), nullable=False, default=""),
    Column("cut_off", BigInteger),
    Column("urgent", Boolean, nullable=False, default=False),
    Column("state", String(16), nullable=False),  # open picking picked packed shipped cancelled
    Column("wave_id", String(32), nullable=False, default=""),
    Column("note", String(400), nullable=False, default=""),
    Column("created_by", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "warehouse_id", "state", "id"),
    Index(None, "state", "id"),
    Index(None, "customer_id", "id"),
    Index(None, "wave_id"),
)

sale_lines = Table(
    "sale_line",
    metadata,
    id_column(),
    Column("sale_id", String(32), ForeignKey("sale_order.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    micro_column("quantity"),
    Column("pack_id", BigInteger),  # as it was ordered
    micro_column("price_micro"),  # per base unit
    micro_column("missing"),  # wanted, promised by nothing
    micro_column("picked"),
    micro_column("packed"),
    micro_column("shipped"),
    micro_column("returned"),
    micro_column("cut"),  # will not be sent
    Column("cut_reason", String(400), nullable=False, default=""),
    Column("instead_of", String(32), nullable=False, default=""),  # the line it stands in for
    UniqueConstraint("sale_id", "line_no"),
    Index(
        "ix_sale_line_missing",
        "item_id",
        "id",
        sqlite_where=text("missing > 0"),
        postgresql_where=text("missing > 0"),
    ),
)

waves = Table(
    "wave",
    metadata,
    id_column(),
    op_column(),
    Column("code", String(64), nullable=False, unique=True),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("carrier", String(32), nullable=False, default=""),
    Column("cut_off", BigInteger),
    Column("why", String(64), nullable=False, default=""),
    Column("state", String(16), nullable=False),  # open done cancelled
    Column("task_id", String(32), nullable=False, default=""),
    Column("made_by", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Index(None, "warehouse_id", "state", "id"),
    Index(None, "state", "id"),
)

pick_lines = Table(
    "pick_line",
    metadata,
    id_column(),
    Column("wave_id", String(32), ForeignKey("wave.id"), nullable=False),
    Column("step", Integer, nullable=False),  # its place on the walk
    Column("sale_id", String(32), nullable=False, index=True),
    Column("sale_line_id", String(32), ForeignKey("sale_line.id"), nullable=False),
    Column("reservation_id", BigInteger, nullable=False),
    Column("part_id", BigInteger, nullable=False, unique=True),
    Column("location_id", BigInteger, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    micro_column("quantity"),
    micro_column("picked"),
    micro_column("packed"),
    Column("serials", JSON, nullable=False, default=list),
    Column("state", String(16), nullable=False),  # open picked short cancelled
    Column("reason", String(400), nullable=False, default=""),
    Column("picked_by", BigInteger),
    Column("picked_at", BigInteger),
    Index(None, "wave_id", "step"),
)

packages = Table(
    "package",
    metadata,
    id_column(),
    op_column(),
    Column("code", String(64), nullable=False, unique=True),
    Column("sale_id", String(32), ForeignKey("sale_order.id"), nullable=False, index=True),
    micro_column("weight_micro"),  # kilograms; 0 = not weighed
    Column("state", String(16), nullable=False),  # packed shipped void
    Column("tracking", String(64), nullable=False, default=""),
    Column("packed_by", BigInteger, nullable=False),
    Column("packed_at", BigInteger, nullable=False),
    Column("shipped_at", BigInteger),
)

package_lines = Table(
    "package_line",
    metadata,
    id_column(),
    Column("package_id", String(32), ForeignKey("package.id"), nullable=False, index=True),
    Column("sale_line_id", String(32), nullable=False, index=True),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    micro_column("quantity"),
    Column("serials", JSON, nullable=False, default=list),
)

# What stands in the stage for an order that was given up, until it lies in a bin again.
put_backs = Table(
    "put_back",
    metadata,
    id_column(),
    Column("sale_id", String(32), ForeignKey("sale_order.id"), nullable=False, index=True),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    Column("location_id", BigInteger, nullable=False),  # the bin it was picked from
    micro_column("quantity"),
    micro_column("done"),
    Column("serials", JSON, nullable=False, default=list),  # that still wait
    Index(
        "ix_put_back_waiting",
        "warehouse_id",
        "item_id",
        "lot_id",
        sqlite_where=text("done < quantity"),
        postgresql_where=text("done < quantity"),
    ),
)

pick_faces = Table(
    "pick_face",
    metadata,
    Column("location_id", BigInteger, primary_key=True, autoincrement=False),
    Column("item_id", BigInteger, primary_key=True, autoincrement=False),
    micro_column("min_micro"),
    micro_column("max_micro"),
    Index(None, "item_id"),
)

substitutes = Table(
    "substitute",
    metadata,
    Column("item_id", BigInteger, primary_key=True, autoincrement=False),
    Column("other_id", BigInteger, primary_key=True, autoincrement=False),
    Column("numerator", BigInteger, nullable=False),  # of the other per one of the item
    Column("denominator", BigInteger, nullable=False),
    Column("note", String(200), nullable=False, default=""),
)
