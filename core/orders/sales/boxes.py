"""Boxes as they stand: what lies in which, which have left or were opened. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from core.clock import Instant
from core.orders.sales import tables as paper
from core.quantity import Micro

MOST_BOXES, MOST_LINES = 500, 2_000


@dataclass(frozen=True, slots=True)
class PackageLine:
    """What lies in a box (base units)."""

    sale_line_id: str
    item_id: int
    lot_id: int
    quantity: Micro
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """A box that was closed; `weight_micro` in kilograms, 0 when nobody weighed it.

    `state`: packed, shipped, or void (opened again: its lines tell what once lay in it).
    """

    id: str
    code: str
    sale_id: str
    weight_micro: Micro
    state: str
    tracking: str
    packed_at: Instant
    lines: tuple[PackageLine, ...]


def packages_of(conn: Connection, sale_id: str) -> list[Package]:
    """The boxes of a sale, oldest first."""
    boxes = (
        select(paper.packages)
        .where(paper.packages.c.sale_id == sale_id)
        .order_by(paper.packages.c.id)
        .limit(MOST_BOXES)
    )
    return [_package(conn, row) for row in conn.execute(boxes).all()]


def package_by_code_or_none(conn: Connection, code: str) -> Package | None:
    """One box by what stands on its label, or None."""
    query = select(paper.packages).where(paper.packages.c.code == code).limit(1)
    row = conn.execute(query).first()
    return None if row is None else _package(conn, row)


def _package(conn: Connection, row: Any) -> Package:
    query = (
        select(paper.package_lines)
        .where(paper.package_lines.c.package_id == row.id)
        .order_by(paper.package_lines.c.id)
        .limit(MOST_LINES)
    )
    lines = tuple(_line(each) for each in conn.execute(query))
    return Package(
        row.id,
        row.code,
        row.sale_id,
        row.weight_micro,
        row.state,
        row.tracking,
        row.packed_at,
        lines,
    )


def _line(row: Any) -> PackageLine:
    serials = tuple(row.serials)
    return PackageLine(row.sale_line_id, row.item_id, row.lot_id, row.quantity, serials)
