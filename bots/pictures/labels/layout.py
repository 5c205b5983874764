"""Everything on a label placed, in dots of one printer: bars below the words, a matrix beside them.

Sizes are in mm until here. A bar or module is a whole number of dots and never thinner than a
handheld reads at arm's length. Raises instead of printing what cannot be scanned or read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bots.pictures.labels.block import Box, Line, fitted
from bots.pictures.labels.label import (
    LABEL_TOO_SMALL,
    Arrow,
    Code,
    Label,
    Size,
    Symbology,
    Words,
)
from bots.pictures.labels.symbols import QUIET, extent
from core.errors import AppError

THINNEST = 0.25  # mm, what handheld scanners read: two dots at 203 dpi, three at 300
THICKEST = {Symbology.CODE128: 0.75, Symbology.DATAMATRIX: 1.25, Symbology.QR: 1.25}
BARS = (0.32, 0.26, 0.2, 0.15)  # how high bars are, of the label; lower only for the words' sake
SIDES = (0.42, 0.34, 0.55)  # how wide a matrix is, of the label; the last when it must be
LOWEST, HIGHEST = 5.0, 25.0  # mm
MOST_DOTS = 10  # of a module in ^BQ, ^BY and QRCODE
PRINTER_DPI = 300  # above this nobody speaks ZPL or TSPL here


NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Symbol:
    """A barcode's place: `box` without its quiet zone; the drawn symbol is centred in it."""

    code: Code
    box: Box
    module: int  # dots
    quiet: int  # dots


@dataclass(frozen=True, slots=True)
class Plan:
    """A label in dots."""

    size: Size
    dpi: int
    width: int
    height: int
    lines: tuple[Line, ...]
    symbol: Symbol
    arrow: Arrow = ""
    arrow_box: Box = NOWHERE


