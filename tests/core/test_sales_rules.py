"""The walk, the waves and the arithmetic of goods out; and the walk against real orders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import HOUR, MINUTE, Instant, to_datetime
from core.errors import AppError
from core.orders.sales.cards import Departure, until
from core.orders.sales.plan import Limits, Waiting, check_cut_offs, next_cut_off, plan
from core.orders.sales.rules import Load, Wanted, in_substitute, sale_state, shares
from core.orders.sales.walk import Hall, Spot, in_walking_order, spot, steps
from core.quantity import ONE, Factor
from core.tasks.policies import shipped
from tests.core.orders_world import q

NOON: Instant = 1_772_424_000_000_000  # 2026-03-02 12:00 in Shanghai
CODES = st.from_regex(r"[A-C]-0[1-9]-[0-2][0-9]-[1-3]", fullmatch=True)


def test_a_code_says_where_the_bin_stands() -> None:
    assert spot("A-03-12-2", "常温")[:5] == ("常温", "A", 3, 12, 2)
    assert spot("A-03-2")[:5] == ("", "A", 0, 3, 2)
    assert spot("B-07")[:5] == ("", "B", 0, 7, 0)
    assert spot("散货")[:5] == ("", "散货", 0, 0, 0)


def test_a_walk_goes_up_one_aisle_and_down_the_next() -> None:
    codes = ["A-01-01-1", "A-02-01-1", "A-01-09-1", "A-02-09-1", "A-03-05-1"]
    walked = [each.code for each in in_walking_order(spot(code) for code in codes)]
    assert walked == ["A-01-01-1", "A-01-09-1", "A-02-09-1", "A-02-01-1", "A-03-05-1"]


@given(st.lists(CODES, min_size=1, max_size=40))
def test_a_walk_visits_every_bin_once_and_is_no_longer_than_running_back_and_forth(
    codes: list[str],
) -> None:
    spots = [spot(code) for code in codes]
    walked = in_walking_order(spots)
    assert sorted(walked) == sorted(set(spots))
    assert sorted(steps(spots).values()) == list(range(1, len(set(spots)) + 1))
    hall = Hall(spots)
    one_by_one = sum(hall.length_cm([each]) for each in set(spots))
    assert hall.length_cm(walked) <= one_by_one


def waiting(sale: str, carrier: str, cut_off: Instant | None, *bins: str, **more: bool) -> Waiting:
    spots = tuple(spot(code) for code in bins)
    return Waiting(sale, carrier, cut_off, more.get("urgent", False), spots)


def test_urgent_first_then_whoever_leaves_first_and_single_lines_together() -> None:
    soon, late = NOON + HOUR, NOON + 5 * HOUR
    found = plan(
        [
            waiting("much", "ZT", late, "A-01", "A-02"),
            waiting("one", "SF", soon, "B-01"),
            waiting("two", "SF", soon, "A-01"),
            waiting("several", "SF", soon, "A-01", "B-09"),
            waiting("whenever", "", None, "A-01"),
            waiting("rush", "ZT", late, "C-01", urgent=True),
        ]
    )
    assert [each.sale_ids for each in found] == [
        ("rush",),
        ("two", "one"),
        ("several",),
        ("much",),
        ("whenever",),
    ]
    assert found[0].why == "急单先拣"


@given(
    st.lists(st.lists(CODES, min_size=1, max_size=9), max_size=30),
    st.integers(1, 5),
    st.integers(3, 20),
)
def test_every_order_is_in_exactly_one_wave_and_no_wave_is_too_large(
    orders: list[list[str]], most_orders: int, most_lines: int
) -> None:
    all_of = [waiting(f"s{n}", "SF", NOON, *bins) for n, bins in enumerate(orders)]
    found = plan(all_of, Limits(most_orders, most_lines))
    ids = [each for wave in found for each in wave.sale_ids]
    assert sorted(ids) == sorted(each.sale_id for each in all_of)
    for wave in found:
        assert len(wave.sale_ids) <= most_orders
        assert wave.lines <= most_lines or len(wave.sale_ids) == 1


def test_the_next_departure_is_the_first_one_still_to_come() -> None:
    times = check_cut_offs(["20:00", "16:30", "16:30"])
    assert times == ("16:30", "20:00")

    def at(day: str, now: Instant) -> str:
        found = next_cut_off(times, day, now)
        assert found is not None
        return f"{to_datetime(found):%m-%d %H:%M}"

    assert at("2026-03-02", NOON) == "03-02 16:30"
    assert at("2026-03-02", NOON + 5 * HOUR) == "03-02 20:00"
    assert at("2026-03-02", NOON + 9 * HOUR) == "03-03 16:30"
    assert at("2026-03-07", NOON) == "03-07 16:30"
    assert at("2026-01-01", NOON) == "03-02 16:30"
    assert next_cut_off((), "2026-03-02", NOON) is None
    with pytest.raises(AppError) as wrong:
        check_cut_offs(["25:99"])
    assert wrong.value.code == "invalid"


def test_a_walk_is_due_before_the_lorry_leaves_and_climbs_then() -> None:
    policy = until(shipped()["pick"], NOON, Departure("SF", NOON + 2 * HOUR), 30 * MINUTE)
    assert policy.respond_within == 90 * MINUTE
    assert policy.rungs[0].after == 90 * MINUTE
    assert policy.rungs[1].after > policy.rungs[0].after
    assert until(shipped()["pick"], NOON, Departure("", None), 0) == shipped()["pick"]
    late = until(shipped()["pick"], NOON, Departure("SF", NOON + MINUTE), 30 * MINUTE)
    assert late.respond_within == 5 * MINUTE


def test_an_order_stands_where_the_first_thing_left_to_do_is() -> None:
    assert sale_state(Load(1, q(5), 0, 0, q(5))) == "picking"
    assert sale_state(Load(0, q(5), q(5), 0, q(5))) == "picked"
    assert sale_state(Load(0, 0, q(5), 0, q(5))) == "packed"
    assert sale_state(Load(0, 0, 0, q(5), q(5))) == "open"
    assert sale_state(Load(0, 0, 0, q(5), 0)) == "shipped"
    assert sale_state(Load(0, 0, 0, 0, 0)) == "cancelled"


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_missing_is_never_negative_and_never_more_than_is_left(
    quantity: int, cut: int, picked: int, promised: int
) -> None:
    wanted = Wanted(quantity, cut, picked, promised)
    assert 0 <= wanted.missing <= wanted.left <= quantity


def test_a_substitute_is_rounded_up_to_whole_pieces_but_weighed_goods_are_not() -> None:
    assert in_substitute(5 * ONE, Factor(1, 2), ONE) == 3 * ONE
    assert in_substitute(5 * ONE, Factor(1, 2), 1) == q("2.5")


@given(st.integers(0, 100), st.lists(st.tuples(st.text(max_size=2), st.integers(0, 30))))
def test_shares_take_what_is_there_and_no_more(wanted: int, left: list[tuple[str, int]]) -> None:
    found = shares(wanted, left)
    assert sum(part for _, part in found) == min(wanted, sum(most for _, most in left))


def test_spots_sort_as_people_read_them() -> None:
    assert sorted([spot("A-10-1"), spot("A-9-1")])[0].code == "A-9-1"
    assert isinstance(spot("A-1"), Spot)
