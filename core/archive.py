"""Old pieces of the chained logs move into files; the chain goes on from an anchor.

A piece is written, fsynced and read back before its anchor is committed, and only rows below an
anchor may be deleted: at every moment each row is in the table, in a file that its anchor names, or
in both. The rows of a file are the rows of the table, so the chain is proven through it as if they
had never moved. Not for moves and postings: questions about the past are asked of those.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Table, func, select

from core import audit, events
from core.anchor import Anchor, anchored, anchors, anchors_of
from core.chain import GENESIS, link
from core.clock import DAY, Clock, Instant
from core.db import Database, Tx
from core.durable import make_folder, sync
from core.engine import ELSEWHERE, Step
from core.ids import secret_token

ARCHIVED = "log.archived"
PIECE = 5_000  # rows in a file, at most
REMOVED_AT_ONCE = 500
PAGE = 500

Rows = list[dict[str, Any]]


class BrokenArchiveError(Exception):
    """A file is missing, is not the one that was sealed, or its rows do not fit the chain."""


@dataclass(frozen=True, slots=True)
class Log:
    """A chained table: its dense number and when a row was written."""

    table: Table
    number: Column[Any]
    at: Column[Any]

    @property
    def name(self) -> str:
        return self.table.name


EVENTS = Log(events.events, events.events.c.seq, events.events.c.recorded_at)
AUDIT = Log(audit.audits, audit.audits.c.id, audit.audits.c.at)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a log that follow its anchor; `previous` is the hash they are chained to."""

    log: Log
    first: int
    previous: str
    rows: Rows

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def hash(self) -> str:
        return str(self.rows[-1]["hash"])

    @property
    def name(self) -> str:
        return f"{self.log.name}-{self.first:012d}-{self.last:012d}"


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is durable and was read back; named by its content, so none replaces another."""

    file: str
    sha256: str
    bytes: int


def next_piece(conn: Connection, log: Log, before: Instant, most: int = PIECE) -> Piece | None:
    """The oldest rows not archived yet, all written before `before`; never the newest row."""
    last, previous = anchored(conn, log.name)
    newest = select(func.max(log.number)).scalar_subquery()
    query = select(log.table).where(log.number > last, log.number < newest)
    rows: Rows = []
    for row in conn.execute(query.order_by(log.number).limit(most)).mappings():
        if row[log.at] >= before:
            break
        rows.append({str(column.name): row[column] for column in log.table.columns})
    if all(row.get("kind") == ARCHIVED for row in rows):
        return None  # what archiving itself wrote would be archived for ever
    return Piece(log, last + 1, previous, rows)


# -- files ---------------------------------------------------------------------------------------
def write_piece(folder: Path, piece: Piece) -> Written:
    """Write the file of `piece`, durable and read back.

    Raises:
        BrokenArchiveError: the rows are not a chain; a broken log is never archived.
        OSError: no room, no rights.
    """
    check_chain(piece.name, piece.first, piece.previous, piece.rows)
    make_folder(folder)
    fresh = folder / f"tmp-{secret_token(64)}"
    try:
        with fresh.open("wb") as out:
            with gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as packed:
                for row in piece.rows:
                    packed.write(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        if read_rows(fresh) != orjson.loads(orjson.dumps(piece.rows)):
            raise BrokenArchiveError(f"{piece.name} does not read back as it was written")
        sha256 = _digest(fresh)
        file = f"{piece.name}-{sha256[:8]}.jsonl.gz"
        written = Written(file, sha256, fresh.stat().st_size)
        fresh.replace(folder / file)
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()
    sync(folder)
    return written


def read_rows(path: Path) -> Rows:
    """Every row of an archive file.

    Raises:
        BrokenArchiveError: it cannot be unpacked.
    """
    try:
        with gzip.open(path, "rb") as packed:
            return [orjson.loads(line) for line in packed]
    except (OSError, EOFError, orjson.JSONDecodeError) as problem:
        raise BrokenArchiveError(f"{path.name} cannot be read: {problem}") from problem


def check_chain(name: str, first: int, previous: str, rows: Rows) -> None:
    """Raises BrokenArchiveError naming the first row that is not the next link."""
    for number, row in enumerate(rows, first):
        content = dict(row)
        claimed = content.pop("hash")
        found = content.get("seq", content.get("id"))
        if found != number or link(previous, content) != claimed:
            raise BrokenArchiveError(f"{name}: row {number} is not the next link of the chain")
        previous = claimed


def archived_rows(conn: Connection, folder: Path, log: Log) -> Iterator[Rows]:
    """The rows of every archived piece, oldest first, each checked before it is handed out.

    Raises:
        BrokenArchiveError: at the first file that is not what its anchor says.
    """
    last, previous = 0, GENESIS
    for anchor in anchors_of(conn, log.name):
        path = folder / anchor.file
        if not path.is_file():
            raise BrokenArchiveError(f"archive file {anchor.file} is missing in {folder}")
        if _digest(path) != anchor.sha256:
            raise BrokenArchiveError(f"archive file {anchor.file} was changed")
        rows = read_rows(path)
        check_chain(anchor.file, last + 1, previous, rows)
        if (anchor.first_no, anchor.last_no) != (last + 1, last + len(rows)):
            raise BrokenArchiveError(f"archive file {anchor.file} is not the piece that follows")
        if rows[-1]["hash"] != anchor.hash:
            raise BrokenArchiveError(f"the anchor at {anchor.last_no} was changed")
        yield rows
        last, previous = anchor.last_no, anchor.hash


def check_archive(conn: Connection, folder: Path, log: Log) -> Iterator[str]:
    """One sentence naming the first file that is wrong, else nothing."""
    try:
        for _ in archived_rows(conn, folder, log):
            pass
    except BrokenArchiveError as problem:
        yield str(problem)


def check_anchor(conn: Connection) -> Iterator[str]:
    """The newest anchor of the event log must be told by a sealed event that is still live."""
    last, hash_ = anchored(conn, EVENTS.name)
    if last == 0:
        return
    told = events.newest_of(conn, f"log:{EVENTS.name}")
    if told is None or (told.payload["last"], told.payload["hash"]) != (last, hash_):
        yield f"events up to {last} are gone, and no sealed event says that they were archived"


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


# -- rows ----------------------------------------------------------------------------------------
def drop_anchor(tx: Tx, piece: Piece, written: Written) -> bool:
    """Say that the rows of `piece` are in their file; from then on they may be removed.

    False when somebody else was faster.
    """
    if anchored(tx.conn, piece.log.name) != (piece.first - 1, piece.previous):
        return False
    lines = [
        len(row["payload"]["lines"]) for row in piece.rows if row.get("kind") == "stock.posted"
    ]
    anchor = Anchor(
        log=piece.log.name,
        last_no=piece.last,
        first_no=piece.first,
        hash=piece.hash,
        file=written.file,
        sha256=written.sha256,
        bytes=written.bytes,
        postings=len(lines),
        moves=sum(lines),
        at=tx.now,
    )
    facts = {name: getattr(anchor, name) for name in Anchor.__slots__}
    tx.add(anchors, facts)
    sealed = {
        "first": anchor.first_no,
        "last": anchor.last_no,
        "hash": anchor.hash,
        "file": anchor.file,
        "sha256": anchor.sha256,
    }
    events.append(tx, ARCHIVED, f"log:{anchor.log}", "engine", sealed)
    return True


def remove_archived(tx: Tx, log: Log, most: int = REMOVED_AT_ONCE) -> int:
    """Delete up to `most` rows that lie below the anchor; how many went."""
    last, _ = anchored(tx.conn, log.name)
    oldest = select(log.number).where(log.number <= last).order_by(log.number).limit(most)
    return tx.execute(log.table.delete().where(log.number.in_(oldest))).rowcount


# -- the step ------------------------------------------------------------------------------------
class Archiving:
    """Once a day: pieces of the logs older than `days` go into files in `folder`."""

    def __init__(self, db: Database, clock: Clock, folder: Path, days: int) -> None:
        self._db, self._clock, self._folder, self._days = db, clock, folder, days
        self._rested_at: Instant | None = None
        self.piece = PIECE

    def step(self) -> Step:
        return Step("archive", self.run, self._next_due, limit_seconds=120.0)

    async def run(self) -> int:
        """One file, or one handful of removed rows; 0 when all that is old is archived."""
        now = self._clock.now()
        if self._rested_at is not None and now < self._rested_at + DAY:
            return 0
        for log in (EVENTS, AUDIT):
            done = await self._remove(log) or await self._archive(log, now - self._days * DAY)
            if done:
                return done
        self._rested_at = now
        return 0

    async def _remove(self, log: Log) -> int:
        if not await self._db.read(lambda conn: has_removable(conn, log)):
            return 0

        def remove(tx: Tx) -> int:
            return remove_archived(tx, log) if tx.alone("archive") else ELSEWHERE

        return await self._db.write(remove)

    async def _archive(self, log: Log, before: Instant) -> int:
        piece = await self._db.read(lambda conn: next_piece(conn, log, before, self.piece))
        if piece is None:
            return 0
        written = await asyncio.to_thread(write_piece, self._folder, piece)

        def drop(tx: Tx) -> int:
            if not tx.alone("archive"):
                return ELSEWHERE
            return len(piece.rows) if drop_anchor(tx, piece, written) else ELSEWHERE

        return await self._db.write(drop)

    def _next_due(self, _conn: Connection) -> Instant | None:
        return 0 if self._rested_at is None else self._rested_at + DAY


def has_removable(conn: Connection, log: Log) -> bool:
    """Whether rows lie below the anchor."""
    last, _ = anchored(conn, log.name)
    return conn.execute(select(log.number).where(log.number <= last).limit(1)).first() is not None
