"""Labels as they lie on paper: nothing clipped, nothing over anything else, nothing obeyed.

Whatever stands in a name or a code. That scanners read them: tests/pda/test_printed.py.
"""

from __future__ import annotations

from io import BytesIO
from itertools import combinations

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from bots.pictures.labels import (
    Arrow,
    Code,
    Label,
    Plan,
    Size,
    Symbology,
    Words,
    pdf,
    plan,
    png,
    tspl,
    zpl,
)
from bots.pictures.labels.block import Box
from bots.pictures.labels.label import FNC1
from bots.pictures.labels.letters import font
from bots.pictures.labels.png import drawn, runs, words_of
from bots.pictures.labels.symbols import extent, modules, values128
from core.errors import AppError
from tests.pda.printers import Paper, decoded, rasterised, tspl_printer, zpl_printer

SIZES = [Size(40, 30), Size(50, 30), Size(60, 40), Size(100, 50), Size(100, 100)]
GTIN = "07035620052163"
NAMES = [
    "低糖燕麦奶基料",
    "低糖燕麦奶基料（无添加蔗糖、无香精）1kg×12 袋 冷链" * 6,
    'a"b^XA~JA\\&,>;\r\n\x00',
    "😀🏳️‍🌈 𠮷野家 ＡＢＣ",
    "שלום עולם مرحبا بالعالم",
    "W" * 200,
    "Ì",
    "ÌÎĨj" * 30,
    "Ẩ́ g̣̃ÅÇj|(){}" * 8,
]


def lot_label(name: str, code: Code, arrow: Arrow = "") -> Label:
    words = (
        Words(name, 4.6, 2.2, lines=2, bold=True, cut=True),
        Words("批号 L-20260302-7", 4.4, 2.2, lines=2, bold=True),
        Words("到期 2026-12-31", 4.4, 2.2),
        Words("Low sugar oat base", 2.6, 1.8, lines=2, cut=True, spare=True),
    )
    return Label("L-7", code, words, arrow=arrow, below=code.bracketed)


def placed(label: Label, size: Size, dpi: int) -> Plan | None:
    """The plan, None when the label is refused for want of room."""
    try:
        return plan(label, size, dpi)
    except AppError as refusal:
        if refusal.code != "label_too_small":
            raise
        return None


def codes() -> list[Code]:
    return [
        Code(Symbology.CODE128, "JL-203"),
        Code(Symbology.CODE128, fields=(("01", GTIN),)),
        Code(Symbology.DATAMATRIX, "J1:IA-001:LL-7:E20261231"),
        Code(Symbology.DATAMATRIX, fields=(("01", GTIN), ("17", "261231"), ("10", "L_7"))),
        Code(Symbology.QR, f"https://id.gs1.org/01/{GTIN}/10/L-7?17=261231"),
    ]


def apart(one: Box, other: Box) -> bool:
    return (
        one.right <= other.left
        or other.right <= one.left
        or one.bottom <= other.top
        or other.bottom <= one.top
    )


def check_boxes(made: Plan) -> None:
    """Everything measured lies inside the label and beside everything else."""
    symbol = made.symbol
    zone = Box(
        symbol.box.left - symbol.quiet,
        symbol.box.top - (0 if extent(symbol.code).high == 0 else symbol.quiet),  # type: ignore[union-attr]
        symbol.box.right + symbol.quiet,
        symbol.box.bottom + (0 if extent(symbol.code).high == 0 else symbol.quiet),  # type: ignore[union-attr]
    )
    boxes = [zone, *(line.box for line in made.lines)]
    if made.arrow:
        boxes.append(made.arrow_box)
    for box in boxes:
        assert box.left >= 0
        assert box.top >= 0
        assert box.right <= made.width
        assert box.bottom <= made.height
        assert box.width > 0
        assert box.height > 0
    for one, other in combinations(boxes, 2):
        assert apart(one, other), (one, other)
    for line in made.lines:
        left, top, right, bottom = font(line.px).getbbox(
            line.text, anchor="ls", stroke_width=line.stroke
        )
        assert line.x + left >= line.box.left, "letters hang out on the left"
        assert line.x + right <= line.box.right, line
        assert line.y + top >= line.box.top, line
        assert line.y + bottom <= line.box.bottom, line
    for bar in runs(symbol):
        assert symbol.box.left <= bar.left < bar.right <= symbol.box.right
        assert symbol.box.top <= bar.top < bar.bottom <= symbol.box.bottom


