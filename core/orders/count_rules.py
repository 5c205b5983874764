"""Rules of counting: when a place is counted again, and why one cannot be booked. Pure."""

from __future__ import annotations

from core.errors import AppError, define
from core.orders.rules import WRONG_STATE
from core.quantity import Micro, show

COUNT_SAME_PERSON = define(
    "count_same_person",
    403,
    "没记录：{place} 的差异要换一个人复盘，第一次就是你盘的。请同事来数这一格。",
    "Not recorded: the variance at {place} must be recounted by somebody else.",
)
COUNT_CHANGED = define(
    "count_changed",
    409,
    "没记录：{place} 这一格已经入账。要再数，请开一张新的盘点单。",
    "Not recorded: {place} was already applied. Open a new count to count it again.",
)
COUNT_UNFINISHED = define(
    "count_unfinished",
    409,
    "没入账：盘点 {code} 还有 {left} 格没数完。先数完，或把数不到的格按 0 记。",
    "Not applied: {left} places of count {code} are not counted yet.",
)
COUNT_TWICE = define(
    "count_twice",
    422,
    "没记录：{place} 在这一次里写了两行，不知道是两堆还是数了两遍。合成一行写总数，再提交。",
    "Not recorded: {place} stands in it twice; two heaps, or one counted twice? Write one line "
    "with the total.",
)
STAGED = "出货区的货归销售单管，请在销售单上退拣、拆箱或取消，再数这一格"

_ENDED = {"done": "已结束", "cancelled": "已取消"}


def check_open(code: str, state: str, verb: str) -> None:
    """Refuse to go on with a count that has ended.

    Raises:
        AppError(wrong_state)
    """
    if state != "open":
        raise AppError(WRONG_STATE, what="盘点单", code=code, state=_ENDED[state], verb=verb)


def over_threshold(expected: Micro, counted: Micro, percent: int) -> bool:
    """True when the variance is more than `percent` of the books; stock found from nothing is."""
    return abs(counted - expected) * 100 > expected * percent


def why_not_applied(
    *,
    expected: Micro,
    now: Micro,
    counted: Micro,
    reserved: Micro,
    lot_state: str,
    status: str,
    closed: bool = False,
) -> str:
    """Why a counted line cannot be applied now, in Chinese; empty when it can.

    `expected` are the books when it was counted, `now` the books at validation; `closed`: the
    place takes no goods.
    """
    if now != expected:
        return f"盘点后账上有变动（{show(expected)} → {show(now)}），请重数这一格"
    if counted < reserved:
        return f"有 {show(reserved)} 已被预留，数到 {show(counted)} 不够，请先释放预留"
    if counted > now and status == "ok" and lot_state != "ok":
        return "这个批次已冻结，多出来的不能记为合格，请先由采购定"
    if counted > now and closed:
        return "库位已停用，多出来的记不进去，请主管启用它，或把货移走再数这一格"
    return ""


_WAYS_BACK = {"customer": "先做客户退货", "production": "先做退料", "supplier": "先按单收货"}


def why_serial_stays(code: str, place: str, kind: str, status: str) -> str:
    """Why a serial that was seen in a place is not booked there: the books have it elsewhere."""
    where = place if status == "ok" else f"{place}({status})"
    if kind in _WAYS_BACK:
        way = _WAYS_BACK[kind]
        return f"序列号 {code} 账上在 {where}，核对标签；真是这一件，{way}，再数这一格"
    return f"序列号 {code} 账上在 {where}，请先查清再数"


def why_refused(sentence: str) -> str:
    """What the ledger said, as the reason of one line: without what everybody sees already."""
    return sentence.removeprefix("没入账：").rstrip("。")
