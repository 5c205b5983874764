"""Transfers on the road: several lorries, several transfers, goods held or missing meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core import catalog, stock
from core.actions import ACTIONS
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.count import (
    CountedLine,
    FinishCount,
    OpenCount,
    RecordCount,
    finish,
    open_count,
    record,
)
from core.orders.lot_release import release_by_hand
from core.orders.tables import transfer_loads
from core.orders.transfer import (
    AskLine,
    AskTransfer,
    ClosedTransfer,
    CloseTransfer,
    ReceiveTransfer,
    SendLine,
    SendTransfer,
    TakeLoad,
    Transfer,
    ask_transfer,
    close_transfer,
    receive_transfer,
    send_transfer,
    transfer,
)
from core.people import ENGINE
from core.tasks import board
from core.tasks.hold import hand_over
from core.tasks.task import Task
from tests.core.orders_world import BASE, CUP, MILK, SCALE, SPICE, Trader, q, trader


@pytest.fixture
def t(db: Database, clock: ManualClock) -> Trader:
    return trader(db, clock)


def asked(t: Trader, *lines: tuple[str, str]) -> Transfer:
    """松江仓 wants these goods of 张江仓."""
    wanted = tuple(AskLine(t.items[name], q(quantity)) for name, quantity in lines)
    ask = AskTransfer(t.op(), f"DB-{t.ops}", t.warehouses["张江仓"], t.warehouses["松江仓"], wanted)
    return t.do(lambda tx: ask_transfer(tx, t.people["李某"], ask))


def send(t: Trader, made: Transfer, quantity: str, *, no: int = 0, **more: Any) -> Transfer:
    """Some of line `no` leaves ZJ-A-1 on a lorry."""
    final = more.pop("final", False)
    line = SendLine(made.lines[no].id, t.places["ZJ-A-1"], q(quantity), **more)
    ask = SendTransfer(t.op(), made.id, (line,), final=final)
    return t.do(lambda tx: send_transfer(tx, t.people["李某"], ask))


def on_the_road(t: Trader, name: str, quantity: str, **more: Any) -> Transfer:
    """A transfer of which everything is on the lorry."""
    return send(t, asked(t, (name, quantity)), quantity, **more)


def take(t: Trader, made: Transfer, *loads: TakeLoad) -> Transfer:
    ask = ReceiveTransfer(t.op(), made.id, loads)
    return t.do(lambda tx: receive_transfer(tx, t.people["王师傅"], ask))


def refused_take(t: Trader, made: Transfer, *loads: TakeLoad) -> AppError:
    ask = ReceiveTransfer(t.op(), made.id, loads)
    return t.refused(lambda tx: receive_transfer(tx, t.people["王师傅"], ask))


def again(t: Trader, made: Transfer) -> Transfer:
    return t.db.read_now(lambda conn: transfer(conn, made.id))


def steps(t: Trader) -> list[str]:
    """What the two warehouses are asked to do."""
    return sorted(task.context["step"] for task in t.tasks("transfer"))


def waits(t: Trader, step: str) -> Task:
    [found] = [each for each in t.tasks("transfer") if each.context["step"] == step]
    return found


def hold(t: Trader, lot_id: int) -> None:
    t.do(lambda tx: stock.hold_lot_by_hand(tx, t.people["赵主管"], lot_id, t.op(), "有异味"))


def release(t: Trader, lot_id: int) -> None:
    t.do(lambda tx: release_by_hand(tx, t.people["赵主管"], lot_id, t.op(), "复检合格"))


# -- what is taken -------------------------------------------------------------------------------
def test_a_load_named_twice_gives_no_more_than_there_is(t: Trader) -> None:
    t.put(CUP, "20", "ZJ-A-1")
    mine, other = on_the_road(t, CUP, "10"), on_the_road(t, CUP, "10")
    load_id, shelf, dock = mine.loads[0].id, t.places["SJ-A-1"], t.places["SJ-DOCK"]
    six = TakeLoad(load_id, q("6"), shelf)
    refusal = refused_take(t, mine, six, six)
    assert refusal.code == "too_much_taken"
    assert (refusal.facts["left"], refusal.facts["asked"]) == ("4", "6")
    assert t.stands(CUP) == {"SJ-TRANSIT/ok": "20"}
    assert take(t, mine, six, TakeLoad(load_id, q("4"), dock)).state == "done", (
        "two places are fine"
    )
    assert take(t, other).state == "done"
    assert t.stands(CUP) == {"SJ-A-1/ok": "6", "SJ-DOCK/ok": "14"}
    t.proven()


# -- who is asked --------------------------------------------------------------------------------
def test_the_second_lorry_asks_the_receiver_again(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    made = send(t, asked(t, (CUP, "10")), "6")
    t.press("王师傅", waits(t, "receive"), "receive")
    assert steps(t) == ["send"], "the first lorry is in, the other four are still wanted"
    send(t, made, "4")
    assert steps(t) == ["receive"]
    task = waits(t, "receive")
    assert task.title == "调拨收货 · 纸杯 4 件"
    t.press("王师傅", task, "receive")
    assert again(t, made).state == "done"
    assert steps(t) == []
    assert t.stands(CUP) == {"SJ-DOCK/ok": "10"}


def test_nobody_is_asked_to_receive_while_the_road_is_empty(t: Trader) -> None:
    """Taken by a program, not by the task's button, which would be refused from then on."""
    t.put(CUP, "10", "ZJ-A-1")
    made = send(t, asked(t, (CUP, "10")), "6")
    take(t, made)
    assert steps(t) == ["send"]
    send(t, made, "4")
    assert steps(t) == ["receive"]


