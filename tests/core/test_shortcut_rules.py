"""The rules of a shortcut hold for any stock: who gives, how much, and in which pack."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.quantity import ONE, Factor
from core.shortcuts.rules import (
    NEAREST,
    PART,
    Donor,
    amount,
    biggest_that_fits,
    in_packs,
    rank_donors,
    rounding_step,
    step_of,
)

UNITS = st.integers(1, 2_000)
QUANTITY = UNITS.map(lambda n: n * ONE)
WEIGHED = st.integers(1, 10**9)  # kilograms with six decimals
STEPS = st.sampled_from([0, 6, 12, 20, 24, 500]).map(lambda n: n * ONE)
CODES = ("ZJ", "SJ", "KS", "WX", "HZ")
FREE = st.integers(-5, 500).map(lambda n: n * ONE)
DONORS = st.dictionaries(st.sampled_from(CODES), FREE, max_size=5).map(
    lambda found: [Donor(code, free) for code, free in found.items()]
)
NEAR = st.permutations(CODES).flatmap(lambda codes: st.integers(0, 5).map(lambda n: codes[:n]))


@given(DONORS, QUANTITY, NEAR)
def test_whoever_has_anything_stands_in_the_list_once_and_the_best_first(
    donors: list[Donor], wanted: int, near: list[str]
) -> None:
    ranked = rank_donors(donors, wanted, near)
    assert sorted(each.donor.code for each in ranked) == sorted(
        each.code for each in donors if each.free > 0
    )
    enough = [each for each in ranked if each.why != PART]
    assert ranked[: len(enough)] == enough, "nobody with a part stands before one with enough"
    assert all(each.donor.free >= wanted for each in enough)
    assert all(each.donor.free < wanted for each in ranked[len(enough) :])
    named = [each.donor.code for each in enough if each.why == NEAREST]
    assert named == [code for code in near if code in set(named)], "in the order of the road"
    assert enough[: len(named)] == [each for each in enough if each.why == NEAREST]
    for some in (enough[len(named) :], ranked[len(enough) :]):
        free = [each.donor.free for each in some]
        assert free == sorted(free, reverse=True), "else whoever has most"
    assert rank_donors(list(reversed(donors)), wanted, near) == ranked


@given(QUANTITY | WEIGHED, STEPS, FREE | WEIGHED | st.none())
def test_the_amount_is_never_more_than_there_is_and_covers_what_is_missing_if_it_can(
    missing: int, step: int, free: int | None
) -> None:
    asked = amount(missing, step, free)
    room = free if free is not None else asked
    assert asked <= max(room, 0)
    assert asked >= 0
    if free is None or free >= missing:
        assert asked >= missing
        assert asked - missing < max(step, 1), "never a whole pack too many"
        whole = -(-missing // step) * step if step else missing
        assert asked == (whole if whole <= room else missing)
    elif free > 0:
        assert asked > 0, "a part is better than nothing"
        assert not step or asked % step == 0 or free < step, "and in whole packs if there are any"


@given(QUANTITY, STEPS.filter(bool), FREE | st.none())
def test_packs_are_whole_and_never_more_than_there_is(
    quantity: int, step: int, free: int | None
) -> None:
    number = in_packs(quantity, step, free)
    assert number % ONE == 0
    base = number * step // ONE
    if free is None or -(-quantity // step) * step <= free:
        assert 0 <= base - quantity < step
    else:
        assert base <= free


@given(QUANTITY, st.lists(st.tuples(st.sampled_from("箱托包"), STEPS), max_size=3))
def test_the_biggest_pack_that_fits_divides_the_amount(
    quantity: int, steps: list[tuple[str, int]]
) -> None:
    name = biggest_that_fits(quantity, steps)
    fitting = {step for _, step in steps if step and quantity % step == 0}
    assert bool(name) == bool(fitting)
    if fitting:
        assert (name, max(fitting)) in steps


def test_a_pack_is_rounded_to_only_when_it_holds_several_whole_units() -> None:
    assert step_of(Factor(12)) == 12 * ONE
    assert [step_of(Factor(1)), step_of(Factor(1, 4)), step_of(Factor(5, 2))] == [0, 0, 0]
    assert rounding_step([Factor(480), Factor(12), Factor(1, 2)]) == 12 * ONE
    assert rounding_step([]) == 0
