"""Boxes: which pieces lie in them, and what stands on their labels."""

from __future__ import annotations

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.sales.book import Sale
from core.orders.sales.pack import Box, BoxLine, Pack, Packed, PackRest, pack, pack_rest
from core.orders.sales.wave import Release, release
from tests.core.orders_world import CUP, SCALE, q
from tests.core.sales_world import BOSS, KEEPER, Shop, shop


@pytest.fixture
def s(db: Database, clock: ManualClock) -> Shop:
    return shop(db, clock)


def picked(s: Shop, *where: tuple[str, str]) -> Sale:
    """(bin, serial) of scales that are sold in one order, and picked."""
    for place, serial in where:
        s.t.put(SCALE, "1", place, serials=(serial,))
    made = s.sell((SCALE, str(len(where))))
    bins = dict(where)
    for stop in s.release(made).lines:
        s.pick(stop, serials=(bins[stop.bin],))
    return made


def box_of(s: Shop, made: Sale, quantity: str, *serials: str) -> Packed:
    line = BoxLine(s.t.items[SCALE], q(quantity), serials=serials)
    ask = Pack(s.t.op(), made.id, (Box((line,)),))
    return s.t.do(lambda tx: pack(tx, s.t.people[KEEPER], ask))


def refused(s: Shop, made: Sale, quantity: str, *serials: str) -> AppError:
    with pytest.raises(AppError) as problem:
        box_of(s, made, quantity, *serials)
    return problem.value


def test_a_piece_that_was_not_picked_goes_into_no_box(s: Shop) -> None:
    made = picked(s, ("ZJ-A-1", "S1"))
    s.t.put(SCALE, "1", "ZJ-A-1", serials=("S2",))
    problem = refused(s, made, "1", "S2")
    assert problem.code == "serial_not_picked"
    assert "S2" in problem.say("zh")
    assert "扫拣出来的：S1" in problem.say("zh")
    assert s.boxes(made) == []
    assert box_of(s, made, "1", "S1").boxes[0].lines[0].serials == ("S1",)


def test_of_two_pieces_from_two_bins_the_one_that_was_scanned_leaves(s: Shop) -> None:
    made = picked(s, ("ZJ-A-1", "S1"), ("ZJ-A-2", "S2"))
    first = box_of(s, made, "1", "S2").boxes[0]
    assert [line.serials for line in first.lines] == [("S2",)]
    s.ship(made, packages=(first.code,))
    where = s.t.db.read_now(lambda conn: stock.serials_of(conn, s.t.items[SCALE]))
    assert {each.code: each.location_code for each in where} == {"S1": "ZJ-OUT", "S2": "CUSTOMER"}
    assert refused(s, made, "1", "S2").code == "serial_not_picked"
    assert s.unpack(made, box_of(s, made, "1").boxes[0].code).unpacked == q(1)
    rest = PackRest(s.t.op(), made.id)
    done = s.t.do(lambda tx: pack_rest(tx, s.t.people[KEEPER], rest))
    assert [line.serials for line in done.boxes[0].lines] == [("S1",)]
    s.ship(made)
    s.t.proven()


def test_a_box_names_each_piece_once_and_as_many_as_it_says(s: Shop) -> None:
    made = picked(s, ("ZJ-A-1", "S1"), ("ZJ-A-2", "S2"), ("ZJ-A-3", "S3"))
    for quantity, serials in (
        ("2", ("S1",)),
        ("1", ("S1", "S2")),
        ("2", ("S1", "S1")),
        ("0.5", ()),
    ):
        assert refused(s, made, quantity, *serials).code == "pack_serials"
    assert refused(s, made, "4").code == "not_what_was_picked"
    box_of(s, made, "1", "S2")
    done = box_of(s, made, "2")
    assert [line.serials for line in done.boxes[0].lines] == [("S1",), ("S3",)]
    assert done.unpacked == 0


def cups(s: Shop, code: str = "", quantity: str = "10") -> Sale:
    """An order of cups that are picked."""
    s.t.put(CUP, quantity, "ZJ-A-1")
    made = s.sell((CUP, quantity), **({"code": code} if code else {}))
    s.walk(s.release(made))
    return made


def typed(s: Shop, made: Sale, code: str) -> Packed:
    line = BoxLine(s.t.items[CUP], q(1))
    ask = Pack(s.t.op(), made.id, (Box((line,), code=code),))
    return s.t.do(lambda tx: pack(tx, s.t.people[KEEPER], ask))


def test_boxes_of_an_order_with_a_long_number_have_numbers_of_their_own(s: Shop) -> None:
    one, other = cups(s, "X" * 64), cups(s, "X" * 63 + "Y")
    for made in (one, other):
        s.pack(made, ((CUP, "5"),), ((CUP, "4"),))
    codes = [box.code for made in (one, other) for box in s.boxes(made)]
    assert codes == [f"{'X' * 62}-{number}" for number in (1, 2, 3, 4)]
    with pytest.raises(AppError) as long:
        typed(s, one, "X" * 65)
    assert long.value.code == "invalid"


def test_a_number_that_somebody_typed_is_left_out(s: Shop) -> None:
    made = cups(s, "SO-1")
    typed(s, made, "SO-1-2")
    s.pack(made, ((CUP, "3"),), ((CUP, "3"),))
    rest = PackRest(s.t.op(), made.id)
    s.t.do(lambda tx: pack_rest(tx, s.t.people[KEEPER], rest))
    assert [box.code for box in s.boxes(made)] == ["SO-1-2", "SO-1-3", "SO-1-4", "SO-1-5"]
    with pytest.raises(AppError) as twice:
        typed(s, cups(s), "SO-1-2")
    assert twice.value.code == "duplicate_code"


def test_waves_are_numbered_past_a_number_that_somebody_typed(s: Shop) -> None:
    t = s.t
    t.put(CUP, "10", "ZJ-A-1")

    def walk(code: str = "") -> str:
        made = s.sell((CUP, "1"))
        ask = Release(t.op(), t.warehouses["张江仓"], (made.id,), code=code)
        return t.do(lambda tx: release(tx, t.people[BOSS], ask)).code

    assert [walk(code) for code in ("W260302-2", "", "")] == ["W260302-2", "W260302-3", "W260302-4"]
    assert s.rush((CUP, "1")).wave_id
    for code, why in (("W" * 65, "invalid"), ("W260302-3", "duplicate_code")):
        with pytest.raises(AppError) as problem:
            walk(code)
        assert problem.value.code == why
