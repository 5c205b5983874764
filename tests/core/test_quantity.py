"""Quantities are exact: parsing, showing, packs, rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AppError
from core.quantity import MAX_MICRO, ONE, Factor, check_positive, parse, plain, round_half_up, show


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("12", 12 * ONE),
        ("12.5", 12_500_000),
        ("0.000001", 1),
        ("-3", -3 * ONE),
        (".5", 500_000),
        ("4.", 4 * ONE),
        ("1,234.50", 1_234_500_000),
        ("\uff11\uff12\uff0e\uff15", 12_500_000),
        (" 7 ", 7 * ONE),
        ("3140.00", 3140 * ONE),
        ("1.5000000000", 1_500_000),
    ],
)
def test_numbers_people_type(text: str, micro: int) -> None:
    assert parse(text) == micro


@pytest.mark.parametrize(
    "text",
    ["", ".", "abc", "1.2.3", "1e5", "NaN", "0.0000001", "99999999999", "--1", "½", "0x10", "١٢"],
)
def test_what_is_no_quantity_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(AppError) as refusal:
        parse(text)
    assert refusal.value.code == "bad_quantity"
    assert "请输入" in refusal.value.say()


@given(st.integers(-MAX_MICRO, MAX_MICRO))
def test_what_is_shown_reads_back(micro: int) -> None:
    assert parse(plain(micro)) == micro
    assert parse(show(micro)) == micro


@pytest.mark.parametrize("quantity", [0, -1, MAX_MICRO + 1])
def test_only_positive_and_bounded_quantities_move(quantity: int) -> None:
    with pytest.raises(AppError):
        check_positive(quantity)


def test_odoo_pr_65453_no_residue_is_left() -> None:
    """3140.0 − 3106.40 leaves exactly 33.60."""
    assert parse("3140.0") - parse("3106.40") == parse("33.60")


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**9))
def test_packs_come_back_when_the_factor_divides(top: int, bottom: int, packs: int) -> None:
    factor = Factor(top, bottom)
    exact = packs * bottom  # a number of packs that makes whole base units
    assert factor.from_base(factor.to_base(exact)) == exact
    assert factor.reduced().to_base(exact) == factor.to_base(exact)


@pytest.mark.parametrize(
    ("top", "bottom", "expected"),
    [(1, 2, 1), (-1, 2, -1), (1, 3, 0), (2, 3, 1), (5, 2, 3), (-5, 2, -3), (5, -2, -3), (0, 7, 0)],
)
def test_halves_go_away_from_zero(top: int, bottom: int, expected: int) -> None:
    assert round_half_up(top, bottom) == expected
