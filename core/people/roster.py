"""The roster: persons, their roles, managers and teams. Not for signing in: see sessions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Row, String, bindparam, cast, select

from core.db import Tx
from core.errors import INVALID, NOT_FOUND, AppError, define
from core.people.changes import insert_row, record
from core.people.permissions import ROLES, Actor, Thing, require
from core.people.tables import persons, sessions, team_members, teams

LOGIN_TAKEN = define(
    "login_taken",
    409,
    "没保存：{field}「{value}」已经有人在用。换一个，或先停用原来的人。",
    "Not saved: {field} “{value}” is already in use. Choose another or deactivate its owner first.",
)

MOST_PERSONS = 1000
CHANNELS = {"wecom": "企业微信", "dingtalk": "钉钉", "telegram": "Telegram"}
LANGUAGES = frozenset({"zh", "en"})
_SECRETS = frozenset({"password_hash", "pin_hash"})
_LOGIN = re.compile(r"[\w.@+-]{1,64}")


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What a person begins with. Hashes come from `hash_secret`, made before the command."""

    login: str
    name: str
    roles: tuple[str, ...]
    name_en: str = ""
    manager_id: int | None = None
    partner_id: int | None = None
    warehouse_ids: tuple[int, ...] = ()
    password_hash: str | None = None
    pin_hash: str | None = None
    badge: str | None = None
    quiet_from: int | None = None  # minutes after local midnight
    quiet_to: int | None = None
    language: str = "zh"
    channels: tuple[str, ...] = ()  # the first one first; what is not named comes after them
    everywhere: bool = False  # cards go to all accounts, not to the first that can be reached
    urgent_wakes: bool = True  # urgent cards come in quiet hours too
    digest_at: int | None = None  # minutes after local midnight: what can wait comes then, in one


@dataclass(frozen=True, slots=True)
class Person:
    """A person as stored. Hashes stay inside the server; `to_wire` shapes must leave them out."""

    id: int
    login: str
    name: str
    name_en: str
    roles: tuple[str, ...]
    manager_id: int | None
    partner_id: int | None
    warehouse_ids: tuple[int, ...]
    password_hash: str | None
    pin_hash: str | None
    badge: str | None
    quiet_from: int | None
    quiet_to: int | None
    language: str
    channels: tuple[str, ...]
    everywhere: bool
    urgent_wakes: bool
    digest_at: int | None
    active: bool


class Standing(NamedTuple):
    """As much of a person as decides whether a task reaches him: that is asked for whole roles."""

    id: int
    active: bool
    partner_id: int | None
    warehouse_ids: list[int]
    roles: list[str]


_BY_ID = select(persons).where(persons.c.id == bindparam("id_"))
_BY_IDS = select(persons).where(persons.c.id.in_(bindparam("ids_", expanding=True)))
_STANDINGS = select(
    persons.c.id,
    persons.c.active,
    persons.c.partner_id,
    persons.c.warehouse_ids,
    persons.c.roles,
)
_STANDING = _STANDINGS.where(persons.c.id.in_(bindparam("ids_", expanding=True)))
_BY_LOGIN = select(persons).where(persons.c.login == bindparam("login_"))
_BY_BADGE = select(persons).where(persons.c.badge == bindparam("badge_"))
_WITH_ROLE = (
    _STANDINGS.where(persons.c.active.is_(True))
    .where(cast(persons.c.roles, String).like(bindparam("pattern_")))
    .order_by(persons.c.id)
    .limit(MOST_PERSONS)
)
_OF_PARTNER = (
    select(persons.c.id)
    .where(persons.c.partner_id == bindparam("partner_"), persons.c.active.is_(True))
    .order_by(persons.c.id)
    .limit(MOST_PERSONS)
)
_MEMBERS = (
    _STANDINGS.join(team_members, team_members.c.person_id == persons.c.id)
    .join(teams, teams.c.id == team_members.c.team_id)
    .where(teams.c.code == bindparam("code_"), persons.c.active.is_(True))
    .order_by(persons.c.id)
    .limit(MOST_PERSONS)
)


def add_person(tx: Tx, actor: Actor, new: NewPerson) -> int:
    """A new active person; answers the id.

    Raises:
        AppError(forbidden, invalid, login_taken).
    """
    require(actor, "person.write", Thing("person", new.login))
    _check(tx, new, except_id=0)
    values = _columns(new)
    person_id = insert_row(tx, persons, values | {"active": True})
    record(tx, actor, "person.write", f"person:{person_id}", after=_without_secrets(values))
    return person_id


