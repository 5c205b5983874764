"""Labels: one thing to stick on, laid out once, written for four kinds of printer.

label.py says what stands on it, symbols.py measures its barcode, layout.py places everything in
dots, png.py, pdf.py, zpl.py and tspl.py write what was placed. Pure; call it in a thread. Not for
deciding which code is printed: api/labels asks the scanner's own reader that.
"""

from __future__ import annotations

from bots.pictures.labels.label import (
    LABEL_TOO_SMALL,
    Arrow,
    Code,
    Label,
    Size,
    Symbology,
    Words,
)
from bots.pictures.labels.layout import Plan, plan
from bots.pictures.labels.pdf import pdf
from bots.pictures.labels.png import png
from bots.pictures.labels.tspl import tspl
from bots.pictures.labels.zpl import zpl

__all__ = [
    "LABEL_TOO_SMALL",
    "Arrow",
    "Code",
    "Label",
    "Plan",
    "Size",
    "Symbology",
    "Words",
    "pdf",
    "plan",
    "png",
    "tspl",
    "zpl",
]
