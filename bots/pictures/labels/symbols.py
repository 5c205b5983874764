"""Barcodes measured and drawn as modules: by zxing-cpp (Code 128, DataMatrix) and segno (QR).

A label printer draws the bars itself, so the room kept for them is that of the plainest encoding
the standards allow; what zxing and segno draw is never larger. Not for dots (layout.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import segno
import zxingcpp

from bots.pictures.labels.label import Code, Symbology

QUIET = {Symbology.CODE128: 10, Symbology.DATAMATRIX: 2, Symbology.QR: 4}
LONGEST = 400  # the scanner protocol takes 512 characters

# ISO/IEC 16022, table 7: codewords that the square symbols hold.
_SQUARES = dict(
    zip(
        (10, 12, 14, 16, 18, 20, 22, 24, 26, 32, 36, 40, 44, 48, 52, 64, 72, 80, 88, 96, 104),
        (3, 5, 8, 12, 18, 22, 30, 36, 44, 62, 86, 114, 144, 174, 204, 280, 368, 456, 576, 696, 816),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Extent:
    """Modules a symbol may take without its quiet zone; `high` 0: bars of any height."""

    wide: int
    high: int


@lru_cache(maxsize=2048)
def extent(code: Code) -> Extent | None:
    """The room that a printer may need for `code`; None when no symbol holds it."""
    if len(code.scanned) > LONGEST:
        return None
    if code.symbology is Symbology.CODE128:
        return Extent(11 * (len(values128(code)) + 1) + 13, 0)
    if code.symbology is Symbology.QR:
        plainest = segno.make(code.text, mode="byte", error="m", micro=False, boost_error=False)
        return Extent(len(plainest.matrix), len(plainest.matrix))
    need = _codewords(code)
    side_of = next((side for side, most in _SQUARES.items() if need <= most), None)
    return None if side_of is None else Extent(side_of, side_of)


@lru_cache(maxsize=256)
def modules(code: Code) -> tuple[bytes, ...]:
    """The symbol itself, row by row, 1 is dark; one row for bars."""
    if code.symbology is Symbology.QR:
        drawn = segno.make(code.text, error="m", micro=False, boost_error=False)
        return tuple(bytes(row) for row in drawn.matrix)
    linear = code.symbology is Symbology.CODE128
    text = code.text or "".join(f"[{ai}]{value}" for ai, value in code.fields)
    made = zxingcpp.create_barcode(
        text,
        zxingcpp.BarcodeFormat.Code128 if linear else zxingcpp.BarcodeFormat.DataMatrix,
        gs1=bool(code.fields),
        force_square=True,
    )
    picture = zxingcpp.write_barcode_to_image(made, add_quiet_zones=False)
    grey = memoryview(picture)  # type: ignore[arg-type]  # it has the buffer, its stub has not
    assert grey.shape is not None
    high, wide = 1 if linear else grey.shape[0], grey.shape[1]
    dark = bytes(1 if each < 128 else 0 for each in grey.tobytes())
    return tuple(dark[y * wide : (y + 1) * wide] for y in range(high))


def values128(code: Code) -> list[str]:
    """`code` in the characters of Code 128: `B:` or `C:` starts and changes sets, `FNC1`, the
    rest is one letter (set B) or two digits (set C). Printers get it so, not by their own guess.
    """
    spoken: list[str] = []
    now = ""
    for number, part in enumerate(code.parts):
        runs = _runs(part, lead=number == 0)
        for place, (kind, text) in enumerate(runs):
            if kind != now:
                spoken.append(f"{kind}:")
                now = kind
            if code.fields and place == 0 and number == 0:
                spoken.append("FNC1")
            step = 2 if kind == "C" else 1
            spoken += [text[at : at + step] for at in range(0, len(text), step)]
        if number + 1 < len(code.parts):
            spoken.append("FNC1")
    return spoken


def _runs(text: str, *, lead: bool) -> list[tuple[str, str]]:
    """`text` cut into set B and set C: digits go in pairs where that saves a character."""
    cuts = {0, len(text)}
    for run in re.finditer(r"[0-9]+", text, re.ASCII):
        start, end = run.span()
        whole = end - start
        at_edge = (lead and start == 0) or end == len(text)
        if whole < (4 if at_edge else 6) and (start, end) != (0, len(text)):
            continue
        if whole < 2:
            continue
        odd = whole % 2
        first = start if (lead and start == 0) else start + odd
        cuts |= {first, first + whole - odd}
    pieces = [text[begin:end] for begin, end in pairwise(sorted(cuts))]
    found: list[tuple[str, str]] = []
    for piece in pieces:
        paired = piece.isdigit() and len(piece) % 2 == 0 and len(piece) >= 2
        kind = "C" if paired and (len(piece) >= 4 or len(pieces) == 1) else "B"
        if found and found[-1][0] == kind == "B":
            found[-1] = ("B", found[-1][1] + piece)
        else:
            found.append((kind, piece))
    return found


def _codewords(code: Code) -> int:
    """Codewords of the ASCII encodation: a pair of digits is one, so is anything else."""
    total = 1 if code.fields else 0
    for part in code.parts:
        total += len(re.sub(r"[0-9]{2}", "d", part, flags=re.ASCII))
    return total + len(code.parts) - 1