def update_person(tx: Tx, actor: Actor, person_id: int, changes: Mapping[str, Any]) -> Person:
    """Change some fields of `NewPerson` by name; a new role or warehouse counts at once.

    Raises:
        AppError(forbidden, not_found, invalid, login_taken).
    """
    require(actor, "person.write", Thing("person", str(person_id)))
    before = person(tx.conn, person_id)
    unknown = set(changes) - {each.name for each in fields(NewPerson)}
    assert not unknown, f"a person has no {unknown}"
    current = NewPerson(**{each.name: getattr(before, each.name) for each in fields(NewPerson)})
    wanted = replace(current, **changes)
    _check(tx, wanted, except_id=person_id)
    old, new = _columns(current), _columns(wanted)
    changed = [name for name in new if new[name] != old[name]]
    if changed:
        values = {name: new[name] for name in changed}
        tx.execute(persons.update().where(persons.c.id == person_id), values)
        record(
            tx,
            actor,
            "person.write",
            f"person:{person_id}",
            before=_without_secrets({name: old[name] for name in changed}),
            after=_without_secrets(values),
        )
    return person(tx.conn, person_id)


def deactivate(tx: Tx, actor: Actor, person_id: int, why: str = "") -> None:
    """The person leaves: signed out everywhere at once, no card goes to him. Nothing is deleted.

    What becomes of his tasks and of the cards on his phone is core/tasks/leaving.py.
    """
    require(actor, "person.write", Thing("person", str(person_id)))
    before = person(tx.conn, person_id)
    tx.execute(persons.update().where(persons.c.id == person_id), {"active": False})
    open_ones = (sessions.c.person_id == person_id) & sessions.c.closed_at.is_(None)
    tx.execute(sessions.update().where(open_ones), {"closed_at": tx.now})
    record(
        tx,
        actor,
        "person.write",
        f"person:{person_id}",
        before={"active": before.active},
        after={"active": False},
        why=why,
    )


def reactivate(tx: Tx, actor: Actor, person_id: int) -> None:
    """The person is back; he signs in anew."""
    require(actor, "person.write", Thing("person", str(person_id)))
    before = person(tx.conn, person_id)
    tx.execute(persons.update().where(persons.c.id == person_id), {"active": True})
    was, now = {"active": before.active}, {"active": True}
    record(tx, actor, "person.write", f"person:{person_id}", before=was, after=now)


def add_team(
    tx: Tx, actor: Actor, code: str, name: str, *, lead_id: int | None, members: tuple[int, ...]
) -> int:
    """A new team of existing persons; answers its id.

    Raises:
        AppError(login_taken): the code is in use. AppError(not_found): no such person.
    """
    require(actor, "person.write", Thing("team", code))
    if not code.strip() or len(code) > 32 or len(name) > 64:
        raise AppError(INVALID, field="班组", why="编号 1 到 32 个字，名称不超过 64 个字")
    if tx.execute(select(teams.c.id).where(teams.c.code == code)).first() is not None:
        raise AppError(LOGIN_TAKEN, field="班组编号", value=code)
    for person_id in {*members, *([lead_id] if lead_id is not None else [])}:
        person(tx.conn, person_id)
    row = {"code": code, "name": name, "lead_id": lead_id}
    team_id = insert_row(tx, teams, row)
    rows = [{"team_id": team_id, "person_id": each} for each in dict.fromkeys(members)]
    if rows:
        tx.add(team_members, rows)
    record(tx, actor, "person.write", f"team:{code}", after=row | {"members": list(members)})
    return team_id


def ask_for(conn: Connection, person_id: int) -> CursorResult[Any]:
    """The row of a person, which need not have arrived yet."""
    return conn.execute(_BY_ID, {"id_": person_id})


def person(conn: Connection, person_id: int) -> Person:
    """The person, active or not.

    Raises:
        AppError(not_found).
    """
    row = ask_for(conn, person_id).first()
    if row is None:
        raise AppError(NOT_FOUND, what="人员", name=person_id)
    return _person(row)


def persons_by_id(conn: Connection, ids: Iterable[int]) -> dict[int, Person]:
    """Many persons in one question; unknown ids are missing in the answer."""
    rows = conn.execute(_BY_IDS, {"ids_": sorted(set(ids))})
    return {row.id: _person(row) for row in rows}


def standing_of(conn: Connection, ids: Iterable[int]) -> dict[int, Standing]:
    """`persons_by_id` of what decides whom a task reaches."""
    return _standings(conn.execute(_STANDING, {"ids_": sorted(set(ids))}))


def person_by_login(conn: Connection, login: str) -> Person | None:
    """None rather than a refusal: a door must not tell which logins exist."""
    row = conn.execute(_BY_LOGIN, {"login_": login}).first()
    return None if row is None else _person(row)


def person_by_badge(conn: Connection, badge: str) -> Person | None:
    """Who wears the badge; a badge names somebody, the PIN proves it."""
    row = conn.execute(_BY_BADGE, {"badge_": badge}).first()
    return None if row is None else _person(row)


