"""Receiving: partial, over, short, held lots, packs; and the one-go form of mission B3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.closing import CloseShort, close_short
from core.orders.purchase import NewLine, NewPurchase, create_order, open_lines
from core.orders.putaway import suggest
from core.orders.receipt import Receive, ReceiveLine, ReceiveRest, receive, receive_rest
from tests.core.orders_world import BASE, CUP, GOOD, MILK, SCALE, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def test_an_order_opens_the_warehouses_task_in_four_lines(t: Trader) -> None:
    t.order((BASE, "288"))
    task = t.task("receive")
    assert task.title == "收货 · 低糖基料 24 箱"
    assert task.card.lead == "低糖基料 24 箱"
    assert [(fact.label, fact.value) for fact in task.card.facts][:2] == [
        ("谁在等", "张江仓等货"),
        ("数量", "24 箱 = 288 件"),
    ]
    assert {button.key for button in task.card.buttons} == {"receive_rest", "close_short"}
    assert t.inbox("李某") == ["receive"]
    assert t.inbox("陈晨") == []


def test_part_of_an_order_comes_and_the_rest_stays_open(t: Trader) -> None:
    made = t.order((BASE, "288"), (CUP, "100"))
    got = t.arrive(made, t.bring(made, 0, "120", "L-1"), t.bring(made, 1, "100"))
    assert got.order_done is False
    assert t.stands(BASE) == {"ZJ-DOCK/inspect": "120"}
    assert t.stands(CUP) == {"ZJ-DOCK/ok": "100"}
    assert [line.open_quantity for line in t.again(made).lines] == [q("168"), 0]
    still = t.db.read_now(lambda conn: open_lines(conn, t.warehouses["张江仓"]))
    assert [line.item_name for line in still] == [BASE]
    assert t.inbox("李某") == ["inspect", "putaway", "receive"]
    t.proven()


def test_the_last_delivery_closes_the_order_and_its_task(t: Trader) -> None:
    made = t.order((CUP, "100"))
    t.arrive(made, t.bring(made, 0, "60"))
    assert t.arrive(made, t.bring(made, 0, "40")).order_done
    assert t.again(made).state == "closed"
    [task] = t.tasks("receive", live=False)
    assert task.state == "done"
    assert "李某" in task.result
    assert "已全部收货" in task.result


def test_packs_are_converted_exactly(t: Trader) -> None:
    made = t.order((BASE, "288"))
    boxes = ReceiveLine(
        made.lines[0].id, q("2.5"), lot_code="L-1", expires_on="2026-12-31", pack_id=t.box
    )
    assert t.arrive(made, boxes).lines[0].quantity == q("30")
    other = replace(boxes, order_line_id=made.lines[0].id, pack_id=t.box)
    cups = t.order((CUP, "10"))
    ask = Receive(t.op(), cups.id, (replace(other, order_line_id=cups.lines[0].id),))
    assert t.refused(lambda tx: receive(tx, t.people["李某"], ask)).code == "wrong_pack"


def test_over_the_tolerance_needs_a_reason_and_a_supervisor(t: Trader) -> None:
    made = t.order((BASE, "100"))
    with pytest.raises(AppError) as refusal:
        t.arrive(made, t.bring(made, 0, "106", "L-1"))
    assert refusal.value.code == "too_much_received"
    assert "最多还能收 105 件" in refusal.value.say("zh")
    with pytest.raises(AppError) as refusal:
        t.arrive(made, t.bring(made, 0, "106", "L-1", over_reason="供应商多送"))
    assert refusal.value.code == "forbidden"
    assert "主管" in refusal.value.say("zh")
    over = t.bring(made, 0, "106", "L-1", over_reason="供应商多送")
    assert t.arrive(made, over, by="赵主管").lines[0].over_reason == "供应商多送"
    t.proven()


def test_the_tolerance_is_shared_by_all_lines_of_one_command(t: Trader) -> None:
    made = t.order((BASE, "100"))
    with pytest.raises(AppError) as refusal:
        t.arrive(made, t.bring(made, 0, "100", "L-1"), t.bring(made, 0, "6", "L-2"))
    assert "最多还能收 5 件，你填了 6 件" in refusal.value.say("zh")
    assert t.stands(BASE) == {}
    t.arrive(made, t.bring(made, 0, "100", "L-1"), t.bring(made, 0, "5", "L-2"))


def test_the_rest_is_closed_short_with_a_reason(t: Trader) -> None:
    made = t.order((CUP, "100"))
    t.arrive(made, t.bring(made, 0, "60"))
    li = t.people["李某"]
    empty = CloseShort(t.op(), made.id, "  ")
    assert t.refused(lambda tx: close_short(tx, li, empty)).code == "reason_needed"
    closed = t.do(lambda tx: close_short(tx, li, CloseShort(t.op(), made.id, "供应商停产")))
    assert (closed.quantity, closed.order_done) == (q("40"), True)
    assert t.tasks("receive") == []
    late = Receive(t.op(), made.id, (t.bring(made, 0, "1"),))
    assert t.refused(lambda tx: receive(tx, li, late)).code == "order_closed"


def test_food_needs_its_lot_and_its_date(t: Trader) -> None:
    made = t.order((MILK, "10"))
    li = t.people["李某"]
    bare = Receive(t.op(), made.id, (ReceiveLine(made.lines[0].id, q("10")),))
    assert t.refused(lambda tx: receive(tx, li, bare)).code == "lot_code_needed"
    undated = Receive(t.op(), made.id, (ReceiveLine(made.lines[0].id, q("10"), "M-1"),))
    assert t.refused(lambda tx: receive(tx, li, undated)).code == "expiry_needed"
    dated = ReceiveLine(made.lines[0].id, q("10"), "M-1", made_on="2026-03-01")
    t.arrive(made, dated)
    assert t.lot(MILK, "M-1").expires_on == "2026-08-28"


def test_the_same_operation_gives_the_same_answer_and_one_receipt(t: Trader) -> None:
    made = t.order((BASE, "288"))
    line = t.bring(made, 0, "120", "L-1")
    first = t.arrive(made, line, op="device-000001")
    t.judge(first.lines[0], "120")
    assert t.arrive(made, line, op="device-000001") == first
    assert t.again(made).lines[0].received == q("120")
    with pytest.raises(AppError) as refusal:
        t.arrive(made, t.bring(made, 0, "121", "L-1"), op="device-000001")
    assert refusal.value.code == "key_reused"
    t.proven()


def test_an_order_is_written_once_and_its_number_is_unique(t: Trader) -> None:
    lines = (NewLine(t.items[BASE], q("2"), pack_id=t.box, price_micro=q("8")),)
    buyer = t.people["陈晨"]
    new = NewPurchase(
        "order-0001", "PO-1", t.supplier, t.warehouses["张江仓"], lines, "2026-03-05",
        buyer.person_id,
    )  # fmt: skip
    first = t.do(lambda tx: create_order(tx, buyer, new))
    assert t.do(lambda tx: create_order(tx, buyer, new)) == first
    assert first.lines[0].quantity == q("24")
    twin = replace(new, op_id="order-0002")
    assert t.refused(lambda tx: create_order(tx, buyer, twin)).code == "duplicate_code"
    wrong_day = replace(new, op_id="order-0003", code="PO-3", due_on="5.3.2026")
    assert t.refused(lambda tx: create_order(tx, buyer, wrong_day)).code == "invalid"
    nothing = replace(new, op_id="order-0004", code="PO-4", lines=())
    assert t.refused(lambda tx: create_order(tx, buyer, nothing)).code == "empty_document"
    li = t.people["李某"]
    assert t.refused(lambda tx: create_order(tx, li, new)).code == "forbidden"


def test_a_line_of_another_order_is_refused(t: Trader) -> None:
    one, two = t.order((CUP, "10")), t.order((CUP, "10"))
    ask = Receive(t.op(), one.id, (t.bring(two, 0, "10"),))
    assert t.refused(lambda tx: receive(tx, t.people["李某"], ask)).code == "other_order"


def test_complete_rest_asks_the_lots_it_needs(t: Trader) -> None:
    made = t.order((BASE, "24"), (CUP, "5"))
    li = t.people["李某"]
    rest = ReceiveRest(t.op(), made.id)
    assert t.refused(lambda tx: receive_rest(tx, li, rest)).code == "lot_code_needed"
    line_id = made.lines[0].id
    full = ReceiveRest(t.op(), made.id, {line_id: "L-1"}, {line_id: "2026-12-31"})
    assert t.do(lambda tx: receive_rest(tx, li, full)).order_done


# -- putaway ---------------------------------------------------------------------------------------
def test_the_suggested_bin_says_why(t: Trader) -> None:
    base, zj = t.items[BASE], t.warehouses["张江仓"]
    lot_id = t.put(BASE, "10", "ZJ-A-2", "L-1")
    t.put(BASE, "10", "ZJ-A-3", "L-2")

    def why(quantity: str) -> list[tuple[str, str]]:
        found = t.db.read_now(lambda conn: suggest(conn, base, lot_id, q(quantity), zj, limit=5))
        return [(each.code, each.why) for each in found]

    assert why("288") == [
        ("ZJ-A-2", "同批次已在这里 10"),
        ("ZJ-A-3", "同商品已在这里 10"),
        ("ZJ-C-1", "同属 冷藏 区，还能放 300"),
        ("ZJ-A-1", "空库位"),
        ("ZJ-A-4", "空库位"),
    ]
    assert "ZJ-C-1" not in [code for code, _ in why("301")]


def test_putaway_moves_what_was_accepted_and_ends_its_task(t: Trader) -> None:
    made = t.order((CUP, "100"))
    line = t.arrive(made, t.bring(made, 0, "100")).lines[0]
    t.shelve(line, "60", "ZJ-A-1")
    assert t.inbox("李某") == ["putaway"]
    t.shelve(line, "40", "ZJ-A-2")
    assert t.inbox("李某") == []
    assert t.stands(CUP) == {"ZJ-A-1/ok": "60", "ZJ-A-2/ok": "40"}
    with pytest.raises(AppError) as refusal:
        t.shelve(line, "1", "ZJ-A-2")
    assert refusal.value.code == "too_much_put_away"
    t.proven()


@pytest.mark.parametrize(
    ("to", "code"), [("SCRAP", "not_a_bin"), ("SJ-A-1", "other_warehouse"), ("ZJ-C-1", "bin_full")]
)
def test_goods_are_put_only_where_they_can_lie(t: Trader, to: str, code: str) -> None:
    made = t.order((CUP, "400"))
    line = t.arrive(made, t.bring(made, 0, "400")).lines[0]
    with pytest.raises(AppError) as refusal:
        t.shelve(line, "400", to)
    assert refusal.value.code == code


# -- everything in one go --------------------------------------------------------------------------
def test_lorry_to_shelf_in_one_command(t: Trader) -> None:
    made = t.order((BASE, "288"))
    done = t.in_one_go(
        made, 0, "288", lot_code="L-1", accepted="240", rejected="48", reason="外箱破损",
        checks=GOOD, bin_id=t.places["ZJ-C-1"], op="device-000007",
    )  # fmt: skip
    assert done.sentence == "收 24 箱：合格 20 箱，放到 ZJ-C-1；冻结 4 箱，等采购定"
    assert t.stands(BASE) == {"ZJ-C-1/ok": "240", "ZJ-DOCK/hold": "48"}
    assert t.inbox("李某") == []
    assert t.inbox("陈晨") == ["qc_decide"]
    assert len(t.events("stock.posted")) == 3
    t.proven()
    again = t.in_one_go(
        made, 0, "288", lot_code="L-1", accepted="240", rejected="48", reason="外箱破损",
        checks=GOOD, bin_id=t.places["ZJ-C-1"], op="device-000007",
    )  # fmt: skip
    assert again == done
    assert len(t.events("stock.posted")) == 3


def test_one_go_or_nothing(t: Trader) -> None:
    made = t.order((BASE, "600"))
    with pytest.raises(AppError) as refusal:
        t.in_one_go(
            made, 0, "600", lot_code="L-1", accepted="600", checks=GOOD, bin_id=t.places["ZJ-C-1"]
        )
    assert refusal.value.code == "bin_full"
    assert t.stands(BASE) == {}
    assert t.again(made).lines[0].received == 0
    assert t.inbox("李某") == ["receive"]


def test_one_go_without_judgement_leaves_a_task_for_it(t: Trader) -> None:
    made = t.order((BASE, "24"))
    done = t.in_one_go(made, 0, "24", lot_code="L-1")
    assert (done.inspection, done.putaway) == (None, None)
    assert done.sentence == "收 2 箱：待检 2 箱"
    assert t.inbox("李某") == ["inspect"]


def test_goods_without_inspection_can_still_be_refused_at_the_dock(t: Trader) -> None:
    made = t.order((CUP, "100"))
    t.in_one_go(
        made, 0, "100", accepted="90", rejected="10", reason="受潮", bin_id=t.places["ZJ-A-1"]
    )
    assert t.stands(CUP) == {"ZJ-A-1/ok": "90", "ZJ-DOCK/hold": "10"}


def test_serials_are_judged_piece_by_piece(t: Trader) -> None:
    made = t.order((SCALE, "3"))
    t.in_one_go(
        made, 0, "3", serials=("S1", "S2", "S3"), accepted="2", rejected="1", reason="屏碎",
        rejected_serials=("S2",), bin_id=t.places["ZJ-A-1"],
    )  # fmt: skip
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "2", "ZJ-DOCK/hold": "1"}
    t.proven()
