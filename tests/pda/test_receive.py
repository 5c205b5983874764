"""Receiving on one screen, through the real door: what comes next, and what is never counted."""

from __future__ import annotations

from typing import Any

import pytest

from core.stock import on_hand
from tests.pda.floor import MILK_BOX, SYRUP_LABEL, Floor, Scanner

CARTON = "4006381333931"
GUN = "06901234567892"


def stock(floor: Floor, code: str) -> dict[tuple[str, str], int]:
    """(place, status) → quantity of an item, in whole units."""
    rows = floor.db.read_now(on_hand)
    return {
        (row.location_code, row.status): row.on_hand // 1_000_000
        for row in rows
        if row.item_code == code
    }


async def test_three_scans_receive_inspect_and_shelve(floor: Floor, gun: Scanner) -> None:
    """Order, label, bin: one box of 12 is inspected and shelved on one screen."""
    start = await gun.scan("PO-1")
    assert (start["flow"], start["next_state"]) == ("receive", "order")
    line = await gun.scan(SYRUP_LABEL, start)
    assert line["next_state"] == "line"
    assert (line["data"]["lot"], line["data"]["expires_on"]) == ("L-7", "2026-12-31")
    assert line["data"]["quantity"] == "12"
    assert line["data"]["checklist"][0]["label"] == "到货温度"
    assert line["data"]["bins"][0]["code"].startswith("A-")
    form = {"accepted": "12", "checks": {"temp": "4"}}
    done = await gun.scan("A-01", line, inputs=form)
    assert done["message"]["level"] == "ok", done
    assert stock(floor, "A-001") == {("A-01", "ok"): 12}
    assert done["next_state"] == "order"


async def test_a_label_finds_its_order_without_the_order_number(gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL)
    assert (line["flow"], line["next_state"]) == ("lookup", "item")
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    assert line["data"]["order"]["code"] == "PO-1"
    assert line["data"]["quantity"] == "12"


