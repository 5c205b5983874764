"""Words measured and wrapped in the font we bring along. Every measure is an upper bound, so that
what was placed by it is never clipped. Not for where they go (layout.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageFont

from bots.pictures.drawing import FONT

_ROUNDING = 0.5  # dots by which hinting may widen a letter
_BIG = 400
_HAN = (0.86, 0.12)  # reach of a Chinese letter: lines of 一 and of 墨 stand equally far apart
_CAPITAL = (0.74, 0.02)
_BREAKS = frozenset(" -/·，、。；,;")  # a line may well end behind these
_OPENING = frozenset("（(《「【“")  # and must not end with one of these
_CLOSING = frozenset("）)》」】”，、。；：！？·,.;:!?%℃")  # nor begin with one of these


@lru_cache(maxsize=128)
def font(px: int) -> ImageFont.FreeTypeFont:
    """The font with an em of `px` dots."""
    return ImageFont.truetype(str(FONT), px, layout_engine=ImageFont.Layout.BASIC)


@dataclass(frozen=True, slots=True)
class _Letter:
    """One letter's measures in ems; ink may hang over its own room on both sides."""

    room: float
    above: float
    below: float
    before: float
    behind: float


@lru_cache(maxsize=16_384)
def _letter(letter: str) -> _Letter:
    big = font(_BIG)
    left, top, right, bottom = (each / _BIG for each in big.getbbox(letter, anchor="ls"))
    room = big.getlength(letter) / _BIG
    return _Letter(room, -top, bottom, max(0.0, -left), max(0.0, right - room))


def clean(text: str) -> str:
    """`text` on one line."""
    return "".join(each if each.isprintable() else " " for each in text).strip()


def width(text: str, px: int) -> float:
    """No more dots than this, ink that hangs over included."""
    return _rooms(text, px) + sum(overhang(text, px))


def overhang(text: str, px: int) -> tuple[int, int]:
    """Dots by which ink may begin before the first letter's place and end behind the last's."""
    before = max((_letter(each).before for each in text), default=0.0)
    behind = max((_letter(each).behind for each in text), default=0.0)
    return _up(before * px), _up(behind * px)


def reach(text: str, px: int) -> tuple[int, int]:
    """Dots above and below the baseline."""
    least = _CAPITAL if text.isascii() else _HAN
    above = max([least[0], *(_letter(each).above for each in text)])
    below = max([least[1], *(_letter(each).below for each in text)])
    return int(above * px) + 1, int(below * px) + 1


def _rooms(text: str, px: int) -> float:
    return sum(_letter(each).room * px + _ROUNDING for each in text)


def _up(dots: float) -> int:
    """Rounded up, and one more because hinting moves edges; nothing stays nothing."""
    return int(dots) + 2 if dots > 0 else 0


def stroke(text: str, px: int) -> int:
    """Dots by which bold letters are thickened on each side; 糖 would only run together."""
    return max(1, round(px / 30)) if text.isascii() else px // 64


def wrapped(text: str, px: int, room: int, edge: int = 0) -> list[str]:
    """`text` in lines of at most `room` dots, broken at a space or hyphen where one is near."""
    lines: list[str] = []
    rest = text
    room -= 2 * edge + sum(overhang(text, px))
    while rest:
        count = _fitting(rest, px, room)
        if count < len(rest):
            near = range(count, max(1, count * 2 // 3), -1)
            allowed = [at for at in near if _may_end(rest, at)]
            count = next((at for at in allowed if _ends_well(rest, at)), [*allowed, count][0])
        lines.append(rest[:count].rstrip())
        rest = rest[count:].lstrip()
    return lines


def _may_end(text: str, at: int) -> bool:
    """Whether a line may end before letter `at`."""
    return text[at - 1] not in _OPENING and (text[at] not in _CLOSING or text[at - 1] == " ")


def _ends_well(text: str, at: int) -> bool:
    minus = text[at - 1] == "-" and text[at - 2 : at - 1] in ("", " ")
    return (text[at - 1] in _BREAKS and not minus) or text[at] == "("


def _fitting(text: str, px: int, room: int) -> int:
    """How many letters fit; one at least, or nothing would ever end."""
    used = 0.0
    for number, letter in enumerate(text):
        used += _letter(letter).room * px + _ROUNDING
        if used > room:
            return max(1, number)
    return len(text)


def shortened(text: str, px: int, room: int, edge: int = 0) -> str:
    """`text` with its end replaced by … so that it fits."""
    while text and width(text + "…", px) > room - 2 * edge:
        text = text[:-1]
    return text.rstrip() + "…"
