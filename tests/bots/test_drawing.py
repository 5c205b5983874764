"""What we draw: Chinese that can be read, codes that scanners read, curves that tell the truth."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from bots.pictures.drawing import (
    ACCENT,
    Point,
    _font,
    qr_png,
    stock_curve,
    task_code,
    thumbnail,
)

WORDS = "质检不合格：低糖基料 24 箱，盘点上架在途￥3.5"


def image(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def test_the_font_has_every_letter_that_people_use() -> None:
    """A missing letter is drawn as the same box as any other missing one."""
    font = _font(28)
    missing = bytes(font.getmask("\U0001f600"))
    for letter in WORDS.replace(" ", "") + "王芳张江松江冷链仓〔〕·①":
        assert bytes(font.getmask(letter)) != missing, letter


def test_a_curve_is_drawn_as_high_as_it_is() -> None:
    flat = image(stock_curve("低糖基料", "袋", [Point(f"03-{n:02}", 100.0) for n in range(1, 31)]))
    falling = image(
        stock_curve("低糖基料", "袋", [Point(f"03-{n:02}", 100.0 - 3 * n) for n in range(1, 31)])
    )
    assert flat.size == falling.size == (900, 480)
    accent = tuple(int(ACCENT[n : n + 2], 16) for n in (1, 3, 5))

    def highest(picture: Image.Image, x: int) -> int:
        return next(y for y in range(100, 480) if picture.getpixel((x, y)) == accent)

    assert highest(flat, 300) == highest(flat, 700)
    assert highest(falling, 700) > highest(falling, 300) + 50


@pytest.mark.parametrize("values", [[0.0], [5.0], [0.0, 0.0], [-3.0, 2.5], [1e9, 0.001]])
def test_odd_curves_are_drawn_too(values: list[float]) -> None:
    points = [Point(str(n), value) for n, value in enumerate(values)]
    assert image(stock_curve("很长的名字" * 40, "件", points)).size == (900, 480)


def test_no_days_is_no_curve() -> None:
    with pytest.raises(ValueError, match="needs a day"):
        stock_curve("x", "件", [])


def test_a_task_code_holds_the_plain_code_between_its_words() -> None:
    plain = image(qr_png("JLT:" + "0" * 32, 10))
    sheet = image(
        task_code("质检不合格 · 低糖基料 1kg 2 箱" * 3, "扫码枪扫一扫", "JLT:" + "0" * 32)
    )
    assert sheet.width >= plain.width
    left = (sheet.width - plain.width) // 2
    top = sheet.height - 56 - plain.height
    cut = sheet.crop((left, top, left + plain.width, top + plain.height))
    assert cut.tobytes() == plain.tobytes()


def test_a_thumbnail_is_small_and_keeps_its_shape() -> None:
    out = BytesIO()
    Image.effect_noise((2048, 1024), 60).convert("RGB").save(out, "JPEG", quality=90)
    small = thumbnail(out.getvalue())
    assert image(small).size == (480, 240)
    assert len(small) < len(out.getvalue()) / 8
