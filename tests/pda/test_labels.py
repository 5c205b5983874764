"""GS1 labels as scanners really send them. Literals: real labels and bug reports, then our own."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalog import Printed, write_own
from core.quantity import ONE
from pda.labels import Expected, Label, read

TODAY = date(2026, 3, 2)
GS = "\x1d"
MILK = "07035620052163"  # valid GTINs
TEA = "06901234567892"

# (raw, gtin, lot, use by, made on, serial)
CERTAIN = [
    # from the field: openfoodfacts-server #8333, odoo/documentation PR 5592, odoo PR 187875
    ("01070356200521631523080710230710", MILK, "230710", "2023-08-07", "", ""),
    ("01206116289360043000000050\x1d10LOT0002", "20611628936004", "LOT0002", "", "", ""),
    ("\x1d0101234567891231", "01234567891231", "", "", "", ""),
    # symbology identifiers and separators (odoo PR 163404, 157179)
    (f"]C101{MILK}10A1", MILK, "A1", "", "", ""),
    (f"]C1{GS}01{MILK}10A1", MILK, "A1", "", "", ""),
    (f"]d201{MILK}17260630", MILK, "", "2026-06-30", "", ""),
    (f"]d2{GS}01{MILK}17260630{GS}10A1", MILK, "A1", "2026-06-30", "", ""),
    (f"]Q301{MILK}10A1", MILK, "A1", "", "", ""),
    (f"]e001{MILK}", MILK, "", "", "", ""),
    (f"{GS}{GS}01{MILK}10A1{GS}", MILK, "A1", "", "", ""),
    (f"01{MILK}{GS}1726063010A1", MILK, "A1", "2026-06-30", "", ""),
    (f"  01{MILK}10A1\r\n", MILK, "A1", "", "", ""),
    # an 8-digit lot is not a date (odoo #118144)
    (f"01{MILK}1020260101", MILK, "20260101", "", "", ""),
    (f"01{MILK}172606301020260101", MILK, "20260101", "2026-06-30", "", ""),
    (f"01{MILK}1099999999", MILK, "99999999", "", "", ""),
    # dates: day 00 is the end of the month; best before counts when there is no expiry
    (f"01{MILK}17260200", MILK, "", "2026-02-28", "", ""),
    (f"01{MILK}17280200", MILK, "", "2028-02-29", "", ""),
    (f"01{MILK}15261231", MILK, "", "2026-12-31", "", ""),
    (f"01{MILK}1526123117270131", MILK, "", "2027-01-31", "", ""),
    (f"01{MILK}1126010110L", MILK, "L", "", "2026-01-01", ""),
    # order of fields is free
    (f"10A1{GS}01{MILK}17260630", MILK, "A1", "2026-06-30", "", ""),
    (f"1726063010A1{GS}01{MILK}", MILK, "A1", "2026-06-30", "", ""),
    (f"21S-77{GS}01{MILK}10A1", MILK, "A1", "", "", "S-77"),
    (f"01{MILK}21ABC{GS}10L/4.7-x_", MILK, "L/4.7-x_", "", "", "ABC"),
    # contents of a logistic unit
    (f"02{TEA}3724{GS}10A1", TEA, "A1", "", "", ""),
    # human-readable text and GS1 Digital Link
    (f"(01){MILK}(10)ABC(17)260630", MILK, "ABC", "2026-06-30", "", ""),
    (f"(01) {MILK} (10) ABC", MILK, "ABC", "", "", ""),
    (f"https://id.gs1.org/01/{MILK}/10/ABC?17=260630", MILK, "ABC", "2026-06-30", "", ""),
    (f"]Q1https://id.gs1.org/01/{MILK}/10/ABC?17=260630", MILK, "ABC", "2026-06-30", "", ""),
    # full-width characters of a Chinese input method
    (f"（０１）{MILK}（10）ＡＢＣ", MILK, "ABC", "", "", ""),
    # other fields are passed over, not feared
    (f"01{MILK}10A1{GS}240X-99", MILK, "A1", "", "", ""),
    (f"01{MILK}3922" + f"1999{GS}10A1", MILK, "A1", "", "", ""),
    # an impossible date costs the date, never the goods
    (f"01{MILK}17261399", MILK, "", "", "", ""),
]


@pytest.mark.parametrize("case", CERTAIN, ids=lambda case: ascii(case[0]))
def test_a_standard_label_is_read_without_asking(case: tuple[str, ...]) -> None:
    label = read(case[0], None, Expected(today=TODAY)).label
    assert label is not None, "one reading, no question"
    found = (label.gtin, label.lot, label.use_by, label.made_on, label.serial)
    assert found == case[1:]
    assert not label.repaired


ORDINARY = [
    "PO-2026-0001",
    "A-03-2",
    "4006381333931",  # an EAN-13 is a code, although 400 is an AI
    "7035620052163",
    "]E07035620052163",
    "96385074",  # EAN-8
    "1021072911",  # starts like a lot, but no goods are named
    "10ABC",
    "17260630",
    "",
    GS,
    "]",
    "]C1",
    "低糖基料",
    "10" * 45,
]


@pytest.mark.parametrize("raw", ORDINARY)
def test_an_ordinary_code_is_left_alone(raw: str) -> None:
    assert read(raw, None, Expected(today=TODAY)).labels == ()


def test_a_keyboard_in_the_way_is_noticed() -> None:
    assert read("你好1234").odd_keyboard
    assert not read("PO-1").odd_keyboard


def test_counts_and_weights_are_exact() -> None:
    boxes = read(f"02{TEA}3724").label
    meat = read(f"01{MILK}3103001250").label
    assert boxes is not None
    assert boxes.count == 24 * ONE
    assert meat is not None
    assert meat.weight_kg == 1_250_000


def test_a_logistic_unit_has_its_number() -> None:
    label = read("00340123450000000010").label
    assert label is None or label.sscc == "340123450000000010"


def test_a_wrong_check_digit_is_reported_not_hidden() -> None:
    label = read(f"]C101{MILK[:-1]}010A1").label
    assert label is not None
    assert (label.gtin_valid, label.lot) == (False, "A1")


# -- printers that leave out FNC1 ----------------------------------------------------------------
BIIP_137 = "1021072911172405310100693570007182"


def test_the_label_of_biip_137_has_two_readings_the_right_one_first() -> None:
    found = read(BIIP_137, None, Expected(today=TODAY)).labels
    assert [each.text for each in found] == [
        "(10)21072911(17)240531(01)00693570007182",
        "(10)2107291117240531(01)00693570007182",
    ]
    assert all(each.repaired for each in found)


def test_a_known_lot_decides_without_asking() -> None:
    known = Expected(frozenset({"00693570007182"}), frozenset({"21072911"}), TODAY)
    label = read(BIIP_137, None, known).label
    assert label is not None
    assert (label.lot, label.expires_on, label.repaired) == ("21072911", "2024-05-31", True)


def test_a_lot_that_swallowed_a_date_is_asked_about() -> None:
    raw = f"01{MILK}10AB4717260630"
    found = read(raw, None, Expected(today=TODAY)).labels
    assert {(each.lot, each.use_by) for each in found} == {
        ("AB4717260630", ""),
        ("AB47", "2026-06-30"),
    }
    known = read(raw, None, Expected(lots=frozenset({"AB4717260630"}), today=TODAY)).label
    assert known is not None
    assert (known.lot, known.repaired) == ("AB4717260630", False)


def test_a_printer_that_separates_once_is_believed() -> None:
    label = read(f"10AB4717260630{GS}01{MILK}", None, Expected(today=TODAY)).label
    assert label is not None
    assert label.lot == "AB4717260630"


# -- our own codes -------------------------------------------------------------------------------
OWN = [
    ("J1:IA-001", Label(item="A-001", text="A-001")),
    ("]C0J1:IA-001:LL-7", Label(item="A-001", lot="L-7", text="A-001 · L-7")),
    ("]d1J1:PA-01", Label(place="A-01", text="A-01")),
    ("Ｊ１：IA-001：SSN-1", Label(item="A-001", serial="SN-1", text="A-001 · SN-1")),
    ("J1:IA%3A1:L%E6%89%B9", Label(item="A:1", lot="批", text="A:1 · 批")),
    ("J1:IA-001:N12.5", Label(item="A-001", count=12_500_000, text="A-001")),
]


@pytest.mark.parametrize(("raw", "label"), OWN)
def test_our_own_codes_are_labels_too(raw: str, label: Label) -> None:
    assert read(raw).label == label


@pytest.mark.parametrize(
    "raw",
    [
        *("J1:", "J1:A-001", "J1:IA:PB", "J1:LL-7", "J1:IA:IB", "J1:IA:N0", "J1:IA:N-1", "J1:I"),
        *("J1:IA:E20261301", "J1:IA:E261231", "J1:IA:Nx", "j1:IA-001", "J1:IA:", "J1"),
    ],
)
def test_half_a_code_of_ours_is_an_ordinary_code(raw: str) -> None:
    assert read(raw).labels == ()


codes = st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable())


@given(codes, st.none() | codes, st.none() | st.dates(date(1990, 1, 1), date(2199, 1, 1)))
def test_our_own_code_holds_any_item_and_lot(item: str, lot: str | None, day: date | None) -> None:
    expires = day.isoformat() if day else ""
    raw = write_own(Printed(item=item, lot=lot or "", expires_on=expires))
    assert re.fullmatch(r"[A-Za-z0-9\-._/+:%]+", raw)
    for prefix in ("", "]C0", "]d1", "]Q1"):
        label = read(prefix + raw).label
        assert label is not None
        assert (label.item, label.lot, label.expires_on) == (item, lot or "", expires)


lots = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=1, max_size=12)
days = st.dates(date(2025, 1, 1), date(2030, 12, 31))


@given(lots, days)
def test_a_lost_separator_never_loses_the_truth(lot: str, day: date) -> None:
    """Lot before date before GTIN without FNC1: the true reading is always among the offered."""
    raw = f"10{lot}17{day:%y%m%d}01{MILK}"
    found = read(raw, None, Expected(today=TODAY)).labels
    assert (lot, day.isoformat()) in {(each.lot, each.use_by) for each in found}


@given(lots, days)
def test_a_separated_label_reads_the_same_with_any_prefix(lot: str, day: date) -> None:
    body = f"01{MILK}10{lot}{GS}17{day:%y%m%d}"
    plain = read(body).label
    assert plain is not None
    for prefix in (GS, "]C1", "]d2", f"]d2{GS}"):
        assert read(prefix + body).label == plain


@settings(max_examples=400)
@given(st.text(max_size=120))
def test_garbage_never_raises(raw: str) -> None:
    assert all(isinstance(each, Label) for each in read(raw, None, Expected(today=TODAY)).labels)


@settings(max_examples=400)
@given(st.text("0123456789\x1d]C1d2()ABC", max_size=90), st.sampled_from([None, "C1", "]d2", "E0"]))
def test_almost_labels_never_raise(raw: str, symbology: str | None) -> None:
    assert len(read(raw, symbology, Expected(today=TODAY)).labels) <= 6
