"""Partners: whom we buy from and sell to. Their people are persons; their orders are orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, bindparam, or_, select

from core.catalog.items import CODE_TAKEN, PAGE, check_code, check_name, check_text
from core.catalog.tables import partners
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.people import Actor, Thing, insert_row, record, require

KINDS = frozenset({"supplier", "customer", "both"})


@dataclass(frozen=True, slots=True)
class NewPartner:
    """What a partner begins with."""

    code: str
    name: str
    kind: str = "supplier"  # supplier | customer | both
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Partner(NewPartner):
    """A partner as stored."""

    id: int = 0
    active: bool = True

    @property
    def supplies(self) -> bool:
        return self.kind in ("supplier", "both")


_BY_ID = select(partners).where(partners.c.id == bindparam("id_"))
_BY_CODE = select(partners).where(partners.c.code == bindparam("code_"))


def add_partner(tx: Tx, actor: Actor, new: NewPartner) -> int:
    """A new partner; answers its id.

    Raises:
        AppError(forbidden, invalid, code_taken).
    """
    require(actor, "partner.write", Thing("partner", new.code))
    _check(new)
    if partner_by_code_or_none(tx.conn, new.code) is not None:
        raise AppError(CODE_TAKEN, what="往来单位", code=new.code)
    partner_id = insert_row(tx, partners, asdict(new) | {"active": True})
    record(tx, actor, "partner.write", f"partner:{partner_id}", after=asdict(new))
    return partner_id


def update_partner(tx: Tx, actor: Actor, partner_id: int, changes: Mapping[str, Any]) -> Partner:
    """Change fields of `Partner` by name (`active` too).

    Raises:
        AppError(forbidden, not_found, invalid, code_taken).
    """
    require(actor, "partner.write", Thing("partner", str(partner_id)))
    current = partner(tx.conn, partner_id)
    unknown = set(changes) - {each.name for each in fields(Partner)} | (set(changes) & {"id"})
    assert not unknown, f"a partner has no changeable {unknown}"
    wanted = replace(current, **changes)
    _check(wanted)
    if wanted.code != current.code and partner_by_code_or_none(tx.conn, wanted.code) is not None:
        raise AppError(CODE_TAKEN, what="往来单位", code=wanted.code)
    old, new = asdict(current), asdict(wanted)
    changed = {name: new[name] for name in new if new[name] != old[name]}
    if changed:
        tx.execute(partners.update().where(partners.c.id == partner_id), changed)
        before = {name: old[name] for name in changed}
        thing = f"partner:{partner_id}"
        record(tx, actor, "partner.write", thing, before=before, after=changed)
    return wanted


def ask_for_partner(conn: Connection, partner_id: int) -> CursorResult[Any]:
    """The row of a partner, which need not have arrived yet."""
    return conn.execute(_BY_ID, {"id_": partner_id})


def partner(conn: Connection, partner_id: int) -> Partner:
    """The partner.

    Raises:
        AppError(not_found).
    """
    row = ask_for_partner(conn, partner_id).first()
    if row is None:
        raise AppError(NOT_FOUND, what="往来单位", name=partner_id)
    return _partner(row)


def partner_by_code(conn: Connection, code: str) -> Partner:
    """The partner with this code.

    Raises:
        AppError(not_found).
    """
    found = partner_by_code_or_none(conn, code)
    if found is None:
        raise AppError(NOT_FOUND, what="往来单位", name=code)
    return found


def partner_by_code_or_none(conn: Connection, code: str) -> Partner | None:
    """As `partner_by_code`, None when there is none."""
    row = conn.execute(_BY_CODE, {"code_": code}).first()
    return None if row is None else _partner(row)


def search_partners(conn: Connection, text: str = "", limit: int = 50) -> list[Partner]:
    """Active partners whose code begins with or whose name contains `text`."""
    wanted = text.strip()
    by_code = partners.c.code.startswith(wanted, autoescape=True)
    by_name = partners.c.name.contains(wanted, autoescape=True)
    query = (
        select(partners)
        .where(partners.c.active.is_(True), or_(by_code, by_name))
        .order_by(partners.c.code)
        .limit(min(limit, PAGE))
    )
    return [_partner(row) for row in conn.execute(query)]


def _partner(row: Row[Any]) -> Partner:
    return Partner(**dict(row._mapping))


def _check(new: NewPartner) -> None:
    check_code("往来单位编号", new.code)
    check_name("往来单位名称", new.name)
    if new.kind not in KINDS:
        raise AppError(INVALID, field="类型", why="只能是 供应商、客户 或 两者")
    check_text("电话", new.phone, 32)