def check_ink(made: Plan) -> None:
    """Nothing is drawn outside the boxes that were measured."""
    ink = words_of(made).convert("L")
    for box in [line.box for line in made.lines] + ([made.arrow_box] if made.arrow else []):
        ink.paste(255, (box.left, box.top, box.right, box.bottom))
    assert ImageChops.invert(ink).getbbox() is None


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_no_name_is_clipped_or_covers_the_code(size: Size, name: str) -> None:
    fitted = 0
    for code in codes():
        for dpi in (203, 300, 600):
            made = placed(lot_label(name, code, "up"), size, dpi)
            if made is None:
                continue
            fitted += 1
            check_boxes(made)
            check_ink(made)
            assert made.symbol.module * 25.4 / dpi >= 0.24, "thinner than a handheld reads"
    assert fitted > 5


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("text", ["A-01", "A-01-02-03", "ZJ-冷藏-03-2", "B" * 30])
def test_a_bin_code_is_as_large_as_fits(size: Size, text: str) -> None:
    """Its letters fill the width or the height that bars and place leave."""
    code = Code(Symbology.CODE128, "A-01-02")
    words = (Words(text, 30, 3.0, bold=True), Words("张江仓 · A 区", 3.4, 2.2, lines=2, cut=True))
    made = plan(Label(text, code, words, centred=True), size, 203)
    check_boxes(made)
    head = made.lines[0]
    assert head.px >= 3.0 * 203 / 25.4 - 1
    if len(text) < 12:
        tall = head.box.height / made.height
        wide = head.box.width / made.width
        assert wide > 0.7 or tall > 0.2, (wide, tall)
        assert len([line for line in made.lines if line.px == head.px]) == 1, "on one line"


def test_the_largest_letters_go_in_pieces_that_printers_take() -> None:
    """^GF holds 99,999 bytes; the test printer refuses more."""
    code = Code(Symbology.QR, "A1")
    made = plan(Label("A1", code, (Words("A1", 60, 3, bold=True),)), Size(160, 200), 300)
    check_boxes(made)
    for papers in (zpl_printer(zpl(made)), tspl_printer(tspl(made), 300)):
        same_words(papers[0], made)
        assert len(papers[0].boxes) > 2, "one line in several pieces, and the code"


spoken = st.text("ABCabc0123456789-._/+:%= ", min_size=1, max_size=40).map(str.strip).filter(bool)
name_text = st.one_of(
    st.text(max_size=200),
    st.text('^~"\\,;>!_{}\r\n\x1d', max_size=60),
    st.sampled_from(NAMES),
)


@settings(max_examples=100, deadline=None)
@given(name_text, spoken, st.sampled_from(list(Symbology)), st.sampled_from(SIZES))
def test_no_name_or_code_makes_a_printer_do_anything_else(
    name: str, text: str, symbology: Symbology, size: Size
) -> None:
    """Two printers that refuse every command but ours print the same dots as the picture."""
    code = Code(symbology, text)
    made = placed(lot_label(name, code), size, 203)
    if made is None:
        return
    check_boxes(made)
    for papers in (zpl_printer(zpl(made, 2)), tspl_printer(tspl(made, 2), 203)):
        (paper,) = papers
        assert paper.copies == 2
        assert [each for _, each in paper.codes] == [text]
        same_words(paper, made)


def same_words(paper: Paper, made: Plan) -> None:
    """The printed words are the picture's, dot for dot; the barcode is elsewhere."""
    box = made.symbol.box
    assert paper.picture.size == (made.width, made.height)
    printed, shown = paper.picture.copy(), words_of(made).convert("L")
    for each in (printed, shown):
        each.paste(255, (box.left, box.top, box.right, box.bottom))
    assert ImageChops.difference(printed, shown).getbbox() is None


