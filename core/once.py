"""Idempotency: one operation id, one effect, one answer; kept beside the effect it belongs to.

Not for the posting's own unique key, which stays for ever (core/stock). Rows here go some days
later (core/retention.py), never within a week. Source: trust.md §1 (Stripe), flow.md; museum:
erpnext PR 25742.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    String,
    Table,
    bindparam,
    select,
)

from core.chain import fingerprint
from core.db import Tx, metadata
from core.errors import KEY_REUSED, AppError
from core.ids import check_operation_id

operations = Table(
    "operation",
    metadata,
    Column("key", String(192), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "at"),
)

_FIND = select(operations.c.fingerprint, operations.c.answer).where(
    operations.c.key == bindparam("key_")
)
_INSERT = operations.insert()


def once(
    tx: Tx,
    scope: str,
    key: str,
    content: Any,
    run: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Run `run` at most once for (`scope`, `key`); a repeat gets the first answer again.

    `scope` keeps clients apart (`person:12`), `content` is the JSON-like input that must be equal
    on a repeat, the answer is JSON-like. A refusal stores nothing, so it can be mended and retried
    under the same key.

    Raises:
        AppError(key_reused): the key came before with other content.
        AppError(invalid): the key is malformed.
    """
    full = f"{scope}/{check_operation_id(key)}"
    print_ = fingerprint(content)
    found = tx.execute(_FIND, {"key_": full}).first()
    if found is not None:
        if found.fingerprint != print_:
            raise AppError(KEY_REUSED, key=key)
        answer: dict[str, Any] = found.answer
        return answer
    answer = run()
    tx.execute(_INSERT, {"key": full, "fingerprint": print_, "answer": answer, "at": tx.now})
    return answer


def answer_of(conn: Connection, scope: str, key: str) -> dict[str, Any] | None:
    """The answer (`scope`, `key`) got, None when it never came or is not kept any more."""
    found = conn.execute(_FIND, {"key_": f"{scope}/{key}"}).first()
    return None if found is None else dict(found.answer)
