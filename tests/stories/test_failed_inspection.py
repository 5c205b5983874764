"""Story B5: a failed inspection holds the lot, tells three people; silence reaches the director.

Once. Whoever answers first ends it everywhere; whoever comes second is told who won.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, select

from api.demo.company import box_gtin
from api.demo.data import ITEMS
from api.demo.handheld import Handheld
from core.clock import MINUTE, SHANGHAI, instant
from core.db import Tx
from core.orders.inspection import QC_POLICY
from core.people import ENGINE
from core.stock import on_hand
from core.stock.tables import postings
from core.tasks.policies import policy_of, save_policy
from core.tasks.tables import tasks
from tests.world import Wire, World, text_of

BASE = next(item for item in ITEMS if item.code == "JL-001")
LABEL = f"01{box_gtin(BASE)}17270301" + "10B0302"


async def inspection_fails(w: World, gun: Handheld) -> None:
    """24 boxes of low-sugar base arrive mouldy; the warehouse rejects all of them on one screen."""
    task = next(t for t in gun.inbox.values() if "低糖基料" in t["title"])
    screen = await gun.submit("receive", "open", inputs={"task_id": task["id"]})
    assert screen["ok"], screen
    screen = await gun.scan(LABEL, flow="receive", context=screen["context"])
    assert screen["next_state"] == "line", screen
    assert screen["data"]["lot"] == "B0302"
    answers = {"quantity": "288", "accepted": "0", "rejected": "288", "reason": "开箱发霉"}
    done = await gun.submit(
        "receive",
        "confirm",
        context=screen["context"],
        inputs=answers | {"checks": {"package": "no"}},
    )
    assert done["ok"], done
    await w.settle()


def lot_stock(w: World) -> dict[tuple[str, int], int]:
    """What stands of JL-001 by status and lot, internal locations only, whole units."""
    item = w.seeded.items["JL-001"]
    rows = w.jieli.db.read_now(lambda conn: on_hand(conn, item_id=item))
    found: dict[tuple[str, int], int] = {}
    for row in rows:
        key = (row.status, row.lot_id)
        found[key] = found.get(key, 0) + row.on_hand // 1_000_000
    return found


async def test_the_lot_is_held_in_the_same_transaction_as_the_tasks(w: World) -> None:
    gun = await w.scanner("zhaogang")
    await inspection_fails(w, gun)
    held = {key: n for key, n in lot_stock(w).items() if key[0] == "hold"}
    assert list(held.values()) == [288]

    def moments(conn: Connection) -> tuple[int, set[int]]:
        hold = conn.execute(
            select(postings.c.recorded_at).order_by(postings.c.id.desc()).limit(1)
        ).scalar_one()
        opened = (
            conn.execute(select(tasks.c.opened_at).where(tasks.c.kind.like("qc%"))).scalars().all()
        )
        return hold, set(opened)

    hold, opened = w.jieli.db.read_now(moments)
    assert opened == {hold}
    for login, kind in (("wangmin", "qc_decide"), ("chenxi", "qc_legal"), ("hengshun", "qc_claim")):
        assert (await w.task_of(login, kind))["state"] == "open"
    assert len(w.cards_of("wangmin")) == 1
    assert len(w.cards_of("chenxi")) == 1
    assert w.cards_of("zhoulan") == []
    assert w.prove() == ()


async def test_the_next_delivery_of_a_held_lot_lands_in_hold(w: World) -> None:
    """Its inbound is suspended."""
    gun = await w.scanner("zhaogang")
    await inspection_fails(w, gun)
    order = {
        "code": "CG-0399",
        "supplier_id": w.seeded.partners["S-HENGSHUN"],
        "warehouse_id": w.seeded.warehouses["ZJ"],
        "lines": [{"item_id": w.seeded.items["JL-001"], "quantity": "12"}],
        "due_on": "2026-03-03",
        "buyer_id": w.seeded.people["wangmin"],
    }
    made = await w.do("wangmin", "/api/orders", order)
    receipt = {
        "order_id": made["id"],
        "lines": [
            {
                "order_line_id": made["lines"][0]["id"],
                "quantity": "12",
                "lot_code": "B0302",
                "expires_on": "2027-03-01",
            }
        ],
    }
    await w.do("zhaogang", "/api/receipts", receipt)
    assert [n for (status, _), n in lot_stock(w).items() if status == "hold"] == [300]


def about_quality(w: World, login: str) -> list[str]:
    """This person's live cards about the failed inspection, as text."""
    return [text for view in w.cards_of(login) if "质检" in (text := text_of(view))]


