"""What an order was promised and lost again, and who gets the goods that come later."""

from __future__ import annotations

import pytest

from core.clock import DAY, HOUR, MINUTE, ManualClock
from core.db import Database
from core.orders.sales.book import Sale
from core.orders.sales.promise import AT_ONCE, Filling, came
from core.quantity import plain
from core.stock import expire, hold_lot
from tests.core.orders_world import CUP, MILK, q
from tests.core.sales_world import BOSS, KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def out_of_two_lots(s: Shop) -> tuple[Sale, int]:
    """Twelve bottles are sold: six of a lot that turns out bad, six of another; the bad lot."""
    bad = s.t.put(MILK, "6", "ZJ-A-1", "BAD", expires_on="2026-05-01")
    s.t.put(MILK, "6", "ZJ-A-2", "GOOD", expires_on="2026-09-01")
    return s.sell((MILK, "12")), bad


def stop_lot(s: Shop, lot_id: int) -> None:
    s.t.do(lambda tx: hold_lot(tx, s.t.people[BOSS], lot_id, s.t.op(), "异味"))


def promised(s: Shop, made: Sale) -> tuple[str, str]:
    """What the first line is promised, and what it misses."""
    line = s.again(made).lines[0]
    return plain(line.promised), plain(line.missing)


def test_an_order_that_lost_half_of_its_goods_asks_for_the_other_half(s: Shop) -> None:
    made, bad = out_of_two_lots(s)
    stop_lot(s, bad)
    assert s.fill() == 1
    assert promised(s, made) == ("6", "6")
    assert s.t.task("shortage").subject == f"sale_line:{made.lines[0].id}"
    s.t.put(MILK, "50", "ZJ-A-3", "NEW", expires_on="2026-10-01")
    assert s.fill() == 1
    assert promised(s, made) == ("12", "0")
    assert s.t.tasks("shortage") == []
    s.walk(s.release(made))
    s.pack(made, ((MILK, "12"),))
    s.ship(made)
    assert s.again(made).state == "shipped"
    s.t.proven()


def test_what_was_lost_is_found_when_the_rest_has_left_already(s: Shop) -> None:
    made, bad = out_of_two_lots(s)
    stop_lot(s, bad)
    s.walk(s.release(made))
    s.pack(made, ((MILK, "6"),))
    s.ship(made)
    s.t.put(MILK, "50", "ZJ-A-3", "NEW", expires_on="2026-10-01")
    assert s.fill() == 1
    assert promised(s, made) == ("6", "0")
    assert [each.sale_ids for each in s.suggested()] == [(made.id,)]


def test_lost_goods_go_to_whoever_ships_first_like_all_others(s: Shop) -> None:
    made, bad = out_of_two_lots(s)
    soon = s.sell((MILK, "6"), ship_on="2026-03-02")
    stop_lot(s, bad)
    s.t.put(MILK, "6", "ZJ-A-3", "NEW", expires_on="2026-10-01")
    assert s.fill() == 2
    assert (promised(s, soon), promised(s, made)) == (("6", "0"), ("6", "6"))


async def test_the_engine_sees_a_loss_after_it_had_come_to_rest(
    s: Shop, clock: ManualClock
) -> None:
    made, bad = out_of_two_lots(s)
    step = Filling(s.t.db, clock).step()
    assert await step.run() == 0
    s.t.put(CUP, "1", "ZJ-A-4")
    stop_lot(s, bad)
    clock.advance(MINUTE)
    assert (await step.run(), await step.run()) == (1, 0)
    assert promised(s, made) == ("6", "6")


def test_a_hundred_orders_that_wait_in_vain_keep_nobody_from_his_goods(s: Shop) -> None:
    for _ in range(AT_ONCE):
        s.sell((CUP, "1"), ship_on="2026-03-03")
    late = s.sell((MILK, "1"), ship_on="2026-03-04")
    s.t.put(MILK, "10", "ZJ-A-1", "M-1")
    assert s.fill() == 1
    assert promised(s, late) == ("1", "0")


def test_goods_that_nobody_may_be_promised_are_not_looked_for_again_and_again(s: Shop) -> None:
    """In another warehouse, stopped, not looked at, too old by then or today, or taken."""
    taken = s.sell((CUP, "3"))
    s.sell((MILK, "4"), ship_on="2026-02-20")
    s.sell((MILK, "4"), ship_on="2026-04-20")
    s.t.put(MILK, "9", "SJ-A-1", "ELSE")
    s.t.put(MILK, "9", "ZJ-A-1", "SEEN", status="inspect")
    s.t.put(MILK, "9", "ZJ-A-2", "TODAY", expires_on="2026-03-01")
    stop_lot(s, s.t.put(MILK, "9", "ZJ-A-3", "BAD"))
    assert s.t.db.read_now(lambda conn: came(conn, s.t.clock.now())) == []
    s.t.put(CUP, "3", "ZJ-A-4")
    assert s.fill() == 1
    s.sell((CUP, "3"))
    assert (promised(s, taken), s.fill()) == (("3", "0"), 0)


