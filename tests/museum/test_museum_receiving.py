"""Regression museum, receiving and counting: defects that others published, each by its thread."""

from __future__ import annotations

from concurrent.futures import Future, wait

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.count import (
    CountedLine,
    FinishCount,
    Finished,
    OpenCount,
    RecordCount,
    finish,
    lines_of,
    open_count,
    record,
)
from core.orders.decision import Decide, decide
from core.orders.inspection import inspection
from core.orders.putaway import suggest
from core.orders.quick import Issue, issue
from core.orders.receipt import ReceiveRest, receive_rest
from core.orders.transfer import (
    AskLine,
    AskTransfer,
    ReceiveTransfer,
    SendTransfer,
    ask_transfer,
    receive_transfer,
    send_transfer,
)
from core.people import ENGINE
from tests.core.orders_world import BASE, CUP, SPICE, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def counted(
    t: Trader, count_id: str, place: str, name: str, quantity: str, *, by: str = "李某"
) -> None:
    seen = CountedLine(t.places[place], t.items[name], q(quantity))
    ask = RecordCount(t.op(), count_id, (seen,))
    t.do(lambda tx: record(tx, t.people[by], ask))


def count_of(t: Trader, percent: int = 5) -> str:
    ask = OpenCount(t.op(), f"PD-{t.ops}", t.warehouses["张江仓"], threshold_percent=percent)
    return t.do(lambda tx: open_count(tx, t.people["李某"], ask))


def finished(t: Trader, count_id: str, by: str = "李某", reason: str = "") -> tuple[str, ...]:
    ask = FinishCount(t.op(), count_id, reason)
    return t.do(lambda tx: finish(tx, t.people[by], ask)).conflicts


def test_erpnext_47331_a_receipt_with_one_failed_line_of_two_completes(t: Trader) -> None:
    made = t.order((BASE, "24"), (BASE, "12"))
    got = t.arrive(made, t.bring(made, 0, "24", "L-1"), t.bring(made, 1, "12", "L-2"))
    t.judge(got.lines[0], "24")
    t.judge(got.lines[1], "0", "12")
    t.shelve(got.lines[0], "24", "ZJ-C-1")
    assert t.again(made).state == "closed"
    good, bad = (t.line(line) for line in got.lines)
    assert (good.stocked, bad.rejected) == (q("24"), q("12"))
    assert t.stands(BASE) == {"ZJ-C-1/ok": "24", "ZJ-DOCK/hold": "12"}
    t.proven()


def test_oca_barcode_717_complete_rest_after_5_of_10_gives_10(t: Trader) -> None:
    made = t.order((CUP, "10"))
    t.arrive(made, t.bring(made, 0, "5"))
    li = t.people["李某"]
    done = t.do(lambda tx: receive_rest(tx, li, ReceiveRest(t.op(), made.id)))
    assert [line.quantity for line in done.lines] == [q("5")]
    assert t.again(made).lines[0].received == q("10")
    assert t.stands(CUP) == {"ZJ-DOCK/ok": "10"}
    again = ReceiveRest(t.op(), made.id)
    assert t.refused(lambda tx: receive_rest(tx, li, again)).code == "nothing_open"


def test_oca_barcode_578_the_putaway_rule_holds_when_receiving_by_scan(t: Trader) -> None:
    lot_id = t.put(BASE, "10", "ZJ-A-3", "L-1")
    made = t.order((BASE, "24"))
    t.in_one_go(made, 0, "24", lot_code="L-1", accepted="24", checks={"seal": "ok", "temp": "4"})
    [best] = t.db.read_now(
        lambda conn: suggest(conn, t.items[BASE], lot_id, q("24"), t.warehouses["张江仓"], limit=1)
    )
    task = t.task("putaway")
    assert best.code == "ZJ-A-3"
    assert task.card.buttons[0].label == "放到 ZJ-A-3"
    t.press("李某", task, "put_away", face="pda")
    assert t.stands(BASE) == {"ZJ-A-3/ok": "34"}


def test_odoo_8344_a_suggestion_costs_the_same_among_many_bins(t: Trader) -> None:
    """The number of statements does not depend on the number of bins (here: constant)."""
    from sqlalchemy import event

    from core.catalog import NewLocation, add_locations

    asked: list[str] = []

    def cost() -> int:
        asked.clear()

        def query(conn: object) -> object:
            from sqlalchemy import Connection

            assert isinstance(conn, Connection)

            def note(*args: object) -> None:
                asked.append(str(args[2]))

            event.listen(conn, "before_cursor_execute", note)
            return suggest(conn, t.items[CUP], 0, q("1"), t.warehouses["张江仓"])

        t.db.read_now(query)
        return len(asked)

    few = cost()
    many = [NewLocation(f"ZJ-B-{n:05d}", "bin", "", t.warehouses["张江仓"]) for n in range(2_000)]
    t.do(lambda tx: add_locations(tx, ENGINE, many))
    assert cost() == few
    assert all("LIMIT" in text for text in asked if "FROM location" in text)


