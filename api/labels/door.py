"""Routes of labels: a file for the printer, and a picture of one label for a screen.

Printing changes nothing, so it needs no operation id. Which code is printed: api/labels/spelling.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import Field

from api.deps import App, Jieli
from api.doors import allow
from api.labels.things import Request, wanted
from api.labels.writing import Paper, Printout, printed
from api.routers import json_router
from api.wire import Id, Quantity, Wire
from bots.pictures.labels import Arrow, Size, Symbology
from core.errors import INVALID, AppError, define
from core.people import Actor

MOST = 500  # labels of one request, copies counted
WIDTHS, HEIGHTS = (20, 160), (15, 200)  # mm

TOO_MANY_LABELS = define(
    "too_many_labels",
    422,
    "没打印：这次要 {count} 张，一次最多 {limit} 张。分几次打。",
    "Not printed: {count} labels were asked for, {limit} at once is the most. Print in parts.",
)

router = json_router("/api/labels", tags=["labels"])

Printer = Annotated[Actor, allow("label.print")]
Kind = Literal["bin", "item", "lot", "serial", "box", "badge", "package", "wave"]
Bars = Literal["auto", "code128", "datamatrix", "qr"]
SizeText = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{2,3}x[0-9]{2,3}$",
        description="Width x height in mm: 40x30, 50x30, 60x40, 100x50, 100x100 or any other from "
        "20x15 to 160x200",
    ),
]
CodeText = Annotated[str, Field(min_length=1, max_length=64)]


class Dpi(IntEnum):
    """Dots per inch of a label printer."""

    USUAL = 203
    FINE = 300


class _Common(Wire):
    """What a file and a preview are both asked for with."""

    kind: Kind
    item_id: Id | None = None
    pack: Annotated[str, Field(max_length=32)] = ""
    count: Quantity | None = None
    size: SizeText = "60x40"
    symbology: Bars = "auto"
    dpi: Dpi = Dpi.USUAL
    arrow: Arrow = ""


class LabelsBody(_Common):
    """Which labels, and on what. `codes` of lots and serials belong to the item `item_id`."""

    ids: Annotated[tuple[Id, ...], Field(max_length=MOST)] = ()
    codes: Annotated[tuple[CodeText, ...], Field(max_length=MOST)] = ()
    format: Literal["pdf", "png", "zpl", "tspl"] = "pdf"
    copies: Annotated[int, Field(ge=1, le=MOST)] = 1
    sheet: Literal["", "a4"] = ""


class Look(_Common):
    """One label to look at: by `id` or by `code`."""

    id: Id | None = None
    code: Annotated[str, Field(max_length=64)] = ""


@router.post("", response_class=Response)
async def print_labels(body: LabelsBody, actor: Printer, jieli: App) -> Response:
    """Labels as a file: PDF and PNG for any printer, ZPL and TSPL for label printers."""
    paper = Paper(body.format, _size(body.size), body.dpi, body.copies, body.sheet == "a4")
    made = await _made(jieli, actor, _request(body, body.ids, body.codes), paper)
    headers = {"content-disposition": made.disposition, "cache-control": "private, no-store"}
    return Response(made.content, media_type=made.media_type, headers=headers)


@router.get(
    "/preview.png", response_class=Response, responses={200: {"content": {"image/png": {}}}}
)
async def preview(look: Annotated[Look, Query()], actor: Printer, jieli: App) -> Response:
    """One label as it will be printed, dot for dot."""
    ids = () if look.id is None else (look.id,)
    codes = (look.code,) if look.code else ()
    paper = Paper("png", _size(look.size), look.dpi)
    made = await _made(jieli, actor, _request(look, ids, codes), paper)
    headers = {"cache-control": "private, no-store"}
    return Response(made.content, media_type=made.media_type, headers=headers)


async def _made(jieli: Jieli, actor: Actor, asked: Request, paper: Paper) -> Printout:
    named = len(asked.ids) + len(asked.codes)
    if max(1, named) * paper.copies > MOST:
        raise AppError(TOO_MANY_LABELS, count=named * paper.copies, limit=MOST)
    now = jieli.clock.now()
    things = await jieli.db.read(lambda conn: wanted(conn, actor, asked, now))
    if not things:
        raise AppError(INVALID, field="打印什么", why="至少选一样")
    return await printed(asked.kind, things, paper)


def _request(body: _Common, ids: tuple[int, ...], codes: tuple[str, ...]) -> Request:
    return Request(
        kind=body.kind,
        ids=ids,
        codes=codes,
        item_id=body.item_id,
        pack=body.pack,
        count=body.count,
        symbology=None if body.symbology == "auto" else Symbology(body.symbology),
        arrow=body.arrow,
    )


def _size(text: str) -> Size:
    width, height = (int(each) for each in text.split("x"))
    if not (WIDTHS[0] <= width <= WIDTHS[1] and HEIGHTS[0] <= height <= HEIGHTS[1]):
        least, most = Size(WIDTHS[0], HEIGHTS[0]), Size(WIDTHS[1], HEIGHTS[1])
        raise AppError(INVALID, field="尺寸", why=f"应在 {least} 到 {most} 毫米之间")
    return Size(width, height)
