"""Goods out, from the order to the lorry: promised, walked for, packed, gone; and back again."""

from __future__ import annotations

import pytest

from core.clock import MINUTE, ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.sales.pack import PackRest, pack_rest
from core.orders.sales.pick import Pick, PickRest, pick, pick_rest
from core.orders.sales.promise import Filling
from core.orders.sales.returns import (
    CustomerReturn,
    Scrap,
    SupplierReturn,
    customer_return,
    scrap,
    supplier_return,
)
from core.quantity import plain
from core.stock import hold_lot
from tests.core.orders_world import CUP, MILK, SCALE, q
from tests.core.sales_world import KEEPER, SELLER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def test_an_order_goes_from_the_shelf_to_the_lorry(s: Shop) -> None:
    """Reserve → wave → pick → pack → ship: what was promised leaves, nothing else moves."""
    t = s.t
    t.put(CUP, "500", "ZJ-A-2")
    t.put(MILK, "48", "ZJ-A-1", "M-1", expires_on="2026-06-30")
    made = s.sell((CUP, "100"), (MILK, "24"), carrier="SF")
    assert [plain(line.promised) for line in made.lines] == ["100", "24"]
    wave = s.release(made)
    assert [stop.bin for stop in wave.lines] == ["ZJ-A-1", "ZJ-A-2"]
    assert s.again(made).state == "picking"
    assert t.inbox(KEEPER) == ["pick"]
    first = s.pick(wave.lines[0])
    assert [(each.orders, each.stops, each.done) for each in s.board()] == [(1, 2, 1)]
    assert (first.stops_left, first.sentence) == (1, "燕麦奶 24 瓶 从 ZJ-A-1 拣出")
    s.pick(wave.lines[1])
    assert s.wave(wave).state == "done"
    assert s.again(made).state == "picked"
    assert t.inbox(KEEPER) == ["pack"]
    assert t.stands(CUP) == {"ZJ-A-2/ok": "400", "ZJ-OUT/ok": "100"}
    packed = s.pack(made, ((CUP, "60"),), ((CUP, "40"), (MILK, "24")))
    assert (packed.state, packed.unpacked) == ("packed", 0)
    assert [each.code for each in s.boxes(made)] == [f"{made.code}-1", f"{made.code}-2"]
    assert t.inbox(KEEPER) == ["ship"]
    gone = s.ship(made, tracking="SF123")
    assert (gone.boxes, gone.state) == (2, "shipped")
    assert t.inbox(KEEPER) == []
    assert t.stands(CUP) == {"ZJ-A-2/ok": "400"}
    assert {each.tracking for each in s.boxes(made)} == {"SF123"}
    t.proven()


def test_what_expires_before_it_ships_is_not_promised(s: Shop) -> None:
    """FEFO at the ship date (odoo PR 117138): the older lot is skipped when it would be too old."""
    s.t.put(MILK, "10", "ZJ-A-1", "OLD", expires_on="2026-03-10")
    s.t.put(MILK, "10", "ZJ-A-2", "NEW", expires_on="2026-08-01")
    made = s.sell((MILK, "12"), ship_on="2026-03-20")
    assert plain(made.lines[0].promised) == "10"
    assert plain(made.lines[0].missing) == "2"
    wave = s.release(made)
    assert [stop.lot for stop in wave.lines] == ["NEW"]


def test_a_stop_is_booked_once_whoever_books_it(s: Shop) -> None:
    """A repeat gets the first answer; a second person hears that it is done."""
    s.t.put(CUP, "50", "ZJ-A-1")
    wave = s.release(s.sell((CUP, "10")))
    stop = wave.lines[0]
    first = s.pick(stop, op="scan-0001")
    assert s.pick(stop, op="scan-0001") == first
    other = Pick(s.t.op(), stop.id)
    refusal = s.t.refused(lambda tx: pick(tx, s.t.people["王师傅"], other))
    assert refusal.code == "already_picked"
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "40", "ZJ-OUT/ok": "10"}


def test_another_bin_or_too_much_moves_nothing(s: Shop) -> None:
    """Museum: GreaterWMS clamps an over-pick to zero; here it is refused with the number."""
    s.t.put(CUP, "50", "ZJ-A-1")
    stop = s.release(s.sell((CUP, "10"))).lines[0]
    with pytest.raises(AppError) as wrong:
        s.pick(stop, place="ZJ-A-2")
    assert wrong.value.code == "pick_wrong_place"
    with pytest.raises(AppError) as much:
        s.pick(stop, "11")
    assert "还要 10" in much.value.say("zh")
    assert s.t.stands(CUP) == {"ZJ-A-1/ok": "50"}