def test_oca_warehouse_2343_a_delivery_during_a_count_is_named_and_the_rest_applies(
    t: Trader,
) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    t.put(CUP, "100", "ZJ-A-2")
    count_id = count_of(t)
    counted(t, count_id, "ZJ-A-1", CUP, "98")
    counted(t, count_id, "ZJ-A-2", CUP, "97")
    ask = Issue(t.op(), t.items[CUP], q("30"), t.places["ZJ-A-1"])
    t.do(lambda tx: issue(tx, t.people["王师傅"], ask))
    [conflict] = finished(t, count_id)
    assert conflict == "ZJ-A-1 的 纸杯：盘点后账上有变动（100 → 70），请重数这一格。"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "70", "ZJ-A-2/ok": "97"}
    assert t.inbox("李某") == ["count"]
    counted(t, count_id, "ZJ-A-1", CUP, "68")
    assert finished(t, count_id) == ()
    assert t.stands(CUP) == {"ZJ-A-1/ok": "68", "ZJ-A-2/ok": "97"}
    assert t.inbox("李某") == []
    t.proven()


def test_erpnext_55066_a_line_without_variance_stays_as_evidence(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = count_of(t)
    counted(t, count_id, "ZJ-A-1", CUP, "100")
    assert finished(t, count_id) == ()
    [line] = t.db.read_now(lambda conn: lines_of(conn, count_id))
    assert (line.state, line.counted, line.expected) == ("same", q("100"), q("100"))
    assert line.counted_by == t.people["李某"].person_id
    assert line.counted_at == t.clock.now()
    assert [each.payload["kind"] for each in t.events("stock.posted")] == ["opening"]


def test_inventree_12718_two_counts_at_once_apply_the_difference_once(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    first, second = count_of(t), count_of(t)
    counted(t, first, "ZJ-A-1", CUP, "98")
    counted(t, second, "ZJ-A-1", CUP, "98", by="王师傅")

    def submit(ask: FinishCount, who: str) -> Future[Finished]:
        return t.db.submit(lambda tx: finish(tx, t.people[who], ask))

    asks = [(FinishCount(t.op(), each), who) for each, who in ((first, "李某"), (second, "王师傅"))]
    running = [submit(ask, who) for ask, who in asks]
    wait(running)
    results = [each.result() for each in running]
    assert sorted(len(each.conflicts) for each in results) == [0, 1]
    assert t.stands(CUP) == {"ZJ-A-1/ok": "98"}
    t.proven()


def test_inventree_12718_the_same_count_finished_by_two_people_is_finished_once(t: Trader) -> None:
    t.put(CUP, "100", "ZJ-A-1")
    count_id = count_of(t)
    counted(t, count_id, "ZJ-A-1", CUP, "98")
    finished(t, count_id)
    with pytest.raises(AppError) as refusal:
        finished(t, count_id, by="王师傅")
    assert refusal.value.code == "wrong_state"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "98"}


def test_erpnext_57064_27_565_counted_to_0_leaves_exactly_0(t: Trader) -> None:
    t.put(SPICE, "27.565", "ZJ-A-1")
    count_id = count_of(t)
    counted(t, count_id, "ZJ-A-1", SPICE, "0")
    counted(t, count_id, "ZJ-A-1", SPICE, "0", by="王师傅")
    assert finished(t, count_id, by="赵主管", reason="整袋受潮报损") == ()
    assert t.stands(SPICE) == {}
    t.proven()


def test_greaterwms_134_an_over_pick_is_refused_and_never_clamped(t: Trader) -> None:
    t.put(CUP, "8", "ZJ-A-1")
    ask = Issue(t.op(), t.items[CUP], q("12"), t.places["ZJ-A-1"])
    refusal = t.refused(lambda tx: issue(tx, t.people["李某"], ask))
    assert refusal.code == "not_enough"
    assert "8" in refusal.say("zh")
    assert "12" in refusal.say("zh")
    assert t.stands(CUP) == {"ZJ-A-1/ok": "8"}
    t.proven()


def test_erpnext_53589_a_second_delivery_adds_to_the_line_and_nothing_is_prefilled(
    t: Trader,
) -> None:
    made = t.order((CUP, "10"))
    assert made.lines[0].received == 0
    t.arrive(made, t.bring(made, 0, "3"))
    t.arrive(made, t.bring(made, 0, "2"))
    after = t.again(made)
    assert len(after.lines) == 1
    assert (after.lines[0].received, after.lines[0].open_quantity) == (q("5"), q("5"))


def test_erpnext_41716_200_sent_100_good_100_bad_are_200_in_all(t: Trader) -> None:
    """Goods on a round trip are conserved: nothing is in the books twice on the way."""
    t.put(CUP, "200", "ZJ-A-1")
    li = t.people["李某"]
    ask = AskTransfer(
        t.op(), "DB-1", t.warehouses["张江仓"], t.warehouses["松江仓"],
        (AskLine(t.items[CUP], q("200")),),
    )  # fmt: skip
    made = t.do(lambda tx: ask_transfer(tx, li, ask))
    t.do(lambda tx: send_transfer(tx, li, SendTransfer(t.op(), made.id)))
    assert t.stands(CUP) == {"SJ-TRANSIT/ok": "200"}
    t.do(lambda tx: receive_transfer(tx, li, ReceiveTransfer(t.op(), made.id)))
    dock = t.places["SJ-DOCK"]
    bad = stock.Line(t.items[CUP], q("100"), dock, dock, to_status="rejected")
    t.do(lambda tx: stock.post(tx, ENGINE, stock.Posting(t.op(), "hold", (bad,), reason="破")))
    assert t.stands(CUP) == {"SJ-DOCK/ok": "100", "SJ-DOCK/rejected": "100"}
    t.proven()


def test_a_hold_breaks_the_promises_it_must_and_says_so(t: Trader) -> None:
    lot_id = t.put(BASE, "36", "ZJ-A-1", "L-7")
    wish = stock.Reserve(t.op(), t.items[BASE], q("30"), t.warehouses["张江仓"], for_="order:9")
    promised = t.do(lambda tx: stock.reserve(tx, ENGINE, wish))
    t.fail_a_lot("L-7")
    assert t.stands(BASE) == {"ZJ-A-1/hold": "36", "ZJ-DOCK/hold": "288"}
    [broken] = t.events("stock.reservation_broken")
    assert str(promised.reservation_id) in broken.subject or (
        broken.payload.get("reservation") == promised.reservation_id
    )
    assert t.db.read_now(lambda conn: stock.available(conn, t.items[BASE])) == 0
    assert t.lot(BASE, "L-7").id == lot_id
    t.proven()


def test_erpnext_pr_25742_a_hundred_replays_of_every_step_change_nothing(t: Trader) -> None:
    made = t.order((BASE, "24"))
    line = t.bring(made, 0, "24", "L-1")
    first = t.arrive(made, line, op="pda-rcv-01")
    judged = t.judge(first.lines[0], "0", "24", op="pda-qc-001")
    ask = Decide("pda-dec-01", judged.id, "scrap", "不能用")
    buyer = t.people["陈晨"]
    decided = t.do(lambda tx: decide(tx, buyer, ask))
    before = len(t.events("stock.posted")), len(t.events("task.opened"))
    for _ in range(100):
        assert t.arrive(made, line, op="pda-rcv-01") == first
        assert t.judge(first.lines[0], "0", "24", op="pda-qc-001") == judged
        assert t.do(lambda tx: decide(tx, buyer, ask)) == decided
    assert (len(t.events("stock.posted")), len(t.events("task.opened"))) == before
    assert t.db.read_now(lambda conn: inspection(conn, judged.id)).state == "decided"
    assert t.stands(BASE) == {"SCRAP/rejected": "24"}
    t.proven()


def test_an_operation_older_than_its_kept_answer_is_still_not_done_twice(t: Trader) -> None:
    """The answer is kept eight days; the ledger's own key stays for ever."""
    from core.clock import DAY
    from core.retention import retire_now

    t.put(CUP, "10", "ZJ-A-1")
    ask = Issue("issue-0001", t.items[CUP], q("4"), t.places["ZJ-A-1"])
    li = t.people["李某"]
    t.do(lambda tx: issue(tx, li, ask))
    t.clock.advance(9 * DAY)
    assert t.do(retire_now) > 0
    assert t.refused(lambda tx: issue(tx, li, ask)).code == "key_reused"
    assert t.stands(CUP) == {"ZJ-A-1/ok": "6"}
