"""Inspection and the decision about what failed; story B5's stock side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.decision import Decide, Decided, decide
from core.orders.inspection import Inspect, Inspection, inspect, inspection
from core.orders.rules import CHECK_MISSING
from core.tasks.queries import attachments_of
from tests.core.orders_world import BASE, CUP, GOOD, SCALE, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def say(t: Trader, found: Inspection, what: str, *, by: str = "陈晨", op: str = "") -> Decided:
    ask = Decide(op or t.op(), found.id, what, "与供应商谈妥")
    return t.do(lambda tx: decide(tx, t.people[by], ask))


def test_part_passes_and_part_is_held_in_the_same_transaction(t: Trader) -> None:
    made = t.order((BASE, "288"))
    line = t.arrive(made, t.bring(made, 0, "288", "L-1")).lines[0]
    found = t.judge(line, "240", "48")
    assert found.state == "failed"
    assert found.whole_lot is False
    assert t.stands(BASE) == {"ZJ-DOCK/ok": "240", "ZJ-DOCK/hold": "48"}
    assert t.lot(BASE, "L-1").state == "ok"
    assert t.inbox("李某") == ["putaway"]
    assert t.task("putaway").title == "上架 · 低糖基料 20 箱"
    assert len({task.group for task in t.tasks("qc_decide") + t.tasks("qc_claim")}) == 1
    t.proven()


def test_inspection_may_go_in_steps(t: Trader) -> None:
    made = t.order((BASE, "288"))
    line = t.arrive(made, t.bring(made, 0, "288", "L-1")).lines[0]
    t.judge(line, "120")
    assert t.inbox("李某") == ["inspect", "putaway"]
    t.shelve(line, "120", "ZJ-C-1")
    t.judge(line, "168")
    after = t.line(line)
    assert (after.to_inspect, after.accepted, after.stocked) == (0, q("288"), q("120"))
    assert t.task("putaway").title == "上架 · 低糖基料 14 箱"
    with pytest.raises(AppError) as refusal:
        t.judge(line, "1")
    assert refusal.value.code == "too_much_inspected"


def test_a_rejection_needs_its_reason_and_an_acceptance_its_checks(t: Trader) -> None:
    made = t.order((BASE, "24"))
    line = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines[0]
    ask = Inspect(t.op(), line.id, q("20"), q("4"), checks=GOOD)
    li = t.people["李某"]
    assert t.refused(lambda tx: inspect(tx, li, ask)).code == "reason_needed"
    empty = replace(ask, rejected=0, accepted=q("24"), checks={"seal": "ok"})
    refusal = t.refused(lambda tx: inspect(tx, li, empty))
    assert refusal.kind == CHECK_MISSING
    assert "到货温度" in refusal.say("zh")
    warm = replace(empty, checks={"seal": "ok", "temp": "12"})
    refusal = t.refused(lambda tx: inspect(tx, li, warm))
    assert "12 高于 8" in refusal.say("zh")
    nothing = replace(ask, accepted=0, rejected=0)
    assert t.refused(lambda tx: inspect(tx, li, nothing)).code == "bad_quantity"
    assert t.refused(lambda tx: inspect(tx, t.people["陈晨"], ask)).code == "forbidden"
    # what is refused at first sight needs no filled-in list, and a failed check excuses no reason
    t.judge(line, "0", "24", checks={})


def test_photos_hang_on_the_tasks_that_need_them(t: Trader) -> None:
    made = t.order((BASE, "24"))
    line = t.arrive(made, t.bring(made, 0, "24", "L-1")).lines[0]
    photo = t.photo()
    t.judge(line, "20", "4", photos=(photo,))
    task = t.task("qc_claim")
    assert task.card.picture == photo
    hung = t.db.read_now(lambda conn: attachments_of(conn, task.id))
    assert [each.file_id for each in hung] == [photo]


def test_a_wholly_rejected_line_stops_its_lot_everywhere(t: Trader) -> None:
    t.put(BASE, "36", "ZJ-A-1", "L-7")
    early = t.order((BASE, "12"))
    waiting = t.arrive(early, t.bring(early, 0, "12", "L-7")).lines[0]
    found = t.fail_a_lot("L-7")
    assert found.whole_lot
    assert t.lot(BASE, "L-7").state == "held"
    assert t.stands(BASE) == {"ZJ-A-1/hold": "36", "ZJ-DOCK/hold": "300"}
    assert t.line(waiting).held == q("12")
    late = t.order((BASE, "24"))
    line = t.arrive(late, t.bring(late, 0, "24", "L-7")).lines[0]
    assert (line.held, line.to_inspect) == (q("24"), 0)
    assert t.inbox("李某") == []
    t.proven()


def test_return_sends_all_of_a_stopped_lot_back(t: Trader) -> None:
    found = t.fail_a_lot("L-7")
    late = t.order((BASE, "24"))
    line = t.arrive(late, t.bring(late, 0, "24", "L-7")).lines[0]
    done = say(t, found, "return", op="decide-0001")
    assert done.sentence == "退回供应商 · 低糖基料 26 箱"
    assert t.stands(BASE) == {}
    assert t.line(line).held == 0
    assert t.lot(BASE, "L-7").state == "held", "more of it is still not welcome"
    assert t.inbox("陈晨") == []
    assert t.inbox("周律") == ["qc_legal"]
    assert say(t, found, "return", op="decide-0001") == done
    with pytest.raises(AppError) as refusal:
        say(t, found, "scrap")
    assert refusal.value.code == "already_decided"
    t.proven()


def test_concession_frees_the_lot_and_calls_the_others_off(t: Trader) -> None:
    t.put(BASE, "36", "ZJ-A-1", "L-7")
    found = t.fail_a_lot("L-7")
    say(t, found, "concession")
    assert t.stands(BASE) == {"ZJ-A-1/ok": "36", "ZJ-DOCK/ok": "288"}
    assert t.lot(BASE, "L-7").state == "ok"
    for name in ("周律", "王老板", "陈晨"):
        assert t.inbox(name) == []
    assert t.inbox("李某") == ["putaway"]
    [legal] = t.tasks("qc_legal", live=False)
    assert legal.state == "cancelled"
    t.proven()


@pytest.mark.parametrize(
    ("what", "after"),
    [
        ("return", {"ZJ-DOCK/ok": "240"}),
        ("scrap", {"ZJ-DOCK/ok": "240", "SCRAP/rejected": "48"}),
        ("concession", {"ZJ-DOCK/ok": "288"}),
    ],
)
def test_a_part_rejection_is_decided_for_that_part(
    t: Trader, what: str, after: dict[str, str]
) -> None:
    made = t.order((BASE, "288"))
    line = t.arrive(made, t.bring(made, 0, "288", "L-1")).lines[0]
    say(t, t.judge(line, "240", "48"), what)
    assert t.stands(BASE) == after
    now = t.line(line)
    assert now.quantity == now.accepted + now.rejected
    assert now.held == 0
    t.proven()


def test_a_decision_about_a_whole_lot_covers_its_earlier_failures(t: Trader) -> None:
    made = t.order((BASE, "48"), (BASE, "48"))
    got = t.arrive(made, t.bring(made, 0, "48", "L-7"), t.bring(made, 1, "48", "L-7"))
    first = t.judge(got.lines[0], "40", "8")
    second = t.judge(got.lines[1], "0", "48")
    say(t, second, "scrap")
    earlier = t.db.read_now(lambda conn: inspection(conn, first.id))
    assert (earlier.state, earlier.decision) == ("decided", "scrap")
    assert t.tasks("qc_decide") == []
    assert t.stands(BASE) == {"SCRAP/rejected": "96"}
    t.proven()


def test_rejected_serials_go_back_by_name(t: Trader) -> None:
    made = t.order((SCALE, "3"))
    line = t.arrive(made, t.bring(made, 0, "3", serials=("S1", "S2", "S3"))).lines[0]
    with pytest.raises(AppError) as refusal:
        t.judge(line, "2", "1", checks={})
    assert refusal.value.code == "serials_differ"
    found = t.judge(line, "2", "1", checks={}, rejected_serials=("S2",))
    say(t, found, "return")
    assert t.stands(SCALE) == {"ZJ-DOCK/ok": "2"}
    t.proven()


def test_only_those_who_may_decide_decide_and_with_a_reason(t: Trader) -> None:
    found = t.fail_a_lot()
    ask = Decide(t.op(), found.id, "return", " ")
    assert t.refused(lambda tx: decide(tx, t.people["陈晨"], ask)).code == "reason_needed"
    assert t.refused(lambda tx: decide(tx, t.people["李某"], ask)).code == "forbidden"
    odd = replace(ask, decision="burn", reason="x")
    assert t.refused(lambda tx: decide(tx, t.people["陈晨"], odd)).code == "unknown_choice"


@pytest.mark.parametrize(("good", "bad"), [("100", "0"), ("60", "40"), ("0", "100"), ("99", "1")])
def test_received_equals_stocked_plus_rejected(t: Trader, good: str, bad: str) -> None:
    made = t.order((BASE, "100"), (CUP, "7"))
    got = t.arrive(made, t.bring(made, 0, "100", "L-1"), t.bring(made, 1, "7"))
    t.judge(got.lines[0], good, bad)
    if good != "0":
        t.shelve(got.lines[0], good, "ZJ-C-1")
    t.shelve(got.lines[1], "7", "ZJ-A-1")
    for line in map(t.line, got.lines):
        assert line.quantity == line.stocked + line.rejected
    t.proven()
