"""The pure rules by tables: what is decided, and that a refusal leaves the book as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import AppError
from core.quantity import ONE
from core.stock.fefo import Candidate, pick_order, take
from core.stock.rules import (
    MAX_BALANCE,
    Book,
    ItemFacts,
    Key,
    Line,
    LotFacts,
    PlaceFacts,
    Posting,
    SerialAt,
    Stand,
    Terms,
    counter_lines,
    decide,
    is_expired,
    key_text,
    keys_of,
)

SUPPLIER, CUSTOMER, BIN, OTHER, SCRAP, CLOSED, MAKING = range(1, 8)
PLAIN, LOTTED, NUMBERED, LOOSE = range(1, 5)
TODAY = Terms("2026-03-02")


def book(**stands: int) -> Book:
    """A book with 10 of everything in the bin; `PLAIN=3` sets another quantity."""
    found = Book(
        items={
            PLAIN: ItemFacts(PLAIN, "PLAIN", "件"),
            LOTTED: ItemFacts(LOTTED, "LOTTED", "箱", "lot"),
            NUMBERED: ItemFacts(NUMBERED, "NUMBERED", "台", "serial"),
            LOOSE: ItemFacts(LOOSE, "LOOSE", "份", "none", allow_negative=True),
        },
        lots={
            1: LotFacts(1, LOTTED, "FRESH", "2026-12-31"),
            2: LotFacts(2, LOTTED, "OLD", "2026-03-01"),
            3: LotFacts(3, LOTTED, "STOPPED", None, "held"),
            4: LotFacts(4, LOTTED, "CALLED", None, "recalled"),
        },
        places={
            SUPPLIER: PlaceFacts(SUPPLIER, "SUPPLIER", "supplier"),
            CUSTOMER: PlaceFacts(CUSTOMER, "CUSTOMER", "customer"),
            BIN: PlaceFacts(BIN, "A-1", "bin"),
            OTHER: PlaceFacts(OTHER, "A-2", "bin"),
            SCRAP: PlaceFacts(SCRAP, "SCRAP", "scrap"),
            CLOSED: PlaceFacts(CLOSED, "A-9", "bin", active=False),
            MAKING: PlaceFacts(MAKING, "PRODUCTION", "production"),
        },
    )
    found.stands[Key(PLAIN, 0, BIN, "ok", 0)] = Stand(stands.get("PLAIN", 10) * ONE, 0)
    for lot in (1, 2, 3, 4):
        for status in ("ok", "hold"):
            found.stands[Key(LOTTED, lot, BIN, status, 0)] = Stand(10 * ONE, 0)
    return found


def line(item: int, way: tuple[int, int], quantity: int = ONE, **fields: object) -> Line:
    return replace(Line(item, quantity, *way), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "asked", "code"),
    [
        ("issue", line(PLAIN, (BIN, CUSTOMER)), ""),
        ("issue", line(PLAIN, (BIN, CUSTOMER), 11 * ONE), "not_enough"),
        ("transfer", line(PLAIN, (BIN, CLOSED)), "place_closed"),
        ("issue", line(LOTTED, (BIN, CUSTOMER)), "lot_needed"),
        ("issue", line(LOTTED, (BIN, CUSTOMER), lot_id=1), ""),
        ("issue", line(LOTTED, (BIN, CUSTOMER), lot_id=2), "lot_expired"),
        ("issue", line(LOTTED, (BIN, MAKING), lot_id=2), "lot_expired"),
        ("issue", line(LOTTED, (BIN, CUSTOMER), lot_id=3), "lot_held"),
        ("issue", line(LOTTED, (BIN, CUSTOMER), lot_id=4), "lot_held"),
        ("transfer", line(LOTTED, (BIN, OTHER), lot_id=3), "lot_held"),
        ("transfer", line(LOTTED, (BIN, OTHER), lot_id=2), ""),
        ("scrap", line(LOTTED, (BIN, SCRAP), lot_id=3), ""),
        ("receive", line(LOTTED, (SUPPLIER, BIN), lot_id=3), "lot_held"),
        ("receive", line(LOTTED, (SUPPLIER, BIN), lot_id=3, to_status="hold"), ""),
        ("issue", line(LOTTED, (BIN, CUSTOMER), lot_id=1, from_status="hold"), "bad_status"),
        (
            "return",
            line(LOTTED, (BIN, SUPPLIER), lot_id=3, from_status="hold", to_status="hold"),
            "",
        ),
        ("reverse", line(LOTTED, (BIN, CUSTOMER), lot_id=2), ""),
        ("issue", line(LOOSE, (BIN, CUSTOMER)), "negative_needs_reason"),
        ("issue", line(NUMBERED, (BIN, CUSTOMER), serials=("S-1",)), "serial_unknown"),
        ("receive", line(NUMBERED, (SUPPLIER, BIN), serials=("",)), "invalid"),
    ],
)
def test_lines_and_their_refusals(kind: str, asked: Line, code: str) -> None:
    stands = book()
    before = (dict(stands.stands), dict(stands.serials))
    try:
        decide(Posting("operation-1", kind, (asked,)), stands, TODAY)
        said = ""
    except AppError as refusal:
        said = refusal.code
    assert said == code
    assert (stands.stands, stands.serials) == before


def test_a_reason_frees_an_item_that_may_go_below_zero() -> None:
    posting = Posting("operation-1", "issue", (line(LOOSE, (BIN, CUSTOMER)),), reason="先用")
    change = decide(posting, book(), TODAY)
    assert change.free == {Key(LOOSE, 0, BIN, "ok", 0), Key(LOOSE, 0, CUSTOMER, "ok", 0)}


def test_reserved_stock_is_never_freed_by_a_reason() -> None:
    stands = book()
    stands.stands[Key(LOOSE, 0, BIN, "ok", 0)] = Stand(2 * ONE, ONE)
    posting = Posting("operation-1", "issue", (line(LOOSE, (BIN, CUSTOMER), 2 * ONE),), reason="急")
    with pytest.raises(AppError, match="not_enough"):
        decide(posting, stands, TODAY)


def test_lines_of_one_posting_are_netted() -> None:
    """In and out again in one posting needs nothing to have been there."""
    lines = (line(PLAIN, (SUPPLIER, OTHER), 5 * ONE), line(PLAIN, (OTHER, CUSTOMER), 5 * ONE))
    change = decide(Posting("operation-1", "dropship", lines), book(), TODAY)
    assert change.on_hand[Key(PLAIN, 0, OTHER, "ok", 0)] == 0


@pytest.mark.parametrize("count", [0, 2_001])
def test_a_posting_has_a_bounded_number_of_lines(count: int) -> None:
    lines = (line(PLAIN, (BIN, OTHER), 1),) * count
    with pytest.raises(AppError, match="no_lines"):
        decide(Posting("operation-1", "transfer", lines), book(), TODAY)


@pytest.mark.parametrize(("field", "length"), [("kind", 25), ("doc", 97), ("reason", 401)])
def test_texts_are_bounded(field: str, length: int) -> None:
    posting = Posting("operation-1", "transfer", (line(PLAIN, (BIN, OTHER)),))
    with pytest.raises(AppError, match="invalid"):
        decide(replace(posting, **{field: "x" * length}), book(), TODAY)  # type: ignore[arg-type]


def test_a_balance_cannot_overflow() -> None:
    stands = book()
    stands.stands[Key(PLAIN, 0, BIN, "ok", 0)] = Stand(MAX_BALANCE, 0)
    posting = Posting("operation-1", "receive", (line(PLAIN, (SUPPLIER, BIN), 1),))
    with pytest.raises(AppError, match="bad_quantity"):
        decide(posting, stands, TODAY)


def test_counter_lines_undo_and_twice_is_the_same() -> None:
    asked = line(
        LOTTED,
        (BIN, OTHER),
        lot_id=1,
        from_status="inspect",
        to_status="hold",
        owner_id=4,
        to_owner_id=0,
        serials=("S-1",),
    )
    back = counter_lines([asked])
    assert keys_of(back[0]) == tuple(reversed(keys_of(asked)))
    assert counter_lines(back) == (asked,)


def test_a_serial_moves_through_lines_of_one_posting() -> None:
    stands = book()
    here = Key(NUMBERED, 0, BIN, "ok", 0)
    stands.stands[here] = Stand(ONE, 0)
    stands.serials[NUMBERED, "S-1"] = SerialAt(here)
    lines = (
        line(NUMBERED, (BIN, OTHER), serials=("S-1",)),
        line(NUMBERED, (OTHER, CUSTOMER), serials=("S-1",)),
    )
    change = decide(Posting("operation-1", "issue", lines), stands, TODAY)
    stands.apply(change)
    assert stands.serials[NUMBERED, "S-1"].key.location_id == CUSTOMER


def test_the_key_is_one_readable_string() -> None:
    assert key_text(Key(12, 3, 45, "hold", 0)) == "12/3/45/hold/0"


@pytest.mark.parametrize(
    ("expires_on", "on_date", "gone"),
    [
        (None, "2026-03-02", False),
        ("2026-03-02", "2026-03-02", False),
        ("2026-03-01", "2026-03-02", True),
        ("2026-12-31", "2027-01-01", True),
    ],
)
def test_the_last_good_day_is_still_good(expires_on: str | None, on_date: str, gone: bool) -> None:
    assert is_expired(expires_on, on_date) is gone


def candidate(number: int, free: int, expires_on: str | None = None, **more: object) -> Candidate:
    plain = Candidate(number, 1, number, number, f"A-{number}", "bin", "ok", 0, free * ONE)
    return replace(plain, expires_on=expires_on, **more)  # type: ignore[arg-type]


def test_pick_order_is_first_expired_first_out_among_the_usable() -> None:
    offered = [
        candidate(1, 5),
        candidate(2, 5, "2026-09-01"),
        candidate(3, 5, "2026-04-01"),
        candidate(4, 5, "2026-03-05"),  # gone by the ship date
        candidate(5, 0, "2026-04-01"),
        candidate(6, 5, "2026-04-01", lot_state="held"),
        candidate(7, 5, "2026-04-01", status="hold"),
        candidate(8, 5, "2026-04-01", owner_id=3),
        candidate(9, 5, "2026-04-01", location_kind="transit"),
        candidate(10, 5, "2026-04-01", location_kind="dock"),
    ]
    chosen = pick_order(offered, "2026-03-10")
    assert [each.balance_id for each in chosen] == [3, 10, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "got"), [(3, [3]), (5, [5]), (7, [5, 2]), (10, [5, 5]), (12, [5, 5])]
)
def test_take_fills_from_the_front(wanted: int, got: list[int]) -> None:
    taken = take([candidate(1, 5), candidate(2, 5)], wanted * ONE)
    assert [each.quantity // ONE for each in taken] == got
