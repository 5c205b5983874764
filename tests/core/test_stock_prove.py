"""The proof has teeth: one changed byte, a missing row, two swapped rows: each is named exactly."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.db import Database, Tx
from core.stock import Proof
from tests.core.stock_yard import Yard
from tests.tampering import tamper


@pytest.fixture
def yard(db: Database) -> Yard:
    """Twenty postings of three items, a reservation, two serials."""
    yard = Yard(db)
    sugar, salt = yard.item("SUGAR"), yard.item("SALT")
    phone = yard.item("PHONE", "serial")
    for number in range(9):
        yard.move(sugar, str(number + 1), "SUPPLIER>A-1")
        yard.move(salt, "2", "SUPPLIER>A-2")
    yard.move(phone, "2", "SUPPLIER>A-3", serials=("S-1", "S-2"))
    yard.move(sugar, "3", "A-1>CUSTOMER", reason="样品")
    yard.reserve(sugar, "4")
    yard.assert_proven()
    return yard


def tampered(yard: Yard, *statements: str) -> Proof:
    """What `prove` says after somebody with the file in his hands ran these statements."""
    tamper(yard.db, *statements)
    return yard.prove()


def run_statement(tx: Tx, statement: str) -> None:
    tx.execute(text(statement))


def test_the_tables_refuse_an_ordinary_update(yard: Yard) -> None:
    for statement in (
        "UPDATE move SET quantity = 1 WHERE id = 1",
        "DELETE FROM move WHERE id = 1",
        "UPDATE posting SET reason = 'x' WHERE id = 1",
        "DELETE FROM posting WHERE id = 1",
        "DELETE FROM move_serial",
    ):
        with pytest.raises(DBAPIError, match="append only"):
            yard.db.write_now(partial(run_statement, statement=statement))
    yard.assert_proven()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("quantity", "quantity + 1"),
        ("item_id", "item_id + 1"),
        ("lot_id", "7"),
        ("from_location", "from_location + 1"),
        ("to_location", "to_location + 1"),
        ("to_status", "'hold'"),
        ("owner_id", "3"),
        ("happened_at", "happened_at - 1"),
        ("recorded_at", "recorded_at + 1"),
    ],
)
def test_one_changed_byte_of_a_move_names_that_move(yard: Yard, column: str, value: str) -> None:
    proof = tampered(yard, f"UPDATE move SET {column} = {value} WHERE id = 7")  # noqa: S608
    assert len(proof.problems) == 1
    assert proof.problems[0].startswith("move 7 (posting 7 line 1) was changed: " + column)


@pytest.mark.parametrize("column", ["kind", "doc", "reason", "actor", "op_id", "fingerprint"])
def test_one_changed_byte_of_a_posting_names_that_posting(yard: Yard, column: str) -> None:
    proof = tampered(yard, f"UPDATE posting SET {column} = substr({column}, 2) || 'x' WHERE id = 5")  # noqa: S608
    assert len(proof.problems) == 1
    assert proof.problems[0].startswith("posting 5 (op-00000005) was changed: " + column)


def test_a_deleted_move_and_a_deleted_posting_are_missed(yard: Yard) -> None:
    proof = tampered(yard, "DELETE FROM move WHERE id = 4")
    assert proof.problems == ("move 4 (posting 4 line 1) is missing",)
    proof = tampered(yard, "DELETE FROM posting WHERE id = 3")
    assert proof.problems[0].startswith("posting 3 (op-00000003) is missing")


def test_an_added_move_is_in_no_event(yard: Yard) -> None:
    proof = tampered(
        yard,
        "INSERT INTO move SELECT 999, 999, 1, item_id, lot_id, from_location, to_location, "
        "from_status, to_status, owner_id, to_owner_id, quantity, happened_at, recorded_at "
        "FROM move WHERE id = 1",
    )
    assert proof.problems == ("move 999 (posting 999) is in no event",)


def test_two_swapped_rows_name_the_first(yard: Yard) -> None:
    proof = tampered(
        yard,
        "UPDATE move SET id = 1000 WHERE id = 2",
        "UPDATE move SET id = 2 WHERE id = 3",
        "UPDATE move SET id = 3 WHERE id = 1000",
    )
    assert len(proof.problems) == 1
    assert proof.problems[0].startswith("move 2 (posting 2 line 1) was changed")


def test_a_changed_event_breaks_the_chain_and_is_named(yard: Yard) -> None:
    whole = "payload" if yard.db.url.startswith("sqlite") else "payload::text"
    changed = f"replace({whole}, '2000000', '3000000')"
    if whole != "payload":
        changed = f"({changed})::json"
    proof = tampered(yard, f"UPDATE event SET payload = {changed} WHERE seq = 2")  # noqa: S608
    assert proof.problems[0] == "event 2 (stock.posted posting:2) was changed"


def test_a_deleted_event_is_missed(yard: Yard) -> None:
    proof = tampered(yard, "DELETE FROM event WHERE seq = 6")
    assert proof.problems[0].startswith("event 6 is missing")


def test_a_changed_balance_is_named_with_both_numbers(yard: Yard) -> None:
    proof = tampered(yard, "UPDATE balance SET on_hand = on_hand + 1 WHERE id = 2")
    assert proof.problems[0].startswith("balance 2 (")
    assert "42.000001" in proof.problems[0]
    assert "add up to 42" in proof.problems[0]
    assert proof.problems[1].startswith("item 1 does not add up to zero")


def test_goods_that_nobody_would_find_are_named(yard: Yard) -> None:
    proof = tampered(yard, "UPDATE balance SET is_virtual = 1 WHERE id = 2")
    [problem] = proof.problems
    assert problem.startswith("balance 2 (")
    assert problem.endswith("is told to be in no real place")


def test_a_deleted_balance_is_missed(yard: Yard) -> None:
    proof = tampered(yard, "DELETE FROM balance WHERE id = 4")
    assert "is missing; its moves add up to 18" in proof.problems[0]


def test_reserved_must_be_the_sum_of_the_reservations(yard: Yard) -> None:
    proof = tampered(yard, "UPDATE balance SET reserved = reserved + 1 WHERE id = 2")
    assert proof.problems[0].endswith("has 4.000001 reserved, its open reservations say 4")
    proof = tampered(
        yard,
        "UPDATE balance SET reserved = 4000000 WHERE id = 2",
        "UPDATE reservation SET remaining = 3",
    )
    assert proof.problems == ("reservation 1 has 0.000003 left, its parts say 4",)


def test_a_serial_out_of_place_is_named(yard: Yard) -> None:
    proof = tampered(yard, "UPDATE serial_place SET location_id = 1 WHERE code = 'S-2'")
    assert len(proof.problems) == 1
    assert proof.problems[0].startswith("serial S-2 stands at")
    proof = tampered(
        yard,
        "UPDATE serial_place SET location_id = 10",
        "DELETE FROM move_serial WHERE serial_id = 1",
    )
    assert proof.problems == ("the serials of move 19 differ from its event",)
