"""Every refusal has one shape and a sentence for a person, in Chinese and in English."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.db import Tx
from tests.api.room import Room

SHAPE = {"type", "title", "status", "code", "detail", "detail_en", "facts"}
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The body, after checking that it is a whole problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) == SHAPE
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:jieli:problem:{body['code']}"
    assert CHINESE.search(body["detail"])
    assert CHINESE.search(body["title"])
    assert re.search(r"[A-Za-z]{3}", body["detail_en"])
    return body


async def test_a_business_refusal_names_place_and_numbers(room: Room) -> None:
    body = {"kind": "transfer", "lines": [room.line("5000")]}
    told = problem(await room.send("warehouse", "/api/postings", body))
    assert told["code"] == "not_enough"
    assert "N-A1" in told["detail"]
    assert "1,000" in told["detail"]
    assert "N-A1" in told["detail_en"]
    assert told["facts"]["location"] == "N-A1"


async def test_a_field_that_is_wrong_is_named_and_never_echoed(room: Room) -> None:
    line = dict(room.line("1")) | {"quantity": 12.5}
    body = {"kind": "transfer", "lines": [line], "colour": "secret-value-77"}
    answer = await room.send("warehouse", "/api/postings", body)
    told = problem(answer)
    names = [each["field"] for each in told["facts"]["fields"]]
    assert sorted(names) == ["colour", "lines.0.quantity"]
    assert "secret-value-77" not in answer.text
    assert told["facts"]["why"] in told["detail"]
    assert not CHINESE.search(told["detail_en"]), "an English sentence gives an English reason"


@pytest.mark.parametrize("quantity", ["", "abc", "1.1234567", "1e3", "99999999999", "NaN", "-"])
async def test_a_quantity_that_is_none_is_refused(room: Room, quantity: str) -> None:
    body = {"kind": "transfer", "lines": [dict(room.line("1")) | {"quantity": quantity}]}
    answer = await room.send("warehouse", "/api/postings", body)
    assert problem(answer)["facts"]["field"] == "lines.0.quantity"


async def test_broken_json_is_a_problem_too(room: Room) -> None:
    headers = room.auth("admin") | {"Idempotency-Key": room.key()}
    headers["Content-Type"] = "application/json"
    for path in ("/api/postings", "/api/items"):
        answer = await room.http.post(path, content=b"{not json", headers=headers)
        assert answer.status_code == 422
        problem(answer)


async def test_an_unknown_address_and_a_wrong_method(room: Room) -> None:
    assert problem(await room.get("admin", "/api/nothing"))["code"] == "not_found"
    answer = await room.http.put("/api/orders", headers=room.auth("admin"))
    assert problem(answer)["code"] == "wrong_method"
    assert answer.headers["allow"] == "GET, POST"


async def test_a_body_over_the_limit_is_413(room: Room) -> None:
    headers = room.auth("admin") | {"Idempotency-Key": room.key()}
    most = room.jieli.settings.max_body_bytes
    json, form = "application/json", "multipart/form-data; boundary=x"
    for path, size, kind in (
        ("/api/items", 2_000_000, json),
        ("/api/postings", 2_000_000, json),
        ("/api/files", most, form),
    ):
        headers["Content-Type"] = kind
        for content in (HEAD + b"x" * size, in_pieces(size)):
            answer = await room.http.post(path, content=content, headers=headers)
            assert answer.status_code == 413, path
            assert problem(answer)["code"] == "too_large"
            assert answer.headers["x-content-type-options"] == "nosniff"


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    """A body without Content-Length."""
    yield HEAD
    for _ in range(0, size, 50_000):
        yield b"x" * 50_000


async def test_nobody_is_told_that_a_thing_exists_before_signing_in(room: Room) -> None:
    answer = await room.http.get(f"/api/orders/{room.ids.orders['N']}")
    assert problem(answer)["code"] == "signed_out"


async def test_a_bug_answers_500_with_a_number_and_no_inside(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    @room.app.get("/broken", include_in_schema=False)
    async def broken() -> None:
        raise RuntimeError("password is hunter2")

    answer = await room.http.get("/broken")
    told = problem(answer)
    assert told["code"] == "internal"
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert told["facts"]["request_id"] == answer.headers["x-request-id"]
    assert told["facts"]["request_id"] in told["detail"]
    assert any("hunter2" in str(record.exc_info) for record in caplog.records)


async def test_every_answer_carries_the_security_headers(room: Room) -> None:
    for path in ("/healthz", "/api/nothing", "/api/session"):
        headers = (await room.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


async def test_lists_come_in_pages_that_join_without_gap_or_repeat(room: Room) -> None:
    for number in range(7):
        await room.do("admin", "/api/items", {"code": f"P-{number}", "name": f"件 {number}"})
    whole = (await room.ask("admin", "/api/items", limit=200))["items"]
    seen: list[int] = []
    cursor = "0"
    while cursor is not None:
        page = await room.ask("admin", "/api/items", limit=2, cursor=cursor)
        assert len(page["items"]) <= 2
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
    assert seen == [each["id"] for each in whole]


async def test_events_and_audit_page_too(room: Room) -> None:
    count, cursor = 0, "0"
    while cursor is not None:
        page = await room.ask("admin", "/api/events", limit=3, cursor=cursor)
        count += len(page["items"])
        cursor = page["next"]
    from core.events import head

    assert count == room.jieli.db.read_now(head)
    first = await room.ask("admin", "/api/audit", limit=1)
    second = await room.ask("admin", "/api/audit", limit=1, cursor=first["next"])
    assert second["items"][0]["id"] == first["items"][0]["id"] - 1


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
async def test_a_page_has_a_size(room: Room, limit: str) -> None:
    assert (await room.get("admin", "/api/items", limit=limit)).status_code == 422


async def test_a_password_never_reaches_a_table_or_an_answer(room: Room) -> None:
    body = {"login": "fresh", "name": "新人", "roles": ["viewer"], "password": "canary-7731"}
    answer = await room.send("admin", "/api/people", body)
    assert answer.status_code == 201
    assert "canary-7731" not in answer.text
    assert "argon2" not in answer.text

    def everything(tx: Tx) -> str:
        rows = []
        for table in ("operation", "event", "audit", "person", "session"):
            rows += [str(row) for row in tx.conn.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608
        return "\n".join(rows)

    assert "canary-7731" not in room.jieli.db.write_now(everything)
