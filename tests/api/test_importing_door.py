"""The import routes: a supervisor uploads a file over HTTP and reads what became of each row."""

from __future__ import annotations

import httpx

from tests.api.room import Room

GOOD = "货品编号,货品名称\nX-1,甲\nX-2,乙\n".encode("gb18030")
BAD = "货品编号,货品名称\nX-1,甲\n,=HYPERLINK(1)\n".encode()


async def upload(
    room: Room, login: str, kind: str, content: bytes, name: str = "货品.csv", **query: object
) -> httpx.Response:
    return await room.http.post(
        f"/api/imports/{kind}",
        params={each: str(value).lower() for each, value in query.items()},
        files={"file": (name, content)},
        headers=room.auth(login) | {"Idempotency-Key": room.key()},
    )


async def test_a_file_is_tried_first_and_then_imported(room: Room) -> None:
    tried = await upload(room, "supervisor", "items", GOOD)
    assert tried.status_code == 200, tried.text
    assert (tried.json()["dry_run"], tried.json()["imported"]) == (True, 2)
    assert (await room.ask("viewer", "/api/items", q="X-"))["items"] == []
    done = await upload(room, "supervisor", "items", GOOD, dry_run=False)
    assert (done.json()["imported"], done.json()["failed"]) == (2, 0)
    again = await upload(room, "supervisor", "items", GOOD, dry_run=False)
    assert (again.json()["imported"], again.json()["known"]) == (0, 2)


async def test_errors_come_as_json_or_as_a_file_for_excel(room: Room) -> None:
    answer = await upload(room, "supervisor", "items", BAD, dry_run=False)
    body = answer.json()
    assert (body["imported"], body["failed"]) == (0, 1)
    assert body["errors"][0]["row"] == 3
    assert body["errors"][0]["column"] == "货品编号"
    csv = await upload(room, "supervisor", "items", BAD, answer="csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert "attachment" in csv.headers["content-disposition"]
    assert csv.content.decode("utf-8-sig").splitlines()[1].startswith("3,货品编号,")


async def test_who_may_not_import_and_what_is_no_import_is_refused(room: Room) -> None:
    for login in ("buyer", "warehouse", "viewer", "supplier"):
        assert (await upload(room, login, "items", GOOD)).status_code == 403
    assert (await upload(room, "admin", "secrets", GOOD)).status_code == 404
    assert (await upload(room, "admin", "items", b"\x00\x01\x02,\x00")).status_code == 422
    headless = await upload(room, "admin", "items", b"a,b\n1,2\n")
    assert headless.json()["code"] == "import_no_header"


async def test_kinds_and_templates(room: Room) -> None:
    kinds = await room.ask("supervisor", "/api/imports")
    codes = [each["kind"] for each in kinds]
    assert codes == ["items", "partners", "locations", "opening", "orders"]
    for code in codes:
        answer = await room.get("supervisor", f"/api/imports/{code}/template")
        assert answer.status_code == 200
        tried = await upload(room, "supervisor", code, answer.content, name=f"{code}.csv")
        assert tried.status_code == 200, tried.text
    assert (await room.get("supervisor", "/api/imports/x/template")).status_code == 404