def people(conn: Connection, *, after_id: int = 0, limit: int = 200) -> list[Person]:
    """The roster by id, page by page."""
    query = select(persons).where(persons.c.id > after_id).order_by(persons.c.id)
    return [_person(row) for row in conn.execute(query.limit(min(limit, MOST_PERSONS)))]


def persons_with_role(conn: Connection, role: str) -> dict[int, Standing]:
    """Active persons with the role, by id."""
    assert role in ROLES, f"there is no role {role}"
    return _standings(conn.execute(_WITH_ROLE, {"pattern_": f'%"{role}"%'}))


def persons_of_partner(conn: Connection, partner_id: int) -> list[int]:
    """Active persons of one supplier or customer, by id."""
    return list(conn.execute(_OF_PARTNER, {"partner_": partner_id}).scalars())


def members_of(conn: Connection, team_code: str) -> dict[int, Standing]:
    """Active members of a team, by id; empty when there is no such team."""
    return _standings(conn.execute(_MEMBERS, {"code_": team_code}))


def manager_of(conn: Connection, person_id: int) -> int | None:
    """The first active manager up the line; None at the top. Safe against a circle."""
    seen = {person_id}
    current = person(conn, person_id).manager_id
    while current is not None and current not in seen:
        seen.add(current)
        boss = person(conn, current)
        if boss.active:
            return current
        current = boss.manager_id
    return None


def _standings(rows: Iterable[Row[Any]]) -> dict[int, Standing]:
    return {row[0]: Standing._make(row) for row in rows}


def _person(row: Row[Any]) -> Person:
    values = dict(row._mapping)
    values["roles"] = tuple(values["roles"])
    values["warehouse_ids"] = tuple(values["warehouse_ids"])
    values["channels"] = tuple(values["channels"])
    return Person(**values)


def _columns(new: NewPerson) -> dict[str, Any]:
    values: dict[str, Any] = {each.name: getattr(new, each.name) for each in fields(new)}
    values["roles"] = sorted(set(new.roles))
    values["warehouse_ids"] = sorted(set(new.warehouse_ids))
    values["badge"] = new.badge or None
    values["channels"] = list(dict.fromkeys(new.channels))
    return values


def _without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    return {name: "***" if name in _SECRETS and each else each for name, each in values.items()}


def _check(tx: Tx, new: NewPerson, except_id: int) -> None:
    """Refuse what cannot be a person; `except_id` is the one being changed, 0 for a new one."""
    _check_words(new)
    if new.manager_id is not None:
        person(tx.conn, new.manager_id)
    for field, value, query in (
        ("登录名", new.login, persons.c.login == new.login),
        ("工牌", new.badge, persons.c.badge == new.badge),
    ):
        if value:
            owner = tx.execute(select(persons.c.id).where(query)).scalar()
            if owner is not None and owner != except_id:
                raise AppError(LOGIN_TAKEN, field=field, value=value)


def _check_words(new: NewPerson) -> None:
    if not _LOGIN.fullmatch(new.login):
        raise AppError(INVALID, field="登录名", why="用 1 到 64 位的字母、数字或 . _ @ + -")
    texts = (("姓名", new.name, 64), ("英文名", new.name_en, 64), ("工牌", new.badge or "", 64))
    for field, text, longest in texts:
        if len(text) > longest or not (text.strip() or field != "姓名"):
            raise AppError(INVALID, field=field, why=f"应有 1 到 {longest} 个字")
    if new.language not in LANGUAGES:
        raise AppError(INVALID, field="语言", why="只能是 zh 或 en")
    _check_roles(new)
    _check_delivery(new)
    for secret in (new.password_hash, new.pin_hash):
        assert secret is None or secret.startswith("$argon2"), "a plain secret came this far"


def _check_delivery(new: NewPerson) -> None:
    for field, minutes in (
        ("免打扰时段", new.quiet_from),
        ("免打扰时段", new.quiet_to),
        ("汇总时间", new.digest_at),
    ):
        if minutes is not None and not 0 <= minutes < 24 * 60:
            raise AppError(INVALID, field=field, why="应在 00:00 到 23:59 之间")
    if unknown := set(new.channels) - set(CHANNELS):
        known = "、".join(CHANNELS.values())
        raise AppError(INVALID, field="渠道", why=f"没有「{'、'.join(unknown)[:40]}」，只有{known}")


def _check_roles(new: NewPerson) -> None:
    unknown = set(new.roles) - set(ROLES)
    if unknown or not new.roles:
        raise AppError(INVALID, field="角色", why=f"没有角色 {'、'.join(unknown) or '（空）'}")
    if ("supplier" in new.roles) != (new.partner_id is not None):
        raise AppError(INVALID, field="往来单位", why="供应商角色必须且只能绑定一个往来单位")
    if "supplier" in new.roles and len(set(new.roles)) > 1:
        raise AppError(INVALID, field="角色", why="供应商不能兼任内部角色")
