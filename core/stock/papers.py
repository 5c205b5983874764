"""Whose posting or reservation is it? What one of our own papers made is changed through the paper.

A paper names itself in `doc` (postings) and `for_` (reservations) as "<kind>:<id>". The kinds are
data here because the ledger may not know the papers above it. Reversing a pick, or letting go of
what a sale line was promised, by hand would leave paper and ledger saying different things for
ever. Likewise nobody puts goods into the stage or into transit or takes them from there by hand:
what stands there belongs to sales (core/orders/sales/stage.py) and to transfers. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from core.errors import AppError
from core.stock import refusals
from core.stock.rules import Line, PlaceFacts

# Places whose goods belong to papers, and how a posting by hand is refused there.
OF_PAPERS = {"stage": refusals.STAGE_BY_HAND, "transit": refusals.TRANSIT_BY_HAND}


class Paper(NamedTuple):
    """What people call a kind of paper, and how its stock is changed through it."""

    zh: str
    en: str
    way_zh: str
    way_en: str


_SALE = Paper(
    "销售单",
    "a sale",
    "取消销售单、拆箱重装，已发货的做客户退货",
    "Cancel the sale, unpack the box, or take back what was shipped",
)
_RECEIPT = Paper(
    "收货单",
    "a receipt",
    "多收的退供应商，数错的盘点那个库位",
    "Return goods to the supplier, or count the place",
)
PAPERS: Mapping[str, Paper] = {
    "sale": _SALE,
    "sale_line": _SALE,
    "transfer": Paper(
        "调拨单",
        "a transfer",
        "先收下这张调拨，再做一张反方向的调拨",
        "Receive the transfer, then ask for one the other way",
    ),
    "receipt": _RECEIPT,
    "receipt_line": _RECEIPT,
    "inspection": Paper(
        "检验",
        "an inspection",
        "在不合格处理里改，或把货退供应商",
        "Decide about the inspection, or return the goods to the supplier",
    ),
    "count": Paper("盘点", "a count", "把那个库位再盘一次", "Count the place once more"),
    "lot": Paper("批次", "a lot", "冻结或放行这个批次", "Hold or release the lot"),
    "replenish": Paper(
        "补货",
        "a replenishment",
        "办那张补拣货位的任务，放错了的再移库",
        "Do the replenishment task, or move the goods afterwards",
    ),
}


def paper_of(doc: str) -> Paper | None:
    """The paper that `doc` names; None when it is a person's own remark or empty."""
    kind, colon, _ = doc.partition(":")
    return PAPERS.get(kind) if colon else None


def check_free(doc: str) -> None:
    """Refuse what belongs to one of our papers.

    Raises:
        AppError(belongs_to_paper)
    """
    paper = paper_of(doc) if doc else None
    if paper is not None:
        raise AppError(
            refusals.BELONGS_TO_PAPER,
            paper=paper.zh,
            way=paper.way_zh,
            paper_en=paper.en,
            way_en=paper.way_en,
        )


def check_places(lines: Iterable[Line], places: Mapping[int, PlaceFacts]) -> None:
    """Refuse a posting by hand that puts goods into the stage or transit or takes them from there.

    Raises:
        AppError(stage_by_hand, transit_by_hand)
    """
    for line in lines:
        for place_id in (line.from_location, line.to_location):
            place = places.get(place_id)
            if place is not None and place.kind in OF_PAPERS:
                raise AppError(OF_PAPERS[place.kind], location=place.code)
