"""A placed label in TSPL / TSPL2, for TSC printers and the many that speak like them.

Words go as dots (BITMAP): no Chinese font is needed and no name can be read as a command. The
barcode is the printer's own, and `Code` lets nothing through that TSPL would take for one.
Commands named below are those of TSC's TSPL/TSPL2 Programming Language manual.
"""

from __future__ import annotations

from bots.pictures.labels.label import Code, Symbology
from bots.pictures.labels.layout import Plan, Symbol
from bots.pictures.labels.png import Piece, pieces
from bots.pictures.labels.symbols import extent, values128

GAP = 2  # mm between two labels on the roll, the usual one here
# BARCODE, code type 128M: "!" and three digits is a control code.
_STARTS = {"B:": "!104", "C:": "!105"}
_CHANGES = {"B:": "!100", "C:": "!099", "FNC1": "!102"}
_ESCAPE = "~"  # DMATRIX, c126


def tspl(plan: Plan, copies: int = 1) -> bytes:
    """One label, printed `copies` times."""
    size = f"SIZE {plan.size.width} mm,{plan.size.height} mm"
    head = [size, f"GAP {GAP} mm,0 mm", "DIRECTION 1", "REFERENCE 0,0", "CLS"]
    lines = [line.encode("ascii") for line in head]
    # Dots first: BITMAP fills up to whole bytes with white, the bars must come over that.
    lines += [_bitmap(piece) for piece in pieces(plan)]
    lines += [_barcode(plan.symbol).encode("ascii"), f"PRINT 1,{copies}".encode("ascii"), b""]
    return b"\r\n".join(lines)


def _bitmap(piece: Piece) -> bytes:
    """BITMAP, mode 0 (OVERWRITE): 0 is black."""
    at = f"{piece.x},{piece.y},{piece.across},{piece.height}"
    return f"BITMAP {at},0,".encode("ascii") + piece.dots


def _barcode(symbol: Symbol) -> str:
    code, box, module = symbol.code, symbol.box, symbol.module
    match code.symbology:
        case Symbology.CODE128:
            # 128M: we choose the sets, so the width is the one that was measured.
            bars = f"{box.height},0,0,{module},{module}"
            return f'BARCODE {box.left},{box.top},"128M",{bars},"{_controlled(code)}"'
        case Symbology.DATAMATRIX:
            room = extent(code)
            assert room is not None
            area = f"{box.width},{box.height},c{ord(_ESCAPE)},x{module},r0,a0"
            sides = f"{room.high},{room.wide}"
            return f'DMATRIX {box.left},{box.top},{area},{sides},"{_escaped(code)}"'
        case Symbology.QR:
            # QRCODE: level M, mode A (automatic), model M2 because phones do not read M1.
            return f'QRCODE {box.left},{box.top},M,{module},A,0,M2,S7,"{code.text}"'


def _controlled(code: Code) -> str:
    first, *rest = values128(code)
    return _STARTS[first] + "".join(_CHANGES.get(each, each) for each in rest)


def _escaped(code: Code) -> str:
    """DMATRIX: `~1` is FNC1; `~` itself is never in a Code."""
    fnc1 = f"{_ESCAPE}1"
    return (fnc1 if code.fields else "") + fnc1.join(code.parts)
