"""Posting: what a posting does to the books, what it refuses, and that a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core import events, stock
from core.clock import DAY, HOUR, ManualClock
from core.db import Database, Together
from core.errors import AppError
from core.people import ENGINE, Actor
from core.quantity import ONE
from core.stock import Posted, Posting
from tests.core.stock_yard import Yard


@pytest.fixture
def yard(db: Database) -> Yard:
    return Yard(db)


def refused(code: str, run: Callable[[], object]) -> AppError:
    """The refusal that `run` must end with."""
    with pytest.raises(AppError) as caught:
        run()
    assert caught.value.code == code
    return caught.value


def test_receipt_putaway_and_issue_move_the_balances(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>DOCK")
    yard.move(sugar, "7.5", "DOCK>A-1")
    yard.move(sugar, "2", "A-1>CUSTOMER", kind="issue")
    assert yard.here(sugar, "DOCK") == 2_500_000
    assert yard.here(sugar, "A-1") == 5_500_000
    assert yard.here(sugar, "SUPPLIER") == -10 * ONE
    assert yard.here(sugar, "CUSTOMER") == 2 * ONE
    yard.assert_proven()


def test_a_hold_is_one_move_between_statuses(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>DOCK", status=("ok", "inspect"))
    assert yard.available(sugar) == 0
    yard.move(sugar, "8", "DOCK>DOCK", status=("inspect", "ok"), kind="inspect")
    yard.move(sugar, "2", "DOCK>DOCK", status=("inspect", "hold"), kind="inspect")
    assert yard.available(sugar) == 8 * ONE
    assert yard.here(sugar, "DOCK", "hold") == 2 * ONE
    yard.assert_proven()


def test_not_enough_names_item_place_available_and_asked(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "8", "SUPPLIER>A-1")
    refusal = refused("not_enough", lambda: yard.move(sugar, "12", "A-1>CUSTOMER"))
    said = refusal.say()
    assert "A-1" in said
    assert "SUGAR" in said
    assert refusal.facts["available"] == "8"
    assert refusal.facts["asked"] == "12"
    assert yard.here(sugar, "A-1") == 8 * ONE


def test_lines_of_one_posting_stand_or_fall_together(yard: Yard) -> None:
    sugar, salt = yard.item("SUGAR"), yard.item("SALT")
    yard.move(sugar, "5", "SUPPLIER>A-1")
    lines = (yard.line(sugar, "5", "A-1>A-2"), yard.line(salt, "1", "A-1>A-2"))
    posting = Posting(yard.op(), "transfer", lines)
    refused("not_enough", lambda: yard.do(lambda tx: stock.post(tx, ENGINE, posting)))
    assert yard.here(sugar, "A-1") == 5 * ONE


@pytest.mark.parametrize(
    ("way", "quantity", "status", "code"),
    [
        ("A-1>A-1", "1", ("ok", "ok"), "same_place"),
        ("A-1>A-2", 0, ("ok", "ok"), "bad_quantity"),
        ("A-1>A-2", -5, ("ok", "ok"), "bad_quantity"),
        ("A-1>A-2", 10**18, ("ok", "ok"), "bad_quantity"),
        ("A-1>A-2", "1", ("ok", "fresh"), "bad_status"),
        ("A-1>CUSTOMER", "1", ("hold", "ok"), "bad_status"),
        ("A-1>PRODUCTION", "1", ("rejected", "ok"), "bad_status"),
    ],
)
def test_refused_lines(
    yard: Yard, way: str, quantity: str | int, status: tuple[str, str], code: str
) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "5", "SUPPLIER>A-1")
    refused(code, lambda: yard.move(sugar, quantity, way, status=status))
    yard.assert_proven()


def test_unknown_item_place_and_lot_are_named(yard: Yard) -> None:
    sugar = yard.item("SUGAR", "lot")
    refused("not_found", lambda: yard.move(999, "1", "SUPPLIER>A-1"))
    refused("not_found", lambda: yard.move(sugar, "1", "SUPPLIER>A-1", lot=999))
    line = replace(yard.line(sugar, "1", "SUPPLIER>A-1"), to_location=999)
    posting = Posting(yard.op(), "receive", (line,))
    refused("not_found", lambda: yard.do(lambda tx: stock.post(tx, ENGINE, posting)))


def test_lot_items_need_a_lot_of_their_own(yard: Yard) -> None:
    milk, tea = yard.item("MILK", "lot"), yard.item("TEA", "lot")
    other = yard.lot(tea, "T-1")
    refused("lot_needed", lambda: yard.move(milk, "1", "SUPPLIER>A-1"))
    refused("lot_of_other_item", lambda: yard.move(milk, "1", "SUPPLIER>A-1", lot=other))


def test_expired_stock_leaves_only_as_scrap_or_back(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    old = yard.lot(milk, "L-1", "2026-03-01")
    last_day = yard.lot(milk, "L-2", "2026-03-02")
    yard.move(milk, "5", "SUPPLIER>A-1", lot=old)
    yard.move(milk, "5", "SUPPLIER>A-1", lot=last_day)
    refused("lot_expired", lambda: yard.move(milk, "1", "A-1>CUSTOMER", lot=old))
    refused("lot_expired", lambda: yard.move(milk, "1", "A-1>PRODUCTION", lot=old))
    yard.move(milk, "1", "A-1>CUSTOMER", lot=last_day)
    yard.move(milk, "1", "A-1>SCRAP", lot=old, kind="scrap")
    yard.move(milk, "1", "A-1>SUPPLIER", lot=old, kind="return")
    yard.move(milk, "1", "A-1>A-2", lot=old)
    yard.move(milk, "1", "A-1>COUNT", lot=old, kind="count")


def test_negative_needs_the_items_leave_and_a_reason(yard: Yard) -> None:
    soup = yard.item("SOUP", allow_negative=True)
    refused("negative_needs_reason", lambda: yard.move(soup, "3", "A-1>CUSTOMER"))
    yard.move(soup, "3", "A-1>CUSTOMER", reason="先出后补,师傅已确认")
    assert yard.here(soup, "A-1") == -3 * ONE
    yard.move(soup, "1", "SUPPLIER>A-1")  # still below zero, but on the way up
    assert yard.here(soup, "A-1") == -2 * ONE
    yard.assert_proven()


def test_a_repeat_gets_the_same_answer_and_one_effect(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    first = yard.move(sugar, "10", "SUPPLIER>A-1", op="scan-0001")
    for _ in range(100):
        again = yard.move(sugar, "10", "SUPPLIER>A-1", op="scan-0001")
        assert again == first
        assert again.replayed
    assert yard.here(sugar, "A-1") == 10 * ONE
    refused("key_reused", lambda: yard.move(sugar, "11", "SUPPLIER>A-1", op="scan-0001"))
    yard.assert_proven()


def test_a_refused_posting_may_be_mended_under_the_same_key(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    refused("not_enough", lambda: yard.move(sugar, "1", "A-1>A-2", op="scan-0002"))
    yard.move(sugar, "1", "SUPPLIER>A-1")
    yard.move(sugar, "1", "A-1>A-2", op="scan-0002")
    assert yard.here(sugar, "A-2") == ONE


def test_a_malformed_operation_id_is_refused(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    refused("invalid", lambda: yard.move(sugar, "1", "SUPPLIER>A-1", op="short"))


def test_a_batch_refuses_one_and_serves_its_neighbours(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1")
    ask = [
        Posting("batch-00", "transfer", (yard.line(sugar, "4", "A-1>A-2"),)),
        Posting("batch-01", "transfer", (yard.line(sugar, "7", "A-1>A-2"),)),  # only 6 left
        Posting("batch-00", "transfer", (yard.line(sugar, "4", "A-1>A-2"),)),  # a doubled frame
        Posting("batch-00", "transfer", (yard.line(sugar, "5", "A-1>A-2"),)),  # other content
        Posting("batch-02", "transfer", (yard.line(sugar, "6", "A-1>A-3"),)),
        Posting("batch-03", "transfer", (yard.line(sugar, "10", "A-2>A-3"),)),  # 4 there
        Posting("batch-04", "transfer", (yard.line(sugar, "4", "A-2>A-3"),)),  # came in batch-00
    ]
    answers = yard.do(lambda tx: stock.post_many(tx, [(ENGINE, each) for each in ask]))
    codes = [each.code if isinstance(each, AppError) else "ok" for each in answers]
    assert codes == ["ok", "not_enough", "ok", "key_reused", "ok", "not_enough", "ok"]
    assert answers[2] == answers[0]
    assert yard.here(sugar, "A-3") == 10 * ONE
    yard.assert_proven()


def test_together_serves_waiting_callers_as_one_batch(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    futures = [
        yard.db.submit(
            Together(
                stock.post_many,
                (ENGINE, Posting(yard.op(), "receive", (yard.line(sugar, "1", "SUPPLIER>A-1"),))),
            )
        )
        for _ in range(200)
    ]
    answers: list[Posted] = [future.result() for future in futures]
    assert [each.posting_id for each in answers] == list(range(1, 201))
    assert yard.here(sugar, "A-1") == 200 * ONE
    yard.assert_proven()


def test_by_hand_asks_for_permission_and_post_does_not(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    viewer = Actor(7, "看客", frozenset({"viewer"}))
    posting = Posting("hand-0001", "receive", (yard.line(sugar, "1", "SUPPLIER>A-1"),))
    refused("forbidden", lambda: yard.do(lambda tx: stock.post_by_hand(tx, viewer, posting)))
    answers = yard.do(
        lambda tx: stock.post_many_by_hand(tx, [(viewer, posting), (ENGINE, posting)])
    )
    assert isinstance(answers[0], AppError)
    assert isinstance(answers[1], Posted)
    again = yard.do(lambda tx: stock.post(tx, viewer, posting))
    assert again.replayed


def test_reversal_names_the_original_and_happens_once(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1", op="receive-1")
    back = yard.do(lambda tx: stock.reverse(tx, ENGINE, "receive-1", "reverse-1", "扫错供应商"))
    assert yard.here(sugar, "A-1") == 0
    assert back.kind == "reverse"
    again = yard.do(lambda tx: stock.reverse(tx, ENGINE, "receive-1", "reverse-1", "扫错供应商"))
    assert again == back
    refusal = refused(
        "already_reversed",
        lambda: yard.do(lambda tx: stock.reverse(tx, ENGINE, "receive-1", "reverse-2", "")),
    )
    assert refusal.facts["by"] == "reverse-1"
    yard.do(lambda tx: stock.reverse(tx, ENGINE, "reverse-1", "reverse-3", "其实没错"))
    assert yard.here(sugar, "A-1") == 10 * ONE
    refused(
        "not_found",
        lambda: yard.do(lambda tx: stock.reverse(tx, ENGINE, "no-such-op", "r-x-00001", "")),
    )
    yard.assert_proven()


def test_a_reversal_by_hand_must_be_the_exact_mirror(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    yard.move(sugar, "10", "SUPPLIER>A-1", op="receive-1")
    line = yard.line(sugar, "9", "A-1>SUPPLIER")
    posting = Posting(yard.op(), "reverse", (line,), reverses="receive-1")
    refused("not_a_mirror", lambda: yard.do(lambda tx: stock.post(tx, ENGINE, posting)))


def test_two_times_on_every_fact(yard: Yard, clock: ManualClock) -> None:
    """Back-dating answers `as of` by happening, and leaves what the books said then alone."""
    sugar = yard.item("SUGAR")
    monday = clock.now()
    yard.move(sugar, "10", "SUPPLIER>A-1")
    clock.advance(2 * DAY)
    yard.move(sugar, "3", "A-1>CUSTOMER", at=monday + HOUR)
    clock.advance(HOUR)

    def at_bin(when: int, by: str) -> int:
        rows = yard.db.read_now(lambda conn: stock.as_of(conn, sugar, when, by))  # type: ignore[arg-type]
        return sum(row.on_hand for row in rows if row.location_id == yard.places["A-1"])

    assert at_bin(monday + DAY, "recorded") == 10 * ONE
    assert at_bin(monday + DAY, "happened") == 7 * ONE
    assert at_bin(monday + HOUR - 1, "happened") == 10 * ONE
    assert at_bin(clock.now(), "recorded") == 7 * ONE
    assert at_bin(monday - 1, "recorded") == 0


def test_a_time_in_the_future_is_refused(yard: Yard, clock: ManualClock) -> None:
    sugar = yard.item("SUGAR")
    ahead = clock.now() + 2 * DAY
    refused("time_ahead", lambda: yard.move(sugar, "1", "SUPPLIER>A-1", at=ahead))


def test_every_posting_is_one_event_that_holds_its_lines(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    answer = yard.move(sugar, "10", "SUPPLIER>A-1", op="receive-1")
    told = yard.db.read_now(lambda conn: events.of_subject(conn, f"posting:{answer.posting_id}"))
    assert [each.kind for each in told] == ["stock.posted"]
    assert told[0].payload["op_id"] == "receive-1"
    assert told[0].payload["lines"][0][8] == 10 * ONE


def test_the_card_pages_by_cursor_newest_first(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    for _ in range(7):
        yard.move(sugar, "1", "SUPPLIER>A-1")
    seen, cursor = [], None
    while page := yard.db.read_now(lambda c, at=cursor: stock.movements(c, sugar, at, 3)):  # type: ignore[misc]
        seen += [each.move_id for each in page]
        cursor = page[-1].move_id
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_near_expiry_is_earliest_first_and_keeps_the_expired(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    for code, day in (("L-1", "2026-03-20"), ("L-2", "2026-02-20"), ("L-3", "2026-06-01")):
        yard.move(milk, "1", "SUPPLIER>A-1", lot=yard.lot(milk, code, day))
    rows = yard.db.read_now(lambda conn: stock.near_expiry(conn, "2026-03-02", 30))
    assert [row.lot_code for row in rows] == ["L-2", "L-1"]


def test_promise_tells_apart_what_may_not_be_promised(yard: Yard) -> None:
    milk = yard.item("MILK", "lot")
    good, old = yard.lot(milk, "L-1", "2026-12-31"), yard.lot(milk, "L-2", "2026-01-01")
    yard.move(milk, "10", "SUPPLIER>A-1", lot=good)
    yard.move(milk, "4", "SUPPLIER>A-1", lot=old)
    yard.move(milk, "3", "SUPPLIER>DOCK", lot=good, status=("ok", "inspect"))
    yard.move(milk, "2", "A-1>TRANSIT", lot=good)
    yard.move(milk, "1", "A-1>A-1", lot=good, status=("ok", "hold"), kind="hold")
    yard.reserve(milk, "5")
    found = yard.db.read_now(lambda conn: stock.promise(conn, milk, 1, "2026-03-02"))
    assert (found.on_hand, found.reserved, found.inspecting) == (15 * ONE, 5 * ONE, 3 * ONE)
    assert (found.held, found.expired, found.in_transit) == (ONE, 4 * ONE, 2 * ONE)
    assert found.available == 2 * ONE


def test_goods_of_another_owner_are_counted_apart(yard: Yard) -> None:
    sugar = yard.item("SUGAR")
    line = replace(yard.line(sugar, "10", "SUPPLIER>A-1"), owner_id=5)
    yard.do(lambda tx: stock.post(tx, ENGINE, Posting("consign-1", "receive", (line,))))
    assert yard.available(sugar) == 0
    buy = replace(yard.line(sugar, "4", "A-1>A-1"), owner_id=5, to_owner_id=0)
    yard.do(lambda tx: stock.post(tx, ENGINE, Posting("consign-2", "transfer", (buy,))))
    assert yard.available(sugar) == 4 * ONE
    yard.assert_proven()
