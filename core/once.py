"""Idempotency: one operation id, one effect, one answer; kept beside the effect it belongs to.

Not for the posting's own unique key, which stays for ever (core/stock). Rows here go some days
later (core/retention.py), never within a week. Source: trust.md §1 (Stripe), flow.md; museum:
erpnext PR 25742.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

from core.ahead import ask_ahead as ask_first
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
_FIND_ALL = select(operations.c.key, operations.c.fingerprint, operations.c.answer).where(
    operations.c.key.in_(bindparam("keys_", expanding=True))
)
_INSERT = operations.insert()


@dataclass(frozen=True, slots=True)
class Answered:
    """An operation and its answer, which is not kept yet."""

    key: str
    fingerprint: str
    answer: dict[str, Any]


def ask_ahead(tx: Tx, scope: str, key: str) -> None:
    """Have the question that `once` begins with travel with what the command asks first."""
    ask_first(tx.conn, _FIND, {"key_": f"{scope}/{key}"})


def once(
    tx: Tx,
    scope: str,
    key: str,
    content: Any,
    run: Callable[[], dict[str, Any]],
    *,
    keep: Callable[[dict[str, Any]], bool] | None = None,
) -> dict[str, Any]:
    """Run `run` at most once for (`scope`, `key`); a repeat gets the first answer again.

    `scope` keeps clients apart (`person:12`), `content` is the JSON-like input that must be equal
    on a repeat, the answer is JSON-like. A refusal stores nothing, so it can be mended and retried
    under the same key. So does an answer that `keep` says no to: then `run` is asked again, and has
    to find out by itself what is done already.

    Raises:
        AppError(key_reused): the key came before with other content.
        AppError(invalid): the key is malformed.
    """
    made = answered(tx, scope, key, content, run)
    if isinstance(made, Answered):
        if keep is None or keep(made.answer):
            tx.execute(_INSERT, _row(tx, made))
        return made.answer
    return made


def answered(
    tx: Tx, scope: str, key: str, content: Any, run: Callable[[], dict[str, Any]]
) -> dict[str, Any] | Answered:
    """The first answer to (`scope`, `key`), or one that still has to be kept by `keep_many`.

    For what only reads (`Database.ask`); otherwise as `once`.
    """
    full = f"{scope}/{check_operation_id(key)}"
    print_ = fingerprint(content)
    found = tx.execute(_FIND, {"key_": full}).first()
    if found is None:
        return Answered(full, print_, run())
    return _same(found, full, print_)


def keep_many(tx: Tx, items: Sequence[Answered]) -> list[dict[str, Any] | AppError]:
    """Keep each answer, unless its operation has got one meanwhile: then that is the answer.

    Set-based (`Together`): it touches no books and waits for nobody's turn. An item whose key came
    with other content becomes AppError(key_reused).
    """
    found = tx.execute(_FIND_ALL, {"keys_": [each.key for each in items]})
    known: dict[str, Any] = {row.key: row for row in found}
    fresh: dict[str, Answered] = {}
    for each in items:
        if each.key not in known:
            fresh.setdefault(each.key, each)
    if fresh:
        tx.execute(_INSERT, [_row(tx, each) for each in fresh.values()])
    return [_told(known.get(each.key) or fresh[each.key], each) for each in items]


def _told(first: Any, item: Answered) -> dict[str, Any] | AppError:
    try:
        return _same(first, item.key, item.fingerprint)
    except AppError as refusal:
        return refusal


def _same(first: Any, full: str, print_: str) -> dict[str, Any]:
    if first.fingerprint != print_:
        raise AppError(KEY_REUSED, key=full.partition("/")[2])
    answer: dict[str, Any] = first.answer
    return answer


def _row(tx: Tx, made: Answered) -> dict[str, Any]:
    return {
        "key": made.key,
        "fingerprint": made.fingerprint,
        "answer": made.answer,
        "at": tx.now,
    }


def answer_of(conn: Connection, scope: str, key: str) -> dict[str, Any] | None:
    """The answer (`scope`, `key`) got, None when it never came or is not kept any more."""
    found = conn.execute(_FIND, {"key_": f"{scope}/{key}"}).first()
    return None if found is None else dict(found.answer)