def test_a_sender_whose_task_was_ended_is_asked_for_the_rest(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    made = asked(t, (CUP, "10"))
    ended = waits(t, "send")
    t.do(lambda tx: board.cancel_task(tx, t.people["赵主管"], ended.id, "开错了"))
    send(t, made, "6")
    assert steps(t) == ["receive", "send"]
    assert waits(t, "send").title == "调拨发出 · 纸杯 4 件"


def test_the_receiver_is_told_what_is_on_the_road(t: Trader) -> None:
    """Only the second line was there to be sent; the first one's 0 was what the card said."""
    t.put(SPICE, "5", "ZJ-A-1")
    send(t, asked(t, (CUP, "10"), (SPICE, "5")), "5", no=1)
    assert waits(t, "receive").title == "调拨收货 · 香料 5 kg"


# -- held on the road ----------------------------------------------------------------------------
def test_a_lot_held_on_the_road_arrives_held(t: Trader) -> None:
    lot_id = t.put(BASE, "10", "ZJ-A-1", "L-7")
    made = on_the_road(t, BASE, "10", lot_id=lot_id)
    hold(t, lot_id)
    assert t.stands(BASE) == {"SJ-TRANSIT/hold": "10"}
    t.press("王师傅", waits(t, "receive"), "receive")
    assert again(t, made).state == "done"
    assert t.stands(BASE) == {"SJ-DOCK/hold": "10"}
    release(t, lot_id)
    assert t.stands(BASE) == {"SJ-DOCK/ok": "10"}
    t.proven()


def test_a_delivery_rejected_elsewhere_is_decided_with_what_travelled(t: Trader) -> None:
    lot_id = t.put(BASE, "10", "ZJ-A-1", "L-7")
    made = on_the_road(t, BASE, "10", lot_id=lot_id)
    t.fail_a_lot("L-7", "12")
    take(t, made)
    assert t.stands(BASE) == {"ZJ-DOCK/hold": "12", "SJ-DOCK/hold": "10"}
    t.press("陈晨", t.task("qc_decide"), "return")
    assert t.stands(BASE) == {}, "the buyer's decision covers the other warehouse's dock"
    t.proven()


def test_two_transfers_of_a_lot_of_which_a_part_is_held(t: Trader) -> None:
    lot_id = t.put(BASE, "20", "ZJ-A-1", "L-7")
    first, second = (on_the_road(t, BASE, "10", lot_id=lot_id) for _ in range(2))
    turn = stock.Line(
        t.items[BASE], q("4"), t.places["SJ-TRANSIT"], t.places["SJ-TRANSIT"],
        lot_id=lot_id, to_status="hold",
    )  # fmt: skip
    posting = stock.Posting(t.op(), "hold", (turn,), reason="外箱湿了")
    t.do(lambda tx: stock.post(tx, ENGINE, posting))
    shelf, dock = t.places["SJ-A-1"], t.places["SJ-DOCK"]
    load_id = first.loads[0].id
    take(t, first, TakeLoad(load_id, q("3"), shelf), TakeLoad(load_id, q("7"), dock))
    assert t.stands(BASE) == {
        "SJ-A-1/hold": "3", "SJ-DOCK/hold": "1", "SJ-DOCK/ok": "6", "SJ-TRANSIT/ok": "10",
    }  # fmt: skip
    take(t, second)
    assert t.stands(BASE) == {"SJ-A-1/hold": "3", "SJ-DOCK/hold": "1", "SJ-DOCK/ok": "16"}
    t.proven()


def test_a_lot_that_is_marked_while_it_travels_does_not_arrive_as_good(t: Trader) -> None:
    """Its state was set by hand; nobody moved the stock to hold."""
    lot_id = t.put(BASE, "10", "ZJ-A-1", "L-7")
    made = on_the_road(t, BASE, "10", lot_id=lot_id)
    boss = t.people["赵主管"]
    t.do(lambda tx: catalog.update_lot(tx, boss, lot_id, state="recalled", why="厂家通知"))
    take(t, made)
    assert t.stands(BASE) == {"SJ-DOCK/recalled": "10"}


# -- serial numbers ------------------------------------------------------------------------------
THREE = ("S1", "S2", "S3")


def scales_on_the_road(t: Trader) -> Transfer:
    t.put(SCALE, "3", "ZJ-A-1", serials=THREE)
    return on_the_road(t, SCALE, "3", serials=THREE)


def serials_at(t: Trader, place: str) -> set[str]:
    rows = t.db.read_now(lambda conn: stock.serials_of(conn, t.items[SCALE], t.places[place]))
    return {row.code for row in rows}


def test_what_is_left_of_a_load_of_serials_is_taken_whole(t: Trader) -> None:
    made = scales_on_the_road(t)
    shelf = t.places["SJ-A-1"]
    after = take(t, made, TakeLoad(made.loads[0].id, q("1"), shelf, ("S2",)))
    assert after.loads[0].serials == ("S1", "S3"), "what is still to come"
    t.press("王师傅", waits(t, "receive"), "receive")
    assert again(t, made).state == "done"
    assert (serials_at(t, "SJ-A-1"), serials_at(t, "SJ-DOCK")) == ({"S2"}, {"S1", "S3"})
    t.proven()


def test_a_load_takes_only_its_own_serials_and_each_once(t: Trader) -> None:
    made = scales_on_the_road(t)
    t.put(SCALE, "1", "ZJ-A-1", serials=("S9",))
    on_the_road(t, SCALE, "1", serials=("S9",))
    load_id, shelf = made.loads[0].id, t.places["SJ-A-1"]
    stranger = TakeLoad(load_id, q("1"), shelf, ("S9",))
    refusal = refused_take(t, made, stranger)
    assert refusal.code == "serial_not_loaded"
    assert refusal.facts["serial"] == "S9"
    one = TakeLoad(load_id, q("1"), shelf, ("S1",))
    assert refused_take(t, made, one, one).code == "serial_not_loaded"
    few = TakeLoad(load_id, q("2"), shelf, ("S1",))
    assert refused_take(t, made, few).code == "serials_needed"
    assert serials_at(t, "SJ-TRANSIT") == {*THREE, "S9"}


def test_a_serial_that_is_held_on_the_road_arrives_held(t: Trader) -> None:
    made = scales_on_the_road(t)
    road = t.places["SJ-TRANSIT"]
    turn = stock.Line(t.items[SCALE], q("1"), road, road, to_status="hold", serials=("S2",))
    posting = stock.Posting(t.op(), "hold", (turn,), reason="外箱湿了")
    t.do(lambda tx: stock.post(tx, ENGINE, posting))
    take(t, made)
    assert t.stands(SCALE) == {"SJ-DOCK/hold": "1", "SJ-DOCK/ok": "2"}
    t.proven()


def test_a_load_from_before_serials_were_crossed_off_is_taken_whole(t: Trader) -> None:
    made = scales_on_the_road(t)
    take(t, made, TakeLoad(made.loads[0].id, q("1"), t.places["SJ-A-1"], ("S2",)))
    older = transfer_loads.update().where(transfer_loads.c.id == made.loads[0].id)
    t.do(lambda tx: tx.execute(older.values(serials=list(THREE))))
    assert take(t, made).state == "done"
    assert serials_at(t, "SJ-DOCK") == {"S1", "S3"}


# -- given up ------------------------------------------------------------------------------------
def close(t: Trader, made: Transfer, *, by: str = "赵主管", **more: Any) -> ClosedTransfer:
    ask = CloseTransfer(t.op(), made.id, more.pop("reason", "途中丢失"), **more)
    return t.do(lambda tx: close_transfer(tx, t.people[by], ask))


def refused_close(t: Trader, made: Transfer, *, by: str = "赵主管", **more: Any) -> AppError:
    ask = CloseTransfer(t.op(), made.id, more.pop("reason", "途中丢失"), **more)
    return t.refused(lambda tx: close_transfer(tx, t.people[by], ask))


def count_on_the_road(t: Trader, name: str, quantity: str) -> None:
    """The supervisor looks into the empty lorry: so much of it is there."""
    boss, road = t.people["赵主管"], t.places["SJ-TRANSIT"]
    opened = OpenCount(t.op(), f"PD-{t.ops}", t.warehouses["松江仓"], (road,))
    count_id = t.do(lambda tx: open_count(tx, boss, opened))
    for who in ("赵主管", "李某"):
        seen = RecordCount(t.op(), count_id, (CountedLine(road, t.items[name], q(quantity)),))
        t.do(lambda tx, who=who, seen=seen: record(tx, t.people[who], seen))  # type: ignore[misc]
    t.do(lambda tx: finish(tx, boss, FinishCount(t.op(), count_id, "途中丢失")))


def test_the_rest_that_is_not_there_stays_where_it_is(t: Trader) -> None:
    t.put(CUP, "6", "ZJ-A-1")
    made = send(t, asked(t, (CUP, "10")), "6")
    take(t, made)
    no_more = SendTransfer(t.op(), made.id, final=True)
    assert t.do(lambda tx: send_transfer(tx, t.people["李某"], no_more)).state == "done"
    assert steps(t) == []
    assert t.stands(CUP) == {"SJ-DOCK/ok": "6"}


def test_nothing_more_while_the_first_lorry_is_on_the_road(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    made = send(t, asked(t, (CUP, "10")), "6")
    no_more = SendTransfer(t.op(), made.id, final=True)
    assert t.do(lambda tx: send_transfer(tx, t.people["李某"], no_more)).state == "sent"
    assert steps(t) == ["receive"]
    assert t.stands(CUP) == {"ZJ-A-1/ok": "4", "SJ-TRANSIT/ok": "6"}


def test_a_transfer_of_which_nothing_was_sent_is_cancelled_with_a_reason(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    made = asked(t, (CUP, "10"))
    final = SendTransfer(t.op(), made.id, final=True)
    refusal = t.refused(lambda tx: send_transfer(tx, t.people["李某"], final))
    assert refusal.code == "nothing_sent"
    assert refused_close(t, made, reason=" ").code == "reason_needed"
    assert t.press_refused("李某", waits(t, "send"), "send_no_more").code == "invalid"
    done = t.press("李某", waits(t, "send"), "send_no_more", reason="没货可发")
    assert done.sentence == f"{made.code} 剩下的不发了，已结案"
    assert again(t, made).state == "cancelled"
    assert steps(t) == []
    [event] = t.events("transfer.closed")
    assert event.payload["reason"] == "没货可发"
    assert event.payload["unsent_micro"] == q("10")
    late = SendTransfer(t.op(), made.id)
    assert t.refused(lambda tx: send_transfer(tx, t.people["李某"], late)).code == "wrong_state"
    assert refused_close(t, made).code == "wrong_state"


def test_the_asker_gives_up_what_was_not_sent(t: Trader) -> None:
    t.put(CUP, "6", "ZJ-A-1")
    made = send(t, asked(t, (CUP, "10")), "6")
    done = t.press("李某", waits(t, "send"), "send_no_more", reason="对方不要了")
    assert done.sentence == f"{made.code} 剩下的不发了，已结案，路上的到了再收"
    assert steps(t) == ["receive"], "the lorry is still expected"
    assert refused_close(t, made).code == "nothing_open"
    t.press("王师傅", waits(t, "receive"), "receive")
    assert again(t, made).state == "done"
    assert t.stands(CUP) == {"SJ-DOCK/ok": "6"}


def test_what_was_lost_on_the_road_is_written_off_by_who_may(t: Trader) -> None:
    t.put(CUP, "20", "ZJ-A-1")
    made, other = on_the_road(t, CUP, "10"), on_the_road(t, CUP, "10")
    take(t, made, TakeLoad(made.loads[0].id, q("8"), t.places["SJ-DOCK"]))
    [task] = [each for each in t.tasks("transfer") if each.subject == f"transfer:{made.id}"]
    refusal = t.press_refused("王师傅", task, "will_not_come", reason="途中丢失")
    assert refusal.code == "loss_needs_approval"
    assert refusal.facts["amount"] == "纸杯 2 件"
    boss = t.people["赵主管"]
    t.do(lambda tx: hand_over(tx, t.people["王师傅"], task.id, boss.person_id, "少两件"))
    [task] = [each for each in t.tasks("transfer") if each.id == task.id]
    done = t.press("赵主管", task, "will_not_come", reason="途中丢失")
    assert done.sentence == f"{made.code} 剩下的不来了，已结案，丢的已核销"
    assert again(t, made).state == "closed"
    assert t.stands(CUP) == {"SJ-DOCK/ok": "8", "SJ-TRANSIT/ok": "10"}, "the other one's stay"
    [event] = t.events("transfer.closed")
    assert event.payload["written_off"] == [[t.items[CUP], 0, q("2")]]
    assert refused_take(t, made).code == "wrong_state"
    take(t, other)
    assert steps(t) == []
    t.proven()


def test_what_was_counted_away_on_the_road_does_not_hold_up_the_rest(t: Trader) -> None:
    t.put(CUP, "20", "ZJ-A-1")
    made, other = on_the_road(t, CUP, "10"), on_the_road(t, CUP, "10")
    take(t, other, TakeLoad(other.loads[0].id, q("10"), t.places["SJ-A-1"]))
    count_on_the_road(t, CUP, "8")
    done = t.press("王师傅", waits(t, "receive"), "receive")
    assert "还有没到的" in done.sentence
    assert t.stands(CUP) == {"SJ-A-1/ok": "10", "SJ-DOCK/ok": "8"}
    task = waits(t, "receive")
    assert task.title == "调拨收货 · 纸杯 2 件"
    assert t.press_refused("王师傅", task, "receive").code == "too_much_taken"
    t.press("王师傅", task, "will_not_come", reason="途中丢失")
    assert again(t, made).state == "closed"
    assert steps(t) == []
    assert t.stands(CUP) == {"SJ-A-1/ok": "10", "SJ-DOCK/ok": "8"}
    t.proven()


def test_a_loss_that_was_counted_away_is_not_taken_from_another_transfer(t: Trader) -> None:
    t.put(CUP, "20", "ZJ-A-1")
    made, other = on_the_road(t, CUP, "10"), on_the_road(t, CUP, "10")
    take(t, made, TakeLoad(made.loads[0].id, q("8"), t.places["SJ-DOCK"]))
    count_on_the_road(t, CUP, "10")
    closed = close(t, made, by="王师傅", lost=True)
    assert (closed.state, closed.written_off) == ("closed", 0)
    assert take(t, other).state == "done"


def test_a_lost_serial_and_a_lost_held_lot_are_written_off_as_they_stand(t: Trader) -> None:
    scales = scales_on_the_road(t)
    take(t, scales, TakeLoad(scales.loads[0].id, q("2"), t.places["SJ-DOCK"], ("S1", "S3")))
    lot_id = t.put(BASE, "10", "ZJ-A-1", "L-7")
    syrup = on_the_road(t, BASE, "10", lot_id=lot_id)
    hold(t, lot_id)
    for made, much in ((scales, "1"), (syrup, "10")):
        assert close(t, made, lost=True).written_off == q(much)
    assert t.stands(BASE) == {}
    assert serials_at(t, "COUNT") == {"S2"}
    assert steps(t) == []
    t.proven()


def test_only_the_sides_of_a_transfer_end_it(t: Trader) -> None:
    made = asked(t, (CUP, "10"))
    for name in ("陈晨", "王老板"):
        assert refused_close(t, made, by=name).code == "forbidden"
    north = replace(t.people["李某"], warehouse_ids=frozenset({t.warehouses["张江仓"]}))
    ask = CloseTransfer(t.op(), made.id, "没来", lost=True)
    assert t.refused(lambda tx: close_transfer(tx, north, ask)).code == "forbidden"
    mine = replace(ask, op_id=t.op(), lost=False)
    first = t.do(lambda tx: close_transfer(tx, north, mine))
    assert first.state == "cancelled"
    assert t.do(lambda tx: close_transfer(tx, north, mine)) == first, "asked twice, ended once"
    assert len(t.events("transfer.closed")) == 1


def test_a_lot_that_is_not_of_the_item_is_not_asked_for(t: Trader) -> None:
    lot_id = t.put(BASE, "10", "ZJ-A-1", "L-7")
    ends = t.warehouses["张江仓"], t.warehouses["松江仓"]
    for wrong, code in ((lot_id, "lot_of_other_item"), (4711, "not_found")):
        ask = AskTransfer(t.op(), "DB-X", *ends, (AskLine(t.items[MILK], q("5"), wrong),))
        refusal = t.refused(lambda tx, ask=ask: ask_transfer(tx, t.people["李某"], ask))  # type: ignore[misc]
        assert refusal.code == code
    assert steps(t) == []


def test_every_button_of_a_transfer_has_a_verb(t: Trader) -> None:
    t.put(CUP, "10", "ZJ-A-1")
    send(t, asked(t, (CUP, "10")), "6")
    shown = {("transfer", each.key) for task in t.tasks("transfer") for each in task.card.buttons}
    assert shown == {key for key in ACTIONS if key[0] == "transfer"}


def test_a_number_that_no_label_takes_is_refused_by_name(t: Trader) -> None:
    ends = t.warehouses["张江仓"], t.warehouses["松江仓"]
    for code in ("D" * 65, "", " DB-1"):
        ask = AskTransfer(t.op(), code, *ends, (AskLine(t.items[CUP], q("5")),))
        refusal = t.refused(lambda tx, ask=ask: ask_transfer(tx, t.people["李某"], ask))  # type: ignore[misc]
        assert (refusal.code, refusal.facts["field"]) == ("invalid", "调拨单号")


def test_who_sends_serials_says_which(t: Trader) -> None:
    """The button did not ask and was refused for ever."""
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    t.put(SCALE, "1", "ZJ-A-2", serials=("S3",))
    t.put(CUP, "10", "ZJ-A-1")
    made = asked(t, (SCALE, "2"), (CUP, "10"))
    task = waits(t, "send")
    assert t.press_refused("李某", task, "send").code == "invalid"
    assert t.press_refused("李某", task, "send", serials="S1 S7").code == "serial_unknown"
    assert t.press_refused("李某", task, "send", serials="S1").code == "serials_needed"
    assert t.press_refused("李某", task, "send", serials="S1 S2 S3").code == "too_much_sent"
    t.press("李某", task, "send", serials="S1  S3")
    assert again(t, made).state == "sent"
    assert serials_at(t, "SJ-TRANSIT") == {"S1", "S3"}
    assert t.stands(CUP) == {"SJ-TRANSIT/ok": "10"}
    t.press("王师傅", waits(t, "receive"), "receive")
    assert serials_at(t, "SJ-DOCK") == {"S1", "S3"}
    t.proven()


def test_only_serials_travel_when_only_serials_are_wanted(t: Trader) -> None:
    t.put(SCALE, "2", "ZJ-A-1", serials=("S1", "S2"))
    made = asked(t, (SCALE, "1"))
    t.press("李某", waits(t, "send"), "send", serials="S2")
    assert again(t, made).state == "sent"
    assert steps(t) == ["receive"]
