"""Who is on duty, who is away and who stands in. Not for escalation: tasks ask here."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from core.calendar.tables import leaves, rota_shifts, rotas
from core.clock import Instant
from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError
from core.people import Actor, Thing, insert_row, record, require
from core.people.tables import persons

MOST_ON_DUTY = 100
LONGEST_CHAIN = 20

_ON_DUTY = (
    select(rota_shifts.c.person_id)
    .join(rotas, rotas.c.id == rota_shifts.c.rota_id)
    .join(persons, persons.c.id == rota_shifts.c.person_id)
    .where(rotas.c.code == bindparam("code_"))
    .where(rota_shifts.c.from_us <= bindparam("at_"))
    .where(rota_shifts.c.to_us > bindparam("at_"))
    .where(persons.c.active.is_(True))
    .order_by(rota_shifts.c.from_us, rota_shifts.c.id)
    .limit(MOST_ON_DUTY)
)
_LEAVE = (
    select(leaves.c.substitute_id)
    .where(leaves.c.person_id == bindparam("person_"))
    .where(leaves.c.from_us <= bindparam("at_"))
    .where(leaves.c.to_us > bindparam("at_"))
    .order_by(leaves.c.id.desc())  # the newest entry corrects an older one
    .limit(1)
)
_AWAY = (
    select(leaves.c.person_id)
    .distinct()
    .where(leaves.c.person_id.in_(bindparam("persons_", expanding=True)))
    .where(leaves.c.from_us <= bindparam("at_"))
    .where(leaves.c.to_us > bindparam("at_"))
)
_ACTIVE = select(persons.c.active).where(persons.c.id == bindparam("person_"))


def on_duty(conn: Connection, rota_code: str, at: Instant) -> list[int]:
    """Active persons whose shift covers `at`, longest on duty first; empty when nobody is.

    Leave is not applied here: ask `stand_in` for each, so that the reason can be told.
    """
    rows = conn.execute(_ON_DUTY, {"code_": rota_code, "at_": at}).scalars()
    return list(dict.fromkeys(rows))


def away(conn: Connection, persons: Iterable[int], at: Instant) -> set[int]:
    """Who of them is on leave at `at`; only for these `stand_in` answers somebody else."""
    values = {"persons_": sorted(set(persons)), "at_": at}
    return set(conn.execute(_AWAY, values).scalars())


def stand_in(conn: Connection, person_id: int, at: Instant) -> int:
    """Who acts for a person at `at`: the person when present, else the first present substitute.

    When the chain ends without anybody present, or runs in a circle, the person himself is the
    answer: a card that waits for him is better than one that nobody gets.
    """
    seen: set[int] = set()
    current = person_id
    while current not in seen and len(seen) < LONGEST_CHAIN:
        seen.add(current)
        leave = conn.execute(_LEAVE, {"person_": current, "at_": at}).first()
        if leave is None:
            here = current == person_id or conn.execute(_ACTIVE, {"person_": current}).scalar()
            return current if here else person_id
        if leave.substitute_id is None:
            return person_id
        current = leave.substitute_id
    return person_id


def add_rota(tx: Tx, actor: Actor, code: str, name: str) -> int:
    """A new rota; answers its id.

    Raises:
        AppError(invalid): the code is taken or empty.
    """
    require(actor, "calendar.write", Thing("rota", code))
    if not code.strip() or len(code) > 32 or len(name) > 64:
        raise AppError(INVALID, field="值班表", why="编号 1 到 32 个字，名称不超过 64 个字")
    if tx.execute(select(rotas.c.id).where(rotas.c.code == code)).first() is not None:
        raise AppError(INVALID, field="值班表编号", why=f"{code} 已经有了")
    new = insert_row(tx, rotas, {"code": code, "name": name})
    record(tx, actor, "calendar.write", f"rota:{code}", after={"name": name})
    return new


def add_shift(
    tx: Tx, actor: Actor, rota_code: str, person_id: int, *, from_us: Instant, to_us: Instant
) -> int:
    """Put a person on a rota from `from_us` until before `to_us`; shifts may overlap.

    Raises:
        AppError(not_found): no such rota or person. AppError(invalid): it ends before it begins.
    """
    require(actor, "calendar.write", Thing("rota", rota_code))
    rota_id = tx.execute(select(rotas.c.id).where(rotas.c.code == rota_code)).scalar()
    if rota_id is None:
        raise AppError(NOT_FOUND, what="值班表", name=rota_code)
    _check_span(from_us, to_us)
    _check_person(tx, person_id)
    row = {"rota_id": rota_id, "person_id": person_id, "from_us": from_us, "to_us": to_us}
    new = insert_row(tx, rota_shifts, row)
    record(tx, actor, "calendar.write", f"rota:{rota_code}", after={"shift": row})
    return new


def add_leave(
    tx: Tx,
    actor: Actor,
    person_id: int,
    *,
    from_us: Instant,
    to_us: Instant,
    substitute_id: int | None = None,
) -> int:
    """A person is away from `from_us` until before `to_us`; the substitute gets his cards.

    Raises:
        AppError(not_found): no such person. AppError(invalid): it ends before it begins, or the
        substitute is the person himself.
    """
    require(actor, "calendar.write", Thing("person", str(person_id)))
    _check_span(from_us, to_us)
    _check_person(tx, person_id)
    if substitute_id is not None:
        _check_person(tx, substitute_id)
        if substitute_id == person_id:
            raise AppError(INVALID, field="代理人", why="不能是本人")
    row = {
        "person_id": person_id,
        "from_us": from_us,
        "to_us": to_us,
        "substitute_id": substitute_id,
    }
    new = insert_row(tx, leaves, row)
    record(tx, actor, "calendar.write", f"person:{person_id}", after={"leave": row})
    return new


def end_leave(tx: Tx, actor: Actor, leave_id: int) -> None:
    """Back early, or never gone: the leave ends now. Ended leave stays as it is.

    Raises:
        AppError(not_found): no such leave.
    """
    row = tx.execute(select(leaves).where(leaves.c.id == leave_id)).first()
    if row is None:
        raise AppError(NOT_FOUND, what="请假", name=leave_id)
    require(actor, "calendar.write", Thing("person", str(row.person_id)))
    ends = min(row.to_us, max(row.from_us, tx.now))
    tx.execute(leaves.update().where(leaves.c.id == leave_id), {"to_us": ends})
    before, after = {"leave_until": row.to_us}, {"leave_until": ends}
    record(tx, actor, "calendar.write", f"person:{row.person_id}", before=before, after=after)


def end_shift(tx: Tx, actor: Actor, shift_id: int) -> None:
    """The shift ends now; one that has not begun never takes place.

    Raises:
        AppError(not_found): no such shift.
    """
    require(actor, "calendar.write")
    row = tx.execute(select(rota_shifts).where(rota_shifts.c.id == shift_id)).first()
    if row is None:
        raise AppError(NOT_FOUND, what="班次", name=shift_id)
    ends = min(row.to_us, max(row.from_us, tx.now))
    tx.execute(rota_shifts.update().where(rota_shifts.c.id == shift_id), {"to_us": ends})
    before, after = {"shift_until": row.to_us}, {"shift_until": ends}
    record(tx, actor, "calendar.write", f"rota_shift:{shift_id}", before=before, after=after)


def _check_span(from_us: Instant, to_us: Instant) -> None:
    if to_us <= from_us:
        raise AppError(INVALID, field="时间", why="结束要晚于开始")


def _check_person(tx: Tx, person_id: int) -> None:
    if not tx.execute(_ACTIVE, {"person_": person_id}).scalar():
        raise AppError(NOT_FOUND, what="在职人员", name=person_id)
