"""Signing in, staying in, being thrown out; and writes that another site starts."""

from __future__ import annotations

import pytest

from core import people
from core.clock import HOUR, SECOND
from tests.api.room import HOST, PASSWORD, Room

GOOD = {"login": "admin", "password": PASSWORD}
OWN = {"Origin": HOST}


async def test_the_right_password_gives_a_session_cookie(room: Room) -> None:
    answer = await room.http.post("/api/session", json=GOOD, headers=OWN)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("jieli=")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    me = await room.http.get("/api/session")
    assert me.json()["person"]["name"] == "admin 某"
    assert me.json()["face"] == "desk"


@pytest.mark.parametrize(
    "credentials",
    [
        {"login": "admin", "password": "wrong"},
        {"login": "nobody", "password": PASSWORD},
        {"login": " ", "password": PASSWORD},
    ],
)
async def test_a_wrong_login_and_a_wrong_password_sound_the_same(
    room: Room, credentials: dict[str, str]
) -> None:
    answer = await room.http.post("/api/session", json=credentials, headers=OWN)
    assert answer.status_code == 401
    assert answer.json()["code"] == "wrong_password"


@pytest.mark.usefixtures("standing_minute")
async def test_guessing_is_slowed_down_per_login(room: Room) -> None:
    wrong = {"login": "admin", "password": "guess"}
    codes = [
        (await room.http.post("/api/session", json=wrong, headers=OWN)).status_code
        for _ in range(6)
    ]
    assert codes == [401] * 5 + [429]
    refused = await room.http.post("/api/session", json=GOOD, headers=OWN)
    assert refused.status_code == 429, "the right password is not tried either"
    assert int(refused.headers["retry-after"]) > 0
    other = {"login": "buyer", "password": PASSWORD}
    assert (await room.http.post("/api/session", json=other, headers=OWN)).status_code == 200


async def test_signing_out_ends_the_session_everywhere(room: Room) -> None:
    await room.http.post("/api/session", json=GOOD, headers=OWN)
    token = room.http.cookies["jieli"]
    assert (await room.http.delete("/api/session", headers=OWN)).status_code == 200
    stale = {"Cookie": f"jieli={token}"}
    assert (await room.http.get("/api/session", headers=stale)).status_code == 401


async def test_a_session_ends_after_twelve_hours(room: Room) -> None:
    await room.http.post("/api/session", json=GOOD, headers=OWN)
    room.clock.advance(12 * HOUR - SECOND)
    assert (await room.http.get("/api/session")).status_code == 200
    room.clock.advance(6 * SECOND)
    assert (await room.http.get("/api/session")).status_code == 401


async def test_a_supplier_has_no_desk(room: Room) -> None:
    who = {"login": "supplier", "password": PASSWORD}
    answer = await room.http.post("/api/session", json=who, headers=OWN)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


SITES: list[tuple[dict[str, str], int]] = [
    ({"Origin": HOST}, 201),
    ({"Sec-Fetch-Site": "same-origin"}, 201),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://jieli.test.evil.example"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://other.jieli.test"}, 403),
    ({}, 403),
]


@pytest.mark.parametrize(("headers", "status"), SITES)
async def test_a_cookie_write_must_come_from_our_own_page(
    room: Room, headers: dict[str, str], status: int
) -> None:
    await room.http.post("/api/session", json=GOOD, headers=OWN)
    body = {"code": "NUT", "name": "螺母"}
    sent = headers | {"Idempotency-Key": room.key()}
    answer = await room.http.post("/api/items", json=body, headers=sent)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "cross_site"


async def test_signing_in_from_another_site_is_refused(room: Room) -> None:
    evil = {"Origin": "http://evil.example"}
    answer = await room.http.post("/api/session", json=GOOD, headers=evil)
    assert answer.json()["code"] == "cross_site"


async def test_a_bearer_write_needs_no_origin(room: Room) -> None:
    body = {"code": "NUT", "name": "螺母"}
    assert (await room.send("admin", "/api/items", body)).status_code == 201


async def test_a_token_of_the_admin_route_works_until_everybody_is_signed_out(room: Room) -> None:
    person = room.ids.people["buyer"]
    made = await room.do("admin", f"/api/people/{person}/tokens", {"name": "ERP", "days": 1})
    auth = {"Authorization": f"Bearer {made['token']}"}
    assert (await room.http.get("/api/session", headers=auth)).json()["face"] == "api"
    await room.do("admin", f"/api/people/{person}/sign-out")
    assert (await room.http.get("/api/session", headers=auth)).status_code == 401


async def test_a_person_who_leaves_is_out_at_once(room: Room) -> None:
    person = room.ids.people["buyer"]
    assert (await room.get("buyer", "/api/session")).status_code == 200
    change = {"active": False, "why": "离职"}
    left = await room.send("admin", f"/api/people/{person}", change, method="PATCH")
    assert left.status_code == 200, left.text
    assert (await room.get("buyer", "/api/session")).status_code == 401


async def test_a_changed_role_counts_at_once(room: Room) -> None:
    person = room.ids.people["viewer"]
    body = {"code": "NUT", "name": "螺母"}
    assert (await room.send("viewer", "/api/items", body)).status_code == 403
    change = {"roles": ["buyer"]}
    await room.send("admin", f"/api/people/{person}", change, method="PATCH")
    assert (await room.send("viewer", "/api/items", body)).status_code == 201


async def test_a_pda_session_may_upload_but_a_random_token_may_not(room: Room) -> None:
    def enrol(tx: object) -> str:
        code = people.make_enrol_code(tx, people.ENGINE, "枪 1")  # type: ignore[arg-type]
        device = people.enrol_device(tx, code)  # type: ignore[arg-type]
        who = room.ids.people["warehouse"]
        return people.open_session(tx, who, "pda", device.device_id)  # type: ignore[arg-type]

    token = room.jieli.db.write_now(enrol)
    me = await room.http.get("/api/session", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["face"] == "pda"
    bad = await room.http.get("/api/session", headers={"Authorization": "Bearer nonsense"})
    assert bad.status_code == 401
    assert bad.headers["www-authenticate"] == "Bearer"
