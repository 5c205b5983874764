"""Words fitted into a box: as large as they go, wrapped, smaller, and shortened only at the end.

Not for the barcode and not for the label as a whole (layout.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bots.pictures.labels.label import Words
from bots.pictures.labels.letters import clean, overhang, reach, shortened, stroke, width, wrapped

_STEP = 0.93
_SPARE_ABOVE = 0.8  # smaller than this only without the words that can be spared
_BETWEEN_LINES, _BETWEEN_WORDS = 0.18, 0.32  # of an em


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in dots; right and bottom are the first dots outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Line:
    """One drawn line: where its baseline begins, and the box that holds all its ink."""

    x: int
    y: int
    px: int
    stroke: int
    text: str
    box: Box

    def lower(self, dots: int) -> Line:
        """The same line further down."""
        box = replace(self.box, top=self.box.top + dots, bottom=self.box.bottom + dots)
        return replace(self, y=self.y + dots, box=box)


@dataclass(frozen=True, slots=True)
class _Set:
    """Words at one size: the lines they take."""

    words: Words
    px: int
    stroke: int
    lines: tuple[str, ...]


def fitted(words: Sequence[Words], box: Box, dpi: int, *, centred: bool = False) -> list[Line]:
    """The lines of `words` inside `box`, from its top; empty when they cannot stand there."""
    wanted = [each for each in words if clean(each.text)]
    spare = [each for each in wanted if each.spare]
    for dropped in range(len(spare) + 1):
        kept = [each for each in wanted if each not in spare[len(spare) - dropped :]]
        smallest = _SPARE_ABOVE if dropped < len(spare) else 0.0
        found = _shrunk(kept, box, dpi, smallest)
        if found is not None:
            return _placed(found, box, centred=centred)
    found = _cut([each for each in wanted if not each.spare], box, dpi)
    return [] if found is None else _placed(found, box, centred=centred)


def _shrunk(words: list[Words], box: Box, dpi: int, smallest: float) -> list[_Set] | None:
    natural = [_natural(each, box.width, dpi) for each in words]
    factor = 1.0
    while factor > smallest:
        sets = [
            _set(each, max(_dots(each.least, dpi), int(px * factor)), box.width)
            for each, px in zip(words, natural, strict=True)
        ]
        if _height(sets) <= box.height and _narrow(sets, box.width):
            return sets
        if all(each.px <= _dots(each.words.least, dpi) for each in sets):
            return None
        factor *= _STEP
    return None


def _natural(words: Words, room: int, dpi: int) -> int:
    """The largest size at which `words` keep to their number of lines, their least otherwise."""
    px, least = _dots(max(words.size, words.least), dpi), _dots(words.least, dpi)
    while px > least and len(_set(words, px, room).lines) > words.lines:
        px = max(least, min(px - 1, int(px * 0.96)))
    return px


def _cut(words: list[Words], box: Box, dpi: int) -> list[_Set] | None:
    """At their least size, with ends dropped of those that allow it."""
    sets = [_set(each, _dots(each.least, dpi), box.width) for each in words]
    if not _narrow(sets, box.width):
        return None
    while _height(sets) > box.height:
        longest = max(
            (each for each in sets if each.words.cut and len(each.lines) > 1),
            key=lambda each: len(each.lines),
            default=None,
        )
        if longest is None:
            return None
        kept = list(longest.lines[:-1])
        kept[-1] = shortened(kept[-1].removesuffix("…"), longest.px, box.width, longest.stroke)
        fewer = _Set(longest.words, longest.px, longest.stroke, tuple(kept))
        sets[sets.index(longest)] = fewer
    return sets


def _set(words: Words, px: int, room: int) -> _Set:
    text = clean(words.text)
    thick = stroke(text, px) if words.bold else 0
    return _Set(words, px, thick, tuple(wrapped(text, px, room, thick)))


def _dots(mm: float, dpi: int) -> int:
    return max(6, int(mm * dpi / 25.4))


def _narrow(sets: Sequence[_Set], room: int) -> bool:
    """Whether even the widest letter has room."""
    return all(
        width(line, each.px) + 2 * each.stroke <= room for each in sets for line in each.lines
    )


def _height(sets: Sequence[_Set]) -> int:
    total = 0
    for number, each in enumerate(sets):
        total += _gap(each, _BETWEEN_WORDS) if number else 0
        total += _gap(each, _BETWEEN_LINES) * (len(each.lines) - 1)
        total += sum(sum(reach(line, each.px)) + 2 * each.stroke for line in each.lines)
    return total


def _gap(each: _Set, share: float) -> int:
    return max(1, int(each.px * share))


def _placed(sets: Sequence[_Set], box: Box, *, centred: bool) -> list[Line]:
    """From the top, what is left over shared between above, below and the gaps."""
    gaps = len(sets) + 1
    extra = min((box.height - _height(sets)) // gaps, max((each.px for each in sets), default=0))
    free = box.height - _height(sets) - extra * (len(sets) - 1)
    y = box.top + max(0, free // 2)
    lines: list[Line] = []
    for number, each in enumerate(sets):
        y += _gap(each, _BETWEEN_WORDS) + extra if number else 0
        for place, text in enumerate(each.lines):
            y += _gap(each, _BETWEEN_LINES) if place else 0
            above, below = reach(text, each.px)
            wide = int(width(text, each.px)) + 1 + 2 * each.stroke
            x = box.left + (max(0, box.width - wide) // 2 if centred else 0)
            bottom = y + above + below + 2 * each.stroke
            ink = Box(x, y, min(x + wide, box.right), bottom)
            before, _ = overhang(text, each.px)
            at = (x + each.stroke + before, y + each.stroke + above)
            lines.append(Line(*at, each.px, each.stroke, text, ink))
            y = bottom
    return lines
