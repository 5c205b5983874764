"""What we draw for a chat: a stock curve, a code that opens a task on a scanner, a small photo.

Chinese words need a font that is there on every machine: a subset of Noto Sans (OFL.txt). Pure:
data in, PNG or JPEG out; call it in a thread. Not for pictures from outside (photos.py).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).with_name("NotoSansSC-Subset.otf")
PAPER, INK, INK_2, LINE = "#ffffff", "#1b1b1a", "#4a4a46", "#d9d6cf"
ACCENT, FILL, STOP = "#0b5d57", "#d5e6e3", "#8a1c00"
WIDTH, HEIGHT, MARGIN = 900, 480, 48
SMALL = 480
TICKS = 4

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One day: its label and the quantity at its end, in whole or part units."""

    day: str
    value: float


def qr_png(text: str, module_pixels: int = 8) -> bytes:
    """`text` as a QR code in PNG, with the quiet zone scanners need; level M survives a scratch."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", scale=module_pixels, border=4)
    return out.getvalue()


def task_code(title: str, below: str, text: str) -> bytes:
    """A QR code with the task's title over it and one line below it; PNG."""
    code = Image.open(io.BytesIO(qr_png(text, 10))).convert("RGB")
    width = max(code.width, 420)
    lines = _wrapped(title, _font(28), width - 2 * 24)[:2]
    top = 24 + 40 * len(lines)
    sheet = Image.new("RGB", (width, top + code.height + 56), PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        pen.text((24, 20 + 40 * number), line, INK, _font(28))
    sheet.paste(code, ((width - code.width) // 2, top))
    pen.text((24, top + code.height), _fitted(below, _font(22), width - 48), INK_2, _font(22))
    return _png(sheet)


def stock_curve(title: str, unit: str, points: Sequence[Point]) -> bytes:
    """What stood there at the end of each day, oldest first, the last one said in words; PNG.

    Raises:
        ValueError: no days.
    """
    if not points:
        raise ValueError("a curve needs a day")
    sheet = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 20), _fitted(title, _font(30), WIDTH - 2 * MARGIN), INK, _font(30))
    now = f"现在 {_shown(points[-1].value)} {unit}"
    pen.text((MARGIN, 64), now, STOP if points[-1].value <= 0 else ACCENT, _font(26))
    box = (MARGIN + 70.0, 120.0, float(WIDTH - MARGIN), float(HEIGHT - 64))
    top = _top_of(max(point.value for point in points))
    _grid(pen, box, top)
    _line(pen, box, top, [point.value for point in points])
    for place in sorted({0, len(points) // 2, len(points) - 1}):
        x = _x(box, place, len(points))
        words = points[place].day
        half = pen.textlength(words, _font(20)) / 2
        left = min(max(x - half, 8), WIDTH - 2 * half - 8)
        pen.text((left, box[3] + 12), words, INK_2, _font(20))
    return _png(sheet)


def thumbnail(data: bytes, side: int = SMALL) -> bytes:
    """A photo of ours no longer than `side` pixels, JPEG: what a card shows of it."""
    with Image.open(io.BytesIO(data)) as opened:
        small = opened.convert("RGB")
        small.thumbnail((side, side))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=80)
        return out.getvalue()


# -- parts ---------------------------------------------------------------------------------------
@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)


def _grid(pen: ImageDraw.ImageDraw, box: Box, top: float) -> None:
    left, high, right, low = box
    for tick in range(TICKS + 1):
        y = low - (low - high) * tick / TICKS
        pen.line((left, y, right, y), LINE, 1)
        words = _shown(top * tick / TICKS)
        pen.text((left - 12 - pen.textlength(words, _font(20)), y - 14), words, INK_2, _font(20))


def _line(pen: ImageDraw.ImageDraw, box: Box, top: float, values: Sequence[float]) -> None:
    """Steps, not slopes: between two days nothing is known."""
    _, high, _, low = box
    path: list[tuple[float, float]] = []
    for place, value in enumerate(values):
        y = low - (low - high) * min(max(value, 0.0) / top, 1.0)
        if path:
            path.append((_x(box, place, len(values)), path[-1][1]))
        path.append((_x(box, place, len(values)), y))
    if len(path) > 1:
        pen.polygon([(path[0][0], low), *path, (path[-1][0], low)], FILL)
        pen.line(path, ACCENT, 3)
    x, y = path[-1]
    pen.ellipse((x - 6, y - 6, x + 6, y + 6), ACCENT)


def _x(box: Box, place: int, count: int) -> float:
    left, _, right, _ = box
    return right if count == 1 else left + (right - left) * place / (count - 1)


def _top_of(highest: float) -> float:
    """A round number above the highest value."""
    step = 1.0
    while step * 10 < highest:
        step *= 10
    for times in (1, 2, 2.5, 5, 10):
        if step * times >= highest:
            return step * times
    return highest or 1.0


def _shown(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines = [""]
    for letter in text:
        if font.getlength(lines[-1] + letter) > width:
            lines.append("")
        lines[-1] += letter
    return [*lines[:1], _fitted("".join(lines[1:]), font, width)] if len(lines) > 2 else lines


def _png(sheet: Image.Image) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()