@pytest.mark.parametrize("day", ["2026-03-03", "20260303", "2026-W10-2"])
def test_a_day_is_the_same_day_however_it_is_written(s: Shop, day: str) -> None:
    """「20260303」 comes after every 「2026-…」 as a text: everything had expired by then."""
    s.t.put(MILK, "10", "ZJ-A-1", "M-1", expires_on="2026-12-31")
    made = s.sell((MILK, "2"), ship_on=day)
    assert promised(s, made) == ("2", "0")
    assert made.ship_on == s.again(made).ship_on == "2026-03-03"


def face_to_fill(s: Shop) -> None:
    """Eight cups are left where ten should be; 32 lie ready in reserve, and a day goes by."""
    t = s.t
    t.put(CUP, "12", "ZJ-A-1")
    t.put(CUP, "200", "ZJ-A-4")
    s.face("ZJ-A-1", CUP, "10", "40")
    s.walk(s.release(s.sell((CUP, "4"))))
    assert "32" in t.task("replenish").title
    t.clock.advance(DAY + HOUR)
    assert t.do(expire) == 1


def test_a_face_that_is_filled_a_day_late_gets_what_was_carried(s: Shop) -> None:
    t = s.t
    face_to_fill(s)
    assert "32" in t.press(KEEPER, t.task("replenish"), "replenish").sentence
    assert t.stands(CUP)["ZJ-A-1/ok"] == "40"
    t.proven()


def test_a_face_that_was_filled_by_hand_meanwhile_asks_no_more(s: Shop) -> None:
    t = s.t
    face_to_fill(s)
    t.put(CUP, "32", "ZJ-A-1")
    assert "已经够了" in t.press(KEEPER, t.task("replenish"), "replenish").sentence
    assert t.stands(CUP)["ZJ-A-1/ok"] == "40"
    assert t.tasks("replenish") == []


def asked_to_refill(s: Shop, name: str = CUP, lot: str = "") -> int:
    """Four are left where ten should be, and the books say that 200 lie in reserve; their lot."""
    t = s.t
    t.put(name, "12", "ZJ-A-1", lot and "OLD")
    lot_id = t.put(name, "200", "ZJ-A-4", lot)
    s.face("ZJ-A-1", name, "10", "40")
    s.walk(s.release(s.sell((name, "8"))))
    assert "36" in t.task("replenish").title
    return lot_id


def test_a_reserve_that_is_empty_is_counted_and_nobody_is_sent_there_again(s: Shop) -> None:
    t = s.t
    asked_to_refill(s)
    refusal = t.press_refused(KEEPER, t.task("replenish"), "none_left")
    assert "为什么没补" in refusal.say("zh")
    told = t.press(KEEPER, t.task("replenish"), "none_left", reason="备货区是空的").sentence
    assert told == "没补 纸杯：备货区是空的。账上 ZJ-A-4 还有货，已请人盘点"
    assert (t.tasks("replenish"), len(t.tasks("count"))) == ([], 1)
    assert t.stands(CUP) == {"ZJ-A-1/ok": "4", "ZJ-A-4/hold": "200", "ZJ-OUT/ok": "8"}
    s.walk(s.release(s.sell((CUP, "2"))))
    assert t.tasks("replenish") == []
    t.proven()


def test_a_face_that_has_enough_is_left_alone_and_the_promise_let_go(s: Shop) -> None:
    t = s.t
    asked_to_refill(s)
    told = t.press(KEEPER, t.task("replenish"), "none_left", reason="架上还够").sentence
    assert told == "没补 纸杯：架上还够"
    assert (t.tasks("replenish"), t.tasks("count")) == ([], [])
    assert t.stands(CUP)["ZJ-A-4/ok"] == "200"
    assert s.again(s.sell((CUP, "200"))).lines[0].promised == q(200), "the reserve is free again"


def test_a_reserve_whose_lot_is_stopped_can_be_given_up(s: Shop) -> None:
    t = s.t
    stop_lot(s, asked_to_refill(s, MILK, "M-1"))
    task = t.task("replenish")
    assert t.press_refused(KEEPER, task, "replenish").code == "reservation_closed"
    told = t.press(KEEPER, task, "none_left", reason="货坏了").sentence
    assert told == "没补 燕麦奶：货坏了"
    assert (t.tasks("replenish"), t.tasks("count")) == ([], [])
    t.proven()
