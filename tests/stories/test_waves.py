"""A real day walked twice (P4): by waves, and order by order. The core walks what was planned."""

from __future__ import annotations

import pytest

from bench.waves import DATA, Orders, busiest_day, compare, seeded_day
from core.clock import ManualClock
from core.db import Database
from tests.core.orders_world import CUP, MILK
from tests.core.sales_world import KEEPER, shop

DAYS = [
    pytest.param(seeded_day, id="seeded"),
    pytest.param(
        busiest_day,
        id="online_retail",
        marks=pytest.mark.skipif(
            not DATA.exists(), reason="the shared data is not beside the repo"
        ),
    ),
]


@pytest.mark.parametrize("day", DAYS)
def test_waves_walk_less_and_take_more_along(day: object) -> None:
    """`pytest -s` prints the figure, and so does `python -m bench.waves`."""
    assert callable(day)
    name, orders = day()
    found = compare(name, orders)
    print(found)
    assert found.waves < found.orders
    assert found.by_wave_m < 0.75 * found.by_order_m
    assert found.lines / found.waves > 1.5 * found.lines / found.orders
    assert found.stops_by_wave <= found.stops_by_order


def test_a_day_is_the_same_every_time() -> None:
    first: Orders = seeded_day()[1]
    assert first == seeded_day()[1]


def test_what_was_planned_is_what_is_walked(db: Database, clock: ManualClock) -> None:
    """suggest → release → one walk → every order packed by itself → all gone, books proved."""
    s = shop(db, clock)
    s.t.put(CUP, "500", "ZJ-A-2")
    s.t.put(MILK, "500", "ZJ-A-1", "M-1")
    made = [s.sell((CUP, str(n)), carrier="SF") for n in range(1, 6)]
    made += [s.sell((CUP, "2"), (MILK, str(n)), carrier="ZT") for n in range(1, 4)]
    planned = s.suggested()
    assert [len(each.sale_ids) for each in planned] == [5, 3]
    by_id = {each.id: each for each in made}
    for each in planned:
        wave = s.release(*(by_id[one] for one in each.sale_ids))
        assert [stop.step for stop in wave.lines] == sorted(stop.step for stop in wave.lines)
        s.walk(wave)
    for sale in made:
        s.pack(sale, tuple((line.item_name, str(line.quantity // 10**6)) for line in sale.lines))
        assert s.ship(sale).state == "shipped"
    assert s.t.inbox(KEEPER) == []
    assert s.t.stands(CUP) == {"ZJ-A-2/ok": str(500 - 15 - 6)}
    s.t.proven()