@settings(max_examples=100, deadline=None)
@given(spoken)
def test_a_printer_never_needs_more_room_than_was_kept(text: str) -> None:
    for symbology in Symbology:
        code = Code(symbology, text)
        room = extent(code)
        assert room is not None
        rows = modules(code)
        assert len(rows[0]) <= room.wide
        assert len(rows) <= max(1, room.high)
    said = values128(Code(Symbology.CODE128, text))
    assert "".join(each for each in said if each not in ("B:", "C:")) == text


def test_fnc1_stands_where_gs1_wants_it() -> None:
    """In front, and behind a field of open length that is not the last."""
    fields = (("01", GTIN), ("17", "261231"), ("10", "L-7"), ("21", "SN1"))
    bars, matrix = (Code(each, fields=fields) for each in list(Symbology)[:2])
    assert bars.scanned == f"01{GTIN}17261231" + f"10L-7{FNC1}21SN1"
    wide = Size(160, 60)
    program = zpl(plan(lot_label("名", bars), wide, 203)).decode()
    assert f"^FD>;>801{GTIN}1726123110>6L-7>821SN1^FS" in program
    program = zpl(plan(lot_label("名", matrix), wide, 203)).decode()
    assert f",_^FD_101{GTIN}1726123110L-7_121SN1^FS" in program
    said = tspl(plan(lot_label("名", bars), wide, 203))
    assert f'"!105!10201{GTIN}1726123110!100L-7!10221SN1"'.encode() in said
    said = tspl(plan(lot_label("名", matrix), wide, 203))
    assert f'"~101{GTIN}1726123110L-7~121SN1"'.encode() in said


@pytest.mark.parametrize(
    "text", ["a^b", "a~b", 'a"b', "a\\b", "a!b", "a>b", "a\nb", "a\x1db", "中"]
)
def test_a_barcode_holds_nothing_that_a_printer_obeys(text: str) -> None:
    with pytest.raises(AssertionError):
        Code(Symbology.CODE128, text)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_pdf_page_is_as_large_as_the_label(size: Size) -> None:
    made = plan(lot_label("低糖基料", codes()[3]), size, 600)
    content = pdf([made])
    with pypdfium2.PdfDocument(content) as document:
        points = document[0].get_size()
    mm = [each / 72 * 25.4 for each in points]
    assert mm == pytest.approx((size.width, size.height), abs=0.01)
    page = rasterised(content)[0]
    assert decoded(page).text == made.symbol.code.scanned
    ink = ImageChops.invert(page).getbbox()
    assert ink is not None
    assert ink[2] > page.width * 0.6, "the words are on it too"


def test_a_picture_says_its_resolution() -> None:
    made = plan(lot_label("低糖基料", codes()[0]), Size(60, 40), 300)
    picture = Image.open(BytesIO(png(made)))
    assert picture.size == (708, 472)
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert ImageChops.difference(picture.convert("L"), drawn(made).convert("L")).getbbox() is None


@pytest.mark.parametrize("arrow", ["up", "down", "left", "right"])
def test_an_arrow_points_where_it_says(arrow: Arrow) -> None:
    code = Code(Symbology.CODE128, "A-01")
    made = plan(Label("A-01", code, (Words("A-01", 30, 3),), arrow=arrow), Size(60, 40), 203)
    box = made.arrow_box
    ink = words_of(made).convert("L").crop((box.left, box.top, box.right, box.bottom))
    half = box.width // 2

    def dark(part: tuple[int, int, int, int]) -> int:
        return ink.crop(part).histogram()[0]

    towards = {
        "up": (0, 0, box.width, half),
        "down": (0, half, box.width, box.height),
        "left": (0, 0, half, box.height),
        "right": (half, 0, box.width, box.height),
    }
    across = {"up": "down", "down": "up", "left": "right", "right": "left"}
    head, tail = dark(towards[arrow]), dark(towards[across[arrow]])
    assert head > tail > 0
