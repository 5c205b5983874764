"""Persons, their secrets, sessions, scanners and chat accounts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import Connection, select

from core import audit, events
from core.catalog import NewPartner, add_partner
from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.db import Database, Tx
from core.errors import AppError
from core.people import (
    Actor,
    NewPerson,
    actor_of,
    add_person,
    add_team,
    all_devices,
    bind_chat,
    chats_of,
    check_secret,
    close_session,
    close_sessions_of,
    deactivate,
    device_by_token,
    device_seen,
    enrol_device,
    hash_secret,
    make_enrol_code,
    manager_of,
    mark_chat_dead,
    members_of,
    open_session,
    people,
    person,
    person_by_badge,
    person_by_chat,
    person_by_login,
    persons_of_partner,
    persons_with_role,
    reactivate,
    revoke_device,
    session_actor,
    sessions_of,
    touch_session,
    unbind_chat,
    update_person,
)
from core.people.tables import devices, enrol_codes, sessions

ADMIN = Actor(1, "管理员", frozenset({"admin"}), "desk")


def hire(db: Database, login: str, *roles: str, **more: object) -> int:
    new = NewPerson(login, login.title(), roles or ("warehouse",), **more)  # type: ignore[arg-type]
    return db.write_now(lambda tx: add_person(tx, ADMIN, new))


def refused(db: Database, command: object, code: str) -> None:
    with pytest.raises(AppError) as refusal:
        db.write_now(command)  # type: ignore[arg-type]
    assert refusal.value.code == code


def test_a_person_is_found_by_login_badge_and_role(db: Database) -> None:
    zhang = hire(db, "zhang", "warehouse", "supervisor", badge="B-1")
    li = hire(db, "li", "buyer")
    assert db.read_now(lambda c: person(c, zhang)).roles == ("supervisor", "warehouse")
    found = db.read_now(lambda c: person_by_login(c, "zhang"))
    assert found is not None
    assert found.id == zhang
    by_badge = db.read_now(lambda c: person_by_badge(c, "B-1"))
    assert by_badge is not None
    assert by_badge.id == zhang
    assert db.read_now(lambda c: person_by_login(c, "nobody")) is None
    assert db.read_now(lambda c: person_by_badge(c, "B-2")) is None
    assert list(db.read_now(lambda c: persons_with_role(c, "buyer"))) == [li]
    assert list(db.read_now(lambda c: persons_with_role(c, "supervisor"))) == [zhang]
    assert [each.id for each in db.read_now(people)] == [zhang, li]
    db.write_now(lambda tx: deactivate(tx, ADMIN, li, "离职"))
    assert list(db.read_now(lambda c: persons_with_role(c, "buyer"))) == []
    db.write_now(lambda tx: reactivate(tx, ADMIN, li))
    assert list(db.read_now(lambda c: persons_with_role(c, "buyer"))) == [li]


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (NewPerson("zhang", "又一个", ("buyer",)), "login_taken"),
        (NewPerson("li", "工牌撞了", ("buyer",), badge="B-1"), "login_taken"),
        (NewPerson("有 空格", "x", ("buyer",)), "invalid"),
        (NewPerson("li", "  ", ("buyer",)), "invalid"),
        (NewPerson("li", "x", ("boss",)), "invalid"),
        (NewPerson("li", "长" * 65, ("buyer",)), "invalid"),
        (NewPerson("li", "x", ("buyer",), language="fr"), "invalid"),
        (NewPerson("li", "x", ()), "invalid"),
        (NewPerson("li", "x", ("supplier",)), "invalid"),
        (NewPerson("li", "x", ("buyer",), quiet_from=1440), "invalid"),
        (NewPerson("li", "x", ("buyer",), manager_id=999), "not_found"),
    ],
)
def test_a_person_that_makes_no_sense_is_refused(db: Database, new: NewPerson, code: str) -> None:
    hire(db, "zhang", "buyer", badge="B-1")
    refused(db, lambda tx: add_person(tx, ADMIN, new), code)


def test_only_administrators_hire(db: Database) -> None:
    boss = Actor(1, "主管", frozenset({"supervisor"}))
    refused(db, lambda tx: add_person(tx, boss, NewPerson("x", "x", ("admin",))), "forbidden")


def test_changes_are_audited_without_secrets(db: Database) -> None:
    zhang = hire(db, "zhang")
    pin = hash_secret("2468")
    changed = db.write_now(
        lambda tx: update_person(tx, ADMIN, zhang, {"name": "张三", "pin_hash": pin})
    )
    assert changed.pin_hash == pin
    line = db.read_now(audit.search)[0]
    assert line.before == {"name": "Zhang", "pin_hash": None}
    assert line.after == {"name": "张三", "pin_hash": "***"}
    db.write_now(lambda tx: update_person(tx, ADMIN, zhang, {"name": "张三"}))
    assert db.read_now(audit.search)[0].id == line.id, "no change, no line"
    with pytest.raises(AssertionError, match="plain secret"):
        db.write_now(lambda tx: update_person(tx, ADMIN, zhang, {"pin_hash": "2468"}))


def test_managers_are_found_upwards_and_circles_end(db: Database) -> None:
    top = hire(db, "top", "director")
    middle = hire(db, "middle", "supervisor", manager_id=top)
    low = hire(db, "low", manager_id=middle)
    assert db.read_now(lambda c: manager_of(c, low)) == middle
    db.write_now(lambda tx: deactivate(tx, ADMIN, middle))
    assert db.read_now(lambda c: manager_of(c, low)) == top
    assert db.read_now(lambda c: manager_of(c, top)) is None
    db.write_now(lambda tx: update_person(tx, ADMIN, top, {"manager_id": middle}))
    assert db.read_now(lambda c: manager_of(c, top)) is None


def test_teams_and_the_people_of_a_supplier(db: Database) -> None:
    zhang, li = hire(db, "zhang"), hire(db, "li")
    acme = db.write_now(lambda tx: add_partner(tx, ADMIN, NewPartner("V1", "供应商甲")))
    rep = hire(db, "rep", "supplier", partner_id=acme)

    def team(tx: Tx) -> int:
        return add_team(tx, ADMIN, "QC", "质检组", lead_id=li, members=(li, zhang, li))

    db.write_now(team)
    assert list(db.read_now(lambda c: members_of(c, "QC"))) == [zhang, li]
    assert list(db.read_now(lambda c: members_of(c, "??"))) == []
    refused(db, team, "login_taken")
    assert db.read_now(lambda c: persons_of_partner(c, acme)) == [rep]
    actor = db.read_now(lambda c: actor_of(c, rep, "portal"))
    assert actor.partner_id == acme
    db.write_now(lambda tx: deactivate(tx, ADMIN, rep))
    with pytest.raises(AppError, match="signed_out"):
        db.read_now(lambda c: actor_of(c, rep, "portal"))


def test_secrets_are_checked_and_never_hashed_in_the_writer(db: Database) -> None:
    stored = hash_secret("2468")
    assert stored.startswith("$argon2id$")
    assert check_secret(stored, "2468")
    assert not check_secret(stored, "2469")
    assert not check_secret(None, "nobody"), "no such person is a wrong secret, not a right one"
    assert not check_secret("not a hash", "2468")
    with pytest.raises(AssertionError, match="before the command"):
        db.write_now(lambda _: hash_secret("2468"))


def test_many_sign_ins_at_once_all_get_their_answer() -> None:
    stored = hash_secret("2468")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: check_secret(stored, text), ["2468", "1"] * 8))
    assert answers == [True, False] * 8


def test_a_desk_session_lasts_twelve_hours(db: Database, clock: ManualClock) -> None:
    zhang = hire(db, "zhang")
    token = db.write_now(lambda tx: open_session(tx, zhang, "desk"))

    def who(kind: str = "desk") -> Actor:
        return db.read_now(lambda c: session_actor(c, token, kind, clock.now(), "desk"))

    assert who().person_id == zhang
    assert who().face == "desk"
    with pytest.raises(AppError, match="signed_out"):
        who("api")
    stored = db.read_now(lambda c: c.execute(select(sessions.c.token_hash)).scalar())
    assert stored is not None
    assert token not in stored
    clock.advance(12 * HOUR - 1)
    who()
    assert len(db.read_now(lambda c: sessions_of(c, zhang, clock.now()))) == 1
    clock.advance(1)
    with pytest.raises(AppError, match="signed_out"):
        who()


def test_rights_count_as_they_are_now(db: Database, clock: ManualClock) -> None:
    zhang = hire(db, "zhang", "buyer")
    token = db.write_now(lambda tx: open_session(tx, zhang, "api", minutes=60, name="ERP"))
    db.write_now(lambda tx: update_person(tx, ADMIN, zhang, {"roles": ("viewer",)}))
    actor = db.read_now(lambda c: session_actor(c, token, "api", clock.now(), "api"))
    assert actor.roles == {"viewer"}
    db.write_now(lambda tx: deactivate(tx, ADMIN, zhang))
    with pytest.raises(AppError, match="signed_out"):
        db.read_now(lambda c: session_actor(c, token, "api", clock.now(), "api"))
    with pytest.raises(AppError, match="signed_out"):
        db.write_now(lambda tx: open_session(tx, zhang, "desk"))


def session_of(token: str, now: int, conn: Connection) -> Actor:
    return session_actor(conn, token, "desk", now, "desk")


def test_signing_out_here_and_everywhere(db: Database, clock: ManualClock) -> None:
    zhang = hire(db, "zhang")
    one, two, three = (db.write_now(lambda tx: open_session(tx, zhang, "desk")) for _ in range(3))
    db.write_now(lambda tx: close_session(tx, one))
    db.write_now(lambda tx: close_session(tx, "unknown"))
    assert db.write_now(lambda tx: close_sessions_of(tx, zhang)) == 2
    for token in (one, two, three):
        with pytest.raises(AppError, match="signed_out"):
            db.read_now(partial(session_of, token, clock.now()))


def enrol(db: Database, name: str = "张江 3 号枪") -> tuple[int, str]:
    code = db.write_now(lambda tx: make_enrol_code(tx, ADMIN, name))
    made = db.write_now(lambda tx: enrol_device(tx, code))
    return made.device_id, made.token


def test_a_scanner_session_idles_out_after_ten_minutes(db: Database, clock: ManualClock) -> None:
    zhang = hire(db, "zhang")
    device_id, _ = enrol(db)
    token = db.write_now(lambda tx: open_session(tx, zhang, "pda", device_id))

    def who() -> Actor:
        return db.read_now(lambda c: session_actor(c, token, "pda", clock.now(), "pda"))

    for _ in range(71):  # works all day without a pause: 11 h 50 min
        clock.advance(10 * MINUTE - 1)
        assert who().device_id == device_id
        db.write_now(lambda tx: touch_session(tx, token))
    clock.advance(10 * MINUTE)
    with pytest.raises(AppError, match="signed_out"):
        who()
    db.write_now(lambda tx: touch_session(tx, token))
    with pytest.raises(AppError, match="signed_out"):
        who()


def test_a_scanner_session_ends_after_twelve_hours_however_busy(
    db: Database, clock: ManualClock
) -> None:
    zhang = hire(db, "zhang")
    device_id, _ = enrol(db)
    token = db.write_now(lambda tx: open_session(tx, zhang, "pda", device_id, minutes=10_000))
    for _ in range(80):
        clock.advance(9 * MINUTE)
        db.write_now(lambda tx: touch_session(tx, token))
    with pytest.raises(AppError, match="signed_out"):
        db.read_now(lambda c: session_actor(c, token, "pda", clock.now(), "pda"))


def test_an_enrol_code_works_once_and_for_ten_minutes(db: Database, clock: ManualClock) -> None:
    code = db.write_now(lambda tx: make_enrol_code(tx, ADMIN, "一号枪"))
    db.write_now(lambda tx: enrol_device(tx, code))
    refused(db, lambda tx: enrol_device(tx, code), "enrol_code_void")
    late = db.write_now(lambda tx: make_enrol_code(tx, ADMIN, "二号枪"))
    clock.advance(10 * MINUTE)
    refused(db, lambda tx: enrol_device(tx, late), "enrol_code_void")
    refused(db, lambda tx: enrol_device(tx, "guess"), "enrol_code_void")
    stored = db.read_now(lambda c: c.execute(select(enrol_codes.c.code_hash)).scalars().all())
    assert code not in stored
    worker = Actor(9, "仓库员", frozenset({"warehouse"}))
    refused(db, lambda tx: make_enrol_code(tx, worker, "三号枪"), "forbidden")
    refused(db, lambda tx: make_enrol_code(tx, ADMIN, " "), "invalid")


def test_a_revoked_scanner_is_out_at_once(db: Database, clock: ManualClock) -> None:
    zhang = hire(db, "zhang")
    device_id, secret = enrol(db)
    token = db.write_now(lambda tx: open_session(tx, zhang, "pda", device_id))
    assert db.read_now(lambda c: device_by_token(c, secret)).id == device_id
    db.write_now(lambda tx: revoke_device(tx, ADMIN, device_id, "丢了"))
    with pytest.raises(AppError, match="device_revoked"):
        db.read_now(lambda c: device_by_token(c, secret))
    with pytest.raises(AppError, match="signed_out"):
        db.read_now(lambda c: session_actor(c, token, "pda", clock.now(), "pda"))
    refused(db, lambda tx: open_session(tx, zhang, "pda", device_id), "signed_out")
    kinds = [e.kind for e in db.read_now(lambda c: events.of_subject(c, f"device:{device_id}"))]
    assert kinds == ["device.enrolled", "device.revoked"]
    assert [each.state for each in db.read_now(all_devices)] == ["revoked"]


def test_last_seen_is_written_at_most_once_a_minute(db: Database, clock: ManualClock) -> None:
    device_id, _ = enrol(db)

    def seen() -> int | None:
        db.write_now(lambda tx: device_seen(tx, device_id))
        return db.read_now(lambda c: c.execute(select(devices.c.last_seen_at)).scalar())

    first = seen()
    clock.advance(MINUTE)
    assert seen() == first
    clock.advance(1)
    assert seen() == clock.now()


def test_a_chat_account_belongs_to_one_person(db: Database) -> None:
    zhang, li = hire(db, "zhang"), hire(db, "li")
    db.write_now(lambda tx: bind_chat(tx, ADMIN, zhang, "wecom", "ZhangSan"))
    refused(db, lambda tx: bind_chat(tx, ADMIN, li, "wecom", "ZhangSan"), "login_taken")
    assert db.read_now(lambda c: person_by_chat(c, "wecom", "ZhangSan")) == zhang
    assert db.read_now(lambda c: person_by_chat(c, "dingtalk", "ZhangSan")) is None
    db.write_now(lambda tx: mark_chat_dead(tx, "wecom", "ZhangSan", "60111 user left"))
    db.write_now(lambda tx: mark_chat_dead(tx, "wecom", "ZhangSan", "again"))
    assert [each.state for each in db.read_now(lambda c: chats_of(c, zhang))] == ["dead"]
    dead = db.read_now(lambda c: events.of_subject(c, f"person:{zhang}"))
    assert [event.kind for event in dead] == ["chat.dead"]
    db.write_now(lambda tx: bind_chat(tx, ADMIN, zhang, "wecom", "ZhangSan"))
    assert [each.state for each in db.read_now(lambda c: chats_of(c, zhang))] == ["active"]
    db.write_now(lambda tx: deactivate(tx, ADMIN, zhang))
    assert db.read_now(lambda c: person_by_chat(c, "wecom", "ZhangSan")) is None
    db.write_now(lambda tx: unbind_chat(tx, ADMIN, "wecom", "ZhangSan"))
    assert db.read_now(lambda c: chats_of(c, zhang)) == []
    refused(db, lambda tx: bind_chat(tx, ADMIN, li, "wecom", ""), "invalid")


def test_an_api_token_lives_as_long_as_its_maker_said(db: Database, clock: ManualClock) -> None:
    zhang = hire(db, "zhang")
    token = db.write_now(lambda tx: open_session(tx, zhang, "api", minutes=30 * 24 * 60))
    clock.advance(30 * DAY - 1)
    db.read_now(lambda c: session_actor(c, token, "api", clock.now(), "api"))
    clock.advance(1)
    with pytest.raises(AppError, match="signed_out"):
        db.read_now(lambda c: session_actor(c, token, "api", clock.now(), "api"))