def test_a_short_pick_walks_on_to_another_bin_and_has_the_first_one_counted(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    t.put(CUP, "30", "ZJ-A-3")
    made = s.sell((CUP, "10"))
    stop = s.release(made).lines[0]
    went = s.short(stop, "4")
    assert (plain(went.elsewhere), went.missing, went.stops_left) == ("6", 0, 1)
    assert "改从别的库位拣 6" in went.sentence
    assert t.stands(CUP) == {"ZJ-A-1/hold": "6", "ZJ-A-3/ok": "30", "ZJ-OUT/ok": "4"}
    assert t.inbox(KEEPER) == ["count", "pick"]
    [_, fresh] = s.walked(stop).lines
    assert fresh.bin == "ZJ-A-3"
    s.pick(fresh)
    assert s.again(made).state == "picked"
    t.proven()


def test_a_bin_that_is_empty_promises_nothing_of_what_its_books_say(s: Shop) -> None:
    """240 in the books, none on the shelf: the next order must not be sent there."""
    t = s.t
    t.put(CUP, "240", "ZJ-A-1")
    s.short(s.release(s.sell((CUP, "12"))).lines[0], "0")
    assert t.stands(CUP) == {"ZJ-A-1/hold": "240"}
    assert plain(s.sell((CUP, "5")).lines[0].missing) == "5"
    t.proven()


def test_broken_goods_say_nothing_of_the_others_in_their_bin(s: Shop) -> None:
    t = s.t
    t.put(CUP, "240", "ZJ-A-1")
    s.short(s.release(s.sell((CUP, "12"))).lines[0], "0", "damaged")
    assert t.stands(CUP) == {"ZJ-A-1/hold": "12", "ZJ-A-1/ok": "228"}


def test_what_is_nowhere_is_the_buyers_question_and_substitutes_are_offered(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    t.put(MILK, "40", "ZJ-A-2", "M-1")
    s.substitute(CUP, MILK)
    made = s.sell((CUP, "15"))
    task = t.task("shortage")
    assert "差 5" in task.title
    button = task.card.button("substitute")
    assert button is not None
    assert [key for key, _ in button.inputs[0].options] == ["M-001"]
    t.press("陈晨", task, "substitute", other="M-001")
    after = s.again(made)
    assert [(line.item_name, plain(line.cut), plain(line.promised)) for line in after.lines] == [
        (CUP, "5", "10"),
        (MILK, "0", "5"),
    ]
    assert t.tasks("shortage") == []


def test_goods_that_arrive_are_promised_to_whoever_ships_first(s: Shop) -> None:
    t = s.t
    late = s.sell((CUP, "10"), ship_on="2026-03-09")
    soon = s.sell((CUP, "10"), ship_on="2026-03-04")
    assert len(t.tasks("shortage")) == 2
    t.put(CUP, "12", "ZJ-A-1")
    assert s.fill() == 2
    assert [plain(s.again(each).lines[0].missing) for each in (soon, late)] == ["0", "8"]
    assert [task.subject for task in t.tasks("shortage")] == [f"sale_line:{late.lines[0].id}"]
    assert s.fill() == 0


def test_a_walk_takes_what_came_meanwhile_and_ends_the_question(s: Shop) -> None:
    """Found by the simulator: the buyer was still asked about what had long been picked."""
    made = s.sell((CUP, "5"))
    assert len(s.t.tasks("shortage")) == 1
    s.t.put(CUP, "9", "ZJ-A-1")
    assert [stop.quantity for stop in s.release(made).lines] == [q("5")]
    assert s.t.tasks("shortage") == []


async def test_while_nothing_happens_nobody_looks_for_goods(s: Shop, clock: ManualClock) -> None:
    """A line that waits for a month costs a question a sweep, not a search a minute."""
    s.sell((CUP, "5"))
    step = Filling(s.t.db, clock).step()

    def due() -> int | None:
        return s.t.db.read_now(step.next_due)

    assert due() == 0
    assert await step.run() == 0
    assert due() is None
    s.t.put(CUP, "9", "ZJ-A-1")
    assert due() == clock.now() + MINUTE
    assert await step.run() == 1
    assert (await step.run(), due()) == (0, None)


def test_a_lot_that_is_held_breaks_its_promises_and_the_order_takes_others(s: Shop) -> None:
    t = s.t
    lot = t.put(MILK, "20", "ZJ-A-1", "BAD", expires_on="2026-05-01")
    made = s.sell((MILK, "20"))
    t.put(MILK, "20", "ZJ-A-2", "GOOD", expires_on="2026-09-01")
    t.do(lambda tx: hold_lot(tx, t.people["赵主管"], lot, t.op(), "异味"))
    assert s.fill() == 1
    assert [stop.lot for stop in s.release(made).lines] == ["GOOD"]


def test_the_rest_of_a_walk_and_of_a_box_with_one_button_each(s: Shop) -> None:
    t = s.t
    t.put(CUP, "50", "ZJ-A-1")
    t.put(MILK, "50", "ZJ-A-2", "M-1")
    made = s.sell((CUP, "10"), (MILK, "5"))
    s.release(made)
    t.press(KEEPER, t.task("pick"), "pick_rest")
    assert "SO-" in t.press(KEEPER, t.task("pack"), "pack_rest").sentence
    t.press(KEEPER, t.task("ship"), "ship", tracking="ZT9")
    assert s.again(made).state == "shipped"
    t.proven()


def test_serials_travel_from_bin_to_box_to_customer(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "3", "ZJ-A-1", serials=("S1", "S2", "S3"))
    made = s.sell((SCALE, "2"))
    stop = s.release(made).lines[0]
    refusal = t.refused(lambda tx: pick(tx, t.people[KEEPER], Pick(t.op(), stop.id)))
    assert refusal.code == "serials_needed"
    s.pick(stop, serials=("S1", "S3"))
    done = t.do(lambda tx: pack_rest(tx, t.people[KEEPER], PackRest(t.op(), made.id)))
    assert done.boxes[0].lines[0].serials == ("S1", "S3")
    s.ship(made)
    assert t.stands(SCALE) == {"ZJ-A-1/ok": "1"}
    t.proven()


def test_a_box_holds_only_what_was_picked(s: Shop) -> None:
    s.t.put(CUP, "50", "ZJ-A-1")
    made = s.sell((CUP, "10"))
    s.walk(s.release(made))
    with pytest.raises(AppError) as much:
        s.pack(made, ((CUP, "11"),))
    assert much.value.code == "not_what_was_picked"
    with pytest.raises(AppError):
        s.pack(made, ((MILK, "1"),))
    assert s.boxes(made) == []


def test_half_now_and_half_when_it_comes(s: Shop) -> None:
    """What is missing keeps the order open; what is there leaves today."""
    t = s.t
    t.put(CUP, "6", "ZJ-A-1")
    made = s.sell((CUP, "10"))
    s.walk(s.release(made))
    s.pack(made, ((CUP, "6"),))
    assert s.ship(made).state == "open"
    t.put(CUP, "50", "ZJ-A-2")
    s.fill()
    s.walk(s.release(s.again(made)))
    s.pack(made, ((CUP, "4"),))
    assert s.ship(made).state == "shipped"
    assert t.stands(CUP) == {"ZJ-A-2/ok": "46"}
    t.proven()


def test_a_cancelled_order_lets_go_of_its_goods(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")
    made = s.sell((CUP, "15"))
    assert s.cancel(made).state == "cancelled"
    assert t.tasks("shortage") == []
    other = s.sell((CUP, "10"))
    assert plain(other.lines[0].promised) == "10"
    with pytest.raises(AppError) as refused:
        s.cancel(made)
    assert refused.value.code == "sale_state"


def test_a_rush_order_opens_three_tasks_at_once(s: Shop) -> None:
    """Mission B6: buyer within half an hour, warehouse before all others, finance sees the cash."""
    t = s.t
    t.put(CUP, "100", "ZJ-A-1")
    done = s.rush((CUP, "40"), before=30, after=60)
    asked = [t.task(kind).id for kind in ("rush_stock", "pick", "rush_terms")]
    assert list(done.tasks) == asked
    assert t.task("pick").priority == "urgent"
    cash = {fact.label: fact.value for fact in t.task("rush_terms").card.facts}
    assert cash["货款"] == "140 元"
    assert "晚 30 天" in cash["回款"]
    assert t.task("rush_stock").due_at == t.clock.now() + 30 * MINUTE
    t.press("陈晨", t.task("rush_stock"), "confirm")
    t.press("钱财务", t.task("rush_terms"), "agree")
    assert t.inbox("钱财务") == []


def test_a_picked_face_asks_to_be_filled_from_the_reserve(s: Shop) -> None:
    t = s.t
    t.put(CUP, "12", "ZJ-A-1")
    s.face("ZJ-A-1", CUP, "10", "40")
    s.walk(s.release(s.sell((CUP, "8"))))
    assert t.tasks("replenish") == []  # nothing in reserve: nothing to carry
    t.put(CUP, "200", "ZJ-A-4")
    s.walk(s.release(s.sell((CUP, "2"))))
    task = t.task("replenish")
    assert "到 ZJ-A-1" in task.title
    t.press(KEEPER, task, "replenish")
    assert t.stands(CUP)["ZJ-A-1/ok"] == "40"
    t.proven()


def test_a_customer_returns_at_most_what_was_shipped(s: Shop) -> None:
    t = s.t
    t.put(MILK, "20", "ZJ-A-1", "M-1")
    made = s.sell((MILK, "10"))
    s.walk(s.release(made))
    s.pack(made, ((MILK, "10"),))
    s.ship(made)
    line = made.lines[0].id
    ask = CustomerReturn(t.op(), made.id, line, q(4), "送错了")
    said = t.do(lambda tx: customer_return(tx, t.people[KEEPER], ask)).sentence
    assert "待检查" in said
    assert t.stands(MILK) == {"ZJ-A-1/ok": "10", "ZJ-DOCK/inspect": "4"}
    much = CustomerReturn(t.op(), made.id, line, q(7), "还有")
    refusal = t.refused(lambda tx: customer_return(tx, t.people[KEEPER], much))
    assert refusal.code == "return_too_much"
    t.press(KEEPER, t.task("return_check"), "bad", reason="破损")
    assert t.stands(MILK)["ZJ-DOCK/hold"] == "4"
    t.proven()


def test_goods_go_back_to_the_supplier_or_to_scrap_with_a_reason(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1", status="hold")
    t.put(CUP, "10", "ZJ-A-2")
    away = SupplierReturn(
        t.op(), t.supplier, t.items[CUP], q(3), t.places["ZJ-A-1"], "来货变形", status="hold"
    )
    t.do(lambda tx: supplier_return(tx, t.people["陈晨"], away))
    bin_ = t.places["ZJ-A-2"]
    silent = Scrap(t.op(), t.items[CUP], q(1), bin_, "  ")
    assert t.refused(lambda tx: scrap(tx, t.people[KEEPER], silent)).code == "reason_needed"
    t.do(lambda tx: scrap(tx, t.people[KEEPER], Scrap(t.op(), t.items[CUP], q(2), bin_, "受潮")))
    assert t.stands(CUP) == {"ZJ-A-1/hold": "7", "ZJ-A-2/ok": "8", "SCRAP/rejected": "2"}
    t.proven()


def test_a_walk_that_cannot_be_picked_as_written_picks_nothing(s: Shop) -> None:
    t = s.t
    t.put(SCALE, "1", "ZJ-A-1", serials=("S1",))
    t.put(CUP, "5", "ZJ-A-2")
    wave = s.release(s.sell((CUP, "5"), (SCALE, "1")))
    ask = PickRest(t.op(), wave.id)
    refusal = t.refused(lambda tx: pick_rest(tx, t.people[KEEPER], ask))
    assert refusal.code == "serials_needed"
    assert t.stands(CUP) == {"ZJ-A-2/ok": "5"}


def test_who_sells_does_not_pick_and_who_picks_does_not_sell(s: Shop) -> None:
    s.t.put(CUP, "5", "ZJ-A-2")
    with pytest.raises(AppError) as refused:
        s.sell((CUP, "1"), by=KEEPER)
    assert refused.value.code == "forbidden"
    stop = s.release(s.sell((CUP, "1"))).lines[0]
    ask = Pick(s.t.op(), stop.id)
    assert s.t.refused(lambda tx: pick(tx, s.t.people[SELLER], ask)).code == "forbidden"
