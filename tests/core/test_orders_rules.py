"""The pure rules of documents, and conservation over random days on the dock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.catalog import Check
from core.clock import ManualClock
from core.errors import AppError
from core.orders import count_rules, rules
from core.orders.rules import Place
from core.quantity import ONE, Factor
from tests.core.orders_world import BASE, CUP, q, trader
from tests.databases import DATABASES


def refusal(run: Callable[[], object]) -> AppError:
    with pytest.raises(AppError) as caught:
        run()
    return caught.value


@pytest.mark.parametrize(
    ("ordered", "received", "short", "percent", "most"),
    [
        (100, 0, 0, 0, 100),
        (100, 0, 0, 5, 105),
        (100, 105, 0, 5, 0),
        (100, 200, 0, 5, 0),
        (100, 40, 10, 5, 50),  # closed short: the tolerance is off
    ],
)
def test_what_may_still_come(
    ordered: int, received: int, short: int, percent: int, most: int
) -> None:
    asked = (ordered * ONE, received * ONE, short * ONE, percent)
    assert rules.most_receivable(*asked) == most * ONE


def test_a_pack_is_converted_exactly_or_refused() -> None:
    third = Factor(1, 3)
    assert rules.in_base_units(3 * ONE, third, pack="份", unit="kg") == ONE
    said = refusal(lambda: rules.in_base_units(ONE, third, pack="份", unit="kg"))
    assert said.code == "not_whole"
    assert "1 份" in said.say("zh")


@given(st.integers(1, 10**12), st.integers(1, 1000), st.integers(1, 1000))
def test_a_conversion_never_rounds(quantity: int, numerator: int, denominator: int) -> None:
    factor = Factor(numerator, denominator)

    def convert() -> int:
        return rules.in_base_units(quantity, factor, pack="箱", unit="件")

    if quantity * numerator % denominator:
        assert refusal(convert).code == "not_whole"
    else:
        assert convert() * denominator == quantity * numerator


def test_a_checklist_says_what_failed_and_why() -> None:
    checks = (
        Check("seal", "封口"),
        Check("temp", "温度", "number", -18 * ONE, 4 * ONE),
        Check("note", "备注", "text"),
    )
    good = {"seal": "合格", "temp": "-18", "note": "-"}
    assert rules.failed_checks(checks, good) == []
    bad = good | {"seal": "no", "temp": "4.000001"}
    assert rules.failed_checks(checks, bad) == [("封口", "不合格"), ("温度", "4.000001 高于 4")]
    cold = good | {"temp": "-20"}
    assert rules.failed_checks(checks, cold) == [("温度", "-20 低于 -18")]
    assert refusal(lambda: rules.failed_checks(checks, {})).code == "check_missing"
    odd = good | {"seal": "perhaps"}
    assert refusal(lambda: rules.failed_checks(checks, odd)).code == "check_missing"
    text = good | {"temp": "冷"}
    assert refusal(lambda: rules.failed_checks(checks, text)).code == "bad_quantity"


@pytest.mark.parametrize(
    ("state", "needs", "status"),
    [
        ("ok", False, "ok"),
        ("ok", True, "inspect"),
        ("held", False, "hold"),
        ("held", True, "hold"),
        ("recalled", True, "recalled"),
    ],
)
def test_where_goods_land(state: str, needs: bool, status: str) -> None:
    assert rules.status_on_arrival(state, needs) == status


def test_bins_are_ranked_and_full_ones_left_out() -> None:
    places = [
        Place(1, "E", "", 50 * ONE, 0, 0, 0),
        Place(2, "Z", "冷藏", 50 * ONE, 10 * ONE, 0, 0),
        Place(3, "I", "", 50 * ONE, 10 * ONE, 10 * ONE, 0),
        Place(4, "L", "", 50 * ONE, 10 * ONE, 10 * ONE, 10 * ONE),
        Place(5, "F", "冷藏", 50 * ONE, 45 * ONE, 45 * ONE, 45 * ONE),
        Place(6, "U", "", None, 10 * ONE, 0, 0),
    ]
    ranked = rules.rank_places(places, 10 * ONE, "冷藏", 9)
    assert [place.code for place, _ in ranked] == ["L", "I", "Z", "E", "U"]
    assert [why for _, why in ranked][:2] == [
        "同批次已在这里 10，还能放 40",
        "同商品已在这里 10，还能放 40",
    ]
    assert rules.rank_places(places[:1], 51 * ONE, "", 9) == []


@pytest.mark.parametrize(
    ("expected", "counted", "over"),
    [(100, 95, False), (100, 94, True), (100, 105, False), (0, 1, True), (0, 0, False)],
)
def test_when_a_variance_is_counted_again(expected: int, counted: int, over: bool) -> None:
    assert count_rules.over_threshold(expected * ONE, counted * ONE, 5) is over


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(0, 30), st.booleans(), st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_nothing_is_lost_or_made_on_the_dock(days: list[tuple[int, int, bool, bool]]) -> None:
    """Whatever arrives, fails, is decided and shelved: received = stocked + rejected + waiting."""
    clock = ManualClock(1_772_413_200_000_000)
    db = DATABASES.database(clock)
    try:
        t = trader(db, clock)
        lines = []
        for number, (came, wanted, decide_now, shelve) in enumerate(days):
            made = t.order((BASE, str(came)), (CUP, "1"))
            got = t.arrive(made, t.bring(made, 0, str(came), f"L-{number}"))
            bad = min(came, wanted)
            t.judge(got.lines[0], str(came - bad), str(bad))
            if bad and decide_now:
                t.press("陈晨", t.tasks("qc_decide")[-1], "return", reason="退")
            if shelve and came > bad:
                t.shelve(got.lines[0], str(came - bad), "ZJ-A-1")
            lines.append(got.lines[0])
        for line in map(t.line, lines):
            assert line.quantity == line.stocked + line.to_stock + line.rejected + line.to_inspect
        in_books = sum(q(each) for each in t.stands(BASE).values())
        gone = sum(line.rejected - line.held for line in map(t.line, lines))
        assert in_books == sum(line.quantity for line in lines) - gone
        t.proven()
    finally:
        db.close()


def test_a_day_is_kept_as_days_are_compared() -> None:
    written = ("2026-03-05", "20260305", "2026-W10-4")
    assert {rules.check_date(day, "到货日") for day in written} == {"2026-03-05"}
    for wrong in ("", "2026-13-01", "明天"):
        assert refusal(lambda wrong=wrong: rules.check_date(wrong, "到货日")).code == "invalid"  # type: ignore[misc]
