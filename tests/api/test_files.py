"""Files through the doors: what comes in is made safe, what goes out is never run."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from core.clock import MINUTE
from tests.api.room import Room

TRAIL = b"<script>alert(1)</script>"


def picture(kind: str = "JPEG", colour: str = "green") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, kind)
    return out.getvalue()


async def put(
    room: Room, name: str, content: bytes, *, login: str = "warehouse", key: str = ""
) -> httpx.Response:
    headers = room.auth(login) | {"Idempotency-Key": key or room.key()}
    return await room.http.post("/api/files", files={"file": (name, content)}, headers=headers)


async def test_a_photo_is_kept_as_clean_pixels_and_comes_back(room: Room) -> None:
    answer = await put(room, "现场.jpg", picture() + TRAIL)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["media_type"] == "image/jpeg"
    got = await room.get("viewer", f"/api/files/{made['id']}")
    assert got.status_code == 200
    assert TRAIL not in got.content
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-disposition"].startswith("inline")
    assert "sandbox" in got.headers["content-security-policy"]
    assert Image.open(io.BytesIO(got.content)).size == (64, 48)
    about = await room.ask("viewer", f"/api/files/{made['id']}/about")
    assert about["name"] == "现场.jpg"


async def test_the_same_upload_twice_is_one_file(room: Room) -> None:
    key = room.key()
    first = await put(room, "a.jpg", picture(), key=key)
    assert (await put(room, "a.jpg", picture(), key=key)).content == first.content
    other = await put(room, "a.jpg", picture(colour="blue"), key=key)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("page.html", b"<html><script>1</script></html>", 415),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        ("a.jpg", b"", 422),
        ("a.jpg", b"\xff\xd8\xff garbage", 422),
        ("a.pdf", b"<html>", 422),
        ("run.exe", b"MZ" + b"\0" * 200, 415),
    ],
)
async def test_what_is_no_picture_or_document_is_refused(
    room: Room, name: str, content: bytes, status: int
) -> None:
    answer = await put(room, name, content)
    assert answer.status_code in (status, 415, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_document_comes_down_as_an_attachment(room: Room) -> None:
    made = (await put(room, "报告.pdf", b"%PDF-1.7 <script>1</script>")).json()
    got = await room.get("buyer", f"/api/files/{made['id']}")
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["content-type"] == "application/pdf"


async def test_a_path_in_a_file_name_stays_a_name(room: Room) -> None:
    made = (await put(room, "../../etc/passwd.txt", b"root")).json()
    assert made["name"] == "passwd.txt"


async def test_a_supplier_may_bring_but_not_look(room: Room) -> None:
    made = await put(room, "a.jpg", picture(), login="supplier")
    assert made.status_code == 201
    assert (await room.get("supplier", f"/api/files/{made.json()['id']}")).status_code == 403


async def test_a_file_hangs_on_a_task(room: Room) -> None:
    task = await room.task_of("warehouse", "receive")
    made = (await put(room, "a.jpg", picture())).json()
    await room.do(
        "warehouse", f"/api/tasks/{task['id']}/attachments", {"file_id": made["id"], "note": "外箱"}
    )
    found = await room.ask("warehouse", f"/api/tasks/{task['id']}")
    assert [each["file_id"] for each in found["attachments"]] == [made["id"]]


# -- scanners ------------------------------------------------------------------------------------
async def test_a_scanner_is_enrolled_once_and_revoked_at_once(room: Room) -> None:
    made = await room.do("admin", "/api/devices/codes", {"name": "3 号枪"})
    assert made["qr"].startswith("data:image/png;base64,")
    enrolled = await room.http.post("/api/devices/enrol", json={"code": made["code"]})
    assert enrolled.status_code == 201
    again = await room.http.post("/api/devices/enrol", json={"code": made["code"]})
    assert again.json()["code"] == "enrol_code_void"
    listed = (await room.ask("admin", "/api/devices"))["items"]
    assert [(each["name"], each["state"]) for each in listed] == [("3 号枪", "active")]
    assert enrolled.json()["token"] not in str(listed)
    path = f"/api/devices/{enrolled.json()['device_id']}/revoke"
    assert (await room.do("admin", path, {"why": "丢失"}))["state"] == "revoked"


async def test_a_scanner_enrolled_anew_goes_on_as_what_it_was(room: Room) -> None:
    body: dict[str, str] = {}
    for _ in range(2):
        made = await room.do("admin", "/api/devices/codes", {"name": "3 号枪"})
        enrolled = await room.http.post("/api/devices/enrol", json=body | {"code": made["code"]})
        assert enrolled.status_code == 201, enrolled.text
        body = {"was": enrolled.json()["token"]}
    anew, first = (await room.ask("admin", "/api/devices"))["items"]
    assert (first["state"], anew["state"]) == ("revoked", "active")
    assert (first["first_id"], anew["first_id"]) == (None, first["id"])


async def test_a_code_ends_after_ten_minutes_and_guessing_is_slowed(room: Room) -> None:
    made = await room.do("admin", "/api/devices/codes", {"name": "4 号枪"})
    room.clock.advance(10 * MINUTE)
    late = await room.http.post("/api/devices/enrol", json={"code": made["code"]})
    assert late.json()["code"] == "enrol_code_void"
    guesses = [
        (await room.http.post("/api/devices/enrol", json={"code": f"guess-{n:06}"})).status_code
        for n in range(8)
    ]
    assert guesses[-1] == 429


async def test_a_code_can_be_printed(room: Room) -> None:
    made = await room.do("admin", "/api/devices/codes", {"name": "5 号枪"})
    headers = room.auth("admin")
    got = await room.http.post(
        "/api/devices/codes/qr", json={"code": made["code"]}, headers=headers
    )
    assert got.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(got.content)).format == "PNG"
