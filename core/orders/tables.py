"""Tables of the documents that make stock move: what was asked, what came, what was found.

Not the ledger (core/stock) and not the tasks (core/tasks): a row here is paper, a move is a fact.
All quantities are Micro in the item's base unit; `lot_id` 0 means "no lot". Every document carries
the `op_id` of the command that made it, unique for ever.
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


def id_column() -> Column[str]:
    return Column("id", String(32), primary_key=True)


def op_column() -> Column[str]:
    return Column("op_id", String(128), nullable=False, unique=True)


def micro_column(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0)


orders = Table(
    "purchase_order",
    metadata,
    id_column(),
    op_column(),
    Column("code", String(64), nullable=False, unique=True),
    Column("supplier_id", BigInteger, nullable=False),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("buyer_id", BigInteger, nullable=False),
    Column("due_on", String(10), nullable=False),
    Column("state", String(16), nullable=False),  # open closed cancelled
    Column("promised_on", String(10), nullable=False, default=""),
    Column("receive_task", String(32), nullable=False, default=""),
    Column("created_by", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "warehouse_id", "state", "id"),
    Index(None, "state", "id"),
    Index(None, "supplier_id", "id"),
)

order_lines = Table(
    "purchase_line",
    metadata,
    id_column(),
    Column("order_id", String(32), ForeignKey("purchase_order.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    micro_column("quantity"),
    Column("pack_id", BigInteger),  # as it was ordered; quantities here are base units
    micro_column("price_micro"),  # per base unit
    micro_column("received"),
    micro_column("short"),  # closed short: will not come any more
    Column("short_reason", String(400), nullable=False, default=""),
    Column("state", String(16), nullable=False),  # open done
    UniqueConstraint("order_id", "line_no"),
    Index(None, "item_id", "state"),
)

receipts = Table(
    "receipt",
    metadata,
    id_column(),
    op_column(),
    Column("order_id", String(32), ForeignKey("purchase_order.id"), nullable=False, index=True),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("received_by", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

receipt_lines = Table(
    "receipt_line",
    metadata,
    id_column(),
    Column("receipt_id", String(32), ForeignKey("receipt.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("order_line_id", String(32), ForeignKey("purchase_line.id"), nullable=False, index=True),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    Column("serials", JSON, nullable=False),
    Column("over_reason", String(400), nullable=False, default=""),
    # quantity = to_inspect + accepted + rejected, always; accepted = stocked + still on the dock;
    # held is the part of rejected that nobody has decided about yet
    micro_column("quantity"),
    micro_column("to_inspect"),
    micro_column("accepted"),
    micro_column("rejected"),
    micro_column("held"),
    micro_column("stocked"),
    Column("inspect_task", String(32), nullable=False, default=""),
    Column("putaway_task", String(32), nullable=False, default=""),
    UniqueConstraint("receipt_id", "line_no"),
    Index(None, "item_id", "lot_id", "id"),
    Index(
        "ix_receipt_line_waiting",
        *("warehouse_id", "item_id", "lot_id", "id"),
        sqlite_where=(_WAITING := text("to_inspect > 0 OR accepted > stocked OR held > 0")),
        postgresql_where=_WAITING,
    ),
)

inspections = Table(
    "inspection",
    metadata,
    id_column(),
    op_column(),
    Column("receipt_line_id", String(32), ForeignKey("receipt_line.id"), nullable=False),
    Column("order_id", String(32), ForeignKey("purchase_order.id"), nullable=False),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    micro_column("accepted"),
    micro_column("rejected"),
    Column("reason", String(400), nullable=False, default=""),
    Column("supplier_id", BigInteger, nullable=False),
    Column("tasks", JSON, nullable=False, default=list),
    Column("checks", JSON, nullable=False),
    Column("photos", JSON, nullable=False),
    Column("rejected_serials", JSON, nullable=False),
    Column("whole_lot", Boolean, nullable=False, default=False),
    Column("state", String(16), nullable=False),  # passed failed decided
    Column("decision", String(16), nullable=False, default=""),  # return concession scrap
    Column("decision_reason", String(400), nullable=False, default=""),
    Column("decided_by", BigInteger),
    Column("decided_at", BigInteger),
    Column("inspected_by", BigInteger, nullable=False),
    Column("inspected_at", BigInteger, nullable=False),
    Index(None, "receipt_line_id"),
    Index(None, "state", "id"),
)

transfers = Table(
    "transfer",
    metadata,
    id_column(),
    op_column(),
    Column("code", String(64), nullable=False, unique=True),
    Column("from_warehouse", BigInteger, nullable=False),
    Column("to_warehouse", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # asked sent done closed cancelled
    Column("urgent", Boolean, nullable=False, default=False),
    Column("reason", String(400), nullable=False, default=""),
    Column("send_task", String(32), nullable=False, default=""),
    Column("receive_task", String(32), nullable=False, default=""),
    Column("asked_by", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Index(None, "state", "id"),
)

transfer_lines = Table(
    "transfer_line",
    metadata,
    id_column(),
    Column("transfer_id", String(32), ForeignKey("transfer.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),  # 0 = whichever the sender picks
    micro_column("quantity"),
    micro_column("sent"),
    UniqueConstraint("transfer_id", "line_no"),
    Index(None, "item_id"),
)

transfer_loads = Table(  # what was really sent: the lot and serials are known only then
    "transfer_load",
    metadata,
    id_column(),
    Column("transfer_id", String(32), ForeignKey("transfer.id"), nullable=False, index=True),
    Column("line_id", String(32), ForeignKey("transfer_line.id"), nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    Column("serials", JSON, nullable=False),  # still to come; those that came are crossed off
    micro_column("quantity"),
    micro_column("received"),
)

counts = Table(
    "stock_count",
    metadata,
    id_column(),
    op_column(),
    Column("code", String(64), nullable=False, unique=True),
    Column("warehouse_id", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # open done cancelled
    Column("threshold_percent", Integer, nullable=False),
    Column("asked_by", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("task_id", String(32), nullable=False, default=""),
    Column("recount_task", String(32), nullable=False, default=""),
    Column("approve_task", String(32), nullable=False, default=""),
    Index(None, "warehouse_id", "state", "id"),
)

count_lines = Table(
    "stock_count_line",
    metadata,
    id_column(),
    Column("count_id", String(32), ForeignKey("stock_count.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("location_id", BigInteger, nullable=False),
    Column("item_id", BigInteger, nullable=False),
    Column("lot_id", BigInteger, nullable=False, default=0),
    Column("status", String(16), nullable=False),
    # open counted recount recounted applied same conflict; `same` is the evidence of no variance
    Column("state", String(16), nullable=False),
    Column("expected", BigInteger),  # the books at the moment of counting; never shown while open
    Column("serials", JSON, nullable=False, default=list),  # what was seen, where serials are kept
    Column("counted", BigInteger),
    Column("first_counted", BigInteger),
    Column("counted_by", BigInteger),
    Column("counted_at", BigInteger),
    Column("first_counted_by", BigInteger),
    Column("reason", String(400), nullable=False, default=""),
    UniqueConstraint("count_id", "line_no"),
    UniqueConstraint("count_id", "location_id", "item_id", "lot_id", "status"),
)
