"""A placed label as dots: black on white, one bit each, as a thermal head prints them.

`png` is the picture; `words_of`, `pieces` and `runs` are what the other writers take from it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw

from bots.pictures.labels.block import Box
from bots.pictures.labels.layout import Plan, Symbol
from bots.pictures.labels.letters import font
from bots.pictures.labels.symbols import modules

MOST_BYTES = 60_000  # of one piece; ^GF takes 99,999

# Corners of an arrow that points up, in a box of 1 × 1.
_UP = ((0.5, 0.0), (1.0, 0.5), (0.7, 0.5), (0.7, 1.0), (0.3, 1.0), (0.3, 0.5), (0.0, 0.5))


@dataclass(frozen=True, slots=True)
class Piece:
    """Dots to print at (x, y): `across` bytes a row, 0 is black, rows filled up with white."""

    x: int
    y: int
    across: int
    height: int
    dots: bytes


def png(plan: Plan) -> bytes:
    """The label as PNG; its resolution is written into it."""
    sheet = drawn(plan)
    out = io.BytesIO()
    sheet.save(out, "PNG", dpi=(plan.dpi, plan.dpi))
    return out.getvalue()


def drawn(plan: Plan) -> Image.Image:
    """The whole label, 0 is black."""
    sheet = words_of(plan)
    pen = ImageDraw.Draw(sheet)
    for bar in runs(plan.symbol):
        pen.rectangle((bar.left, bar.top, bar.right - 1, bar.bottom - 1), fill=0)
    return sheet


def words_of(plan: Plan) -> Image.Image:
    """Everything but the barcode."""
    sheet = Image.new("1", (plan.width, plan.height), 1)
    pen = ImageDraw.Draw(sheet)
    pen.fontmode = "1"
    for line in plan.lines:
        at = (line.x, line.y)
        pen.text(at, line.text, 0, font(line.px), anchor="ls", stroke_width=line.stroke)
    if plan.arrow:
        pen.polygon(_arrow(plan), fill=0)
    return sheet


def pieces(plan: Plan) -> list[Piece]:
    """The words line by line, cut out where they stand: less to send than the whole."""
    sheet = words_of(plan).convert("L")
    boxes = [line.box for line in plan.lines] + ([plan.arrow_box] if plan.arrow else [])
    found: list[Piece] = []
    for box in boxes:
        part = sheet.crop((box.left, box.top, box.right, box.bottom))
        ink = ImageChops.invert(part).getbbox()
        if ink is not None:
            found += _strips(box.left + ink[0], box.top + ink[1], part.crop(ink))
    return found


def _strips(x: int, y: int, part: Image.Image) -> Iterator[Piece]:
    across = (part.width + 7) // 8
    whole = Image.new("1", (across * 8, part.height), 1)
    whole.paste(part, (0, 0))
    dots, tall = whole.tobytes(), MOST_BYTES // across
    for top in range(0, part.height, tall):
        strip = dots[top * across : (top + tall) * across]
        yield Piece(x, y + top, across, len(strip) // across, strip)


def runs(symbol: Symbol) -> Iterator[Box]:
    """The dark rectangles of the barcode, one for each run of dark modules in a row."""
    rows = modules(symbol.code)
    box, module = symbol.box, symbol.module
    left = box.left + (box.width - len(rows[0]) * module) // 2
    tall = module if len(rows) > 1 else box.height
    top = box.top + (box.height - len(rows) * tall) // 2
    for number, row in enumerate(rows):
        y, begin = top + number * tall, -1
        for x, dark in enumerate((*row, 0)):
            if dark and begin < 0:
                begin = x
            elif not dark and begin >= 0:
                yield Box(left + begin * module, y, left + x * module, y + tall)
                begin = -1


def _arrow(plan: Plan) -> list[tuple[float, float]]:
    box = plan.arrow_box
    match plan.arrow:
        case "down":
            points = [(x, 1 - y) for x, y in _UP]
        case "left":
            points = [(y, x) for x, y in _UP]
        case "right":
            points = [(1 - y, x) for x, y in _UP]
        case _:
            points = list(_UP)
    return [(box.left + x * (box.width - 1), box.top + y * (box.height - 1)) for x, y in points]
