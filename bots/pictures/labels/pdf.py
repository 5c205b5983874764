"""Placed labels as PDF, true to size: one a page, or many on sheets of A4 with marks to cut along.

Bars are shapes, so they stay sharp on every printer; words are dots at the plan's resolution, so
no font has to be in the file. A label is stored once however many copies are asked for. Only what
ISO 32000 needs for that is written; for other documents take a library.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from bots.pictures.labels.label import Size
from bots.pictures.labels.layout import Plan
from bots.pictures.labels.png import runs, words_of

DPI = 600  # what laser printers print
A4 = Size(210, 297)
EDGE, GAP = 5.0, 4.0  # mm a printer leaves free, mm between two labels
_TICK = 1.5  # mm
_POINTS = 72 / 25.4  # in a millimetre
_FIRST = 3  # object 1 is the catalogue, 2 the tree of pages

Spot = tuple[int, float, float]  # which label, its left and bottom in mm


def pdf(plans: Sequence[Plan], copies: int = 1, sheet: Size | None = None) -> bytes:
    """`plans`, `copies` of each; all of one size. `sheet`: many on a page of that size."""
    size = plans[0].size
    assert all(each.size == size for each in plans)
    order = [number for number in range(len(plans)) for _ in range(copies)]
    if sheet is None:
        pages = [[(number, 0.0, 0.0)] for number in order]
    else:
        pages = list(_sheets(order, size, sheet))
    objects: list[bytes] = []
    for number, plan in enumerate(plans):
        objects += [_image(plan), _form(plan, _FIRST + 2 * number)]
    first = _FIRST + len(objects)
    for spots in pages:
        objects += _page(spots, size, sheet, _FIRST + len(objects))
    kids = " ".join(f"{number} 0 R" for number in range(first, _FIRST + len(objects), 2))
    tree = f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>"
    return _file([b"<< /Type /Catalog /Pages 2 0 R >>", tree.encode("ascii"), *objects])


def columns_and_rows(size: Size, sheet: Size) -> tuple[int, int]:
    """How many labels stand beside and below each other on a sheet; 0 when they are too large."""
    return (
        int((sheet.width - 2 * EDGE + GAP) / (size.width + GAP)),
        int((sheet.height - 2 * EDGE + GAP) / (size.height + GAP)),
    )


def _sheets(order: Sequence[int], size: Size, sheet: Size) -> Iterator[list[Spot]]:
    """The labels in reading order, the whole grid in the middle of its page."""
    columns, rows = columns_and_rows(size, sheet)
    assert columns * rows > 0, "a label larger than its sheet"
    left = (sheet.width - columns * (size.width + GAP) + GAP) / 2
    top = (sheet.height + rows * (size.height + GAP) - GAP) / 2
    for start in range(0, len(order), columns * rows):
        spots = []
        for place, number in enumerate(order[start : start + columns * rows]):
            row, column = divmod(place, columns)
            x = left + column * (size.width + GAP)
            y = top - row * (size.height + GAP) - size.height
            spots.append((number, x, y))
        yield spots


def _image(plan: Plan) -> bytes:
    """The words as a stencil: 0 is inked."""
    words = words_of(plan)
    facts = f"/Type /XObject /Subtype /Image /Width {words.width} /Height {words.height} "
    facts += "/ImageMask true /BitsPerComponent 1"
    return _stream(facts, words.tobytes())


def _form(plan: Plan, image: int) -> bytes:
    """The whole label in its own dots, top left corner first, as everywhere else here."""
    wide, high = (_number(mm * _POINTS) for mm in (plan.size.width, plan.size.height))
    dot = f"{72 / plan.dpi:.6f}"
    lines = [f"{dot} 0 0 -{dot} 0 {high} cm", "0 g"]
    lines += [f"{bar.left} {bar.top} {bar.width} {bar.height} re" for bar in runs(plan.symbol)]
    lines += ["f", f"q {plan.width} 0 0 -{plan.height} 0 {plan.height} cm /W Do Q"]
    facts = f"/Type /XObject /Subtype /Form /BBox [0 0 {wide} {high}] "
    facts += f"/Resources << /XObject << /W {image} 0 R >> >>"
    return _stream(facts, "\n".join(lines).encode("ascii"))


def _page(spots: Sequence[Spot], size: Size, sheet: Size | None, number: int) -> list[bytes]:
    """A page and, behind it, what is on it."""
    paper = sheet or size
    lines: list[str] = []
    for label, x, y in spots:
        at = f"1 0 0 1 {_number(x * _POINTS)} {_number(y * _POINTS)}"
        lines.append(f"q {at} cm /L{label} Do Q")
        if sheet is not None:
            lines += _ticks(x, y, size)
    forms = " ".join(
        f"/L{label} {_FIRST + 2 * label + 1} 0 R" for label in sorted({each[0] for each in spots})
    )
    box = f"0 0 {_number(paper.width * _POINTS)} {_number(paper.height * _POINTS)}"
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {number + 1} 0 R "
    page += f"/Resources << /XObject << {forms} >> >> >>"
    return [page.encode("ascii"), _stream("", "\n".join(lines).encode("ascii"))]


def _ticks(x: float, y: float, size: Size) -> list[str]:
    """Short grey lines outside the four corners."""
    lines = ["0.6 G 0.4 w"]
    for across, outwards in ((x, -1), (x + size.width, 1)):
        for along in (y, y + size.height):
            lines.append(_stroke((across + outwards * 0.3, along), (outwards * _TICK, 0)))
    for along, outwards in ((y, -1), (y + size.height, 1)):
        for across in (x, x + size.width):
            lines.append(_stroke((across, along + outwards * 0.3), (0, outwards * _TICK)))
    return lines


def _stroke(start: tuple[float, float], step: tuple[float, float]) -> str:
    x, y = start
    ends = (x, y, x + step[0], y + step[1])
    x0, y0, x1, y1 = (_number(each * _POINTS) for each in ends)
    return f"{x0} {y0} m {x1} {y1} l S"


def _number(points: float) -> str:
    return f"{points:.4f}"


def _stream(facts: str, content: bytes) -> bytes:
    packed = zlib.compress(content, 6)
    head = f"<< {facts} /Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
    return head.encode("ascii") + packed + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    """Header, the objects from 1 on, and the table of where each begins."""
    parts, at, places = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], 0, []
    at = len(parts[0])
    for number, content in enumerate(objects, start=1):
        whole = f"{number} 0 obj\n".encode("ascii") + content + b"\nendobj\n"
        places.append(at)
        parts.append(whole)
        at += len(whole)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    tail = f"xref\n0 {count}\n0000000000 65535 f \n{table}"
    tail += f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n"
    return b"".join(parts) + tail.encode("ascii")
