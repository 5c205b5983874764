"""Work that a device judged by itself arrives as one operation of facts, maybe hours later."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.errors import AppError
from core.once import operations
from core.orders.count import OpenCount, open_count
from core.stock import on_hand
from core.tasks import files
from core.tasks.queries import attachments_of, task
from core.tasks.talk import attach
from tests.pda.floor import MILK_BOX, SYRUP_LABEL, Floor, Scanner


def stock(floor: Floor, code: str) -> dict[tuple[str, str], int]:
    rows = floor.db.read_now(on_hand)
    return {
        (row.location_code, row.status): row.on_hand // 1_000_000
        for row in rows
        if row.item_code == code
    }


async def tell(gun: Scanner, flow: str, action: str, **inputs: Any) -> dict[str, Any]:
    frame = {"t": "submit", "flow": flow, "action": action, "inputs": inputs}
    return await gun.do(frame)


async def opened(gun: Scanner) -> dict[str, Any]:
    """The pack of the only purchase order."""
    task = next(each for each in gun.inbox.values() if each["kind"] == "receive")
    answer = await tell(gun, "receive", "open", task_id=task["id"])
    data: dict[str, Any] = answer["data"]
    return data


def line_of(pack: dict[str, Any], code: str) -> dict[str, Any]:
    return next(each for each in pack["lines"] if each["item_code"] == code)


async def test_the_pack_of_an_order_names_all_that_a_scan_may_mean(gun: Scanner) -> None:
    pack = await opened(gun)
    syrup = line_of(pack, "A-001")
    assert {"code": MILK_BOX, "per_scan": "12"} in syrup["barcodes"]
    assert (syrup["tracking"], syrup["needs_expiry"]) == ("lot", True)
    assert syrup["checklist"] == [
        {"key": "temp", "label": "到货温度", "kind": "number", "min": "-2", "max": "8"}
    ]
    assert syrup["bins"][0]["code"].startswith("A-")
    assert syrup["bins"][0]["why"]
    assert pack["bins"] == {"codes": ["A-01", "A-02", "B-01"], "complete": True}
    assert pack["today"] == "2026-03-02"


async def test_a_line_is_booked_from_its_facts_alone(floor: Floor, gun: Scanner) -> None:
    line = line_of(await opened(gun), "A-001")
    facts = {
        "order_id": line["order_id"],
        "line_id": line["id"],
        "quantity": "12",
        "lot": "L-7",
        "expires_on": "2026-12-31",
        "accepted": "12",
        "checks": {"temp": "4"},
        "bin": "A-01",
    }
    done = await tell(gun, "receive", "confirm", **facts)
    assert done["ok"], done
    assert stock(floor, "A-001") == {("A-01", "ok"): 12}


async def test_serials_travel_with_the_facts(floor: Floor, gun: Scanner) -> None:
    line = line_of(await opened(gun), "C-003")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "2", "bin": "B-01"}
    done = await tell(gun, "receive", "confirm", **facts, serials=["S-1", "S-2"])
    assert done["ok"], done
    assert stock(floor, "C-003") == {("B-01", "ok"): 2}


async def test_facts_without_a_verdict_are_refused_and_go_through_once_mended(
    floor: Floor, gun: Scanner
) -> None:
    line = line_of(await opened(gun), "A-001")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "12", "lot": "L-7"}
    facts |= {"expires_on": "2026-12-31", "bin": "A-01"}
    frame = {"t": "submit", "id": "facts-0001", "flow": "receive", "action": "confirm"}
    refused = await gun.do(frame | {"inputs": facts})
    assert (refused["ok"], refused["message"]["code"]) == (False, "not_booked")
    assert "质检" in refused["message"]["text"]
    assert stock(floor, "A-001") == {}
    facts |= {"accepted": "12", "checks": {"temp": "4"}}
    assert (await gun.do(frame | {"inputs": facts}))["ok"]


async def test_putaway_needs_no_screen_of_the_server(floor: Floor, gun: Scanner) -> None:
    line = line_of(await opened(gun), "B-002")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "10"}
    await tell(gun, "receive", "confirm", **facts)
    task = next(each for each in gun.inbox.values() if each["kind"] == "putaway")
    shown = (await tell(gun, "putaway", "open", task_id=task["id"]))["data"]
    assert shown["goods"]["item_code"] == "B-002"
    assert shown["all_bins"]["codes"] == ["A-01", "A-02", "B-01"]
    done = await tell(gun, "putaway", "confirm", receipt_line_id=shown["id"], bin="A-02")
    assert done["ok"], done
    assert stock(floor, "B-002") == {("A-02", "ok"): 10}


async def test_a_move_is_told_in_one_go(floor: Floor, gun: Scanner) -> None:
    line = line_of(await opened(gun), "B-002")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "10", "bin": "A-01"}
    await tell(gun, "receive", "confirm", **facts)
    here = (await tell(gun, "lookup", "resolve", code="A-01"))["data"]
    assert (here["kind"], here["rows"][0]["available"]) == ("place", "10")
    assert here["goods"][0]["barcodes"][1] == {"code": "04006381333931", "per_scan": "1"}
    move = {"from": "A-01", "to": "B-01", "item_code": "B-002", "quantity": "4"}
    assert (await tell(gun, "transfer", "move", **move))["ok"]
    assert stock(floor, "B-002") == {("A-01", "ok"): 6, ("B-01", "ok"): 4}
    more = await tell(gun, "transfer", "move", **(move | {"quantity": "40"}))
    assert not more["ok"]


async def test_resolve_says_what_a_code_is_and_changes_nothing(gun: Scanner) -> None:
    goods = (await tell(gun, "lookup", "resolve", code=SYRUP_LABEL))["data"]
    assert (goods["kind"], goods["per_scan"], goods["lot"]) == ("goods", "12", "L-7")
    assert goods["goods"]["item_code"] == "A-001"
    order = (await tell(gun, "lookup", "resolve", code="PO-1"))["data"]
    assert (order["kind"], order["order_code"]) == ("order", "PO-1")
    unknown = await tell(gun, "lookup", "resolve", code="4000000000006")
    assert unknown["data"]["kind"] == "unknown"


async def test_a_whole_place_is_counted_as_facts(floor: Floor, gun: Scanner) -> None:
    line = line_of(await opened(gun), "B-002")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "10", "bin": "A-01"}
    await tell(gun, "receive", "confirm", **facts)
    boss = floor.person("boss")
    house = floor.db.read_now(lambda conn: on_hand(conn)[0].warehouse_id)
    assert house is not None
    ask = OpenCount("count-open-1", "PD-1", house)
    count_id = floor.db.write_now(lambda tx: open_count(tx, boss, ask))
    await gun.take("event")
    task = next(each for each in gun.inbox.values() if each["kind"] == "count")
    pack = (await tell(gun, "count", "open", task_id=task["id"]))["data"]
    assert pack["count_id"] == count_id
    assert [each["place"] for each in pack["sheet"]] == ["A-01"]
    assert not {"expected", "on_hand", "quantity"} & set(pack["sheet"][0]), "blind"
    nothing = await tell(gun, "count", "place", count_id=count_id, place="A-01")
    assert nothing["message"]["code"] == "not_booked", "what is missing has to be said on purpose"
    seen = [{"item_code": "B-002", "quantity": "10"}]
    done = await tell(gun, "count", "place", count_id=count_id, place="A-01", seen=seen)
    assert done["ok"], done
    end = await tell(gun, "count", "finish", count_id=count_id)
    assert end["ok"], end
    assert stock(floor, "B-002") == {("A-01", "ok"): 10}


async def test_a_question_is_answered_and_kept_nowhere(floor: Floor, gun: Scanner) -> None:
    """The pack of an order, as often as it is asked; what would change something is refused."""
    task = next(each for each in gun.inbox.values() if each["kind"] == "receive")
    asked = {"t": "look", "id": "p-look-0001", "flow": "receive", "action": "open"}
    first = await gun.do(asked | {"inputs": {"task_id": task["id"]}})
    assert line_of(first["data"], "A-001")["barcodes"]
    again = await gun.do(asked | {"inputs": {"task_id": task["id"]}})
    assert again == first
    kept = floor.db.read_now(lambda conn: conn.execute(select(operations.c.key)).scalars().all())
    assert not [key for key in kept if "p-look" in key]
    refused = await gun.do({"t": "look", "id": "p-look-0002", "flow": "pick", "action": "pick"})
    assert refused["message"]["code"] == "not_a_question"


async def test_the_answer_names_the_task_that_photos_of_the_goods_belong_to(
    floor: Floor, gun: Scanner
) -> None:
    """Photos of offline work go up after the text."""
    pack = await opened(gun)
    syrup, carton = line_of(pack, "A-001"), line_of(pack, "B-002")
    facts = {"order_id": syrup["order_id"], "line_id": syrup["id"], "quantity": "12"}
    facts |= {"lot": "L-7", "expires_on": "2026-12-31"}
    bad = await tell(gun, "receive", "confirm", **facts, rejected="12", reason="破损")
    assert kind_of(floor, bad) == "qc_decide"
    unjudged = await tell(gun, "receive", "later", **(facts | {"lot": "L-8"}))
    assert kind_of(floor, unjudged) == "inspect"
    facts = {"order_id": carton["order_id"], "line_id": carton["id"], "quantity": "10"}
    assert kind_of(floor, await tell(gun, "receive", "confirm", **facts)) == "putaway"
    shelved = await tell(gun, "receive", "confirm", **facts, bin="B-01")
    assert shelved["ok"]
    assert "task_id" not in shelved["data"]


def kind_of(floor: Floor, answer: dict[str, Any]) -> str:
    return floor.db.read_now(lambda conn: task(conn, answer["data"]["task_id"])).kind


async def test_only_whose_work_opened_a_task_may_bring_its_proof_later(
    floor: Floor, gun: Scanner
) -> None:
    line = line_of(await opened(gun), "A-001")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "12"}
    facts |= {"lot": "L-7", "expires_on": "2026-12-31", "rejected": "12", "reason": "破损"}
    task_id = (await tell(gun, "receive", "confirm", **facts))["data"]["task_id"]
    kept = files.NewFile("ab" * 32, "image/jpeg", 4, "破损.jpg")
    photo = floor.db.write_now(lambda tx: files.register(tx, floor.person("zhang"), kept)).id
    with pytest.raises(AppError) as refused:
        floor.db.write_now(lambda tx: attach(tx, floor.person("li"), task_id, photo))
    assert refused.value.code == "forbidden"
    floor.db.write_now(lambda tx: attach(tx, floor.person("zhang"), task_id, photo))
    [found] = floor.db.read_now(lambda conn: attachments_of(conn, task_id))
    assert found.file_id == photo


async def test_what_expired_is_expired_however_its_day_is_written(
    floor: Floor, gun: Scanner
) -> None:
    line = line_of(await opened(gun), "A-001")
    facts = {"order_id": line["order_id"], "line_id": line["id"], "quantity": "12", "lot": "L-7"}
    facts |= {"accepted": "12", "checks": {"temp": "4"}, "bin": "A-01"}
    late = await tell(gun, "receive", "confirm", **facts, expires_on="20260228")
    assert not late["ok"]
    assert "2026-02-28" in late["message"]["text"]
    assert stock(floor, "A-001") == {}
    assert not (await tell(gun, "receive", "confirm", **facts, expires_on="下周"))["ok"]
    assert (await tell(gun, "receive", "confirm", **facts, expires_on="20261231"))["ok"]
