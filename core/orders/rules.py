"""Rules of the documents: how much may come, what a checklist says, where goods fit.

Pure: facts in, a decision or a named refusal out. Loading and saving is next door.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from core.errors import INVALID, AppError, define
from core.quantity import Factor, Micro, parse, show

DUPLICATE_CODE = define(
    "duplicate_code",
    409,
    "没建成：{what} {code} 已经有了。换一个编号，或打开已有的那一张。",
    "Not created: {what} {code} exists already. Use another code, or open the existing one.",
)
EMPTY_DOCUMENT = define(
    "empty_document",
    422,
    "没提交：{what}里一行也没有。至少填一行再提交。",
    "Not sent: the {what} has no line. Fill in at least one.",
)
NOT_WHOLE = define(
    "not_whole",
    422,
    "没入账：{asked} {pack} 换算成 {unit} 除不尽。改用 {unit} 填数量，或改成能整除的包装数。",
    "Not posted: {asked} {pack} is not a whole quantity in {unit}. Enter it in {unit}.",
)
WRONG_PACK = define(
    "wrong_pack",
    422,
    "没入账：这个包装不属于 {item}。扫这个商品自己的条码，或用基本单位填数量。",
    "Not posted: that pack does not belong to {item}. Scan this item's own barcode.",
)
ORDER_CLOSED = define(
    "order_closed",
    409,
    "没收进来：采购单 {code} 已经结束。确有到货请找采购补单，再收一次。",
    "Not received: order {code} is closed. Ask the buyer for a new order, then receive again.",
)
OTHER_ORDER = define(
    "other_order",
    422,
    "没收进来：有一行不属于采购单 {code}。分开提交，一次只收一张单。",
    "Not received: a line does not belong to order {code}. Send one order at a time.",
)
TOO_MUCH_RECEIVED = define(
    "too_much_received",
    409,
    "没收进来：{item} 最多还能收 {most}，你填了 {asked}。改成 {most}，或写明超收原因请主管来收。",
    "Not received: at most {most} of {item} may still come, you entered {asked}. Correct it, or "
    "have a supervisor receive it with a reason.",
)
LOT_CODE_NEEDED = define(
    "lot_code_needed",
    422,
    "没收进来：{item} 按批次管理，这一行没有批号。扫包装上的批号，或照标签手输。",
    "Not received: {item} is kept by lot and the line has none. Scan or type the lot.",
)
EXPIRY_NEEDED = define(
    "expiry_needed",
    422,
    "没收进来：{item} 批次 {lot} 没有到期日。扫标签，或填生产日期由系统推算。",
    "Not received: lot {lot} of {item} has no expiry date. Scan the label or enter the made date.",
)
NOTHING_OPEN = define(
    "nothing_open",
    409,
    "没有改动：{what}已经没有未完成的数量。刷新看最新状态。",
    "Nothing changed: {what} has nothing open any more. Refresh to see its state.",
)
HELD_ELSEWHERE = define(
    "held_elsewhere",
    409,
    "没有处理：冻结的货都在 {places}。先取消拣了它的销售单并放回库位，或等调拨到货，再来处理。",
    "Not decided: all that is held is in {places}. Give up the sales it was picked for and put it "
    "back, or wait for the transfer to arrive.",
)
REASON_NEEDED = define(
    "reason_needed",
    422,
    "没提交：{what}必须写原因。补一句原因再提交，其它内容都还在。",
    "Not sent: {what} needs a reason. Add one and send again; nothing else is lost.",
)
TOO_MUCH_INSPECTED = define(
    "too_much_inspected",
    409,
    "没记录：这一行只有 {waiting} 待检，合格加不合格填了 {asked}。按实物重新填数量。",
    "Not recorded: only {waiting} waits for inspection, you judged {asked}. Correct it.",
)
CHECK_MISSING = define(
    "check_missing",
    422,
    "没记录：检查项「{label}」还没填。填好它再判合格。",
    "Not recorded: check “{label}” is not answered. Answer it before accepting.",
)
CHECK_FAILED = define(
    "check_failed",
    422,
    "没记录：检查项「{label}」不通过（{why}），却判全部合格。把不合格的数量填上，或核对后重填。",
    "Not recorded: check “{label}” failed ({why}) but all was accepted. Enter what is rejected.",
)
SERIALS_DIFFER = define(
    "serials_differ",
    422,
    "没记录：不合格 {asked} 件，列出的序列号是 {given} 个。逐件扫序列号再提交。",
    "Not recorded: {asked} rejected but {given} serials listed. Scan each serial.",
)
ALREADY_DECIDED = define(
    "already_decided",
    409,
    "没有改动：这次质检已经定为「{decision}」。要改请找主管冲正后重开。",
    "Nothing changed: this inspection was already decided ({decision}).",
)
LOT_UNDECIDED = define(
    "lot_undecided",
    409,
    "没放行：批次 {lot} 整批质检不合格，还没定怎么处理。"
    "由采购在「质检不合格」任务里选让步接收、退回或报废。",
    "Not released: all of lot {lot} failed its inspection and nobody has decided yet. The buyer "
    "accepts, returns or scraps it in the task about it.",
)
UNKNOWN_CHOICE = define(
    "unknown_choice",
    422,
    "没提交：「{given}」不是可选的{what}。从 {choices} 里选一个。",
    "Not sent: “{given}” is not a {what}. Choose one of {choices}.",
)
TOO_MUCH_PUT_AWAY = define(
    "too_much_put_away",
    409,
    "没上架：这一行收货台上只剩 {left}，你填了 {asked}。改成 {left}，或扫另一批货。",
    "Not put away: only {left} of that line is left on the dock, you entered {asked}.",
)
DOCK_PROMISED = define(
    "dock_promised",
    409,
    "没上架：收货台 {place} 上的 {item} 都留给了销售单。先去拣货，拣走后这条上架任务自己结束。",
    "Not put away: all of {item} on the dock {place} is promised to sales. Pick it; this task ends "
    "by itself then.",
)
NOT_ON_DOCK = define(
    "not_on_dock",
    422,
    "没上架：这一行的货在收货台 {dock}，你填的是从 {place} 上架。从 {dock} 上架；库位之间用移库。",
    "Not put away: the goods of that line stand on the dock {dock}, you named {place}. Take them "
    "from there; between bins, move.",
)
NOT_A_BIN = define(
    "not_a_bin",
    422,
    "没上架：{code} 不是货位。扫货架上的库位码再放。",
    "Not put away: {code} is not a bin. Scan a bin on the shelf.",
)
BIN_FULL = define(
    "bin_full",
    409,
    "没上架：{code} 只能再放 {room}，你要放 {asked}。改放 {room}，或扫另一个库位。",
    "Not put away: {code} has room for {room}, you want to put {asked}. Scan another bin.",
)
OTHER_WAREHOUSE = define(
    "other_warehouse",
    422,
    "没移动：{from_code} 和 {to_code} 不在一个仓。跨仓请建调拨单，经在途走两步。",
    "Not moved: {from_code} and {to_code} are in different warehouses. Use a transfer.",
)
SAME_WAREHOUSE = define(
    "same_warehouse",
    422,
    "没建成：调出仓和调入仓是同一个。仓内移动直接扫货位移库，不用调拨单。",
    "Not created: both warehouses are the same. Move inside a warehouse bin to bin.",
)
TOO_MUCH_SENT = define(
    "too_much_sent",
    409,
    "没发出：{item} 这张调拨单还能发 {left}，你填了 {asked}。改成 {left} 再发。",
    "Not sent: the transfer still asks for {left} of {item}, you entered {asked}.",
)
TOO_MUCH_TAKEN = define(
    "too_much_taken",
    409,
    "没收进来：{item} 在途只有 {left}，你填了 {asked}。按实物重数，少了的留在在途等主管查，"
    "不会来了就结案。",
    "Not received: only {left} of {item} is in transit, you entered {asked}. What will never come "
    "is closed.",
)
WRONG_STATE = define(
    "wrong_state",
    409,
    "没有改动：{what} {code} 现在是「{state}」，不能{verb}。刷新看最新状态。",
    "Nothing changed: {what} {code} is {state}; you cannot {verb} it.",
)
OVER_LOT_STATES = {"held": "hold", "recalled": "recalled"}


def in_base_units(quantity: Micro, factor: Factor, *, pack: str, unit: str) -> Micro:
    """Packs → base units, exactly.

    Raises:
        AppError(not_whole): the pack does not divide into millionths of the unit.
    """
    whole, rest = divmod(quantity * factor.numerator, factor.denominator)
    if rest:
        raise AppError(NOT_WHOLE, asked=show(quantity), pack=pack, unit=unit)
    return whole


def most_receivable(ordered: Micro, received: Micro, short: Micro, over_percent: int) -> Micro:
    """What may still come without anybody's leave: the order plus the item's tolerance."""
    if short:  # somebody said the rest will not come: nothing more without a reason
        return max(0, ordered - received - short)
    return max(0, ordered + ordered * over_percent // 100 - received)


def check_date(text: str, name: str) -> str:
    """The ISO date as 2026-03-02, however it was written: kept dates are compared as texts.

    Raises:
        AppError(invalid): it is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise AppError(INVALID, field=name, why="日期应写成 2026-03-02") from None