async def test_goods_without_inspection_need_two_scans(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(CARTON, flow="receive")
    done = await gun.scan("B-01", line)
    assert done["message"]["level"] == "ok", done
    assert stock(floor, "B-002") == {("B-01", "ok"): 1}


async def test_a_bin_before_the_verdict_asks_for_it(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    asked = await gun.scan("A-01", line)
    assert asked["message"]["code"] == "needs_inspection"
    assert asked["next_state"] == "line"
    assert stock(floor, "A-001") == {}


async def test_inspection_can_be_left_to_somebody_else(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    later = await gun.tap("later", line)
    assert later["message"]["level"] == "ok", later
    assert stock(floor, "A-001") == {("ZJ-DOCK", "inspect"): 12}
    assert "inspect" in {task["kind"] for task in gun.inbox.values()}, "the task is on screen"


async def test_a_bad_box_is_held_and_the_good_ones_are_shelved(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    line = await gun.scan(SYRUP_LABEL, line)
    form = {"accepted": "12", "rejected": "12", "reason": "漏液", "checks": {"temp": "4"}}
    done = await gun.scan("A-01", line, inputs=form)
    assert done["ok"], done
    held = stock(floor, "A-001")
    assert held[("ZJ-DOCK", "hold")] == 12
    assert sum(held.values()) == 24


async def test_verdicts_that_do_not_add_up_post_nothing(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    form = {"accepted": "12", "rejected": "1", "reason": "漏液"}
    refused = await gun.tap("confirm", line, **form)
    assert refused["message"]["code"] == "verdict_sum"
    assert refused["data"] is None, "the screen stays as it is"
    assert stock(floor, "A-001") == {}


async def test_another_item_asks_before_dropping_what_was_scanned(gun: Scanner) -> None:
    line = await gun.scan(CARTON, flow="receive")
    asked = await gun.scan(SYRUP_LABEL, line)
    assert asked["message"]["code"] == "confirmation_required"
    assert asked["data"]["quantity"] == "1"
    sure = await gun.scan(SYRUP_LABEL, asked)
    assert sure["data"]["line"]["item_code"] == "A-001"
    assert sure["data"]["quantity"] == "12"
    back = await gun.scan(CARTON, asked)
    assert back["data"]["quantity"] == "2", "scanning on means no"


async def test_another_lot_is_another_line(gun: Scanner) -> None:
    line = await gun.scan(SYRUP_LABEL, flow="receive")
    asked = await gun.scan(f"01{MILK_BOX}1726123110L-8", line)
    assert asked["message"]["code"] == "confirmation_required"
    assert asked["data"]["lot"] == "L-7"


async def test_serials_count_once_each(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(f"01{GUN}21SN-1", flow="receive")
    line = await gun.scan(f"01{GUN}21SN-2", line)
    again = await gun.scan(f"01{GUN}21SN-1", line)
    assert again["message"]["code"] == "serial_again"
    assert again["sound"] == "again"
    assert again["data"]["quantity"] == "2"
    bare = await gun.scan(GUN, again)
    assert bare["message"]["code"] == "serial_missing"
    done = await gun.scan("B-01", bare)
    assert done["ok"], done
    assert stock(floor, "C-003") == {("B-01", "ok"): 2}


async def test_more_than_ordered_warns_and_needs_a_reason(floor: Floor, gun: Scanner) -> None:
    line = await gun.scan(CARTON, flow="receive")
    refused = await gun.tap("confirm", line, quantity="101", bin="B-01")
    assert not refused["ok"]
    assert stock(floor, "B-002") == {}


async def test_an_expired_label_can_only_be_rejected(floor: Floor, gun: Scanner) -> None:
    label = f"01{MILK_BOX}1726022810L-9"
    line = await gun.scan(label, flow="receive")
    assert line["message"]["code"] == "label_expired"
    refused = await gun.scan("A-01", line, inputs={"accepted": "12", "checks": {"temp": "4"}})
    assert refused["message"]["level"] == "error"
    assert stock(floor, "A-001") == {}
    done = await gun.tap("confirm", line, rejected="12", reason="过期", checks={"temp": "4"})
    assert done["ok"], done
    assert stock(floor, "A-001") == {("ZJ-DOCK", "hold"): 12}


async def test_a_task_opens_its_order(gun: Scanner) -> None:
    task = next(iter(gun.inbox.values()))
    opened = await gun.tap("open", None, task_id=task["id"])
    assert opened["message"]["code"] == "invalid", "the first screen has no such button"
    frame = {"t": "submit", "flow": "receive", "action": "open"}
    opened = await gun.do(frame | {"inputs": {"task_id": task["id"]}})
    assert opened["data"]["order"]["code"] == "PO-1"
    line = await gun.tap("line", opened, line_id=opened["data"]["lines"][1]["id"])
    assert line["data"]["quantity"] == "0", "nothing is counted before the first scan"


BAD_INPUTS: list[tuple[dict[str, Any], str]] = [
    ({"quantity": "-1"}, "bad_quantity"),
    ({"quantity": "1e9"}, "bad_quantity"),
    ({"quantity": "99999999999"}, "bad_quantity"),
    ({"quantity": "0.0000001"}, "bad_quantity"),
    ({"quantity": "abc"}, "bad_quantity"),
    ({"quantity": 3}, "invalid"),
    ({"quantity": None}, "invalid"),
    ({"bin": "NO-SUCH-BIN"}, "not_found"),
    ({"photos": "x"}, "invalid"),
    ({"checks": {"temp": 4}}, "invalid"),
    ({"surprise": "1"}, "invalid"),
    ({"reason": "x" * 600}, "invalid"),
]


@pytest.mark.parametrize(("inputs", "code"), BAD_INPUTS, ids=str)
async def test_bad_input_is_refused_with_a_sentence(
    floor: Floor, gun: Scanner, inputs: dict[str, Any], code: str
) -> None:
    line = await gun.scan(CARTON, flow="receive")
    refused = await gun.tap("confirm", line, **inputs)
    assert refused["message"]["code"] == code
    assert refused["message"]["text"]
    assert refused["message"]["en"]
    assert stock(floor, "B-002") == {}


LIES: list[dict[str, Any]] = [
    {"quantity": "-5"},
    {"quantity": "9999999999999999"},
    {"line_id": "not-a-line"},
    {"order_id": "not-an-order"},
    {"serials": "SN"},
    {"admin": True},
    {"quantity": 5},
]


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_a_client_that_lies_about_its_memory_is_refused(
    floor: Floor, gun: Scanner, lie: dict[str, Any]
) -> None:
    line = await gun.scan(CARTON, flow="receive")
    line["context"] |= lie
    assert not (await gun.scan("B-01", line))["ok"]
    assert stock(floor, "B-002") == {}


async def test_who_may_not_receive_is_told_who_may(floor: Floor) -> None:
    gun = await floor.scanner("buyer").connect()
    refused = await gun.scan(CARTON, flow="receive")
    assert refused["message"]["code"] == "forbidden"
    assert "仓库员" in refused["message"]["text"]
    await gun.leave()


async def test_an_unknown_code_counts_nothing(gun: Scanner) -> None:
    line = await gun.scan(CARTON, flow="receive")
    unknown = await gun.scan("9999999999994", line)
    assert unknown["message"]["code"] == "unknown_code"
    assert unknown["context"]["quantity"] == "1"
    keyboard = await gun.scan("低糖", line)
    assert keyboard["message"]["code"] == "odd_keyboard"
