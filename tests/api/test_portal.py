"""The supplier's page: one link, one task, one person; and the page of a task for staff."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from api.logs import blot_text
from api.portal import portal_token
from core.clock import DAY
from core.config import Settings
from tests.api.room import HOST, PASSWORD, Room, Wire


async def linked(room: Room) -> tuple[Wire, str]:
    """The supplier's order confirmation and the path of its link."""
    task = await room.task_of("supplier", "confirm_order")
    body = {"person_id": room.ids.people["supplier"]}
    made = await room.do("admin", f"/api/tasks/{task['id']}/portal-link", body)
    return task, str(made["url"]).removeprefix(HOST)


def pressed(task: Wire, action: str, **inputs: Any) -> Wire:
    form = {"generation": str(task["generation"]), "action": action}
    return form | {f"{action}.{key}": value for key, value in inputs.items()}


async def test_the_page_shows_the_order_and_its_buttons(room: Room) -> None:
    _, path = await linked(room)
    page = await room.http.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "script" not in page.headers["content-security-policy"]
    for words in ('lang="zh-CN"', "燕麦奶", "PO-N", "确认按期交货", "要改交期"):
        assert words in page.text


async def test_the_answer_is_done_as_the_supplier_and_told_to_everybody(room: Room) -> None:
    task, path = await linked(room)
    answered = await room.http.post(path, data=pressed(task, "confirm"))
    assert answered.status_code == 200
    assert "收到了" in answered.text
    found = await room.ask("buyer", f"/api/tasks/{task['id']}")
    assert found["state"] == "done"
    assert "supplier 某" in found["result"]
    again = await room.http.post(path, data=pressed(task, "confirm"))
    assert again.status_code == 200
    assert "supplier 某" in (await room.http.get(path)).text, "an answered link says how it ended"


async def test_another_answer_afterwards_reads_that_it_is_too_late(room: Room) -> None:
    task, path = await linked(room)
    await room.http.post(path, data=pressed(task, "confirm"))
    late = await room.http.post(path, data=pressed(task, "propose", date="2026-04-01"))
    assert late.status_code in (409, 422)
    assert "notice stop" in late.text


async def test_a_wrong_input_is_told_on_the_page(room: Room) -> None:
    task, path = await linked(room)
    page = await room.http.post(path, data=pressed(task, "propose", date="下周"))
    assert page.status_code == 422
    assert "notice stop" in page.text
    assert (await room.ask("buyer", f"/api/tasks/{task['id']}"))["state"] != "done"


async def test_a_button_the_task_does_not_have(room: Room) -> None:
    task, path = await linked(room)
    page = await room.http.post(path, data=pressed(task, "hack"))
    assert page.status_code == 422


def tampered(settings: Settings, task_id: str, person: int, now: int) -> list[str]:
    good = portal_token(settings, task_id, person, now + DAY)
    other = settings.model_copy(update={"secret": type(settings.secret)("another secret")})
    return [
        good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:],  # the last one has spare bits
        good[4:],
        "x",
        "x" * 2000,
        good.split(".")[0],
        portal_token(other, task_id, person, now + DAY),
        portal_token(settings, task_id, person, now),
        portal_token(settings, task_id, person, now - DAY),
    ]


async def test_a_forged_cut_or_old_link_opens_nothing(room: Room) -> None:
    task, _ = await linked(room)
    person, now = room.ids.people["supplier"], room.clock.now()
    for token in tampered(room.jieli.settings, task["id"], person, now):
        for answer in (
            await room.http.get(f"/portal/{token}"),
            await room.http.post(f"/portal/{token}", data=pressed(task, "confirm")),
        ):
            assert answer.status_code == 403, token
            assert "PO-N" not in answer.text
    assert (await room.ask("buyer", f"/api/tasks/{task['id']}"))["state"] != "done"


async def test_a_link_ends_by_itself(room: Room) -> None:
    _, path = await linked(room)
    room.clock.advance(8 * DAY)
    assert (await room.http.get(path)).status_code == 403


@pytest.mark.parametrize("who", ["rival", "buyer"])
async def test_a_link_is_only_for_the_tasks_own_supplier(room: Room, who: str) -> None:
    task, _ = await linked(room)
    body = {"person_id": room.ids.people[who]}
    answer = await room.send("admin", f"/api/tasks/{task['id']}/portal-link", body)
    assert answer.status_code == 422
    settings, now = room.jieli.settings, room.clock.now()
    token = portal_token(settings, task["id"], room.ids.people[who], now + DAY)
    assert (await room.http.get(f"/portal/{token}")).status_code == 403


