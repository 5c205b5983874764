"""The file that goes to the printer: every label placed, in the format asked for, with its name.

Slow, and one thread does it for everybody, so that a thousand labels never delay a posting.
"""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from api.labels.things import Wanted
from bots.pictures.labels import LABEL_TOO_SMALL, Plan, Size, pdf, plan, png, tspl, zpl
from bots.pictures.labels.pdf import A4, columns_and_rows
from bots.pictures.labels.pdf import DPI as PDF_DPI
from core.errors import INVALID, AppError

NAMES = {
    "bin": "库位标签",
    "item": "货品标签",
    "lot": "批次标签",
    "serial": "序列号标签",
    "box": "箱标签",
    "badge": "工牌",
    "package": "发货箱标签",
    "wave": "波次标签",
}
MEDIA = {
    "pdf": "application/pdf",
    "png": "image/png",
    "zip": "application/zip",
    "zpl": "text/plain; charset=us-ascii",
    "tspl": "application/octet-stream",
}
FORMATS = ("pdf", "png", "zpl", "tspl")

_drawer = ThreadPoolExecutor(1, thread_name_prefix="labels")


@dataclass(frozen=True, slots=True)
class Paper:
    """On what, and how: `sheet` puts many labels on A4 (PDF only)."""

    format: str
    size: Size
    dpi: int = 203
    copies: int = 1
    sheet: bool = False


@dataclass(frozen=True, slots=True)
class Printout:
    """A file to download."""

    content: bytes
    name: str
    media_type: str

    @property
    def disposition(self) -> str:
        """The header; old programs take the first name."""
        suffix = self.name.rpartition(".")[2]
        return f"attachment; filename=\"labels.{suffix}\"; filename*=UTF-8''{quote(self.name)}"


async def printed(kind: str, things: Sequence[Wanted], paper: Paper) -> Printout:
    """`write` beside the event loop."""
    return await asyncio.get_running_loop().run_in_executor(_drawer, write, kind, things, paper)


def write(kind: str, things: Sequence[Wanted], paper: Paper) -> Printout:
    """All `things` as one file.

    Raises:
        AppError(label_too_small): one of them does not fit; nothing is printed then.
        AppError(invalid): a sheet smaller than its labels.
    """
    if paper.sheet and not all(columns_and_rows(paper.size, A4)):
        raise AppError(INVALID, field="尺寸", why=f"{paper.size} 毫米放不上 A4 纸，改成一页一张")
    dpi = PDF_DPI if paper.format == "pdf" else paper.dpi
    plans = [_placed(each, paper.size, dpi) for each in things]
    suffix = "zip" if paper.format == "png" and len(plans) > 1 else paper.format
    content = _written(things, plans, paper)
    about = _safe(things[0].label.what) if len(things) == 1 else f"{len(things)}张"
    size = f"{paper.size.width}x{paper.size.height}"
    return Printout(content, f"{NAMES[kind]}-{about}-{size}.{suffix}", MEDIA[suffix])


def _placed(wanted: Wanted, size: Size, dpi: int) -> Plan:
    """With the first code that fits."""
    *others, last = wanted.labels()
    for label in others:
        try:
            return plan(label, size, dpi)
        except AppError as refusal:
            if refusal.code != LABEL_TOO_SMALL.code:
                raise
    return plan(last, size, dpi)


def _written(things: Sequence[Wanted], plans: Sequence[Plan], paper: Paper) -> bytes:
    match paper.format:
        case "pdf":
            return pdf(plans, paper.copies, A4 if paper.sheet else None)
        case "zpl":
            return b"".join(zpl(each, paper.copies) for each in plans)
        case "tspl":
            return b"".join(tspl(each, paper.copies) for each in plans)
        case _:
            return png(plans[0]) if len(plans) == 1 else _zipped(things, plans)


def _zipped(things: Sequence[Wanted], plans: Sequence[Plan]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, (thing, each) in enumerate(zip(things, plans, strict=True), start=1):
            name = f"{number:03}-{_safe(thing.label.what)}.png"
            archive.writestr(zipfile.ZipInfo(name), png(each))
    return out.getvalue()


def _safe(name: str) -> str:
    """`name` as part of a file's name on every system."""
    return re.sub(r"[^\w\-]+", "_", name).strip("_")[:40] or "标签"
