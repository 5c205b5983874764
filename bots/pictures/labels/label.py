"""What stands on a label: words and one barcode, before anybody knows where.

Not for places and dots (layout.py), nor for bars (symbols.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from core.errors import define

LABEL_TOO_SMALL = define(
    "label_too_small",
    422,
    "没打印：「{what}」的{part}在 {size} 毫米的标签上放不下，再小就扫不出、看不清。"
    "换大一号的标签，或把条码改成二维码。",
    "Not printed: the {part} of “{what}” does not fit a label of {size} mm; smaller it could not "
    "be scanned or read. Use a larger label, or a matrix code.",
)

FNC1 = "\x1d"
Arrow = Literal["", "up", "down", "left", "right"]

# A barcode holds nothing that a printer's language or a keyboard takes for something else: no
# ^ ~ > (ZPL), no " \ ! (TSPL), no control characters, nothing beyond ASCII. Names may hold anything
# because they are drawn, never spoken.
SPOKEN = re.compile(r"[A-Za-z0-9 \-._/+:%=&?*(),#]+", re.ASCII)
# Of these, what GS1 allows inside a field (General Specifications, figure 7.11-1: set 82).
GS1_VALUE = re.compile(r"[A-Za-z0-9\-._/+:%=&?*(),]+", re.ASCII)
_FIXED = {"00", "01", "02", "11", "17"}  # lengths a reader knows: no separator behind them


class Symbology(StrEnum):
    """How a code is drawn. GS1 fields make the first two GS1-128 and GS1 DataMatrix."""

    CODE128 = "code128"
    DATAMATRIX = "datamatrix"
    QR = "qr"


@dataclass(frozen=True, slots=True)
class Code:
    """One barcode: a plain `text`, or GS1 `fields` as (AI, value)."""

    symbology: Symbology
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        assert bool(self.text) != bool(self.fields)
        assert not self.fields or self.symbology is not Symbology.QR, "a QR holds a GS1 link"
        assert all(GS1_VALUE.fullmatch(value) for _, value in self.fields), self.fields
        assert not self.text or SPOKEN.fullmatch(self.text), self.text

    @property
    def parts(self) -> tuple[str, ...]:
        """What stands between two FNC1 characters (GS1), or the text alone."""
        if not self.fields:
            return (self.text,)
        parts = [""]
        for number, (ai, value) in enumerate(self.fields):
            parts[-1] += ai + value
            if ai not in _FIXED and number + 1 < len(self.fields):
                parts.append("")
        return tuple(parts)

    @property
    def scanned(self) -> str:
        """What a scanner sends, without the symbology's prefix."""
        return FNC1.join(self.parts)

    @property
    def bracketed(self) -> str:
        """For people (GS1 calls it HRI): `(01)0703…(10)L-7`."""
        return "".join(f"({ai}){value}" for ai, value in self.fields) or self.text

    @property
    def prefix(self) -> str:
        """The symbology identifier that a scanner may send in front (ISO/IEC 15424)."""
        plain, gs1 = {
            Symbology.CODE128: ("]C0", "]C1"),
            Symbology.DATAMATRIX: ("]d1", "]d2"),
            Symbology.QR: ("]Q1", "]Q3"),
        }[self.symbology]
        return gs1 if self.fields else plain


@dataclass(frozen=True, slots=True)
class Words:
    """One text. It wraps and shrinks from `size` to `least` (mm) and stays within `lines` if that
    can be. `cut`: its end may be dropped before the label is refused; `spare`: all of it may.
    """

    text: str
    size: float = 3.2
    least: float = 2.0
    lines: int = 1
    bold: bool = False
    cut: bool = False
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in mm."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on one label. `what` names it in a refusal; `words` from the top downwards."""

    what: str
    code: Code
    words: tuple[Words, ...]
    arrow: Arrow = ""
    below: str = ""  # the code in letters; under bars, beside a matrix
    centred: bool = False
