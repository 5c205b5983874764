"""One-time codes with which a person's chat account becomes known; never a name, never a number.

A code names a person, not an account: whoever types it into a chat is only asking, and an
administrator sees which account asks before it counts (core/tasks/binding.py).
"""

from __future__ import annotations

from sqlalchemy import bindparam, select

from core.clock import DAY, Instant
from core.db import Tx
from core.errors import AppError, define
from core.ids import typed_code
from core.people.changes import record
from core.people.permissions import Actor, Thing, require
from core.people.roster import person
from core.people.secrets import token_hash
from core.people.tables import bind_codes

BIND_CODE_LIVES: Instant = DAY

BIND_CODE_VOID = define(
    "bind_code_void",
    422,
    "没绑定：这个绑定码不对、已用过或超过一天。请管理员在「人员」里重新给一个。",
    "Not bound: the code is wrong, used or older than a day. Ask an administrator for another.",
)

_FRESH = (
    (bind_codes.c.code_hash == bindparam("hash_"))
    & bind_codes.c.used_at.is_(None)
    & (bind_codes.c.expires_at > bindparam("now_"))
)
_FIND = select(bind_codes.c.person_id).where(_FRESH)
_SPEND = bind_codes.update().where(_FRESH).values(used_at=bindparam("now_"))


def make_bind_code(tx: Tx, actor: Actor, person_id: int) -> str:
    """A code that one chat account may use within a day; stored as a hash. Also for oneself.

    Raises:
        AppError(forbidden, not_found).
    """
    if actor.person_id != person_id:
        require(actor, "person.write", Thing("person", str(person_id)))
    person(tx.conn, person_id)
    code = typed_code()
    tx.add(
        bind_codes,
        {
            "code_hash": token_hash(code),
            "person_id": person_id,
            "made_by": actor.person_id,
            "expires_at": tx.now + BIND_CODE_LIVES,
            "used_at": None,
        },
    )
    record(tx, actor, "chat.code", f"person:{person_id}", after={"for": person_id})
    return code


def spend_bind_code(tx: Tx, code: str) -> int:
    """The person whom a fresh code names; it cannot be used again.

    Raises:
        AppError(bind_code_void): unknown, used or too old; the three are not told apart.
    """
    values = {"hash_": token_hash(code.strip().upper()), "now_": tx.now}
    found: int | None = tx.execute(_FIND, values).scalar()
    # The guarded update decides: two accounts with one code cannot both ask.
    if found is None or not tx.execute(_SPEND, values).rowcount:
        raise AppError(BIND_CODE_VOID)
    return found