def require_reason(reason: str, what: str) -> str:
    """The trimmed reason.

    Raises:
        AppError(reason_needed): nothing but spaces was written.
    """
    text = reason.strip()
    if not text:
        raise AppError(REASON_NEEDED, what=what)
    return text[:400]


def status_on_arrival(lot_state: str, needs_inspection: bool) -> str:
    """Where goods land: a held lot's inbound is suspended, so they go straight to hold."""
    if lot_state in OVER_LOT_STATES:
        return OVER_LOT_STATES[lot_state]
    return "inspect" if needs_inspection else "ok"


# -- the inspection checklist ------------------------------------------------------------------
class Check(Protocol):
    """What these rules need of one line of an item's checklist."""

    @property
    def key(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def kind(self) -> str: ...  # ok number text
    @property
    def min_micro(self) -> Micro | None: ...
    @property
    def max_micro(self) -> Micro | None: ...


_YES = {"ok", "yes", "true", "1", "合格", "是"}
_NO = {"no", "false", "0", "bad", "不合格", "否"}


def failed_checks(checklist: Sequence[Check], answers: Mapping[str, str]) -> list[tuple[str, str]]:
    """(label, why) of each check that was answered and did not pass.

    Raises:
        AppError(check_missing): a check has no usable answer.
        AppError(bad_quantity): a number is not a number.
    """
    failed: list[tuple[str, str]] = []
    for check in checklist:
        label = check.label
        answer = str(answers.get(check.key, "")).strip()
        if not answer:
            raise AppError(CHECK_MISSING, label=label)
        why = _why_failed(check, answer, label)
        if why:
            failed.append((label, why))
    return failed


def _why_failed(check: Check, answer: str, label: str) -> str:
    if check.kind == "text":
        return ""
    if check.kind == "number":
        value = parse(answer)
        low, high = check.min_micro, check.max_micro
        if low is not None and value < low:
            return f"{show(value)} 低于 {show(low)}"
        if high is not None and value > high:
            return f"{show(value)} 高于 {show(high)}"
        return ""
    if answer.lower() in _YES:
        return ""
    if answer.lower() in _NO:
        return "不合格"
    raise AppError(CHECK_MISSING, label=label)


# -- where to put goods ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a bin: `capacity` None = nobody set a limit; `stock` = all it holds."""

    location_id: int
    code: str
    zone: str
    capacity: Micro | None
    stock: Micro
    same_item: Micro
    same_lot: Micro

    @property
    def room(self) -> Micro | None:
        return None if self.capacity is None else max(0, self.capacity - self.stock)


def rank_places(
    places: Sequence[Place], quantity: Micro, item_zone: str, limit: int
) -> list[tuple[Place, str]]:
    """The best bins first, each with its reason; only bins that can take the whole quantity.

    Order: same item and lot, same item, the item's zone, an empty bin, then any bin with room.
    """
    ranked: list[tuple[int, Micro, str, Place, str]] = []
    for place in places:
        if place.room is not None and place.room < quantity:
            continue
        rank, why = _why_here(place, item_zone)
        room = place.room if place.room is not None else 0
        ranked.append((rank, room, place.code, place, why))
    ranked.sort(key=lambda row: row[:3])  # no limit first, then the tightest that fits
    return [(place, why) for _, _, _, place, why in ranked[:limit]]


def _why_here(place: Place, item_zone: str) -> tuple[int, str]:
    here = "" if place.room is None else f"，还能放 {show(place.room)}"
    if place.same_lot > 0:
        return 0, f"同批次已在这里 {show(place.same_lot)}{here}"
    if place.same_item > 0:
        return 1, f"同商品已在这里 {show(place.same_item)}{here}"
    if item_zone and place.zone == item_zone:
        return 2, f"同属 {item_zone} 区{here}"
    if place.stock == 0:
        return 3, f"空库位{here}"
    return 4, f"还有位置{here}" if here else "没有容量限制"