def deciding(w: World, login: str) -> list[str]:
    """This person's live cards with the buyer's three buttons on them."""
    return [text for text in about_quality(w, login) if "让步接收" in text]


WEDNESDAY_0900 = instant(datetime(2026, 3, 4, 9, 0, tzinfo=SHANGHAI))
NEXT_MONDAY_1800 = instant(datetime(2026, 3, 9, 18, 0, tzinfo=SHANGHAI))


@pytest.mark.parametrize(
    ("runs_on", "due"), [("natural", WEDNESDAY_0900), ("working", NEXT_MONDAY_1800)]
)
async def test_director_hears_after_48_hours_of_silence(w: World, runs_on: str, due: int) -> None:
    """48 working hours are six working days of eight hours, the weekend not counted."""
    use_clock(w, runs_on)
    gun = await w.scanner("zhaogang")
    await inspection_fails(w, gun)
    await w.until(due - MINUTE)
    assert about_quality(w, "zhoulan") == []
    await w.until(due)
    assert len(about_quality(w, "zhoulan")) == 1
    assert "低糖基料" in about_quality(w, "zhoulan")[0]
    await w.after(minutes=30)
    assert len(about_quality(w, "zhoulan")) == 1, "three silent tasks are one card"


async def test_an_answer_from_any_surface_ends_all_the_others(w: World) -> None:
    use_clock(w, "natural")
    gun = await w.scanner("zhaogang")
    await inspection_fails(w, gun)
    await w.after(hours=48)
    assert len(about_quality(w, "zhoulan")) == 1
    await w.tap("zhoulan", "退回供应商")
    for login in ("zhoulan", "wangmin"):
        assert deciding(w, login) == [], f"{login} can still decide"
    closed = " ".join(text_of(view) for view in w.pane("wangmin"))
    assert "周岚" in closed
    assert "退回供应商" in closed
    assert [n for (status, _), n in lot_stock(w).items() if status == "hold" and n] == []
    await w.after(hours=200)
    assert w.prove() == ()


async def test_a_second_press_three_seconds_later_is_told_who_won(w: World) -> None:
    """The buyer answers on the desk; the director presses the card that has not changed yet."""
    use_clock(w, "natural")
    gun = await w.scanner("zhaogang")
    await inspection_fails(w, gun)
    await w.after(hours=48)
    task = await w.task_of("wangmin", "qc_decide")
    await w.do(
        "wangmin",
        f"/api/tasks/{task['id']}/act",
        {"generation": task["generation"], "action": "return", "inputs": {"reason": "发霉"}},
    )
    w.clock.advance(3_000_000)  # no settle: the card is still as it was
    posted = await w.stage.simulator.press("zhoulan", "让步接收")
    assert "王敏" in posted.reply + posted.spoken, posted
    await w.settle()
    assert deciding(w, "zhoulan") == []
    found: Wire = await w.get("wangmin", f"/api/tasks/{task['id']}")
    assert found["state"] == "done"
    assert "王敏" in found["result"]
    assert w.prove() == ()


async def test_the_supplier_answers_in_the_portal(w: World) -> None:
    gun = await w.scanner("zhaogang")
    await inspection_fails(w, gun)
    claim = await w.task_of("hengshun", "qc_claim")
    link = await w.do(
        "wangmin",
        f"/api/tasks/{claim['id']}/portal-link",
        {"person_id": w.seeded.people["hengshun"]},
    )
    path = link["url"].removeprefix("http://jieli.test")
    page = await w.http.get(path)
    assert page.status_code == 200
    assert "低糖基料" in page.text
    assert "3月4日 周三 09:00 前" in page.text, "until when"
    form = {
        "generation": str(claim["generation"]),
        "action": "dispute",
        "dispute.reason": "运输所致",
    }
    answered = await w.http.post(path, data=form)
    assert answered.status_code == 200, answered.text
    assert "收到了" in answered.text
    again = await w.http.post(path, data=form)
    assert "吴涛" in again.text
    found = await w.get("wangmin", f"/api/tasks/{claim['id']}")
    assert found["state"] == "done"


def use_clock(w: World, clock: str) -> None:
    """A supervisor decides which clock the 48 hours run on."""
    code = "qc_failed" if clock == "working" else "qc_failed_natural"

    def change(tx: Tx) -> None:
        save_policy(tx, ENGINE, replace(policy_of(tx.conn, code), code=QC_POLICY))

    w.jieli.db.write_now(change)