async def test_a_person_who_left_cannot_use_an_old_link(room: Room) -> None:
    _, path = await linked(room)
    person = room.ids.people["supplier"]
    gone = {"active": False}
    await room.send("admin", f"/api/people/{person}", gone, method="PATCH")
    assert (await room.http.get(path)).status_code == 401


async def test_the_link_is_audited_without_its_secret_and_blotted_in_logs(room: Room) -> None:
    _, path = await linked(room)
    token = path.rpartition("/")[2]
    lines = (await room.get("admin", "/api/audit")).text
    assert "供应商链接" in lines
    assert token not in lines
    assert token not in blot_text(f"GET {path} 200")


async def test_hostile_words_on_a_card_stay_words(room: Room) -> None:
    hostile = '<script>alert("x")</script>'
    item = room.ids.items["MILK"]
    renamed = {"name": hostile}
    await room.send("admin", f"/api/items/{item}", renamed, method="PATCH")
    order = {
        "code": "PO-X",
        "supplier_id": room.ids.partners["ACME"],
        "warehouse_id": room.ids.warehouses["N"],
        "lines": [{"item_id": item, "quantity": "1"}],
        "due_on": "2026-03-09",
        "buyer_id": room.ids.people["buyer"],
        "ask_supplier": True,
    }
    await room.do("buyer", "/api/orders", order)
    inbox = await room.ask("supplier", "/api/tasks/inbox")
    task = next(each for each in inbox["items"] if "script" in str(each))
    token = portal_token(
        room.jieli.settings, task["id"], room.ids.people["supplier"], room.clock.now() + DAY
    )
    page = await room.http.get(f"/portal/{token}")
    assert hostile not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_photo_goes_with_the_dispute(room: Room) -> None:
    arrive = {
        "order_line_id": room.ids.lines["N"],
        "quantity": "288",
        "lot_code": "L-7",
        "accepted": "0",
        "rejected": "288",
        "reason": "发霉",
    }
    await room.do("warehouse", "/api/receipts/combined", arrive)
    claim = await room.task_of("supplier", "qc_claim")
    who = room.ids.people["supplier"]
    now = room.clock.now()
    token = portal_token(room.jieli.settings, claim["id"], who, now + DAY)
    photo = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(photo, "PNG")
    form = pressed(claim, "dispute", reason="出厂合格")
    files = {"dispute.photo": ("a.png", photo.getvalue(), "image/png")}
    page = await room.http.post(f"/portal/{token}", data=form, files=files)
    assert page.status_code == 200, page.text
    assert (await room.ask("buyer", f"/api/tasks/{claim['id']}"))["state"] == "done"


# -- the page of a task for staff ----------------------------------------------------------------
async def test_staff_sign_in_on_the_page_of_the_task_and_answer_there(room: Room) -> None:
    arrive = {
        "order_line_id": room.ids.lines["N"],
        "quantity": "288",
        "lot_code": "L-7",
        "accepted": "0",
        "rejected": "288",
        "reason": "发霉",
    }
    await room.do("warehouse", "/api/receipts/combined", arrive)
    task = await room.task_of("buyer", "qc_decide")
    path, own = f"/tasks/{task['id']}", {"Origin": HOST}
    asked = await room.http.get(path)
    assert asked.status_code == 401
    assert "登录后处理" in asked.text
    assert "发霉" not in asked.text
    who = {"action": "sign-in", "login": "buyer", "password": PASSWORD}
    shown = await room.http.post(path, data=who, headers=own)
    assert shown.status_code == 200
    assert "退回供应商" in shown.text
    form = pressed(task, "return", reason="发霉")
    evil = {"Origin": "http://evil.example"}
    refused = await room.http.post(path, data=form, headers=evil)
    assert refused.status_code == 403
    done = await room.http.post(path, data=form, headers=own)
    assert done.status_code == 200, done.text
    assert (await room.ask("buyer", f"/api/tasks/{task['id']}"))["state"] == "done"


async def test_a_wrong_password_on_the_page_is_said_there(room: Room) -> None:
    task = await room.task_of("supplier", "confirm_order")
    who = {"action": "sign-in", "login": "buyer", "password": "no"}
    answer: httpx.Response = await room.http.post(
        f"/tasks/{task['id']}", data=who, headers={"Origin": HOST}
    )
    assert answer.status_code == 401
    assert "账号或密码不对" in answer.text
