"""Where the live part of a chained log begins; what lies before it is sealed in an archive file.

One row per file, never changed or deleted. `core/archive.py` writes them; the chain of the log is
then proven from the newest row's hash on, or whole with the files at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, select

from core.append_only import forbid_change
from core.chain import GENESIS
from core.clock import Instant
from core.db import Big, metadata

anchors = Table(
    "log_anchor",
    metadata,
    Column("log", String(8), primary_key=True),  # the name of its table: event | audit
    Column("last_no", Big, primary_key=True, autoincrement=False),
    Column("first_no", Big, nullable=False),
    Column("hash", String(64), nullable=False),  # of the row `last_no`
    Column("file", String(96), nullable=False),
    Column("sha256", String(64), nullable=False),  # of the whole file
    Column("bytes", BigInteger, nullable=False),
    Column("postings", Integer, nullable=False),  # that the rows in the file tell of
    Column("moves", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
forbid_change(anchors)


@dataclass(frozen=True, slots=True)
class Anchor:
    """One archived piece of a log: rows `first_no` to `last_no`, and the chain's hash there."""

    log: str
    last_no: int
    first_no: int
    hash: str
    file: str
    sha256: str
    bytes: int
    postings: int
    moves: int
    at: Instant


def anchored(conn: Connection, log: str) -> tuple[int, str]:
    """(number, hash) of the last row that was archived; (0, genesis) when none was."""
    query = select(anchors.c.last_no, anchors.c.hash).where(anchors.c.log == log)
    row = conn.execute(query.order_by(anchors.c.last_no.desc()).limit(1)).first()
    return (0, GENESIS) if row is None else (row[0], row[1])


def anchors_of(conn: Connection, log: str) -> list[Anchor]:
    """Every piece of a log that was archived, oldest first."""
    query = select(anchors).where(anchors.c.log == log).order_by(anchors.c.last_no)
    return [Anchor(**row) for row in conn.execute(query).mappings()]
