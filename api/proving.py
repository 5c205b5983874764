"""Everything that can be proven about a database: books, event log, audit log, archive.

One list of sentences for `jieli prove` and `jieli restore --verify`. Not for a running server's
`POST /api/prove`, which asks for the books alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from core import audit
from core.archive import AUDIT, check_archive
from core.db import Database
from core.stock import Proof, prove


def prove_all(
    db: Database, archive: Path | None = None, say: Callable[[int, int], None] | None = None
) -> tuple[Proof, list[str]]:
    """The proof of the books, and every problem found; `archive` is the folder of files."""

    def everything(conn: Connection) -> tuple[Proof, list[str]]:
        proof = prove(conn, say, archive)
        files = [] if archive is None else list(check_archive(conn, archive, AUDIT))
        return proof, [*proof.problems, *files, *audit.verify(conn)]

    return db.read_now(everything)
