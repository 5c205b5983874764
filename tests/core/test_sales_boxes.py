"""Boxes: which pieces lie in them, and what stands on their labels."""

from __future__ import annotations

import pytest

from core import stock
from core.clock import ManualClock
from core.db import Database
from core.errors import AppError
from core.orders.sales.book import Sale
from core.orders.sales.pack import Box, BoxLine, Pack, Packed, PackRest, pack, pack_rest
from tests.core.orders_world import SCALE, q
from tests.core.sales_world import KEEPER, Shop, shop


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
