"""Files: what a photo or report is (row) and where its bytes lie (content-addressed, by sha256).

`keep` writes bytes and must run outside a transaction; `register` writes the row inside one. The
same bytes are stored once, however often they are sent. Not for who may open a file (the door asks)
and not for judging pictures.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, select

from core.clock import Instant
from core.db import Tx
from core.durable import sync, write_whole
from core.errors import INVALID, NOT_FOUND, TOO_LARGE, AppError
from core.people import Actor, Thing, require
from core.tasks.tables import files

MOST_BYTES = 10_000_000
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "application/pdf", "text/plain", "text/csv")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file whose bytes are already kept under `sha256`."""

    sha256: str
    media_type: str
    bytes: int
    name: str


@dataclass(frozen=True, slots=True)
class File:
    """A registered file; `partner_id` is the supplier who sent it, if one did."""

    id: str
    sha256: str
    media_type: str
    bytes: int
    name: str
    made_by: int
    partner_id: int | None
    at: Instant


_SAME = (
    select(files)
    .where(files.c.sha256 == bindparam("sha256_"), files.c.made_by == bindparam("made_by_"))
    .order_by(files.c.id)
    .limit(1)
)
_ONE = select(files).where(files.c.id == bindparam("id_"))


def path_of(folder: Path, sha256: str) -> Path:
    """Where the bytes with this digest lie; two levels so that no folder grows huge."""
    assert _SHA256.fullmatch(sha256), "a digest is 64 hex digits, never part of somebody's path"
    return folder / sha256[:2] / sha256


def keep(folder: Path, content: bytes) -> str:
    """Store `content` durably under its digest and answer the digest. Outside transactions only.

    Raises:
        AppError(too_large): more than 10 MB.
    """
    if len(content) > MOST_BYTES:
        raise AppError(TOO_LARGE, size=f"{len(content):,} 字节", limit=f"{MOST_BYTES:,} 字节")
    digest = hashlib.sha256(content).hexdigest()
    path = path_of(folder, digest)
    if path.exists():
        sync(path.parent)  # whoever else is just keeping it may not have come so far
    else:
        write_whole(path, content)
    return digest


def register(tx: Tx, actor: Actor, new: NewFile) -> File:
    """Write the row of a kept file.

    Raises:
        AppError(invalid): a type or name we do not take. AppError(forbidden).
    """
    require(actor, "file.write", Thing("file", new.sha256, partner_id=actor.partner_id))
    if new.media_type not in MEDIA_TYPES:
        raise AppError(INVALID, field="附件", why="只收照片（JPEG、PNG、WebP）、PDF 和文本")
    if not _SHA256.fullmatch(new.sha256) or not 0 < new.bytes <= MOST_BYTES:
        raise AppError(INVALID, field="附件", why="内容为空，或没有存好")
    name = new.name.replace("\\", "/").rpartition("/")[2].strip()[:200] or "附件"
    row = {
        "id": tx.new_id(),
        "sha256": new.sha256,
        "media_type": new.media_type,
        "bytes": new.bytes,
        "name": name,
        "made_by": actor.person_id,
        "partner_id": actor.partner_id,
        "at": tx.now,
    }
    tx.add(files, row)
    return file(tx.conn, str(row["id"]))


def register_once(tx: Tx, actor: Actor, new: NewFile) -> File:
    """`register`, but the same bytes of the same person are the same file: a form sent twice asks
    for the same thing twice.
    """
    values = {"sha256_": new.sha256, "made_by_": actor.person_id}
    known = tx.execute(_SAME, values).mappings().first()
    return register(tx, actor, new) if known is None else File(**known)


def file(conn: Connection, file_id: str) -> File:
    """One registered file.

    Raises:
        AppError(not_found).
    """
    row = conn.execute(_ONE, {"id_": file_id}).mappings().first()
    if row is None:
        raise AppError(NOT_FOUND, what="附件", name=file_id[:12])
    return File(**row)
