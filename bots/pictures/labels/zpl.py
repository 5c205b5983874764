"""A placed label in ZPL II, for Zebra printers and those that speak like them.

Words go as dots (^GFA), so no printer needs a Chinese font and no name can be read as a command;
the barcode is the printer's own, and `Code` lets nothing through that ZPL would take for one.
Sections named below are those of Zebra's ZPL II Programming Guide, P1012728.
"""

from __future__ import annotations

import re

from bots.pictures.labels.label import Code, Symbology
from bots.pictures.labels.layout import Plan, Symbol
from bots.pictures.labels.png import Piece, pieces
from bots.pictures.labels.symbols import extent, values128

# "^BC", table "Code 128 Invocation Characters": start codes at the beginning, changes later on.
_STARTS = {"B:": ">:", "C:": ">;"}
_CHANGES = {"B:": ">6", "C:": ">5", "FNC1": ">8"}
_ESCAPE = "_"  # "^BX", parameter g; its default changed with the firmware, so it is always sent
_ONES = "GHIJKLMNOPQRSTUVWXY"  # 1 … 19 times
_TWENTIES = "ghijklmnopqrstuvwxyz"  # 20 … 400 times


def zpl(plan: Plan, copies: int = 1) -> bytes:
    """One label, printed `copies` times."""
    fields = [_graphic(piece) for piece in pieces(plan)]
    head = f"^XA^PW{plan.width}^LL{plan.height}^LH0,0"
    foot = f"^PQ{copies},0,1,Y^XZ"
    return "\n".join([head, *fields, _barcode(plan.symbol), foot, ""]).encode("ascii")


def _graphic(piece: Piece) -> str:
    """ "^GF", type A, packed as in "Alternative Data Compression Scheme". 1 is black here."""
    across, size = piece.across, len(piece.dots)
    inked = bytes(255 - each for each in piece.dots).hex().upper()
    rows = [_packed(inked[at : at + 2 * across]) for at in range(0, len(inked), 2 * across)]
    lines = [":" if n and each == rows[n - 1] else each for n, each in enumerate(rows)]
    return f"^FO{piece.x},{piece.y}^GFA,{size},{size},{across},{''.join(lines)}^FS"


def _packed(digits: str) -> str:
    """One row: `,` fills it with zeros, a letter repeats the digit behind it."""
    kept = digits.rstrip("0")
    kept += "0" * (len(kept) % 2)
    body = re.sub(r"(.)\1{2,}", lambda run: _times(len(run[0])) + run[1], kept)
    return body + "," if len(kept) < len(digits) else body


def _times(count: int) -> str:
    twenties, ones = divmod(count, 20)
    most = "z" * (twenties // 20)
    rest = twenties % 20
    return most + (_TWENTIES[rest - 1] if rest else "") + (_ONES[ones - 1] if ones else "")


def _barcode(symbol: Symbol) -> str:
    code, box, module = symbol.code, symbol.box, symbol.module
    at = f"^FO{box.left},{box.top}"
    match code.symbology:
        case Symbology.CODE128:
            # "^BC", mode N: we choose the sets, so the width is the one that was measured.
            return f"{at}^BY{module}^BCN,{box.height},N,N,N,N^FD{_invoked(code)}^FS"
        case Symbology.DATAMATRIX:
            # "^BX", quality 200; rows and columns as measured, so it cannot grow.
            room = extent(code)
            assert room is not None
            side = f"{room.wide},{room.high}"
            return f"{at}^BXN,{module},200,{side},,{_ESCAPE}^FD{_escaped(code)}^FS"
        case Symbology.QR:
            # "^BQ": model 2; "^FD": level M, automatic input.
            return f"{at}^BQN,2,{module}^FDMA,{code.text}^FS"


def _invoked(code: Code) -> str:
    first, *rest = values128(code)
    return _STARTS[first] + "".join(_CHANGES.get(each, each) for each in rest)


def _escaped(code: Code) -> str:
    """ "^BX", quality 200: `_1` is FNC1, a doubled `_` the letter itself."""
    parts = (part.replace(_ESCAPE, _ESCAPE * 2) for part in code.parts)
    return (f"{_ESCAPE}1" if code.fields else "") + f"{_ESCAPE}1".join(parts)