def plan(label: Label, size: Size, dpi: int) -> Plan:
    """Place everything.

    Raises:
        AppError(label_too_small): the code or the words have no room.
    """
    sheet = _Sheet(label, size, dpi)
    if label.code.symbology is Symbology.CODE128:
        return _bars_below(sheet)
    if size.width >= 1.15 * size.height:
        return _matrix_beside(sheet)
    return _matrix_below(sheet)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What a layout needs to know, and the small sums that all of them do."""

    label: Label
    size: Size
    dpi: int

    def dots(self, mm: float) -> int:
        return int(mm * self.dpi / 25.4)

    @property
    def width(self) -> int:
        return self.dots(self.size.width)

    @property
    def height(self) -> int:
        return self.dots(self.size.height)

    @property
    def margin(self) -> int:
        return self.dots(max(1.5, min(3.0, self.size.width / 30)))

    def words(self, *more: Words) -> list[Words]:
        """The label's words and `more`, larger on a larger label."""
        scale = max(0.8, min(2.2, self.size.width / 60, self.size.height / 40))
        every = (*self.label.words, *more)
        return [replace(each, size=each.size * scale) for each in every]

    def refused(self, part: str) -> AppError:
        return AppError(LABEL_TOO_SMALL, what=self.label.what, part=part, size=self.size)

    def module(self, room: int, modules: int) -> int:
        """Dots of one module when `modules` of them share `room`."""
        per_mm = self.dpi / 25.4
        symbology = self.label.code.symbology
        most = round(THICKEST[symbology] * per_mm)
        if self.dpi <= PRINTER_DPI:
            most = min(most, MOST_DOTS)
        found = min(most, room // modules)
        if found < max(1, round(THINNEST * per_mm)):
            raise self.refused("条码")
        return found

    def lines(self, words: list[Words], box: Box) -> tuple[Line, ...]:
        found = fitted(words, box, self.dpi, centred=self.label.centred)
        if not found and any(each.text for each in words if not each.spare):
            raise self.refused("文字")
        return tuple(found)

    def with_arrow(self, words: list[Words], box: Box) -> tuple[tuple[Line, ...], Box]:
        """Words on the left, the arrow (if any) on the right of `box`."""
        if not self.label.arrow:
            return self.lines(words, box), NOWHERE
        side = min(int(box.width * 0.26), int(box.height * 0.8))
        top = box.top + (box.height - side) // 2
        arrow = Box(box.right - side, top, box.right, top + side)
        rest = Box(box.left, box.top, arrow.left - self.dots(1.5), box.bottom)
        return self.lines(words, rest), arrow

    def over_arrow(self, words: list[Words], box: Box) -> tuple[tuple[Line, ...], Box]:
        """As `with_arrow` in a narrow box: the first words above it, over the whole width."""
        if not self.label.arrow:
            return self.lines(words, box), NOWHERE
        middle = box.top + int(box.height * 0.52)
        first = self.lines(words[:1], Box(box.left, box.top, box.right, middle))
        below = Box(box.left, middle + self.dots(1), box.right, box.bottom)
        side = min(int(box.width * 0.4), below.height)
        arrow = Box(box.right - side, box.bottom - side, box.right, box.bottom)
        rest = Box(box.left, below.top, arrow.left - self.dots(1.5), box.bottom)
        return (*first, *self.lines(words[1:], rest)), arrow


def _bars_below(sheet: _Sheet) -> Plan:
    """Words on top, bars over the whole width below them, the code in letters at the bottom."""
    for share in BARS:
        high = sheet.dots(max(LOWEST, min(HIGHEST, sheet.size.height * share)))
        try:
            return _with_bars(sheet, high)
        except AppError:
            if share == BARS[-1]:
                raise
    raise AssertionError("unreachable")


def _with_bars(sheet: _Sheet, high: int) -> Plan:
    label, margin = sheet.label, sheet.margin
    room = extent(label.code)
    if room is None:
        raise sheet.refused("条码")
    quiet = QUIET[Symbology.CODE128]
    module = sheet.module(sheet.width, room.wide + 2 * quiet)
    letters = _letters_at_foot(sheet)
    foot = letters[0].box.top - sheet.dots(0.8) if letters else sheet.height - margin
    left = (sheet.width - module * room.wide) // 2
    bars = Box(left, foot - high, left + module * room.wide, foot)
    if bars.top < margin:
        raise sheet.refused("条码")
    rest = Box(margin, margin, sheet.width - margin, bars.top - sheet.dots(1.2))
    lines, arrow = sheet.with_arrow(sheet.words(), rest)
    symbol = Symbol(label.code, bars, module, quiet * module)
    return _plan(sheet, lines + letters, symbol, arrow)


def _letters_at_foot(sheet: _Sheet) -> tuple[Line, ...]:
    """The code in letters, centred at the lower edge."""
    if not sheet.label.below:
        return ()
    words = sheet.words(Words(sheet.label.below, 2.4, 1.8))[-1:]
    margin = sheet.margin
    strip = Box(margin, margin, sheet.width - margin, sheet.height - margin)
    found = fitted(words, strip, sheet.dpi, centred=True)
    if not found:
        raise sheet.refused("文字")
    drop = strip.bottom - found[-1].box.bottom
    return tuple(line.lower(drop) for line in found)


def _matrix_beside(sheet: _Sheet) -> Plan:
    """A wide label: the matrix on the left, all words on its right."""
    for share in SIDES:
        try:
            return _with_matrix(sheet, int(sheet.width * share))
        except AppError:
            if share == SIDES[-1]:
                raise
    raise AssertionError("unreachable")


def _with_matrix(sheet: _Sheet, wide: int) -> Plan:
    symbol = _matrix(sheet, sheet.height, wide)
    top = (sheet.height - symbol.box.height) // 2
    symbol = _moved(symbol, max(symbol.quiet, sheet.margin), top)
    left = symbol.box.right + max(symbol.quiet, sheet.dots(1.2))
    box = Box(left, sheet.margin, sheet.width - sheet.margin, sheet.height - sheet.margin)
    lines, arrow = sheet.over_arrow(_with_code(sheet), box)
    return _plan(sheet, lines, symbol, arrow)


def _matrix_below(sheet: _Sheet) -> Plan:
    """A square or tall label: words over the whole width, the matrix centred below them."""
    symbol = _matrix(sheet, int(sheet.height * 0.48), sheet.width)
    foot = sheet.height - max(symbol.quiet, sheet.margin)
    middle = (sheet.width - symbol.box.width) // 2
    left = middle if sheet.label.centred else max(symbol.quiet, sheet.margin)
    symbol = _moved(symbol, left, foot - symbol.box.height)
    rest = symbol.box.top - max(symbol.quiet, sheet.dots(1.2))
    box = Box(sheet.margin, sheet.margin, sheet.width - sheet.margin, rest)
    lines, arrow = sheet.over_arrow(_with_code(sheet), box)
    return _plan(sheet, lines, symbol, arrow)


def _with_code(sheet: _Sheet) -> list[Words]:
    code = Words(sheet.label.below, 2.2, 1.8, lines=3, spare=True)
    return sheet.words(*([code] if sheet.label.below else []))


def _matrix(sheet: _Sheet, high: int, wide: int) -> Symbol:
    code = sheet.label.code
    room = extent(code)
    if room is None:
        raise sheet.refused("条码")
    quiet = QUIET[code.symbology]
    module = sheet.module(min(high, wide), room.wide + 2 * quiet)
    box = Box(0, 0, room.wide * module, room.high * module)
    return Symbol(code, box, module, quiet * module)


def _moved(symbol: Symbol, left: int, top: int) -> Symbol:
    box = Box(left, top, left + symbol.box.width, top + symbol.box.height)
    return replace(symbol, box=box)


def _plan(sheet: _Sheet, lines: tuple[Line, ...], symbol: Symbol, arrow: Box) -> Plan:
    return Plan(
        size=sheet.size,
        dpi=sheet.dpi,
        width=sheet.width,
        height=sheet.height,
        lines=lines,
        symbol=symbol,
        arrow=sheet.label.arrow,
        arrow_box=arrow,
    )
